/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Devices: instances of a class, their properties and their log.
 */
#define G_LOG_DOMAIN "device"

#include "core/device.h"

#include <gio/gio.h>

#define LOG_LINES_A_SECOND 5

static gboolean
set_text (Device *device, const DeviceProperty *p, const char *value, GError **error)
{
  uint8_t *at = (uint8_t *)device + p->offset;
  guint64 number = 0;

  switch (p->type)
    {
    case PROPERTY_STRING:
      g_free (*(char **)at);
      *(char **)at = g_strdup (value);
      return TRUE;
    case PROPERTY_BOOL:
      if (g_strcmp0 (value, "true") == 0 || g_strcmp0 (value, "false") == 0)
        {
          *(gboolean *)at = value[0] == 't';
          return TRUE;
        }
      break;
    case PROPERTY_U32:
    case PROPERTY_U64:
      {
        guint64 limit = p->max ? p->max : (p->type == PROPERTY_U32 ? G_MAXUINT32 : G_MAXUINT64);

        if (value == NULL || !g_ascii_string_to_unsigned (value, 10, p->min, limit, &number, error))
          {
            if (error != NULL && *error != NULL)
              g_prefix_error (error, "%s.%s: ", device->id, p->name);
            return FALSE;
          }
        if (p->type == PROPERTY_U32)
          *(uint32_t *)at = (uint32_t)number;
        else
          *(uint64_t *)at = number;
        return TRUE;
      }
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s.%s is true or false, not “%s”", device->id,
               p->name, value ? value : "");
  return FALSE;
}

gpointer
device_alloc (Vm *vm, const DeviceClass *klass, const char *id)
{
  Device *device = g_malloc0 (klass->instance_size);

  g_assert (klass->instance_size >= sizeof (Device) && klass->state != NULL);
  device->klass = klass;
  device->vm = vm;
  device->id = g_strdup (id);
  for (const DeviceProperty *p = klass->properties; p != NULL && p->name != NULL; p++)
    if (p->fallback != NULL)
      {
        gboolean ok = set_text (device, p, p->fallback, NULL);

        g_assert (ok);
      }
  return device;
}

gboolean
device_set_property (Device *device, const char *name, const char *value, GError **error)
{
  for (const DeviceProperty *p = device->klass->properties; p != NULL && p->name != NULL; p++)
    if (g_strcmp0 (p->name, name) == 0)
      return set_text (device, p, value, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s (%s) has no property “%s”", device->id,
               device->klass->name, name);
  return FALSE;
}

gboolean
device_realize (Device *device, GError **error)
{
  if (device->klass->realize != NULL && !device->klass->realize (device, error))
    {
      g_prefix_error (error, "%s: ", device->id);
      return FALSE;
    }
  device->realized = TRUE;
  return TRUE;
}

void
device_unrealize (Device *device)
{
  if (device->realized && device->klass->unrealize != NULL)
    device->klass->unrealize (device);
  device->realized = FALSE;
}

void
device_dispose (Device *device)
{
  for (const DeviceProperty *p = device->klass->properties; p != NULL && p->name != NULL; p++)
    if (p->type == PROPERTY_STRING)
      g_free (*(char **)((uint8_t *)device + p->offset));
  g_free (device->id);
  g_free (device);
}

void
device_log (Device *device, const char *format, ...)
{
  gint64 window = g_get_monotonic_time () / G_USEC_PER_SEC;
  g_autofree char *text = NULL;
  va_list args;

  if (window != device->log_window)
    {
      if (device->log_count > LOG_LINES_A_SECOND)
        g_message ("%s: %u more lines left out", device->id, device->log_count - LOG_LINES_A_SECOND);
      device->log_window = window;
      device->log_count = 0;
    }
  if (device->log_count++ >= LOG_LINES_A_SECOND)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_message ("%s: %s", device->id, text);
}

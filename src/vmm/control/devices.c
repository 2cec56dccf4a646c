/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's devices over the control socket: what there is, and what of it can be changed while the machine runs.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"
#include "machine/edit.h"

#include <gio/gio.h>

#define MAX_KEYS 64 /* of one call */

typedef GDBusMethodInvocation Invocation;

/* -- Looking -- */

/* What a key is now; a medium may be another than the definition says.  NULL: it is not set. */
static char *
present_value (ControlService *service, const MachineDevice *device, const DefinitionKey *key)
{
  const ServiceDrive *drive = control_service_find_drive (service, device->id);
  g_autofree char *full = g_strconcat (device->id, ".", key->name, NULL);

  if (drive != NULL && g_str_equal (key->name, "path"))
    return drive->path != NULL ? definition_path_to_text (drive->path) : g_strdup ("");
  if (drive != NULL && g_str_equal (key->name, "readonly"))
    return g_strdup (drive->readonly ? "true" : "false");
  return definition_get (service->definition, full, NULL);
}

static gboolean
on_list_devices (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  GVariantBuilder devices;

  g_variant_builder_init (&devices, G_VARIANT_TYPE ("a(sssa{ss})"));
  for (guint i = 0; service->definition != NULL && i < service->definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (service->definition->devices, i);
      g_autofree char *place
          = service->config.place != NULL ? service->config.place (service->config.opaque, device->id) : NULL;

      g_variant_builder_open (&devices, G_VARIANT_TYPE ("(sssa{ss})"));
      g_variant_builder_add (&devices, "s", device->id);
      g_variant_builder_add (&devices, "s", device->kind->name);
      g_variant_builder_add (&devices, "s", place != NULL ? place : "");
      g_variant_builder_open (&devices, G_VARIANT_TYPE ("a{ss}"));
      for (const DefinitionKey *key = device->kind->keys; key->name != NULL; key++)
        {
          g_autofree char *value = present_value (service, device, key);
          if (value != NULL && *value != '\0')
            g_variant_builder_add (&devices, "{ss}", key->name, value);
        }
      g_variant_builder_close (&devices);
      g_variant_builder_close (&devices);
    }
  viv_machine1_complete_list_devices (skeleton, invocation, g_variant_builder_end (&devices));
  return TRUE;
}

/* -- Changing -- */

static gboolean
not_now (Invocation *invocation, const char *what)
{
  g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                         "%s can't be changed while the machine runs; in its settings it "
                                         "takes effect at the next start",
                                         what);
  return TRUE;
}

/* The key is one of the device's and can be changed now, and the value is good. */
static gboolean
apply (ControlService *service, const MachineDevice *device, const DefinitionKey *key, const char *value,
       GError **error)
{
  if (device->kind->drive != DRIVE_NONE && g_str_equal (key->name, "path"))
    return control_service_change_media (service, device->id, value, machine_device_flag (device, "readonly"),
                                         FALSE, error);
  if (g_str_equal (device->id, "display0") && g_str_equal (key->name, "vnc-address"))
    {
      g_autofree char *password
          = definition_resolve (service->definition, machine_device_text (device, "vnc-password-file"));
      if (*value == '\0')
        control_service_vnc_stop (service);
      else
        return control_service_vnc_start (service, value, password, error) != NULL;
    }
  /* How a screen is shown and what keyboard the guest has is the clients' own affair. */
  return TRUE;
}

static gboolean
on_set_property (VivMachine1 *skeleton, Invocation *invocation, const char *id, const char *key,
                 const char *value, ControlService *service)
{
  g_autofree char *full = g_strconcat (id, ".", key, NULL), *now = NULL;
  g_autoptr (MachineDefinition) changed
      = service->definition != NULL ? definition_copy (service->definition) : NULL;
  const MachineDevice *device = changed != NULL ? definition_find (service->definition, id) : NULL;
  const DefinitionKey *entry = definition_find_key (id, key);
  GError *error = NULL;

  if (changed == NULL || !definition_set (changed, full, value, &error))
    return error != NULL ? control_fail (invocation, error) : not_now (invocation, full);
  /* One that isn't here may have come to the settings since the start. */
  if (device == NULL || !entry->live)
    return not_now (invocation, full);
  now = definition_get (changed, full, NULL);
  if (!apply (service, device, entry, now, &error))
    return control_fail (invocation, error);
  definition_unref (service->definition);
  service->definition = definition_ref (changed);
  service->config.definition = changed;
  viv_machine1_emit_device_changed (skeleton, id, entry->name, now);
  viv_machine1_complete_set_property (skeleton, invocation);
  return TRUE;
}

/* What is asked for could be, or an error that says what is wrong with it. */
static gboolean
check_new (ControlService *service, const char *kind, GVariant *keys, GError **error)
{
  g_autoptr (MachineDefinition) changed = definition_copy (service->definition);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  VivChange changes[MAX_KEYS + 1];
  unsigned n = 0;
  GVariantIter iter;
  const char *key, *value;

  g_ptr_array_add (names, g_strconcat (kind, "+", NULL));
  changes[n++] = (VivChange){ g_ptr_array_index (names, 0), NULL };
  g_variant_iter_init (&iter, keys);
  while (n <= MAX_KEYS && g_variant_iter_next (&iter, "{&s&s}", &key, &value))
    {
      g_ptr_array_add (names, g_strdup_printf ("%s+.%s", kind, key));
      changes[n++] = (VivChange){ g_ptr_array_index (names, names->len - 1), value };
    }
  return viv_definition_apply (changed, changes, n, error);
}

static gboolean
on_add_device (VivMachine1 *skeleton, Invocation *invocation, const char *kind, GVariant *keys,
               ControlService *service)
{
  const DeviceKind *known = device_kind_find (kind);
  GError *error = NULL;

  if (service->definition != NULL && !check_new (service, kind, keys, &error))
    return control_fail (invocation, error);
  g_dbus_method_invocation_return_error (
      invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
      "a %s can't be added while the machine runs: %s takes no devices then; in its settings it takes effect "
      "at the next start",
      kind, known != NULL && known->bus != NULL ? known->bus : "the board");
  return TRUE;
}

static gboolean
on_remove_device (VivMachine1 *skeleton, Invocation *invocation, const char *id, ControlService *service)
{
  g_autoptr (MachineDefinition) changed
      = service->definition != NULL ? definition_copy (service->definition) : NULL;
  GError *error = NULL;

  if (changed != NULL && definition_find (changed, id) != NULL && !definition_remove (changed, id, &error))
    return control_fail (invocation, error);
  return not_now (invocation, id);
}

void
control_devices_connect (ControlService *service)
{
  viv_machine1_set_protocol_version (service->skeleton, CONTROL_PROTOCOL_VERSION);
  g_signal_connect (service->skeleton, "handle-list-devices", G_CALLBACK (on_list_devices), service);
  g_signal_connect (service->skeleton, "handle-set-property", G_CALLBACK (on_set_property), service);
  g_signal_connect (service->skeleton, "handle-add-device", G_CALLBACK (on_add_device), service);
  g_signal_connect (service->skeleton, "handle-remove-device", G_CALLBACK (on_remove_device), service);
}

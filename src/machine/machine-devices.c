/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's devices: in the running machine where that can be, and in machine.ini for the next start.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/edit.h"
#include "machine/machine-private.h"
#include "machine/plain-text.h"

#include <glib/gi18n.h>
#include <string.h>

#define TIMEOUT_MS      25000
#define VNC_ADDRESS_KEY "display0.vnc-address"

/* A change under way: the monitor is asked first, then the definition is written. */
typedef struct
{
  GPtrArray *names; /* of `changes`, with their values: strings */
  GArray *changes;  /* VivChange */
  char *kind;       /* of a device that is added; NULL: none is */
  char *id;         /* of the device that was added */
  gboolean later;
} Change;

static void
change_free (gpointer data)
{
  Change *change = data;

  g_ptr_array_unref (change->names);
  g_array_unref (change->changes);
  g_free (change->kind);
  g_free (change->id);
  g_free (change);
}

static Change *
change_new (GTask *task)
{
  Change *change = g_new0 (Change, 1);

  change->names = g_ptr_array_new_with_free_func (g_free);
  change->changes = g_array_new (FALSE, FALSE, sizeof (VivChange));
  g_task_set_task_data (task, change, change_free);
  return change;
}

static void
add_change (Change *change, char *key, const char *value)
{
  VivChange one = { key, g_strdup (value) };

  g_ptr_array_add (change->names, key);
  g_ptr_array_add (change->names, (gpointer)one.value);
  g_array_append_val (change->changes, one);
}

/* The changes that add a device are those of this one. */
static void
name_changes (Change *change, const char *id)
{
  size_t length = strlen (change->kind) + 1; /* "disk+" */
  g_autoptr (GArray) named = g_array_new (FALSE, FALSE, sizeof (VivChange));

  for (guint i = 0; i < change->changes->len; i++)
    {
      const VivChange *one = &g_array_index (change->changes, VivChange, i);
      VivChange other = { NULL, one->value };

      if (one->key[length] == '\0')
        continue;
      g_ptr_array_add (change->names, g_strconcat (id, one->key + length, NULL));
      other.key = g_ptr_array_index (change->names, change->names->len - 1);
      g_array_append_val (named, other);
    }
  g_array_unref (change->changes);
  change->changes = g_steal_pointer (&named);
}

/* The new device of the kind: the one that was not there before. */
static char *
find_added (const MachineDefinition *before, const MachineDefinition *after, const char *kind)
{
  for (guint i = 0; after != NULL && i < after->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (after->devices, i);
      if (g_str_equal (device->kind->name, kind) && definition_find (before, device->id) == NULL)
        return g_strdup (device->id);
    }
  return NULL;
}

static void
keep (VivMachine *self, GTask *task)
{
  Change *change = g_task_get_task_data (task);
  g_autoptr (MachineDefinition) before
      = viv_machine_get_definition (self) != NULL
            ? definition_ref ((MachineDefinition *)viv_machine_get_definition (self))
            : NULL;
  GError *error = NULL;

  if (!viv_machine_edit (self, (const VivChange *)change->changes->data, change->changes->len, &error))
    {
      g_task_return_error (task, error);
      return;
    }
  if (change->kind != NULL && change->id == NULL && before != NULL)
    change->id = find_added (before, viv_machine_get_definition (self), change->kind);
  g_task_return_boolean (task, TRUE);
}

static const char *
kind_name_of (const char *id)
{
  const DeviceKind *kind = device_kind_of (id, NULL);

  return kind != NULL ? kind->name : NULL;
}

static gboolean
is_defined (VivMachine *self, const char *id)
{
  const MachineDefinition *definition = viv_machine_get_definition (self);

  return definition != NULL && definition_find (definition, id) != NULL;
}

static void
on_asked (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = g_task_get_source_object (task);
  Change *change = g_task_get_task_data (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  /* What can't be done now is for the next start; a monitor of an older version can do none of it. */
  change->later = reply == NULL
                  && (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED)
                      || g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD));
  /* It has its id from the running machine, which may have other devices than machine.ini. */
  if (reply != NULL && change->kind != NULL && g_variant_is_of_type (reply, G_VARIANT_TYPE ("(s)")))
    {
      g_autofree char *id = NULL;

      g_variant_get (reply, "(s)", &id);
      /* One that is taken would be changed in its place. */
      if (g_strcmp0 (kind_name_of (id), change->kind) == 0 && !is_defined (self, id))
        {
          name_changes (change, id);
          change->id = g_steal_pointer (&id);
        }
    }
  error = viv_machine_note_reply (self, task, G_DBUS_CONNECTION (source), error);
  if (reply != NULL || change->later)
    {
      g_clear_error (&error);
      keep (self, task);
    }
  else
    g_task_return_error (task, error);
}

/* Takes `task` and sinks `parameters`. */
static void
ask (VivMachine *self, GTask *task, const char *method, GVariant *parameters)
{
  g_autoptr (GVariant) sunk = g_variant_ref_sink (parameters);

  if (viv_machine_proxy (self) == NULL)
    {
      Change *change = g_task_get_task_data (task);
      change->later = viv_machine_is_busy (self);
      keep (self, task);
      g_object_unref (task);
      return;
    }
  g_dbus_connection_call (g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL,
                          VIV_MACHINE_OBJECT_PATH, VIV_MACHINE_INTERFACE, method, sunk, NULL,
                          G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, g_task_get_cancellable (task), on_asked, task);
}

/* The screens are served where the new address says, or not any more, and then it is written down: a monitor can't listen by itself.  Take `task`. */
static void
note_vnc_address (VivMachine *self, GTask *task)
{
  const Change *change = g_task_get_task_data (task);
  const char *value = g_array_index (change->changes, VivChange, 0).value;

  ask (self, task, "SetProperty", g_variant_new ("(sss)", "display0", "vnc-address", value));
}

static void
on_vnc_started (GObject *source, GAsyncResult *result, gpointer data)
{
  GTask *task = data;
  GError *error = NULL;
  g_autofree char *address = viv_machine_vnc_start_finish (VIV_MACHINE (source), result, &error);

  if (address != NULL)
    {
      note_vnc_address (VIV_MACHINE (source), task);
      return;
    }
  g_task_return_error (task, error);
  g_object_unref (task);
}

static void
on_vnc_stopped (GObject *source, GAsyncResult *result, gpointer data)
{
  GTask *task = data;
  GError *error = NULL;

  if (viv_machine_finish (VIV_MACHINE (source), result, &error))
    {
      note_vnc_address (VIV_MACHINE (source), task);
      return;
    }
  g_task_return_error (task, error);
  g_object_unref (task);
}

static void
set_vnc_address (VivMachine *self, GTask *task, const char *value)
{
  const MachineDefinition *definition = viv_machine_get_definition (self);
  g_autoptr (MachineDefinition) plan = definition != NULL ? definition_copy (definition) : NULL;
  GError *error = NULL;

  if (*value == '\0')
    {
      viv_machine_vnc_stop (self, g_task_get_cancellable (task), on_vnc_stopped, task);
      return;
    }
  if (plan != NULL && !definition_set (plan, VNC_ADDRESS_KEY, value, &error))
    {
      g_task_return_error (task, error);
      g_object_unref (task);
      return;
    }
  g_autofree char *password
      = definition != NULL
            ? definition_resolve (definition, definition_text (definition, "display0.vnc-password-file"))
            : NULL;
  viv_machine_vnc_start (self, value, password, g_task_get_cancellable (task), on_vnc_started, task);
}

static void
on_medium_set (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  GError *error = NULL;

  if (viv_machine_finish (VIV_MACHINE (source), result, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

/* The drive of "cdrom0.path", whose medium can be changed now; NULL: it is something else. */
static const MachineDevice *
find_medium (VivMachine *self, const char *id, const char *key)
{
  const MachineDefinition *definition = viv_machine_get_definition (self);
  const MachineDevice *drive = definition != NULL ? definition_find_drive (definition, id) : NULL;

  return drive != NULL && drive->kind->drive != DRIVE_DISK && g_strcmp0 (key, "path") == 0 ? drive : NULL;
}

void
viv_machine_set_property (VivMachine *self, const char *key, const char *value, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);
  const char *dot = strchr (key, '.');
  g_autofree char *id = g_strndup (key, dot != NULL ? (gsize)(dot - key) : strlen (key));

  g_task_set_source_tag (task, viv_machine_set_property);
  add_change (change_new (task), g_strdup (key), value);
  if (viv_machine_proxy (self) != NULL && g_str_equal (key, VNC_ADDRESS_KEY))
    {
      set_vnc_address (self, task, value);
      return;
    }
  const MachineDevice *drive = find_medium (self, id, dot != NULL ? dot + 1 : NULL);
  if (viv_machine_proxy (self) != NULL && drive != NULL)
    {
      g_autofree char *path = definition_path_from_text (value);
      viv_machine_change_media (self, id, path, machine_device_flag (drive, "readonly"), cancellable,
                                on_medium_set, task);
      return;
    }
  ask (self, task, "SetProperty", g_variant_new ("(sss)", id, dot != NULL ? dot + 1 : "", value));
}

gboolean
viv_machine_set_property_finish (VivMachine *self, GAsyncResult *result, gboolean *later, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  if (later != NULL)
    *later = ((Change *)g_task_get_task_data (G_TASK (result)))->later;
  return g_task_propagate_boolean (G_TASK (result), error);
}

/* The slot that a device gets that is added without one; NULL: it has one, or needs none, or something is wrong, which others say. */
static char *
plan_slot (VivMachine *self, const Change *change)
{
  const MachineDefinition *definition = viv_machine_get_definition (self);
  g_autoptr (MachineDefinition) plan = definition != NULL ? definition_copy (definition) : NULL;
  const VivChange *changes = (const VivChange *)change->changes->data;

  for (guint i = 0; i < change->changes->len; i++)
    if (g_str_has_suffix (changes[i].key, "+.slot"))
      return NULL;
  if (plan == NULL || !viv_definition_apply (plan, changes, change->changes->len, NULL))
    return NULL;
  g_autofree char *id = find_added (definition, plan, change->kind);
  unsigned slot = id != NULL ? machine_device_slot (definition_find (plan, id)) : 0;
  return slot > 0 ? g_strdup_printf ("%u", slot) : NULL;
}

void
viv_machine_add_device (VivMachine *self, const char *kind, const VivDeviceKey *keys, unsigned n,
                        GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);
  Change *change = change_new (task);
  GVariantBuilder values;

  g_task_set_source_tag (task, viv_machine_add_device);
  change->kind = g_strdup (kind);
  add_change (change, g_strconcat (kind, "+", NULL), NULL);
  g_variant_builder_init (&values, G_VARIANT_TYPE ("a{ss}"));
  for (unsigned i = 0; i < n; i++)
    {
      add_change (change, g_strdup_printf ("%s+.%s", kind, keys[i].name), keys[i].value);
      g_variant_builder_add (&values, "{ss}", keys[i].name, keys[i].value);
    }
  /* In the running machine it goes where it will be at the next start. */
  g_autofree char *slot = plan_slot (self, change);
  if (slot != NULL)
    {
      add_change (change, g_strdup_printf ("%s+.slot", kind), slot);
      g_variant_builder_add (&values, "{ss}", "slot", slot);
    }
  ask (self, task, "AddDevice", g_variant_new ("(s@a{ss})", kind, g_variant_builder_end (&values)));
}

char *
viv_machine_add_device_finish (VivMachine *self, GAsyncResult *result, gboolean *later, GError **error)
{
  if (!viv_machine_set_property_finish (self, result, later, error))
    return NULL;
  return g_strdup (((Change *)g_task_get_task_data (G_TASK (result)))->id);
}

void
viv_machine_remove_device (VivMachine *self, const char *id, gboolean force, GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer data)
{
  GTask *task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_remove_device);
  add_change (change_new (task), g_strdup (id), NULL);
  ask (self, task, force ? "ForceRemoveDevice" : "RemoveDevice", g_variant_new ("(s)", id));
}

gboolean
viv_machine_remove_device_finish (VivMachine *self, GAsyncResult *result, gboolean *later, GError **error)
{
  return viv_machine_set_property_finish (self, result, later, error);
}

/* -- Looking -- */

static GVariant *
list_definition (const MachineDefinition *definition)
{
  GVariantBuilder devices;

  g_variant_builder_init (&devices, G_VARIANT_TYPE ("a(sssa{ss})"));
  for (guint i = 0; definition != NULL && i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);

      g_variant_builder_open (&devices, G_VARIANT_TYPE ("(sssa{ss})"));
      g_variant_builder_add (&devices, "s", device->id);
      g_variant_builder_add (&devices, "s", device->kind->name);
      g_variant_builder_add (&devices, "s", "");
      g_variant_builder_open (&devices, G_VARIANT_TYPE ("a{ss}"));
      for (const DefinitionKey *key = device->kind->keys; key->name != NULL; key++)
        {
          g_autofree char *full = g_strconcat (device->id, ".", key->name, NULL);
          g_autofree char *value = definition_get (definition, full, NULL);
          if (value != NULL && *value != '\0')
            g_variant_builder_add (&devices, "{ss}", key->name, value);
        }
      g_variant_builder_close (&devices);
      g_variant_builder_close (&devices);
    }
  return g_variant_ref_sink (g_variant_builder_end (&devices));
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = g_task_get_source_object (task);
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  /* A monitor of an older version: what its definition says is as good as anything. */
  gboolean older = g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD);
  error = viv_machine_note_reply (self, task, G_DBUS_CONNECTION (source), error);
  if (reply != NULL && g_variant_is_of_type (reply, G_VARIANT_TYPE ("(a(sssa{ss}))")))
    {
      g_autoptr (GVariant) plain = viv_plain_variant (reply, VIV_PLAIN_MOST, VIV_PLAIN_LINE);
      g_task_return_pointer (task, g_variant_get_child_value (plain, 0), (GDestroyNotify)g_variant_unref);
      return;
    }
  if (reply != NULL || older)
    {
      g_clear_error (&error);
      g_task_return_pointer (task, list_definition (viv_machine_get_definition (self)),
                             (GDestroyNotify)g_variant_unref);
      return;
    }
  g_task_return_error (task, error);
}

void
viv_machine_list_devices (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_list_devices);
  if (viv_machine_proxy (self) != NULL)
    g_dbus_connection_call (g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL,
                            VIV_MACHINE_OBJECT_PATH, VIV_MACHINE_INTERFACE, "ListDevices", NULL, NULL,
                            G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, cancellable, on_listed,
                            g_steal_pointer (&task));
  else if (viv_machine_get_definition (self) != NULL)
    g_task_return_pointer (task, list_definition (viv_machine_get_definition (self)),
                           (GDestroyNotify)g_variant_unref);
  else
    g_task_return_new_error (task, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_BROKEN, "%s",
                             viv_machine_get_error (self));
}

GVariant *
viv_machine_list_devices_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

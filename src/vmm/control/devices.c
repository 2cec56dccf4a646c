/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's devices over the control socket: what there is, and what of it can be changed while the machine runs.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"
#include "machine/edit.h"

#include <gio/gio.h>

#define MAX_KEYS  64    /* of one call */
#define UNPLUG_MS 15000 /* less than D-Bus waits for an answer */

typedef GDBusMethodInvocation Invocation;

/* -- Looking -- */

/* What a key is now; a medium may be another than the definition says.  NULL: it is not set. */
static char *
present_value (ControlService *service, const MachineDevice *device, const DefinitionKey *key)
{
  const MachineDrive *drive = control_service_find_drive (service, device->id);
  g_autofree char *full = g_strconcat (device->id, ".", key->name, NULL);

  if (drive != NULL && g_str_equal (key->name, "path"))
    return machine_drive_medium (drive) != NULL ? definition_path_to_text (machine_drive_medium (drive))
                                                : g_strdup ("");
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
      if (service->config.facts != NULL)
        service->config.facts (service->config.opaque, device->id, &devices);
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
    return control_service_change_media (service, device->id, value, -1,
                                         machine_device_flag (device, "readonly"), FALSE, error);
  if (g_str_equal (device->id, "display0") && g_str_equal (key->name, "vnc-address"))
    {
      /* Where it is served is the client's doing (VncServe); here it is noted. */
      if (*value == '\0')
        control_service_vnc_stop (service, NULL, NULL);
    }
  if (service->config.set_key != NULL)
    service->config.set_key (service->config.opaque, device->id, key->name, value);
  if (g_str_equal (device->kind->name, "net") && service->config.set_net != NULL)
    return service->config.set_net (service->config.opaque, device->id, key->name, value, error);
  /* How a screen is shown and what keyboard the guest has is the clients' own affair. */
  return TRUE;
}

static void
publish_definition (ControlService *service, MachineDefinition *changed)
{
  definition_unref (service->definition);
  service->definition = definition_ref (changed);
  service->config.definition = changed;
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
  publish_definition (service, changed);
  viv_machine1_emit_device_changed (skeleton, id, entry->name, now);
  viv_machine1_complete_set_property (skeleton, invocation);
  return TRUE;
}

/* -- Coming and going -- */

/* A device on its way in or out.  Shared by the service's list and by who does it, who may come back when the service is gone. */
typedef struct
{
  gatomicrefcount refs;
  ControlService *service; /* NULL: has ended */
  Invocation *invocation;  /* NULL: answered */
  char *id;
  gboolean adding;
  gboolean told;     /* of one that goes: another of its removals has told the clients */
  GSource *patience; /* of the client's; NULL: without end */
} DeviceChange;

static DeviceChange *
change_new (ControlService *service, Invocation *invocation, const char *id, gboolean adding)
{
  DeviceChange *change = g_new0 (DeviceChange, 1);

  *change
      = (DeviceChange){ .service = service, .invocation = invocation, .id = g_strdup (id), .adding = adding };
  g_atomic_ref_count_init (&change->refs);
  g_atomic_ref_count_inc (&change->refs);
  g_ptr_array_add (service->device_changes, change);
  return change;
}

static void
change_unref (DeviceChange *change)
{
  if (!g_atomic_ref_count_dec (&change->refs))
    return;
  g_free (change->id);
  g_free (change);
}

static void
stop_waiting (DeviceChange *change)
{
  if (change->patience == NULL)
    return;
  g_source_destroy (change->patience);
  g_clear_pointer (&change->patience, g_source_unref);
}

/* It is over: takes it off the service's list. */
static void
change_end (DeviceChange *change)
{
  stop_waiting (change);
  g_ptr_array_remove_fast (change->service->device_changes, change);
  change->service = NULL;
  change_unref (change);
}

/* The client waits no longer. */
static void
answer_error (DeviceChange *change, const GError *error)
{
  Invocation *invocation = g_steal_pointer (&change->invocation);

  if (invocation == NULL)
    return;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    g_dbus_method_invocation_return_error (invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                           "%s; in its settings it takes effect at the next start",
                                           error->message);
  else
    g_dbus_method_invocation_return_gerror (invocation, error);
}

/* As far as it is there. */
static void
forget_device (ControlService *service, const char *id)
{
  g_autoptr (MachineDefinition) changed = definition_copy (service->definition);

  if (definition_find (changed, id) != NULL && definition_remove (changed, id, NULL))
    publish_definition (service, changed);
}

static void
on_added (Vm *vm, const GError *error, void *opaque)
{
  DeviceChange *change = opaque;
  ControlService *service = change->service;

  if (service != NULL)
    {
      if (error != NULL)
        {
          forget_device (service, change->id);
          answer_error (change, error);
        }
      else
        {
          viv_machine1_emit_device_changed (service->skeleton, change->id, "", "added");
          viv_machine1_complete_add_device (service->skeleton, g_steal_pointer (&change->invocation),
                                            change->id);
        }
      change_end (change);
    }
  change_unref (change);
}

static void
tell_removed (ControlService *service, const char *id)
{
  for (guint i = 0; i < service->device_changes->len; i++)
    {
      DeviceChange *other = g_ptr_array_index (service->device_changes, i);
      if (!other->adding && g_str_equal (other->id, id))
        other->told = TRUE;
    }
  forget_device (service, id);
  viv_machine1_emit_device_changed (service->skeleton, id, "", "removed");
}

static void
on_removed (Vm *vm, const GError *error, void *opaque)
{
  DeviceChange *change = opaque;
  ControlService *service = change->service;

  if (service != NULL)
    {
      if (error != NULL)
        {
          answer_error (change, error);
        }
      else
        {
          if (!change->told)
            tell_removed (service, change->id);
          /* RemoveDevice and ForceRemoveDevice alike: an empty answer. */
          if (change->invocation != NULL)
            g_dbus_method_invocation_return_value (g_steal_pointer (&change->invocation), NULL);
        }
      change_end (change);
    }
  change_unref (change);
}

static gboolean
on_no_patience (gpointer data)
{
  DeviceChange *change = data;
  g_autoptr (GError) error
      = g_error_new (G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                     "the guest was asked to let go of %s and has not done so yet; it goes when the guest "
                     "lets it, or by force",
                     change->id);

  g_clear_pointer (&change->patience, g_source_unref);
  answer_error (change, error);
  return G_SOURCE_REMOVE;
}

static void
wait_for_guest (DeviceChange *change)
{
  unsigned ms = change->service->config.unplug_ms;

  stop_waiting (change);
  change->patience = g_timeout_source_new (ms > 0 ? ms : UNPLUG_MS);
  g_source_set_callback (change->patience, on_no_patience, change, NULL);
  g_source_attach (change->patience, g_main_context_get_thread_default ());
}

static DeviceChange *
find_removal (ControlService *service, const char *id)
{
  for (guint i = 0; i < service->device_changes->len; i++)
    {
      DeviceChange *change = g_ptr_array_index (service->device_changes, i);
      if (!change->adding && !change->told && g_str_equal (change->id, id))
        return change;
    }
  return NULL;
}

static gboolean
can_plug (ControlService *service, const DeviceKind *kind)
{
  const DeviceBus *bus = kind != NULL ? device_kind_bus (kind) : NULL;

  return bus != NULL && bus->plugs && service->definition != NULL && service->config.plug != NULL
         && service->config.unplug != NULL;
}

/* The definition with what is asked for, or an error that says what is wrong with it. */
static MachineDefinition *
with_new (ControlService *service, const char *kind, GVariant *keys, GError **error)
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
  return viv_definition_apply (changed, changes, n, error) ? g_steal_pointer (&changed) : NULL;
}

static const MachineDevice *
find_new (const MachineDefinition *before, const MachineDefinition *after)
{
  for (guint i = 0; i < after->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (after->devices, i);
      if (definition_find (before, device->id) == NULL)
        return device;
    }
  return NULL;
}

static gboolean
on_add_device (VivMachine1 *skeleton, Invocation *invocation, const char *kind, GVariant *keys,
               ControlService *service)
{
  const DeviceKind *known = device_kind_find (kind);
  g_autoptr (MachineDefinition) changed = NULL;
  const MachineDevice *device;
  GError *error = NULL;

  if (service->definition != NULL && (changed = with_new (service, kind, keys, &error)) == NULL)
    return control_fail (invocation, error);
  device = changed != NULL ? find_new (service->definition, changed) : NULL;
  if (device == NULL || !can_plug (service, known))
    {
      g_dbus_method_invocation_return_error (
          invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
          "a %s can't be added while the machine runs: %s takes no devices then; in its settings it takes "
          "effect at the next start",
          kind, known != NULL && known->bus != NULL ? known->bus : "the board");
      return TRUE;
    }
  /* Who comes behind gets another id and another slot, whether this one is there yet or not. */
  publish_definition (service, changed);
  service->config.plug (service->config.opaque, changed, device->id, on_added,
                        change_new (service, invocation, device->id, TRUE));
  return TRUE;
}

static gboolean
remove_device (Invocation *invocation, const char *id, ControlService *service, gboolean force)
{
  g_autoptr (MachineDefinition) changed
      = service->definition != NULL ? definition_copy (service->definition) : NULL;
  const DeviceKind *kind = device_kind_of (id, NULL);
  DeviceChange *change = find_removal (service, id);
  gboolean there = changed != NULL && definition_find (changed, id) != NULL;
  GError *error = NULL;

  if (there && !definition_remove (changed, id, &error))
    return control_fail (invocation, error);
  if (!there || !can_plug (service, kind))
    return not_now (invocation, id);
  if (!force && change != NULL)
    {
      if (change->invocation != NULL)
        {
          g_dbus_method_invocation_return_error (invocation, G_IO_ERROR, G_IO_ERROR_PENDING,
                                                 "%s is being removed already", id);
          return TRUE;
        }
      change->invocation = invocation;
      wait_for_guest (change);
      return TRUE;
    }
  change = change_new (service, invocation, id, FALSE);
  if (!force)
    wait_for_guest (change);
  service->config.unplug (service->config.opaque, id, force, on_removed, change);
  return TRUE;
}

static gboolean
on_remove_device (VivMachine1 *skeleton, Invocation *invocation, const char *id, ControlService *service)
{
  return remove_device (invocation, id, service, FALSE);
}

static gboolean
on_force_remove_device (VivMachine1 *skeleton, Invocation *invocation, const char *id,
                        ControlService *service)
{
  return remove_device (invocation, id, service, TRUE);
}

void
control_devices_end (ControlService *service)
{
  g_autoptr (GError) error
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the machine has ended meanwhile");

  if (service->device_changes == NULL)
    return;
  while (service->device_changes->len > 0)
    {
      DeviceChange *change = g_ptr_array_index (service->device_changes, 0);

      answer_error (change, error);
      change_end (change);
    }
  g_clear_pointer (&service->device_changes, g_ptr_array_unref);
}

void
control_devices_connect (ControlService *service)
{
  service->device_changes = g_ptr_array_new ();
  viv_machine1_set_protocol_version (service->skeleton, CONTROL_PROTOCOL_VERSION);
  g_signal_connect (service->skeleton, "handle-list-devices", G_CALLBACK (on_list_devices), service);
  g_signal_connect (service->skeleton, "handle-set-property", G_CALLBACK (on_set_property), service);
  g_signal_connect (service->skeleton, "handle-add-device", G_CALLBACK (on_add_device), service);
  g_signal_connect (service->skeleton, "handle-remove-device", G_CALLBACK (on_remove_device), service);
  g_signal_connect (service->skeleton, "handle-force-remove-device", G_CALLBACK (on_force_remove_device),
                    service);
}

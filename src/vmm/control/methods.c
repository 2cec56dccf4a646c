/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What clients ask of a running machine.  They are processes of our own user, but what they send is checked all the same.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of one Input call, and of all TypeKeys calls that the guest has not yet heard to the end. */
#define MAX_EVENTS 4096
#define MAX_KEYS   (1024 * 1024)

typedef GDBusMethodInvocation Invocation;

gboolean
control_fail (Invocation *invocation, GError *error)
{
  char *valid = g_utf8_make_valid (error->message, -1);

  g_free (error->message);
  error->message = valid;
  g_dbus_method_invocation_take_error (invocation, error);
  return TRUE;
}

static gboolean
fail_with (Invocation *invocation, int code, const char *message)
{
  g_dbus_method_invocation_return_error_literal (invocation, G_IO_ERROR, code, message);
  return TRUE;
}

/* -- Life cycle --------------------------------------------------------------------------------------- */

/* An order's answer comes when it is carried out: the machine may have requests in flight, or earlier orders. */
typedef void (*CompleteFunc) (VivMachine1 *skeleton, Invocation *invocation);

typedef struct
{
  VivMachine1 *skeleton; /* ours: the service may go before the machine does */
  Invocation *invocation;
  CompleteFunc complete;
} Order;

static Order *
order_new (ControlService *service, Invocation *invocation, CompleteFunc complete)
{
  Order *order = g_new (Order, 1);

  *order = (Order){ g_object_ref (service->skeleton), invocation, complete };
  return order;
}

static void
on_order_done (Vm *vm, const GError *error, void *opaque)
{
  g_autofree Order *order = opaque;

  if (error != NULL)
    control_fail (order->invocation, g_error_copy (error));
  else
    order->complete (order->skeleton, order->invocation);
  g_object_unref (order->skeleton);
}

static gboolean
on_pause (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  vm_pause_async (service->config.vm, "", on_order_done,
                  order_new (service, invocation, viv_machine1_complete_pause));
  return TRUE;
}

static gboolean
on_resume (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  vm_resume_async (service->config.vm, on_order_done,
                   order_new (service, invocation, viv_machine1_complete_resume));
  return TRUE;
}

static gboolean
on_reset (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  vm_reset_async (service->config.vm, on_order_done,
                  order_new (service, invocation, viv_machine1_complete_reset));
  return TRUE;
}

/* Whether the guest heard a button; else the call has failed with why. */
static gboolean
press_button (ControlService *service, Invocation *invocation, gboolean (*press) (void *opaque),
              const char *deaf)
{
  const VmState state = vm_state (service->config.vm);

  if (press == NULL)
    fail_with (invocation, G_IO_ERROR_NOT_SUPPORTED, "the machine has no such button");
  else if (state == VM_STATE_PAUSED || state == VM_STATE_PAUSING)
    fail_with (invocation, G_IO_ERROR_FAILED,
               "the machine is paused and doesn't see its buttons; resume it first");
  else if (state != VM_STATE_RUNNING)
    fail_with (invocation, G_IO_ERROR_FAILED, "a machine that doesn't run can't see its buttons");
  else
    {
      vm_lock (service->config.vm);
      gboolean heard = press (service->config.opaque);
      vm_unlock (service->config.vm);
      if (heard)
        return TRUE;
      fail_with (invocation, G_IO_ERROR_FAILED, deaf);
    }
  return FALSE;
}

static gboolean
on_power_down (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  if (press_button (service, invocation, service->config.power_button,
                    "nothing in the machine listens to its power button: it is still in its firmware, or its "
                    "system has no ACPI; shut it down from within, or turn it off by force"))
    viv_machine1_complete_power_down (skeleton, invocation);
  return TRUE;
}

static gboolean
on_sleep_button (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  if (press_button (service, invocation, service->config.sleep_button,
                    "nothing in the machine listens to its sleep button: it is still in its firmware, or its "
                    "system has no ACPI; send it to sleep from within, or pause it"))
    viv_machine1_complete_sleep_button (skeleton, invocation);
  return TRUE;
}

static gboolean
on_quit (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  /* The answer first: quit() may take the service with it. */
  viv_machine1_complete_quit (skeleton, invocation);
  if (service->config.quit != NULL)
    service->config.quit (service->config.opaque);
  return TRUE;
}

/* The file that a call has passed, as an fd of ours; -1: none. */
static int
take_fd (GUnixFDList *list, GVariant *handle)
{
  gint32 index = g_variant_get_handle (handle);

  /* The call's signature says that there is a number, and nobody that a descriptor goes with it. */
  if (list == NULL || index < 0 || index >= g_unix_fd_list_get_length (list))
    return -1;
  return g_unix_fd_list_get (list, index, NULL);
}

typedef struct
{
  VivMachine1 *skeleton; /* ours, as in Order */
  Invocation *invocation;
  int fd; /* where it goes */
} SaveJob;

static void
on_saved (Vm *vm, const GError *error, void *opaque)
{
  g_autofree SaveJob *job = opaque;

  /* Whoever shows how far it is hears that it is over, however it has ended. */
  viv_machine1_emit_save_progress (job->skeleton, 1);
  if (error != NULL)
    control_fail (job->invocation, g_error_copy (error));
  else
    viv_machine1_complete_save_state_file (job->skeleton, job->invocation, NULL);
  g_object_unref (job->skeleton);
  close (job->fd);
}

static void
on_save_progress (Vm *vm, double fraction, void *opaque)
{
  viv_machine1_emit_save_progress (((SaveJob *)opaque)->skeleton, fraction);
}

static gboolean
on_save_state_file (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *list, GVariant *handle,
                    ControlService *service)
{
  int fd = take_fd (list, handle);
  struct stat st;

  /* A pipe that nobody reads would stop the machine for good. */
  if (fd < 0 || fstat (fd, &st) != 0 || !S_ISREG (st.st_mode))
    {
      if (fd >= 0)
        close (fd);
      return fail_with (invocation, G_IO_ERROR_INVALID_ARGUMENT, "no regular file came with the call");
    }
  SaveJob *job = g_new (SaveJob, 1);
  *job = (SaveJob){ g_object_ref (service->skeleton), invocation, fd };
  vm_save_async (service->config.vm, fd, "the file", on_save_progress, on_saved, job);
  return TRUE;
}

/* -- Screen ------------------------------------------------------------------------------------------- */

static void
on_screen_closed (ShmServer *server, void *opaque)
{
  g_ptr_array_remove_fast (((ControlService *)opaque)->shares, server);
}

static gboolean
on_attach_screen (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *unused, guint screen,
                  ControlService *service)
{
  g_autoptr (GUnixFDList) list = NULL;
  int fds[2];

  if (screen >= service->config.n_outputs)
    return fail_with (invocation, G_IO_ERROR_NOT_FOUND, "the machine has no such screen");
  if (service->shares->len >= CONTROL_MAX_CONNECTIONS)
    return fail_with (invocation, G_IO_ERROR_BUSY, "the screen has too many viewers");
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
    return fail_with (invocation, g_io_error_from_errno (errno), "can't make a socket for the screen");

  /* The first thing that the viewer gets is the screen as it is now, even if nobody has looked for long: whoever wants one picture is
   * then done. */
  display_output_snapshot (service->screens[screen].output);
  list = g_unix_fd_list_new_from_array (&fds[1], 1);
  ShmServer *server = shm_server_new (service->screens[screen].output, fds[0], on_screen_closed, service);
  if (server == NULL)
    return fail_with (invocation, G_IO_ERROR_FAILED, "the screen can't be shared");
  g_ptr_array_add (service->shares, server);
  viv_machine1_complete_attach_screen (skeleton, invocation, list, g_variant_new_handle (0));
  return TRUE;
}

static gboolean
on_text (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  g_autofree char *text = NULL;

  for (unsigned i = 0; i < service->config.n_outputs && text == NULL; i++)
    text = display_output_text (service->screens[i].output);
  g_autofree char *valid = text != NULL ? g_utf8_make_valid (text, -1) : NULL;
  viv_machine1_complete_text (skeleton, invocation, text != NULL, valid != NULL ? valid : "");
  return TRUE;
}

typedef struct
{
  VivMachine1 *skeleton;
  Invocation *invocation;
} VncJob;

static void
on_vnc_served (const GError *error, void *opaque)
{
  g_autofree VncJob *job = opaque;

  if (error != NULL)
    g_dbus_method_invocation_return_gerror (job->invocation, error);
  else
    viv_machine1_complete_vnc_serve (job->skeleton, job->invocation, NULL);
  g_object_unref (job->skeleton);
}

/* The descriptors that an array of handles names, in its order, -1 for one that there isn't; they stay the list's. */
static int *
peek_fds (GUnixFDList *list, GVariant *handles, unsigned *n)
{
  int n_fds = 0;
  const int *fds = list != NULL ? g_unix_fd_list_peek_fds (list, &n_fds) : NULL;
  int *result;

  *n = (unsigned)g_variant_n_children (handles);
  result = g_new (int, *n + 1);
  for (unsigned i = 0; i < *n; i++)
    {
      gint32 index;

      g_variant_get_child (handles, i, "h", &index);
      result[i] = index >= 0 && index < n_fds ? fds[index] : -1;
    }
  return result;
}

static gboolean
on_vnc_serve (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *list, const char *const *addresses,
              GVariant *listener_handles, GVariant *password_handles, ControlService *service)
{
  unsigned n, n_passwords;
  g_autofree int *listeners = peek_fds (list, listener_handles, &n);
  g_autofree int *passwords = peek_fds (list, password_handles, &n_passwords);
  gboolean whole = n_passwords <= 1 && (n_passwords == 0 || passwords[0] >= 0);

  for (unsigned i = 0; i < n; i++)
    whole = whole && listeners[i] >= 0;
  if (!whole)
    return fail_with (invocation, G_IO_ERROR_INVALID_ARGUMENT,
                      "what is to be listened on, or the password, didn't come with the call");
  VncJob *job = g_new (VncJob, 1);
  *job = (VncJob){ g_object_ref (skeleton), invocation };
  control_service_vnc_serve (service, addresses, listeners, n, n_passwords == 1 ? passwords[0] : -1,
                             on_vnc_served, job);
  return TRUE;
}

static void
on_vnc_stopped (const GError *error, void *opaque)
{
  g_autofree VncJob *job = opaque;

  viv_machine1_complete_vnc_stop (job->skeleton, job->invocation);
  g_object_unref (job->skeleton);
}

static gboolean
on_vnc_stop (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  VncJob *job = g_new (VncJob, 1);

  *job = (VncJob){ g_object_ref (skeleton), invocation };
  control_service_vnc_stop (service, on_vnc_stopped, job);
  return TRUE;
}

/* -- Input -------------------------------------------------------------------------------------------- */

static gboolean
on_input (VivMachine1 *skeleton, Invocation *invocation, GVariant *events, ControlService *service)
{
  ControlConnection *connection
      = control_service_connection (service, g_dbus_method_invocation_get_connection (invocation));
  GVariantIter iter;
  guint32 type;
  guint16 code;
  InputEvent event = { 0 };
  unsigned refused = 0;

  if (g_variant_n_children (events) > MAX_EVENTS)
    return fail_with (invocation, G_IO_ERROR_INVALID_ARGUMENT, "too many events in one call");
  if (connection != NULL)
    connection->sent_input = TRUE;
  if (service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      g_variant_iter_init (&iter, events);
      while (g_variant_iter_next (&iter, "(uqiii)", &type, &code, &event.value, &event.x, &event.y))
        {
          event.type = (InputEventType)type;
          event.code = code;
          if (input_event_check (&event, service->config.n_outputs)
              && !input_router_send (service->config.router, &event))
            refused++;
        }
      vm_unlock (service->config.vm);
    }
  if (refused > 0)
    {
      g_dbus_method_invocation_return_error (
          invocation, G_IO_ERROR, G_IO_ERROR_BUSY,
          "the guest doesn't read its keyboard or mouse: %u events wait for it, and %u more were refused",
          INPUT_QUEUE_MAX, refused);
      return TRUE;
    }
  viv_machine1_complete_input (skeleton, invocation);
  return TRUE;
}

static gboolean
on_release_keys (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  if (service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      input_router_release_all (service->config.router);
      vm_unlock (service->config.vm);
    }
  viv_machine1_complete_release_keys (skeleton, invocation);
  return TRUE;
}

typedef struct
{
  Vm *vm;
  Invocation *invocation;
  unsigned n, left;
} TypeJob;

static void
answer_typed (Vm *vm, void *data)
{
  const TypeJob *job = data;

  if (job->left == 0)
    g_dbus_method_invocation_return_value (job->invocation, NULL);
  else
    g_dbus_method_invocation_return_error (
        job->invocation, G_IO_ERROR, G_IO_ERROR_FAILED,
        "the machine stopped running while it was typed to: %u of %u movements of keys were made, the rest is "
        "dropped; let it go on, then type what is missing",
        job->n - job->left, job->n);
}

/* On the device loop, or wherever typing was stopped; VM lock held. */
static void
on_typed (void *opaque, unsigned left)
{
  TypeJob *job = opaque;

  job->left = left;
  vm_tell_control (job->vm, answer_typed, job, g_free);
}

static gboolean
on_type_keys (VivMachine1 *skeleton, Invocation *invocation, GVariant *keys, ControlService *service)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (InputKey));
  VmState state = vm_state (service->config.vm);
  GVariantIter iter;
  guint16 code;
  gboolean down;
  unsigned typed = 0;
  gboolean room;
  TypeJob *job;

  if (service->config.router == NULL)
    return fail_with (invocation, G_IO_ERROR_NOT_SUPPORTED, "the machine has no keyboard");
  if (g_variant_n_children (keys) > MAX_KEYS)
    return fail_with (invocation, G_IO_ERROR_INVALID_ARGUMENT, "too many keys in one call");
  if (state == VM_STATE_PAUSED)
    return fail_with (invocation, G_IO_ERROR_FAILED, "the machine is paused; let it go on, then type");
  if (state != VM_STATE_RUNNING)
    return fail_with (invocation, G_IO_ERROR_FAILED, "only a machine that runs can be typed to");
  g_variant_iter_init (&iter, keys);
  while (g_variant_iter_next (&iter, "(qb)", &code, &down))
    {
      InputKey key = { .code = code, .down = down };
      g_array_append_val (list, key);
      typed += code != 0;
    }
  job = g_new (TypeJob, 1);
  *job = (TypeJob){ service->config.vm, invocation, typed, 0 };
  vm_lock (service->config.vm);
  room = input_router_typing (service->config.router) + typed < MAX_KEYS;
  if (room)
    input_router_type (service->config.router, (const InputKey *)list->data, list->len, on_typed, job);
  vm_unlock (service->config.vm);
  if (room)
    return TRUE;
  g_free (job);
  return fail_with (invocation, G_IO_ERROR_BUSY,
                    "too many keys of earlier calls wait to be typed; try again when they have been");
}

/* -- Drives and ports --------------------------------------------------------------------------------- */

static gboolean
on_list_drives (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  GVariantBuilder drives;

  g_variant_builder_init (&drives, G_VARIANT_TYPE ("a(sssb)"));
  for (unsigned i = 0; i < service->drives->len; i++)
    {
      const MachineDrive *drive = service->drives->pdata[i];
      g_autofree char *path = definition_path_to_text (machine_drive_medium (drive));
      g_variant_builder_add (&drives, "(sssb)", drive->id, drive_kind_name (drive->kind),
                             path != NULL ? path : "", drive->readonly);
    }
  viv_machine1_complete_list_drives (skeleton, invocation, g_variant_builder_end (&drives));
  return TRUE;
}

const MachineDrive *
control_service_find_drive (ControlService *service, const char *id)
{
  for (unsigned i = 0; i < service->drives->len; i++)
    {
      const MachineDrive *drive = service->drives->pdata[i];
      if (g_str_equal (drive->id, id))
        return drive;
    }
  return NULL;
}

gboolean
control_service_change_media (ControlService *service, const char *id, const char *path, int fd,
                              gboolean readonly, gboolean force, GError **error)
{
  g_autofree char *absolute = NULL;
  const MachineDrive *drive = control_service_find_drive (service, id);

  if (drive == NULL || drive->kind == DRIVE_DISK || service->config.change_media == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, drive == NULL ? G_IO_ERROR_NOT_FOUND : G_IO_ERROR_NOT_SUPPORTED,
                           drive == NULL ? "the machine has no such drive"
                                         : "the drive's medium can't be changed while the machine runs");
      return FALSE;
    }
  if (*path != '\0')
    {
      if (!g_path_is_absolute (path) && !g_str_has_prefix (path, "file:///")
          && service->config.folder == NULL)
        {
          g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                               "give the image's absolute path");
          return FALSE;
        }
      g_autofree char *bytes = definition_path_from_text (path);
      absolute = g_canonicalize_filename (bytes, service->config.folder);
    }
  if (!service->config.change_media (service->config.opaque, drive->id, absolute, fd, readonly, force, error))
    return FALSE;
  control_service_media_changed (service, drive);
  return TRUE;
}

static gboolean
change_media (ControlService *service, Invocation *invocation, const char *id, const char *path, int fd,
              gboolean readonly, gboolean force)
{
  GError *error = NULL;

  if (!control_service_change_media (service, id, path, fd, readonly, force, &error))
    return control_fail (invocation, error);
  g_dbus_method_invocation_return_value (invocation, NULL);
  return TRUE;
}

static gboolean
on_insert_medium (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *list, const char *id,
                  const char *path, gboolean readonly, gboolean force, GVariant *handle,
                  ControlService *service)
{
  int fd = take_fd (list, handle);

  if (fd < 0 || *path == '\0')
    {
      if (fd >= 0)
        close (fd);
      return fail_with (invocation, G_IO_ERROR_INVALID_ARGUMENT, "no medium came with the call");
    }
  change_media (service, invocation, id, path, fd, readonly, force);
  close (fd);
  return TRUE;
}

static gboolean
on_eject_medium (VivMachine1 *skeleton, Invocation *invocation, const char *id, gboolean force,
                 ControlService *service)
{
  return change_media (service, invocation, id, "", -1, FALSE, force);
}

static gboolean
on_attach_serial (VivMachine1 *skeleton, Invocation *invocation, GUnixFDList *unused, guint port,
                  gboolean history, ControlService *service)
{
  g_autoptr (GUnixFDList) list = NULL;
  GError *error = NULL;
  int fd;

  if (port >= service->config.n_serials || service->serials[port] == NULL)
    return fail_with (invocation, G_IO_ERROR_NOT_FOUND, "the machine has no such serial port");
  vm_lock (service->config.vm);
  fd = serial_port_attach (service->serials[port], history, &error);
  vm_unlock (service->config.vm);
  if (fd < 0)
    return control_fail (invocation, error);
  list = g_unix_fd_list_new_from_array (&fd, 1);
  viv_machine1_complete_attach_serial (skeleton, invocation, list, g_variant_new_handle (0));
  return TRUE;
}

/* -- Looking inside ----------------------------------------------------------------------------------- */

static void
add_u64 (GVariantBuilder *values, const char *name, guint64 value)
{
  g_variant_builder_add (values, "{sv}", name, g_variant_new_uint64 (value));
}

static void
add_number (void *values, const char *name, uint64_t value)
{
  add_u64 (values, name, value);
}

static void
add_process (ControlService *service, GVariantBuilder *values)
{
  char statm[128];
  struct rusage usage;
  unsigned long long pages, resident, shared;

  ssize_t length = service->statm_fd >= 0 ? pread (service->statm_fd, statm, sizeof (statm) - 1, 0) : 0;
  statm[MAX (length, 0)] = '\0';
  if (sscanf (statm, "%llu %llu %llu", &pages, &resident, &shared) == 3)
    add_u64 (values, "memory-resident", resident * (guint64)sysconf (_SC_PAGESIZE));
  if (getrusage (RUSAGE_SELF, &usage) == 0)
    add_u64 (values, "cpu-time-ns",
             ((guint64)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * NS_PER_SECOND
                 + ((guint64)usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000);
}

static void
add_drive (ControlService *service, const MachineDrive *drive, GVariantBuilder *values)
{
  Block *block
      = service->config.block != NULL ? service->config.block (service->config.opaque, drive->id) : NULL;
  BlockStats stats;

  if (block == NULL)
    return;
  block_get_stats (block, &stats);
  const struct
  {
    const char *name;
    guint64 value;
  } fields[] = {
    { "read-bytes", stats.read_bytes }, { "written-bytes", stats.written_bytes },
    { "reads", stats.reads },           { "writes", stats.writes },
    { "flushes", stats.flushes },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      g_autofree char *name = g_strdup_printf ("drive.%s.%s", drive->id, fields[i].name);
      add_u64 (values, name, fields[i].value);
    }
}

static gboolean
on_statistics (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  Vm *vm = service->config.vm;
  GVariantBuilder values;
  guint64 ram = 0;

  g_variant_builder_init (&values, G_VARIANT_TYPE_VARDICT);
  add_u64 (&values, "uptime-ns", (g_get_monotonic_time () - service->start_time) * 1000);
  add_u64 (&values, "guest-time-ns", vm_clock_now (vm->clock));
  vm_lock (vm);
  for (guint i = 0; i < vm->rams->len; i++)
    ram += region_size (g_ptr_array_index (vm->rams, i));
  vm_unlock (vm);
  add_u64 (&values, "memory-guest", ram);
  add_process (service, &values);
  add_u64 (&values, "vnc-clients", control_vnc_n_clients (service));
  if (vm->processor != NULL && vm->processor->exits != NULL)
    add_u64 (&values, "processor-exits", vm->processor->exits (vm->processor_opaque));
  for (unsigned i = 0; i < service->drives->len; i++)
    add_drive (service, service->drives->pdata[i], &values);
  if (service->config.statistics != NULL)
    service->config.statistics (service->config.opaque, add_number, &values);

  control_service_update_sizes (service);
  const ServiceScreen *first = service->config.n_outputs > 0 ? &service->screens[0] : NULL;
  g_variant_builder_add (&values, "{sv}", "width", g_variant_new_uint32 (first != NULL ? first->width : 0));
  g_variant_builder_add (&values, "{sv}", "height", g_variant_new_uint32 (first != NULL ? first->height : 0));
  viv_machine1_complete_statistics (skeleton, invocation, g_variant_builder_end (&values));
  return TRUE;
}

static gboolean
on_dump_state (VivMachine1 *skeleton, Invocation *invocation, ControlService *service)
{
  Vm *vm = service->config.vm;
  g_autoptr (GString) text = g_string_new (NULL);

  /* One after the other, so that none waits longer than for one; who wants them of one moment pauses the machine. */
  for (guint i = 0, n = 1; i < n; i++)
    {
      vm_lock (vm);
      n = vm->devices->len;
      if (i < n)
        {
          Device *device = g_ptr_array_index (vm->devices, i);
          g_string_append_printf (text, "%s (%s)\n", device->id, device->klass->name);
          state_print (device->klass->state, device, "  ", text);
        }
      vm_unlock (vm);
    }
  g_autofree char *valid = g_utf8_make_valid (text->str, text->len);
  viv_machine1_complete_dump_state (skeleton, invocation, valid);
  return TRUE;
}

void
control_methods_connect (ControlService *service)
{
  static const struct
  {
    const char *signal;
    GCallback handler;
  } methods[] = {
    { "handle-pause", G_CALLBACK (on_pause) },
    { "handle-resume", G_CALLBACK (on_resume) },
    { "handle-reset", G_CALLBACK (on_reset) },
    { "handle-power-down", G_CALLBACK (on_power_down) },
    { "handle-sleep-button", G_CALLBACK (on_sleep_button) },
    { "handle-quit", G_CALLBACK (on_quit) },
    { "handle-save-state-file", G_CALLBACK (on_save_state_file) },
    { "handle-attach-screen", G_CALLBACK (on_attach_screen) },
    { "handle-text", G_CALLBACK (on_text) },
    { "handle-vnc-serve", G_CALLBACK (on_vnc_serve) },
    { "handle-vnc-stop", G_CALLBACK (on_vnc_stop) },
    { "handle-input", G_CALLBACK (on_input) },
    { "handle-release-keys", G_CALLBACK (on_release_keys) },
    { "handle-type-keys", G_CALLBACK (on_type_keys) },
    { "handle-list-drives", G_CALLBACK (on_list_drives) },
    { "handle-insert-medium", G_CALLBACK (on_insert_medium) },
    { "handle-eject-medium", G_CALLBACK (on_eject_medium) },
    { "handle-attach-serial", G_CALLBACK (on_attach_serial) },
    { "handle-statistics", G_CALLBACK (on_statistics) },
    { "handle-dump-state", G_CALLBACK (on_dump_state) },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (methods); i++)
    g_signal_connect (service->skeleton, methods[i].signal, methods[i].handler, service);
  control_devices_connect (service);
  control_debugging_connect (service);
  control_usb_connect (service);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's screens over VNC, switched on and off: the sockets and the password's file are opened here and passed, since a monitor opens nothing by its name.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "display/vnc-address.h"
#include "display/vnc-listen.h"
#include "display/vnc-password.h"
#include "machine/control-socket.h"
#include "machine/liveness.h"
#include "machine/machine-private.h"
#include "machine/paths.h"

#include <gio/gunixfdlist.h>
#include <glib/gi18n.h>
#include <unistd.h>

#define TIMEOUT_MS   25000
#define MOST_SCREENS 16

typedef struct
{
  char *address, *password_file; /* NULL: anywhere; none */
  unsigned n;                    /* screens */
  GStrv before;                  /* where they were served */
  gboolean again;                /* what was served there is switched off already */
  int password;                  /* -1: none */
  VncListeners listeners;
} Sharing;

static void
sharing_free (gpointer data)
{
  Sharing *sharing = data;

  g_free (sharing->address);
  g_free (sharing->password_file);
  g_strfreev (sharing->before);
  if (sharing->password >= 0)
    close (sharing->password);
  vnc_listeners_clear (&sharing->listeners);
  g_free (sharing);
}

/* Where its screens are served by its own words, which may be anybody's sockets: these are told and compared, and nothing is done there. */
static GStrv
addresses_of (VivMachine *self)
{
  g_autoptr (GPtrArray) screens = viv_screens_read (viv_machine_proxy (self));
  g_autoptr (GStrvBuilder) addresses = g_strv_builder_new ();

  for (unsigned i = 0; i < MIN (screens->len, MOST_SCREENS); i++)
    {
      const VivScreenInfo *screen = g_ptr_array_index (screens, i);

      if (*screen->vnc_address != '\0')
        g_strv_builder_add (addresses, screen->vnc_address);
    }
  return g_strv_builder_end (addresses);
}

/* The names of UNIX sockets of this machine that nobody listens on any more, as those who made them have noted. */
static void
tidy (VivMachine *self)
{
  const char *uuid = viv_machine_get_uuid (self);
  g_autofree char *path = uuid != NULL ? viv_socket_path (uuid, NULL) : NULL;

  if (path != NULL)
    control_socket_tidy_vnc (path);
}

static void
note (VivMachine *self, GStrv made)
{
  const char *uuid = viv_machine_get_uuid (self);
  g_autofree char *path = uuid != NULL ? viv_socket_path (uuid, NULL) : NULL;

  for (unsigned i = 0; path != NULL && made[i] != NULL; i++)
    if (g_str_has_prefix (made[i], "unix:"))
      control_socket_note_vnc_at (path, made[i]);
}

static void
call (VivMachine *self, GTask *task, const char *method, GVariant *parameters, GUnixFDList *fds,
      GAsyncReadyCallback callback)
{
  g_autoptr (GVariant) sunk = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;

  if (viv_machine_check_live (self, task))
    g_dbus_connection_call_with_unix_fd_list (
        g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (self))), NULL, VIV_MACHINE_OBJECT_PATH,
        VIV_MACHINE_INTERFACE, method, sunk, NULL, G_DBUS_CALL_FLAGS_NONE, TIMEOUT_MS, fds,
        g_task_get_cancellable (task), callback, g_object_ref (task));
}

/* FALSE: the task has the error. */
static gboolean
answered (VivMachine *self, GTask *task, GObject *connection, GAsyncResult *result)
{
  GError *error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_with_unix_fd_list_finish (
      G_DBUS_CONNECTION (connection), NULL, result, &error);

  if (g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD))
    {
      g_clear_error (&error);
      g_set_error (&error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_RUNNING,
                   _ ("the machine's monitor is of another version"));
      g_task_return_error (task, error);
      return FALSE;
    }
  error = viv_machine_note_reply (self, task, G_DBUS_CONNECTION (connection), error);
  if (reply == NULL)
    g_task_return_error (task, error);
  return reply != NULL;
}

/* -- Off -- */

static void
on_stopped (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;

  if (!answered (g_task_get_source_object (task), task, source, result))
    return;
  tidy (g_task_get_source_object (task));
  g_task_return_boolean (task, TRUE);
}

void
viv_machine_vnc_stop (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                      gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_vnc_stop);
  call (self, task, "VncStop", NULL, NULL, on_stopped);
}

/* -- On -- */

static void make_sockets (VivMachine *self, GTask *task);

static void
on_served (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  Sharing *sharing = g_task_get_task_data (task);
  gboolean served = answered (g_task_get_source_object (task), task, source, result);
  g_auto (GStrv) made = g_strdupv (sharing->listeners.addresses);

  vnc_listeners_clear (&sharing->listeners);
  if (served)
    {
      tidy (g_task_get_source_object (task));
      g_task_return_pointer (task, g_strdup (made[0]), g_free);
    }
  else
    for (unsigned i = 0; made[i] != NULL; i++)
      vnc_listen_tidy (made[i]);
}

static void
serve (VivMachine *self, GTask *task)
{
  Sharing *sharing = g_task_get_task_data (task);
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  GVariantBuilder listeners, passwords;
  GError *error = NULL;

  g_variant_builder_init (&listeners, G_VARIANT_TYPE ("ah"));
  g_variant_builder_init (&passwords, G_VARIANT_TYPE ("ah"));
  for (unsigned i = 0; i < sharing->listeners.n && error == NULL; i++)
    g_variant_builder_add (&listeners, "h", g_unix_fd_list_append (fds, sharing->listeners.fds[i], &error));
  if (sharing->password >= 0 && error == NULL)
    g_variant_builder_add (&passwords, "h", g_unix_fd_list_append (fds, sharing->password, &error));
  if (error != NULL)
    {
      g_variant_builder_clear (&listeners);
      g_variant_builder_clear (&passwords);
      g_task_return_error (task, error);
      return;
    }
  call (self, task, "VncServe",
        g_variant_new ("(^asahah)", sharing->listeners.addresses, &listeners, &passwords), fds, on_served);
}

/* It is served by this machine where the address says: at the same UNIX socket, or at the same port of a host that may be the same. */
static gboolean
is_ours (const Sharing *sharing)
{
  g_auto (VncAddress) wanted = { 0 };

  if (sharing->address == NULL || !vnc_address_parse (sharing->address, 0, &wanted))
    return FALSE;
  for (unsigned i = 0; sharing->before[i] != NULL; i++)
    {
      g_auto (VncAddress) has = { 0 };

      if (vnc_address_parse (sharing->before[i], 0, &has) && vnc_address_meets (&wanted, &has))
        return TRUE;
    }
  return FALSE;
}

static void
on_made_way (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = g_task_get_source_object (task);

  if (answered (self, task, source, result))
    {
      tidy (self);
      make_sockets (self, task);
    }
}

static void
on_sockets (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GTask) task = data;
  VivMachine *self = VIV_MACHINE (source);
  Sharing *sharing = g_task_get_task_data (task);
  GError *error = NULL;

  if (g_task_propagate_boolean (G_TASK (result), &error))
    {
      note (self, sharing->listeners.addresses);
      serve (self, task);
    }
  else if (!sharing->again && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE)
           && is_ours (sharing))
    {
      /* What is served goes for nothing less than its very address. */
      g_error_free (error);
      sharing->again = TRUE;
      call (self, task, "VncStop", NULL, NULL, on_made_way);
    }
  else
    g_task_return_error (task, error);
}

static void
make_thread (GTask *making, gpointer self, gpointer data, GCancellable *cancellable)
{
  Sharing *sharing = data;
  GError *error = NULL;

  if (sharing->password < 0 && sharing->password_file != NULL)
    sharing->password = vnc_password_open (sharing->password_file, &error);
  if (error == NULL
      && vnc_listen (sharing->address, sharing->n, sharing->password >= 0, &sharing->listeners, &error))
    g_task_return_boolean (making, TRUE);
  else
    g_task_return_error (making, error);
}

/* Where the password's file lies may be slow to answer. */
static void
make_sockets (VivMachine *self, GTask *task)
{
  g_autoptr (GTask) making
      = g_task_new (self, g_task_get_cancellable (task), on_sockets, g_object_ref (task));

  g_task_set_task_data (making, g_task_get_task_data (task), NULL);
  g_task_run_in_thread (making, make_thread);
}

void
viv_machine_vnc_start (VivMachine *self, const char *address, const char *password_file,
                       GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);
  Sharing *sharing = g_new0 (Sharing, 1);

  g_task_set_source_tag (task, viv_machine_vnc_start);
  g_task_set_task_data (task, sharing, sharing_free);
  sharing->password = -1;
  sharing->address = address != NULL && *address != '\0' ? g_strdup (address) : NULL;
  sharing->password_file = password_file != NULL && *password_file != '\0'
                               ? g_canonicalize_filename (password_file, viv_machine_get_folder (self))
                               : NULL;
  if (!viv_machine_check_live (self, task))
    return;
  g_autoptr (GPtrArray) screens = viv_screens_read (viv_machine_proxy (self));
  sharing->n = CLAMP (screens->len, 1, MOST_SCREENS);
  sharing->before = addresses_of (self);
  make_sockets (self, task);
}

char *
viv_machine_vnc_start_finish (VivMachine *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control socket: who may come in, who is connected, and the properties that follow the machine.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include "base/ready-source.h"
#include "display/vnc-address.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Each handshake occupies a thread of GLib's pool until it ends, so they are few, and short when others wait for their turn. */
#define MAX_HANDSHAKES     8
#define HANDSHAKE_MS       5000
#define HANDSHAKE_CROWD_MS 1000
#define BACKLOG            128
/* A client that reads nothing for so long while there is something to read is sent away; at the end it is waited for less. */
#define STALLED_MS  30000
#define FAREWELL_MS 1000

/* vm_add_state_func() has no opposite; a machine that outlives its service must not find freed memory. */
static GPtrArray *live_services;

static gboolean
set_errno_error (GError **error, int code, const char *what, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

/* -- The socket's place ------------------------------------------------------------------------------- */

/* Nobody but us may have a way to the socket. */
static gboolean
check_directory (const char *socket_path, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (socket_path);
  struct stat info;

  if (lstat (directory, &info) != 0)
    return set_errno_error (error, errno, "can't use the socket's directory", directory);
  if (!S_ISDIR (info.st_mode) || info.st_uid != geteuid () || (info.st_mode & 077) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "%s must be a directory of yours with mode 0700, for the control socket's sake",
                   directory);
      return FALSE;
    }
  return TRUE;
}

/* Held as long as the process lives: the kernel lets go of it whatever becomes of us. */
static gboolean
take_lock (ControlService *service, GError **error)
{
  struct stat held, there;

  for (;;)
    {
      int fd = open (service->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd < 0)
        return set_errno_error (error, errno, "can't make", service->lock_path);
      if (flock (fd, LOCK_EX | LOCK_NB) != 0)
        {
          char pid[32] = "";
          ssize_t length = errno == EWOULDBLOCK ? read (fd, pid, sizeof (pid) - 1) : 0;
          pid[MAX (length, 0)] = '\0';
          close (fd);
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                       "the machine runs already (process %s holds %s); two monitors would spoil its disks",
                       *g_strstrip (pid) != '\0' ? pid : "?", service->lock_path);
          return FALSE;
        }
      /* The last holder may have removed the file between our open() and flock(). */
      if (fstat (fd, &held) == 0 && stat (service->lock_path, &there) == 0 && held.st_ino == there.st_ino
          && held.st_dev == there.st_dev)
        {
          g_autofree char *pid = g_strdup_printf ("%d\n", (int)getpid ());
          if (ftruncate (fd, 0) != 0 || write (fd, pid, strlen (pid)) < 0)
            g_debug ("no process id in %s", service->lock_path);
          service->lock_fd = fd;
          return TRUE;
        }
      close (fd);
    }
}

static gboolean
fill_address (struct sockaddr_un *address, const char *path, GError **error)
{
  if (strlen (path) >= sizeof (address->sun_path))
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
          "%s is too long for a socket (at most %zu bytes); set XDG_RUNTIME_DIR to a shorter directory", path,
          sizeof (address->sun_path) - 1);
      return FALSE;
    }
  memset (address, 0, sizeof (*address));
  address->sun_family = AF_UNIX;
  strcpy (address->sun_path, path);
  return TRUE;
}

/* A bound, listening socket; -1 on error. */
static int
bind_socket (const char *path, GError **error)
{
  struct sockaddr_un address;
  int fd;

  if (!fill_address (&address, path, error))
    return -1;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    {
      set_errno_error (error, errno, "can't make a socket for", path);
      return -1;
    }
  /* We have the lock, so whoever made this is dead, or is something else that listens here. */
  if (connect (fd, (struct sockaddr *)&address, sizeof (address)) == 0 || errno == EAGAIN)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "somebody listens on %s already", path);
      close (fd);
      return -1;
    }
  if (errno == ECONNREFUSED && unlink (path) != 0 && errno != ENOENT)
    {
      set_errno_error (error, errno, "can't remove the stale", path);
      close (fd);
      return -1;
    }
  mode_t mask = umask (0177);
  int result = bind (fd, (struct sockaddr *)&address, sizeof (address));
  int code = errno;
  umask (mask);
  if (result != 0 || listen (fd, BACKLOG) != 0)
    {
      set_errno_error (error, result != 0 ? code : errno, "can't listen on", path);
      close (fd);
      return -1;
    }
  return fd;
}

/* -- Connections -------------------------------------------------------------------------------------- */

ControlConnection *
control_service_connection (ControlService *service, GDBusConnection *connection)
{
  for (guint i = 0; i < service->connections->len; i++)
    {
      ControlConnection *c = g_ptr_array_index (service->connections, i);
      if (c->connection == connection)
        return c;
    }
  return NULL;
}

static void
connection_free (gpointer data)
{
  ControlConnection *c = data;
  ControlService *service = c->service;

  g_signal_handler_disconnect (c->connection, c->closed_handler);
  if (g_dbus_interface_skeleton_has_connection (G_DBUS_INTERFACE_SKELETON (service->skeleton), c->connection))
    g_dbus_interface_skeleton_unexport_from_connection (G_DBUS_INTERFACE_SKELETON (service->skeleton),
                                                        c->connection);
  if (c->sent_input && service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      input_router_release_all (service->config.router);
      vm_unlock (service->config.vm);
    }
  g_object_unref (c->connection);
  g_free (c);
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, ControlConnection *c)
{
  g_ptr_array_remove (c->service->connections, c);
}

typedef struct
{
  ControlService *service; /* NULL: it is gone */
  GCancellable *cancellable;
  gint64 start;
} Handshake;

/* Ends those that have had their time; arms the timer for the next. */
static void
check_handshakes (ControlService *service)
{
  gint64 now = g_get_monotonic_time (), limit = service->config.handshake_ms * G_TIME_SPAN_MILLISECOND;
  gboolean crowd = service->handshakes.length >= MAX_HANDSHAKES;
  Handshake *oldest = NULL;

  if (crowd)
    limit = MIN (limit, HANDSHAKE_CROWD_MS * G_TIME_SPAN_MILLISECOND);
  for (GList *l = service->handshakes.head; l != NULL && oldest == NULL; l = l->next)
    {
      Handshake *handshake = l->data;

      if (g_cancellable_is_cancelled (handshake->cancellable))
        continue;
      if (now - handshake->start >= limit)
        g_cancellable_cancel (handshake->cancellable);
      else
        oldest = handshake;
    }
  g_source_set_ready_time (service->handshake_timer, oldest != NULL ? oldest->start + limit : -1);
  if (crowd)
    g_socket_service_stop (service->listener); /* who comes now waits in the kernel's queue */
  else
    g_socket_service_start (service->listener);
}

static gboolean
on_handshake_timer (gpointer data)
{
  check_handshakes (data);
  return G_SOURCE_CONTINUE;
}

static void
accept_connection (ControlService *service, GDBusConnection *connection)
{
  g_autoptr (GError) error = NULL;

  g_dbus_connection_set_exit_on_close (connection, FALSE);
  /* One that closed before we listened for it would stay for ever. */
  if (g_dbus_connection_is_closed (connection))
    return;
  if (!g_dbus_interface_skeleton_export (G_DBUS_INTERFACE_SKELETON (service->skeleton), connection,
                                         CONTROL_OBJECT_PATH, &error))
    {
      g_warning ("can't serve a client: %s", error->message);
      g_dbus_connection_close (connection, NULL, NULL, NULL);
      return;
    }
  ControlConnection *c = g_new0 (ControlConnection, 1);
  c->service = service;
  c->connection = g_object_ref (connection);
  c->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), c);
  g_ptr_array_add (service->connections, c);
  g_dbus_connection_start_message_processing (connection);
}

static void
on_handshake (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_finish (result, &error);
  Handshake *handshake = data;
  ControlService *service = handshake->service;

  g_object_unref (handshake->cancellable);
  if (service != NULL)
    {
      g_queue_remove (&service->handshakes, handshake);
      check_handshakes (service);
      if (connection != NULL)
        accept_connection (service, connection);
      else /* GLib has no error where the stream ended early */
        g_debug ("a client gave up: %s", error != NULL ? error->message : "it hung up");
    }
  g_free (handshake);
}

static gboolean
on_incoming (GSocketService *listener, GSocketConnection *stream, GObject *source_object,
             ControlService *service)
{
  GSocket *socket = g_socket_connection_get_socket (stream);
  struct ucred peer = { 0 };
  socklen_t length = sizeof (peer);

  /* Before a byte of it is read: the directory's mode should have kept others out, this makes sure. */
  if (getsockopt (g_socket_get_fd (socket), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0
      || length != sizeof (peer) || peer.uid != geteuid ())
    {
      g_message ("refused a client of user %u on the control socket", (unsigned)peer.uid);
      g_io_stream_close (G_IO_STREAM (stream), NULL, NULL);
      return TRUE;
    }
  if (service->connections->len + service->handshakes.length >= CONTROL_MAX_CONNECTIONS)
    {
      g_debug ("too many clients on the control socket; one was sent away");
      g_io_stream_close (G_IO_STREAM (stream), NULL, NULL);
      return TRUE;
    }
  g_autofree char *guid = g_dbus_generate_guid ();
  Handshake *handshake = g_new0 (Handshake, 1);
  handshake->service = service;
  handshake->cancellable = g_cancellable_new ();
  handshake->start = g_get_monotonic_time ();
  g_queue_push_tail (&service->handshakes, handshake);
  g_dbus_connection_new (G_IO_STREAM (stream), guid,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                             | G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_REQUIRE_SAME_USER
                             | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                         NULL, handshake->cancellable, on_handshake, handshake);
  check_handshakes (service);
  return TRUE;
}

/* -- Clients that don't read -------------------------------------------------------------------------- */

static void
hang_up (GDBusConnection *connection)
{
  GIOStream *stream = g_dbus_connection_get_stream (connection);

  /* Whatever GDBus is at: a write that waits for room ends with an error. */
  if (G_IS_SOCKET_CONNECTION (stream))
    g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)), TRUE, TRUE, NULL);
}

static void
on_flushed (GObject *source, GAsyncResult *result, gpointer data)
{
  ControlConnection *c = NULL;

  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  if (live_services != NULL && g_ptr_array_find (live_services, data, NULL))
    c = control_service_connection (data, G_DBUS_CONNECTION (source));
  if (c != NULL)
    c->flush_start = 0;
}

/* Something is about to be sent to all.  GDBus queues without limit for a client that doesn't read: its queue must be empty now and
 * then. */
static void
check_readers (ControlService *service)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < service->connections->len; i++)
    {
      ControlConnection *c = g_ptr_array_index (service->connections, i);

      if (c->flush_start == 0)
        {
          c->flush_start = now;
          g_dbus_connection_flush (c->connection, NULL, on_flushed, service);
        }
      else if (now - c->flush_start > STALLED_MS * G_TIME_SPAN_MILLISECOND)
        hang_up (c->connection);
    }
}

/* -- Properties that follow the machine --------------------------------------------------------------- */

static const char *
state_name (VmState state)
{
  switch (state)
    {
    case VM_STATE_STARTING:
      return "starting";
    case VM_STATE_RUNNING:
      return "running";
    case VM_STATE_PAUSING:
      return "pausing";
    case VM_STATE_PAUSED:
      return "paused";
    case VM_STATE_CRASHED:
      return "crashed";
    case VM_STATE_STOPPED:
      return "stopped";
    }
  return "stopped";
}

/* State and reason in one message, at once: clients must see "stopped" before the connection closes. */
static void
publish_state (ControlService *service)
{
  check_readers (service);
  viv_machine1_set_state_reason (service->skeleton, vm_state_reason (service->config.vm));
  viv_machine1_set_state (service->skeleton, state_name (vm_state (service->config.vm)));
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (service->skeleton));
}

static void
on_device_error (Vm *vm, const char *path, const char *sentence, void *opaque)
{
  ControlService *service = opaque;
  g_autofree char *text = g_utf8_make_valid (sentence, -1);
  const char *drive = "";

  for (unsigned i = 0; i < service->drives->len; i++)
    {
      const MachineDrive *candidate = service->drives->pdata[i];
      if (g_strcmp0 (candidate->path, path) == 0)
        drive = candidate->id;
    }
  viv_machine1_emit_device_error (service->skeleton, drive, text);
}

static void
on_vm_state (Vm *vm, VmState state, void *opaque)
{
  ControlService *service = opaque;

  if (live_services == NULL || !g_ptr_array_find (live_services, opaque, NULL))
    return;
  /* Whoever types hears of it, instead of waiting for a machine that stands still. */
  if (state != VM_STATE_RUNNING && service->config.router != NULL)
    {
      vm_lock (vm);
      input_router_stop_typing (service->config.router);
      vm_unlock (vm);
    }
  publish_state (service);
}

static void
publish_input (ControlService *service)
{
  unsigned leds = input_router_leds (service->config.router);

  viv_machine1_set_absolute_pointer (service->skeleton, input_router_is_absolute (service->config.router));
  viv_machine1_set_leds (service->skeleton, leds);
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    if (service->screens[i].vnc != NULL)
      vnc_server_set_leds (service->screens[i].vnc, leds);
}

static gboolean
on_input_news (gpointer data)
{
  ControlService *service = data;

  check_readers (service);
  vm_lock (service->config.vm);
  g_clear_pointer (&service->input_source, g_source_unref);
  publish_input (service);
  vm_unlock (service->config.vm);
  return G_SOURCE_REMOVE;
}

/* On a processor's thread, when its guest has set the lights. */
static void
on_router_changed (InputRouter *router, void *opaque)
{
  ControlService *service = opaque;

  if (service->input_source != NULL)
    return;
  service->input_source = g_idle_source_new ();
  g_source_set_callback (service->input_source, on_input_news, service, NULL);
  g_source_attach (service->input_source, service->config.vm->control);
}

static void
publish_screens (ControlService *service)
{
  GVariantBuilder screens;

  g_variant_builder_init (&screens, G_VARIANT_TYPE ("aa{sv}"));
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      const ServiceScreen *screen = &service->screens[i];

      g_variant_builder_open (&screens, G_VARIANT_TYPE_VARDICT);
      g_variant_builder_add (&screens, "{sv}", "id", g_variant_new_uint32 (screen->id));
      g_variant_builder_add (&screens, "{sv}", "name",
                             g_variant_new_string (display_output_name (screen->output)));
      g_variant_builder_add (&screens, "{sv}", "width", g_variant_new_uint32 (screen->width));
      g_variant_builder_add (&screens, "{sv}", "height", g_variant_new_uint32 (screen->height));
      g_variant_builder_add (
          &screens, "{sv}", "vnc",
          g_variant_new_string (screen->vnc != NULL ? vnc_server_address (screen->vnc) : ""));
      g_variant_builder_close (&screens);
    }
  viv_machine1_set_screens (service->skeleton, g_variant_builder_end (&screens));
}

static void
set_size (ServiceScreen *screen, uint32_t width, uint32_t height)
{
  ControlService *service = screen->service;

  screen->width = width;
  screen->height = height;
  if (screen->id == 0)
    {
      viv_machine1_set_width (service->skeleton, width);
      viv_machine1_set_height (service->skeleton, height);
    }
  publish_screens (service);
}

static void
on_size_scanout (void *opaque, const Framebuffer *fb)
{
  ServiceScreen *screen = opaque;

  check_readers (screen->service);
  set_size (screen, fb != NULL ? fb->width : 0, fb != NULL ? fb->height : 0);
}

void
control_service_update_sizes (ControlService *service)
{
  gboolean changed = FALSE;

  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      ServiceScreen *screen = &service->screens[i];
      uint32_t width, height;

      display_output_size (screen->output, &width, &height);
      if (width == screen->width && height == screen->height)
        continue;
      set_size (screen, width, height);
      changed = TRUE;
    }
  if (!changed)
    return;
  check_readers (service);
  g_dbus_interface_skeleton_flush (G_DBUS_INTERFACE_SKELETON (service->skeleton));
}

static void
on_size_damage (void *opaque, const Damage *damage)
{
}

static void
on_size_cursor (void *opaque, const DisplayCursor *cursor)
{
}

static void
make_skeleton (ControlService *service)
{
  static const DisplayViewerFuncs size_funcs
      = { .scanout = on_size_scanout, .damage = on_size_damage, .cursor = on_size_cursor };
  const ControlConfig *config = &service->config;

  service->skeleton = viv_machine1_skeleton_new ();
  viv_machine1_set_name (service->skeleton, config->name);
  viv_machine1_set_uuid (service->skeleton, config->uuid);
  g_autofree char *folder = definition_path_to_text (config->folder);
  viv_machine1_set_folder (service->skeleton, folder != NULL ? folder : "");
  viv_machine1_set_engine (service->skeleton, config->engine);
  viv_machine1_set_engine_reason (service->skeleton, config->engine_reason);
  viv_machine1_set_vnc_address (service->skeleton, "");
  viv_machine1_set_pid (service->skeleton, getpid ());
  control_methods_connect (service);
  publish_state (service);
  vm_add_state_func (config->vm, on_vm_state, service);
  vm_set_error_func (config->vm, on_device_error, service);
  if (config->router != NULL)
    {
      vm_lock (config->vm);
      input_router_set_changed_func (config->router, on_router_changed, service);
      publish_input (service);
      vm_unlock (config->vm);
    }
  for (unsigned i = 0; i < config->n_outputs; i++)
    {
      ServiceScreen *screen = &service->screens[i];

      /* Asleep: hears of mode changes that somebody else's look, or a screenshot, brings to light. */
      screen->size_viewer = display_output_attach (screen->output, &size_funcs, screen);
      display_viewer_set_interval (screen->size_viewer, 0);
    }
  publish_screens (service);
}

/* -- VNC ---------------------------------------------------------------------------------------------- */

static void
on_vnc_input (void *opaque, const InputEvent *event)
{
  ControlService *service = opaque;

  if (service->config.router == NULL)
    return;
  vm_lock (service->config.vm);
  gboolean taken = input_router_send (service->config.router, event);
  vm_unlock (service->config.vm);
  /* RFB has no answer for it. */
  if (!taken && !service->refused_told)
    g_message ("the guest doesn't read its keyboard or mouse; what a VNC client types is lost from here on");
  service->refused_told = !taken;
}

static gboolean
on_vnc_absolute (void *opaque)
{
  ControlService *service = opaque;
  gboolean absolute;

  if (service->config.router == NULL)
    return FALSE;
  vm_lock (service->config.vm);
  absolute = input_router_is_absolute (service->config.router);
  vm_unlock (service->config.vm);
  return absolute;
}

static VncServer *
serve_screen (ServiceScreen *screen, const char *address, const char *password_file, GError **error)
{
  static const VncServerFuncs funcs = { .input = on_vnc_input, .absolute = on_vnc_absolute };
  g_autofree char *name = screen->id == 0
                              ? g_strdup (screen->service->config.name)
                              : g_strdup_printf ("%s (%u)", screen->service->config.name, screen->id + 1);
  VncServerConfig config
      = { .address = address, .password_file = password_file, .name = name, .screen = screen->id };

  return vnc_server_new (screen->output, &config, &funcs, screen->service, error);
}

/* The ports where people look for VNC first, then any. */
static VncServer *
serve_somewhere (ServiceScreen *screen, const char *password_file, GError **error)
{
  VncServer *server = NULL;

  for (unsigned port = 5900; server == NULL && port <= 5964; port++)
    {
      g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", port < 5964 ? port : 0);
      server = serve_screen (screen, address, password_file, port < 5964 ? NULL : error);
    }
  return server;
}

/* Another screen, near to where the first one is: "127.0.0.1:5901" and 1 give "127.0.0.1:5902". */
static VncServer *
serve_beside (ServiceScreen *screen, const char *first, const char *password_file, GError **error)
{
  const char *colon = strrchr (first, ':');
  g_autofree char *host = g_strndup (first, colon - first), *near = NULL, *any = NULL;
  guint64 port = 0;
  VncServer *server = NULL;

  if (g_str_has_prefix (first, "unix:"))
    {
      near = g_strdup_printf ("%s.%u", first, screen->id);
      return serve_screen (screen, near, password_file, error);
    }
  g_ascii_string_to_unsigned (colon + 1, 10, 0, G_MAXUINT16, &port, NULL);
  if (port + screen->id <= G_MAXUINT16)
    {
      near = g_strdup_printf ("%s:%u", host, (unsigned)port + screen->id);
      server = serve_screen (screen, near, password_file, NULL);
    }
  if (server == NULL)
    {
      any = g_strdup_printf ("%s:0", host);
      server = serve_screen (screen, any, password_file, error);
    }
  return server;
}

/* Adds a server for each screen; FALSE: not for all. */
static gboolean
serve_all (ControlService *service, const char *address, const char *password_file, GPtrArray *servers,
           GError **error)
{
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      ServiceScreen *screen = &service->screens[i];
      VncServer *server
          = i > 0 ? serve_beside (screen, vnc_server_address (servers->pdata[0]), password_file, error)
            : address != NULL && *address != '\0' ? serve_screen (screen, address, password_file, error)
                                                  : serve_somewhere (screen, password_file, error);

      if (server == NULL)
        return FALSE;
      g_ptr_array_add (servers, server);
    }
  return TRUE;
}

/* A server of ours is where `address` says: at the same UNIX socket, or at the same port of a host that may be the same. */
static gboolean
is_ours (ControlService *service, const char *address)
{
  g_auto (VncAddress) wanted = { 0 };

  if (!vnc_address_parse (address, 0, &wanted))
    return FALSE;
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      g_auto (VncAddress) has = { 0 };

      if (service->screens[i].vnc != NULL
          && vnc_address_parse (vnc_server_address (service->screens[i].vnc), 0, &has)
          && vnc_address_meets (&wanted, &has))
        return TRUE;
    }
  return FALSE;
}

const char *
control_service_vnc_start (ControlService *service, const char *address, const char *password_file,
                           GError **error)
{
  g_autoptr (GPtrArray) servers = g_ptr_array_new_with_free_func ((GDestroyNotify)vnc_server_free);
  g_autoptr (GError) refused = NULL;

  if (password_file != NULL && *password_file == '\0')
    password_file = NULL;
  if (service->config.n_outputs == 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "the machine has no screen");
      return NULL;
    }
  if (!serve_all (service, address, password_file, servers, &refused))
    {
      /* The old servers go for nothing less than their very port. */
      if (address == NULL || !g_error_matches (refused, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE)
          || !is_ours (service, address))
        {
          g_propagate_error (error, g_steal_pointer (&refused));
          return NULL;
        }
      g_ptr_array_set_size (servers, 0);
      control_service_vnc_stop (service);
      if (!serve_all (service, address, password_file, servers, error))
        return NULL;
    }
  control_service_vnc_stop (service);
  for (unsigned i = service->config.n_outputs; i-- > 0;)
    service->screens[i].vnc = g_ptr_array_steal_index (servers, i);
  viv_machine1_set_vnc_address (service->skeleton, vnc_server_address (service->screens[0].vnc));
  publish_screens (service);
  if (service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      publish_input (service);
      vm_unlock (service->config.vm);
    }
  return vnc_server_address (service->screens[0].vnc);
}

void
control_service_vnc_stop (ControlService *service)
{
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    g_clear_pointer (&service->screens[i].vnc, vnc_server_free);
  viv_machine1_set_vnc_address (service->skeleton, "");
  publish_screens (service);
}

/* -- Life --------------------------------------------------------------------------------------------- */

static void
copy_config (ControlService *service, const ControlConfig *config)
{
  service->config = *config;
  if (config->handshake_ms == 0)
    service->config.handshake_ms = HANDSHAKE_MS;
  service->config.socket_path = g_canonicalize_filename (config->socket_path, NULL);
  service->config.name = g_strdup (config->name);
  service->definition = config->definition != NULL ? definition_copy (config->definition) : NULL;
  service->config.definition = service->definition;
  service->config.uuid = g_strdup (config->uuid);
  service->config.engine = g_strdup (config->engine != NULL ? config->engine : "");
  service->config.engine_reason = g_strdup (config->engine_reason != NULL ? config->engine_reason : "");
  service->config.folder = config->folder != NULL ? g_canonicalize_filename (config->folder, NULL) : NULL;
  service->drives = config->drives != NULL ? g_ptr_array_ref (config->drives) : g_ptr_array_new ();
  service->config.drives = NULL;
  service->serials = g_memdup2 (config->serials, config->n_serials * sizeof (SerialPort *));
  service->config.serials = NULL;
  service->screens = g_new0 (ServiceScreen, config->n_outputs + 1);
  for (unsigned i = 0; i < config->n_outputs; i++)
    service->screens[i] = (ServiceScreen){ .service = service, .id = i, .output = config->outputs[i] };
  service->config.outputs = NULL;
}

ControlService *
control_service_new (const ControlConfig *config, GError **error)
{
  ControlService *service = g_new0 (ControlService, 1);
  int fd = -1;

  copy_config (service, config);
  service->lock_path = g_strconcat (service->config.socket_path, ".lock", NULL);
  service->lock_fd = -1;
  service->statm_fd = open ("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  service->start_time = g_get_monotonic_time ();
  g_queue_init (&service->handshakes);
  service->handshake_timer = ready_source_new (g_main_context_get_thread_default (), G_PRIORITY_DEFAULT,
                                               "control handshakes", on_handshake_timer, service);
  service->connections = g_ptr_array_new_with_free_func (connection_free);
  service->shares = g_ptr_array_new ();
  if (live_services == NULL)
    live_services = g_ptr_array_new ();
  g_ptr_array_add (live_services, service);
  make_skeleton (service);

  if (check_directory (service->config.socket_path, error) && take_lock (service, error))
    fd = bind_socket (service->config.socket_path, error);
  if (fd < 0)
    {
      control_service_free (service);
      return NULL;
    }
  service->bound = TRUE;

  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    {
      close (fd);
      control_service_free (service);
      return NULL;
    }
  service->listener = g_socket_service_new ();
  if (!g_socket_listener_add_socket (G_SOCKET_LISTENER (service->listener), socket, NULL, error))
    {
      control_service_free (service);
      return NULL;
    }
  g_signal_connect (service->listener, "incoming", G_CALLBACK (on_incoming), service);
  g_socket_service_start (service->listener);
  return service;
}

static void
free_screens (ControlService *service)
{
  while (service->shares->len > 0)
    {
      ShmServer *share = g_ptr_array_steal_index (service->shares, service->shares->len - 1);
      shm_server_free (share);
    }
  g_ptr_array_unref (service->shares);
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    {
      g_clear_pointer (&service->screens[i].vnc, vnc_server_free);
      g_clear_pointer (&service->screens[i].size_viewer, display_viewer_detach);
    }
  g_free (service->screens);
}

static void
on_farewell (GObject *source, GAsyncResult *result, gpointer data)
{
  g_dbus_connection_flush_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_ptr_array_remove_fast (data, source);
}

/* Clients hear of the end, if they read at all: the disks are locked until we are gone. */
static void
say_farewell (ControlService *service)
{
  g_autoptr (GPtrArray) connections = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) waiting = g_ptr_array_new ();
  /* A context of its own: nothing else may run here. */
  g_autoptr (GMainContext) context = g_main_context_new ();
  gint64 end = g_get_monotonic_time () + FAREWELL_MS * G_TIME_SPAN_MILLISECOND;

  for (guint i = 0; i < service->connections->len; i++)
    {
      ControlConnection *c = g_ptr_array_index (service->connections, i);
      g_ptr_array_add (connections, g_object_ref (c->connection));
    }
  g_ptr_array_set_size (service->connections, 0);
  g_main_context_push_thread_default (context);
  for (guint i = 0; i < connections->len; i++)
    {
      g_ptr_array_add (waiting, connections->pdata[i]);
      g_dbus_connection_flush (connections->pdata[i], NULL, on_farewell, waiting);
    }
  GSource *timer = g_timeout_source_new (FAREWELL_MS);
  g_source_set_dummy_callback (timer);
  g_source_attach (timer, context);
  while (waiting->len > 0 && g_get_monotonic_time () < end)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (timer);
  g_source_unref (timer);
  for (guint i = 0; i < waiting->len; i++)
    hang_up (waiting->pdata[i]);
  while (waiting->len > 0) /* each ends with an error now */
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  for (guint i = 0; i < connections->len; i++)
    g_dbus_connection_close_sync (connections->pdata[i], NULL, NULL);
}

void
control_service_free (ControlService *service)
{
  if (service == NULL)
    return;
  vm_set_error_func (service->config.vm, NULL, NULL);
  g_ptr_array_remove_fast (live_services, service);
  if (live_services->len == 0)
    g_clear_pointer (&live_services, g_ptr_array_unref);

  if (service->listener != NULL)
    {
      g_socket_service_stop (service->listener);
      g_socket_listener_close (G_SOCKET_LISTENER (service->listener));
      g_object_unref (service->listener);
    }
  for (GList *l = service->handshakes.head; l != NULL; l = l->next)
    {
      Handshake *handshake = l->data;
      handshake->service = NULL;
      g_cancellable_cancel (handshake->cancellable);
    }
  g_queue_clear (&service->handshakes);
  g_source_destroy (service->handshake_timer);
  g_source_unref (service->handshake_timer);
  control_devices_end (service);
  publish_state (service);
  say_farewell (service);
  g_ptr_array_unref (service->connections);
  free_screens (service);
  if (service->config.router != NULL)
    {
      vm_lock (service->config.vm);
      input_router_set_changed_func (service->config.router, NULL, NULL);
      if (service->input_source != NULL)
        {
          g_source_destroy (service->input_source);
          g_clear_pointer (&service->input_source, g_source_unref);
        }
      vm_unlock (service->config.vm);
    }
  g_object_unref (service->skeleton);
  if (service->bound)
    unlink (service->config.socket_path);
  if (service->lock_fd >= 0)
    {
      unlink (service->lock_path);
      close (service->lock_fd);
    }
  if (service->statm_fd >= 0)
    close (service->statm_fd);
  g_ptr_array_unref (service->drives);
  g_free (service->serials);
  g_free (service->lock_path);
  g_free ((char *)service->config.socket_path);
  g_free ((char *)service->config.name);
  g_clear_pointer (&service->definition, definition_unref);
  g_free ((char *)service->config.uuid);
  g_free ((char *)service->config.engine);
  g_free ((char *)service->config.engine_reason);
  g_free ((char *)service->config.folder);
  g_free (service);
}

void
control_service_media_changed (ControlService *service, const MachineDrive *drive)
{
  g_autofree char *text = definition_path_to_text (machine_drive_medium (drive));

  check_readers (service);
  viv_machine1_emit_media_changed (service->skeleton, drive->id, text != NULL ? text : "");
}

void
control_service_notice (ControlService *service, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  viv_machine1_emit_notice (service->skeleton, valid);
}

unsigned
control_service_n_connections (ControlService *service)
{
  return service->connections->len;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine with two screens, through the control socket: each is attached, served over VNC and pointed at by its id.
 */
#include "base/child.h"
#include "control/service-private.h"
#include "control/service.h"
#include "machine/control-socket.h"
#include "display/vnc-client.h"
#include "display/vnc-listen.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE (60 * G_TIME_SPAN_SECOND)
#define N        2

typedef struct
{
  Vm *vm;
  InputRouter *router;
  InputSink tablet;
  InputEvent place;
  unsigned n_places;
  ControlSocket *control;
  ControlService *service;
  GDBusConnection *connection;
  DisplayOutput *outputs[N];
  uint32_t size[N];
  pid_t helper; /* the last one; 0: none can be started */
  unsigned n_helpers, n_ended;
  gboolean no_helpers;
  char *notice;
  char *folder, *socket;
} Fixture;

static const DisplaySource source = { 0 };
static const uint32_t colour[N] = { 0x00112233, 0x00445566 };

static void
paint (Fixture *f, unsigned n, uint32_t width, uint32_t height)
{
  Framebuffer *fb = display_output_surface (f->outputs[n], width, height);

  for (uint32_t i = 0; i < width * height; i++)
    ((uint32_t *)fb->pixels)[i] = colour[n];
  display_output_set_scanout (f->outputs[n], fb);
}

static void
on_tablet (void *opaque, const InputEvent *event)
{
  Fixture *f = opaque;

  f->place = *event;
  f->n_places++;
}

static void
on_result (GObject *object, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

#define wait_for(condition)                                     \
  do                                                            \
    {                                                           \
      gint64 limit_ = g_get_monotonic_time () + PATIENCE;       \
      while (!(condition))                                      \
        {                                                       \
          g_main_context_iteration (NULL, FALSE);               \
          g_assert_cmpint (g_get_monotonic_time (), <, limit_); \
        }                                                       \
    }                                                           \
  while (0)

static void
on_helper_ended (GPid pid, int status, gpointer data)
{
  ((Fixture *)data)->n_ended++;
}

static int
on_start_helper (void *opaque, const char *kind, unsigned *number, GError **error)
{
  Fixture *f = opaque;

  g_assert_cmpstr (kind, ==, "vnc");
  if (f->no_helpers)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no helpers today");
      return -1;
    }
  f->n_helpers++;
  int socket = child_start_helper (VIVARIUM_VNC, &f->helper, error);
  g_child_watch_add (f->helper, on_helper_ended, f);
  return socket;
}

static void
on_notice (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
           const char *name, GVariant *parameters, gpointer data)
{
  Fixture *f = data;

  g_free (f->notice);
  g_variant_get (parameters, "(s)", &f->notice);
}

static void
begin (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GAsyncResult) result = NULL;

  memset (f, 0, sizeof *f);
  f->vm = vm_new (NULL, TRUE);
  f->router = input_router_new (f->vm);
  f->tablet = (InputSink){
    .name = "tablet", .kinds = INPUT_SINK_ABSOLUTE, .event = on_tablet, .opaque = f, .active = TRUE
  };
  vm_lock (f->vm);
  input_router_add (f->router, &f->tablet);
  vm_unlock (f->vm);
  for (unsigned i = 0; i < N; i++)
    {
      g_autofree char *name = g_strdup_printf ("display%u", i);

      f->outputs[i] = display_output_new (name, &source, f);
      paint (f, i, 64 + 32 * i, 48);
    }
  f->folder = g_dir_make_tmp ("viv-screens-XXXXXX", &error);
  g_assert_no_error (error);
  f->socket = g_build_filename (f->folder, "control", NULL);
  f->control = control_socket_new (f->socket, &error);
  g_assert_no_error (error);
  f->service = control_service_new (&(ControlConfig){ .vm = f->vm,
                                                      .listener = control_socket_fd (f->control),
                                                      .name = "test",
                                                      .uuid = "00000000-0000-4000-8000-000000000001",
                                                      .outputs = f->outputs,
                                                      .n_outputs = N,
                                                      .router = f->router,
                                                      .start_helper = on_start_helper,
                                                      .opaque = f },
                                    &error);
  g_assert_no_error (error);
  g_autofree char *address = g_strconcat ("unix:path=", f->socket, NULL);
  g_dbus_connection_new_for_address (address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
                                     on_result, &result);
  wait_for (result != NULL);
  f->connection = g_dbus_connection_new_for_address_finish (result, &error);
  g_assert_no_error (error);
  wait_for (control_service_n_connections (f->service) == 1);
  g_dbus_connection_signal_subscribe (f->connection, NULL, "org.vivarium.Machine1", "Notice", NULL, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_notice, f, NULL);
}

static void
end (Fixture *f)
{
  g_dbus_connection_close_sync (f->connection, NULL, NULL);
  g_object_unref (f->connection);
  control_service_free (f->service);
  wait_for (f->n_ended == f->n_helpers); /* none stays behind */
  g_free (f->notice);
  control_socket_free (f->control);
  for (unsigned i = 0; i < N; i++)
    display_output_free (f->outputs[i]);
  vm_lock (f->vm);
  input_router_remove (f->router, &f->tablet);
  input_router_free (f->router);
  vm_unlock (f->vm);
  vm_free (f->vm);
  g_rmdir (f->folder);
  g_free (f->folder);
  g_free (f->socket);
}

/* The answer, or NULL and the error. */
static GVariant *
call (Fixture *f, const char *interface, const char *method, GVariant *parameters, GUnixFDList **fds,
      GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_dbus_connection_call_with_unix_fd_list (f->connection, NULL, CONTROL_OBJECT_PATH, interface, method,
                                            parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL,
                                            on_result, &result);
  wait_for (result != NULL);
  return g_dbus_connection_call_with_unix_fd_list_finish (f->connection, fds, result, error);
}

/* What Screens says of one. */
static GVariant *
screen (Fixture *f, unsigned n)
{
  g_autoptr (GVariant) reply = call (f, "org.freedesktop.DBus.Properties", "Get",
                                     g_variant_new ("(ss)", "org.vivarium.Machine1", "Screens"), NULL, NULL);
  g_autoptr (GVariant) list = NULL;

  g_assert_nonnull (reply);
  g_variant_get (reply, "(v)", &list);
  g_assert_cmpuint (g_variant_n_children (list), ==, N);
  return g_variant_get_child_value (list, n);
}

static void
check_number (GVariant *values, const char *key, guint32 expected)
{
  guint32 value;

  g_assert_true (g_variant_lookup (values, key, "u", &value));
  g_assert_cmpuint (value, ==, expected);
}

static void
on_viewer_scanout (void *opaque, const Framebuffer *fb)
{
  if (fb != NULL)
    *(uint32_t *)opaque = *(const uint32_t *)fb->pixels & 0xffffff;
}

static void
test_list (void)
{
  Fixture f;

  begin (&f);
  for (unsigned i = 0; i < N; i++)
    {
      g_autoptr (GVariant) values = screen (&f, i);
      const char *name;

      check_number (values, "id", i);
      check_number (values, "width", 64 + 32 * i);
      check_number (values, "height", 48);
      g_assert_true (g_variant_lookup (values, "name", "&s", &name));
      g_assert_cmpstr (name, ==, i == 0 ? "display0" : "display1");
    }
  paint (&f, 1, 128, 80);
  g_autoptr (GVariant) values = screen (&f, 1);
  check_number (values, "width", 128);
  check_number (values, "height", 80);
  g_assert_cmpuint (viv_machine1_get_width (f.service->skeleton), ==, 64);
  end (&f);
}

static void
test_attach (void)
{
  static const ShmViewerFuncs funcs = { .scanout = on_viewer_scanout };
  Fixture f;

  begin (&f);
  for (unsigned i = 0; i < N; i++)
    {
      g_autoptr (GUnixFDList) fds = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) reply
          = call (&f, "org.vivarium.Machine1", "AttachScreen", g_variant_new ("(u)", i), &fds, &error);
      uint32_t seen = 0;

      g_assert_no_error (error);
      ShmViewer *viewer = shm_viewer_new (g_unix_fd_list_get (fds, 0, NULL), &funcs, &seen, &error);
      g_assert_no_error (error);
      wait_for (seen != 0);
      g_assert_cmphex (seen, ==, colour[i]);
      shm_viewer_free (viewer);
    }
  g_autoptr (GError) error = NULL;
  g_assert_null (call (&f, "org.vivarium.Machine1", "AttachScreen", g_variant_new ("(u)", N), NULL, &error));
  g_assert_nonnull (strstr (error->message, "no such screen"));
  end (&f);
}

static void
on_client_scanout (void *opaque, const Framebuffer *fb)
{
}

static void
on_client_damage (void *opaque, const Damage *damage)
{
  (*(unsigned *)opaque)++;
}

static gboolean
is_colour (const Framebuffer *fb, unsigned n)
{
  return fb != NULL && fb->width > 0 && (*(const uint32_t *)fb->pixels & 0xffffff) == colour[n];
}

/* As a client does it; the first address, or NULL and the error.  `password` -1: none. */
static char *
serve (Fixture *f, const char *address, int password, GError **error)
{
  g_auto (VncListeners) listeners = { 0 };
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  g_autoptr (GAsyncResult) result = NULL;
  GVariantBuilder handles, passwords;

  if (!vnc_listen (address, N, TRUE, &listeners, error))
    return NULL;
  g_variant_builder_init (&handles, G_VARIANT_TYPE ("ah"));
  g_variant_builder_init (&passwords, G_VARIANT_TYPE ("ah"));
  for (unsigned i = 0; i < N; i++)
    g_variant_builder_add (&handles, "h", g_unix_fd_list_append (list, listeners.fds[i], NULL));
  if (password >= 0)
    g_variant_builder_add (&passwords, "h", g_unix_fd_list_append (list, password, NULL));
  g_dbus_connection_call_with_unix_fd_list (
      f->connection, NULL, CONTROL_OBJECT_PATH, "org.vivarium.Machine1", "VncServe",
      g_variant_new ("(^asahah)", listeners.addresses, &handles, &passwords), NULL, G_DBUS_CALL_FLAGS_NONE,
      -1, list, NULL, on_result, &result);
  wait_for (result != NULL);
  g_autoptr (GVariant) reply
      = g_dbus_connection_call_with_unix_fd_list_finish (f->connection, NULL, result, error);
  return reply != NULL ? g_strdup (listeners.addresses[0]) : NULL;
}

/* Where a screen is served; to be freed. */
static char *
served_at (Fixture *f, unsigned n)
{
  g_autoptr (GVariant) values = screen (f, n);
  char *address;

  g_assert_true (g_variant_lookup (values, "vnc", "s", &address));
  return address;
}

static const VncClientFuncs client_funcs = { .scanout = on_client_scanout, .damage = on_client_damage };

/* A client sees the screen, and its pointer is heard. */
static void
check_served (Fixture *f, unsigned n)
{
  g_autofree char *address = served_at (f, n);
  unsigned seen = 0;
  VncClient *client = vnc_client_new (address, &client_funcs, &seen);

  wait_for (seen > 0 && is_colour (vnc_client_framebuffer (client), n));
  g_assert_cmpuint (vnc_client_framebuffer (client)->width, ==, 64 + 32 * n);
  f->n_places = 0;
  vnc_client_input (client, &(InputEvent){ INPUT_EVENT_ABSOLUTE, 0, 0, 16384, 16384 });
  wait_for (f->n_places > 0);
  g_assert_cmpint (f->place.value, ==, n);
  vnc_client_free (client);
}

static void
stop (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = call (f, "org.vivarium.Machine1", "VncStop", NULL, NULL, &error);

  g_assert_no_error (error);
}

/* One port a screen; a pointer over one of them says over which. */
static void
test_vnc (void)
{
  g_autoptr (GError) error = NULL;
  Fixture f;

  begin (&f);
  g_autofree char *first = serve (&f, "127.0.0.1:0", -1, &error);
  g_assert_no_error (error);
  g_autofree char *address = served_at (&f, 0);
  g_assert_cmpstr (address, ==, first);
  for (unsigned i = 0; i < N; i++)
    check_served (&f, i);
  stop (&f);
  for (unsigned i = 0; i < N; i++)
    {
      g_autofree char *none = served_at (&f, i);
      g_assert_cmpstr (none, ==, "");
    }
  end (&f);
}

/* What can't be served leaves what is, and who has switched VNC off finds its address free. */
static void
test_vnc_again (void)
{
  g_autoptr (GError) error = NULL, refused = NULL;
  g_autofree char *file = NULL, *unix_address = NULL;
  int nothing[2];
  Fixture f;

  begin (&f);
  g_autofree char *first = serve (&f, "127.0.0.1:0", -1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pipe (nothing), ==, 0);
  g_assert_null (serve (&f, "127.0.0.1:0", nothing[0], &refused));
  g_assert_nonnull (strstr (refused->message, "password"));
  f.no_helpers = TRUE;
  g_clear_error (&refused);
  g_assert_null (serve (&f, "127.0.0.1:0", -1, &refused));
  g_assert_nonnull (strstr (refused->message, "no helpers today"));
  f.no_helpers = FALSE;
  g_autofree char *still = served_at (&f, 0);
  g_assert_cmpstr (still, ==, first);
  check_served (&f, 1);
  for (unsigned i = 0; i < 3; i++)
    {
      stop (&f);
      g_autofree char *again = serve (&f, first, -1, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (again, ==, first);
    }
  check_served (&f, 0);

  file = g_build_filename (f.folder, "vnc", NULL);
  unix_address = g_strconcat ("unix:", file, NULL);
  for (unsigned i = 0; i < 2; i++)
    {
      g_autofree char *here = serve (&f, unix_address, -1, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (here, ==, unix_address);
      check_served (&f, 1);
      stop (&f);
      for (unsigned j = 0; j < N; j++)
        {
          g_autofree char *name
              = j > 0 ? g_strdup_printf ("%s.%u", unix_address, j) : g_strdup (unix_address);
          g_assert_true (g_file_test (name + 5, G_FILE_TEST_EXISTS));
          vnc_listen_tidy (name);
          g_assert_false (g_file_test (name + 5, G_FILE_TEST_EXISTS));
        }
    }
  close (nothing[0]);
  close (nothing[1]);
  end (&f);
}

static void
on_key (void *opaque, const InputEvent *event)
{
  Fixture *f = opaque;

  f->n_places += event->value != 0 ? 1 : 100;
}

/* The machine lives on when the server dies, keys that were held go up, and VNC is back at the same address; but not for ever. */
static void
test_vnc_dies (void)
{
  g_autoptr (GError) error = NULL;
  unsigned seen = 0;
  InputSink keyboard;
  Fixture f;

  begin (&f);
  keyboard = (InputSink){
    .name = "keyboard", .kinds = INPUT_SINK_KEYBOARD, .event = on_key, .opaque = &f, .active = TRUE
  };
  vm_lock (f.vm);
  input_router_add (f.router, &keyboard);
  vm_unlock (f.vm);
  g_autofree char *first = serve (&f, "127.0.0.1:0", -1, &error);
  g_assert_no_error (error);
  VncClient *client = vnc_client_new (first, &client_funcs, &seen);
  wait_for (seen > 0 && is_colour (vnc_client_framebuffer (client), 0));
  f.n_places = 0;
  vnc_client_input (client, &(InputEvent){ INPUT_EVENT_KEY, 30, 1, 0, 0 });
  wait_for (f.n_places == 1);
  kill (f.helper, SIGKILL);
  wait_for (f.n_places == 101);
  vnc_client_free (client);
  for (unsigned i = 1; i <= 3; i++)
    {
      wait_for (f.n_helpers == 1 + i);
      g_autofree char *now = served_at (&f, 0);
      g_assert_cmpstr (now, ==, first);
      check_served (&f, 0);
      g_assert_null (f.notice);
      kill (f.helper, SIGKILL);
    }
  wait_for (f.notice != NULL);
  g_test_message ("%s", f.notice);
  g_assert_cmpuint (f.n_helpers, ==, 4);
  g_autofree char *none = served_at (&f, 0);
  g_assert_cmpstr (none, ==, "");
  /* Who wants it again gets it. */
  g_autofree char *again = serve (&f, first, -1, &error);
  g_assert_no_error (error);
  check_served (&f, 1);
  vm_lock (f.vm);
  input_router_remove (f.router, &keyboard);
  vm_unlock (f.vm);
  end (&f);
}

/* What stands still is waited for, and no longer than that. */
static void
test_vnc_stopped (void)
{
  g_autoptr (GError) error = NULL;
  Fixture f;

  begin (&f);
  g_autofree char *first = serve (&f, "127.0.0.1:0", -1, &error);
  g_assert_no_error (error);
  kill (f.helper, SIGSTOP);
  stop (&f);
  g_autofree char *none = served_at (&f, 0);
  g_assert_cmpstr (none, ==, "");
  kill (f.helper, SIGCONT);
  end (&f);
}

static void
send_place (Fixture *f, int which)
{
  GVariantBuilder events;
  g_autoptr (GError) error = NULL;

  g_variant_builder_init (&events, G_VARIANT_TYPE ("a(uqiii)"));
  g_variant_builder_add (&events, "(uqiii)", INPUT_EVENT_ABSOLUTE, 0, which, 5, 6);
  g_autoptr (GVariant) reply
      = call (f, "org.vivarium.Machine1", "Input", g_variant_new ("(a(uqiii))", &events), NULL, &error);
  g_assert_no_error (error);
}

static void
test_pointer (void)
{
  static const int wrong[] = { N, -1, G_MAXINT };
  Fixture f;

  begin (&f);
  send_place (&f, 1);
  g_assert_cmpuint (f.n_places, ==, 1);
  g_assert_cmpint (f.place.value, ==, 1);
  g_assert_cmpint (f.place.x, ==, 5);
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    send_place (&f, wrong[i]);
  g_assert_cmpuint (f.n_places, ==, 1);
  end (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control/screens/list", test_list);
  g_test_add_func ("/control/screens/attach", test_attach);
  g_test_add_func ("/control/screens/vnc", test_vnc);
  g_test_add_func ("/control/screens/vnc-again", test_vnc_again);
  g_test_add_func ("/control/screens/vnc-dies", test_vnc_dies);
  g_test_add_func ("/control/screens/vnc-stopped", test_vnc_stopped);
  g_test_add_func ("/control/screens/pointer", test_pointer);
  return g_test_run ();
}

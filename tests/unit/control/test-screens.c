/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine with two screens, through the control socket: each is attached, served over VNC and pointed at by its id.
 */
#include "control/service-private.h"
#include "control/service.h"
#include "display/vnc-client.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <glib/gstdio.h>
#include <string.h>

#define PATIENCE (60 * G_TIME_SPAN_SECOND)
#define N        2

typedef struct
{
  Vm *vm;
  InputRouter *router;
  InputSink tablet;
  InputEvent place;
  unsigned n_places;
  ControlService *service;
  GDBusConnection *connection;
  DisplayOutput *outputs[N];
  uint32_t size[N];
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
  f->service = control_service_new (&(ControlConfig){ .vm = f->vm,
                                                      .socket_path = f->socket,
                                                      .name = "test",
                                                      .uuid = "00000000-0000-4000-8000-000000000001",
                                                      .outputs = f->outputs,
                                                      .n_outputs = N,
                                                      .router = f->router },
                                    &error);
  g_assert_no_error (error);
  g_autofree char *address = g_strconcat ("unix:path=", f->socket, NULL);
  g_dbus_connection_new_for_address (address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
                                     on_result, &result);
  wait_for (result != NULL);
  f->connection = g_dbus_connection_new_for_address_finish (result, &error);
  g_assert_no_error (error);
  wait_for (control_service_n_connections (f->service) == 1);
}

static void
end (Fixture *f)
{
  g_dbus_connection_close_sync (f->connection, NULL, NULL);
  g_object_unref (f->connection);
  control_service_free (f->service);
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

/* One port a screen; a pointer over one of them says over which. */
static void
test_vnc (void)
{
  static const VncClientFuncs funcs = { .scanout = on_client_scanout, .damage = on_client_damage };
  g_autoptr (GError) error = NULL;
  Fixture f;

  begin (&f);
  g_autoptr (GVariant) reply = call (&f, "org.vivarium.Machine1", "VncStart",
                                     g_variant_new ("(ss)", "127.0.0.1:0", ""), NULL, &error);
  g_assert_no_error (error);
  g_autofree char *first = NULL;
  g_variant_get (reply, "(s)", &first);
  for (unsigned i = 0; i < N; i++)
    {
      g_autoptr (GVariant) values = screen (&f, i);
      const char *address;
      unsigned seen = 0;

      g_assert_true (g_variant_lookup (values, "vnc", "&s", &address));
      g_assert_true (g_str_has_prefix (address, "127.0.0.1:"));
      g_assert_true ((i == 0) == g_str_equal (address, first));
      VncClient *client = vnc_client_new (address, &funcs, &seen);
      wait_for (seen > 0 && is_colour (vnc_client_framebuffer (client), i));
      g_assert_cmpuint (vnc_client_framebuffer (client)->width, ==, 64 + 32 * i);
      f.n_places = 0;
      vnc_client_input (client, &(InputEvent){ INPUT_EVENT_ABSOLUTE, 0, 0, 16384, 16384 });
      wait_for (f.n_places > 0);
      g_assert_cmpint (f.place.value, ==, i);
      vnc_client_free (client);
    }
  g_clear_pointer (&reply, g_variant_unref);
  reply = call (&f, "org.vivarium.Machine1", "VncStop", NULL, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (GVariant) values = screen (&f, 1);
  const char *address;
  g_assert_true (g_variant_lookup (values, "vnc", "&s", &address));
  g_assert_cmpstr (address, ==, "");
  end (&f);
}

/* The same port again, by another name of the host, is served anew; what can't be served leaves what is. */
static void
test_vnc_again (void)
{
  g_autoptr (GError) error = NULL, refused = NULL;
  g_autofree char *first = NULL, *second = NULL, *same = NULL;
  const char *now;
  Fixture f;

  begin (&f);
  g_autoptr (GVariant) reply = call (&f, "org.vivarium.Machine1", "VncStart",
                                     g_variant_new ("(ss)", "127.0.0.1:0", ""), NULL, &error);
  g_assert_no_error (error);
  g_variant_get (reply, "(s)", &first);
  g_autoptr (GVariant) bad = call (&f, "org.vivarium.Machine1", "VncStart",
                                   g_variant_new ("(ss)", first, "/nonexistent/password"), NULL, &refused);
  g_assert_null (bad);
  g_autoptr (GVariant) values = screen (&f, 0);
  g_assert_true (g_variant_lookup (values, "vnc", "&s", &now));
  g_assert_cmpstr (now, ==, first);
  same = g_strconcat ("localhost", strrchr (first, ':'), NULL);
  g_autoptr (GVariant) again
      = call (&f, "org.vivarium.Machine1", "VncStart", g_variant_new ("(ss)", same, ""), NULL, &error);
  g_assert_no_error (error);
  g_variant_get (again, "(s)", &second);
  g_assert_cmpstr (strrchr (second, ':'), ==, strrchr (first, ':'));

  /* A socket that somebody has taken away is there again. */
  g_autofree char *file = g_build_filename (f.folder, "vnc", NULL),
                  *unix_address = g_strconcat ("unix:", file, NULL);
  for (unsigned i = 0; i < 2; i++)
    {
      g_autoptr (GVariant) here = call (&f, "org.vivarium.Machine1", "VncStart",
                                        g_variant_new ("(ss)", unix_address, ""), NULL, &error);
      g_assert_no_error (error);
      g_assert_true (g_file_test (file, G_FILE_TEST_EXISTS));
      g_assert_cmpint (unlink (file), ==, 0);
    }
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
  g_test_add_func ("/control/screens/pointer", test_pointer);
  return g_test_run ();
}

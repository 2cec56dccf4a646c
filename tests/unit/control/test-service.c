/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control socket against clients that don't do their part: half a handshake, silence, a socket that nobody reads.
 */
#include "control/service-private.h"
#include "control/service.h"
#include "machine/control-socket.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE (30 * G_TIME_SPAN_SECOND)

typedef struct
{
  MachineDefinition *definition;
  Vm *vm;
  InputRouter *router;
  ControlSocket *place;
  ControlService *service;
  GPtrArray *drives; /* MachineDrive */
  char *folder, *socket, *address;
} Fixture;

static gboolean button_heard;

static gboolean
on_power_button (void *opaque)
{
  return button_heard;
}

static char *
on_place (void *opaque, const char *id)
{
  return g_str_equal (id, "disk0") ? g_strdup ("ide 0:0") : NULL;
}

/* What the next medium is refused for; NULL: nothing. */
static const char *refusal;

static MachineDrive disk
    = { .id = (char[]){ "disk0" }, .kind = DRIVE_DISK, .path = (char[]){ "/images/a.img" } };
static MachineDrive cdrom = { .id = (char[]){ "cdrom0" }, .kind = DRIVE_CDROM, .readonly = TRUE };

static gboolean
on_medium (void *opaque, const char *id, const char *path, int fd, gboolean readonly, gboolean force,
           GError **error)
{
  if (refusal == NULL)
    {
      g_assert_cmpstr (id, ==, "cdrom0");
      g_free (cdrom.path);
      cdrom.path = g_strdup (path);
      return TRUE;
    }
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PENDING, refusal);
  return FALSE;
}

/* The last order to plug or unplug, until a test answers it. */
static struct
{
  char *id;
  gboolean plug, force;
  unsigned n;
  VmDoneFunc done[4];
  void *opaque[4];
} ordered;

static void
take_order (const char *id, gboolean plug, gboolean force, VmDoneFunc done, void *opaque)
{
  g_free (ordered.id);
  ordered.id = g_strdup (id);
  ordered.plug = plug;
  ordered.force = force;
  g_assert_cmpuint (ordered.n, <, G_N_ELEMENTS (ordered.done));
  ordered.done[ordered.n] = done;
  ordered.opaque[ordered.n++] = opaque;
}

static void
on_plug (void *opaque, MachineDefinition *definition, const char *id, VmDoneFunc done, void *done_opaque)
{
  g_assert_nonnull (definition_find (definition, id));
  take_order (id, TRUE, FALSE, done, done_opaque);
}

static void
on_unplug (void *opaque, const char *id, gboolean force, VmDoneFunc done, void *done_opaque)
{
  take_order (id, FALSE, force, done, done_opaque);
}

/* All of them alike. */
static void
answer_orders (Vm *vm, int code)
{
  g_autoptr (GError) error = code != 0 ? g_error_new_literal (G_IO_ERROR, code, "it won't") : NULL;
  unsigned n = ordered.n;

  ordered.n = 0;
  for (unsigned i = 0; i < n; i++)
    ordered.done[i](vm, error, ordered.opaque[i]);
  g_clear_pointer (&ordered.id, g_free);
}

static void
begin (Fixture *f, unsigned handshake_ms)
{
  g_autoptr (GError) error = NULL;

  memset (f, 0, sizeof *f);
  f->vm = vm_new (NULL, TRUE);
  f->definition = definition_new ("test");
  definition_add_drive (f->definition, DRIVE_DISK, "/images/a.img");
  definition_add_drive (f->definition, DRIVE_CDROM, NULL);
  f->drives = g_ptr_array_new ();
  g_ptr_array_add (f->drives, &disk);
  g_ptr_array_add (f->drives, &cdrom);
  f->router = input_router_new (f->vm);
  f->folder = g_dir_make_tmp ("viv-service-XXXXXX", &error);
  g_assert_no_error (error);
  f->socket = g_build_filename (f->folder, "control", NULL);
  f->address = g_strconcat ("unix:path=", f->socket, NULL);
  f->place = control_socket_new (f->socket, &error);
  g_assert_no_error (error);
  f->service = control_service_new (&(ControlConfig){ .vm = f->vm,
                                                      .listener = control_socket_fd (f->place),
                                                      .name = "test",
                                                      .uuid = "00000000-0000-4000-8000-000000000001",
                                                      .router = f->router,
                                                      .definition = f->definition,
                                                      .place = on_place,
                                                      .drives = f->drives,
                                                      .change_media = on_medium,
                                                      .power_button = on_power_button,
                                                      .sleep_button = on_power_button,
                                                      .plug = on_plug,
                                                      .unplug = on_unplug,
                                                      .unplug_ms = 1,
                                                      .handshake_ms = handshake_ms },
                                    &error);
  g_assert_no_error (error);
}

static void
end (Fixture *f)
{
  if (f->service != NULL)
    control_service_free (f->service);
  control_socket_free (f->place);
  definition_unref (f->definition);
  g_ptr_array_unref (f->drives);
  g_clear_pointer (&cdrom.path, g_free);
  input_router_free (f->router);
  vm_free (f->vm);
  g_rmdir (f->folder);
  g_free (f->folder);
  g_free (f->socket);
  g_free (f->address);
}

static int
dial (Fixture *f)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, f->socket, sizeof address.sun_path);
  g_assert_cmpint (connect (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

static void
on_connected (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

/* A client that does it right; NULL: it was sent away. */
static GDBusConnection *
join (Fixture *f)
{
  g_autoptr (GAsyncResult) result = NULL;
  gint64 limit = g_get_monotonic_time () + PATIENCE;
  unsigned before = control_service_n_connections (f->service);

  g_dbus_connection_new_for_address (f->address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
                                     on_connected, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  GDBusConnection *connection = g_dbus_connection_new_for_address_finish (result, NULL);
  while (connection != NULL && control_service_n_connections (f->service) == before)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_main_context_iteration (NULL, FALSE);
      g_usleep (500);
    }
  return connection;
}

static gboolean
hung_up (int fd)
{
  struct pollfd p = { fd, POLLIN | POLLRDHUP, 0 };

  return poll (&p, 1, 0) == 1 && p.revents & (POLLRDHUP | POLLHUP);
}

static void
leave (GDBusConnection *connection)
{
  g_dbus_connection_close_sync (connection, NULL, NULL);
  g_object_unref (connection);
}

/* What a client says until it is in. */
static GString *
handshake (void)
{
  g_autofree char *uid = g_strdup_printf ("%u", (unsigned)geteuid ());
  GString *text = g_string_new_len ("", 1);

  g_string_append (text, "AUTH EXTERNAL ");
  for (const char *p = uid; *p != '\0'; p++)
    g_string_append_printf (text, "%02x", *p);
  g_string_append (text, "\r\nBEGIN\r\n");
  return text;
}

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_usleep (200);
}

#define wait_for(condition)                                     \
  do                                                            \
    {                                                           \
      gint64 limit_ = g_get_monotonic_time () + PATIENCE;       \
      while (!(condition))                                      \
        {                                                       \
          pump ();                                              \
          g_assert_cmpint (g_get_monotonic_time (), <, limit_); \
        }                                                       \
    }                                                           \
  while (0)

/* Closed after each byte of the handshake, more often than there are places: politely, at once, and before it was even accepted. */
static void
test_half_way (void)
{
  g_autoptr (GString) text = handshake ();
  Fixture f;

  begin (&f, 0);
  for (unsigned how = 0; how < 3; how++)
    for (unsigned i = 0; i < MAX (text->len + 1, 2 * CONTROL_MAX_CONNECTIONS); i++)
      {
        gsize length = i % (text->len + 1);
        int fd = dial (&f);

        g_assert_cmpint (send (fd, text->str, length, MSG_NOSIGNAL), ==, length);
        if (how == 0)
          {
            shutdown (fd, SHUT_WR);
            wait_for (hung_up (fd));
          }
        else if (how == 1)
          for (unsigned j = 0; j < 5; j++)
            pump ();
        close (fd);
        if (how == 2 && i % 8 == 7)
          pump ();
      }
  GDBusConnection *connection = join (&f);
  g_assert_nonnull (connection);
  leave (connection);
  wait_for (control_service_n_connections (f.service) == 0);
  end (&f);
}

/* More silent clients than places: whoever comes next gets in. */
static void
test_silent (void)
{
  int fds[40];
  Fixture f;

  begin (&f, 200);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = dial (&f);
  GDBusConnection *connection = join (&f);
  g_assert_nonnull (connection);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      wait_for (hung_up (fds[i]));
      close (fds[i]);
    }
  g_assert_false (g_dbus_connection_is_closed (connection));
  leave (connection);
  end (&f);
}

/* A call under way; the error's words when it was refused, "" when not. */
typedef struct
{
  gboolean ended;
  char *refusal;
} Call;

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Call *call = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) answer = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &error);

  g_assert_true ((answer == NULL) == (error != NULL));
  call->ended = TRUE;
  call->refusal = g_strdup (error != NULL ? error->message : "");
}

static void
begin_call (GDBusConnection *connection, Call *call, const char *method, GVariant *parameters)
{
  *call = (Call){ FALSE, NULL };
  g_dbus_connection_call (connection, NULL, CONTROL_OBJECT_PATH, "org.vivarium.Machine1", method, parameters,
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_answer, call);
}

#define check_refusal(call, text)                               \
  G_STMT_START                                                  \
  {                                                             \
    wait_for ((call)->ended);                                   \
    g_test_message ("%s", (call)->refusal);                     \
    g_assert_nonnull (strstr ((call)->refusal, text));          \
    g_assert_true (text[0] != 0 || (call)->refusal[0] == '\0'); \
    g_free ((call)->refusal);                                   \
  }                                                             \
  G_STMT_END

static GVariant *
four_keys (void)
{
  GVariantBuilder keys;

  g_variant_builder_init (&keys, G_VARIANT_TYPE ("a(qb)"));
  for (unsigned i = 0; i < 8; i++)
    g_variant_builder_add (&keys, "(qb)", 30 + i / 2, i % 2 == 0);
  return g_variant_new ("(@a(qb))", g_variant_builder_end (&keys));
}

/* What a paused machine, or one that doesn't listen, is asked for in vain is refused with words; who was typing when the pause came
 * hears how far it went. */
static void
test_refusals (void)
{
  Fixture f;
  Call call;

  begin (&f, 0);
  GDBusConnection *connection = join (&f);
  g_assert_nonnull (connection);
  vm_start (f.vm, FALSE);
  begin_call (connection, &call, "TypeKeys", four_keys ());
  wait_for (vm_clock_next_deadline (f.vm->clock) >= 0);
  vm_clock_advance (f.vm->clock, NS_PER_SECOND);
  check_refusal (&call, "");
  begin_call (connection, &call, "TypeKeys", four_keys ());
  wait_for (vm_clock_next_deadline (f.vm->clock) >= 0);
  vm_clock_advance (f.vm->clock, 30 * 1000 * 1000);
  g_assert_false (call.ended);
  vm_pause (f.vm, "");
  check_refusal (&call, "3 of 8");
  begin_call (connection, &call, "TypeKeys", four_keys ());
  check_refusal (&call, "paused");
  begin_call (connection, &call, "PowerDown", NULL);
  check_refusal (&call, "paused");
  vm_resume (f.vm);
  /* Nothing of it comes later. */
  g_assert_cmpint (vm_clock_next_deadline (f.vm->clock), <, 0);
  button_heard = FALSE;
  begin_call (connection, &call, "PowerDown", NULL);
  check_refusal (&call, "nothing in the machine listens to its power button");
  begin_call (connection, &call, "SleepButton", NULL);
  check_refusal (&call, "nothing in the machine listens to its sleep button");
  button_heard = TRUE;
  begin_call (connection, &call, "PowerDown", NULL);
  check_refusal (&call, "");
  begin_call (connection, &call, "SleepButton", NULL);
  check_refusal (&call, "");
  leave (connection);
  end (&f);
}

/* What waits to be typed is bounded, however many calls it comes with. */
static void
test_typing_bounded (void)
{
  const unsigned n = 1024 * 1024 - 10;
  g_autofree InputKey *keys = g_new0 (InputKey, n);
  Fixture f;
  Call call, another;

  begin (&f, 0);
  GDBusConnection *connection = join (&f);
  g_assert_nonnull (connection);
  vm_start (f.vm, FALSE);
  for (unsigned i = 0; i < n; i++)
    keys[i] = (InputKey){ .code = 30, .down = i % 2 == 0 };
  vm_lock (f.vm);
  input_router_type (f.router, keys, n, NULL, NULL);
  vm_unlock (f.vm);
  begin_call (connection, &call, "TypeKeys", four_keys ());
  begin_call (connection, &another, "TypeKeys", four_keys ());
  check_refusal (&another, "wait to be typed");
  g_assert_false (call.ended);
  vm_pause (f.vm, "");
  check_refusal (&call, "0 of 8");
  leave (connection);
  end (&f);
}

/* Many at once who all do it right: none is sent away. */
static void
test_crowd (void)
{
  g_autoptr (GString) text = handshake ();
  int fds[CONTROL_MAX_CONNECTIONS];
  Fixture f;

  begin (&f, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = dial (&f);
      g_assert_cmpint (send (fds[i], text->str, text->len, MSG_NOSIGNAL), ==, text->len);
    }
  wait_for (control_service_n_connections (f.service) == G_N_ELEMENTS (fds));
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  end (&f);
}

/* The guest toggles its LEDs while a client doesn't read: its end comes all the same. */
static void
test_stopped_client (void)
{
  g_autoptr (GString) text = handshake ();
  Fixture f;
  int fd;

  begin (&f, 0);
  fd = dial (&f);
  g_assert_cmpint (send (fd, text->str, text->len, MSG_NOSIGNAL), ==, text->len);
  wait_for (control_service_n_connections (f.service) == 1);
  for (unsigned i = 0; i < 5000; i++)
    {
      vm_lock (f.vm);
      input_router_set_leds (f.router, i & 7);
      vm_unlock (f.vm);
      while (g_main_context_iteration (NULL, FALSE))
        ;
    }
  end (&f); /* returns, or the harness ends us */
  close (fd);
}

static void
on_called (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

/* A call names a descriptor by its number among those that came with it: any number, and none may have come. */
static void
test_wrong_descriptor (void)
{
  static const gint32 numbers[] = { 0, 1, 5, -1, G_MAXINT32, G_MININT32 };
  Fixture f;

  begin (&f, 0);
  GDBusConnection *connection = join (&f);
  for (unsigned i = 0; i < 2 * G_N_ELEMENTS (numbers); i++)
    {
      int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
      g_autoptr (GUnixFDList) list = i & 1 ? g_unix_fd_list_new_from_array (&fd, 1) : NULL;
      g_autoptr (GAsyncResult) result = NULL;
      g_autoptr (GError) error = NULL;

      g_dbus_connection_call_with_unix_fd_list (connection, NULL, CONTROL_OBJECT_PATH,
                                                "org.vivarium.Machine1", "SaveStateFile",
                                                g_variant_new ("(h)", numbers[i / 2]), NULL,
                                                G_DBUS_CALL_FLAGS_NONE, -1, list, NULL, on_called, &result);
      wait_for (result != NULL);
      g_assert_null (g_dbus_connection_call_with_unix_fd_list_finish (connection, NULL, result, &error));
      g_assert_nonnull (strstr (error->message, "no regular file came with the call"));
      g_clear_error (&error);
      g_clear_object (&result);
      refusal = numbers[i / 2] == 0 && list != NULL ? "the drive looks at it" : "must not come to that";
      g_dbus_connection_call_with_unix_fd_list (
          connection, NULL, CONTROL_OBJECT_PATH, "org.vivarium.Machine1", "InsertMedium",
          g_variant_new ("(ssbbh)", "cdrom0", "/null", TRUE, FALSE, numbers[i / 2]), NULL,
          G_DBUS_CALL_FLAGS_NONE, -1, list, NULL, on_called, &result);
      wait_for (result != NULL);
      g_assert_null (g_dbus_connection_call_with_unix_fd_list_finish (connection, NULL, result, &error));
      g_assert_nonnull (strstr (error->message, numbers[i / 2] == 0 && list != NULL
                                                    ? "the drive looks at it"
                                                    : "no medium came with the call"));
      if (list == NULL)
        close (fd);
    }
  refusal = NULL;
  leave (connection);
  end (&f);
}

static gpointer
toggle_leds (gpointer data)
{
  Fixture *f = data;

  vm_lock (f->vm);
  input_router_set_leds (f->router, 5);
  vm_unlock (f->vm);
  return NULL;
}

static void
on_leds (GObject *skeleton, GParamSpec *property, gpointer data)
{
  *(GThread **)data = g_thread_self ();
}

/* A processor sets the LEDs on its own thread; clients are the main loop's, and so is what tells them. */
static void
test_leds_elsewhere (void)
{
  GThread *told = NULL;
  Fixture f;

  begin (&f, 0);
  g_signal_connect (f.service->skeleton, "notify::leds", G_CALLBACK (on_leds), &told);
  g_thread_join (g_thread_new ("processor", toggle_leds, &f));
  g_assert_null (told);
  wait_for (told != NULL);
  g_assert_true (told == g_thread_self ());
  g_assert_cmpuint (viv_machine1_get_leds (f.service->skeleton), ==, 5);
  /* Once more, and the service ends before the loop comes to it. */
  vm_lock (f.vm);
  input_router_set_leds (f.router, 0);
  vm_unlock (f.vm);
  g_thread_join (g_thread_new ("processor", toggle_leds, &f));
  control_service_free (f.service);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  f.service = NULL;
  end (&f);
}

/* -- Devices -- */

static GVariant *
ask (GDBusConnection *connection, const char *method, GVariant *parameters, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_dbus_connection_call (connection, NULL, CONTROL_OBJECT_PATH, "org.vivarium.Machine1", method, parameters,
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_connected, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return g_dbus_connection_call_finish (connection, result, error);
}

/* What a device's key is, as ListDevices has it; NULL: no such device, or not set. */
static char *
listed (GDBusConnection *connection, const char *id, const char *key)
{
  g_autoptr (GVariant) reply = ask (connection, "ListDevices", NULL, NULL);
  GVariantIter *devices;
  const char *one, *kind, *place;
  char *found = NULL;
  GVariant *keys;

  g_variant_get (reply, "(a(sssa{ss}))", &devices);
  while (g_variant_iter_loop (devices, "(&s&s&s@a{ss})", &one, &kind, &place, &keys))
    if (g_str_equal (one, id))
      {
        if (g_str_equal (key, "place"))
          found = g_strdup (place);
        else
          g_variant_lookup (keys, key, "s", &found);
      }
  g_variant_iter_free (devices);
  return found;
}

static void
refused (GDBusConnection *connection, const char *method, GVariant *parameters, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = ask (connection, method, parameters, &error);

  g_assert_null (reply);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, says));
}

static void
on_media_signal (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                 const char *signal, GVariant *parameters, gpointer told)
{
  const char *drive, *medium;

  g_variant_get (parameters, "(&s&s)", &drive, &medium);
  g_string_append_printf (told, "%s=%s ", drive, medium);
}

static void
test_devices (void)
{
  Fixture f;

  begin (&f, 0);
  g_autoptr (GDBusConnection) connection = join (&f);
  g_autoptr (GError) error = NULL;
  g_autofree char *place = listed (connection, "disk0", "place"),
                  *path = listed (connection, "disk0", "path"),
                  *memory = listed (connection, "machine", "memory"),
                  *nowhere = listed (connection, "machine", "place");
  g_assert_cmpstr (place, ==, "ide 0:0");
  g_assert_cmpstr (path, ==, "/images/a.img");
  g_assert_cmpstr (memory, ==, "512M");
  g_assert_cmpstr (nowhere, ==, "");

  /* What can be now. */
  g_autoptr (GVariant) medium
      = ask (connection, "SetProperty", g_variant_new ("(sss)", "cdrom0", "path", "/images/b.iso"), &error);
  g_assert_no_error (error);
  g_autofree char *inserted = listed (connection, "cdrom0", "path");
  g_assert_cmpstr (inserted, ==, "/images/b.iso");
  g_autoptr (GVariant) aspect
      = ask (connection, "SetProperty", g_variant_new ("(sss)", "display0", "aspect", "4:3"), &error);
  g_assert_no_error (error);
  g_autofree char *shown = listed (connection, "display0", "aspect");
  g_assert_cmpstr (shown, ==, "4:3");
  refusal = "the guest has locked it";
  refused (connection, "SetProperty", g_variant_new ("(sss)", "cdrom0", "path", ""), refusal);
  refusal = "Can't open “/images/\xff.iso”";
  refused (connection, "SetProperty", g_variant_new ("(sss)", "cdrom0", "path", "file:///images/%FF.iso"),
           "Can't open “/images/");
  refused (connection, "EjectMedium", g_variant_new ("(sb)", "cdrom0", TRUE), "Can't open “/images/");
  refusal = NULL;
  g_autofree char *still = listed (connection, "cdrom0", "path");
  g_assert_cmpstr (still, ==, "/images/b.iso");
  /* On a tray that is out there is nothing, and who looks at the machine is told. */
  g_autoptr (GString) told = g_string_new (NULL);
  guint subscription
      = g_dbus_connection_signal_subscribe (connection, NULL, "org.vivarium.Machine1", "MediaChanged", NULL,
                                            NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_media_signal, told, NULL);
  cdrom.ejected = TRUE;
  control_service_media_changed (f.service, &cdrom);
  g_autofree char *out = listed (connection, "cdrom0", "path");
  g_assert_cmpstr (out, !=, "/images/b.iso");
  while (told->len == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (told->str, ==, "cdrom0= ");
  cdrom.ejected = FALSE;
  control_service_media_changed (f.service, &cdrom);
  while (strchr (told->str, ' ') == strrchr (told->str, ' '))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (told->str, ==, "cdrom0= cdrom0=/images/b.iso ");
  g_dbus_connection_signal_unsubscribe (connection, subscription);

  /* What can't, and what makes no sense. */
  refused (connection, "SetProperty", g_variant_new ("(sss)", "machine", "memory", "1G"),
           "at the next start");
  refused (connection, "SetProperty", g_variant_new ("(sss)", "machine", "memory", "much"), "“much”");
  refused (connection, "SetProperty", g_variant_new ("(sss)", "machine", "memroy", "1G"), "machine.memory");
  refused (connection, "SetProperty", g_variant_new ("(sss)", "cdrom3", "path", "/x"), "at the next start");
  refused (connection, "SetProperty", g_variant_new ("(sss)", "", "", ""), "");
  refused (connection, "VncServe", g_variant_new_parsed ("(['127.0.0.1:0'], @ah [], @ah [])"), "no screen");
  refused (connection, "VncServe", g_variant_new_parsed ("(['127.0.0.1:0'], @ah [handle 0], @ah [])"),
           "didn't come with the call");
  refused (connection, "SetProperty", g_variant_new ("(sss)", "display0", "vnc-address", "here"),
           "127.0.0.1");
  refused (connection, "AddDevice", g_variant_new_parsed ("('disk', {'path': '/x'})"), "at the next start");
  refused (connection, "AddDevice", g_variant_new_parsed ("('disk', {'weight': '1'})"), "no key “weight”");
  refused (connection, "AddDevice", g_variant_new_parsed ("('display', @a{ss} {})"), "as it can have");
  refused (connection, "AddDevice", g_variant_new_parsed ("('dragon', @a{ss} {})"),
           "no kind of device “dragon”");
  refused (connection, "RemoveDevice", g_variant_new ("(s)", "disk0"), "at the next start");
  refused (connection, "RemoveDevice", g_variant_new ("(s)", "serial0"), "part of every machine");
  refused (connection, "RemoveDevice", g_variant_new ("(s)", "disk7"), "at the next start");
  /* What comes with a later version harms nobody. */
  refused (connection, "FoldSpace", NULL, "FoldSpace");
  g_assert_false (g_dbus_connection_is_closed (connection));
  g_autoptr (GVariant) version = NULL;
  {
    g_autoptr (GAsyncResult) result = NULL;
    g_dbus_connection_call (connection, NULL, CONTROL_OBJECT_PATH, "org.freedesktop.DBus.Properties", "Get",
                            g_variant_new ("(ss)", "org.vivarium.Machine1", "ProtocolVersion"), NULL,
                            G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_connected, &result);
    while (result == NULL)
      g_main_context_iteration (NULL, TRUE);
    version = g_dbus_connection_call_finish (connection, result, &error);
  }
  g_assert_no_error (error);
  g_autofree char *text = g_variant_print (version, FALSE);
  g_assert_cmpstr (text, ==, "(<uint32 4>,)");
  end (&f);
}

static GAsyncResult *
start_call (GDBusConnection *connection, const char *method, GVariant *parameters, GAsyncResult **result)
{
  unsigned before = ordered.n;

  *result = NULL;
  g_dbus_connection_call (connection, NULL, CONTROL_OBJECT_PATH, "org.vivarium.Machine1", method, parameters,
                          NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, on_connected, result);
  while (ordered.n == before && *result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

static GVariant *
end_call (GDBusConnection *connection, GAsyncResult **result, GError **error)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_autoptr (GAsyncResult) done = g_steal_pointer (result);
  return g_dbus_connection_call_finish (connection, done, error);
}

static void
expect_failure (GDBusConnection *connection, GAsyncResult **result, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = end_call (connection, result, &error);

  g_assert_null (reply);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, says));
}

static void
expect_done (GDBusConnection *connection, GAsyncResult **result, const char *wanted)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = end_call (connection, result, &error);

  g_assert_no_error (error);
  g_autofree char *text = g_variant_print (reply, FALSE);
  g_assert_cmpstr (text, ==, wanted);
}

static void
on_device_changed (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                   const char *signal, GVariant *parameters, gpointer data)
{
  g_autofree char *text = g_variant_print (parameters, FALSE);

  g_string_append (data, text);
}

/* On a bus that takes devices while the machine runs: what others see meanwhile, and of what comes to nothing. */
static void
test_plug (void)
{
  Fixture f;
  GAsyncResult *first, *second;
  g_autoptr (GString) signals = g_string_new (NULL);

  begin (&f, 0);
  g_autoptr (GDBusConnection) connection = join (&f);
  g_dbus_connection_signal_subscribe (connection, NULL, NULL, "DeviceChanged", NULL, NULL,
                                      G_DBUS_SIGNAL_FLAGS_NONE, on_device_changed, signals, NULL);
  /* Two at once get ids and slots of their own. */
  start_call (connection, "AddDevice", g_variant_new_parsed ("('pcitest', @a{ss} {})"), &first);
  g_assert_cmpstr (ordered.id, ==, "pcitest0");
  start_call (connection, "AddDevice", g_variant_new_parsed ("('pcitest', {'slot': '7'})"), &second);
  g_assert_cmpstr (ordered.id, ==, "pcitest1");
  g_assert_null (first);
  answer_orders (f.vm, 0);
  expect_done (connection, &first, "('pcitest0',)");
  expect_done (connection, &second, "('pcitest1',)");
  g_assert_cmpstr (signals->str, ==, "('pcitest0', '', 'added')('pcitest1', '', 'added')");
  g_string_truncate (signals, 0);
  g_autofree char *slot = listed (connection, "pcitest0", "slot"),
                  *other = listed (connection, "pcitest1", "slot");
  g_assert_cmpstr (slot, ==, "1");
  g_assert_cmpstr (other, ==, "7");
  refused (connection, "AddDevice", g_variant_new_parsed ("('pcitest', {'slot': '7'})"), "slot 7");

  /* What doesn't come leaves nothing behind. */
  start_call (connection, "AddDevice", g_variant_new_parsed ("('pcitest', @a{ss} {})"), &first);
  answer_orders (f.vm, G_IO_ERROR_NO_SPACE);
  expect_failure (connection, &first, "it won't");
  start_call (connection, "AddDevice", g_variant_new_parsed ("('pcitest', @a{ss} {})"), &first);
  g_assert_cmpstr (ordered.id, ==, "pcitest2");
  answer_orders (f.vm, G_IO_ERROR_NOT_SUPPORTED);
  expect_failure (connection, &first, "at the next start");
  g_autofree char *gone = listed (connection, "pcitest2", "slot");
  g_assert_null (gone);

  /* A guest that takes its time: the client is told, and may ask again, or by force. */
  start_call (connection, "RemoveDevice", g_variant_new ("(s)", "pcitest0"), &first);
  g_assert_false (ordered.force);
  expect_failure (connection, &first, "has not done so yet");
  g_autofree char *still = listed (connection, "pcitest0", "slot");
  g_assert_cmpstr (still, ==, "1");
  g_assert_cmpuint (ordered.n, ==, 1);
  refused (connection, "RemoveDevice", g_variant_new ("(s)", "pcitest0"), "has not done so yet");
  g_assert_cmpuint (ordered.n, ==, 1);
  start_call (connection, "ForceRemoveDevice", g_variant_new ("(s)", "pcitest0"), &first);
  g_assert_true (ordered.force);
  g_assert_cmpuint (ordered.n, ==, 2);
  answer_orders (f.vm, 0);
  expect_done (connection, &first, "()");
  g_assert_cmpstr (signals->str, ==, "('pcitest0', '', 'removed')");
  g_autofree char *away = listed (connection, "pcitest0", "slot");
  g_assert_null (away);
  refused (connection, "RemoveDevice", g_variant_new ("(s)", "pcitest0"), "at the next start");
  refused (connection, "ForceRemoveDevice", g_variant_new ("(s)", "disk0"), "at the next start");

  /* The service ends first: the client has an answer, and what is under way comes to its end. */
  start_call (connection, "ForceRemoveDevice", g_variant_new ("(s)", "pcitest1"), &first);
  control_service_free (f.service);
  f.service = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) reply = end_call (connection, &first, &error);
  g_assert_null (reply);
  g_test_message ("%s", error->message);
  answer_orders (f.vm, 0);
  end (&f);
}

static void
on_notice (VivMachine1 *skeleton, const char *text, char **heard)
{
  g_assert_true (g_utf8_validate (text, -1, NULL));
  *heard = g_strdup (text);
}

/* A file's name is of any bytes, a message on the bus is not. */
static void
test_notice (void)
{
  g_autofree char *heard = NULL;
  Fixture f;

  begin (&f, 0);
  g_autoptr (GDBusConnection) connection = join (&f);
  g_signal_connect (f.service->skeleton, "notice", G_CALLBACK (on_notice), &heard);
  control_service_notice (f.service, "“/images/\xff.img” is write-protected");
  g_assert_cmpstr (heard, ==, "“/images/\357\277\275.img” is write-protected");
  end (&f);
}

static void
on_error (VivMachine1 *skeleton, const char *drive, const char *text, char **heard)
{
  g_free (*heard);
  *heard = g_strdup_printf ("%s: %s", drive, text);
}

/* Said of a file, told of the drive that has it. */
static void
test_device_error (void)
{
  g_autofree char *heard = NULL;
  Fixture f;

  begin (&f, 0);
  g_signal_connect (f.service->skeleton, "device-error", G_CALLBACK (on_error), &heard);
  vm_report_error (f.vm, "/images/a.img", "no room for \xff");
  while (heard == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (heard, ==, "disk0: no room for \357\277\275");
  g_clear_pointer (&heard, g_free);
  vm_report_error (f.vm, "/images/b.img", "away");
  while (heard == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (heard, ==, ": away");
  /* What comes when nobody serves it any more is nobody's. */
  control_service_free (g_steal_pointer (&f.service));
  vm_report_error (f.vm, NULL, "late");
  while (g_main_context_iteration (NULL, FALSE))
    ;
  end (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/control/service/half-way", test_half_way);
  g_test_add_func ("/control/service/silent", test_silent);
  g_test_add_func ("/control/service/refusals", test_refusals);
  g_test_add_func ("/control/service/typing-bounded", test_typing_bounded);
  g_test_add_func ("/control/service/crowd", test_crowd);
  g_test_add_func ("/control/service/devices", test_devices);
  g_test_add_func ("/control/service/notice", test_notice);
  g_test_add_func ("/control/service/plug", test_plug);
  g_test_add_func ("/control/service/device-error", test_device_error);
  g_test_add_func ("/control/service/wrong-descriptor", test_wrong_descriptor);
  g_test_add_func ("/control/service/stopped-client", test_stopped_client);
  g_test_add_func ("/control/service/leds-elsewhere", test_leds_elsewhere);
  return g_test_run ();
}

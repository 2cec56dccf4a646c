/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A monitor that the guest has taken over, for tests of those who talk to monitors: it has the command line of vivarium-vmm and answers on
 * the control socket, but lies.  The definition's kernel command line (machine.append) says how, by words with spaces between:
 *
 *   identity      Pid, Folder, Uuid and Name are somebody else's: its parent's number, /etc, another's
 *   texts         every string is not fit for a terminal, nor for Pango
 *   huge          every string has 100 MB; huge-reason: only StateReason, which changes with each call
 *   many          every list has 100,000 members; several: 3,000
 *   fd=KIND       descriptors are: none, file, zero, pipe, memfd, folder, inet, stream, seqpacket (silent ones), eventfd
 *   silent        answers no method; silent=METHOD: not that one
 *   deaf          answers nothing at all, not even what its properties are
 *   closes, half  answers each method by half a message, and closes the connection, or not
 *   calls         answers by a method call
 *   descriptors   sends 64 descriptors with each answer
 *   flood         signals without end; properties: of ever new properties
 *   numbers       SaveProgress of what is no fraction
 *   vnc=PATH      its screens are served at PATH
 *   screen        an honest one, of 640 × 480; large: of 8192 × 4096, damaged whole; vast: of 16384 × 16384; busy: with damage, cursors and
 *                 other sizes without end
 *   leaves        is off as soon as it has said that it runs; leaves=STATUS: it ends with that status
 *   babbles       a serial port that never stops, and never reads
 */
#include "config.h"

#include "display/output.h"
#include "display/shm-protocol.h"
#include "confine/broker-link.h"
#include "display/shm-socket.h"
#include "display/memfd.h"
#include "machine/definition.h"
#include "machine/monitor-link.h"

#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUDE        "\033]0;owned\007\033[31m\302\23331m<b>&\r\b\nstate: \342\200\256off\342\200\251"
#define HUGE_LENGTH (100 * 1000 * 1000)

static char **lies;
static MachineDefinition *definition;
static GDBusConnection *last; /* whoever came last hears the signals */
static GMutex lock;

static const char *
lie (const char *name)
{
  for (char **one = lies; one != NULL && *one != NULL; one++)
    {
      size_t length = strlen (name);
      if (g_str_equal (*one, name))
        return "";
      if (strncmp (*one, name, length) == 0 && (*one)[length] == '=')
        return *one + length + 1;
    }
  return NULL;
}

static gboolean
lies_by (const char *name)
{
  return lie (name) != NULL;
}

static char *
string (const char *honest)
{
  if (lies_by ("huge"))
    return g_strnfill (HUGE_LENGTH, 'x');
  return g_strdup (lies_by ("texts") ? RUDE : honest);
}

static guint
how_many (guint honest)
{
  return lies_by ("many") ? 100000 : lies_by ("several") ? 3000 : honest;
}

/* -- Descriptors -- */

static gpointer
babble (gpointer data)
{
  char text[512];

  memset (text, 'a', sizeof text);
  while (write (GPOINTER_TO_INT (data), text, sizeof text) > 0)
    ;
  return NULL;
}

static int
socket_of (int type)
{
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, type, 0, pair), ==, 0);
  if (lies_by ("babbles"))
    g_thread_unref (g_thread_new ("babble", babble, GINT_TO_POINTER (pair[0])));
  return pair[1]; /* the other stays open, and says nothing */
}

static int
wrong_fd (const char *kind)
{
  int pair[2];

  if (g_str_equal (kind, "file"))
    return open ("/proc/self/exe", O_RDONLY);
  if (g_str_equal (kind, "zero"))
    return open ("/dev/zero", O_RDWR);
  if (g_str_equal (kind, "folder"))
    return open ("/", O_RDONLY | O_DIRECTORY);
  if (g_str_equal (kind, "memfd"))
    return memfd_create ("x", 0);
  if (g_str_equal (kind, "eventfd"))
    return eventfd (1, 0);
  if (g_str_equal (kind, "inet"))
    return socket (AF_INET, SOCK_STREAM, 0);
  if (g_str_equal (kind, "pipe"))
    return pipe (pair) == 0 ? pair[0] : -1;
  return socket_of (g_str_equal (kind, "stream") ? SOCK_STREAM : SOCK_SEQPACKET);
}

/* -- Screens -- */

typedef struct
{
  int socket, ring_fd, pixels_fd;
  ShmRing *ring;
  uint32_t width, height;
} Screen;

static void
send_to (Screen *screen, ShmMessage message, const int *fds, unsigned n)
{
  while (shm_socket_send (screen->socket, &message, fds, n) == SHM_SOCKET_AGAIN)
    g_usleep (500);
}

static void
show (Screen *screen, uint32_t serial, uint32_t width, uint32_t height)
{
  send_to (screen,
           (ShmMessage){ .type = SHM_SCANOUT,
                         .serial = serial,
                         .width = width,
                         .height = height,
                         .stride = screen->width * 4 },
           &screen->pixels_fd, 1);
}

static gpointer
show_screen (gpointer data)
{
  Screen *screen = data;
  uint32_t serial = 1, head = 0;

  send_to (screen, (ShmMessage){ .type = SHM_HELLO, .value = SHM_VERSION, .size = sizeof (ShmRing) },
           &screen->ring_fd, 1);
  show (screen, serial, screen->width, screen->height);
  for (unsigned i = 0; lies_by ("large") || lies_by ("busy") || lies_by ("vast"); i++)
    {
      for (unsigned k = 0; k < 8; k++, head++)
        screen->ring->damage[head % SHM_RING_ENTRIES]
            = (ShmDamage){ serial, lies_by ("busy") ? 60000 : 0, 0, 65535, 65535 };
      atomic_store (&screen->ring->head, head);
      atomic_store (&screen->ring->overflow, 1);
      send_to (screen, (ShmMessage){ .type = SHM_WAKE }, NULL, 0);
      if (lies_by ("busy"))
        {
          show (screen, ++serial, screen->width - i % 2, screen->height);
          send_to (screen,
                   (ShmMessage){ .type = SHM_CURSOR,
                                 .serial = i,
                                 .width = DISPLAY_MAX_CURSOR,
                                 .height = DISPLAY_MAX_CURSOR,
                                 .stride = DISPLAY_MAX_CURSOR * 4,
                                 .visible = 1 },
                   &screen->pixels_fd, 1);
        }
      else
        g_usleep (4000);
    }
  return NULL;
}

static int
screen_socket (void)
{
  Screen *screen = g_new0 (Screen, 1);
  void *map;
  int pair[2];

  screen->width = lies_by ("vast") ? 16384 : lies_by ("large") ? 8192 : lies_by ("busy") ? 1024 : 640;
  screen->height = lies_by ("vast") ? 16384 : lies_by ("large") ? 4096 : lies_by ("busy") ? 768 : 480;
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
  screen->socket = pair[0];
  screen->ring_fd
      = display_memfd_new ("ring", sizeof (ShmRing), DISPLAY_MEMORY_COMMON, (void **)&screen->ring, NULL);
  screen->ring->magic = SHM_RING_MAGIC;
  screen->ring->version = SHM_VERSION;
  screen->ring->entries = SHM_RING_ENTRIES;
  screen->pixels_fd = display_memfd_new ("pixels", (size_t)screen->width * screen->height * 4,
                                         DISPLAY_MEMORY_SHOWN, &map, NULL);
  g_thread_unref (g_thread_new ("screen", show_screen, screen));
  return pair[1];
}

/* -- Answers -- */

static GVariant *
drives (void)
{
  g_autofree char *text = string ("cdrom0");
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(sssb)"));
  for (guint i = 0; i < how_many (1); i++)
    g_variant_builder_add (&list, "(sssb)", text, "cdrom", lies_by ("texts") ? text : "/etc/shadow", TRUE);
  return g_variant_new ("(a(sssb))", &list);
}

static GVariant *
devices (void)
{
  g_autofree char *text = string ("cdrom0");
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(sssa{ss})"));
  for (guint i = 0; i < how_many (1); i++)
    {
      g_variant_builder_open (&list, G_VARIANT_TYPE ("(sssa{ss})"));
      g_variant_builder_add (&list, "s", text);
      g_variant_builder_add (&list, "s", text);
      g_variant_builder_add (&list, "s", text);
      g_variant_builder_open (&list, G_VARIANT_TYPE ("a{ss}"));
      g_variant_builder_add (&list, "{ss}", text, text);
      g_variant_builder_close (&list);
      g_variant_builder_close (&list);
    }
  return g_variant_new ("(a(sssa{ss}))", &list);
}

static GVariant *
statistics (void)
{
  g_autofree char *text = string ("uptime-ns");
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a{sv}"));
  for (guint i = 0; i < how_many (1); i++)
    g_variant_builder_add (&list, "{sv}", text, g_variant_new_string (text));
  /* Not of the type that they should have. */
  g_variant_builder_add (&list, "{sv}", "memory-resident", g_variant_new_double (NAN));
  g_variant_builder_add (&list, "{sv}", "width", g_variant_new_int32 (-1));
  return g_variant_new ("(a{sv})", &list);
}

static GVariant *
answer_to (const char *method)
{
  g_autofree char *text = string ("text");

  if (g_str_equal (method, "ListDrives"))
    return drives ();
  if (g_str_equal (method, "ListDevices"))
    return devices ();
  if (g_str_equal (method, "Statistics"))
    return statistics ();
  if (g_str_equal (method, "Text"))
    return g_variant_new ("(bs)", TRUE, text);
  if (g_str_equal (method, "AddDevice"))
    return g_variant_new ("(s)", lies_by ("texts") || lies_by ("huge") ? text : "cdrom0");
  if (g_str_equal (method, "DumpState") || g_str_equal (method, "Command"))
    return g_variant_new ("(s)", text);
  return g_variant_new ("()");
}

static void
write_half (GDBusConnection *connection)
{
  GSocketConnection *stream = G_SOCKET_CONNECTION (g_dbus_connection_get_stream (connection));
  /* It says that 4096 bytes follow. */
  static const guint8 bytes[20] = { 'l', 2, 1, 1, 0, 16, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 5, 1, 'u', 0 };

  send (g_socket_get_fd (g_socket_connection_get_socket (stream)), bytes, sizeof bytes, MSG_NOSIGNAL);
  if (lies_by ("closes"))
    shutdown (g_socket_get_fd (g_socket_connection_get_socket (stream)), SHUT_RDWR);
}

static void
on_method (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
           const char *method, GVariant *parameters, GDBusMethodInvocation *invocation, gpointer data)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  const char *kind = lie ("fd"), *silent = lie ("silent");
  gboolean serial = g_str_equal (method, "AttachSerial"),
           attach = serial || g_str_equal (method, "AttachScreen");

  if (g_str_equal (method, "Quit") && !lies_by ("silent"))
    _exit (0);
  if (silent != NULL && (*silent == '\0' || g_str_equal (silent, method)))
    return; /* the invocation is kept for ever */
  if (lies_by ("half") || lies_by ("closes"))
    {
      write_half (connection);
      return;
    }
  if (lies_by ("calls"))
    {
      g_dbus_connection_call (connection, NULL, "/", "org.example.X", "Y", NULL, NULL, G_DBUS_CALL_FLAGS_NONE,
                              -1, NULL, NULL, NULL);
      return;
    }
  if (attach && g_strcmp0 (kind, "none") != 0)
    {
      int fd = kind != NULL ? wrong_fd (kind) : serial ? socket_of (SOCK_STREAM) : screen_socket ();
      g_unix_fd_list_append (fds, fd, NULL);
      close (fd);
    }
  for (unsigned i = 0; lies_by ("descriptors") && i < 64; i++)
    g_unix_fd_list_append (fds, 0, NULL);
  if (lies_by ("texts") && g_str_has_prefix (method, "P"))
    g_dbus_method_invocation_return_dbus_error (invocation, "org.example.Error", RUDE);
  else
    g_dbus_method_invocation_return_value_with_unix_fd_list (
        invocation, attach ? g_variant_new ("(h)", 0) : answer_to (method), fds);
}

static GVariant *
screens (void)
{
  g_autofree char *text = string ("a screen");
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < how_many (1); i++)
    {
      g_variant_builder_open (&list, G_VARIANT_TYPE ("a{sv}"));
      g_variant_builder_add (&list, "{sv}", "id", g_variant_new_uint32 (lies_by ("several") ? 7 : i));
      g_variant_builder_add (&list, "{sv}", "name", g_variant_new_string (text));
      g_variant_builder_add (&list, "{sv}", "width", g_variant_new_uint32 (G_MAXUINT32));
      if (lie ("vnc") != NULL)
        g_variant_builder_add (&list, "{sv}", "vnc",
                               g_variant_new_take_string (g_strconcat ("unix:", lie ("vnc"), NULL)));
      g_variant_builder_close (&list);
    }
  return g_variant_builder_end (&list);
}

static GVariant *
on_property (GDBusConnection *connection, const char *sender, const char *path, const char *interface,
             const char *name, GError **error, gpointer data)
{
  static gint calls;
  gboolean other = lies_by ("identity");
  g_autofree char *text = string (""), *reason = g_strdup_printf ("reason %d", g_atomic_int_add (&calls, 1));

  if (g_str_equal (name, "State"))
    return g_variant_new_string ("running");
  if (g_str_equal (name, "Uuid"))
    return g_variant_new_string (other ? "11111111-2222-4333-8444-555555555555"
                                       : definition_text (definition, "machine.uuid"));
  if (g_str_equal (name, "Folder"))
    return g_variant_new_string (other ? "/etc" : definition->folder);
  if (g_str_equal (name, "Name"))
    return g_variant_new_string (other ? "Bystander" : text);
  if (g_str_equal (name, "Pid"))
    return g_variant_new_uint32 (other ? getppid () : getpid ());
  if (g_str_equal (name, "StateReason") && lies_by ("huge-reason"))
    return g_variant_new_take_string (g_strnfill (HUGE_LENGTH, 'x'));
  if (g_str_equal (name, "StateReason") && lies_by ("flood"))
    return g_variant_new_string (reason);
  if (g_str_equal (name, "Screens"))
    return screens ();
  if (g_str_equal (name, "AbsolutePointer"))
    return g_variant_new_boolean (TRUE);
  GDBusPropertyInfo *info = g_dbus_interface_info_lookup_property (viv_machine1_interface_info (), name);
  if (g_str_equal (info->signature, "u"))
    return g_variant_new_uint32 (lies_by ("numbers") ? G_MAXUINT32 : 1);
  return g_variant_new_string (text);
}

/* -- Signals -- */

static void
say (GDBusConnection *connection, const char *interface, const char *name, GVariant *parameters)
{
  g_dbus_connection_emit_signal (connection, NULL, VIV_MACHINE_OBJECT_PATH, interface, name, parameters,
                                 NULL);
}

static void
say_property (GDBusConnection *connection, const char *name, GVariant *value)
{
  GVariantBuilder changed;

  g_variant_builder_init (&changed, G_VARIANT_TYPE ("a{sv}"));
  g_variant_builder_add (&changed, "{sv}", name, value);
  say (connection, "org.freedesktop.DBus.Properties", "PropertiesChanged",
       g_variant_new ("(sa{sv}as)", VIV_MACHINE_INTERFACE, &changed, NULL));
}

/* Never more than a thousand ahead of whoever listens: the flood is in his time, not in our memory. */
static gpointer
flood (gpointer data)
{
  for (unsigned i = 0;; i++)
    {
      g_mutex_lock (&lock);
      g_autoptr (GDBusConnection) connection = last != NULL ? g_object_ref (last) : NULL;
      g_mutex_unlock (&lock);
      if (connection == NULL || g_dbus_connection_is_closed (connection))
        {
          g_usleep (1000);
          continue;
        }
      g_autofree char *text = g_strdup_printf ("flood %u", i), *name = g_strdup_printf ("P%u", i);
      if (lies_by ("flood"))
        {
          say (connection, VIV_MACHINE_INTERFACE, "Notice", g_variant_new ("(s)", text));
          say (connection, VIV_MACHINE_INTERFACE, "MediaChanged", g_variant_new ("(ss)", "cdrom0", ""));
          say (connection, VIV_MACHINE_INTERFACE, "DeviceError", g_variant_new ("(ss)", "disk0", text));
          say_property (connection, "StateReason", g_variant_new_string (text));
          say_property (connection, "State", g_variant_new_string (i % 2 ? "running" : "paused"));
        }
      if (lies_by ("properties"))
        say_property (connection, name, g_variant_new_string (text));
      if (lies_by ("numbers"))
        {
          const double numbers[] = { NAN, INFINITY, -INFINITY, -1, 1e308 };
          say (connection, VIV_MACHINE_INTERFACE, "SaveProgress",
               g_variant_new ("(d)", numbers[i % G_N_ELEMENTS (numbers)]));
        }
      if (i % 1000 == 999)
        g_dbus_connection_flush_sync (connection, NULL, NULL);
    }
  return NULL;
}

/* -- Its life -- */

static GDBusMessage *
on_message (GDBusConnection *connection, GDBusMessage *message, gboolean incoming, gpointer data)
{
  if (!incoming || !lies_by ("deaf"))
    return message;
  g_object_unref (message);
  return NULL;
}

static void
on_connection (GObject *source, GAsyncResult *result, gpointer data)
{
  static const GDBusInterfaceVTable table = { on_method, on_property, NULL, { NULL } };
  GDBusConnection *connection = g_dbus_connection_new_finish (result, NULL);

  if (connection == NULL)
    return;
  g_dbus_connection_add_filter (connection, on_message, NULL, NULL);
  g_dbus_connection_register_object (connection, VIV_MACHINE_OBJECT_PATH, viv_machine1_interface_info (),
                                     &table, NULL, NULL, NULL);
  g_mutex_lock (&lock);
  g_clear_object (&last);
  last = g_object_ref (connection);
  g_mutex_unlock (&lock);
  g_dbus_connection_start_message_processing (connection); /* never freed: it is open as long as we live */
}

static gboolean
on_incoming (GSocketService *service, GSocketConnection *stream, GObject *source, gpointer data)
{
  g_dbus_connection_new (G_IO_STREAM (stream), data,
                         G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER
                             | G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                         NULL, NULL, on_connection, NULL);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autofree char *path = NULL, *guid = g_dbus_generate_guid ();
  int broker_fd = -1;
  const GOptionEntry entries[] = {
    { "definition", 0, 0, G_OPTION_ARG_FILENAME, &path, NULL, NULL },
    { "broker-fd", 0, 0, G_OPTION_ARG_INT, &broker_fd, NULL, NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  signal (SIGPIPE, SIG_IGN);
  alarm (600); /* whoever forgets us */
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_ignore_unknown_options (context, TRUE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  broker_link_begin (broker_fd);
  broker_link_add_file (FAMILY_FILE_DEFINITION, path, FALSE);
  definition = definition_load (path, &error);
  if (definition == NULL)
    g_error ("%s", error->message);
  const char *words = definition_text (definition, "machine.append");
  lies = g_strsplit (words != NULL ? words : "", " ", -1);
  GSocket *listener = g_socket_new_from_fd (broker_link_open (FAMILY_FILE_LISTENER), &error);
  GSocketService *service = g_socket_service_new ();
  if (listener == NULL || !g_socket_listener_add_socket (G_SOCKET_LISTENER (service), listener, NULL, &error))
    g_error ("%s", error->message);
  g_signal_connect (service, "incoming", G_CALLBACK (on_incoming), guid);
  if (lies_by ("flood") || lies_by ("properties") || lies_by ("numbers"))
    g_thread_unref (g_thread_new ("flood", flood, NULL));
  broker_link_ready ();
  if (lies_by ("leaves"))
    return atoi (lie ("leaves"));
  g_main_loop_run (g_main_loop_new (NULL, FALSE));
  return 0;
}

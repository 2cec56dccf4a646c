/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor that lies can do to who talks to it: nothing but fail.  Each call ends with words, texts are plain, the main loop goes
 * round, and the machine next to it works.
 */
#include "config.h"

#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/folder.h"
#include "machine/liveness.h"
#include "machine/local-host.h"
#include "machine/local-machine.h"
#include "machine/machine-private.h"
#include "machine/machine-usb.h"
#include "machine/monitor-guard.h"
#include "machine/output-file.h"
#include "machine/paths.h"
#include "machine/plain-text.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 120

static char *top;
static VivLocalHost *library;
static VivMachine *bystander;
static gint64 beat,
    worst; /* of the main loop: when it went round last, and its longest time for a round; µs */

static gboolean
on_beat (gpointer data)
{
  gint64 now = g_get_monotonic_time ();

  worst = MAX (worst, now - beat);
  beat = now;
  return G_SOURCE_CONTINUE;
}

static gboolean
on_late (gpointer data)
{
  g_error ("waited too long");
  return G_SOURCE_REMOVE;
}

#define WAIT_WHILE(condition)                                           \
  G_STMT_START                                                          \
  {                                                                     \
    guint timeout_ = g_timeout_add_seconds (PATIENCE_S, on_late, NULL); \
    while (condition)                                                   \
      g_main_context_iteration (NULL, TRUE);                            \
    g_source_remove (timeout_);                                         \
  }                                                                     \
  G_STMT_END

static void
on_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static VivMachine *
create (const char *name, const char *lies)
{
  static unsigned n;
  g_autofree char *numbered = g_strdup_printf ("%s %u", name, n++);
  g_autoptr (MachineDefinition) definition = definition_new (numbered);
  g_autoptr (GError) error = NULL;

  definition_put (definition, "machine.append", lies);
  definition_add_drive (definition, DRIVE_CDROM, NULL);
  VivMachine *machine = viv_local_host_create (library, definition, NULL, 0, &error);
  g_assert_no_error (error);
  return machine;
}

static void
assert_plain (const char *text, VivPlainFlags flags)
{
  g_autofree char *plain = viv_plain_text (text, -1, VIV_PLAIN_MOST, flags);

  g_assert_cmpstr (text, ==, plain);
}

static gboolean
start (VivMachine *machine)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  viv_machine_start (machine, NULL, NULL, on_result, &result);
  WAIT_WHILE (result == NULL);
  gboolean started = viv_machine_finish (machine, result, &error);
  if (!started)
    {
      g_test_message ("%s: %s", viv_machine_get_name (machine), error->message);
      assert_plain (error->message, VIV_PLAIN_DEFAULT);
    }
  return started;
}

static void
force_off (VivMachine *machine)
{
  g_autoptr (GAsyncResult) result = NULL;

  viv_machine_force_off (machine, NULL, on_result, &result);
  WAIT_WHILE (result == NULL);
  viv_machine_finish (machine, result, NULL);
  g_assert_false (viv_machine_is_busy (machine));
}

static void
check_bystander (void)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_cmpstr (viv_machine_get_state (bystander), ==, "running");
  viv_machine_statistics (bystander, NULL, on_result, &result);
  WAIT_WHILE (result == NULL);
  g_autoptr (GVariant) values = viv_machine_statistics_finish (bystander, result, &error);
  g_assert_no_error (error);
}

/* -- All calls -- */

enum
{
  PAUSE,
  RESUME,
  RESET,
  POWER_DOWN,
  SLEEP_BUTTON,
  TEXT,
  STATISTICS,
  DRIVES,
  DEVICES,
  DUMP,
  SYNC,
  SCREEN,
  SERIAL,
  ADD,
  SET,
  REMOVE,
  EJECT,
  PICTURE,
  VNC_STOP,
  COMMAND,
  DEBUGGER,
  USB_CONNECT,
  USB_DISCONNECT,
  USB_LIST,
  N_QUICK, /* what follows may take as long as it takes */
  SAVE = N_QUICK,
  CORE,
  TYPE,
  N_CALLS
};

static void
call_all (VivMachine *machine, GAsyncResult **results, GCancellable *cancellable)
{
  const VivDeviceKey key = { "path", "/nonexistent/new.iso" };
  g_autofree char *state = g_build_filename (top, "state", NULL),
                  *core = g_build_filename (top, "core", NULL),
                  *picture = g_build_filename (top, "picture.png", NULL);

  viv_machine_pause (machine, NULL, on_result, &results[PAUSE]);
  viv_machine_resume (machine, NULL, on_result, &results[RESUME]);
  viv_machine_reset (machine, NULL, on_result, &results[RESET]);
  viv_machine_power_down (machine, NULL, on_result, &results[POWER_DOWN]);
  viv_machine_sleep_button (machine, NULL, on_result, &results[SLEEP_BUTTON]);
  viv_machine_text (machine, NULL, on_result, &results[TEXT]);
  viv_machine_statistics (machine, NULL, on_result, &results[STATISTICS]);
  viv_machine_list_drives (machine, NULL, on_result, &results[DRIVES]);
  viv_machine_list_devices (machine, NULL, on_result, &results[DEVICES]);
  viv_machine_dump_state (machine, NULL, on_result, &results[DUMP]);
  viv_machine_command (machine, "info registers", FALSE, NULL, on_result, &results[COMMAND]);
  viv_machine_attach_debugger (machine, 0, 0, NULL, on_result, &results[DEBUGGER]);
  viv_machine_reconnect_usb (machine, "usb1", "x", NULL, on_result, &results[USB_CONNECT]);
  viv_machine_disconnect_usb (machine, "usb1", NULL, on_result, &results[USB_DISCONNECT]);
  viv_machine_list_usb (machine, NULL, on_result, &results[USB_LIST]);
  viv_machine_sync (machine, NULL, on_result, &results[SYNC]);
  viv_machine_attach_screen (machine, 0, NULL, on_result, &results[SCREEN]);
  viv_machine_attach_serial (machine, 0, TRUE, NULL, on_result, &results[SERIAL]);
  viv_machine_add_device (machine, "cdrom", &key, 1, NULL, on_result, &results[ADD]);
  viv_machine_set_property (machine, "cdrom0.path", "/nonexistent/a.iso", NULL, on_result, &results[SET]);
  viv_machine_remove_device (machine, "cdrom3", FALSE, NULL, on_result, &results[REMOVE]);
  viv_machine_change_media (machine, "cdrom0", NULL, FALSE, NULL, on_result, &results[EJECT]);
  viv_machine_screenshot (machine, 0, picture, NULL, on_result, &results[PICTURE]);
  viv_machine_vnc_stop (machine, NULL, on_result, &results[VNC_STOP]);
  viv_machine_save_state (machine, state, cancellable, on_result, &results[SAVE]);
  viv_machine_dump_memory (machine, core, cancellable, on_result, &results[CORE]);
  viv_machine_type_text (machine, "x", NULL, cancellable, on_result, &results[TYPE]);
}

static void
assert_plain_variant (GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    assert_plain (g_variant_get_string (value, NULL), VIV_PLAIN_LINE);
  for (gsize i = 0; g_variant_is_container (value) && i < g_variant_n_children (value); i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);
      assert_plain_variant (child);
    }
}

static void
check_text (char *text)
{
  g_autofree char *plain = viv_plain_text (text, -1, G_MAXSSIZE, VIV_PLAIN_DEFAULT);

  g_assert_cmpstr (text, ==, plain);
  g_free (text);
}

static void
check_variant (GVariant *value)
{
  if (value == NULL)
    return;
  assert_plain_variant (value);
  g_assert_cmpuint (g_variant_n_children (value), <=, 1024);
  g_variant_unref (value);
}

/* Whether a socket came; it does not hold anybody up. */
static gboolean
check_fd (int fd)
{
  struct stat info;

  if (fd < 0)
    return FALSE;
  g_assert_cmpint (fstat (fd, &info), ==, 0);
  g_assert_true (S_ISSOCK (info.st_mode));
  close (fd);
  return TRUE;
}

static gboolean
finish_one (VivMachine *machine, unsigned i, GAsyncResult *result, GError **error)
{
  gboolean later;

  switch (i)
    {
    case TEXT:
      check_text (viv_machine_text_finish (machine, result, error));
      break;
    case DUMP:
      check_text (viv_machine_dump_state_finish (machine, result, error));
      break;
    case COMMAND:
      check_text (viv_machine_command_finish (machine, result, error));
      break;
    case DEBUGGER:
      viv_machine_attach_debugger_finish (machine, result, error);
      break;
    case USB_CONNECT:
      {
        g_autofree char *id = viv_machine_connect_usb_finish (machine, result, error);
        check_text (g_steal_pointer (&id));
      }
      break;
    case USB_DISCONNECT:
      viv_machine_disconnect_usb_finish (machine, result, error);
      break;
    case USB_LIST:
      {
        g_autoptr (GPtrArray) devices = viv_machine_list_usb_finish (machine, result, error);
        for (guint n = 0; devices != NULL && n < devices->len; n++)
          assert_plain (((VivUsbDevice *)g_ptr_array_index (devices, n))->name, VIV_PLAIN_LINE);
      }
      break;
    case STATISTICS:
      check_variant (viv_machine_statistics_finish (machine, result, error));
      break;
    case DRIVES:
      check_variant (viv_machine_list_drives_finish (machine, result, error));
      break;
    case DEVICES:
      check_variant (viv_machine_list_devices_finish (machine, result, error));
      break;
    case SCREEN:
      return check_fd (viv_machine_attach_screen_finish (machine, result, error));
    case SERIAL:
      return check_fd (viv_machine_attach_serial_finish (machine, result, error));
    case ADD:
      g_free (viv_machine_add_device_finish (machine, result, &later, error));
      break;
    case SET:
    case REMOVE:
      viv_machine_set_property_finish (machine, result, &later, error);
      break;
    default:
      viv_machine_finish (machine, result, error);
    }
  return *error == NULL;
}

/* Each ends; what it says is plain.  Returns how many went well. */
static unsigned
ask_all (VivMachine *machine, gboolean good[N_CALLS])
{
  GAsyncResult *results[N_CALLS] = { NULL };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  unsigned well = 0;

  memset (good, 0, sizeof *good * N_CALLS);
  call_all (machine, results, cancellable);
  for (unsigned i = 0; i < N_CALLS; i++)
    {
      if (i == N_QUICK && (results[SAVE] == NULL || results[CORE] == NULL || results[TYPE] == NULL))
        g_cancellable_cancel (cancellable);
      g_autoptr (GError) error = NULL;
      WAIT_WHILE (results[i] == NULL);
      good[i] = finish_one (machine, i, results[i], &error);
      well += good[i];
      if (error != NULL)
        {
          g_test_message ("call %u: %s", i, error->message);
          assert_plain (error->message, VIV_PLAIN_DEFAULT);
          g_assert_cmpuint (strlen (error->message), >, 5);
        }
      g_object_unref (results[i]);
    }
  return well;
}

static void
check_texts (VivMachine *machine)
{
  const GPtrArray *screens = viv_machine_get_screens (machine);

  assert_plain (viv_machine_get_name (machine), VIV_PLAIN_LINE);
  assert_plain (viv_machine_get_state_reason (machine), VIV_PLAIN_DEFAULT);
  assert_plain (viv_machine_get_engine (machine), VIV_PLAIN_LINE);
  assert_plain (viv_machine_get_engine_reason (machine), VIV_PLAIN_LINE);
  assert_plain (viv_machine_get_vnc_address (machine), VIV_PLAIN_LINE);
  g_assert_cmpuint (screens->len, <=, 16);
  for (guint i = 0; i < screens->len; i++)
    {
      assert_plain (((VivScreenInfo *)screens->pdata[i])->name, VIV_PLAIN_LINE);
      for (guint k = 0; k < i; k++)
        g_assert_cmpuint (((VivScreenInfo *)screens->pdata[i])->id, !=,
                          ((VivScreenInfo *)screens->pdata[k])->id);
    }
}

static void
test_lie (gconstpointer data)
{
  const char *lies = data;
  g_autoptr (VivMachine) machine = create ("liar", lies);
  gboolean good[N_CALLS];

  beat = g_get_monotonic_time ();
  worst = 0;
  guint source = g_timeout_add (2, on_beat, NULL);
  if (start (machine))
    {
      check_texts (machine);
      unsigned well = ask_all (machine, good);
      check_texts (machine);
      /* Who is hung up on has nothing of what he sent taken. */
      if (g_str_equal (lies, "half") || g_str_equal (lies, "closes") || g_str_equal (lies, "calls")
          || g_str_equal (lies, "descriptors"))
        g_assert_cmpuint (well, ==, 0);
      g_test_message ("“%s”: %u of %u calls went well; the main loop's longest round: %.1f ms", lies, well,
                      N_CALLS, (double)worst / 1000);
    }
  else
    g_test_message ("“%s”: refused; the main loop's longest round: %.1f ms", lies, (double)worst / 1000);
  check_bystander ();
  force_off (machine);
  g_source_remove (source);
  g_assert_cmpint (beat, >, 0);
}

/* -- What is believed -- */

/* Neither who is ended nor what the machine is comes from the monitor. */
static void
test_identity (void)
{
  g_autoptr (VivMachine) machine = create ("somebody", "identity");
  g_autofree char *uuid = g_strdup (viv_machine_get_uuid (machine)),
                  *folder = g_strdup (viv_machine_get_folder (machine));

  g_assert_true (start (machine));
  g_assert_cmpint (viv_machine_get_pid (machine), !=, getpid ());
  g_assert_cmpint (viv_machine_get_pid (machine), ==, viv_folder_find_monitor (folder));
  g_assert_cmpstr (viv_machine_get_uuid (machine), ==, uuid);
  g_assert_cmpstr (viv_machine_get_folder (machine), ==, folder);
  g_assert_true (g_str_has_prefix (viv_machine_get_name (machine), "somebody"));
  force_off (machine);
  check_bystander ();
}

static int
bind_there (const char *path, int type)
{
  struct sockaddr_un name = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, type | SOCK_CLOEXEC, 0);

  g_assert_cmpuint (g_strlcpy (name.sun_path, path, sizeof name.sun_path), <, sizeof name.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&name, sizeof name), ==, 0);
  return fd;
}

/* Where its screens are served, it says, are sockets of other programs: one takes datagrams, and one has just nobody who listens. */
static void
test_vnc_address (void)
{
  for (unsigned i = 0; i < 2; i++)
    {
      g_autofree char *path = g_build_filename (top, "notify", NULL), *lie = g_strconcat ("vnc=", path, NULL);
      g_autoptr (VivMachine) machine = create ("screens elsewhere", lie);
      g_autoptr (GAsyncResult) off = NULL, on = NULL;
      int fd = bind_there (path, i == 0 ? SOCK_DGRAM : SOCK_STREAM);

      if (i == 1)
        close (fd);
      g_assert_true (start (machine));
      GPtrArray *screens = viv_machine_get_screens (machine);
      g_assert_true (g_str_has_suffix (((VivScreenInfo *)screens->pdata[0])->vnc_address, path));
      viv_machine_vnc_stop (machine, NULL, on_result, &off);
      WAIT_WHILE (off == NULL);
      g_assert_true (viv_machine_finish (machine, off, NULL));
      g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
      viv_machine_vnc_start (machine, NULL, NULL, NULL, on_result, &on);
      WAIT_WHILE (on == NULL);
      g_free (viv_machine_vnc_start_finish (machine, on, NULL));
      g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
      force_off (machine);
      g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
      if (i == 0)
        close (fd);
      g_assert_cmpint (g_unlink (path), ==, 0);
    }
  check_bystander ();
}

/* A copy has the same UUID: whose the socket is says the lock, even if the monitor says that it is ours. */
static void
test_copy (void)
{
  g_autoptr (VivMachine) machine = create ("original", NULL);
  g_autofree char *copy = g_build_filename (top, "copy", NULL),
                  *file = g_build_filename (copy, "machine.ini", NULL),
                  *text = definition_to_text (viv_machine_get_definition (machine));

  g_assert_true (start (machine));
  g_assert_cmpint (g_mkdir (copy, 0700), ==, 0);
  g_assert_true (g_file_set_contents (file, text, -1, NULL));
  g_autoptr (VivMachine) other = viv_local_machine_new (copy);
  WAIT_WHILE (viv_machine_is_connecting (other));
  g_assert_false (viv_machine_is_live (other));
  g_assert_cmpstr (viv_machine_get_state (other), ==, "off");
  /* Moved away, it is the same machine. */
  g_autofree char *moved = g_build_filename (top, "moved", NULL);
  g_assert_cmpint (g_rename (viv_machine_get_folder (machine), moved), ==, 0);
  g_autoptr (VivMachine) there = viv_local_machine_new (moved);
  WAIT_WHILE (viv_machine_is_connecting (there));
  g_assert_true (viv_machine_is_live (there));
  g_assert_cmpint (g_rename (moved, viv_machine_get_folder (machine)), ==, 0);
  force_off (machine);
  viv_remove_tree (copy, NULL);
}

/* A monitor that gives a new device the id of an old one does not get that changed. */
static void
test_device_id (void)
{
  g_autoptr (VivMachine) machine = create ("ids", NULL);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  const VivDeviceKey key = { "path", "/nonexistent/new.iso" };
  gboolean later;

  g_assert_true (viv_machine_edit (machine, &(VivChange){ "cdrom0.path", "/nonexistent/old.iso" }, 1, NULL));
  g_assert_true (start (machine));
  viv_machine_add_device (machine, "cdrom", &key, 1, NULL, on_result, &result);
  WAIT_WHILE (result == NULL);
  g_autofree char *id = viv_machine_add_device_finish (machine, result, &later, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (id, ==, "cdrom1");
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  g_assert_cmpstr (definition_text (definition, "cdrom0.path"), ==, "/nonexistent/old.iso");
  g_assert_cmpstr (definition_text (definition, "cdrom1.path"), ==, "/nonexistent/new.iso");
  force_off (machine);
}

/* -- Descriptors -- */

static void
test_fds (void)
{
  static const char *const kinds[]
      = { "none", "file", "zero", "pipe", "memfd", "folder", "inet", "stream", "seqpacket", "eventfd" };

  for (unsigned i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *lies = g_strconcat ("fd=", kinds[i], NULL);
      g_autoptr (VivMachine) machine = create ("fds", lies);
      g_autoptr (GAsyncResult) screen = NULL, serial = NULL;
      g_autoptr (GError) error = NULL;

      g_assert_true (start (machine));
      viv_machine_attach_screen (machine, 0, NULL, on_result, &screen);
      viv_machine_attach_serial (machine, 0, TRUE, NULL, on_result, &serial);
      WAIT_WHILE (screen == NULL || serial == NULL);
      g_assert_cmpint (check_fd (viv_machine_attach_screen_finish (machine, screen, &error)), ==,
                       g_str_equal (kinds[i], "seqpacket"));
      g_clear_error (&error);
      g_assert_cmpint (check_fd (viv_machine_attach_serial_finish (machine, serial, &error)), ==,
                       g_str_equal (kinds[i], "stream"));
      force_off (machine);
    }
}

/* -- Floods -- */

static void
on_change (GDBusProxy *proxy, GVariant *changed, const char *const *invalidated, guint *count)
{
  (*count)++;
}

static void
on_sentence (VivMachine *machine, const char *text, guint *count)
{
  (*count)++;
}

static guint64
memory (void)
{
  g_autofree char *text = NULL;
  guint64 pages;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%*u %" G_GUINT64_FORMAT, &pages), ==, 1);
  return pages * (guint64)sysconf (_SC_PAGESIZE);
}

static void
on_state (VivMachine *machine, guint *count)
{
  (*count)++;
}

/* A monitor that never stops: what it says is read as slowly as it is for somebody, and waits on its own side. */
static void
test_flood (void)
{
  g_autoptr (VivMachine) machine = create ("flood", "flood numbers");
  guint sentences = 0, changes = 0, properties = 0, seconds = 3;

  g_assert_true (start (machine));
  g_signal_connect (machine, "notice", G_CALLBACK (on_sentence), &sentences);
  g_signal_connect (machine, "state-changed", G_CALLBACK (on_state), &changes);
  g_signal_connect (viv_machine_get_proxy (machine), "g-properties-changed", G_CALLBACK (on_change),
                    &properties);
  guint64 before = memory ();
  gint64 begun = g_get_monotonic_time ();
  WAIT_WHILE (g_get_monotonic_time () < begun + seconds * G_USEC_PER_SEC);
  double took = (double)(g_get_monotonic_time () - begun) / G_USEC_PER_SEC;
  g_test_message ("in %.1f s: %u sentences, %u of %u changes, %.1f MB", took, sentences, changes, properties,
                  ((double)memory () - (double)before) / 1e6);
  /* By the rule, whatever time it was. */
  g_assert_cmpuint (sentences, <=, 16 + 2 * (guint)(took + 1));
  g_assert_cmpuint (properties, <=, VIV_GUARD_BURST + VIV_GUARD_RATE * (guint)(took + 1));
  g_assert_cmpuint (changes, <=, 10 * (guint)(took + 2));
  check_bystander ();
  force_off (machine);
}

/* What is made up is not kept for ever. */
static void
test_properties (void)
{
  g_autoptr (VivMachine) machine = create ("properties", "properties");

  g_assert_true (start (machine));
  /* Its link is closed, its process lives: that is no machine that runs. */
  WAIT_WHILE (viv_machine_is_live (machine));
  g_assert_true (viv_machine_is_busy (machine));
  WAIT_WHILE (!g_str_equal (viv_machine_get_state (machine), "unresponsive"));
  check_bystander ();
  force_off (machine);
}

static void
test_large_property (void)
{
  g_autoptr (VivMachine) machine = create ("large property", "huge-reason");
  guint64 before = memory ();

  g_assert_false (start (machine));
  g_assert_cmpuint (memory (), <, before + 50 * 1000 * 1000);
  check_bystander ();
}

/* -- A definition that somebody planted -- */

static void
plant (VivMachine *machine, const char *text, gssize length)
{
  g_autofree char *path = g_build_filename (viv_machine_get_folder (machine), "machine.ini", NULL);

  g_assert_true (g_file_set_contents (path, text, length, NULL));
  viv_machine_reload (machine);
}

static void
check_broken (VivMachine *machine)
{
  g_assert_null (viv_machine_get_definition (machine));
  g_assert_cmpstr (viv_machine_get_state (machine), ==, "broken");
  assert_plain (viv_machine_get_error (machine), VIV_PLAIN_DEFAULT);
  g_test_message ("%s", viv_machine_get_error (machine));
  g_assert_false (start (machine));
}

#define HEAD "[machine]\nname=planted\nuuid=11111111-2222-4333-8444-555555555556\n"

static void
test_planted (void)
{
  g_autoptr (VivMachine) machine = create ("planted", NULL);
  g_autofree char *path = g_build_filename (viv_machine_get_folder (machine), "machine.ini", NULL),
                  *large = g_strnfill (8 * 1024 * 1024, '#');
  g_autoptr (GString) many = g_string_new (HEAD);

  plant (machine, large, -1);
  check_broken (machine);
  plant (machine, "\0\1\2\3", 4);
  check_broken (machine);
  plant (machine, HEAD "memory=99999999999999999999999\ncpus=-3\n", -1);
  check_broken (machine);
  plant (machine, "[machine]\nname=\033]0;owned\007<b>\nuuid=11111111-2222-4333-8444-555555555556\n", -1);
  check_broken (machine);
  for (unsigned i = 0; many->len < 1000 * 1000; i++)
    g_string_append_printf (many, "[disk%u]\npath=/x\n", i);
  gint64 begun = g_get_monotonic_time ();
  plant (machine, many->str, -1);
  /* What no board has a place for is no device. */
  g_assert_cmpuint (viv_machine_get_definition (machine)->devices->len, <, 100);
  g_test_message ("a megabyte of devices: %.0f ms", (double)(g_get_monotonic_time () - begun) / 1000);
  /* What is no file is not waited for. */
  g_unlink (path);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  viv_machine_reload (machine);
  check_broken (machine);
  static const char *const targets[] = { "/dev/zero", "/", "/proc/self/mem", "machine.ini" };
  for (unsigned i = 0; i < G_N_ELEMENTS (targets); i++)
    {
      g_unlink (path);
      g_assert_cmpint (symlink (targets[i], path), ==, 0);
      viv_machine_reload (machine);
      check_broken (machine);
    }
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  static const char *const all[] = { "texts", "several",     "identity", "silent=Text", "half",   "closes",
                                     "calls", "descriptors", "many",     "huge",        "silent", "deaf" };

  top = g_dir_make_tmp ("viv-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", top, TRUE);
  g_setenv ("VIVARIUM_VMM", FALSE_MONITOR, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_autofree char *path = g_build_filename (top, "machines", NULL);
  g_setenv ("VIVARIUM_DATA_DIR", path, TRUE);
  library = viv_local_host_new (NULL);
  bystander = create ("bystander", NULL);
  g_assert_true (start (bystander));
  g_test_add_func ("/false-monitor/identity", test_identity);
  g_test_add_func ("/false-monitor/vnc-address", test_vnc_address);
  g_test_add_func ("/false-monitor/copy", test_copy);
  g_test_add_func ("/false-monitor/device-id", test_device_id);
  g_test_add_func ("/false-monitor/descriptors", test_fds);
  g_test_add_func ("/false-monitor/flood", test_flood);
  g_test_add_func ("/false-monitor/properties", test_properties);
  g_test_add_func ("/false-monitor/large-property", test_large_property);
  g_test_add_func ("/false-monitor/planted", test_planted);
  for (unsigned i = 0; i < G_N_ELEMENTS (all); i++)
    {
      g_autofree char *name = g_strconcat ("/false-monitor/lie/", all[i], NULL);
      g_test_add_data_func (name, all[i], test_lie);
    }
  int status = g_test_run ();
  force_off (bystander);
  g_object_unref (bystander);
  g_object_unref (library);
  viv_remove_tree (top, NULL);
  g_free (top);
  return status;
}

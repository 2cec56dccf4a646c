/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivarium-vmm: one running machine.
 */
#define G_LOG_DOMAIN "vmm"

#include "config.h"

#include "base/host-files.h"
#include "block/block-testing.h"
#include "block/regular-file.h"
#include "board/look.h"
#include "board/pc.h"
#include "board/usb-hosts.h"
#include "board/usb.h"
#include "board/slots.h"
#include "confine/broker-link.h"
#include "confine/sandbox.h"
#include "control/service.h"
#include "core/loop.h"
#include "cpu/engine.h"
#include "cpu/none/qtest.h"
#include "debug/server.h"
#include "firmware/vmcoreinfo.h"
#include "machine/control-socket.h"
#include "machine/definition-files.h"
#include "machine/folder-lock.h"
#include "machine/paths.h"
#include "machine/start-blame.h"
#include "networks.h"
#include "processors.h"
#include "shares.h"
#include "show.h"
#include "test-programs.h"
#include "tpm-host.h"
#include "usb-hosts.h"
#include "vnc-host.h"
#include "vsock-host.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

typedef struct
{
  char **test_images;
  char *definition, *folder, *socket, *engine, *load, *vnc, *vnc_password_file, *qtest;
  int ready_fd, lock_fd, owner_fd, broker_fd;
  gboolean paused, probe, walls, json, version, no_sandbox, no_namespaces, test_device, test_pci,
      test_display, test_usb;
} Options;

typedef struct
{
  Options options;
  GMainLoop *loop; /* control */
  VmLoop *devices; /* NULL: one loop for all */
  MachineDefinition *definition;
  Vm *vm;
  Engine *engine;
  char *engine_reason;
  DebugServer *debugger;
  Board *board;
  ControlService *control;
  Networks *networks;
  ControlSocket *place; /* of its socket; NULL: the broker has it */
  Qtest *qtest;
  int qtest_listener;
  VncHost vnc;
  GIConv converters[2]; /* keep their libraries loaded */
  int status;           /* that the process ends with */
  TestPrograms test_programs;
} Monitor;

/* -- Arguments ------------------------------------------------------------------------------------ */

static gboolean
parse_options (int *argc, char ***argv, Options *o, GError **error)
{
  const GOptionEntry entries[] = {
    { "definition", 0, 0, G_OPTION_ARG_FILENAME, &o->definition, "The machine's machine.ini", "FILE" },
    { "folder", 0, 0, G_OPTION_ARG_FILENAME, &o->folder,
      "Where relative paths start (default: the definition's folder)", "DIR" },
    { "socket", 0, 0, G_OPTION_ARG_FILENAME, &o->socket, "Control socket to make", "PATH" },
    { "ready-fd", 0, 0, G_OPTION_ARG_INT, &o->ready_fd,
      "Write “ready” to this descriptor when the machine runs", "N" },
    { "lock-fd", 0, 0, G_OPTION_ARG_INT, &o->lock_fd,
      "This descriptor has the lock on the machine's folder; without it one is taken", "N" },
    { "owner-fd", 0, 0, G_OPTION_ARG_INT, &o->owner_fd, "End when the other end of this pipe is closed",
      "N" },
    { "broker-fd", 0, 0, G_OPTION_ARG_INT, &o->broker_fd,
      "The socket to the broker, vivarium-broker, which starts a monitor so and opens its files", "N" },
    { "no-namespaces", 0, 0, G_OPTION_ARG_NONE, &o->no_namespaces,
      "With a broker: confine the process without namespaces of its own", NULL },
    { "engine", 0, 0, G_OPTION_ARG_STRING, &o->engine,
      "auto, kvm, software or none, instead of the definition's", "NAME" },
    { "paused", 0, 0, G_OPTION_ARG_NONE, &o->paused, "Start paused", NULL },
    { "load", 0, 0, G_OPTION_ARG_FILENAME, &o->load, "Go on from a saved state", "FILE" },
    { "vnc", 0, 0, G_OPTION_ARG_STRING, &o->vnc, "Serve the screen over VNC at ADDRESS:PORT", "ADDRESS" },
    { "vnc-password-file", 0, 0, G_OPTION_ARG_FILENAME, &o->vnc_password_file, "File with the VNC password",
      "FILE" },
    { "test-image", 0, 0, G_OPTION_ARG_STRING_ARRAY, &o->test_images,
      "For tests: make the image FILE fail, lag or forget as the words say (block/block-testing.h)",
      "FILE:WORDS" },
    { "qtest", 0, 0, G_OPTION_ARG_FILENAME, &o->qtest,
      "With engine none: listen here for the qtest line protocol", "PATH" },
    { "test-device", 0, 0, G_OPTION_ARG_NONE, &o->test_device,
      "For test programs: the devices that end the machine with a status, pull interrupt lines and so on; the first "
      "serial port writes to the standard output",
      NULL },
    { "test-pci", 0, 0, G_OPTION_ARG_NONE, &o->test_pci,
      "For test programs: slots, and a device that they plug into them and out of them", NULL },
    { "test-display", 0, 0, G_OPTION_ARG_NONE, &o->test_display,
      "For tests of several screens: a second display adapter, which shows bars of colour", NULL },
    { "test-usb", 0, 0, G_OPTION_ARG_NONE, &o->test_usb,
      "For tests of hubs: five of them, one behind the other, full of serial ports on USB", NULL },
    { "no-sandbox", 0, 0, G_OPTION_ARG_NONE, &o->no_sandbox,
      "For debugging: no broker, and a process that isn't confined", NULL },
    { "probe", 0, 0, G_OPTION_ARG_NONE, &o->probe, "Say what /dev/kvm is worth on this host, and end", NULL },
    { "walls", 0, 0, G_OPTION_ARG_NONE, &o->walls, "Say what a monitor is confined by on this host, and end",
      NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &o->json, "With --probe: as JSON", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &o->version, "Show the version", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- run one machine");

  o->ready_fd = o->lock_fd = o->owner_fd = o->broker_fd = -1;
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_description (
      context, "This program is started by vivarium and vivctl; “vivctl run --help” is what a person wants.");
  return g_option_context_parse (context, argc, argv, error);
}

/* -- Control -------------------------------------------------------------------------------------- */

static gboolean
on_change_media (void *opaque, const char *id, const char *path, int fd, gboolean readonly, gboolean force,
                 GError **error)
{
  Monitor *monitor = opaque;

  return board_change_media (monitor->board, id, path, fd, readonly, force, error);
}

/* The guest has opened or closed a tray. */
static void
on_media_changed (void *opaque, const MachineDrive *drive)
{
  Monitor *monitor = opaque;

  if (monitor->control != NULL)
    control_service_media_changed (monitor->control, drive);
}

static Block *
on_drive_block (void *opaque, const char *id)
{
  Monitor *monitor = opaque;

  return board_drive_block (monitor->board, id);
}

static char *
on_place (void *opaque, const char *id)
{
  Monitor *monitor = opaque;

  return board_place (monitor->board, id);
}

static void
on_set_key (void *opaque, const char *id, const char *key, const char *value)
{
  Monitor *monitor = opaque;

  board_set_key (monitor->board, id, key, value);
}

static void
on_statistics (void *opaque, void (*add) (void *values, const char *name, uint64_t value), void *values)
{
  Monitor *monitor = opaque;

  board_statistics (monitor->board, add, values);
  board_net_statistics (monitor->board, add, values);
}

static void
on_plug (void *opaque, MachineDefinition *definition, const char *id, VmDoneFunc done, void *done_opaque)
{
  Monitor *monitor = opaque;

  board_plug (monitor->board, definition, id, done, done_opaque);
}

static void
on_unplug (void *opaque, const char *id, gboolean force, VmDoneFunc done, void *done_opaque)
{
  Monitor *monitor = opaque;

  board_unplug (monitor->board, id, force, done, done_opaque);
}

static gboolean
on_power_button (void *opaque)
{
  Monitor *monitor = opaque;

  return board_power_button (monitor->board);
}

static gboolean
on_sleep_button (void *opaque)
{
  Monitor *monitor = opaque;

  return board_sleep_button (monitor->board);
}

static void
on_quit (void *opaque)
{
  Monitor *monitor = opaque;

  vm_stop (monitor->vm, "ended from outside");
}

static int
on_start_helper (void *opaque, const char *kind, unsigned *number, GError **error)
{
  return vnc_host_start_helper (number, error);
}

static void
on_end_helper (void *opaque, unsigned number)
{
  vnc_host_end_helper (number);
}

static gboolean
on_set_net (void *opaque, const char *id, const char *key, const char *value, GError **error)
{
  return networks_set (((Monitor *)opaque)->networks, id, key, value, error);
}

static void
on_facts (void *opaque, const char *id, GVariantBuilder *facts)
{
  Monitor *monitor = opaque;
  const char *end = board_serial_name (monitor->board, id);

  networks_facts (monitor->networks, id, facts);
  if (end != NULL)
    g_variant_builder_add (facts, "{ss}", "leads-to", end);
}

static void
on_net_notice (void *opaque, const char *sentence)
{
  Monitor *monitor = opaque;

  if (monitor->control != NULL)
    control_service_notice (monitor->control, sentence);
}

static void
on_guest_event (void *opaque, const char *sentence)
{
  Monitor *monitor = opaque;

  if (monitor->control != NULL)
    control_service_notice (monitor->control, sentence);
}

static char *
on_usb_connect (void *opaque, const char *id, const char *name, int node, GError **error)
{
  return usb_hosts_connect (((Monitor *)opaque)->board, id, name, node, error);
}

static gboolean
on_usb_disconnect (void *opaque, const char *id)
{
  return board_usb_host_disconnect (((Monitor *)opaque)->board, id);
}

static void
on_usb_list (void *opaque, void (*add) (void *list, const char *id, const char *name, const char *place),
             void *list)
{
  board_usb_hosts_list (((Monitor *)opaque)->board, add, list);
}

static gboolean
start_control (Monitor *monitor, GError **error)
{
  Board *board = monitor->board;
  ControlConfig config = {
    .vm = monitor->vm,
    .name = definition_text (monitor->definition, "machine.name"),
    .uuid = definition_text (monitor->definition, "machine.uuid"),
    .engine = monitor->engine->klass->name,
    .engine_reason = monitor->engine_reason,
    .walls = sandbox_walls (),
    .folder = monitor->definition->folder,
    .definition = monitor->definition,
    .place = on_place,
    .plug = on_plug,
    .unplug = on_unplug,
    .outputs = (DisplayOutput *const *)board->outputs->pdata,
    .n_outputs = board->outputs->len,
    .router = board->router,
    .drives = board->drives,
    .change_media = on_change_media,
    .block = on_drive_block,
    .set_key = on_set_key,
    .statistics = on_statistics,
    .serials = board->serial,
    .n_serials = board->n_serials,
    .power_button = on_power_button,
    .sleep_button = on_sleep_button,
    .start_helper = on_start_helper,
    .end_helper = on_end_helper,
    .set_net = on_set_net,
    .facts = on_facts,
    .usb_connect = on_usb_connect,
    .usb_disconnect = on_usb_disconnect,
    .usb_list = on_usb_list,
    .debugger = monitor->debugger,
    .quit = on_quit,
    .opaque = monitor,
    .listener = -1,
  };

  if (broker_link_is_up ())
    config.listener = broker_link_open (FAMILY_FILE_LISTENER);
  else if (monitor->options.socket != NULL)
    {
      monitor->place = control_socket_new (monitor->options.socket, error);
      if (monitor->place == NULL)
        return FALSE;
      config.listener = fcntl (control_socket_fd (monitor->place), F_DUPFD_CLOEXEC, 0);
    }
  /* The machine of a test may have none. */
  if (config.listener < 0)
    return TRUE;
  board->media_changed = on_media_changed;
  board->media_opaque = monitor;
  board->guest_event = on_guest_event;
  board->guest_event_opaque = monitor;
  monitor->control = control_service_new (&config, error);
  close (config.listener);
  return monitor->control != NULL;
}

/* A machine does without what can't be. */
static gboolean
start_networks (Monitor *monitor)
{
  monitor->networks = networks_new (monitor->board, on_net_notice, monitor);
  shares_init (monitor->board, on_net_notice, monitor);
  vsock_host_init (monitor->board, monitor->options.socket);
  usb_hosts_init (monitor->board, on_net_notice, monitor);
  return TRUE;
}

/* -- Sandbox -------------------------------------------------------------------------------------- */

/* Before anything is read that somebody else has written. */
static gboolean
confine (const Options *o, GError **error)
{
  const char *environment = g_getenv ("VIVARIUM_SANDBOX");
  const SandboxConfig config
      = { .namespaces = !o->no_namespaces, .trap = g_strcmp0 (environment, "trap") == 0 };

  if (o->broker_fd < 0)
    {
      g_printerr (
          "The monitor is not confined: whoever takes it over can do what you can. --no-sandbox is for debugging.\n");
      return TRUE;
    }
  /* A sanitizer's report needs files. */
  if (sandbox_is_sanitized () && g_strcmp0 (environment, "0") == 0)
    return TRUE;
  return sandbox_enter (&config, error);
}

/* What libraries open at their first use and could not behind the walls.  Before there are threads, as it sets a variable. */
static void
warm_up (Monitor *monitor)
{
  /* With a name, neither GLib nor the C library asks again which one /etc/localtime is. */
  g_setenv ("TZ", g_file_test ("/etc/localtime", G_FILE_TEST_EXISTS) ? ":/etc/localtime" : "UTC", FALSE);
  g_time_zone_unref (g_time_zone_new_local ());
  tzset ();
  /* The texts of VNC; a converter is a library, which stays loaded while one is open. */
  monitor->converters[0] = g_iconv_open ("ISO-8859-1", "UTF-8");
  monitor->converters[1] = g_iconv_open ("UTF-8", "ISO-8859-1");
  g_random_int ();
  (void)g_dgettext (GETTEXT_PACKAGE, "Machine");
  (void)g_dgettext ("glib20", "Error");
  (void)g_strerror (ENOENT);
  soft_reserve ();
  host_file_keep ("/proc/self/statm");
  host_file_keep ("/proc/self/pagemap");
}

/* -- Life ----------------------------------------------------------------------------------------- */

static void
on_state (Vm *vm, VmState state, void *opaque)
{
  Monitor *monitor = opaque;

  if (state == VM_STATE_STOPPED)
    g_main_loop_quit (monitor->loop);
}

static gboolean
on_signal (gpointer data)
{
  Monitor *monitor = data;

  vm_stop (monitor->vm, "the monitor was asked to end");
  return G_SOURCE_CONTINUE;
}

static gboolean
on_owner_gone (int fd, GIOCondition condition, gpointer data)
{
  Monitor *monitor = data;

  vm_stop (monitor->vm, "the program that it belonged to has ended");
  return G_SOURCE_REMOVE;
}

/* The table of files that the broker has too. */
static void
name_files (const MachineDefinition *definition)
{
  g_autoptr (GPtrArray) files = definition_files (definition);

  for (guint i = 0; i < files->len; i++)
    {
      const DefinitionFile *file = files->pdata[i];
      broker_link_add_file (FAMILY_N_FILES + i, file->path, file->write);
    }
}

static gboolean
on_core_note (void *opaque, uint64_t *address, uint32_t *size)
{
  return vmcoreinfo_find (((Board *)opaque)->fw_cfg, address, size);
}

static gboolean
build (Monitor *monitor, GError **error)
{
  const Options *o = &monitor->options;
  EngineConfig config = { 0 };
  const EngineClass *klass;
  const char *wanted;

  for (unsigned i = 0; o->test_images != NULL && o->test_images[i] != NULL; i++)
    if (!block_testing_name (o->test_images[i], error))
      return FALSE;
  monitor->definition = definition_load (o->definition, error);
  if (monitor->definition == NULL)
    return FALSE;
  if (o->folder != NULL)
    {
      g_free (monitor->definition->folder);
      monitor->definition->folder = g_canonicalize_filename (o->folder, NULL);
    }
  if (broker_link_is_up ())
    name_files (monitor->definition);
  wanted = processors_read (&config, monitor->definition, o->engine, error);
  if (wanted == NULL)
    return FALSE;
  klass = engine_choose (wanted, &monitor->engine_reason, error);
  if (klass == NULL)
    {
      viv_start_blame ("machine", "engine");
      return FALSE;
    }
  g_message ("%s: engine %s. %s", definition_text (monitor->definition, "machine.name"), klass->name,
             monitor->engine_reason);
  /* Tests move the time themselves, and want the same order of events each time. */
  if (o->qtest != NULL && klass == &none_engine_class)
    monitor->vm = vm_new (NULL, TRUE);
  else
    {
      monitor->devices = vm_loop_new ("devices");
      monitor->vm = vm_new_with_loops (vm_loop_context (monitor->devices), NULL, FALSE);
    }
  vm_add_state_func (monitor->vm, on_state, monitor);
  monitor->engine = engine_new (klass, monitor->vm, &config, error);
  if (monitor->engine == NULL)
    {
      viv_start_blame ("machine", error != NULL && g_error_matches (*error, STATE_ERROR, STATE_ERROR_HOST)
                                      ? "cpu"
                                      : "engine");
      return FALSE;
    }
  monitor->debugger = debug_server_new (monitor->vm, monitor->engine);
  monitor->board = pc_new (monitor->vm, monitor->definition, error);
  if (monitor->board == NULL)
    return FALSE;
  debug_server_set_views (monitor->debugger, board_views, monitor->board);
  debug_server_set_core_note (monitor->debugger, on_core_note, monitor->board);
  if (o->test_device
      && !test_programs_begin (&monitor->test_programs, monitor->board, &monitor->status, error))
    return FALSE;
  if (o->test_pci && !board_add_test_pci (monitor->board, error))
    return FALSE;
  if (!board_fill_slots (monitor->board, error))
    return FALSE;
  if (o->test_display && !board_add_test_display (monitor->board, error))
    return FALSE;
  if (o->test_usb && !board_add_test_usb (monitor->board, error))
    return FALSE;
  if (o->qtest != NULL)
    {
      if (klass != &none_engine_class)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "--qtest goes with --engine none");
          return FALSE;
        }
      monitor->qtest = qtest_new (monitor->vm, o->qtest, monitor->qtest_listener, error);
      if (monitor->qtest == NULL)
        return FALSE;
    }
  return TRUE;
}

static void
tell_ready (Monitor *monitor)
{
  int fd = monitor->options.ready_fd;

  if (broker_link_is_up ())
    broker_link_ready ();
  ssize_t n = fd >= 0 ? write (fd, "ready\n", 6) : 0;

  (void)n;
  if (fd >= 0)
    close (fd);
}

static void
on_running (Vm *vm, const GError *error, void *opaque)
{
  if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    tell_ready (opaque);
}

static gboolean
power_on (Monitor *monitor, GError **error)
{
  const Options *o = &monitor->options;

  vm_start (monitor->vm, TRUE);
  if (o->load != NULL)
    {
      uint64_t size;
      int fd = regular_file_open (o->load, G_MAXINT64, &size, error);

      if (fd < 0)
        return FALSE;
      close (fd);
      if (!vm_load (monitor->vm, o->load, error))
        return FALSE;
    }
  /* From here on the machine's devices are the other loop's. */
  if (monitor->devices != NULL)
    vm_loop_start (monitor->devices);
  if (o->paused)
    tell_ready (monitor);
  else
    vm_resume_async (monitor->vm, on_running, monitor);
  return TRUE;
}

/* For who can offer the way to that setting. */
static void
tell_blame (Monitor *monitor)
{
  g_autofree char *message = viv_start_blame_message ();

  if (broker_link_is_up () && viv_start_blame_key () != NULL)
    broker_link_blame (viv_start_blame_key ());
  if (message != NULL && monitor->options.ready_fd >= 0
      && write (monitor->options.ready_fd, message, strlen (message)) < 0)
    g_debug ("nobody waits for us");
}

static void
monitor_clear (Monitor *monitor)
{
  if (monitor->devices != NULL)
    vm_loop_stop (monitor->devices);
  if (monitor->vm != NULL)
    vm_stop_io (monitor->vm);
  g_clear_pointer (&monitor->control, control_service_free);
  networks_free (monitor->networks);
  control_socket_free (monitor->place);
  qtest_free (monitor->qtest);
  debug_server_free (monitor->debugger);
  engine_free (monitor->engine);
  board_free (monitor->board);
  vm_free (monitor->vm);
  vm_loop_free (monitor->devices);
  g_clear_pointer (&monitor->definition, definition_unref);
  g_free (monitor->engine_reason);
  g_main_loop_unref (monitor->loop);
  g_free (monitor->options.definition);
  g_free (monitor->options.folder);
  g_free (monitor->options.socket);
  g_free (monitor->options.engine);
  g_free (monitor->options.load);
  g_free (monitor->options.vnc);
  g_free (monitor->options.vnc_password_file);
  g_free (monitor->options.qtest);
  g_strfreev (monitor->options.test_images);
  for (unsigned i = 0; i < G_N_ELEMENTS (monitor->converters); i++)
    if (monitor->converters[i] != NULL && monitor->converters[i] != (GIConv)-1)
      g_iconv_close (monitor->converters[i]);
}

/* Started by hand: a broker first, which starts us again. */
static int
call_broker (char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *program = viv_find_program ("vivarium-broker", &error);

  if (program != NULL)
    execv (program, argv);
  g_printerr ("vivarium-vmm: %s\n", program != NULL ? g_strerror (errno) : error->message);
  return 1;
}

/* Before the control socket: GLib's worker thread, which that starts, must inherit what holds. */
static gboolean
narrow (Monitor *monitor, GError **error)
{
  /* Memory that can be written and executed, for an engine that doesn't translate. */
  soft_forgo ();
  return monitor->options.broker_fd < 0 || sandbox_narrow (error);
}

static void
meet_broker (const Options *o)
{
  broker_link_begin (o->broker_fd);
  broker_link_add_file (FAMILY_FILE_DEFINITION, o->definition, FALSE);
  if (o->load != NULL)
    broker_link_add_file (FAMILY_FILE_STATE, o->load, FALSE);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) argv_given = g_strdupv (argv);
  Monitor monitor = { .test_programs = TEST_PROGRAMS_NONE, .vnc = VNC_HOST_NONE };

  setlocale (LC_ALL, "");
  viv_bind_text_domain ();
  /* A monitor has few threads that allocate; an arena for each would only spread memory. */
  mallopt (M_ARENA_MAX, 2);
  signal (SIGPIPE, SIG_IGN);
  if (!parse_options (&argc, &argv, &monitor.options, &error))
    {
      g_printerr ("vivarium-vmm: %s\n", error->message);
      return 2;
    }
  if (monitor.options.version)
    {
      g_print ("vivarium-vmm %s\n", PACKAGE_VERSION);
      return 0;
    }
  if (monitor.options.probe)
    return show_engines (monitor.options.json);
  if (monitor.options.walls)
    return show_walls (monitor.options.no_namespaces);
  if (monitor.options.definition == NULL)
    {
      g_printerr ("vivarium-vmm: --definition FILE is needed; see --help\n");
      return 2;
    }
  if (monitor.options.broker_fd < 0 && !monitor.options.no_sandbox)
    return call_broker (argv_given);
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);

  warm_up (&monitor);
  if (monitor.options.broker_fd >= 0)
    meet_broker (&monitor.options);
  monitor.loop = g_main_loop_new (NULL, FALSE);
  if ((monitor.options.qtest != NULL
       && (monitor.qtest_listener = qtest_listen (monitor.options.qtest, &error)) < 0)
      || !confine (&monitor.options, &error)
      || (!broker_link_is_up ()
          && !viv_folder_lock_to_run (monitor.options.definition, &monitor.options.lock_fd, &error))
      || !build (&monitor, &error)
      || !vnc_host_prepare (&monitor.vnc, monitor.board, monitor.options.socket, monitor.options.vnc,
                            monitor.options.vnc_password_file, &error)
      || !narrow (&monitor, &error) || !start_control (&monitor, &error) || !start_networks (&monitor)
      || !tpm_host_start (monitor.board, &error) || !power_on (&monitor, &error))
    {
      g_printerr ("%s\n", error->message);
      tell_blame (&monitor);
      monitor.status = 1;
    }
  else
    {
      vnc_host_serve (&monitor.vnc, monitor.control);
      g_unix_signal_add (SIGTERM, on_signal, &monitor);
      g_unix_signal_add (SIGINT, on_signal, &monitor);
      g_unix_signal_add (SIGHUP, on_signal, &monitor);
      if (monitor.options.owner_fd >= 0)
        g_unix_fd_add (monitor.options.owner_fd, G_IO_HUP | G_IO_ERR, on_owner_gone, &monitor);
      g_main_loop_run (monitor.loop);
      if (monitor.devices != NULL)
        vm_loop_stop (monitor.devices);
      g_message ("the machine is off: %s", vm_state_reason (monitor.vm));
      test_programs_finish (&monitor.test_programs);
    }
  monitor_clear (&monitor);
  return monitor.status;
}

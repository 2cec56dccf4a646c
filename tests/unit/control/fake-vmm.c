/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A monitor without a machine: the real control service on a machine with no processor, a synthetic screen, a keyboard that types to
 * the serial line, and the command line of vivarium-vmm.  For tests of the launcher and of vivctl.
 *
 * The definition's kernel command line says how it misbehaves: "fail" ends with an error, "hang" never gets ready, "slow" works for a while before, "die" is killed
 * when asked to pause, "deaf" ignores Quit, "liar" is deaf and says its parent's process number for its own.
 * "large" has a large screen; "mute" has a keyboard that takes nothing, so that typing never ends; "rude" says things that are not fit
 * for a terminal nor for Pango; "full" pauses by itself, for want of room.
 */
#include "config.h"

#include "base/host-files.h"
#include "confine/broker-link.h"
#include "control/service.h"
#include "cpu/engine.h"
#include "debug/server.h"
#include "machine/definition.h"

#include <glib-unix.h>
#include <linux/input-event-codes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct
{
  char *definition, *folder, *engine, *load, *vnc, *password;
  int broker_fd;
  gboolean paused;
} options = { .broker_fd = -1 };

static MachineDefinition *definition;
static GMainLoop *loop;
static Vm *vm;
static DebugServer *debugger;
static SerialPort *serial;
static DisplayOutput *output;
static GPtrArray *drives;    /* MachineDrive */
static GPtrArray *usb_names; /* NULL where one was given back */
static unsigned keys;
static gboolean lies;

/* A window's title, colours, a cleared screen, C1 controls, markup; and then no end. */
#define RUDE        "\033]0;owned\007\033[31m\302\23331m<b>&\r\b"
#define CAPS_LOCK   4u /* of the lights, as the control interface counts them */
#define RUDE_LENGTH (256 * 1024)

static gboolean
behaves (const char *how)
{
  return definition != NULL && g_strcmp0 (definition_text (definition, "machine.append"), how) == 0;
}

static void
on_size (void *opaque, uint32_t *width, uint32_t *height)
{
  gboolean large = behaves ("large");

  *width = large ? 1930 : 64;
  *height = large ? 1085 : 32;
}

static void
on_refresh (void *opaque)
{
  uint32_t width, height;
  Framebuffer *fb;

  on_size (NULL, &width, &height);
  fb = display_output_surface (output, width, height);

  for (unsigned y = 0; y < height; y++)
    for (unsigned x = 0; x < width; x++)
      memcpy (fb->pixels + y * fb->stride + x * 4,
              &(uint32_t){ (x & 0xff) << 16 | (y & 0xff) << 8 | (keys & 0xff) }, 4);
  display_output_set_scanout (output, fb);
}

static void
on_watched (void *opaque, gboolean watched)
{
}

static char *
on_text (void *opaque)
{
  return g_strdup_printf ("fake machine\nkeys %u\n%sready>", keys, behaves ("rude") ? RUDE : "");
}

/* What is typed comes out of the serial port. */
static void
on_event (void *opaque, const InputEvent *event)
{
  char line[64];

  if (event->type == INPUT_EVENT_KEY && event->value != 0)
    keys++;
  g_snprintf (line, sizeof line, "event %d %u %d %d %d\r\n", event->type, event->code, event->value, event->x,
              event->y);
  serial_port_write (serial, (const uint8_t *)line, strlen (line));
}

static gboolean
is_ready (void *opaque)
{
  return !behaves ("mute");
}

/* Echo, in capitals. */
static size_t
on_serial (void *opaque, const uint8_t *data, size_t length)
{
  g_autofree char *upper = g_ascii_strup ((const char *)data, length);

  serial_port_write (serial, (const uint8_t *)upper, length);
  return length;
}

static gboolean
on_change_media (void *opaque, const char *id, const char *path, int fd, gboolean readonly, gboolean force,
                 GError **error)
{
  struct stat named, came;

  /* Whoever is asked to insert a file gets that file. */
  if (path != NULL
      && (fd < 0 || stat (path, &named) != 0 || fstat (fd, &came) != 0 || named.st_ino != came.st_ino
          || named.st_dev != came.st_dev))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "another file came than %s", path);
      return FALSE;
    }
  for (guint i = 0; i < drives->len && (path == NULL || !g_str_has_suffix (path, ".bad")); i++)
    {
      MachineDrive *drive = drives->pdata[i];

      if (!g_str_equal (drive->id, id))
        continue;
      if (behaves ("locked") && !force)
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING, "the guest has locked the tray of %s", id);
          return FALSE;
        }
      g_free (drive->path);
      drive->path = g_strdup (path);
      drive->readonly = readonly || drive->kind == DRIVE_CDROM;
      return TRUE;
    }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "%s is not there%s", path,
               behaves ("rude") ? RUDE : "");
  return FALSE;
}

/* -- USB devices of this computer: names are all that is kept of them -- */

static char *
on_usb_connect (void *opaque, const char *id, const char *name, int node, GError **error)
{
  if (behaves ("usb-denied"))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED, "the user may not");
  else if (behaves ("usb-full"))
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                         "the USB controller has no port left; take a device away");
  else if (node < 0 || fcntl (node, F_GETFL) < 0)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no device came along");
  else
    {
      g_ptr_array_add (usb_names, g_strdup (name));
      return g_strdup_printf ("usb-host%u", usb_names->len - 1);
    }
  return NULL;
}

static gboolean
on_usb_disconnect (void *opaque, const char *id)
{
  const unsigned n = g_str_has_prefix (id, "usb-host") ? (unsigned)atoi (id + 8) : G_MAXUINT;

  if (n >= usb_names->len || usb_names->pdata[n] == NULL)
    return FALSE;
  g_clear_pointer (&usb_names->pdata[n], g_free);
  return TRUE;
}

static void
on_usb_list (void *opaque, void (*add) (void *list, const char *id, const char *name, const char *place),
             void *list)
{
  for (guint i = 0; i < usb_names->len; i++)
    {
      g_autofree char *id = g_strdup_printf ("usb-host%u", i);

      if (usb_names->pdata[i] != NULL)
        add (list, id, usb_names->pdata[i], "usb 2");
    }
}

static gboolean
on_power_button (void *opaque)
{
  vm_request (vm, VM_REQUEST_POWER_OFF, behaves ("rude") ? RUDE : "the guest turned itself off");
  return TRUE;
}

/* In place of the C library's: what the service says of itself, on D-Bus's thread. */
pid_t
getpid (void)
{
  return lies ? getppid () : (pid_t)syscall (SYS_getpid);
}

static void
on_quit (void *opaque)
{
  if (!behaves ("deaf") && !behaves ("liar"))
    vm_stop (vm, "ended from outside");
}

static void
on_state (Vm *machine, VmState state, void *opaque)
{
  if (state == VM_STATE_STOPPED)
    g_main_loop_quit (loop);
  if (state == VM_STATE_PAUSED && g_strcmp0 (definition_text (definition, "machine.append"), "die") == 0)
    raise (SIGKILL);
}

static gboolean
on_term (gpointer data)
{
  vm_stop (vm, "asked to end");
  return G_SOURCE_CONTINUE;
}

static int
on_start_helper (void *opaque, const char *kind, unsigned *number, GError **error)
{
  return broker_link_helper (FAMILY_HELPER_VNC, 0, number, error);
}

static ControlService *
serve (InputRouter *router, GError **error)
{
  drives = g_ptr_array_new_with_free_func (machine_drive_free);
  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);
      const MachineDrive present = {
        .id = g_strdup (drive->id),
        .kind = drive->kind->drive,
        .path = g_strdup (machine_device_text (drive, "path")),
        .readonly = machine_device_flag (drive, "readonly"),
      };
      g_ptr_array_add (drives, g_memdup2 (&present, sizeof present));
    }
  usb_names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GString) reason = g_string_new ("there is no processor in a test");
  while (behaves ("rude") && reason->len < RUDE_LENGTH)
    g_string_append (reason, RUDE);
  int listener = broker_link_open (FAMILY_FILE_LISTENER);
  const ControlConfig config = {
    .vm = vm,
    .listener = listener,
    .name = definition_text (definition, "machine.name"),
    .uuid = definition_text (definition, "machine.uuid"),
    .engine = "none",
    .engine_reason = reason->str,
    .folder = definition->folder,
    .definition = definition,
    .outputs = &output,
    .n_outputs = 1,
    .router = router,
    .drives = drives,
    .change_media = on_change_media,
    .serials = &serial,
    .n_serials = 1,
    .power_button = on_power_button,
    .start_helper = on_start_helper,
    .usb_connect = on_usb_connect,
    .usb_disconnect = on_usb_disconnect,
    .usb_list = on_usb_list,
    .quit = on_quit,
    .debugger = debugger,
  };
  ControlService *service = control_service_new (&config, error);
  close (listener);
  return service;
}

static void
run (void)
{
  static const DisplaySource source
      = { .refresh = on_refresh, .watched = on_watched, .text = on_text, .size = on_size };
  static InputSink sink = { .name = "fake",
                            .kinds = INPUT_SINK_KEYBOARD | INPUT_SINK_RELATIVE | INPUT_SINK_ABSOLUTE,
                            .event = on_event,
                            .ready = is_ready };
  g_autoptr (GError) error = NULL;

  vm = vm_new (NULL, FALSE);
  vm_add_state_func (vm, on_state, NULL);
  Engine *engine = engine_new (&none_engine_class, vm, &(EngineConfig){ .n_cpus = 2 }, NULL);
  debugger = debug_server_new (vm, engine);
  InputRouter *router = input_router_new (vm);
  vm_lock (vm);
  serial = serial_port_new (vm);
  serial_port_connect (serial, on_serial, NULL);
  input_router_add (router, &sink);
  input_router_set_active (router, &sink, TRUE);
  serial_port_write (serial, (const uint8_t *)"login:\r\n", 8);
  if (behaves ("caps"))
    input_router_set_leds (router, CAPS_LOCK);
  if (behaves ("rude"))
    {
      serial_port_write (serial, (const uint8_t *)RUDE, strlen (RUDE));
      g_print ("%s\n", RUDE);
    }
  vm_unlock (vm);
  output = display_output_new ("fake", &source, NULL);
  ControlService *service = serve (router, &error);
  if (service == NULL)
    g_printerr ("%s\n", error->message);
  else
    {
      g_unix_signal_add (SIGTERM, on_term, NULL);
      vm_start (vm, options.paused);
      if (behaves ("full"))
        vm_request (vm, VM_REQUEST_PAUSE, "There is no room for disk0.");
      broker_link_ready ();
      g_main_loop_run (loop);
    }
  control_service_free (service);
  debug_server_free (debugger);
  engine_free (engine);
  g_ptr_array_unref (drives);
  g_ptr_array_unref (usb_names);
  display_output_free (output);
  vm_lock (vm);
  serial_port_free (serial);
  input_router_remove (router, &sink);
  vm_unlock (vm);
  input_router_free (router);
  vm_free (vm);
  if (service == NULL)
    exit (1);
}

int
main (int argc, char **argv)
{
  const GOptionEntry entries[] = {
    { "definition", 0, 0, G_OPTION_ARG_FILENAME, &options.definition, NULL, NULL },
    { "folder", 0, 0, G_OPTION_ARG_FILENAME, &options.folder, NULL, NULL },
    { "broker-fd", 0, 0, G_OPTION_ARG_INT, &options.broker_fd, NULL, NULL },
    { "engine", 0, 0, G_OPTION_ARG_STRING, &options.engine, NULL, NULL },
    { "load", 0, 0, G_OPTION_ARG_FILENAME, &options.load, NULL, NULL },
    { "vnc", 0, 0, G_OPTION_ARG_STRING, &options.vnc, NULL, NULL },
    { "vnc-password-file", 0, 0, G_OPTION_ARG_FILENAME, &options.password, NULL, NULL },
    { "paused", 0, 0, G_OPTION_ARG_NONE, &options.paused, NULL, NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  signal (SIGPIPE, SIG_IGN);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  g_print ("fake monitor of %s\n", options.definition);
  host_file_keep ("/proc/self/statm");
  broker_link_begin (options.broker_fd);
  broker_link_add_file (FAMILY_FILE_DEFINITION, options.definition, FALSE);
  definition = definition_load (options.definition, &error);
  if (definition == NULL)
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }
  lies = behaves ("liar");
  if (g_strcmp0 (definition_text (definition, "machine.append"), "fail") == 0)
    {
      g_printerr ("the firmware is missing\n");
      /* As the monitor does; its end may be seen before this. */
      broker_link_blame ("machine.firmware");
      return 1;
    }
  loop = g_main_loop_new (NULL, FALSE);
  if (g_strcmp0 (definition_text (definition, "machine.append"), "hang") == 0)
    g_main_loop_run (loop);
  if (behaves ("slow"))
    while (clock () < 3 * CLOCKS_PER_SEC / 2)
      ;
  run ();
  g_main_loop_unref (loop);
  definition_unref (definition);
  g_free (options.definition);
  g_free (options.folder);
  g_free (options.engine);
  return 0;
}

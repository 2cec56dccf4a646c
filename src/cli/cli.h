/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vivctl: what its commands share.  A command returns the exit status: 0 done, 1 failed, 2 asked wrongly.
 */
#pragma once

#include "machine/local-host.h"
#include "machine/machine-find.h"

#include <glib/gi18n.h>

G_BEGIN_DECLS

enum
{
  EXIT_DONE = 0,
  EXIT_FAILED = 1,
  EXIT_USAGE = 2,
};

typedef struct
{
  const char *name;
  const char *arguments; /* "NAME [OPTION…]" */
  const char *summary;   /* one line */
  const char *more;      /* under the options of --help; may be NULL */
  int (*run) (int argc, char **argv);
} CliCommand;

/* Ends with a NULL name. */
extern const CliCommand cli_commands[];

int cli_create (int argc, char **argv);
int cli_clone (int argc, char **argv);
int cli_os (int argc, char **argv);
int cli_run (int argc, char **argv);
int cli_set (int argc, char **argv);
int cli_device (int argc, char **argv);
int cli_dump (int argc, char **argv);
int cli_monitor (int argc, char **argv);
int cli_debug (int argc, char **argv);
int cli_delete (int argc, char **argv);
int cli_start (int argc, char **argv);
int cli_stop (int argc, char **argv);
int cli_reset (int argc, char **argv);
int cli_press_sleep (int argc, char **argv);
int cli_pause (int argc, char **argv);
int cli_resume (int argc, char **argv);
int cli_save (int argc, char **argv);
int cli_list (int argc, char **argv);
int cli_show (int argc, char **argv);
int cli_log (int argc, char **argv);
int cli_host (int argc, char **argv);
int cli_screenshot (int argc, char **argv);
int cli_text (int argc, char **argv);
int cli_wait (int argc, char **argv);
int cli_type (int argc, char **argv);
int cli_key (int argc, char **argv);
int cli_pointer (int argc, char **argv);
int cli_media (int argc, char **argv);
int cli_serial (int argc, char **argv);
int cli_console (int argc, char **argv);
int cli_balloon (int argc, char **argv);
int cli_forward (int argc, char **argv);
int cli_vnc (int argc, char **argv);
int cli_vsock (int argc, char **argv);
int cli_usb (int argc, char **argv);
int cli_view (int argc, char **argv);

/* Parses the present command's options: `entries` may be NULL.  From `least` to `most` (-1: any) arguments must be left in argv[1…].
 * TRUE: go on; else *status is what to return (0 after --help). */
gboolean cli_parse (const GOptionEntry *entries, int *argc, char ***argv, int least, int most, int *status);
/* g_print() and g_printerr() put out text as it is, in any locale, and no control characters. */
void cli_init_output (void);
/* Says it on stderr and frees it. */
int cli_fail (GError *error);
int cli_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);

/* Adds the machines whose folders are in `folder` to `machines`; a broken one among them has no definition. */
void cli_collect (const char *folder, GPtrArray *machines);
/* All of the library, owned by the array. */
GPtrArray *cli_library (void);
/* By name or UUID prefix, with its monitor connected if one runs. */
VivMachine *cli_find (const char *name, GError **error);
VivMachine *cli_find_live (const char *name, GError **error);
/* Why it can't be asked: it is off, is starting, or does not answer. */
/* The state as a word in a sentence, in the person's language; `vivctl list` and scripts have it as it is. */
const char *cli_state_word (const char *state);
GError *cli_not_live_error (VivMachine *machine);
/* Runs the main context until no connection is being tried and the images were looked for: a few seconds at most, then the state is
 * "unresponsive", or what is missing not known. */
void cli_settle (VivMachine *machine);

/* Asynchronous calls made synchronous: pass cli_on_result and a zeroed GAsyncResult *, then wait. */
void cli_on_result (GObject *source, GAsyncResult *result, gpointer data);
GAsyncResult *cli_wait_result (GAsyncResult **result);
/* Waits for a call without results. */
gboolean cli_finish (VivMachine *machine, GAsyncResult **result, GError **error);
/* Waits until the monitor has had all that was sent to it. */
gboolean cli_flush (VivMachine *machine, GError **error);
/* Sleeps in the main context. */
void cli_sleep (unsigned ms);
/* Runs the main context until the machine is off; FALSE after `seconds` (0: no limit). */
/* Of an option; so long as can be waited for, at most. */
gint64 cli_microseconds (double seconds);
gboolean cli_wait_off (VivMachine *machine, double seconds);

/* A key that begins so has a string that is JSON already; the mark is left out. */
#define CLI_RAW_JSON "\001"
/* Appends a GVariant (a{sv}, arrays, strings, bytestrings, numbers, booleans) as JSON. */
void cli_json (GVariant *value, GString *out);
/* Prints it with a newline; sinks `value`. */
void cli_print_json (GVariant *value);

/* The options that describe a machine: create and run. */
typedef struct
{
  char **disks, **cdroms, **floppies, **modules, **serials;
  char **devices, **settings; /* --device, --set */
  char *kernel, *initrd, *append, *memory, *engine, *name, *vnc, *vnc_password_file, *boot, *os, *disk_size;
  char *cpus;
  gboolean snapshot, boot_menu;
} MachineOptions;
/* "KIND[,KEY=VALUE…]" as --device and “vivctl device add” have it; a comma in a value is written twice.  Returns the kind and changes, of which
 * the names are without the kind; paths are made absolute.  Free with cli_device_words_clear(). */
typedef struct
{
  char *kind;
  GPtrArray *names, *values; /* strings */
} CliDeviceWords;
gboolean cli_device_words (const char *text, CliDeviceWords *words, GError **error);
void cli_device_words_clear (CliDeviceWords *words);
/* "ID.KEY=VALUE"; a path is made absolute. */
gboolean cli_split_setting (const char *text, char **key, char **value, GError **error);

#define MACHINE_OPTION_ENTRIES(o)                                                                                \
  { "floppy",                                                                                                    \
    0,                                                                                                           \
    0,                                                                                                           \
    G_OPTION_ARG_FILENAME_ARRAY,                                                                                 \
    &(o).floppies,                                                                                               \
    N_ ("Image in a floppy drive (twice: two drives)"),                                                          \
    N_ ("FILE") },                                                                                               \
      { "cdrom", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &(o).cdroms, N_ ("Image in a CD-ROM drive"), N_ ("FILE") },  \
      { "disk", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &(o).disks, N_ ("Image of a hard disk"), N_ ("FILE") },       \
      { "device",                                                                                                \
        0,                                                                                                       \
        0,                                                                                                       \
        G_OPTION_ARG_FILENAME_ARRAY,                                                                             \
        &(o).devices,                                                                                            \
        N_ ("A device; “vivctl set --keys” lists the keys"),                                                     \
        N_ ("KIND[,KEY=VALUE…]") },                                                                              \
      { "set",                                                                                                   \
        0,                                                                                                       \
        0,                                                                                                       \
        G_OPTION_ARG_FILENAME_ARRAY,                                                                             \
        &(o).settings,                                                                                           \
        N_ ("Any setting, such as machine.memory=2G"),                                                           \
        N_ ("ID.KEY=VALUE") },                                                                                   \
      { "kernel", 0, 0, G_OPTION_ARG_FILENAME, &(o).kernel, N_ ("Kernel to boot directly"), N_ ("FILE") },       \
      { "initrd", 0, 0, G_OPTION_ARG_FILENAME, &(o).initrd, N_ ("The kernel's initial RAM disk"), N_ ("FILE") }, \
      { "module",                                                                                                \
        0,                                                                                                       \
        0,                                                                                                       \
        G_OPTION_ARG_FILENAME_ARRAY,                                                                             \
        &(o).modules,                                                                                            \
        N_ ("Boot module of a Multiboot or PVH kernel (more than once: several)"),                               \
        N_ ("\"FILE STRING\"") },                                                                                \
      { "append", 0, 0, G_OPTION_ARG_FILENAME, &(o).append, N_ ("The kernel's command line"), N_ ("TEXT") },     \
      { "serial",                                                                                                \
        0,                                                                                                       \
        0,                                                                                                       \
        G_OPTION_ARG_STRING_ARRAY,                                                                               \
        &(o).serials,                                                                                            \
        N_ ("A serial port, COM1 first (up to four times): socket, none, or with run stdio (this terminal)"),    \
        N_ ("WHERE") },                                                                                          \
      { "memory", 0, 0, G_OPTION_ARG_STRING, &(o).memory, N_ ("Memory, such as 512M or 2G"), N_ ("SIZE") },      \
      { "cpus", 0, 0, G_OPTION_ARG_STRING, &(o).cpus, N_ ("Number of processors"), N_ ("N") },                   \
      { "engine", 0, 0, G_OPTION_ARG_STRING, &(o).engine, N_ ("auto, kvm, software or none"), N_ ("NAME") },     \
      { "boot",                                                                                                  \
        0,                                                                                                       \
        0,                                                                                                       \
        G_OPTION_ARG_STRING,                                                                                     \
        &(o).boot,                                                                                               \
        N_ ("Boot order: a floppy, c disk, d CD-ROM, n network"),                                                \
        N_ ("LETTERS") },                                                                                        \
      { "boot-menu", 0, 0, G_OPTION_ARG_NONE, &(o).boot_menu, N_ ("Let the firmware offer a boot menu"), NULL }, \
      { "snapshot",                                                                                              \
        0,                                                                                                       \
        0,                                                                                                       \
        G_OPTION_ARG_NONE,                                                                                       \
        &(o).snapshot,                                                                                           \
        N_ ("Throw changes of the images away at the end"),                                                      \
        NULL },                                                                                                  \
      { "os",     0,                                                                                             \
        0,        G_OPTION_ARG_STRING,                                                                           \
        &(o).os,  N_ ("Operating system, such as debian12, win10, dos; auto: what is on the CD-ROM"),            \
        N_ ("ID") },                                                                                             \
      { "vnc", 0, 0, G_OPTION_ARG_STRING, &(o).vnc, N_ ("Serve the screen over VNC"), N_ ("ADDRESS:PORT") },     \
  {                                                                                                              \
    "vnc-password-file", 0, 0, G_OPTION_ARG_FILENAME, &(o).vnc_password_file,                                    \
        N_ ("File with the VNC password"), N_ ("FILE")                                                           \
  }
void machine_options_clear (MachineOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (MachineOptions, machine_options_clear)
/* A definition of them; `identify`: look into the media for the operating system if it isn't named. */
MachineDefinition *machine_options_build (const MachineOptions *options, const char *name, gboolean identify,
                                          GError **error);

/* serial.c: our terminal on a port, until the machine ends or Ctrl-] ; -1 and an error. */
typedef struct SerialBridge SerialBridge;
SerialBridge *serial_bridge_new (VivMachine *machine, unsigned port, gboolean history, GError **error);
void serial_bridge_free (SerialBridge *bridge);
gboolean serial_bridge_closed (SerialBridge *bridge);
/* view.c: opens the application's viewer; FALSE and why not. */
gboolean view_spawn (VivMachine *machine, GError **error);

G_END_DECLS

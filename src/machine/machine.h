/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine as the application and vivctl see it: what it is (its definition), and, while it runs, a monitor behind a connection.  There may be
 * several kinds, which can do more or less: machine/local-machine.h has the one that is a folder and a process of ours,
 * machine/machine-private.h what it takes to make another.
 *
 * Main context of the thread that made it.  Nothing here blocks but viv_machine_reload(), which reads one small file.
 */
#pragma once

#include "display/input.h"
#include "machine/definition.h"
#include "machine/machine-error.h"
#include "machine/monitor-process.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define VIV_TYPE_MACHINE (viv_machine_get_type ())
G_DECLARE_DERIVABLE_TYPE (VivMachine, viv_machine, VIV, MACHINE, GObject)

/* What a kind of machine can do at all; whether it can do so now is a matter of its state. */
typedef enum
{
  VIV_MACHINE_CAN_START = 1 << 0,   /* and be ended by force */
  VIV_MACHINE_CAN_EDIT = 1 << 1,    /* its definition can be changed */
  VIV_MACHINE_CAN_SAVE = 1 << 2,    /* to a file, and be started from it */
  VIV_MACHINE_CAN_SHARE = 1 << 3,   /* its screens, over VNC */
  VIV_MACHINE_HAS_CONSOLE = 1 << 4, /* screens, keyboard and pointer */
  VIV_MACHINE_HAS_FOLDER = 1 << 5,  /* with images, log and thumbnail, on this computer */
  VIV_MACHINE_CAN_LOOK = 1 << 6,    /* into it while it runs: viv_machine_command() */
} VivMachineCapabilities;

typedef enum
{
  VIV_MACHINE_BUSY = 1 << 0, /* a monitor has it, whether it answers or not: files of it must be left alone */
  VIV_MACHINE_CONNECTING = 1 << 1, /* a monitor's socket is being tried: what "live" says may change soon */
  VIV_MACHINE_CHECKING
  = 1 << 2, /* its images are looked for, which on a dead server takes for ever: "error" may change */
} VivMachineActivity;

/* A change of a definition, for machine/edit.h. */
typedef struct
{
  /* "machine.memory", "cdrom0.path" as definition_set() takes them; "disk+.path" is the first disk (or whatever kind) that the machine
   * hasn't got, the same for all changes of one call, "disk+" alone adds it as it comes; "cdrom1" alone takes the device out. */
  const char *key;
  const char *value; /* NULL or "": the default, or none */
} VivChange;

/* Properties (all with notify, read-only):
 *   folder       s  absolute; NULL for a kind without one
 *   name         s  the definition's, or the folder's name if that is broken
 *   uuid         s  NULL if broken
 *   state        s  "off", "starting", "running", "paused", "crashed", "broken" (see error), "unresponsive" (its monitor
 *                   lives and does not answer)
 *   state-reason s  for a person; "" if there is nothing to say
 *   error        s  what is wrong with machine.ini, or which image is missing (looked for in a thread); NULL: nothing
 *   live         b  a monitor runs and we are connected to it
 *   engine, engine-reason, vnc-address  s  "" while not live
 *   absolute-pointer b,  leds u,  width u,  height u (of the first screen)
 *   screens      pointer: viv_machine_get_screens()
 *   thumbnail    s  path of the last picture; NULL: none yet
 *   definition   boxed pointer, NULL if broken
 *   low-space    s  for a person: where it writes there is little room left; NULL: there is enough, or it doesn't run
 * Signals: "state-changed" (whenever state, state-reason or live changes), "media-changed" (drive, path: by a client or by the guest;
 * "" when it was ejected), "notice" (a sentence of the monitor's for the person at the machine), "save-progress" (double, 0 to 1, the last, while it is saved, whoever has it
 * saved), "device-error" (drive, sentence: the machine had to pause since the host can't do what the drive asks of it; resuming tries again).
 */

/* What a kind of machine is made of (see machine/machine-private.h).  What one leaves out is refused, with words, or nothing happens. */
struct _VivMachineClass
{
  GObjectClass parent_class;

  VivMachineCapabilities (*capabilities) (VivMachine *self);
  VivMachineActivity (*activity) (VivMachine *self);
  void (*reload) (VivMachine *self);
  void (*probe) (VivMachine *self);
  /* Both take the task, which returns a boolean. */
  void (*start) (VivMachine *self, const VivStartOptions *options, GTask *task);
  void (*force_off) (VivMachine *self, GTask *task);
  /* See machine/edit.h. */
  gboolean (*edit) (VivMachine *self, const VivChange *changes, unsigned n, GError **error);
  /* The monitor at the proxy says something else of its state than before. */
  void (*said) (VivMachine *self);
  /* A call to it got an answer, or none. */
  void (*answered) (VivMachine *self, gboolean answered);
};

VivMachineCapabilities viv_machine_get_capabilities (VivMachine *machine);
/* All of `what`. */
gboolean viv_machine_can (VivMachine *machine, VivMachineCapabilities what);
const char *viv_machine_get_folder (VivMachine *machine);
const char *viv_machine_get_name (VivMachine *machine);
const char *viv_machine_get_uuid (VivMachine *machine);
const char *viv_machine_get_state (VivMachine *machine);
const char *viv_machine_get_state_reason (VivMachine *machine);
const char *viv_machine_get_error (VivMachine *machine);
gboolean viv_machine_is_live (VivMachine *machine);
/* VIV_MACHINE_CHECKING, _CONNECTING, _BUSY. */
gboolean viv_machine_is_checking (VivMachine *machine);
gboolean viv_machine_is_connecting (VivMachine *machine);
gboolean viv_machine_is_busy (VivMachine *machine);
const char *viv_machine_get_engine (VivMachine *machine);
const char *viv_machine_get_engine_reason (VivMachine *machine);
/* What its monitor says that it is confined by; "" while not live. */
const char *viv_machine_get_walls (VivMachine *machine);
const char *viv_machine_get_vnc_address (VivMachine *machine);
gboolean viv_machine_get_absolute_pointer (VivMachine *machine);
unsigned viv_machine_get_leds (VivMachine *machine);
unsigned viv_machine_get_width (VivMachine *machine);
unsigned viv_machine_get_height (VivMachine *machine);
/* A screen of a machine that runs. */
typedef struct
{
  unsigned id; /* for viv_machine_attach_screen(), _screenshot() and absolute events (InputEvent.value) */
  char *name;  /* the device's, plain text */
  unsigned width, height; /* pixels, as far as anybody has looked; 0: off */
  char *vnc_address;      /* "" while it isn't served */
} VivScreenInfo;
/* VivScreenInfo *, the main screen first; owned by the machine, until "screens" changes.  Empty while not live. */
GPtrArray *viv_machine_get_screens (VivMachine *machine);
pid_t viv_machine_get_pid (VivMachine *machine); /* of the monitor, as the kernel says; 0: not live */
const char *viv_machine_get_thumbnail (VivMachine *machine);
const char *viv_machine_get_low_space (VivMachine *machine);
/* It never changes; another one comes when the file did.  Owned by the machine until then: take a definition_copy() to keep it.
 * NULL if broken.  machine/edit.h changes the file. */
const MachineDefinition *viv_machine_get_definition (VivMachine *machine);
/* The VivMachine1 proxy; NULL while not live. */
GDBusProxy *viv_machine_get_proxy (VivMachine *machine);

/* Reads machine.ini again (the library does when it changes). */
void viv_machine_reload (VivMachine *machine);
/* Looks whether a monitor has come up; harmless at any time. */
void viv_machine_probe (VivMachine *machine);
/* The last `lines` lines of the monitor's log; "" if there is none. */
char *viv_machine_log_tail (VivMachine *machine, unsigned lines);
char *viv_machine_log_path (VivMachine *machine); /* NULL without a folder */
/* When it last ran, or wrote something to its log, in seconds of real time; 0: never. */
gint64 viv_machine_get_last_used (VivMachine *machine);

/* Starts the monitor, detached from us, and completes when it serves its socket.  `options` may be NULL. */
void viv_machine_start (VivMachine *machine, const VivStartOptions *options, GCancellable *cancellable,
                        GAsyncReadyCallback callback, gpointer data);
/* The setting ("disk0.path") that the last start failed for; NULL if it went well or that isn't known. */
const char *viv_machine_get_start_blame (VivMachine *machine);
void viv_machine_pause (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data);
void viv_machine_resume (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                         gpointer data);
void viv_machine_reset (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                        gpointer data);
/* Presses the power button; what the guest does then shows in "state". */
void viv_machine_power_down (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer data);
/* Presses the sleep button: the guest goes to sleep, or wakes. */
void viv_machine_sleep_button (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer data);
/* Pulls the plug; completes when the monitor is gone.  One that doesn't answer within 5 s is killed. */
void viv_machine_force_off (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                            gpointer data);
/* `path` NULL: ejects.  In the running machine, and when that has done it in the definition; in the definition alone if it is off. */
void viv_machine_change_media (VivMachine *machine, const char *drive, const char *path, gboolean readonly,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* The same, also where the guest has locked the drive and viv_machine_change_media() failed with G_IO_ERROR_PENDING. */
void viv_machine_force_media (VivMachine *machine, const char *drive, const char *path, gboolean readonly,
                              GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
void viv_machine_vnc_stop (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                           gpointer data);
/* To `path` as machine/output-file.h writes; this process opens it, so it may be anywhere.  A save that fails leaves the machine running if
 * it ran. */
void viv_machine_save_state (VivMachine *machine, const char *path, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data);
/* Writes a PNG of the screen with this id to `path`, as machine/output-file.h does; copied and encoded on a thread of this process. */
void viv_machine_screenshot (VivMachine *machine, unsigned screen, const char *path,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* A small one of the first screen to the folder's screenshot.png, the "thumbnail"; viv_thumbnail_read() reads it. */
void viv_machine_update_thumbnail (VivMachine *machine, GCancellable *cancellable,
                                   GAsyncReadyCallback callback, gpointer data);
/* Of all of the above. */
gboolean viv_machine_finish (VivMachine *machine, GAsyncResult *result, GError **error);

/* A socket for shm_viewer_new() that shows the screen with this id (VivScreenInfo); -1 on error. */
void viv_machine_attach_screen (VivMachine *machine, unsigned screen, GCancellable *cancellable,
                                GAsyncReadyCallback callback, gpointer data);
int viv_machine_attach_screen_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* A stream socket; with `history` what the port has sent so far comes first. */
void viv_machine_attach_serial (VivMachine *machine, unsigned port, gboolean history,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
int viv_machine_attach_serial_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* Types on the keyboard layout (display/layout.h) that the guest has set; NULL: the machine's own, input.layout.  Completes when the
 * last key is up.  Text with characters that the layout hasn't is refused whole, and so is text for a machine that doesn't run. */
void viv_machine_type_text (VivMachine *machine, const char *text, const char *layout,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean viv_machine_type_text_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* The text-mode screen; NULL without an error: the screen is graphical. */
void viv_machine_text (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer data);
char *viv_machine_text_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* The state of all devices, for debugging. */
void viv_machine_dump_state (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer data);
char *viv_machine_dump_state_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* A connected stream socket whose other end speaks GDB's protocol; it stays the caller's.  `bits`: whose registers are shown, 32 or 64; 0: by what
 * runs. */
void viv_machine_attach_debugger (VivMachine *machine, int fd, unsigned bits, GCancellable *cancellable,
                                  GAsyncReadyCallback callback, gpointer data);
gboolean viv_machine_attach_debugger_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* Memory and registers as an ELF core file; a machine that runs stands meanwhile.  “save-progress” tells how far it is.  Ends with viv_machine_finish(). */
void viv_machine_dump_memory (VivMachine *machine, const char *path, GCancellable *cancellable,
                              GAsyncReadyCallback callback, gpointer data);
/* A command that looks into the machine, “help” for a list; the answer is text, or JSON. */
void viv_machine_command (VivMachine *machine, const char *line, gboolean json, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer data);
char *viv_machine_command_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* Completes when the monitor has had all that was sent before, input too. */
void viv_machine_sync (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer data);
/* `address` and `password_file` may be NULL: loopback, any free port, no password.  Returns the address with its port. */
void viv_machine_vnc_start (VivMachine *machine, const char *address, const char *password_file,
                            GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
char *viv_machine_vnc_start_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* a{sv}: "uptime-ns" t, "memory-resident" t, "cpu-time-ns" t, "drive.ID.read-bytes" t, … */
void viv_machine_statistics (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                             gpointer data);
GVariant *viv_machine_statistics_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* a(sssb): id, kind, path, readonly */
void viv_machine_list_drives (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                              gpointer data);
GVariant *viv_machine_list_drives_finish (VivMachine *machine, GAsyncResult *result, GError **error);

/* -- Devices (machine-devices.c) -- */

/* a(sssa{ss}): id, kind, place ("ide 0:1"; "" of a machine that is off), keys with what they are now.  Of one that is off what machine.ini says. */
void viv_machine_list_devices (VivMachine *machine, GCancellable *cancellable, GAsyncReadyCallback callback,
                               gpointer data);
GVariant *viv_machine_list_devices_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* One key ("cdrom0.path"), in the running machine where that can be (what its monitor refuses is not written) and in machine.ini.  `*later`
 * (may be NULL): it runs, and the change takes effect at its next start. */
void viv_machine_set_property (VivMachine *machine, const char *key, const char *value,
                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
gboolean viv_machine_set_property_finish (VivMachine *machine, GAsyncResult *result, gboolean *later,
                                          GError **error);
/* A device of this kind with `n` keys, of which only the names are given ("path"), in the running machine where its bus takes one, and in
 * machine.ini.  Returns its id. */
typedef struct
{
  const char *name, *value;
} VivDeviceKey;
void viv_machine_add_device (VivMachine *machine, const char *kind, const VivDeviceKey *keys, unsigned n,
                             GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
char *viv_machine_add_device_finish (VivMachine *machine, GAsyncResult *result, gboolean *later,
                                     GError **error);
/* Likewise; the guest is asked to let it go, unless `force`.  An error if it hasn't after a while: then machine.ini has it still. */
void viv_machine_remove_device (VivMachine *machine, const char *id, gboolean force,
                                GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* As viv_machine_set_property_finish(). */
gboolean viv_machine_remove_device_finish (VivMachine *machine, GAsyncResult *result, gboolean *later,
                                           GError **error);

/* Sends and forgets; nothing if not live. */
void viv_machine_send_input (VivMachine *machine, const InputEvent *events, unsigned n);
void viv_machine_release_keys (VivMachine *machine);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control socket of a running machine: peer-to-peer D-Bus (data/org.vivarium.Machine1.xml) at CONTROL_OBJECT_PATH.
 *
 * Who starts the machine makes the socket (machine/control-socket.h).  A peer whose uid is not ours is
 * disconnected before a byte of it is read.
 *
 * Threads: the control loop's only (core/vm.h), VM lock NOT held, except where a callback says otherwise.
 */
#pragma once

#include "block/block.h"
#include "core/vm.h"
#include "debug/server.h"
#include "display/output.h"
#include "input/router.h"
#include "machine/drive.h"
#include "serial/serial.h"

G_BEGIN_DECLS

#define CONTROL_OBJECT_PATH     "/org/vivarium/Machine"
#define CONTROL_MAX_CONNECTIONS 32

typedef struct ControlService ControlService;

typedef struct
{
  Vm *vm;
  int listener; /* the socket; stays the caller's */
  const char *name, *uuid;
  const char *engine;                  /* "kvm", "soft", "none" */
  const char *engine_reason;           /* a sentence */
  const char *walls;                   /* confine/sandbox.h; static, NULL: none */
  const char *folder;                  /* where relative paths of clients start; NULL: they are refused */
  const MachineDefinition *definition; /* of the devices that clients may list and change; NULL: none */
  /* Where a device is: "ide 0:1", "pci 00:02.0"; NULL: nowhere in particular.  May be NULL. */
  char *(*place) (void *opaque, const char *id);
  /* Plugs the device `id` of `definition` in, on a bus that takes devices while the machine runs, and out; `done` comes on the control loop
   * when that is done, also behind the service's end.  Without `force` the guest is asked, and may never let it go.  G_IO_ERROR_NOT_SUPPORTED:
   * the machine has no place for it.  NULL: no bus of this machine can. */
  void (*plug) (void *opaque, MachineDefinition *definition, const char *id, VmDoneFunc done,
                void *done_opaque);
  void (*unplug) (void *opaque, const char *id, gboolean force, VmDoneFunc done, void *done_opaque);
  unsigned unplug_ms; /* how long a client waits for a guest to let a device go; 0: 15 s */
  /* The screens, borrowed; must outlive the service.  A screen's id is its place. */
  DisplayOutput *const *outputs;
  unsigned n_outputs;
  InputRouter *router; /* NULL: no input */
  GPtrArray *drives;   /* MachineDrive *, borrowed; must outlive the service.  NULL: none */
  /* Puts another image in (NULL: ejects) and changes what the drive says of itself.  `path` is absolute, and `fd` the open file, which stays the caller's; -1: none came.  On error the drive keeps what it had;
   * G_IO_ERROR_PENDING: the guest has locked it, and `force` would open it; G_IO_ERROR_NOT_SUPPORTED: its medium can't be changed while the machine runs.
   * VM lock NOT held.  NULL: no medium can. */
  gboolean (*change_media) (void *opaque, const char *id, const char *path, int fd, gboolean readonly,
                            gboolean force, GError **error);
  /* The open image, for statistics; NULL result: empty.  May be NULL. */
  Block *(*block) (void *opaque, const char *id);
  /* A device that is no drive has another value of a key that can be changed while the machine runs.  May be NULL. */
  void (*set_key) (void *opaque, const char *id, const char *key, const char *value);
  /* More numbers for statistics, "balloon0.actual-bytes".  May be NULL. */
  void (*statistics) (void *opaque, void (*add) (void *values, const char *name, uint64_t value),
                      void *values);
  SerialPort *const *serials; /* borrowed; must outlive the service */
  unsigned n_serials;
  unsigned handshake_ms; /* how long a client may take to say who it is; 0: 5 s */
  /* Press ACPI's buttons; NULL: there is none.  FALSE: nobody in the guest listens to it.  VM lock held. */
  gboolean (*power_button) (void *opaque);
  gboolean (*sleep_button) (void *opaque);
  /* Starts one of the machine's helpers, by its kind ("vnc"), and returns our end of its socket (base/message.h); -1 with an error.  NULL: there are
   * none. */
  int (*start_helper) (void *opaque, const char *kind, unsigned *number, GError **error);
  /* The one of this number is to be gone, if it isn't; may be NULL. */
  void (*end_helper) (void *opaque, unsigned number);
  /* A live key of a network card is to be this.  VM lock NOT held.  May be NULL. */
  gboolean (*set_net) (void *opaque, const char *id, const char *key, const char *value, GError **error);
  /* What there is to know of a device beside its keys, "{ss}".  Likewise. */
  void (*facts) (void *opaque, const char *id, GVariantBuilder *facts);
  /* USB devices of this computer: `id` NULL or one of the definition's, `node` -1 or one that stays the caller's; the id it has from now on, to be freed.  May be NULL. */
  char *(*usb_connect) (void *opaque, const char *id, const char *name, int node, GError **error);
  gboolean (*usb_disconnect) (void *opaque, const char *id);
  void (*usb_list) (void *opaque,
                    void (*add) (void *list, const char *id, const char *name, const char *place),
                    void *list);
  DebugServer *debugger; /* borrowed; must outlive the service.  NULL: there is none */
  /* A client asked for the end: stop the machine and leave the main loop. */
  void (*quit) (void *opaque);
  void *opaque;
} ControlConfig;

/* All strings and the definition are copied. */
ControlService *control_service_new (const ControlConfig *config, GError **error);
/* Tells clients that the machine is stopped, disconnects them, removes the socket.  Before vm_free(). */
void control_service_free (ControlService *service);

/* Has the screens served over VNC by a process of its own, the first `n` of them: `listeners` are sockets that listen at `addresses` (NULL behind the last), as
 * display/vnc-listen.h makes them, and `password` a file with the password in its first line (-1: none, which is the caller's to judge).  They stay the caller's.  What was served before goes on until
 * the new process is ready, or if it can't be.  If the process ends of its own, another takes its place; if that happens too often, VNC is off and clients hear a notice.
 * `done` (may be NULL) may come within the call, and comes once. */
typedef void (*ControlVncDone) (const GError *error, void *opaque);
void control_service_vnc_serve (ControlService *service, const char *const *addresses, const int *listeners,
                                unsigned n, int password, ControlVncDone done, void *opaque);
/* `done` (may be NULL): nobody listens there any more. */
void control_service_vnc_stop (ControlService *service, ControlVncDone done, void *opaque);

/* Tells clients what is in the drive now: its medium changed, or the guest moved its tray. */
void control_service_media_changed (ControlService *service, const MachineDrive *drive);
/* Something that a person at the machine should hear, as a sentence: goes to all clients. */
void control_service_notice (ControlService *service, const char *text);
unsigned control_service_n_connections (ControlService *service);

G_END_DECLS

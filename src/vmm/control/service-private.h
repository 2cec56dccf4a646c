/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of the service share: see service.c.
 */
#pragma once

#include "control/service.h"

#include "data/viv-machine1.h"
#include "control/vnc-link.h"
#include "display/shm.h"

G_BEGIN_DECLS

typedef struct
{
  ControlService *service;
  GDBusConnection *connection;
  gulong closed_handler;
  gint64 flush_start;  /* a flush is under way since then (µs); 0: none */
  gboolean sent_input; /* keys that it holds are released when it goes */
} ControlConnection;

typedef struct
{
  ControlService *service;
  unsigned id;
  DisplayOutput *output;
  DisplayViewer *size_viewer;
  uint32_t width, height;  /* 0: off */
  const char *vnc_address; /* NULL: not served */
} ServiceScreen;

typedef struct ControlVnc ControlVnc; /* vnc.c */
void control_vnc_init (ControlService *service);
void control_vnc_end (ControlService *service);

struct ControlService
{
  ControlConfig config;          /* strings and arrays are the service's own */
  GPtrArray *drives;             /* MachineDrive *, whose the machine's builder is; never NULL */
  MachineDefinition *definition; /* as it is now; NULL: none */
  GPtrArray *device_changes;     /* devices.c: devices on their way in or out */
  SerialPort **serials;
  VivMachine1 *skeleton;
  GSocketService *listener;
  GPtrArray *connections; /* ControlConnection */
  GQueue handshakes;      /* under way, the oldest first */
  GSource *handshake_timer;
  ServiceScreen *screens;     /* config.n_outputs */
  ControlVnc *vnc, *vnc_next; /* what serves them over VNC, and what is about to; NULL: nothing */
  GPtrArray *vnc_leaving;     /* processes that served and are still there */
  GArray *vnc_waiters;
  GPtrArray *shares;     /* ShmServer, freed by themselves or by us */
  GSource *input_source; /* lights or pointer have changed; under the VM lock.  NULL: no news */
  gboolean refused_told; /* a VNC client's event was refused, and the log says so */
  int statm_fd;          /* /proc/self/statm, opened before a sandbox closes the door */
  gint64 start_time;
};

#define CONTROL_PROTOCOL_VERSION 4

/* service.c.  What outlives its service (a listener of the machine, a flush that is under way) asks first whether it is there. */
gboolean control_service_is_live (gconstpointer service);

/* connections.c */
void control_connections_init (ControlService *service);
/* Lets clients in by `listener`. */
void control_connections_listen (ControlService *service);
/* Nobody comes in from here on; who is connected stays. */
void control_connections_stop (ControlService *service);
/* Sends what is left for clients, for a short while, and disconnects them. */
void control_connections_free (ControlService *service);
/* Something is about to be sent to all.  GDBus queues without limit for a client that doesn't read: its queue must be empty now and
 * then. */
void control_check_readers (ControlService *service);
ControlConnection *control_service_connection (ControlService *service, GDBusConnection *connection);

/* properties.c */
void control_properties_init (ControlService *service);
void control_properties_free (ControlService *service);
/* State and reason in one message, at once: clients must see "stopped" before the connection closes. */
void control_publish_state (ControlService *service);
/* Lights and the kind of pointer; VM lock held. */
void control_publish_input (ControlService *service);
void control_publish_screens (ControlService *service);
/* Nobody may have looked for long: asks for the sizes of the screens, without a picture, and tells them before what is answered
 * next. */
void control_service_update_sizes (ControlService *service);

/* vnc.c */
void control_vnc_init (ControlService *service);
void control_vnc_end (ControlService *service);
void control_vnc_publish_input (ControlService *service, gboolean absolute, unsigned leds);
unsigned control_vnc_n_clients (ControlService *service);

/* methods.c */
void control_methods_connect (ControlService *service);
/* Answers with the error, which it takes.  A path in it may be of any bytes; D-Bus takes UTF-8 alone.  TRUE, as handlers return. */
gboolean control_fail (GDBusMethodInvocation *invocation, GError *error);
/* Puts another medium in; `path` as clients write it ("": none), `fd` the caller's descriptor of it or -1. */
gboolean control_service_change_media (ControlService *service, const char *id, const char *path, int fd,
                                       gboolean readonly, gboolean force, GError **error);
const MachineDrive *control_service_find_drive (ControlService *service, const char *id);

/* debugging.c */
void control_debugging_connect (ControlService *service);
/* usb.c */
void control_usb_connect (ControlService *service);

/* devices.c */
void control_devices_connect (ControlService *service);
/* Answers who waits for a device; what is under way goes on without the service. */
void control_devices_end (ControlService *service);

G_END_DECLS

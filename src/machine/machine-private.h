/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What machine.c (the object and its state), launcher.c (start and end of the monitor) and machine-calls.c (what is asked of it) share.
 */
#pragma once

#include "machine/machine.h"

#include "data/viv-machine1.h"

#include <sys/stat.h>

G_BEGIN_DECLS

#define VIV_MACHINE_OBJECT_PATH "/org/vivarium/Machine"
#define VIV_MACHINE_INTERFACE   "org.vivarium.Machine1"

struct _VivMachine
{
  GObject parent_instance;

  char *folder, *name, *error;
  char *thumbnail;
  MachineDefinition *definition; /* NULL: broken */
  struct stat file;              /* machine.ini as it was read */
  GCancellable *image_check;     /* under way: what is missing shows in `error` */
  char *state, *reason;          /* as shown */

  /* The connection. */
  GCancellable *connecting; /* NULL: not under way */
  guint connect_timeout;    /* of a mere probe */
  VivMachine1 *proxy;
  gulong properties_handler, media_handler, notice_handler, closed_handler;
  char *socket_path; /* of the connection, or of the start under way */
  char *vmm_state;   /* what the monitor said last, and why */
  char *vmm_reason;
  char *engine, *engine_reason, *vnc_address; /* what it says of itself, made plain; NULL while not live */
  GPtrArray *screens;                         /* VivScreenInfo *; NULL while not live */
  pid_t pid;                                  /* the socket's peer, as the kernel says */
  int pidfd;                                  /* readable when the monitor is gone; -1: not known */
  guint pid_watch;                            /* waits for that, the connection being closed */
  gboolean was_killed;

  /* Somebody else's monitor has the folder, and we have no connection. */
  gboolean held, never_answered;
  gint64 held_since;
  guint holder_watch;

  /* A monitor that we started ourselves. */
  GSubprocess *process;
  gboolean process_ended;
  GTask *start;        /* under way */
  GInputStream *ready; /* "ready\n" comes here */
  char ready_buffer[64];
  char *start_blame; /* the setting that the last start failed for; NULL: none, or not known */
  guint start_timeout;
  int owner_fd; /* while it is open, a monitor that dies with its owner lives; -1: none */

  GPtrArray *off_tasks; /* GTask: complete when it is off */
  guint kill_timeout;
};

/* machine.c */
void viv_machine_set_state (VivMachine *self, const char *state, const char *reason);
void viv_machine_connect (VivMachine *self);
void viv_machine_cancel_connect (VivMachine *self);
/* Looks whether somebody else's monitor has the folder, and shows that; goes on looking while it is so. */
void viv_machine_follow_holder (VivMachine *self);
/* What the monitor said last is what is so: it has answered. */
void viv_machine_show_vmm_state (VivMachine *self);
void viv_machine_show_unresponsive (VivMachine *self);
/* screens.c: VivScreenInfo *; `proxy` NULL: none. */
GPtrArray *viv_screens_read (VivMachine1 *proxy);
/* launcher.c */
void viv_machine_fail_start (VivMachine *self, GError *error);
void viv_machine_ended (VivMachine *self);
void viv_machine_connected (VivMachine *self);
/* The error of a D-Bus call for a person: without D-Bus's prefix, and plain. */
void viv_machine_clean_error (GError *error);
/* TRUE if the folder that the monitor serves is another one than ours, and still there. */
gboolean viv_machine_is_other_folder (VivMachine *self, const char *folder);

G_END_DECLS

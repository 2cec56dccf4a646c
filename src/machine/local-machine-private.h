/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Of local-machine.c (the object, its connection, its start, its folder) and local-machine-end.c.
 */
#pragma once

#include "machine/local-machine.h"
#include "machine/machine-private.h"
#include "machine/machine-state.h"
#include "machine/monitor-link.h"
#include "machine/monitor-process.h"

#include <sys/stat.h>

G_BEGIN_DECLS

/* A monitor that has its folder and no socket yet is starting, for so long. */
#define STARTING_US (60 * G_USEC_PER_SEC)

struct _VivLocalMachine
{
  VivMachine parent_instance;

  struct stat file;          /* machine.ini as it was read */
  GCancellable *image_check; /* under way: what is missing shows as "error" */

  VivMonitorLink *link;
  VivMonitorProcess *process; /* one that we started ourselves; NULL: none */
  char *socket_path;          /* of the connection, or of the start under way */
  pid_t pid;                  /* of the monitor, as the kernel says */
  int pidfd;                  /* readable when it is gone; -1: not known */
  guint pid_watch;            /* waits for that: the connection is closed, or it was killed */
  guint leave_timeout;        /* it takes too long */
  gboolean was_killed;

  /* What it said last, other than that it has stopped; and that. */
  VivMonitorWord word;
  char *word_why, *stopped_why; /* stopped_why NULL: it has not */
  gboolean silent;
  char *silent_why;

  /* How the last one ended. */
  gboolean crashed;
  char *end_why;

  /* Somebody else's monitor has the folder, and we have no connection. */
  gboolean held, never_answered;
  gint64 held_since;
  guint holder_watch;

  guint space_watch;       /* while it is live */
  gboolean space_checking; /* a look is under way: one at a time */

  GTask *start; /* under way */
  guint start_timeout;
  /* Its connection's, while the process may yet say by its end that all was well; or why it is being ended. */
  GError *start_error;
  GPtrArray *off_tasks; /* GTask: complete when it is off */
  guint kill_timeout;
};

/* -- local-machine.c ---------------------------------------------------------------------------------------------- */

const char *viv_local_machine_folder (VivLocalMachine *self);
VivMachineFacts viv_local_machine_facts (VivLocalMachine *self);
/* Shows what is known.  `always`: what "live" or the like say has changed, if not the state. */
void viv_local_machine_update (VivLocalMachine *self, gboolean always);

/* -- local-machine-end.c ------------------------------------------------------------------------------------------- */

/* VivMachineClass.force_off. */
void viv_local_machine_force_off (VivMachine *machine, GTask *task);
/* It is off: those who wait for that hear of it. */
void viv_local_machine_complete_off (VivLocalMachine *self);
void viv_local_machine_drop_process (VivLocalMachine *self);
void viv_local_machine_forget_pid (VivLocalMachine *self);
/* The monitor's process is gone: how did it end? */
void viv_local_machine_note_end (VivLocalMachine *self);
/* That, shown and told. */
void viv_local_machine_ended (VivLocalMachine *self);
/* The connection is gone, or it was killed: waits for the end of `pidfd`. */
void viv_local_machine_watch_pid (VivLocalMachine *self);
/* The broker ends all of the machine's processes and clears up; if it doesn't, the kernel does the first. */
void viv_local_machine_kill (VivLocalMachine *self);
/* A start is over, or has failed: what it waited for is forgotten… */
void viv_local_machine_end_start (VivLocalMachine *self);
/* …and whoever waits for it gets `start_error`. */
void viv_local_machine_finish_start (VivLocalMachine *self);
/* Looks whether somebody else's monitor has the folder, and shows that; goes on looking while it is so. */
void viv_local_machine_follow_holder (VivLocalMachine *self);

G_END_DECLS

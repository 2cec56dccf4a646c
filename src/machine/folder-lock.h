/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who has a machine's folder: locks on FOLDER/machine.lock, which live as long as the descriptor (open file description
 * locks, fcntl(2)).  They are inherited and passed on with it, so a launcher locks and its monitor holds on.
 *
 * - VIV_LOCK_RUN: the machine runs.  A monitor has it from before its log is begun until its process is gone.  Who moves or removes
 *   the folder has it meanwhile.  Tried only, never waited for.
 * - VIV_LOCK_DEFINITION: machine.ini is being changed.  Held for milliseconds, and waited for.
 *
 * Who wants both takes both in one call.  Where a file system has no locks, or the folder can't be written, there is nothing that
 * could be spoiled together and the calls succeed.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

#define VIV_LOCK_FILE "machine.lock"

typedef enum
{
  VIV_LOCK_RUN = 1 << 0,
  VIV_LOCK_DEFINITION = 1 << 1,
} VivLockParts;

/* A descriptor to viv_folder_unlock() (or to hand on); -1 and an error of VIV_MACHINE_ERROR: _RUNNING, _BUSY (nobody let go of the
 * definition for ten seconds, or others were first for a minute), _NOT_FOUND (the folder is gone, or was moved while we waited). */
int viv_folder_lock (const char *folder, VivLockParts parts, GError **error);
void viv_folder_unlock (int fd);
/* For who starts a machine, first of all: VIV_LOCK_RUN of the folder that `definition` is in, unless *fd has it already.  Only what is laid out as a machine's folder has
 * a lock: a file of another name is let be. */
gboolean viv_folder_lock_to_run (const char *definition, int *fd, GError **error);
/* TRUE if somebody has VIV_LOCK_RUN; nothing is locked or made. */
gboolean viv_folder_is_running (const char *folder);
/* TRUE if nobody has it.  FALSE also where there are no locks, or none can be seen. */
gboolean viv_folder_is_free (const char *folder);
/* The process that has VIV_LOCK_RUN; 0: nobody, or nobody that we may look into.  Reads all of /proc. */
pid_t viv_folder_find_monitor (const char *folder);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the monitor gives up before the guest runs.  Everything that the definition names is open by then, so a guest that
 * takes the monitor over finds a process that starts no program and writes only where the machine lives.
 *
 * Three locks, each on every thread, those that run already included:
 *
 * - no_new_privs: no set-user-id program gives rights back (prctl(2)).
 * - Landlock (landlock(7)): writing, making, truncating, renaming and removing files only beneath the folders and on the
 *   files of SandboxConfig, and in /dev/null; executing nothing; no TCP connections (ABI 4).  Reading is not restricted: a CD image or a VNC password may be
 *   anywhere the user can read.  Files that are open stay as they are.  Where the kernel has no Landlock, one line says so.
 * - seccomp (seccomp(2)): a list of allowed system calls and of their arguments (calls.h); what no monitor does ends the process.
 *
 * What of the house is still open, and which step of the design shuts it, stands beside the list and in tests/sandbox.  A part that comes later and
 * needs more opens it before sandbox_enter().
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  const char *const *
      folders; /* NULL-terminated; files beneath may be written, made and removed.  What doesn't exist is left out */
  const char *const
      *files; /* NULL-terminated; may be written, as long as they are the same files (inodes).  NULL: none */
  gboolean
      trap; /* for debugging: a call that is not allowed ends the process, and stderr says which and where */
} SandboxConfig;

/* Confines all threads of the process, for good (none may block all signals, as GLib's own worker does: call this before it
 * starts), and logs one line about what holds.  What the kernel doesn't offer is left out;
 * what it offers and refuses is an error, and the process must not run a guest then.  Builds with a sanitizer of memory or
 * threads go without seccomp: the sanitizer's own calls are among the refused. */
gboolean sandbox_enter (const SandboxConfig *config, GError **error);

/* Whether Landlock holds, so that EACCES on a file that the user may write comes from here. */
gboolean sandbox_restricts_files (void);
/* Whether seccomp holds. */
gboolean sandbox_restricts_calls (void);

G_END_DECLS

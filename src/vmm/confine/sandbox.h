/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the monitor gives up before the guest runs.  Everything that the definition names is open by then, so a guest that
 * takes the monitor over finds a process that starts no program and writes only where the machine lives.
 *
 * Three locks, each on every thread, those that run already included:
 *
 * - no_new_privs: no set-user-id program gives rights back (prctl(2)).
 * - Landlock (landlock(7)): writing, making, truncating, renaming and removing files only beneath the folders and on the
 *   files of SandboxConfig, and in /dev/null; executing nothing.  Reading is not restricted: a CD image or a VNC password may be
 *   anywhere the user can read.  Files that are open stay as they are.  Where the kernel has no Landlock, one line says so.
 * - seccomp (seccomp(2)): a list of refused system calls (EPERM), all others are allowed.  Refused are: running programs and
 *   making processes, looking into or signalling other processes, mounting and namespaces, keys, BPF, performance counters,
 *   userfaultfd, io_uring (its requests pass by any filter), kernel modules and kexec, setting clocks, changing owners, identity
 *   or capabilities, and pushing input into a terminal.  An allow-list would be tighter, but the calls that GLib, libvncserver
 *   and the C library make differ between versions and a call that is missing would end a user's machine; with one, who adds a
 *   library could not know what breaks.
 *
 * A part that comes later and needs more (audio's /dev/shm, io_uring) opens it before sandbox_enter(), or extends the lists here.
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

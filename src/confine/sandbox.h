/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The walls around a monitor or a helper.  They go up before it reads anything: a guest, an image or a client that takes it over finds a process with
 * descriptors and no names.
 *
 * - Namespaces of its own (namespaces(7)) for users, mounts, network, IPC and the host's name: an empty root, no network, no capability
 *   outside.
 * - Landlock (landlock(7)) without a rule: no file by name, whatever its rights; no TCP (ABI 4), no abstract sockets and no signals to others (ABI 6).
 * - seccomp (seccomp(2)): lists of allowed system calls and of their arguments (calls.h).
 *
 * Besides: no_new_privs, no core file, not to be looked into by other processes of the user, no memory that executes (PR_SET_MDWE), and the end
 * with its parent.  What a kernel doesn't offer is left out, and sandbox_walls() says so.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  gboolean helper;  /* not a monitor: the list of calls is a helper's, for good */
  gboolean network; /* a helper that reaches networks: no namespaces, and Internet sockets */
  gboolean usb;     /* a helper with a USB device's node; it outlives who started it, to give that back */
  const char *const *readable; /* files and folders that it may read, ends with NULL; or NULL: none */
  gboolean namespaces;         /* try them */
  gboolean
      trap; /* for debugging: a call that is not allowed ends the process, and stderr says which and where */
} SandboxConfig;

/* In the first lines of main(), on the only thread, after what libraries open at their first use was opened.  What the kernel offers and
 * refuses is an error, and the process must not run a guest then; but where namespaces can be made and nothing be done in them, the process ends with
 * FAMILY_EXIT_NO_NAMESPACES.  Builds with a sanitizer of memory or threads go without seccomp: the sanitizer's own calls are among the refused. */
gboolean sandbox_enter (const SandboxConfig *config, GError **error);

/* When the machine is built: what only building one needs is closed on all threads, and processors and disks get their shorter lists. */
gboolean sandbox_narrow (GError **error);

/* "namespaces, Landlock ABI 6, seccomp", or what stands of it and why the rest doesn't: for the log and for people. */
const char *sandbox_walls (void);

/* Whether this is a build with a sanitizer, whose walls VIVARIUM_SANDBOX=0 takes down. */
gboolean sandbox_is_sanitized (void);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which system calls a confined monitor may make (seccomp(2)).  A list of what is allowed; how the others are answered says who makes them:
 *
 * - the process is killed for what nobody but an attacker does: programs, other processes' memory, namespaces, keys, BPF, …;
 * - EACCES for what libraries try and can do without;
 * - ENOSYS for all else, new calls too, so that a newer C library takes the older way.
 *
 * Threads share their memory, so all have the same list.  A call that is missing shows with VIVARIUM_SANDBOX=trap: what is not on the lists
 * or would kill ends the process then, with the call's name, its thread and a backtrace on stderr.
 *
 * The lists are calls-make.c's, a program of the build.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Loads the list for all threads of the process.  0 or a negative errno. */
int calls_confine (gboolean trap);

G_END_DECLS

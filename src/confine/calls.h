/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which system calls a confined monitor may make (seccomp(2)).  A list of what is allowed; how the others are answered says who makes them:
 *
 * - the process is killed for what nobody but an attacker does: programs, other processes' memory, namespaces, keys, BPF, …;
 * - EACCES for what libraries try and can do without;
 * - ENOSYS for all else, new calls too, so that a newer C library takes the older way.
 *
 * Threads share their memory, so the list of all is what holds.  Processors and disks have shorter ones beneath it: who has taken one of these over must first
 * take another thread over to get at what that may.  A call that is missing shows with VIVARIUM_SANDBOX=trap: what is not on the lists
 * or would kill ends the process then, with the call's name, its thread and a backtrace on stderr.
 *
 * The lists are calls-make.c's, a program of the build.
 */
#pragma once

#include "base/thread-kind.h"

G_BEGIN_DECLS

/* Loads the list of what is done while a machine is built: that of all, and KVM's requests that make one.  Before there are threads.  0 or a
 * negative errno. */
int calls_confine_start (gboolean trap);
/* Loads the list of helpers.  Before there are threads.  0 or a negative errno. */
int calls_confine_helper (gboolean trap);
/* The same of those with the network as their outside end: Internet sockets, and reading what is left to be read. */
int calls_confine_network (gboolean trap);
/* That of helpers, and what a USB device's node is asked. */
int calls_confine_usb (gboolean trap);
/* Behind that of the start: the list of all, for all threads of the process.  0 or a negative errno. */
int calls_confine (gboolean trap);

/* Behind that one: the shorter list for the calling thread.  0 or a negative errno. */
int calls_confine_thread (ThreadKind kind, gboolean trap);

G_END_DECLS

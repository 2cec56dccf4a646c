/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Starts a helper of a machine: a program of ours that does one thing for the monitor in a process of its own, and gets all that it
 * works on over its socket (base/message.h).
 *
 * The helper has its end of the socket as descriptor HELPER_SOCKET, named on its command line ("--socket 3"), the standard output and error of who
 * starts it as its own, and no other descriptor.  It is killed when the thread that started it ends: so call this on the main one.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

#define HELPER_SOCKET 3

/* Our end of the socket (close-on-exec), and the process, which is the caller's to wait for; -1 with an error (G_FILE_ERROR).  That it couldn't be executed is
 * seen at the socket: it is closed. */
int helper_spawn (const char *program, pid_t *pid, GError **error);

/* A process that does nothing but start `program` as a helper for this one, which will be behind walls where nothing can be started: the end to ask it by (close-on-exec); -1
 * with an error.  It ends with this process.  Before there are threads. */
int helper_starter_new (const char *program, GError **error);
/* As helper_spawn(), by that process, which does so a few times a minute; waits for it. */
int helper_starter_ask (int starter, GError **error);

G_END_DECLS

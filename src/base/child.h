/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Starting a process of a machine: its monitor, or a helper that does one thing for it.  A child gets all that it works on over its socket
 * (base/message.h).
 *
 * Of the environment it gets what says how to run (language, time zone, debugging), and not what the user may have put there for others: keys and passwords.
 * It has its end of the socket as descriptor CHILD_SOCKET, /dev/null as standard input, and no other descriptor but those given.  It is killed when the
 * thread that started it ends: so call this on the main one.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

#define CHILD_SOCKET 3
#define CHILD_EXTRA  4

typedef struct
{
  int output, errors; /* its standard output and error; -1: ours */
  int extra;          /* CHILD_EXTRA there; -1: none */
} ChildFiles;

/* Our end of the socket (close-on-exec), and the process, which is the caller's to wait for; -1 with an error (G_FILE_ERROR).  That it couldn't be executed is
 * seen at the socket: it is closed. */
int child_start (char *const *arguments, const ChildFiles *files, pid_t *pid, GError **error);

/* A helper: "PROGRAM --socket 3", with our standard output and error. */
int child_start_helper (const char *program, pid_t *pid, GError **error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The place of a running machine's control socket, which the broker makes and hands to the monitor.  Its directory must be ours with mode 0700; the
 * socket is made with mode 0600.  A lock file beside it (PATH.lock) keeps a second monitor of the same machine out.
 *
 * A broker that was killed leaves socket and lock file, with a lock that nobody has.  Whoever comes by removes them: who looks for the
 * machine, and the next broker of any.  The lock's first byte is held for as long as the broker lives; the second one by whoever makes or removes the
 * socket while he does, so nobody removes what another is just making, and who starts is not taken for who tidies up.  None of that is the monitor's: what it has
 * is a lock on a file of its own, PATH.family.
 *
 * Any thread, one at a time for a place.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct ControlSocket ControlSocket;

/* Listens from here on.  NULL and an error (G_IO_ERROR_BUSY: the machine runs already). */
ControlSocket *control_socket_new (const char *path, GError **error);
/* VNC is served at this address (display/vnc-listen.h), and perhaps at those beside it: for who tidies up, behind a broker that was killed or when VNC is switched
 * off.  No name is removed that isn't noted: what a monitor says of its addresses may be another program's socket. */
void control_socket_note_vnc (ControlSocket *place, const char *address);
/* The same by who made the socket for a machine that runs, whose control socket is at `path`. */
void control_socket_note_vnc_at (const char *path, const char *address);
/* Removes the noted sockets that nobody listens on any more. */
void control_socket_tidy_vnc (const char *path);
/* The listener, which stays its own. */
int control_socket_fd (const ControlSocket *place);
/* For the processes of the machine, to have open for as long as they live: a machine that starts waits until none of an earlier start has it.  It is locked and says
 * nothing else: whoever has it can let go, and no more. */
int control_socket_family (const ControlSocket *place);
/* Removes socket and lock.  NULL is nothing. */
void control_socket_free (ControlSocket *place);

/* Removes what a broker that was killed has left of `path`.  Nothing if one lives, or starts just now, or if a process that it had still listens
 * there, which ends in the next moment. */
void control_socket_sweep (const char *path);
/* That of all machines with sockets in `directory`, also of those that are nowhere else any more. */
void control_socket_sweep_all (const char *directory);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The sockets on which a machine's screens are served over VNC.  Whoever switches VNC on makes them (a client, or who starts the machine) and hands
 * them to the machine; neither it nor the process that serves them can make one.
 *
 * The name of a UNIX socket stays when nobody listens there any more: who makes one replaces what is left over, and who switches VNC off tidies
 * up.
 *
 * Any thread; blocks for no longer than a system call.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  unsigned n;
  int *fds;         /* non-blocking, close-on-exec */
  char **addresses; /* what each is bound to, with the port that was found; NULL behind the last */
} VncListeners;

/* For `n` screens.  `address` is the first one's: "127.0.0.1:5901", "[::1]:0" (0: any free port), "localhost:5901" or "unix:/path"; NULL or "": this computer, and any free
 * port from 5900 on.  The others come at the ports behind it, or any if one is taken; a UNIX socket's name gets ".1", ".2", … behind it.  All or none.
 * Anything but loopback and unix is refused unless `allow_public` (there is a password); so are names, which would have to be looked up.
 * G_IO_ERROR_ADDRESS_IN_USE: somebody listens there. */
gboolean vnc_listen (const char *address, unsigned n, gboolean allow_public, VncListeners *listeners,
                     GError **error);
/* One more, for the screen of this number (1 and up), near to the first one's address. */
int vnc_listen_beside (const char *first, unsigned screen, gboolean allow_public, char **actual,
                       GError **error);
/* What such a socket is bound to, as an address; "": it is none.  Transfer full. */
char *vnc_listen_describe (int fd);
void vnc_listeners_clear (VncListeners *listeners);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VncListeners, vnc_listeners_clear)

/* Removes the socket of "unix:/path" that nobody listens on; other addresses leave nothing. */
void vnc_listen_tidy (const char *address);

G_END_DECLS

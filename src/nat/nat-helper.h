/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What vivarium-net is about: its monitor asks for a network over a socket (base/net-messages.h).  The monitor may have been taken over by its guest: each message is
 * checked, and one that makes no sense ends it.
 *
 * Threads: one.
 */
#pragma once

#include "base/net-messages.h"

G_BEGIN_DECLS

/* Until the monitor hangs up or says what makes no sense, or the wire has ended.  FALSE: it couldn't be, and the monitor was told.  `tftp` may be NULL. */
gboolean nat_helper_serve (int socket, const char *tftp);
/* Instead of that. */
void nat_helper_fail (int socket, NetFailure failure, int code);

G_END_DECLS

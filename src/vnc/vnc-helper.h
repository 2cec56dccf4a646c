/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screens of a machine over VNC, as the machine's monitor asks for it over a socket (display/vnc-messages.h): what vivarium-vnc is about.
 *
 * The monitor may have been taken over by its guest: each message is checked, and one that makes no sense ends it.
 *
 * Threads: one, whose default main context serves.
 */
#pragma once

#include "display/vnc-messages.h"

G_BEGIN_DECLS

typedef struct VncHelper VncHelper;

/* Takes `socket` and waits until the monitor has said what is to be served; NULL: it has hung up, or said something else, and was told that. */
VncHelper *vnc_helper_new (int socket);
/* Instead of that: says why it can't be, and looks at nothing. */
void vnc_helper_refuse (int socket, VncFailure failure, int code);
/* Serves.  `ended`, once, when the monitor hangs up or says what makes no sense; not within this call.  FALSE: what came can't be served, and the monitor was told. */
gboolean vnc_helper_start (VncHelper *helper, void (*ended) (void *opaque), void *opaque);
/* Tells the monitor why nothing is served. */
void vnc_helper_fail (VncHelper *helper, VncFailure failure, int code);
void vnc_helper_free (VncHelper *helper);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The processes behind a machine's USB devices that are this computer's.
 *
 * Threads: control loop, VM lock NOT held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* Has those of the definition plugged in.  What goes wrong a person hears by `notice`, now and later. */
void usb_hosts_init (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque);
/* `node` is one that the caller has opened and keeps, -1: that of the definition's device `id`.  `id` NULL: one for this device, whose id is the result, which is the
 * caller's to free.  NULL and an error. */
char *usb_hosts_connect (Board *board, const char *id, const char *name, int node, GError **error);

G_END_DECLS

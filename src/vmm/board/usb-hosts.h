/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine's USB devices that are this computer's: those of the definition (usb1.host, …), and what a person plugs in while it runs.  Who has them open, and how, is the
 * owner's affair (usb/host.h says what is at the other end of a socket).
 *
 * Threads: control loop, VM lock NOT held, where nothing else is said.
 */
#pragma once

#include "board/board.h"
#include "usb/usb.h"

G_BEGIN_DECLS

/* For who builds the board: VM lock held. */
gboolean board_build_usb_host (Board *board, const MachineDevice *usb, GError **error);
/* One that nobody has plugged in; `id` NULL: any that is in no definition.  Its id; NULL and an error. */
const char *board_usb_host_find (Board *board, const char *id, GError **error);
/* Takes the socket; see usb_host_connect(). */
void board_usb_host_connect (Board *board, const char *id, const char *name, int socket, int node);
/* FALSE: there is none. */
gboolean board_usb_host_disconnect (Board *board, const char *id);
typedef void (*BoardUsbHostFunc) (void *opaque, const char *id, const char *name, const char *place);
/* Of those that are there. */
void board_usb_hosts_list (Board *board, BoardUsbHostFunc func, void *opaque);

G_END_DECLS

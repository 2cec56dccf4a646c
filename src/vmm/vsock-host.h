/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The host's end of a machine's vsock, for who builds its board: sockets that the broker opens (machine/vsock-socket.h).
 *
 * Threads: as virtio/vsock.h.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* Before the machine runs.  `control`: its socket, where there is no broker; NULL: none. */
void vsock_host_init (Board *board, const char *control);

G_END_DECLS

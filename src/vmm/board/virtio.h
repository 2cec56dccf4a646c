/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The virtio devices of a definition that are no drives, for who builds a board (board/pc.c).  VM lock held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* A virtio device was made, or NULL: then FALSE.  It offers the rings that the definition wants. */
gboolean board_made_virtio (Board *board, Device *device);
/* board->scsi, with as many queues as its first disk wants. */
gboolean board_build_scsi (Board *board, const MachineDevice *disk, GError **error);
gboolean board_build_rng (Board *board, const MachineDevice *rng, GError **error);
gboolean board_build_balloon (Board *board, const MachineDevice *balloon, GError **error);
gboolean board_build_console (Board *board, const MachineDevice *console, GError **error);
gboolean board_build_share (Board *board, const MachineDevice *share, GError **error);
gboolean board_build_vsock (Board *board, const MachineDevice *vsock, GError **error);
/* Those of keyboard and pointer that are to be virtio's. */
gboolean board_build_input (Board *board, const MachineDevice *input, GError **error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The processes behind a machine's shared folders, for who builds its board.
 *
 * Threads: as virtio/fs.h.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* Sets board->shares, which works as long as `board` does.  What goes wrong a person hears by `notice`, on the control loop. */
void shares_init (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque);

G_END_DECLS

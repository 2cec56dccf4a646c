/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parallel port of a definition, and where its serial ports lead, for who builds a board (board/pc.c).  VM lock held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* Makes board->serial[n], unless the port leads nowhere. */
gboolean board_build_far_end (Board *board, const MachineDevice *serial, unsigned n, GError **error);
gboolean board_build_parallel (Board *board, const MachineDevice *parallel, GError **error);

G_END_DECLS

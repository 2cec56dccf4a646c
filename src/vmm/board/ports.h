/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parallel port of a definition, for who builds a board (board/pc.c).  VM lock held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

gboolean board_build_parallel (Board *board, const MachineDevice *parallel, GError **error);

G_END_DECLS

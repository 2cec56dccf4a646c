/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the prompt (debug/commands.h) shows of a board beside state tables: images, networks, virtqueues, USB, counts.  The opaque is the Board.
 */
#pragma once

#include "board/board.h"
#include "debug/view.h"

G_BEGIN_DECLS

/* Ends with a NULL name. */
extern const DebugView board_views[];

G_END_DECLS

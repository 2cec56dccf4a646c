/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the processor runs first: a BIOS in a ROM, or UEFI in two flash memories below 4 GiB, of which the second has the machine's variables.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* Sets `bios`, what the chipset shows below 1 MiB.  Errors name file and key.  VM lock held. */
gboolean board_build_firmware (Board *board, GError **error);

G_END_DECLS

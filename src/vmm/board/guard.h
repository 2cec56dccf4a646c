/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What watches over a guest: watchdog, pvpanic and TPM of a definition, for who builds a board (board/pc.c).  VM lock held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

gboolean board_build_watchdog (Board *board, const MachineDevice *watchdog, GError **error);
gboolean board_build_panic (Board *board, const MachineDevice *panic, GError **error);
gboolean board_build_tpm (Board *board, const MachineDevice *tpm, GError **error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drives on the AHCI controller, which comes with the first of them.  VM lock held, unless said otherwise.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* At the next free port.  The image is taken on success. */
gboolean board_attach_ahci (Board *board, MachineDrive *drive, const MachineDevice *wanted, Block *block,
                            GError **error);
/* As the firmware names it (IEEE 1275). */
char *board_ahci_path (Board *board, const MachineDrive *drive);
/* FALSE: no drive of that name is there.  VM lock NOT held. */
gboolean board_ahci_plug (Board *board, const char *id, gboolean plugged);

G_END_DECLS

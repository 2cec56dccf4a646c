/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to board/.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* Where the chipset has put a device that is no drive; NULL: nowhere. */
char *pc_place (Board *board, const MachineDevice *device);
/* VM lock held, address spaces in a transaction. */
gboolean pc_build (Board *board, GError **error);
/* pc-firmware.c: CMOS, fw_cfg, tables, direct boot.  After all devices. */
gboolean pc_tell_firmware (Board *board, GError **error);

/* FALSE if no partition tells it.  `mbr` has 512 bytes. */
gboolean pc_geometry_from_mbr (const uint8_t *mbr, uint64_t n_sectors, unsigned *cylinders, unsigned *heads,
                               unsigned *sectors);

/* board.c: what the IDE controller calls when the guest moves a tray. */
void board_tray_moved (void *opaque, unsigned channel, unsigned unit, gboolean open);

G_END_DECLS

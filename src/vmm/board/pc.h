/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The board “pc”: i440FX and PIIX3.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* The engine must have been made for `vm`.  Errors name the file or the key.  VM lock NOT held. */
Board *pc_new (Vm *vm, MachineDefinition *definition, GError **error);

/* Private to board/. */
/* pc-firmware.c: CMOS, fw_cfg, tables, direct boot.  After all devices. */
gboolean pc_tell_firmware (Board *board, GError **error);

/* FALSE if no partition tells it.  `mbr` has 512 bytes. */
gboolean pc_geometry_from_mbr (const uint8_t *mbr, uint64_t n_sectors, unsigned *cylinders, unsigned *heads,
                               unsigned *sectors);

G_END_DECLS

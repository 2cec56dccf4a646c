/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The IDE function of the PIIX4 (82371AB, 8086:7111): two channels at their legacy ports, four drives, bus-master DMA, Ultra DMA modes 0 to 2
 * (the PIIX3's, 8086:7010, has none).  Timings are what the guest writes and reads; nothing waits for them.
 * ATA/ATAPI-6 and SFF-8020i/MMC-5; Intel 82371AB data sheet chapter 5.  All functions under the VM lock.
 */
#pragma once

#include "block/block.h"
#include "core/device.h"
#include "pci/pci.h"
#include "storage/ide-types.h"

G_BEGIN_DECLS

/* Not yet realized.  `irq` are the wires to IRQ 14 and IRQ 15.  `devfn` is PCI_DEVFN (1, 1) on the classic board. */
Device *ide_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const IrqLine irq[IDE_N_CHANNELS]);

/* Before or after device_realize(); while the machine runs a drive may be added only where none is. */
gboolean ide_attach (Device *ide, unsigned channel, unsigned unit, const IdeDriveConfig *config,
                     GError **error);
/* Takes the drive off the cable, requests in flight or not. */
void ide_detach (Device *ide, unsigned channel, unsigned unit);
IdeDriveKind ide_drive_kind (Device *ide, unsigned channel, unsigned unit);

/* Opens the tray of a CD-ROM drive and, with `block` (taken over on success), closes it over that medium; NULL leaves the drive
 * empty.  What was in it goes to `*old`, or NULL: the caller closes it, best without the lock.  While the guest has the drive locked, the guest is told of the wish and FALSE returned with an error for a
 * person (G_IO_ERROR_PENDING), unless `force`. */
gboolean ide_change_media (Device *ide, unsigned channel, unsigned unit, Block *block, gboolean force,
                           Block **old, GError **error);
/* The medium in a drive, or NULL; owned by the drive. */
Block *ide_drive_media (Device *ide, unsigned channel, unsigned unit);
gboolean ide_drive_locked (Device *ide, unsigned channel, unsigned unit);
gboolean ide_tray_open (Device *ide, unsigned channel, unsigned unit);
/* `func` may be NULL. */
void ide_set_tray_func (Device *ide, IdeTrayFunc func, void *opaque);

/* Physical geometry that the drive reports, for CMOS and firmware tables. */
gboolean ide_drive_geometry (Device *ide, unsigned channel, unsigned unit, unsigned *cylinders,
                             unsigned *heads, unsigned *sectors);

G_END_DECLS

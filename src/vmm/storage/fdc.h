/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The floppy controller: Intel 82077AA in its PC/AT mode at 0x3f0-0x3f5 and 0x3f7, IRQ 6, DMA channel 2, two drives.
 * Intel 82077AA data sheet (1992).  All functions under the VM lock.
 */
#pragma once

#include "block/block.h"
#include "core/device.h"
#include "core/isa-dma.h"

G_BEGIN_DECLS

#define FDC_N_DRIVES 2

/* Values are those of CMOS register 0x10. */
typedef enum
{
  FDC_DRIVE_NONE = 0,
  FDC_DRIVE_360K = 1,  /* 5.25", 40 tracks */
  FDC_DRIVE_1200K = 2, /* 5.25", 80 tracks */
  FDC_DRIVE_720K = 3,  /* 3.5" */
  FDC_DRIVE_1440K = 4,
  FDC_DRIVE_2880K = 5,
  FDC_DRIVE_AUTO = 255, /* as the medium at power-on needs; 1.44M if there is none, or one of 720K */
} FdcDriveType;

/* Not yet realized. */
Device *fdc_new (Vm *vm, const char *id, const IrqLine *irq, const IsaDmaOps *dma, unsigned dma_channel);
/* Before device_realize().  `block` (may be NULL: empty drive) is taken over on success.  Fails if the image is larger than any floppy. */
gboolean fdc_attach (Device *fdc, unsigned drive, FdcDriveType type, Block *block, GError **error);
/* Takes the medium out and puts `block` (taken over on success, may be NULL) in.  The guest sees the disk-change line.  What was in it goes
 * to `*old`, or NULL: the caller closes it, best without the lock, for what the guest has written is brought to the disk then. */
gboolean fdc_change_media (Device *fdc, unsigned drive, Block *block, Block **old, GError **error);
Block *fdc_drive_media (Device *fdc, unsigned drive);
FdcDriveType fdc_drive_type (Device *fdc, unsigned drive);
/* CMOS register 0x10: drive 0 in the high nibble. */
uint8_t fdc_cmos_type (Device *fdc);

G_END_DECLS

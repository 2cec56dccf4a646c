/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-scsi: a controller with a disk or a CD-ROM drive a target.  VIRTIO 1.2, 5.6.
 */
#pragma once

#include "block/block.h"
#include "virtio/virtio.h"

G_BEGIN_DECLS

#define VIRT_SCSI_MAX_TARGETS 16
#define VIRT_SCSI_MAX_QUEUES  16

/* `n_queues`: of commands, 1 to VIRT_SCSI_MAX_QUEUES.  NULL and an error where it fails.  VM lock held. */
Device *virt_scsi_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, unsigned n_queues,
                       GError **error);
/* Before the machine starts: the disk at the next target, whose number is returned; takes the image.  -1: there is no target left, and the
 * image is the caller's still.  VM lock held. */
int virt_scsi_add_disk (Device *device, Block *block, const char *serial);
/* The same of a CD-ROM drive; `block` NULL: it is empty. */
int virt_scsi_add_cdrom (Device *device, Block *block, const char *serial);
/* See ide_change_media().  Control loop, VM lock NOT held: lasts until the device loop has done it. */
gboolean virt_scsi_change_media (Device *device, unsigned target, Block *block, gboolean force, Block **old,
                                 GError **error);
/* `func` is called when the guest has moved a tray, on the device loop with the VM lock held.  Before the machine starts. */
void virt_scsi_set_tray_func (Device *device, void (*func) (void *opaque), void *opaque);
/* Any thread. */
gboolean virt_scsi_tray_open (Device *device, unsigned target);
/* NULL: nothing is there. */
Block *virt_scsi_image (Device *device, unsigned target);

G_END_DECLS

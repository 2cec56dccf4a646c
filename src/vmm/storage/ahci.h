/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A Serial ATA controller as the ICH9 has one (8086:2922, six ports): Serial ATA Advanced Host Controller Interface 1.3.  A PCI function that may stand
 * anywhere: where is the board's choice.  Drives are those of the IDE function (ide-core.h).  All functions under the VM lock.
 */
#pragma once

#include "core/device.h"
#include "pci/pci.h"
#include "storage/ide-types.h"

G_BEGIN_DECLS

#define AHCI_N_PORTS 6u

/* NULL and an error. */
Device *ahci_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, GError **error);

/* A drive of this port, plugged in; also while the machine runs, which is then told.  The image is taken on success. */
gboolean ahci_attach (Device *device, unsigned port, const IdeDriveConfig *config, GError **error);
/* Takes the drive away for good, requests in flight or not. */
void ahci_detach (Device *device, unsigned port);
/* Pulls the cable of a drive, or puts it in again. */
void ahci_plug (Device *device, unsigned port, gboolean plugged);
IdeDriveKind ahci_drive_kind (Device *device, unsigned port);

/* As ide_change_media() and its neighbours. */
gboolean ahci_change_media (Device *device, unsigned port, Block *block, gboolean force, Block **old,
                            GError **error);
Block *ahci_drive_media (Device *device, unsigned port);
gboolean ahci_tray_open (Device *device, unsigned port);
void ahci_set_tray_func (Device *device, IdeTrayFunc func, void *opaque);

G_END_DECLS

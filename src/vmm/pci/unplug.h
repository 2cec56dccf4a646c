/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who waits for a device to be gone.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

/* The device is gone and freed; or, with `error`, the machine ended first (then the VM lock is held, else it isn't).  Device loop. */
typedef void (*PciUnplugged) (Vm *vm, const char *id, const GError *error, void *opaque);

/* Private to pci/; VM lock held. */
typedef struct PciUnplugRequest PciUnplugRequest;
PciUnplugRequest *pci_unplug_request_new (Vm *vm, const char *id, PciUnplugged done, void *opaque);
/* Without an answer. */
void pci_unplug_request_free (PciUnplugRequest *request);
/* Both are answered together; `other` may be NULL. */
PciUnplugRequest *pci_unplug_request_join (PciUnplugRequest *request, PciUnplugRequest *other);
/* The device has left its bus: frees it when it is quiet, then answers the request (may be NULL). */
void pci_unplug_request_start (PciRoot *root, PciDevice *pci, PciUnplugRequest *request);
/* Answers and frees. */
void pci_unplug_request_end (PciUnplugRequest *request, gboolean gone);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to pci/: who waits for a device to be gone.  VM lock held.
 */
#pragma once

#include "pci/hotplug.h"

G_BEGIN_DECLS

typedef struct PciUnplugRequest PciUnplugRequest;

/* Both are answered together; `other` may be NULL. */
PciUnplugRequest *pci_unplug_request_join (PciUnplugRequest *request, PciUnplugRequest *other);
/* The device has left its bus: frees it when it is quiet, then answers the request (may be NULL). */
void pci_unplug_request_start (PciRoot *root, PciDevice *pci, PciUnplugRequest *request);
/* Answers and frees. */
void pci_unplug_request_end (PciUnplugRequest *request, gboolean gone);

G_END_DECLS

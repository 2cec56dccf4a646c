/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to pci/: a function that is to stand still while the machine goes on, because it leaves or is reset.  It starts no new work
 * (DeviceClass.pause); when nothing of it is in flight (DeviceClass.drained, asked at each turn of the device loop) the rest is done.
 * Until then the machine counts it as in flight: a pause waits for it, so no saved state sees it half way.  VM lock held.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

/* Device loop, VM lock held. */
typedef void (*PciQuietFunc) (PciDevice *pci, void *opaque);
/* Device loop, without the VM lock behind `func`; with it, and `quiet` FALSE, where it was given up. */
typedef void (*PciQuietAfter) (void *opaque, gboolean quiet);

/* From any thread.  One that waits already is given up for it. */
void pci_device_quiet (PciRoot *root, PciDevice *pci, PciQuietFunc func, PciQuietAfter after, void *opaque);
/* Gives up. */
void pci_quiet_end (PciDevice *pci);
/* Resets the function: at once if nothing of it is in flight, else it doesn't answer until then.  From any thread. */
void pci_device_reset_quietly (PciDevice *pci);

/* The root's part, on the device loop of `vm`. */
void pci_quiet_attach (PciRoot *root);
void pci_quiet_detach (PciRoot *root);

G_END_DECLS

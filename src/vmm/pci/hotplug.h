/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Plugging PCI devices into a running machine, and out of it: what control calls.  PCI Express Base Specification, 6.7.
 *
 * A place is a slot of a root port (pci/root-port.h), which takes one function.  A device that goes away does so in this order, whoever
 * asked: it leaves the bus (configuration space, BARs, doorbells, lines and messages; DMA that begins fails), starts no new work
 * (DeviceClass.pause), and when nothing of it is in flight (DeviceClass.drained) it is freed.  The guest sees it gone from the first
 * step on.
 *
 * Device loop, VM lock NOT held, unless said otherwise.
 */
#pragma once

#include "pci/pci.h"
#include "pci/unplug.h"

G_BEGIN_DECLS

/* What can be plugged, by class name.  The class's instances begin with a PciDevice whose `bus` and `devfn` are set when it is realized;
 * its properties say the rest.  A realize that fails undoes what it has done but for pci_device_init().  At build time; VM lock held. */
void pci_root_add_class (PciRoot *root, const DeviceClass *klass);

/* What the new device is told before it is realized, beside its place.  Device loop, VM lock held. */
typedef gboolean (*PciPrepare) (Device *device, void *opaque, GError **error);
/* Makes a device of the class named `klass` with `id`, has `prepare` (may be NULL) see it, puts it into the slot of the root port with the
 * id `port` (NULL: the first that is empty), and tells the guest by presence detect.  FALSE: no such class or port, the slot is taken, the
 * id is, or the device refuses; `error` is for a person. */
gboolean pci_plug_prepared (PciRoot *root, const char *klass, const char *port, const char *id,
                            PciPrepare prepare, void *opaque, GError **error);
/* Likewise; the device is told properties, pairs of name and value, ended by NULL (NULL: none). */
gboolean pci_plug (PciRoot *root, const char *klass, const char *port, const char *id,
                   const char *const *properties, GError **error);

typedef enum
{
  /* Presses the attention button and waits until the guest has turned the slot's power off; at once where it is off, and with the next
   * reset of the machine.  A guest without a driver for hot-plug never answers. */
  PCI_UNPLUG_ASK,
  /* Pulls it out as it runs.  Also while one that asked waits, which is then done. */
  PCI_UNPLUG_FORCE,
} PciUnplug;

/* FALSE: there is no such device in a slot, or it is on its way out already; `done` is not called then.  Else `done` (may be NULL) is
 * called once, later, from the device loop. */
gboolean pci_unplug (PciRoot *root, const char *id, PciUnplug how, PciUnplugged done, void *opaque,
                     GError **error);

G_END_DECLS

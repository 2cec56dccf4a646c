/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to pci/: what buses are made of, and what the parts of a function tell each other.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

#define PCI_N_PINS   4
#define PCI_N_WIRES  8 /* at most */
#define PCI_N_DEVFNS 256

#define PCI_MSI_MAX_SIZE 24 /* bytes of the capability, at most */

struct PciBus
{
  PciRoot *root;
  PciDevice *parent; /* the bridge; NULL: bus 0 */
  PciDevice *functions[PCI_N_DEVFNS];
  GPtrArray *present;
  gboolean down; /* nothing behind it answers: the slot has no power */
};

struct PciRoot
{
  Vm *vm;
  PciBus *bus;
  PciIntxFunc intx;
  PciSwizzleFunc swizzle;
  void *opaque;
  gboolean express;
  GPtrArray *classes; /* const DeviceClass *, hotplug.c */

  /* quiet.c; under the VM lock. */
  GPtrArray *quiets; /* struct PciQuiet * */
  gint n_quiets;     /* atomic, for a look without the lock */
  GSource *quiet_source;

  GMutex intx_lock; /* protects what follows and the functions' lines; taken under the VM lock or without */
  unsigned asserted[PCI_N_WIRES];
};

/* A range of addresses that a bridge lets through; empty: first > last. */
typedef struct
{
  uint64_t first, last;
} PciWindow;

PciBus *pci_bus_new (PciRoot *root, PciDevice *parent);
void pci_bus_free (PciBus *bus);

/* The function's own part of a cycle. */
uint32_t pci_device_config_read (PciDevice *pci, unsigned offset, unsigned size);
void pci_device_config_write (PciDevice *pci, unsigned offset, uint32_t value, unsigned size);
/* Brings mappings, DMA, lines and messages in line with its registers and those of the bridges above; for a bridge, of all below it. */
void pci_device_update (PciDevice *pci);
/* Answers on its bus, in state D0. */
gboolean pci_device_on (const PciDevice *pci);
/* For good: off the bus, all mappings away.  `pci->bus` is NULL then. */
void pci_device_leave (PciDevice *pci);
static inline gboolean
pci_touches (unsigned offset, unsigned size, unsigned first, unsigned length)
{
  return offset < first + length && offset + size > first;
}

/* bridge.c.  The part of [first, last] that reaches the bus through the bridges above; FALSE: none. */
gboolean pci_bus_clip (const PciBus *bus, gboolean io, uint64_t *first, uint64_t *last);
/* Whether functions on this bus reach memory. */
gboolean pci_bus_masters (const PciBus *bus);
void pci_bridge_written (PciDevice *pci, unsigned offset, unsigned size);
gboolean pci_bridge_decodes (unsigned offset, unsigned size);

/* message.c, pm.c, express.c: after a write. */
void pci_messages_written (PciDevice *pci, unsigned offset, unsigned size);
gboolean pci_pm_written (PciDevice *pci, unsigned offset, unsigned size);
void pci_express_written (PciDevice *pci, unsigned offset, unsigned size);

/* root.c: recomputes what the function adds to its wire. */
void pci_device_update_intx (PciDevice *pci, gboolean off);

G_END_DECLS

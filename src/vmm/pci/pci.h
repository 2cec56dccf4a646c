/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PCI: a bus of functions with configuration space, BARs, INTx and MSI.  PCI Local Bus Specification 3.0, chapter 6.
 * A PciDevice begins with a Device.  Configuration space is the truth: BAR mappings follow each write, may overlap
 * and may move at any time.
 */
#pragma once

#include "core/device.h"
#include "core/vm.h"

G_BEGIN_DECLS

typedef struct PciBus PciBus;
typedef struct PciDevice PciDevice;

#define PCI_DEVFN(device, function) ((unsigned)((device) << 3 | (function)))

/* Offsets in the type 0 header. */
enum
{
  PCI_VENDOR_ID = 0x00,
  PCI_DEVICE_ID = 0x02,
  PCI_COMMAND = 0x04,
  PCI_STATUS = 0x06,
  PCI_REVISION_ID = 0x08,
  PCI_CLASS_PROG = 0x09,
  PCI_CLASS_DEVICE = 0x0a,
  PCI_CACHE_LINE_SIZE = 0x0c,
  PCI_LATENCY_TIMER = 0x0d,
  PCI_HEADER_TYPE = 0x0e,
  PCI_BAR0 = 0x10,
  PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
  PCI_SUBSYSTEM_ID = 0x2e,
  PCI_ROM_ADDRESS = 0x30,
  PCI_CAPABILITY_LIST = 0x34,
  PCI_INTERRUPT_LINE = 0x3c,
  PCI_INTERRUPT_PIN = 0x3d,
};
enum
{
  PCI_COMMAND_IO = 1 << 0,
  PCI_COMMAND_MEMORY = 1 << 1,
  PCI_COMMAND_MASTER = 1 << 2,
  PCI_COMMAND_INTX_DISABLE = 1 << 10,
  PCI_STATUS_INTERRUPT = 1 << 3,
  PCI_STATUS_CAP_LIST = 1 << 4,
};

typedef enum
{
  PCI_BAR_MEMORY32 = 0,
  PCI_BAR_IO = 1,
  PCI_BAR_MEMORY64 = 4,
  PCI_BAR_PREFETCH = 8,
} PciBarFlags;

#define PCI_N_BARS  7 /* 0-5, and the expansion ROM */
#define PCI_ROM_BAR 6

typedef struct
{
  uint16_t vendor, device, subsystem_vendor, subsystem;
  uint32_t class_code; /* 24 bits: class, subclass, programming interface */
  uint8_t revision;
  uint8_t interrupt_pin; /* 0 none, 1 INTA# … */
} PciIdentity;

typedef struct
{
  Region *region;
  Mapping *mapping;
  uint64_t size;
  PciBarFlags flags;
} PciBar;

struct PciDevice
{
  Device device;
  PciBus *bus;
  uint8_t devfn;
  uint8_t config[4096];
  uint8_t write_mask[4096];   /* bits that the guest may set */
  uint8_t clear_mask[4096];   /* bits that a written one clears */
  uint8_t reset_config[4096]; /* what reset puts back (writable bits only) */
  unsigned config_size;       /* 256 or 4096 */
  PciBar bar[PCI_N_BARS];
  gboolean intx_level;
  uint8_t msi_cap, msix_cap; /* offsets, 0 if absent */
  uint8_t next_cap;
  void *msix; /* table and pending bits; private to pci.c */
  Dma dma;    /* follows the bus master bit */
  /* Optional.  Called after the generic part has applied a write of `size` bytes at `offset`. */
  void (*config_written) (PciDevice *pci, unsigned offset, unsigned size);
  /* Optional.  Gives the bytes that the guest reads, instead of config[]. */
  uint32_t (*config_read) (PciDevice *pci, unsigned offset, unsigned size);
};

/* Fields to put into a PCI device's state table: STATE_STRUCT (Ide, pci, pci_device_state). */
extern const StateField pci_device_state[];

/* Routes INTx: called with the pin (0-3) as it arrives at the host bridge after swizzling ((device + pin - 1) mod 4, pin 0
 * for INTA#: device 1's INTA# is PIRQA), and the wired-OR level. */
typedef void (*PciIntxFunc) (void *opaque, unsigned pin, gboolean level);

PciBus *pci_bus_new (Vm *vm, PciIntxFunc intx, void *opaque);
void pci_bus_free (PciBus *bus);
/* Recomputes the routed levels after the interrupt router's registers changed. */
gboolean pci_bus_intx_level (PciBus *bus, unsigned pin);
/* Configuration cycle on this bus; all ones where there is no function. */
uint32_t pci_bus_config_read (PciBus *bus, unsigned devfn, unsigned offset, unsigned size);
void pci_bus_config_write (PciBus *bus, unsigned devfn, unsigned offset, uint32_t value, unsigned size);
PciDevice *pci_bus_device (PciBus *bus, unsigned devfn);
/* The lowest free device number, function 0; -1 if the bus is full. */
int pci_bus_free_devfn (PciBus *bus);

/* Called in a device class's realize, before BARs and capabilities: fills the header and plugs in. */
gboolean pci_device_init (PciDevice *pci, PciBus *bus, unsigned devfn, const PciIdentity *identity,
                          GError **error);
/* Undoes it; for unrealize. */
void pci_device_exit (PciDevice *pci);
/* For the class's reset and post_load. */
void pci_device_reset (PciDevice *pci);
gboolean pci_device_post_load (PciDevice *pci, GError **error);

/* The region's size must be a power of two (at least 4 for I/O, 16 for memory).  Takes a reference. */
void pci_device_add_bar (PciDevice *pci, unsigned n, Region *region, PciBarFlags flags);
/* Present address, or G_MAXUINT64 while not decoded. */
uint64_t pci_device_bar_address (PciDevice *pci, unsigned n);
/* Room for a capability; returns its offset, dword aligned.  The first two bytes are filled in. */
unsigned pci_device_add_capability (PciDevice *pci, uint8_t id, unsigned size);
void pci_device_add_msi (PciDevice *pci, unsigned n_vectors, gboolean is_64bit);
/* Table and pending bits in one BAR region made by this function (BAR `bar`). */
void pci_device_add_msix (PciDevice *pci, unsigned n_vectors, unsigned bar);
gboolean pci_device_msi_enabled (const PciDevice *pci);
gboolean pci_device_msix_enabled (const PciDevice *pci);
void pci_device_msi (PciDevice *pci, unsigned vector);
void pci_device_msix (PciDevice *pci, unsigned vector);
/* Level of the function's INTx pin. */
void pci_device_intx (PciDevice *pci, gboolean level);

static inline uint16_t
pci_get16 (const uint8_t *config)
{
  return (uint16_t)(config[0] | config[1] << 8);
}
static inline uint32_t
pci_get32 (const uint8_t *config)
{
  return config[0] | (uint32_t)config[1] << 8 | (uint32_t)config[2] << 16 | (uint32_t)config[3] << 24;
}
static inline void
pci_set16 (uint8_t *config, uint16_t value)
{
  config[0] = (uint8_t)value;
  config[1] = (uint8_t)(value >> 8);
}
static inline void
pci_set32 (uint8_t *config, uint32_t value)
{
  pci_set16 (config, (uint16_t)value);
  pci_set16 (config + 2, (uint16_t)(value >> 16));
}

G_END_DECLS

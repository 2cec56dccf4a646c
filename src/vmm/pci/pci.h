/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PCI: a tree of buses of functions with configuration space, BARs, INTx and messages.  PCI Local Bus Specification 3.0, chapter 6;
 * PCI-to-PCI Bridge Architecture Specification 1.2; PCI Express Base Specification, chapter 7.
 * A PciDevice begins with a Device.  Configuration space is the truth: BAR mappings and windows of bridges follow each write, may
 * overlap and may move at any time.
 *
 * Each capability has a file of its own: pci/msi.h, pci/msix.h, pci/pm.h, pci/express.h.  Bridges: pci/bridge.h; slots into which
 * devices are plugged: pci/root-port.h, pci/hotplug.h.
 *
 * Threads: all calls under the VM lock, but for those that send interrupts (pci_device_intx (), pci_msi_notify (),
 * pci_msix_notify ()): these are for any thread, with that lock or without it.  What a device has written to guest memory before is
 * seen by who takes the interrupt.  A device that has been drained sends none.
 */
#pragma once

#include "core/device.h"
#include "core/vm.h"

G_BEGIN_DECLS

typedef struct PciRoot PciRoot;
typedef struct PciBus PciBus;
typedef struct PciDevice PciDevice;
typedef struct PciMessages PciMessages;

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
  PCI_HEADER_MULTIFUNCTION = 0x80,
};

/* Capabilities. */
enum
{
  PCI_CAP_PM = 0x01,
  PCI_CAP_MSI = 0x05,
  PCI_CAP_EXPRESS = 0x10,
  PCI_CAP_MSIX = 0x11,
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
  PciBus *bus;   /* for classes that hot-plug makes, set before realize */
  uint8_t devfn; /* likewise */
  uint8_t config[4096];
  uint8_t write_mask[4096];   /* bits that the guest may set */
  uint8_t clear_mask[4096];   /* bits that a written one clears */
  uint8_t reset_config[4096]; /* what reset puts back (writable bits only) */
  unsigned config_size;       /* 256 or 4096 */
  PciBar bar[PCI_N_BARS];
  uint8_t msi_cap, msix_cap, pm_cap, express_cap; /* offsets, 0 if absent */
  uint8_t next_cap;
  uint8_t pin;       /* 0 none, 1 INTA# … */
  PciBus *secondary; /* of a bridge */

  /* Under the root's lock for lines. */
  gboolean intx_level;
  gboolean intx_off;  /* by the command register, the power state, or because it has left */
  gboolean intx_sent; /* counted at the root, on this wire */
  uint8_t intx_wire;

  PciMessages *msix;    /* pci/message.h; its first bytes are saved under this name */
  uint32_t msi_pending; /* likewise under its lock */
  Dma dma;              /* follows the bus master bits on the way to memory; a queue's: dma_init_queue() */

  gboolean off;           /* it doesn't answer: it leaves, or is being reset */
  struct PciQuiet *quiet; /* pci/quiet.h: waits until nothing is in flight */
  /* Optional.  Called before `size` bytes at `offset` are read: for registers behind them. */
  void (*config_reading) (PciDevice *pci, unsigned offset, unsigned size);
  /* Optional.  Called after the generic part has applied a write of `size` bytes at `offset`. */
  void (*config_written) (PciDevice *pci, unsigned offset, unsigned size);
};

/* Fields to put into a PCI device's state table: STATE_STRUCT (Ide, pci, pci_device_state). */
extern const StateField pci_device_state[];

/* -- Buses ---------------------------------------------------------------------------------------- */

/* One of the root's four interrupt wires (0-3), which functions and bridges share; its level is the OR.  Any thread. */
typedef void (*PciIntxFunc) (void *opaque, unsigned wire, gboolean level);
/* The board's wiring: on which wire pin `pin` (0: INTA#) of the slot of `devfn` on bus 0 arrives. */
typedef unsigned (*PciSwizzleFunc) (void *opaque, unsigned devfn, unsigned pin);

/* What a host bridge has below it: bus 0 and the buses behind its bridges.  `swizzle` NULL: (device + pin) mod 4. */
PciRoot *pci_root_new (Vm *vm, PciIntxFunc intx, PciSwizzleFunc swizzle, void *opaque);
/* Functions that are left lose their bus. */
void pci_root_free (PciRoot *root);
/* Bus 0 is one of PCI Express: its endpoints are integrated into the root complex (pci_express_add_endpoint ()).  At build time. */
void pci_root_set_express (PciRoot *root);
gboolean pci_root_is_express (const PciRoot *root);
/* What the swizzle says has changed: interrupts that are on go to their new wires. */
void pci_root_reroute (PciRoot *root);
/* Bus 0. */
PciBus *pci_root_bus (PciRoot *root);
gboolean pci_root_intx_level (PciRoot *root, unsigned wire);
/* A configuration cycle of 1, 2 or 4 bytes, forwarded by the bus numbers in the bridges' registers; all ones where nobody answers. */
uint32_t pci_root_config_read (PciRoot *root, unsigned bus, unsigned devfn, unsigned offset, unsigned size);
void pci_root_config_write (PciRoot *root, unsigned bus, unsigned devfn, unsigned offset, uint32_t value,
                            unsigned size);
/* The enhanced configuration access mechanism for buses 0 to n_buses - 1, 1 MiB a bus, to be mapped by the host bridge (PCI Express
 * Base Specification, 7.2.2).  The caller's reference. */
Region *pci_root_ecam_region (PciRoot *root, unsigned n_buses);

/* The bridge above; NULL for bus 0. */
PciDevice *pci_bus_parent (const PciBus *bus);
PciRoot *pci_bus_root (const PciBus *bus);
/* Configuration cycle on this bus; all ones where there is no function. */
uint32_t pci_bus_config_read (PciBus *bus, unsigned devfn, unsigned offset, unsigned size);
void pci_bus_config_write (PciBus *bus, unsigned devfn, unsigned offset, uint32_t value, unsigned size);
PciDevice *pci_bus_device (PciBus *bus, unsigned devfn);

/* -- Functions ------------------------------------------------------------------------------------ */

/* Called in a device class's realize, before BARs and capabilities: fills the header and plugs in. */
gboolean pci_device_init (PciDevice *pci, PciBus *bus, unsigned devfn, const PciIdentity *identity,
                          GError **error);
/* Undoes it, once or more often; for unrealize. */
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
/* Level of the function's INTx pin.  Any thread. */
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

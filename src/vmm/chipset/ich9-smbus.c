/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ICH9's SMBus.  See ich9-smbus.h.
 */
#define G_LOG_DOMAIN "ich9-smbus"

#include "chipset/ich9-smbus.h"
#include "chipset/common.h"

#include <string.h>

enum
{
  HOSTC = 0x40, /* configuration space */
  HOSTC_BITS = 0x0f,
  HOSTC_HST_EN = 1 << 0,
  HOSTC_SMI_EN = 1 << 1,

  BAR = 4,
  N_PORTS = 32,
  HST_STS = 0x00,
  HST_CNT = 0x02,

  STS_DEV_ERR = 1 << 2,
  STS_INUSE = 1 << 6,
  STS_CLEARED = 0xbe, /* by ones: all but HOST_BUSY and INUSE_STS */
  STS_INTERRUPTS = 0x9e,
  CNT_INTREN = 1 << 0,
  CNT_KILL = 1 << 1,
  CNT_START = 1 << 6,
};

typedef struct
{
  PciDevice pci;
  PciBus *bus;
  uint8_t ports[N_PORTS];
} Ich9Smbus;

static const StateField ich9_smbus_state[] = {
  STATE_STRUCT (Ich9Smbus, pci, pci_device_state),
  STATE_U8_ARRAY (Ich9Smbus, ports),
  STATE_END,
};

static void
update_interrupt (Ich9Smbus *smbus)
{
  pci_device_intx (&smbus->pci, (smbus->ports[HST_CNT] & CNT_INTREN)
                                    && (smbus->ports[HST_STS] & STS_INTERRUPTS)
                                    && !(smbus->pci.config[HOSTC] & HOSTC_SMI_EN));
}

/* Whoever reads INUSE_STS as zero has the controller, and gives it back by writing one (19.2.1). */
static uint64_t
ports_read (void *opaque, uint64_t addr, unsigned size)
{
  Ich9Smbus *smbus = opaque;
  const uint8_t value = smbus->ports[addr];

  if (addr == HST_STS)
    smbus->ports[HST_STS] |= STS_INUSE;
  return value;
}

static void
ports_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Ich9Smbus *smbus = opaque;

  switch (addr)
    {
    case HST_STS:
      smbus->ports[HST_STS] &= (uint8_t) ~(value & (STS_CLEARED | STS_INUSE));
      break;
    case HST_CNT:
      smbus->ports[HST_CNT] = (uint8_t)value & (uint8_t)~CNT_START;
      if ((value & CNT_START) && !(value & CNT_KILL) && (smbus->pci.config[HOSTC] & HOSTC_HST_EN))
        smbus->ports[HST_STS] |= STS_DEV_ERR;
      break;
    default:
      smbus->ports[addr] = (uint8_t)value;
      break;
    }
  update_interrupt (smbus);
}

static const IoOps ports_ops = { .read = ports_read, .write = ports_write, .impl_min = 1, .impl_max = 1 };

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  update_interrupt ((Ich9Smbus *)pci);
}

static void
ich9_smbus_reset (Device *device)
{
  Ich9Smbus *smbus = (Ich9Smbus *)device;

  memset (smbus->ports, 0, sizeof smbus->ports);
  pci_device_reset (&smbus->pci);
}

static gboolean
ich9_smbus_post_load (Device *device, GError **error)
{
  Ich9Smbus *smbus = (Ich9Smbus *)device;

  if (!pci_device_post_load (&smbus->pci, error))
    return FALSE;
  update_interrupt (smbus);
  return TRUE;
}

static gboolean
ich9_smbus_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x2930,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x0c0500,
                                        .revision = 2,
                                        .interrupt_pin = 2 };
  Ich9Smbus *smbus = (Ich9Smbus *)device;
  PciDevice *pci = &smbus->pci;
  g_autoptr (Region) ports = NULL;

  if (!pci_device_init (pci, smbus->bus, PCI_DEVFN (0x1f, 3), &identity, error))
    return FALSE;
  pci->write_mask[HOSTC] = HOSTC_BITS;
  pci->config_written = config_written;
  ports = region_new_io ("ich9-smbus", N_PORTS, &ports_ops, smbus);
  pci_device_add_bar (pci, BAR, ports, PCI_BAR_IO);
  return TRUE;
}

static void
ich9_smbus_unrealize (Device *device)
{
  pci_device_exit (&((Ich9Smbus *)device)->pci);
}

static const DeviceClass ich9_smbus_class = {
  .name = "ich9-smbus",
  .instance_size = sizeof (Ich9Smbus),
  .state = ich9_smbus_state,
  .realize = ich9_smbus_realize,
  .reset = ich9_smbus_reset,
  .post_load = ich9_smbus_post_load,
  .unrealize = ich9_smbus_unrealize,
};

Device *
ich9_smbus_new (Vm *vm, PciBus *bus, GError **error)
{
  Ich9Smbus *smbus = device_new (vm, &ich9_smbus_class, "ich9-smbus");

  smbus->bus = bus;
  return chipset_realize (smbus, error);
}

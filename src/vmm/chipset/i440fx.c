/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 82441FX host bridge.  See i440fx.h.
 */
#define G_LOG_DOMAIN "i440fx"

#include "chipset/i440fx.h"
#include "chipset/common.h"
#include "chipset/shadow.h"
#include "pci/config-ports.h"

#include <string.h>

enum
{
  PAM0 = 0x59,
  PAM6 = 0x5f,
  DRB0 = 0x60,
  SMRAM = 0x72,
};
/* Of PCI's memory: where it begins at the least, and what lies below the I/O APIC. */
#define WINDOW_LEAST 0x80000000u
#define WINDOW_LAST  0xfebfffffu
#define LOW_END      0xa0000u

typedef struct I440fx
{
  PciDevice pci;
  PciRoot *root;
  Shadow *shadow;
  Region *ram, *bios; /* until it is realized */
  uint32_t config_address;
  PciConfigPorts ports;
  PciIntxFunc intx;
  void *intx_opaque;
} I440fx;

static const StateField i440fx_state[] = {
  STATE_STRUCT (I440fx, pci, pci_device_state),
  STATE_U32 (I440fx, config_address),
  STATE_END,
};

static void
update_memory (I440fx *bridge)
{
  shadow_update (bridge->shadow, bridge->pci.config + PAM0, bridge->pci.config[SMRAM]);
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  I440fx *bridge = (I440fx *)pci;

  if (offset <= SMRAM && offset + size > SMRAM && (pci->config[SMRAM] & SMRAM_LOCK))
    {
      /* Locked until reset: closed, and nothing of it changes any more. */
      pci->config[SMRAM] &= (uint8_t)~SMRAM_OPEN;
      pci->write_mask[SMRAM] = SMRAM_CLOSE;
    }
  if ((offset <= PAM6 && offset + size > PAM0) || (offset <= SMRAM && offset + size > SMRAM))
    update_memory (bridge);
}

/* -- Life ---------------------------------------------------------------------------------------------- */

static void
unlock_smram (I440fx *bridge)
{
  bridge->pci.write_mask[SMRAM] = SMRAM_G_ENABLE | SMRAM_LOCK | SMRAM_CLOSE | SMRAM_OPEN;
}

static void
i440fx_reset (Device *device)
{
  I440fx *bridge = (I440fx *)device;

  unlock_smram (bridge);
  pci_device_reset (&bridge->pci);
  bridge->config_address = 0;
  update_memory (bridge);
}

static gboolean
i440fx_post_load (Device *device, GError **error)
{
  I440fx *bridge = (I440fx *)device;

  bridge->config_address &= PCI_CONFIG_ADDRESS_BITS;
  unlock_smram (bridge);
  config_written (&bridge->pci, SMRAM, 1);
  update_memory (bridge);
  return pci_device_post_load (&bridge->pci, error);
}

/* The wiring of PC boards with a PIIX: INTA# of device 1 is PIRQA, and each device rotates by one. */
static unsigned
swizzle (void *opaque, unsigned devfn, unsigned pin)
{
  return ((devfn >> 3) + pin + 3) % 4;
}

static void
bus_intx (void *opaque, unsigned pin, gboolean level)
{
  I440fx *bridge = opaque;

  if (bridge->intx != NULL)
    bridge->intx (bridge->intx_opaque, pin, level);
}

static gboolean
i440fx_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x1237,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100, /* firmware takes this for a virtual machine's */
                                        .class_code = 0x060000,
                                        .revision = 2 };
  I440fx *bridge = (I440fx *)device;
  PciDevice *pci = &bridge->pci;

  bridge->root = pci_root_new (device->vm, bus_intx, swizzle, bridge);
  if (!pci_device_init (pci, pci_root_bus (bridge->root), 0, &identity, error))
    return FALSE;
  pci->config_written = config_written;
  /* PMCCFG, DETURBO, DBC, DRAM timing and row boundaries, error registers: kept, without effect. */
  memset (pci->write_mask + 0x50, 0xff, 0x59 - 0x50);
  memset (pci->write_mask + PAM0,
          SHADOW_READ | SHADOW_WRITE | (SHADOW_READ | SHADOW_WRITE) << SHADOW_HIGH_SHIFT, PAM6 - PAM0 + 1);
  pci->write_mask[PAM0] = (SHADOW_READ | SHADOW_WRITE) << SHADOW_HIGH_SHIFT;
  memset (pci->write_mask + DRB0, 0xff, 0x72 - DRB0);
  pci->config[SMRAM] = pci->reset_config[SMRAM] = SMRAM_BASE;
  unlock_smram (bridge);

  pci_config_ports_init (&bridge->ports, device->vm, bridge->root, &bridge->config_address);
  bridge->shadow = shadow_new (device->vm, bridge->ram, bridge->bios);
  return TRUE;
}

static void
i440fx_unrealize (Device *device)
{
  I440fx *bridge = (I440fx *)device;

  pci_config_ports_exit (&bridge->ports);
  g_clear_pointer (&bridge->shadow, shadow_free);
  pci_device_exit (&bridge->pci);
  g_clear_pointer (&bridge->root, pci_root_free);
  g_clear_pointer (&bridge->ram, region_unref);
  g_clear_pointer (&bridge->bios, region_unref);
}

/* Firmware begins the window for BARs at 2 GiB, or where RAM ends if it reaches further. */
static void
i440fx_acpi (Device *device, AcpiPieces *pieces)
{
  const I440fx *bridge = (const I440fx *)device;
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_PCI0);

  aml_name_eisa_id (aml, "_HID", "PNP0A03");
  aml_name_number (aml, "_UID", 0);
  aml_name_number (aml, "_BBN", 0);
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_buses (aml, 0, 0xff);
  aml_res_io (aml, PCI_CONFIG_PORT, PCI_CONFIG_N_PORTS);
  aml_res_ports (aml, 0, PCI_CONFIG_PORT - 1);
  aml_res_ports (aml, PCI_CONFIG_PORT + PCI_CONFIG_N_PORTS, 0xadff);
  aml_res_ports (aml, 0xaf00, 0xffff);
  aml_res_window (aml, TRUE, LOW_END, 0xbffff);
  aml_res_window (aml, FALSE, MAX (region_size (bridge->ram), WINDOW_LEAST), WINDOW_LAST);
  aml_end (aml);
}

static const DeviceClass i440fx_class = {
  .name = "i440fx",
  .instance_size = sizeof (I440fx),
  .state = i440fx_state,
  .realize = i440fx_realize,
  .reset = i440fx_reset,
  .post_load = i440fx_post_load,
  .unrealize = i440fx_unrealize,
  .acpi = i440fx_acpi,
};

Device *
i440fx_new (Vm *vm, Region *low_ram, Region *bios, GError **error)
{
  I440fx *bridge;

  g_return_val_if_fail (region_size (low_ram) >= 0x100000, NULL);
  bridge = device_new (vm, &i440fx_class, "i440fx");
  bridge->ram = region_ref (low_ram);
  bridge->bios = bios != NULL ? region_ref (bios) : NULL;
  return chipset_realize (bridge, error);
}

PciBus *
i440fx_bus (Device *device)
{
  return pci_root_bus (((I440fx *)device)->root);
}

PciRoot *
i440fx_root (Device *device)
{
  return ((I440fx *)device)->root;
}

void
i440fx_set_intx (Device *device, PciIntxFunc intx, void *opaque)
{
  I440fx *bridge = (I440fx *)device;

  bridge->intx = intx;
  bridge->intx_opaque = opaque;
}

void
i440fx_set_reset_control (Device *device, const IoOps *ops, void *opaque)
{
  I440fx *bridge = (I440fx *)device;

  bridge->ports.reset_ops = ops;
  bridge->ports.reset_opaque = opaque;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 82441FX host bridge.  See i440fx.h.
 */
#define G_LOG_DOMAIN "i440fx"

#include "chipset/i440fx.h"
#include "chipset/common.h"

#include <string.h>

enum
{
  PAM0 = 0x59,
  PAM6 = 0x5f,
  DRB0 = 0x60,
  SMRAM = 0x72,

  PAM_READ = 1 << 0,
  PAM_WRITE = 1 << 1,
  PAM_HIGH_SHIFT = 4,

  SMRAM_BASE = 0x02, /* C_BASE_SEG: 0xa0000, the only one there is */
  SMRAM_G_ENABLE = 1 << 3,
  SMRAM_LOCK = 1 << 4,
  SMRAM_CLOSE = 1 << 5,
  SMRAM_OPEN = 1 << 6,

  CONFIG_ADDRESS = 0, /* port 0xcf8 */
  RESET_CONTROL = 1,
  CONFIG_DATA = 4,
};
#define CONFIG_ENABLE (1u << 31)
#define CONFIG_PORT   0xcf8
#define N_SEGMENTS    13
#define LOW_END       0xa0000u
/* The second MiB is a mapping of its own: the gate of A20 hides it, and the large slot behind it should not be cut for that. */
#define MEBIBYTE   0x100000u
#define HIGH_START 0x100000u
/* Of PCI's memory: where it begins at the least, and what lies below the I/O APIC. */
#define WINDOW_LEAST    0x80000000u
#define WINDOW_LAST     0xfebfffffu
#define SMRAM_SIZE      0x20000u
#define BIOS_ALIAS      0xe0000u
#define BIOS_ALIAS_SIZE 0x20000u
/* The configuration ports win over an I/O BAR that was put on them. */
#define PRIORITY_CONFIG 10

typedef struct
{
  struct I440fx *bridge;
  uint32_t start, size;
  Mapping *ram;        /* read, or read and write */
  Mapping *write_only; /* reads go to what lies below */
  Region *write_only_io;
} Segment;

typedef struct I440fx
{
  PciDevice pci;
  PciRoot *root;
  Region *ram, *bios;
  uint32_t config_address;
  Segment segment[N_SEGMENTS];
  Mapping *low, *second, *high, *smram, *ports;
  PciIntxFunc intx;
  void *intx_opaque;
  const IoOps *reset_ops;
  void *reset_opaque;
} I440fx;

static const StateField i440fx_state[] = {
  STATE_STRUCT (I440fx, pci, pci_device_state),
  STATE_U32 (I440fx, config_address),
  STATE_END,
};

/* -- Configuration mechanism #1: PCI 3.0, section 3.2.2.3.2 -------------------------------------------- */

static unsigned
config_offset (const I440fx *bridge, uint64_t addr)
{
  return (bridge->config_address & 0xfc) + (unsigned)(addr - CONFIG_DATA);
}

static gboolean
config_selects (const I440fx *bridge)
{
  return (bridge->config_address & CONFIG_ENABLE) != 0;
}

static uint64_t
ports_read (void *opaque, uint64_t addr, unsigned size)
{
  I440fx *bridge = opaque;

  if (addr >= CONFIG_DATA)
    return config_selects (bridge)
               ? pci_root_config_read (bridge->root, bridge->config_address >> 16 & 0xff,
                                       bridge->config_address >> 8 & 0xff, config_offset (bridge, addr), size)
               : G_MAXUINT32;
  if (addr == CONFIG_ADDRESS && size == 4)
    return bridge->config_address;
  if (addr == RESET_CONTROL && size == 1 && bridge->reset_ops != NULL)
    return bridge->reset_ops->read (bridge->reset_opaque, 0, 1);
  return G_MAXUINT32;
}

static void
ports_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  I440fx *bridge = opaque;

  if (addr >= CONFIG_DATA)
    {
      if (config_selects (bridge))
        pci_root_config_write (bridge->root, bridge->config_address >> 16 & 0xff,
                               bridge->config_address >> 8 & 0xff, config_offset (bridge, addr),
                               (uint32_t)value, size);
    }
  else if (addr == CONFIG_ADDRESS && size == 4)
    {
      bridge->config_address = (uint32_t)value & 0x80fffffc;
    }
  else if (addr == RESET_CONTROL && size == 1 && bridge->reset_ops != NULL)
    {
      bridge->reset_ops->write (bridge->reset_opaque, 0, value, 1);
    }
}

static const IoOps ports_ops = { .read = ports_read, .write = ports_write, .impl_min = 1, .impl_max = 4 };

/* -- Shadowing ----------------------------------------------------------------------------------------- */

static uint64_t
write_only_read (void *opaque, uint64_t addr, unsigned size)
{
  Segment *segment = opaque;
  I440fx *bridge = segment->bridge;
  uint64_t at = segment->start + addr;
  uint64_t value = 0;

  if (bridge->bios == NULL || at < BIOS_ALIAS || region_size (bridge->bios) < BIOS_ALIAS_SIZE)
    return G_MAXUINT64;
  memcpy (&value,
          region_host (bridge->bios) + region_size (bridge->bios) - BIOS_ALIAS_SIZE + (at - BIOS_ALIAS),
          size);
  return GUINT64_FROM_LE (value);
}

static void
write_only_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Segment *segment = opaque;
  I440fx *bridge = segment->bridge;

  value = GUINT64_TO_LE (value);
  memcpy (region_host (bridge->ram) + segment->start + addr, &value, size);
  region_mark_dirty (bridge->ram, segment->start + addr, size);
}

static const IoOps write_only_ops
    = { .read = write_only_read, .write = write_only_write, .impl_min = 1, .impl_max = 8 };

static void
set_enabled (Mapping *mapping, gboolean enabled)
{
  if (mapping_enabled (mapping) != enabled)
    mapping_set_enabled (mapping, enabled);
}

static unsigned
segment_bits (const I440fx *bridge, unsigned n)
{
  /* PAM0's high half is the 64 KiB at 0xf0000; from PAM1 on, a half is 16 KiB from 0xc0000 up. */
  const uint8_t *config = bridge->pci.config;

  if (n == N_SEGMENTS - 1)
    return config[PAM0] >> PAM_HIGH_SHIFT & 3;
  return config[PAM0 + 1 + n / 2] >> (n & 1 ? PAM_HIGH_SHIFT : 0) & 3;
}

static void
update_memory (I440fx *bridge)
{
  AddressSpace *memory = bridge->pci.device.vm->memory;
  uint8_t smram = bridge->pci.config[SMRAM];

  address_space_begin (memory);
  for (unsigned n = 0; n < N_SEGMENTS; n++)
    {
      Segment *segment = &bridge->segment[n];
      unsigned bits = segment_bits (bridge, n);

      mapping_set_readonly (segment->ram, !(bits & PAM_WRITE));
      set_enabled (segment->ram, !!(bits & PAM_READ));
      set_enabled (segment->write_only, bits == PAM_WRITE);
    }
  set_enabled (bridge->smram, (smram & SMRAM_G_ENABLE) && (smram & SMRAM_OPEN) && !(smram & SMRAM_CLOSE));
  address_space_commit (memory);
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

  bridge->config_address &= 0x80fffffc;
  unlock_smram (bridge);
  config_written (&bridge->pci, SMRAM, 1);
  update_memory (bridge);
  return pci_device_post_load (&bridge->pci, error);
}

/* The wiring of PC boards with a PIIX: INTA# of device 1 is PIRQA, and each device rotates by one. */
static unsigned
swizzle (unsigned devfn, unsigned pin)
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

static void
map_memory (I440fx *bridge)
{
  AddressSpace *memory = bridge->pci.device.vm->memory;
  uint64_t size = region_size (bridge->ram);

  address_space_begin (memory);
  bridge->low = address_space_map (memory, bridge->ram, 0, 0, LOW_END, 0);
  if (size > HIGH_START)
    bridge->second = address_space_map (memory, bridge->ram, HIGH_START, HIGH_START,
                                        MIN (size - HIGH_START, MEBIBYTE), 0);
  if (size > HIGH_START + MEBIBYTE)
    bridge->high = address_space_map (memory, bridge->ram, HIGH_START + MEBIBYTE, HIGH_START + MEBIBYTE,
                                      size - HIGH_START - MEBIBYTE, 0);
  bridge->smram
      = address_space_map (memory, bridge->ram, LOW_END, LOW_END, SMRAM_SIZE, I440FX_PRIORITY_SHADOW);
  for (unsigned n = 0; n < N_SEGMENTS; n++)
    {
      Segment *segment = &bridge->segment[n];

      segment->bridge = bridge;
      segment->start = 0xc0000 + n * 0x4000;
      segment->size = n == N_SEGMENTS - 1 ? 0x10000 : 0x4000;
      segment->ram = address_space_map (memory, bridge->ram, segment->start, segment->start, segment->size,
                                        I440FX_PRIORITY_SHADOW);
      segment->write_only_io = region_new_io ("pam-write-only", segment->size, &write_only_ops, segment);
      segment->write_only = address_space_map (memory, segment->write_only_io, segment->start, 0,
                                               segment->size, I440FX_PRIORITY_SHADOW);
    }
  update_memory (bridge);
  address_space_commit (memory);
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
  Region *ports;

  bridge->root = pci_root_new (device->vm, bus_intx, swizzle, bridge);
  if (!pci_device_init (pci, pci_root_bus (bridge->root), 0, &identity, error))
    return FALSE;
  pci->config_written = config_written;
  /* PMCCFG, DETURBO, DBC, DRAM timing and row boundaries, error registers: kept, without effect. */
  memset (pci->write_mask + 0x50, 0xff, 0x59 - 0x50);
  memset (pci->write_mask + PAM0, PAM_READ | PAM_WRITE | (PAM_READ | PAM_WRITE) << PAM_HIGH_SHIFT,
          PAM6 - PAM0 + 1);
  pci->write_mask[PAM0] = (PAM_READ | PAM_WRITE) << PAM_HIGH_SHIFT;
  memset (pci->write_mask + DRB0, 0xff, 0x72 - DRB0);
  pci->config[SMRAM] = pci->reset_config[SMRAM] = SMRAM_BASE;
  unlock_smram (bridge);

  ports = region_new_io ("pci-config", 8, &ports_ops, bridge);
  bridge->ports = address_space_map (device->vm->ports, ports, CONFIG_PORT, 0, 8, PRIORITY_CONFIG);
  region_unref (ports);
  map_memory (bridge);
  return TRUE;
}

static void
i440fx_unrealize (Device *device)
{
  I440fx *bridge = (I440fx *)device;

  for (unsigned n = 0; n < N_SEGMENTS; n++)
    {
      g_clear_pointer (&bridge->segment[n].ram, mapping_remove);
      g_clear_pointer (&bridge->segment[n].write_only, mapping_remove);
      g_clear_pointer (&bridge->segment[n].write_only_io, region_unref);
    }
  g_clear_pointer (&bridge->low, mapping_remove);
  g_clear_pointer (&bridge->second, mapping_remove);
  g_clear_pointer (&bridge->high, mapping_remove);
  g_clear_pointer (&bridge->smram, mapping_remove);
  g_clear_pointer (&bridge->ports, mapping_remove);
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
  aml_res_io (aml, CONFIG_PORT, 8);
  aml_res_ports (aml, 0, CONFIG_PORT - 1);
  aml_res_ports (aml, CONFIG_PORT + 8, 0xadff);
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

  g_return_val_if_fail (region_size (low_ram) >= HIGH_START, NULL);
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

  bridge->reset_ops = ops;
  bridge->reset_opaque = opaque;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory controller hub.  See mch.h.
 */
#define G_LOG_DOMAIN "mch"

#include "chipset/mch.h"
#include "chipset/common.h"
#include "chipset/shadow.h"
#include "pci/config-ports.h"

#include <string.h>

enum
{
  UNUSED = 0x50,
  GGC = 0x52,
  PCIEXBAR = 0x60,
  PAM0 = 0x90,
  PAM6 = 0x96,
  SMRAM = 0x9d,
  ESMRAMC = 0x9e,
  TOM = 0xa0,   /* and TOUUD, GBSM, BGSM, TSEGMB */
  TOLUD = 0xb0, /* two bytes */
  SKPD = 0xdc,

  PCIEXBAR_ENABLE = 1 << 0,
  PCIEXBAR_LENGTH = 3 << 1,
  PCIEXBAR_LENGTH_SHIFT = 1,
  /* Of bits 35:26; what the length leaves out counts as zero. */
  PCIEXBAR_LOW_MASK = 0xfc000000u | PCIEXBAR_LENGTH | PCIEXBAR_ENABLE,
  PCIEXBAR_HIGH_MASK = 0x0f,

  ESMRAMC_CACHE = 0x38, /* reads so: SMRAM is cached by nobody */
  ESMRAMC_ERROR = 1 << 6,
  ESMRAMC_TSEG_SIZE = 3 << 1,
  ESMRAMC_TSEG_SHIFT = 1,
  ESMRAMC_TSEG_ENABLE = 1 << 0,
};

#define MIB 0x100000ull
#define GIB 0x40000000ull
/* Behind RAM's end for BARs of 64 bits, in whole units, at most so large, and below 44 bits for older drivers of virtio. */
#define WIDE_UNIT      (1 * GIB)
#define WIDE_SIZE      (512 * GIB)
#define WIDE_LAST_BITS 43
#define WINDOW_LAST    0xfebfffffu

typedef struct
{
  PciDevice pci;
  PciRoot *root;
  Shadow *shadow;
  Region *ram, *bios;
  uint64_t high_ram;
  unsigned address_bits;
  uint32_t config_address;
  PciConfigPorts ports;
  Region *ecam;
  Mapping *ecam_mapping;
  PciIntxFunc intx;
  PciSwizzleFunc swizzle;
  void *intx_opaque;
} Mch;

static const StateField mch_state[] = {
  STATE_STRUCT (Mch, pci, pci_device_state),
  STATE_U32 (Mch, config_address),
  STATE_END,
};

/* 256, 128 and 64 MiB; the fourth is reserved. */
static unsigned
ecam_buses (const Mch *mch)
{
  return 256u >> ((mch->pci.config[PCIEXBAR] & PCIEXBAR_LENGTH) >> PCIEXBAR_LENGTH_SHIFT);
}

/* FALSE: off, or it says nonsense. */
static gboolean
ecam_place (const Mch *mch, uint64_t *base, uint64_t *size)
{
  const uint8_t *config = mch->pci.config;
  const uint64_t bar = pci_get32 (config + PCIEXBAR) | (uint64_t)pci_get32 (config + PCIEXBAR + 4) << 32;

  *size = ecam_buses (mch) * MIB;
  *base = bar & 0xffc000000ull & ~(*size - 1);
  return (bar & PCIEXBAR_ENABLE) && ecam_buses (mch) >= 64 && *base != 0;
}

static void
update_ecam (Mch *mch)
{
  AddressSpace *memory = mch->pci.device.vm->memory;
  uint64_t base, size;
  const gboolean on = ecam_place (mch, &base, &size);

  if (on && mch->ecam_mapping != NULL && mapping_base (mch->ecam_mapping) == base
      && region_size (mch->ecam) == size)
    return;
  address_space_begin (memory);
  g_clear_pointer (&mch->ecam_mapping, mapping_remove);
  g_clear_pointer (&mch->ecam, region_unref);
  if (on)
    {
      mch->ecam = pci_root_ecam_region (mch->root, ecam_buses (mch));
      /* RAM and firmware win where it is put on them. */
      mch->ecam_mapping = address_space_map (memory, mch->ecam, base, 0, size, -1);
    }
  address_space_commit (memory);
}

static void
update_memory (Mch *mch)
{
  static const uint64_t sizes[] = { 1 * MIB, 2 * MIB, 8 * MIB, 0 };
  const uint8_t *config = mch->pci.config;
  const uint8_t tseg = config[ESMRAMC];
  const gboolean on = (config[SMRAM] & SMRAM_G_ENABLE) && (tseg & ESMRAMC_TSEG_ENABLE);

  shadow_update (mch->shadow, config + PAM0, config[SMRAM]);
  shadow_hide_top (mch->shadow, on ? sizes[(tseg & ESMRAMC_TSEG_SIZE) >> ESMRAMC_TSEG_SHIFT] : 0);
}

static void
set_locks (Mch *mch, gboolean locked)
{
  mch->pci.write_mask[SMRAM] = locked ? SMRAM_CLOSE : SMRAM_G_ENABLE | SMRAM_LOCK | SMRAM_CLOSE | SMRAM_OPEN;
  mch->pci.write_mask[ESMRAMC] = locked ? 0 : ESMRAMC_TSEG_SIZE | ESMRAMC_TSEG_ENABLE;
}

static gboolean
touches (unsigned offset, unsigned size, unsigned first, unsigned last)
{
  return offset <= last && offset + size > first;
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  Mch *mch = (Mch *)pci;

  if (touches (offset, size, PCIEXBAR, PCIEXBAR + 7))
    update_ecam (mch);
  if (touches (offset, size, SMRAM, SMRAM) && (pci->config[SMRAM] & SMRAM_LOCK))
    {
      /* Locked until reset: closed, and nothing of it changes any more. */
      pci->config[SMRAM] &= (uint8_t)~SMRAM_OPEN;
      set_locks (mch, TRUE);
    }
  if (touches (offset, size, PAM0, PAM6) || touches (offset, size, SMRAM, ESMRAMC))
    update_memory (mch);
}

/* -- Life ----------------------------------------------------------------------------------------- */

static void
mch_reset (Device *device)
{
  Mch *mch = (Mch *)device;

  set_locks (mch, FALSE);
  pci_device_reset (&mch->pci);
  mch->config_address = 0;
  update_memory (mch);
  update_ecam (mch);
}

static gboolean
mch_post_load (Device *device, GError **error)
{
  Mch *mch = (Mch *)device;

  mch->config_address &= PCI_CONFIG_ADDRESS_BITS;
  set_locks (mch, FALSE);
  config_written (&mch->pci, SMRAM, 1);
  update_ecam (mch);
  return pci_device_post_load (&mch->pci, error);
}

static unsigned
swizzle (void *opaque, unsigned devfn, unsigned pin)
{
  Mch *mch = opaque;

  return mch->swizzle != NULL ? mch->swizzle (mch->intx_opaque, devfn, pin) : pin;
}

static void
bus_intx (void *opaque, unsigned wire, gboolean level)
{
  Mch *mch = opaque;

  if (mch->intx != NULL)
    mch->intx (mch->intx_opaque, wire, level);
}

static gboolean
mch_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x29c0,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x060000,
                                        .revision = 2 };
  Mch *mch = (Mch *)device;
  PciDevice *pci = &mch->pci;

  mch->root = pci_root_new (device->vm, bus_intx, swizzle, mch);
  pci_root_set_express (mch->root);
  if (!pci_device_init (pci, pci_root_bus (mch->root), 0, &identity, error))
    return FALSE;
  pci->config_written = config_written;
  pci_set32 (pci->write_mask + PCIEXBAR, PCIEXBAR_LOW_MASK);
  pci->write_mask[PCIEXBAR + 4] = PCIEXBAR_HIGH_MASK;
  memset (pci->write_mask + PAM0,
          SHADOW_READ | SHADOW_WRITE | (SHADOW_READ | SHADOW_WRITE) << SHADOW_HIGH_SHIFT, PAM6 - PAM0 + 1);
  pci->write_mask[PAM0] = (SHADOW_READ | SHADOW_WRITE) << SHADOW_HIGH_SHIFT;
  pci->config[SMRAM] = pci->reset_config[SMRAM] = SMRAM_BASE;
  pci->config[ESMRAMC] = pci->reset_config[ESMRAMC] = ESMRAMC_CACHE;
  pci->clear_mask[ESMRAMC] = ESMRAMC_ERROR;
  memset (pci->write_mask + SKPD, 0xff, 4);
  /* UEFI asks a hypervisor here for a larger TSEG; who keeps what was asked has none, and the one of 8 MiB is taken. */
  memset (pci->write_mask + UNUSED, 0xff, 2);
  /* Where firmware notes how it divides memory; here that follows from RAM and ESMRAMC alone. */
  memset (pci->write_mask + GGC, 0xff, 2);
  memset (pci->write_mask + TOM, 0xff, TOLUD + 2 - TOM);
  set_locks (mch, FALSE);
  pci_config_ports_init (&mch->ports, device->vm, mch->root, &mch->config_address);
  mch->shadow = shadow_new (device->vm, mch->ram, mch->bios);
  return TRUE;
}

static void
mch_unrealize (Device *device)
{
  Mch *mch = (Mch *)device;

  g_clear_pointer (&mch->ecam_mapping, mapping_remove);
  g_clear_pointer (&mch->ecam, region_unref);
  pci_config_ports_exit (&mch->ports);
  g_clear_pointer (&mch->shadow, shadow_free);
  pci_device_exit (&mch->pci);
  g_clear_pointer (&mch->root, pci_root_free);
  g_clear_pointer (&mch->ram, region_unref);
  g_clear_pointer (&mch->bios, region_unref);
}

/* -- ACPI ----------------------------------------------------------------------------------------- */

/* What of PCI's features the system may run by itself: PCI Firmware Specification 3.3, 4.5.1. */
static void
put_osc (Aml *aml)
{
  static const uint8_t pci_host_bridge[16]
      = { 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96, 0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66 };
  enum
  {
    UNKNOWN_UUID = 1 << 2,
    UNKNOWN_REVISION = 1 << 3,
    MASKED = 1 << 4,
    GRANTED
    = 0x1f, /* hot plug of PCI Express and SHPC, power events, error reporting, the capability itself */
  };
  static const struct
  {
    const char *name;
    unsigned at;
  } words[] = { { "CDW1", 0 }, { "CDW3", 8 } };

  aml_begin_method (aml, "_OSC", 4, TRUE);
  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    {
      aml_op (aml, AML_DWORD_FIELD);
      aml_op (aml, AML_ARG0 + 3);
      aml_number (aml, words[i].at);
      aml_path (aml, words[i].name);
    }
  aml_begin_if (aml);
  aml_op (aml, AML_LEQUAL);
  aml_op (aml, AML_ARG0);
  aml_begin_buffer (aml);
  for (unsigned i = 0; i < sizeof pci_host_bridge; i++)
    aml_put (aml, pci_host_bridge[i], 1);
  aml_end (aml);
  /* Local0 = CDW3 & GRANTED */
  aml_op (aml, AML_AND);
  aml_path (aml, "CDW3");
  aml_number (aml, GRANTED);
  aml_op (aml, AML_LOCAL0);
  aml_begin_if (aml);
  aml_op (aml, AML_LNOT);
  aml_op (aml, AML_LEQUAL);
  aml_op (aml, AML_ARG0 + 1);
  aml_number (aml, 1);
  aml_op (aml, AML_OR);
  aml_path (aml, "CDW1");
  aml_number (aml, UNKNOWN_REVISION);
  aml_path (aml, "CDW1");
  aml_end (aml);
  aml_begin_if (aml);
  aml_op (aml, AML_LNOT);
  aml_op (aml, AML_LEQUAL);
  aml_path (aml, "CDW3");
  aml_op (aml, AML_LOCAL0);
  aml_op (aml, AML_OR);
  aml_path (aml, "CDW1");
  aml_number (aml, MASKED);
  aml_path (aml, "CDW1");
  aml_end (aml);
  aml_op (aml, AML_STORE);
  aml_op (aml, AML_LOCAL0);
  aml_path (aml, "CDW3");
  aml_end (aml);
  aml_begin_else (aml);
  aml_op (aml, AML_OR);
  aml_path (aml, "CDW1");
  aml_number (aml, UNKNOWN_UUID);
  aml_path (aml, "CDW1");
  aml_end (aml);
  aml_op (aml, AML_RETURN);
  aml_op (aml, AML_ARG0 + 3);
  aml_end (aml);
}

/* Behind RAM, as far as processors reach. */
static void
put_wide_window (const Mch *mch, Aml *aml)
{
  const uint64_t first = (4 * GIB + mch->high_ram + WIDE_UNIT - 1) & ~(WIDE_UNIT - 1);
  const uint64_t end = MIN (first + WIDE_SIZE, 1ull << MIN (mch->address_bits, WIDE_LAST_BITS));

  if (first < end)
    aml_res_window (aml, TRUE, first, end - 1);
}

static void
mch_acpi (Device *device, AcpiPieces *pieces)
{
  const Mch *mch = (const Mch *)device;
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_PCI0), *sb = acpi_scope (pieces, ACPI_SCOPE_SB), *table;
  const uint64_t ram = region_size (shadow_ram (mch->shadow));
  uint64_t base, size;
  const gboolean ecam = ecam_place (mch, &base, &size);

  aml_name_eisa_id (aml, "_HID", "PNP0A08");
  aml_name_eisa_id (aml, "_CID", "PNP0A03");
  aml_name_number (aml, "_UID", 0);
  aml_name_number (aml, "_BBN", 0);
  put_osc (aml);
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_buses (aml, 0, ecam ? (uint16_t)(ecam_buses (mch) - 1) : 0xff);
  aml_res_io (aml, PCI_CONFIG_PORT, PCI_CONFIG_N_PORTS);
  aml_res_ports (aml, 0, PCI_CONFIG_PORT - 1);
  aml_res_ports (aml, PCI_CONFIG_PORT + PCI_CONFIG_N_PORTS, 0xffff);
  aml_res_window (aml, TRUE, 0xa0000, 0xbffff);
  /* Both sides of the configuration space, where that lies among it. */
  if (ecam && base >= ram && base + size - 1 < WINDOW_LAST)
    {
      if (base > ram)
        aml_res_window (aml, FALSE, ram, base - 1);
      aml_res_window (aml, FALSE, base + size, WINDOW_LAST);
    }
  else
    {
      aml_res_window (aml, FALSE, ram, WINDOW_LAST);
    }
  put_wide_window (mch, aml);
  aml_end (aml);
  if (!ecam)
    return;

  /* PCI Firmware Specification 3.3, 4.1.2: it is a part of the board, and of no device. */
  if (base + size <= 4 * GIB)
    {
      aml_begin_device (sb, "ECAM");
      aml_name_eisa_id (sb, "_HID", "PNP0C01");
      aml_name (sb, "_CRS");
      aml_begin_resources (sb);
      aml_res_memory (sb, TRUE, (uint32_t)base, (uint32_t)size);
      aml_end (sb);
      aml_end (sb);
    }
  table = acpi_table_begin (pieces, "MCFG", 1);
  aml_put (table, 0, 8);
  aml_put (table, base, 8);
  aml_put (table, 0, 2); /* segment */
  aml_put (table, 0, 1);
  aml_put (table, ecam_buses (mch) - 1, 1);
  aml_put (table, 0, 4);
  acpi_table_end (pieces);
}

static const DeviceClass mch_class = {
  .name = "mch",
  .instance_size = sizeof (Mch),
  .state = mch_state,
  .realize = mch_realize,
  .reset = mch_reset,
  .post_load = mch_post_load,
  .unrealize = mch_unrealize,
  .acpi = mch_acpi,
};

Device *
mch_new (Vm *vm, Region *low_ram, Region *bios, uint64_t high_ram, unsigned address_bits, GError **error)
{
  Mch *mch = device_new (vm, &mch_class, "mch");

  mch->ram = region_ref (low_ram);
  mch->bios = bios != NULL ? region_ref (bios) : NULL;
  mch->high_ram = high_ram;
  mch->address_bits = address_bits;
  return chipset_realize (mch, error);
}

PciRoot *
mch_root (Device *device)
{
  return ((Mch *)device)->root;
}

void
mch_set_intx (Device *device, PciIntxFunc intx, PciSwizzleFunc wires, void *opaque)
{
  Mch *mch = (Mch *)device;

  mch->intx = intx;
  mch->swizzle = wires;
  mch->intx_opaque = opaque;
}

void
mch_set_reset_control (Device *device, const IoOps *ops, void *opaque)
{
  Mch *mch = (Mch *)device;

  mch->ports.reset_ops = ops;
  mch->ports.reset_opaque = opaque;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PIIX4 power management.  See piix4-pm.h.
 */
#define G_LOG_DOMAIN "piix4-pm"

#include "chipset/piix4-pm.h"
#include "chipset/acpi-parts.h"
#include "chipset/common.h"

#include <string.h>

/* Configuration space. */
enum
{
  PMBASE = 0x40,
  DEVACTB = 0x58,
  DEVACTB_APMC = 0x5b, /* top byte; bit 1 is APMC_EN */
  APMC_EN = 1 << 1,
  PMREGMISC = 0x80,
  PMIOSE = 1 << 0,
  SMBBA = 0x90,
  SMBHSTCFG = 0xd2,
  SMB_HST_EN = 1 << 0,
  SMB_IRQ9 = 4 << 1,
};

#define SMB_BASE 0x700

#define PM_SIZE 0x40 /* from PMBASE */

enum
{
  SMBHSTSTS = 0,
  SMBHSTCNT = 2,
  SMB_SIZE = 16,
  SMB_START = 1 << 6,
  SMB_DEV_ERR = 1 << 2,
  SMB_STATUS_BITS = 0x1e,
};

#define GPE_SIZE 4

typedef struct
{
  PciDevice pci;
  PciBus *bus;
  IrqLine sci;
  AcpiPm power;
  uint16_t gpe_status, gpe_enable;
  uint8_t smi_command, smi_data;
  uint8_t smbus[SMB_SIZE];
  Region *pm_region, *smbus_region;
  Mapping *pm_mapping, *smbus_mapping, *gpe_mapping, *smi_mapping;
} Piix4Pm;

static const StateField piix4_pm_state[] = {
  STATE_STRUCT (Piix4Pm, pci, pci_device_state),
  ACPI_PM_STATE_REGISTERS (Piix4Pm, power),
  STATE_U16 (Piix4Pm, gpe_status),
  STATE_U16 (Piix4Pm, gpe_enable),
  STATE_U8 (Piix4Pm, smi_command),
  STATE_U8 (Piix4Pm, smi_data),
  STATE_U8_ARRAY (Piix4Pm, smbus),
  STATE_ADDED,
  ACPI_PM_STATE_SLEEP (Piix4Pm, power),
  STATE_END,
};

/* -- Events ------------------------------------------------------------------------------------------- */

static uint64_t
pm_read (void *opaque, uint64_t addr, unsigned size)
{
  Piix4Pm *pm = opaque;

  return addr < ACPI_PM_SIZE ? acpi_pm_read (&pm->power, addr, size) : 0;
}

static void
pm_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Piix4Pm *pm = opaque;

  if (addr < ACPI_PM_SIZE)
    acpi_pm_write (&pm->power, addr, value, size);
}

static void
update_gpe (Piix4Pm *pm)
{
  acpi_pm_set_gpe (&pm->power, (pm->gpe_status & pm->gpe_enable) != 0);
}

static uint64_t
gpe_read (void *opaque, uint64_t addr, unsigned size)
{
  Piix4Pm *pm = opaque;
  uint32_t both = pm->gpe_status | (uint32_t)pm->gpe_enable << 16;

  return both >> (8 * addr);
}

static void
gpe_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Piix4Pm *pm = opaque;
  unsigned shift = 8 * (addr & 1);

  if (addr < 2)
    pm->gpe_status &= (uint16_t) ~((value & 0xff) << shift);
  else
    pm->gpe_enable = (uint16_t)((pm->gpe_enable & ~(0xff << shift)) | (value & 0xff) << shift);
  update_gpe (pm);
}

/* There is no system management mode: what the handler would do for ACPI is done at once. */
static uint64_t
smi_read (void *opaque, uint64_t addr, unsigned size)
{
  Piix4Pm *pm = opaque;

  return addr == 0 ? pm->smi_command : pm->smi_data;
}

static void
smi_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Piix4Pm *pm = opaque;

  if (addr == 1)
    {
      pm->smi_data = (uint8_t)value;
      return;
    }
  pm->smi_command = (uint8_t)value;
  if (pm->smi_command == PIIX4_PM_ACPI_ENABLE || pm->smi_command == PIIX4_PM_ACPI_DISABLE)
    acpi_pm_enable (&pm->power, pm->smi_command == PIIX4_PM_ACPI_ENABLE);
}

/* -- SMBus: every transaction ends in "no device answered" ----------------------------------------------- */

static uint64_t
smbus_read (void *opaque, uint64_t addr, unsigned size)
{
  return ((Piix4Pm *)opaque)->smbus[addr & (SMB_SIZE - 1)];
}

static void
smbus_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Piix4Pm *pm = opaque;

  switch (addr)
    {
    case SMBHSTSTS:
      pm->smbus[SMBHSTSTS] &= (uint8_t) ~(value & SMB_STATUS_BITS);
      break;
    case SMBHSTCNT:
      pm->smbus[SMBHSTCNT] = (uint8_t)value & (uint8_t)~SMB_START;
      if (value & SMB_START)
        pm->smbus[SMBHSTSTS] |= SMB_DEV_ERR;
      break;
    default:
      pm->smbus[addr & (SMB_SIZE - 1)] = (uint8_t)value;
      break;
    }
}

static const IoOps pm_ops = { .read = pm_read, .write = pm_write, .impl_min = 1, .impl_max = 4 };
static const IoOps gpe_ops = { .read = gpe_read, .write = gpe_write, .impl_min = 1, .impl_max = 1 };
static const IoOps smi_ops = { .read = smi_read, .write = smi_write, .impl_min = 1, .impl_max = 1 };
static const IoOps smbus_ops = { .read = smbus_read, .write = smbus_write, .impl_min = 1, .impl_max = 1 };

/* -- Configuration ---------------------------------------------------------------------------------------- */

static void
update_mappings (Piix4Pm *pm)
{
  AddressSpace *ports = pm->pci.device.vm->ports;
  const uint8_t *config = pm->pci.config;

  address_space_begin (ports);
  chipset_place (pm->pm_mapping, pci_get16 (config + PMBASE) & 0xffc0u, config[PMREGMISC] & PMIOSE);
  chipset_place (pm->smbus_mapping, pci_get16 (config + SMBBA) & 0xfff0u, config[SMBHSTCFG] & SMB_HST_EN);
  address_space_commit (ports);
}

static void
config_written (PciDevice *pci, unsigned offset, unsigned size)
{
  if (offset >= PMBASE)
    update_mappings ((Piix4Pm *)pci);
}

static void
piix4_pm_reset (Device *device)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  pci_device_reset (&pm->pci);
  pm->gpe_status = pm->gpe_enable = 0;
  pm->smi_command = pm->smi_data = 0;
  memset (pm->smbus, 0, sizeof pm->smbus);
  update_mappings (pm);
  acpi_pm_reset (&pm->power);
}

static gboolean
piix4_pm_post_load (Device *device, GError **error)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  update_mappings (pm);
  pm->power.gpe = (pm->gpe_status & pm->gpe_enable) != 0;
  acpi_pm_loaded (&pm->power);
  return pci_device_post_load (&pm->pci, error);
}

static gboolean
piix4_pm_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x8086,
                                        .device = 0x7113,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x068000,
                                        .revision = 3,
                                        .interrupt_pin = 1 };
  Piix4Pm *pm = (Piix4Pm *)device;
  PciDevice *pci = &pm->pci;
  AddressSpace *ports = device->vm->ports;

  if (!pci_device_init (pci, pm->bus, PCI_DEVFN (1, 3), &identity, error))
    return FALSE;
  pci_set16 (pci->config + PCI_STATUS, 0x0280); /* fast back-to-back, medium DEVSEL */
  pci->config[PMBASE] = 1;
  pci_set16 (pci->write_mask + PMBASE, 0xffc0);
  memset (pci->write_mask + 0x44, 0xff, PMREGMISC - 0x44);
  pci->write_mask[PMREGMISC] = PMIOSE;
  pci_set16 (pci->write_mask + SMBBA, 0xfff0);
  memset (pci->write_mask + SMBHSTCFG, 0xff, 5);
  /* Where SeaBIOS puts it, from the start: UEFI's firmware doesn't, and Linux' driver then complains. */
  pci_set16 (pci->config + SMBBA, SMB_BASE | 1);
  pci_set16 (pci->reset_config + SMBBA, SMB_BASE | 1);
  pci->config[SMBHSTCFG] = pci->reset_config[SMBHSTCFG] = SMB_IRQ9 | SMB_HST_EN;
  /* SeaBIOS takes this for "system management mode is set up" and doesn't wait for an interrupt that never comes. */
  pci->config[DEVACTB_APMC] = pci->reset_config[DEVACTB_APMC] = APMC_EN;
  pci->config[PCI_INTERRUPT_LINE] = pci->reset_config[PCI_INTERRUPT_LINE] = 9;
  pci->config_written = config_written;

  acpi_pm_init (&pm->power, device, pm->sci);
  pm->pm_region = region_new_io ("piix4-pm", PM_SIZE, &pm_ops, pm);
  pm->smbus_region = region_new_io ("piix4-smbus", SMB_SIZE, &smbus_ops, pm);
  address_space_begin (ports);
  pm->pm_mapping = address_space_map (ports, pm->pm_region, 0, 0, PM_SIZE, 1);
  pm->smbus_mapping = address_space_map (ports, pm->smbus_region, 0, 0, SMB_SIZE, 1);
  pm->gpe_mapping = chipset_map_io (ports, "piix4-gpe", PIIX4_PM_GPE_BASE, GPE_SIZE, &gpe_ops, pm);
  pm->smi_mapping = chipset_map_io (ports, "piix4-smi", PIIX4_PM_SMI_COMMAND, 2, &smi_ops, pm);
  update_mappings (pm);
  address_space_commit (ports);
  return TRUE;
}

static void
piix4_pm_unrealize (Device *device)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  acpi_pm_exit (&pm->power);
  g_clear_pointer (&pm->pm_mapping, mapping_remove);
  g_clear_pointer (&pm->smbus_mapping, mapping_remove);
  g_clear_pointer (&pm->gpe_mapping, mapping_remove);
  g_clear_pointer (&pm->smi_mapping, mapping_remove);
  g_clear_pointer (&pm->pm_region, region_unref);
  g_clear_pointer (&pm->smbus_region, region_unref);
  pci_device_exit (&pm->pci);
}

static void
piix4_pm_acpi (Device *device, AcpiPieces *pieces)
{
  const Piix4Pm *pm = (const Piix4Pm *)device;
  /* Firmware has said where; what it hasn't is where it will be. */
  const uint16_t base = pci_get16 (pm->pci.config + PMBASE) & 0xffc0u;
  const AcpiPower power = {
    .event = base,
    .control = base + ACPI_PM_CONTROL,
    .timer = base + ACPI_PM_TIMER,
    .gpe = PIIX4_PM_GPE_BASE,
    .gpe_length = GPE_SIZE,
    .smi_command = PIIX4_PM_SMI_COMMAND,
    .acpi_enable = PIIX4_PM_ACPI_ENABLE,
    .acpi_disable = PIIX4_PM_ACPI_DISABLE,
    .sleep_button = TRUE,
  };
  const AcpiPorts ports[] = {
    { PIIX4_PM_SMI_COMMAND, 2 },
    { base, PM_SIZE },
    { pci_get16 (pm->pci.config + SMBBA) & 0xfff0u, SMB_SIZE },
    { PIIX4_PM_GPE_BASE, GPE_SIZE },
  };

  acpi_set_power (pieces, &power);
  acpi_sleep_states (acpi_scope (pieces, ACPI_SCOPE_ROOT), ACPI_PM_S3, ACPI_PM_S4, ACPI_PM_S5);
  acpi_reserve_ports (acpi_scope (pieces, ACPI_SCOPE_ISA), "PMRS", ports, G_N_ELEMENTS (ports));
}

static const DeviceClass piix4_pm_class = {
  .name = "piix4-pm",
  .instance_size = sizeof (Piix4Pm),
  .state = piix4_pm_state,
  .version = 1,
  .realize = piix4_pm_realize,
  .reset = piix4_pm_reset,
  .post_load = piix4_pm_post_load,
  .unrealize = piix4_pm_unrealize,
  .acpi = piix4_pm_acpi,
};

Device *
piix4_pm_new (Vm *vm, PciBus *bus, IrqLine sci, GError **error)
{
  Piix4Pm *pm = device_new (vm, &piix4_pm_class, "piix4-pm");

  pm->bus = bus;
  pm->sci = sci;
  return chipset_realize (pm, error);
}

AcpiPm *
piix4_pm_power (Device *device)
{
  return &((Piix4Pm *)device)->power;
}

void
piix4_pm_raise_gpe (Device *device, uint16_t bits)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  pm->gpe_status |= bits;
  update_gpe (pm);
}

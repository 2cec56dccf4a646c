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
};

/* Offsets from PMBASE. */
enum
{
  PMSTS = 0x00,
  PMEN = 0x02,
  PMCNTRL = 0x04,
  PMTMR = 0x08,
  PM_SIZE = 0x40,

  STS_TMR = 1 << 0,
  STS_BM = 1 << 4,
  STS_GBL = 1 << 5,
  STS_PWRBTN = 1 << 8,
  STS_RTC = 1 << 10,
  STS_WAK = 1 << 15,
  STS_ALL = STS_TMR | STS_BM | STS_GBL | STS_PWRBTN | STS_RTC | STS_WAK,
  EN_ALL = STS_TMR | STS_GBL | STS_PWRBTN | STS_RTC,

  CNT_SCI_EN = 1 << 0,
  CNT_SLP_TYP_SHIFT = 10,
  CNT_SLP_TYP = 7 << CNT_SLP_TYP_SHIFT,
  CNT_SLP_EN = 1 << 13,
  CNT_KEPT = 0x1c03,
};

/* SLP_TYP as the board's _S5, _S4 and _S3 packages give them. */
enum
{
  SLEEP_S5 = 0,
  SLEEP_S3 = 1,
  SLEEP_S4 = 2,
};

enum
{
  SMBHSTSTS = 0,
  SMBHSTCNT = 2,
  SMB_SIZE = 16,
  SMB_START = 1 << 6,
  SMB_DEV_ERR = 1 << 2,
  SMB_STATUS_BITS = 0x1e,
};

#define PM_TIMER_HZ    3579545
#define PM_TIMER_MASK  0xffffffu
#define TMR_STS_PERIOD 0x800000u /* ticks: TMR_STS is set each time that bit 23 changes */
#define GPE_SIZE       4

typedef struct
{
  PciDevice pci;
  PciBus *bus;
  IrqLine sci;
  uint16_t pm_status, pm_enable, pm_control;
  uint16_t gpe_status, gpe_enable;
  gboolean asleep, rtc_line;
  void (*wake_func) (void *opaque);
  void *wake_opaque;
  uint64_t last_overflow; /* changes of bit 23 seen so far */
  uint8_t smi_command, smi_data;
  uint8_t smbus[SMB_SIZE];
  VmTimer overflow;
  Region *pm_region, *smbus_region;
  Mapping *pm_mapping, *smbus_mapping, *gpe_mapping, *smi_mapping;
} Piix4Pm;

static const StateField piix4_pm_state[] = {
  STATE_STRUCT (Piix4Pm, pci, pci_device_state),
  STATE_U16 (Piix4Pm, pm_status),
  STATE_U16 (Piix4Pm, pm_enable),
  STATE_U16_MAX (Piix4Pm, pm_control, CNT_KEPT),
  STATE_U16 (Piix4Pm, gpe_status),
  STATE_U16 (Piix4Pm, gpe_enable),
  STATE_U64 (Piix4Pm, last_overflow),
  STATE_U8 (Piix4Pm, smi_command),
  STATE_U8 (Piix4Pm, smi_data),
  STATE_U8_ARRAY (Piix4Pm, smbus),
  STATE_TIMER (Piix4Pm, overflow),
  STATE_ADDED,
  STATE_BOOL (Piix4Pm, asleep),
  STATE_BOOL (Piix4Pm, rtc_line),
  STATE_END,
};

/* -- Events ------------------------------------------------------------------------------------------- */

static uint64_t
timer_ticks (Piix4Pm *pm)
{
  return (uint64_t)clock_muldiv (vm_clock_now (pm->pci.device.vm->clock), PM_TIMER_HZ, NS_PER_SECOND);
}

static void
check_overflow (Piix4Pm *pm)
{
  uint64_t now = timer_ticks (pm) / TMR_STS_PERIOD;

  if (now != pm->last_overflow)
    {
      pm->last_overflow = now;
      pm->pm_status |= STS_TMR;
    }
}

static void
set_sci (Piix4Pm *pm)
{
  gboolean level = (pm->pm_control & CNT_SCI_EN)
                   && ((pm->pm_status & pm->pm_enable & EN_ALL) || (pm->gpe_status & pm->gpe_enable));
  irq_set (&pm->sci, level);
  if ((pm->pm_enable & STS_TMR) && !(pm->pm_status & STS_TMR))
    vm_timer_arm (
        &pm->overflow,
        clock_muldiv ((int64_t)((pm->last_overflow + 1) * TMR_STS_PERIOD), NS_PER_SECOND, PM_TIMER_HZ) + 1);
  else
    vm_timer_cancel (&pm->overflow);
}

static void
update_sci (Piix4Pm *pm)
{
  check_overflow (pm);
  set_sci (pm);
}

static void
on_overflow (void *opaque)
{
  update_sci (opaque);
}

static void
set_asleep (Piix4Pm *pm, gboolean asleep)
{
  pm->asleep = pm->pci.device.vm->asleep = asleep;
}

/* ACPI 6.4, chapter 4.8.3.1: WAK_STS is set by any wake event. */
static void
wake (Piix4Pm *pm, const char *reason)
{
  if (!pm->asleep)
    return;
  set_asleep (pm, FALSE);
  pm->pm_status |= STS_WAK;
  if (pm->wake_func != NULL)
    pm->wake_func (pm->wake_opaque);
  vm_request (pm->pci.device.vm, VM_REQUEST_WAKE, reason);
}

static void
on_wake (void *opaque)
{
  wake (opaque, "a key was pressed");
}

static void
sleep_s3 (Piix4Pm *pm)
{
  set_asleep (pm, TRUE);
  vm_request (pm->pci.device.vm, VM_REQUEST_SLEEP, "the guest suspended itself to memory");
  /* What happened on the way to sleep wakes at once. */
  if (pm->pm_status & pm->pm_enable & (STS_PWRBTN | STS_RTC))
    wake (pm, "an event came on the way to sleep");
}

static void
on_rtc (void *opaque, unsigned n, gboolean level)
{
  Piix4Pm *pm = opaque;
  gboolean rises = level && !pm->rtc_line;

  pm->rtc_line = level != FALSE;
  if (!rises)
    return;
  pm->pm_status |= STS_RTC;
  update_sci (pm);
  if (pm->pm_enable & STS_RTC)
    wake (pm, "its alarm went off");
}

static void
write_control (Piix4Pm *pm, uint16_t value)
{
  Vm *vm = pm->pci.device.vm;

  pm->pm_control = value & CNT_KEPT;
  update_sci (pm);
  if (!(value & CNT_SLP_EN))
    return;
  switch ((value & CNT_SLP_TYP) >> CNT_SLP_TYP_SHIFT)
    {
    case SLEEP_S5:
      vm_request (vm, VM_REQUEST_POWER_OFF, "the guest switched the machine off");
      break;
    case SLEEP_S3:
      sleep_s3 (pm);
      break;
    case SLEEP_S4:
      vm_request (vm, VM_REQUEST_POWER_OFF, "the guest hibernated");
      break;
    default:
      device_log (&pm->pci.device, "the guest asked for a sleep state that the machine doesn't offer");
      break;
    }
}

static uint64_t
pm_read (void *opaque, uint64_t addr, unsigned size)
{
  Piix4Pm *pm = opaque;

  check_overflow (pm);
  switch (addr)
    {
    case PMSTS:
      return pm->pm_status;
    case PMEN:
      return pm->pm_enable;
    case PMCNTRL:
      return pm->pm_control;
    case PMTMR:
      return timer_ticks (pm) & 0xffff;
    case PMTMR + 2:
      return timer_ticks (pm) >> 16 & 0xff;
    default:
      return 0;
    }
}

/* The timer must be read at once; everything else is 16 bits. */
static uint64_t
pm_read_any (void *opaque, uint64_t addr, unsigned size)
{
  uint64_t value;

  if (addr == PMTMR && size == 4)
    return timer_ticks (opaque) & PM_TIMER_MASK;
  value = pm_read (opaque, addr & ~1ull, 2);
  if (size == 4)
    return value | pm_read (opaque, (addr & ~1ull) + 2, 2) << 16;
  return value >> (8 * (addr & 1));
}

static void
pm_write (Piix4Pm *pm, uint64_t addr, uint16_t value, uint16_t lanes)
{
  switch (addr)
    {
    case PMSTS:
      check_overflow (pm);
      pm->pm_status &= (uint16_t) ~(value & lanes & STS_ALL);
      update_sci (pm);
      break;
    case PMEN:
      pm->pm_enable = (uint16_t)((pm->pm_enable & ~lanes) | (value & lanes)) & EN_ALL;
      update_sci (pm);
      break;
    case PMCNTRL:
      write_control (pm, (uint16_t)((pm->pm_control & ~lanes) | (value & lanes)));
      break;
    default:
      break;
    }
}

static void
pm_write_any (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Piix4Pm *pm = opaque;

  if (size == 1)
    {
      unsigned shift = 8 * (addr & 1);

      pm_write (pm, addr & ~1ull, (uint16_t)(value << shift), (uint16_t)(0xff << shift));
      return;
    }
  pm_write (pm, addr & ~1ull, (uint16_t)value, 0xffff);
  if (size == 4)
    pm_write (pm, (addr & ~1ull) + 2, (uint16_t)(value >> 16), 0xffff);
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
  update_sci (pm);
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
  if (pm->smi_command == PIIX4_PM_ACPI_ENABLE)
    pm->pm_control |= CNT_SCI_EN;
  else if (pm->smi_command == PIIX4_PM_ACPI_DISABLE)
    pm->pm_control &= (uint16_t)~CNT_SCI_EN;
  update_sci (pm);
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

static const IoOps pm_ops = { .read = pm_read_any, .write = pm_write_any, .impl_min = 1, .impl_max = 4 };
static const IoOps gpe_ops = { .read = gpe_read, .write = gpe_write, .impl_min = 1, .impl_max = 1 };
static const IoOps smi_ops = { .read = smi_read, .write = smi_write, .impl_min = 1, .impl_max = 1 };
static const IoOps smbus_ops = { .read = smbus_read, .write = smbus_write, .impl_min = 1, .impl_max = 1 };

/* -- Configuration ---------------------------------------------------------------------------------------- */

static void
place (Mapping *mapping, uint32_t base, gboolean enabled)
{
  enabled = enabled && base != 0;
  if (enabled && mapping_base (mapping) != base)
    mapping_move (mapping, base);
  if (mapping_enabled (mapping) != enabled)
    mapping_set_enabled (mapping, enabled);
}

static void
update_mappings (Piix4Pm *pm)
{
  AddressSpace *ports = pm->pci.device.vm->ports;
  const uint8_t *config = pm->pci.config;

  address_space_begin (ports);
  place (pm->pm_mapping, pci_get16 (config + PMBASE) & 0xffc0u, config[PMREGMISC] & PMIOSE);
  place (pm->smbus_mapping, pci_get16 (config + SMBBA) & 0xfff0u, config[SMBHSTCFG] & SMB_HST_EN);
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
  pm->pm_status = pm->pm_enable = pm->pm_control = 0;
  pm->gpe_status = pm->gpe_enable = 0;
  pm->rtc_line = FALSE;
  set_asleep (pm, FALSE);
  pm->smi_command = pm->smi_data = 0;
  memset (pm->smbus, 0, sizeof pm->smbus);
  pm->last_overflow = timer_ticks (pm) / TMR_STS_PERIOD;
  update_mappings (pm);
  update_sci (pm);
}

static gboolean
piix4_pm_post_load (Device *device, GError **error)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  update_mappings (pm);
  set_asleep (pm, pm->asleep);
  pm->last_overflow = MIN (pm->last_overflow, timer_ticks (pm) / TMR_STS_PERIOD);
  set_sci (pm);
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
  pci->config[PMBASE] = pci->config[SMBBA] = 1;
  pci_set16 (pci->write_mask + PMBASE, 0xffc0);
  memset (pci->write_mask + 0x44, 0xff, PMREGMISC - 0x44);
  pci->write_mask[PMREGMISC] = PMIOSE;
  pci_set16 (pci->write_mask + SMBBA, 0xfff0);
  memset (pci->write_mask + SMBHSTCFG, 0xff, 5);
  /* SeaBIOS takes this for "system management mode is set up" and doesn't wait for an interrupt that never comes. */
  pci->config[DEVACTB_APMC] = pci->reset_config[DEVACTB_APMC] = APMC_EN;
  pci->config[PCI_INTERRUPT_LINE] = pci->reset_config[PCI_INTERRUPT_LINE] = 9;
  pci->config_written = config_written;

  device->vm->wake = on_wake;
  device->vm->wake_opaque = pm;
  vm_timer_init (&pm->overflow, device->vm->clock, on_overflow, pm);
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

  vm_timer_cancel (&pm->overflow);
  device->vm->wake = NULL;
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
    .control = base + PMCNTRL,
    .timer = base + PMTMR,
    .gpe = PIIX4_PM_GPE_BASE,
    .gpe_length = GPE_SIZE,
    .smi_command = PIIX4_PM_SMI_COMMAND,
    .acpi_enable = PIIX4_PM_ACPI_ENABLE,
    .acpi_disable = PIIX4_PM_ACPI_DISABLE,
  };
  const AcpiPorts ports[] = {
    { PIIX4_PM_SMI_COMMAND, 2 },
    { base, PM_SIZE },
    { pci_get16 (pm->pci.config + SMBBA) & 0xfff0u, SMB_SIZE },
    { PIIX4_PM_GPE_BASE, GPE_SIZE },
  };

  acpi_set_power (pieces, &power);
  acpi_sleep_states (acpi_scope (pieces, ACPI_SCOPE_ROOT), SLEEP_S3, SLEEP_S4, SLEEP_S5);
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

gboolean
piix4_pm_power_button (Device *device)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  if (!pm->asleep && (!(pm->pm_control & CNT_SCI_EN) || !(pm->pm_enable & STS_PWRBTN)))
    return FALSE;
  pm->pm_status |= STS_PWRBTN;
  update_sci (pm);
  wake (pm, "the power button was pressed");
  return TRUE;
}

IrqLine
piix4_pm_rtc_line (Device *device)
{
  return IRQ_LINE (on_rtc, device, 0);
}

void
piix4_pm_set_wake_func (Device *device, void (*func) (void *opaque), void *opaque)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  pm->wake_func = func;
  pm->wake_opaque = opaque;
}

void
piix4_pm_raise_gpe (Device *device, uint16_t bits)
{
  Piix4Pm *pm = (Piix4Pm *)device;

  pm->gpe_status |= bits;
  update_sci (pm);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See acpi-pm.h.
 */
#define G_LOG_DOMAIN "acpi-pm"

#include "chipset/acpi-pm.h"

enum
{
  STS_TMR = 1 << 0,
  STS_BM = 1 << 4,
  STS_GBL = 1 << 5,
  STS_PWRBTN = 1 << 8,
  STS_SLPBTN = 1 << 9,
  STS_RTC = 1 << 10,
  STS_WAK = 1 << 15,
  STS_ALL = STS_TMR | STS_BM | STS_GBL | STS_PWRBTN | STS_SLPBTN | STS_RTC | STS_WAK,
  EN_ALL = STS_TMR | STS_GBL | STS_PWRBTN | STS_SLPBTN | STS_RTC,
  WAKES = STS_PWRBTN | STS_SLPBTN | STS_RTC,

  CNT_SCI_EN = 1 << 0,
  CNT_SLP_TYP_SHIFT = 10,
  CNT_SLP_TYP = 7 << CNT_SLP_TYP_SHIFT,
  CNT_SLP_EN = 1 << 13,
};

#define PM_TIMER_HZ    3579545
#define PM_TIMER_MASK  0xffffffu
#define TMR_STS_PERIOD 0x800000u /* ticks: TMR_STS is set each time that bit 23 changes */

static uint64_t
timer_ticks (AcpiPm *pm)
{
  return (uint64_t)clock_muldiv (vm_clock_now (pm->device->vm->clock), PM_TIMER_HZ, NS_PER_SECOND);
}

static void
check_overflow (AcpiPm *pm)
{
  uint64_t now = timer_ticks (pm) / TMR_STS_PERIOD;

  if (now != pm->last_overflow)
    {
      pm->last_overflow = now;
      pm->pm_status |= STS_TMR;
    }
}

static void
set_sci (AcpiPm *pm)
{
  irq_set (&pm->sci, (pm->pm_control & CNT_SCI_EN) && ((pm->pm_status & pm->pm_enable & EN_ALL) || pm->gpe));
  if ((pm->pm_enable & STS_TMR) && !(pm->pm_status & STS_TMR))
    vm_timer_arm (
        &pm->overflow,
        clock_muldiv ((int64_t)((pm->last_overflow + 1) * TMR_STS_PERIOD), NS_PER_SECOND, PM_TIMER_HZ) + 1);
  else
    vm_timer_cancel (&pm->overflow);
}

static void
update_sci (AcpiPm *pm)
{
  check_overflow (pm);
  set_sci (pm);
}

static void
on_overflow (void *opaque)
{
  update_sci (opaque);
}

/* -- Sleep ---------------------------------------------------------------------------------------- */

static void
set_asleep (AcpiPm *pm, gboolean asleep)
{
  pm->asleep = pm->device->vm->asleep = asleep;
}

/* Chapter 4.8.3.1: WAK_STS is set by any wake event. */
static void
wake (AcpiPm *pm, const char *reason)
{
  if (!pm->asleep)
    return;
  set_asleep (pm, FALSE);
  pm->pm_status |= STS_WAK;
  if (pm->wake_func != NULL)
    pm->wake_func (pm->wake_opaque);
  vm_request (pm->device->vm, VM_REQUEST_WAKE, reason);
}

static void
on_wake (void *opaque, const char *reason)
{
  wake (opaque, reason);
}

static void
sleep_s3 (AcpiPm *pm)
{
  set_asleep (pm, TRUE);
  vm_request (pm->device->vm, VM_REQUEST_SLEEP, "the guest suspended itself to memory");
  /* What happened on the way to sleep wakes at once. */
  if ((pm->pm_status & pm->pm_enable & WAKES) || pm->gpe)
    wake (pm, "an event came on the way to sleep");
}

static void
on_rtc (void *opaque, unsigned n, gboolean level)
{
  AcpiPm *pm = opaque;
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
write_control (AcpiPm *pm, uint16_t value)
{
  Vm *vm = pm->device->vm;

  pm->pm_control = value & ACPI_PM_CONTROL_KEPT;
  update_sci (pm);
  if (!(value & CNT_SLP_EN))
    return;
  switch ((value & CNT_SLP_TYP) >> CNT_SLP_TYP_SHIFT)
    {
    case ACPI_PM_S5:
      vm_request (vm, VM_REQUEST_POWER_OFF, "the guest switched the machine off");
      break;
    case ACPI_PM_S3:
      sleep_s3 (pm);
      break;
    case ACPI_PM_S4:
      vm_request (vm, VM_REQUEST_POWER_OFF, "the guest hibernated");
      break;
    default:
      device_log (pm->device, "the guest asked for a sleep state that the machine doesn't offer");
      break;
    }
}

/* -- Registers ------------------------------------------------------------------------------------ */

static uint64_t
read16 (AcpiPm *pm, uint64_t addr)
{
  check_overflow (pm);
  switch (addr)
    {
    case ACPI_PM_STATUS:
      return pm->pm_status;
    case ACPI_PM_ENABLE:
      return pm->pm_enable;
    case ACPI_PM_CONTROL:
      return pm->pm_control;
    case ACPI_PM_TIMER:
      return timer_ticks (pm) & 0xffff;
    case ACPI_PM_TIMER + 2:
      return timer_ticks (pm) >> 16 & 0xff;
    default:
      return 0;
    }
}

/* The timer must be read at once; everything else is 16 bits. */
uint64_t
acpi_pm_read (AcpiPm *pm, uint64_t addr, unsigned size)
{
  uint64_t value;

  if (addr == ACPI_PM_TIMER && size == 4)
    return timer_ticks (pm) & PM_TIMER_MASK;
  value = read16 (pm, addr & ~1ull);
  if (size == 4)
    return value | read16 (pm, (addr & ~1ull) + 2) << 16;
  return value >> (8 * (addr & 1));
}

static void
write16 (AcpiPm *pm, uint64_t addr, uint16_t value, uint16_t lanes)
{
  switch (addr)
    {
    case ACPI_PM_STATUS:
      check_overflow (pm);
      pm->pm_status &= (uint16_t) ~(value & lanes & STS_ALL);
      update_sci (pm);
      break;
    case ACPI_PM_ENABLE:
      pm->pm_enable = (uint16_t)((pm->pm_enable & ~lanes) | (value & lanes)) & EN_ALL;
      update_sci (pm);
      break;
    case ACPI_PM_CONTROL:
      write_control (pm, (uint16_t)((pm->pm_control & ~lanes) | (value & lanes)));
      break;
    default:
      break;
    }
}

void
acpi_pm_write (AcpiPm *pm, uint64_t addr, uint64_t value, unsigned size)
{
  if (size == 1)
    {
      unsigned shift = 8 * (addr & 1);

      write16 (pm, addr & ~1ull, (uint16_t)(value << shift), (uint16_t)(0xff << shift));
      return;
    }
  write16 (pm, addr & ~1ull, (uint16_t)value, 0xffff);
  if (size == 4)
    write16 (pm, (addr & ~1ull) + 2, (uint16_t)(value >> 16), 0xffff);
}

void
acpi_pm_enable (AcpiPm *pm, gboolean on)
{
  pm->pm_control = (uint16_t)(on ? pm->pm_control | CNT_SCI_EN : pm->pm_control & ~CNT_SCI_EN);
  update_sci (pm);
}

void
acpi_pm_set_gpe (AcpiPm *pm, gboolean on)
{
  pm->gpe = on;
  update_sci (pm);
}

/* -- Life ----------------------------------------------------------------------------------------- */

void
acpi_pm_init (AcpiPm *pm, Device *device, IrqLine sci)
{
  pm->device = device;
  pm->sci = sci;
  device->vm->wake = on_wake;
  device->vm->wake_opaque = pm;
  vm_timer_init (&pm->overflow, device->vm->clock, on_overflow, pm);
}

void
acpi_pm_reset (AcpiPm *pm)
{
  pm->pm_status = pm->pm_enable = pm->pm_control = 0;
  pm->gpe = pm->rtc_line = FALSE;
  set_asleep (pm, FALSE);
  pm->last_overflow = timer_ticks (pm) / TMR_STS_PERIOD;
  update_sci (pm);
}

void
acpi_pm_loaded (AcpiPm *pm)
{
  set_asleep (pm, pm->asleep);
  pm->last_overflow = MIN (pm->last_overflow, timer_ticks (pm) / TMR_STS_PERIOD);
  set_sci (pm);
}

void
acpi_pm_exit (AcpiPm *pm)
{
  vm_timer_cancel (&pm->overflow);
  pm->device->vm->wake = NULL;
}

/* -- From outside --------------------------------------------------------------------------------- */

static gboolean
press (AcpiPm *pm, uint16_t button, const char *reason)
{
  if (!pm->asleep && (!(pm->pm_control & CNT_SCI_EN) || !(pm->pm_enable & button)))
    return FALSE;
  pm->pm_status |= button;
  update_sci (pm);
  wake (pm, reason);
  return TRUE;
}

gboolean
acpi_pm_power_button (AcpiPm *pm)
{
  return press (pm, STS_PWRBTN, "the power button was pressed");
}

gboolean
acpi_pm_sleep_button (AcpiPm *pm)
{
  return press (pm, STS_SLPBTN, "the sleep button was pressed");
}

IrqLine
acpi_pm_rtc_line (AcpiPm *pm)
{
  return IRQ_LINE (on_rtc, pm, 0);
}

void
acpi_pm_set_wake_func (AcpiPm *pm, void (*func) (void *opaque), void *opaque)
{
  pm->wake_func = func;
  pm->wake_opaque = opaque;
}

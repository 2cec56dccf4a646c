/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MC146818.  See rtc.h.  The time is the host's wall time plus an offset; the time registers are made from it when they are read,
 * and hold still while SET or a stopped divider freezes them.
 */
#define G_LOG_DOMAIN "rtc"

#include "chipset/rtc.h"
#include "chipset/backlog.h"
#include "chipset/common.h"

enum
{
  RTC_SECONDS = 0,
  RTC_SECONDS_ALARM = 1,
  RTC_MINUTES = 2,
  RTC_MINUTES_ALARM = 3,
  RTC_HOURS = 4,
  RTC_HOURS_ALARM = 5,
  RTC_DAY_OF_WEEK = 6,
  RTC_DAY = 7,
  RTC_MONTH = 8,
  RTC_YEAR = 9,
  RTC_A = 10,
  RTC_B = 11,
  RTC_C = 12,
  RTC_D = 13,
  RTC_SHUTDOWN = 15, /* the AT BIOS's: what to do after INIT */

  A_RATE = 0x0f,
  A_DIVIDER = 0x70,
  A_DIVIDER_RESET = 0x60,
  A_DIVIDER_32KHZ = 0x20,
  A_UIP = 1 << 7,
  B_24H = 1 << 1,
  B_BINARY = 1 << 2,
  B_SQWE = 1 << 3,
  B_UIE = 1 << 4,
  B_AIE = 1 << 5,
  B_PIE = 1 << 6,
  B_SET = 1 << 7,
  C_SOURCES = B_UIE | B_AIE | B_PIE, /* UF, AF and PF stand where their enables do */
  C_IRQF = 1 << 7,
  D_VRT = 1 << 7,
  HOUR_PM = 1 << 7,
  ALARM_ANY = 0xc0,
  INDEX_NMI_MASK = 1 << 7,
};

#define CMOS_SIZE     256
#define BANK_SIZE     128
#define HZ            32768
#define UIP_NS        2228000 /* 244 µs of warning and 1984 µs of update */
#define SECONDS_A_DAY 86400

typedef struct
{
  Device device;
  IrqLine irq, alarm;
  gboolean localtime;
  uint8_t cmos[CMOS_SIZE];
  uint8_t index, index_high;
  uint64_t offset;        /* int64, ns: time of this clock less the host's */
  uint8_t weekday_offset; /* the guest's day of the week less the calendar's, 0 to 6 */
  uint64_t last_second;   /* int64: seconds since 1970 up to which updates were done */
  Backlog periods;        /* that the guest, which reads register C for each, has not seen */
  uint64_t last_period;   /* periods up to which PF was computed */
  VmTimer second_timer, periodic_timer;
  Mapping *mapping;
} Rtc;

static const StateField rtc_state[] = {
  STATE_U8_ARRAY (Rtc, cmos),
  STATE_U8 (Rtc, index),
  STATE_U8 (Rtc, index_high),
  STATE_U64 (Rtc, offset),
  STATE_U8_MAX (Rtc, weekday_offset, 6),
  STATE_U64 (Rtc, last_second),
  STATE_U64 (Rtc, last_period),
  STATE_TIMER (Rtc, second_timer),
  STATE_TIMER (Rtc, periodic_timer),
  STATE_ADDED,
  STATE_STRUCT (Rtc, periods, backlog_state),
  STATE_END,
};

/* -- The calendar ------------------------------------------------------------------------------------ */

static int64_t
floor_div (int64_t a, int64_t b)
{
  return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar; months count from 1. */
static int64_t
days_from_date (int64_t year, int month, int day)
{
  int64_t y = month <= 2 ? year - 1 : year;
  int64_t era = floor_div (y, 400);
  int64_t year_of_era = y - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

  return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void
date_from_days (int64_t days, int64_t *year, int *month, int *day)
{
  int64_t z = days + 719468;
  int64_t era = floor_div (z, 146097);
  int64_t day_of_era = z - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int m = (int)((5 * day_of_year + 2) / 153);

  *day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
  *month = m < 10 ? m + 3 : m - 9;
  *year = year_of_era + era * 400 + (*month <= 2);
}

static uint8_t
encode (const Rtc *rtc, int value)
{
  return (uint8_t)(rtc->cmos[RTC_B] & B_BINARY ? value : value / 10 % 10 << 4 | value % 10);
}

static int
decode (const Rtc *rtc, uint8_t value)
{
  return rtc->cmos[RTC_B] & B_BINARY ? value : (value >> 4) * 10 + (value & 15);
}

static uint8_t
encode_hour (const Rtc *rtc, int hour)
{
  if (rtc->cmos[RTC_B] & B_24H)
    return encode (rtc, hour);
  return (uint8_t)(encode (rtc, hour % 12 == 0 ? 12 : hour % 12) | (hour >= 12 ? HOUR_PM : 0));
}

static int
decode_hour (const Rtc *rtc, uint8_t value)
{
  if (rtc->cmos[RTC_B] & B_24H)
    return decode (rtc, value);
  return decode (rtc, value & (uint8_t)~HOUR_PM) % 12 + (value & HOUR_PM ? 12 : 0);
}

/* -- Time -------------------------------------------------------------------------------------------- */

static gboolean
halted (const Rtc *rtc)
{
  return (rtc->cmos[RTC_B] & B_SET) || (rtc->cmos[RTC_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
}

static int64_t
time_ns (Rtc *rtc)
{
  return (int64_t)((uint64_t)vm_clock_wall (rtc->device.vm->clock) + rtc->offset);
}

static int64_t
now_seconds (Rtc *rtc)
{
  return floor_div (time_ns (rtc), NS_PER_SECOND);
}

/* Fills the time registers. */
static void
registers_from_time (Rtc *rtc, int64_t seconds)
{
  int64_t days = floor_div (seconds, SECONDS_A_DAY);
  int in_day = (int)(seconds - days * SECONDS_A_DAY);
  int64_t year;
  int month, day;

  date_from_days (days, &year, &month, &day);
  rtc->cmos[RTC_SECONDS] = encode (rtc, in_day % 60);
  rtc->cmos[RTC_MINUTES] = encode (rtc, in_day / 60 % 60);
  rtc->cmos[RTC_HOURS] = encode_hour (rtc, in_day / 3600);
  /* 1970-01-01 was a Thursday; Sunday is 1. */
  rtc->cmos[RTC_DAY_OF_WEEK] = encode (rtc, (int)(((days + 4 + rtc->weekday_offset) % 7 + 7) % 7) + 1);
  rtc->cmos[RTC_DAY] = encode (rtc, day);
  rtc->cmos[RTC_MONTH] = encode (rtc, month);
  rtc->cmos[RTC_YEAR] = encode (rtc, (int)((year % 100 + 100) % 100));
  rtc->cmos[RTC_CENTURY] = encode (rtc, (int)(year / 100 % 100));
}

/* Makes the time registers the time, `fraction` ns into their second. */
static void
time_from_registers (Rtc *rtc, int64_t fraction)
{
  int month = CLAMP (decode (rtc, rtc->cmos[RTC_MONTH]), 1, 12);
  int64_t year = decode (rtc, rtc->cmos[RTC_CENTURY]) * 100 + decode (rtc, rtc->cmos[RTC_YEAR]);
  int64_t days = days_from_date (year, month, decode (rtc, rtc->cmos[RTC_DAY]));
  int64_t seconds = days * SECONDS_A_DAY + decode_hour (rtc, rtc->cmos[RTC_HOURS]) * 3600
                    + decode (rtc, rtc->cmos[RTC_MINUTES]) * 60 + decode (rtc, rtc->cmos[RTC_SECONDS]);
  int64_t weekday = (days + 4) % 7;

  weekday = decode (rtc, rtc->cmos[RTC_DAY_OF_WEEK]) - 1 - (weekday + 7) % 7;
  rtc->weekday_offset = (uint8_t)((weekday % 7 + 7) % 7);
  /* Past the year 2261 nanoseconds overflow; the clock then stays at the edge. */
  seconds = CLAMP (seconds, -9000000000ll, 9000000000ll);
  rtc->offset
      = (uint64_t)(seconds * NS_PER_SECOND + fraction) - (uint64_t)vm_clock_wall (rtc->device.vm->clock);
  rtc->last_second = (uint64_t)seconds;
}

static int64_t
fraction_ns (Rtc *rtc)
{
  int64_t ns = time_ns (rtc);

  return ns - floor_div (ns, NS_PER_SECOND) * NS_PER_SECOND;
}

static gboolean
alarm_matches (const Rtc *rtc, int in_day)
{
  uint8_t second = rtc->cmos[RTC_SECONDS_ALARM], minute = rtc->cmos[RTC_MINUTES_ALARM],
          hour = rtc->cmos[RTC_HOURS_ALARM];

  return ((second & ALARM_ANY) == ALARM_ANY || second == encode (rtc, in_day % 60))
         && ((minute & ALARM_ANY) == ALARM_ANY || minute == encode (rtc, in_day / 60 % 60))
         && ((hour & ALARM_ANY) == ALARM_ANY || hour == encode_hour (rtc, in_day / 3600));
}

/* Nanoseconds of guest time are counted in periods of the 32 kHz divider chain. */
static unsigned
period_ticks (const Rtc *rtc)
{
  unsigned rate = rtc->cmos[RTC_A] & A_RATE;

  if (rate == 0 || (rtc->cmos[RTC_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET)
    return 0;
  /* Rates 1 and 2 are those of 8 and 9. */
  return 1u << (rate <= 2 ? rate + 6 : rate - 1);
}

static uint64_t
period_now (Rtc *rtc)
{
  unsigned period = period_ticks (rtc);

  return period == 0
             ? 0
             : (uint64_t)clock_muldiv (vm_clock_now (rtc->device.vm->clock), HZ, NS_PER_SECOND) / period;
}

static void
update_irq (Rtc *rtc)
{
  gboolean on = (rtc->cmos[RTC_C] & rtc->cmos[RTC_B] & C_SOURCES) != 0;

  if (on)
    rtc->cmos[RTC_C] |= C_IRQF;
  else
    rtc->cmos[RTC_C] &= (uint8_t)~C_IRQF;
  irq_set (&rtc->irq, on);
  irq_set (&rtc->alarm, (rtc->cmos[RTC_C] & rtc->cmos[RTC_B] & B_AIE) != 0);
}

/* Does the updates since the last time, and raises the flags that came with them. */
static void
catch_up (Rtc *rtc)
{
  uint64_t period = period_now (rtc);

  if (!halted (rtc))
    {
      int64_t now = now_seconds (rtc);
      int64_t last = (int64_t)rtc->last_second;

      if (now > last)
        {
          rtc->cmos[RTC_C] |= B_UIE;
          last = MAX (last, now - SECONDS_A_DAY);
          for (int64_t second = last + 1; second <= now && !(rtc->cmos[RTC_C] & B_AIE); second++)
            if (alarm_matches (rtc, (int)(second - floor_div (second, SECONDS_A_DAY) * SECONDS_A_DAY)))
              rtc->cmos[RTC_C] |= B_AIE;
        }
      rtc->last_second = (uint64_t)now;
    }
  if (period != rtc->last_period)
    {
      uint64_t edges = MIN (period - rtc->last_period, HZ / 4);

      for (uint64_t i = 0; i < edges && (rtc->cmos[RTC_B] & B_PIE); i++)
        backlog_edge (&rtc->periods, TRUE, (int64_t)period_ticks (rtc) * NS_PER_SECOND / HZ);
      rtc->cmos[RTC_C] |= B_PIE;
      rtc->last_period = period;
    }
  update_irq (rtc);
}

static void
schedule (Rtc *rtc)
{
  int64_t now = vm_clock_now (rtc->device.vm->clock);
  unsigned period = period_ticks (rtc);

  if (!halted (rtc) && (rtc->cmos[RTC_B] & (B_UIE | B_AIE)))
    vm_timer_arm (&rtc->second_timer, now + NS_PER_SECOND - fraction_ns (rtc));
  else
    vm_timer_cancel (&rtc->second_timer);

  if (period != 0 && (rtc->cmos[RTC_B] & B_PIE))
    vm_timer_arm (&rtc->periodic_timer,
                  clock_muldiv ((int64_t)((period_now (rtc) + 1) * period), NS_PER_SECOND, HZ) + 1);
  else
    vm_timer_cancel (&rtc->periodic_timer);
}

static void
on_timer (void *opaque)
{
  Rtc *rtc = opaque;

  catch_up (rtc);
  schedule (rtc);
}

/* -- Registers ---------------------------------------------------------------------------------------- */

static gboolean
is_time (unsigned reg)
{
  return reg == RTC_CENTURY
         || (reg <= RTC_YEAR && reg != RTC_SECONDS_ALARM && reg != RTC_MINUTES_ALARM
             && reg != RTC_HOURS_ALARM);
}

static uint8_t
read_register (Rtc *rtc, unsigned reg)
{
  uint8_t value;

  if (is_time (reg) && !halted (rtc))
    registers_from_time (rtc, now_seconds (rtc));
  switch (reg)
    {
    case RTC_A:
      value = rtc->cmos[RTC_A] & (uint8_t)~A_UIP;
      if (!halted (rtc) && fraction_ns (rtc) >= NS_PER_SECOND - UIP_NS)
        value |= A_UIP;
      return value;
    case RTC_C:
      catch_up (rtc);
      value = rtc->cmos[RTC_C];
      rtc->cmos[RTC_C] = 0;
      update_irq (rtc);
      if ((value & rtc->cmos[RTC_B] & B_PIE) && backlog_acknowledged (&rtc->periods))
        {
          rtc->cmos[RTC_C] |= B_PIE;
          update_irq (rtc);
        }
      return value;
    case RTC_D:
      return D_VRT;
    default:
      return rtc->cmos[reg];
    }
}

static void
write_a_or_b (Rtc *rtc, unsigned reg, uint8_t value)
{
  gboolean was_halted = halted (rtc);
  gboolean was_reset = (rtc->cmos[RTC_A] & A_DIVIDER_RESET) == A_DIVIDER_RESET;
  int64_t fraction = fraction_ns (rtc);

  catch_up (rtc);
  if (!was_halted)
    registers_from_time (rtc, now_seconds (rtc));
  if (reg == RTC_A)
    rtc->cmos[RTC_A] = value & (uint8_t)~A_UIP;
  else
    rtc->cmos[RTC_B] = value & B_SET ? value & (uint8_t)~B_UIE : value; /* SET clears UIE */

  /* The first update comes half a second after the divider was let go. */
  if (was_halted && !halted (rtc))
    time_from_registers (rtc, was_reset ? NS_PER_SECOND / 2 : fraction);
  rtc->last_period = period_now (rtc);
  backlog_restart (&rtc->periods);
  update_irq (rtc);
  schedule (rtc);
}

static void
write_register (Rtc *rtc, unsigned reg, uint8_t value)
{
  if (is_time (reg))
    {
      int64_t fraction = fraction_ns (rtc);

      if (!halted (rtc))
        {
          catch_up (rtc);
          registers_from_time (rtc, now_seconds (rtc));
        }
      rtc->cmos[reg] = value;
      if (!halted (rtc))
        {
          time_from_registers (rtc, fraction);
          schedule (rtc);
        }
      return;
    }
  switch (reg)
    {
    case RTC_A:
    case RTC_B:
      write_a_or_b (rtc, reg, value);
      break;
    case RTC_C:
    case RTC_D:
      break;
    default:
      if (reg <= RTC_YEAR)
        catch_up (rtc);
      rtc->cmos[reg] = value;
      break;
    }
}

static uint64_t
rtc_read (void *opaque, uint64_t addr, unsigned size)
{
  Rtc *rtc = opaque;

  switch (addr)
    {
    case 1:
      return read_register (rtc, rtc->index & (BANK_SIZE - 1));
    case 2:
      return rtc->index_high;
    case 3:
      return rtc->cmos[BANK_SIZE + (rtc->index_high & (BANK_SIZE - 1))];
    default: /* write only */
      return 0xff;
    }
}

static void
rtc_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Rtc *rtc = opaque;

  switch (addr)
    {
    case 0:
      rtc->index = (uint8_t)value;
      break;
    case 1:
      write_register (rtc, rtc->index & (BANK_SIZE - 1), (uint8_t)value);
      break;
    case 2:
      rtc->index_high = (uint8_t)value;
      break;
    default:
      rtc->cmos[BANK_SIZE + (rtc->index_high & (BANK_SIZE - 1))] = (uint8_t)value;
      break;
    }
}

static const IoOps rtc_ops = { .read = rtc_read, .write = rtc_write, .impl_min = 1, .impl_max = 1 };

static void
rtc_reset (Device *device)
{
  Rtc *rtc = (Rtc *)device;

  /* The chip is on the battery: RESET clears the enables and the flags, no more. */
  rtc->cmos[RTC_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
  rtc->cmos[RTC_C] = 0;
  rtc->periods = (Backlog){ 0 };
  /* What firmware does when it starts the machine: a byte left behind must not send a later INIT astray. */
  rtc->cmos[RTC_SHUTDOWN] = 0;
  rtc->index = rtc->index_high = 0;
  update_irq (rtc);
  schedule (rtc);
}

static gboolean
rtc_post_load (Device *device, GError **error)
{
  Rtc *rtc = (Rtc *)device;

  irq_set (&rtc->irq, (rtc->cmos[RTC_C] & rtc->cmos[RTC_B] & C_SOURCES) != 0);
  return TRUE;
}

static int64_t
local_offset (Vm *vm)
{
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_local (vm_clock_wall (vm->clock) / NS_PER_SECOND);

  return now == NULL ? 0 : g_date_time_get_utc_offset (now) * 1000;
}

/* Resets with these codes go on at the address in 0040:0067 (IBM PC AT Technical Reference, BIOS, "SHUT5" and "SHUTA"; 0x0b and
 * 0x0c are the PS/2's IRET and RETF).  The firmware clears the byte. */
static gboolean
firmware_resumes (void *opaque)
{
  switch (((Rtc *)opaque)->cmos[RTC_SHUTDOWN])
    {
    case 0x05:
    case 0x0a:
    case 0x0b:
    case 0x0c:
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
rtc_realize (Device *device, GError **error)
{
  Rtc *rtc = (Rtc *)device;
  Vm *vm = device->vm;

  vm_timer_init (&rtc->second_timer, vm->clock, on_timer, rtc);
  vm_timer_init (&rtc->periodic_timer, vm->clock, on_timer, rtc);
  rtc->cmos[RTC_A] = A_DIVIDER_32KHZ | 6; /* 1024 Hz, as a BIOS leaves it */
  rtc->cmos[RTC_B] = B_24H;
  rtc->offset = (uint64_t)(rtc->localtime ? local_offset (vm) : 0);
  rtc->last_second = (uint64_t)now_seconds (rtc);
  rtc->last_period = period_now (rtc);
  registers_from_time (rtc, now_seconds (rtc));
  rtc->mapping = chipset_map_io (vm->ports, "rtc", 0x70, 4, &rtc_ops, rtc);
  vm->firmware_resumes = firmware_resumes;
  vm->firmware_resumes_opaque = rtc;
  return TRUE;
}

static void
rtc_unrealize (Device *device)
{
  Rtc *rtc = (Rtc *)device;

  vm_timer_cancel (&rtc->second_timer);
  vm_timer_cancel (&rtc->periodic_timer);
  device->vm->firmware_resumes = NULL;
  g_clear_pointer (&rtc->mapping, mapping_remove);
}

static void
rtc_missed (Device *device, int64_t ns)
{
  Rtc *rtc = (Rtc *)device;

  if (period_ticks (rtc) != 0 && (rtc->cmos[RTC_B] & B_PIE))
    backlog_missed (&rtc->periods, ns);
}

static void
rtc_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  aml_begin_device (aml, "RTC");
  aml_name_eisa_id (aml, "_HID", "PNP0B00");
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_io (aml, 0x70, 4);
  aml_res_irq (aml, 8);
  aml_end (aml);
  aml_end (aml);
}

static const DeviceClass rtc_class = {
  .name = "rtc",
  .instance_size = sizeof (Rtc),
  .state = rtc_state,
  .version = 1,
  .realize = rtc_realize,
  .reset = rtc_reset,
  .missed = rtc_missed,
  .post_load = rtc_post_load,
  .unrealize = rtc_unrealize,
  .acpi = rtc_acpi,
};

Device *
rtc_new (Vm *vm, IrqLine irq8, gboolean localtime, GError **error)
{
  Rtc *rtc = device_new (vm, &rtc_class, "rtc");

  rtc->irq = irq8;
  rtc->localtime = localtime;
  return chipset_realize (rtc, error);
}

void
rtc_set_alarm_line (Device *device, IrqLine alarm)
{
  ((Rtc *)device)->alarm = alarm;
}

void
rtc_set_cmos (Device *device, unsigned reg, uint8_t value)
{
  Rtc *rtc = (Rtc *)device;

  g_return_if_fail (reg > RTC_D && reg < CMOS_SIZE && reg != RTC_CENTURY);
  rtc->cmos[reg] = value;
}

uint8_t
rtc_get_cmos (Device *device, unsigned reg)
{
  Rtc *rtc = (Rtc *)device;

  g_return_val_if_fail (reg < CMOS_SIZE, 0xff);
  return rtc->cmos[reg];
}

gboolean
rtc_nmi_masked (Device *device)
{
  return !!(((Rtc *)device)->index & INDEX_NMI_MASK);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * High precision event timer.  See hpet.h.
 */
#define G_LOG_DOMAIN "hpet"

#include "chipset/hpet.h"
#include "chipset/backlog.h"
#include "chipset/common.h"
#include "chipset/gsi.h"

#define N_TIMERS  3
#define PERIOD_NS 10
#define HPET_SIZE 0x400

enum
{
  HPET_CAP = 0x000,
  HPET_CONFIG = 0x010,
  HPET_STATUS = 0x020,
  HPET_COUNTER = 0x0f0,
  HPET_TIMER0 = 0x100,
  TIMER_STRIDE = 0x20,
  TIMER_CONFIG = 0x00,
  TIMER_COMPARATOR = 0x08,
  TIMER_FSB = 0x10,
};

#define CAP_VALUE \
  ((uint64_t)(PERIOD_NS * 1000000) << 32 | 0x8086u << 16 | 1u << 15 | 1u << 13 | (N_TIMERS - 1) << 8 | 0x01)
#define CONFIG_ENABLE 1u
#define CONFIG_LEGACY 2u

#define TN_LEVEL        (1u << 1)
#define TN_ENABLE       (1u << 2)
#define TN_PERIODIC     (1u << 3)
#define TN_PERIODIC_CAP (1u << 4)
#define TN_64BIT_CAP    (1u << 5)
#define TN_SET_VALUE    (1u << 6)
#define TN_32BIT        (1u << 8)
#define TN_ROUTE_SHIFT  9
#define TN_ROUTE        31u
#define TN_FSB_ENABLE   (1u << 14)
#define TN_FSB_CAP      (1u << 15)
#define TN_WRITABLE \
  (TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SET_VALUE | TN_32BIT | TN_ROUTE << TN_ROUTE_SHIFT | TN_FSB_ENABLE)
/* Pins of the I/O APIC that a timer may take: those that no ISA interrupt has. */
#define ROUTES 0x00ff0000ull

/* The host isn't woken more often than this for one timer. */
#define SHORTEST_NS 20000

enum
{
  LEGACY_PIT,
  LEGACY_RTC,
  N_LEGACY
};
static const unsigned legacy_gsi[N_LEGACY] = { 0, 8 };

typedef struct
{
  uint64_t config, comparator, period, fsb;
} HpetTimer;

typedef struct Hpet Hpet;

struct Hpet
{
  Device device;
  uint64_t config, status;
  uint64_t base;  /* counter at time `since`; while stopped, the counter */
  uint64_t since; /* ns of guest time */
  HpetTimer timer[N_TIMERS];
  VmTimer alarm[N_TIMERS];
  Device *gsi_device;
  Backlog backlog; /* of timer 0 in the 8254's place */
  struct
  {
    Hpet *hpet;
    unsigned n;
  } alarm_opaque[N_TIMERS];
  uint8_t legacy_input;  /* levels of the 8254 and the RTC */
  uint32_t level;        /* lines that timers hold high, a bit a GSI */
  gboolean alarms_known; /* TRUE but for a state that was saved without them */
  IrqLine gsi[GSI_COUNT];
  IrqLine legacy[N_LEGACY];
  Mapping *mapping;
};

static const StateField timer_state[] = {
  STATE_U64 (HpetTimer, config),
  STATE_U64 (HpetTimer, comparator),
  STATE_U64 (HpetTimer, period),
  STATE_U64 (HpetTimer, fsb),
  STATE_END,
};

static const StateField hpet_state[] = {
  STATE_U64_MAX (Hpet, config, CONFIG_ENABLE | CONFIG_LEGACY),
  STATE_U64_MAX (Hpet, status, (1 << N_TIMERS) - 1),
  STATE_U64 (Hpet, base),
  STATE_U64 (Hpet, since),
  STATE_STRUCTS (Hpet, timer, HpetTimer, timer_state),
  STATE_U8_MAX (Hpet, legacy_input, (1 << N_LEGACY) - 1),
  STATE_U32_MAX (Hpet, level, (1u << GSI_COUNT) - 1),
  STATE_ADDED,
  STATE_FIELD_ (Hpet, alarm, STATE_TYPE_TIMER, N_TIMERS, sizeof (VmTimer), 0, NULL),
  STATE_BOOL (Hpet, alarms_known),
  STATE_STRUCT (Hpet, backlog, backlog_state),
  STATE_END,
};

static uint64_t
counter_now (Hpet *hpet)
{
  if (!(hpet->config & CONFIG_ENABLE))
    return hpet->base;
  return hpet->base + ((uint64_t)vm_clock_now (hpet->device.vm->clock) - hpet->since) / PERIOD_NS;
}

static uint64_t
width_mask (const HpetTimer *timer)
{
  return timer->config & TN_32BIT ? G_MAXUINT32 : G_MAXUINT64;
}

/* The GSI of a timer, or -1 if it has none. */
static int
timer_gsi (const Hpet *hpet, unsigned n)
{
  unsigned route;

  if ((hpet->config & CONFIG_LEGACY) && n < N_LEGACY)
    return (int)legacy_gsi[n];
  route = hpet->timer[n].config >> TN_ROUTE_SHIFT & TN_ROUTE;
  return route < GSI_COUNT && (ROUTES >> route & 1) ? (int)route : -1;
}

static void
set_gsi (Hpet *hpet, unsigned n, gboolean level)
{
  hpet->level = level ? hpet->level | 1u << n : hpet->level & ~(1u << n);
  irq_set (&hpet->gsi[n], level);
}

/* Level-triggered timers hold their line while their status bit is set. */
static void
update_levels (Hpet *hpet)
{
  uint32_t level = 0;

  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      int gsi = timer_gsi (hpet, n);

      if (gsi >= 0 && (hpet->status & 1u << n) && (hpet->timer[n].config & TN_LEVEL)
          && (hpet->timer[n].config & TN_ENABLE) && !(hpet->timer[n].config & TN_FSB_ENABLE))
        level |= 1u << gsi;
    }
  for (unsigned gsi = 0; gsi < GSI_COUNT; gsi++)
    if ((level ^ hpet->level) & 1u << gsi)
      set_gsi (hpet, gsi, level >> gsi & 1);
}

static void
update_legacy (Hpet *hpet)
{
  for (unsigned n = 0; n < N_LEGACY; n++)
    irq_set (&hpet->legacy[n], !(hpet->config & CONFIG_LEGACY) && (hpet->legacy_input & 1 << n));
}

static void
fire (Hpet *hpet, unsigned n)
{
  HpetTimer *timer = &hpet->timer[n];
  int gsi = timer_gsi (hpet, n);

  if (timer->config & TN_LEVEL)
    hpet->status |= 1u << n;
  if (!(timer->config & TN_ENABLE))
    return;
  if (timer->config & TN_FSB_ENABLE)
    {
      uint64_t address = timer->fsb >> 32;

      if (address >> 20 == 0xfee)
        vm_send_msi (hpet->device.vm, address, (uint32_t)timer->fsb);
    }
  else if (timer->config & TN_LEVEL)
    {
      update_levels (hpet);
    }
  else if (gsi >= 0)
    {
      set_gsi (hpet, (unsigned)gsi, TRUE);
      set_gsi (hpet, (unsigned)gsi, FALSE);
    }
}

static gboolean
is_tick (const Hpet *hpet, unsigned n)
{
  return n == LEGACY_PIT && (hpet->config & CONFIG_LEGACY) && (hpet->timer[n].config & TN_PERIODIC)
         && (hpet->timer[n].config & TN_ENABLE) && !(hpet->timer[n].config & (TN_LEVEL | TN_FSB_ENABLE));
}

static void
on_acknowledged (void *opaque)
{
  Hpet *hpet = opaque;

  if (is_tick (hpet, LEGACY_PIT) && backlog_acknowledged (&hpet->backlog))
    fire (hpet, LEGACY_PIT);
}

/* Neither an interrupt nor a bit of the status comes of it, as of what Linux leaves running when it ticks by another clock: the host isn't woken for that, and
 * where a period is by then is reckoned when somebody asks. */
static gboolean
is_silent (const HpetTimer *timer)
{
  return !(timer->config & (TN_ENABLE | TN_LEVEL));
}

static void
catch_up (Hpet *hpet, HpetTimer *timer)
{
  const uint64_t mask = width_mask (timer);
  const uint64_t behind = (counter_now (hpet) - timer->comparator) & mask;

  if (is_silent (timer) && (hpet->config & CONFIG_ENABLE) && (timer->config & TN_PERIODIC)
      && timer->period != 0 && behind < mask / 2)
    timer->comparator = (timer->comparator + (behind / timer->period + 1) * timer->period) & mask;
}

static void
schedule (Hpet *hpet, unsigned n)
{
  HpetTimer *timer = &hpet->timer[n];
  int64_t now = vm_clock_now (hpet->device.vm->clock);
  uint64_t ticks = (timer->comparator - counter_now (hpet)) & width_mask (timer);
  uint64_t phase = ((uint64_t)now - hpet->since) % PERIOD_NS;

  /* Years away, or behind in 64 bits: never. */
  if (!(hpet->config & CONFIG_ENABLE) || is_silent (timer) || ticks > G_MAXINT64 / PERIOD_NS / 4)
    {
      vm_timer_cancel (&hpet->alarm[n]);
      return;
    }
  if (ticks == 0)
    ticks = width_mask (timer) == G_MAXUINT32 ? (uint64_t)G_MAXUINT32 + 1 : 0;
  vm_timer_arm (&hpet->alarm[n], now + (int64_t)(ticks * PERIOD_NS - (ticks != 0 ? phase : 0)));
}

static void
on_alarm (void *opaque)
{
  const struct
  {
    Hpet *hpet;
    unsigned n;
  } *alarm = opaque;
  Hpet *hpet = alarm->hpet;
  HpetTimer *timer = &hpet->timer[alarm->n];
  uint64_t mask = width_mask (timer);

  /* Of a machine that was saved by an older version. */
  if (is_silent (timer))
    return;
  if (is_tick (hpet, alarm->n))
    backlog_edge (&hpet->backlog, gsi_open (hpet->gsi_device, 0),
                  (int64_t)MIN (timer->period, NS_PER_SECOND) * PERIOD_NS);
  fire (hpet, alarm->n);
  if ((timer->config & TN_PERIODIC) && timer->period != 0)
    {
      uint64_t now = counter_now (hpet) + SHORTEST_NS / PERIOD_NS;
      uint64_t behind;

      timer->comparator = (timer->comparator + timer->period) & mask;
      /* Periods that are over, or too short for the host, are left out. */
      behind = (now - timer->comparator) & mask;
      if (behind < mask / 2
          && (behind > NS_PER_SECOND / PERIOD_NS / 4 || timer->period < SHORTEST_NS / PERIOD_NS))
        timer->comparator = (timer->comparator + (behind / timer->period + 1) * timer->period) & mask;
      behind = (counter_now (hpet) - timer->comparator) & mask;
      if (behind < mask / 2)
        vm_timer_arm (&hpet->alarm[alarm->n], vm_clock_now (hpet->device.vm->clock));
      else
        schedule (hpet, alarm->n);
    }
  else if (mask == G_MAXUINT32)
    {
      schedule (hpet, alarm->n); /* a 32-bit comparator matches again when the counter has wrapped */
    }
}

static uint64_t
read_register (Hpet *hpet, uint64_t reg)
{
  HpetTimer *timer;

  switch (reg)
    {
    case HPET_CAP:
      return CAP_VALUE;
    case HPET_CONFIG:
      return hpet->config;
    case HPET_STATUS:
      return hpet->status;
    case HPET_COUNTER:
      return counter_now (hpet);
    default:
      break;
    }
  if (reg < HPET_TIMER0 || reg >= HPET_TIMER0 + N_TIMERS * TIMER_STRIDE)
    return 0;
  timer = &hpet->timer[(reg - HPET_TIMER0) / TIMER_STRIDE];
  switch ((reg - HPET_TIMER0) % TIMER_STRIDE)
    {
    case TIMER_CONFIG:
      return timer->config | TN_PERIODIC_CAP | TN_64BIT_CAP | TN_FSB_CAP | ROUTES << 32;
    case TIMER_COMPARATOR:
      catch_up (hpet, timer);
      return timer->comparator;
    case TIMER_FSB:
      return timer->fsb;
    default:
      return 0;
    }
}

static void
write_timer (Hpet *hpet, unsigned n, unsigned reg, uint64_t value, uint64_t lanes)
{
  HpetTimer *timer = &hpet->timer[n];

  if (n == LEGACY_PIT)
    backlog_restart (&hpet->backlog);
  catch_up (hpet, timer);
  switch (reg)
    {
    case TIMER_CONFIG:
      timer->config = value & TN_WRITABLE;
      if (timer->config & TN_32BIT)
        {
          timer->comparator &= G_MAXUINT32;
          timer->period &= G_MAXUINT32;
        }
      update_levels (hpet);
      break;
    case TIMER_COMPARATOR:
      if (!(timer->config & TN_PERIODIC) || (timer->config & TN_SET_VALUE))
        timer->comparator = ((timer->comparator & ~lanes) | (value & lanes)) & width_mask (timer);
      if (timer->config & TN_PERIODIC)
        timer->period = ((timer->period & ~lanes) | (value & lanes)) & width_mask (timer);
      timer->config &= ~(uint64_t)TN_SET_VALUE;
      break;
    case TIMER_FSB:
      timer->fsb = value;
      return;
    default:
      return;
    }
  schedule (hpet, n);
}

static void
write_config (Hpet *hpet, uint64_t value)
{
  uint64_t now = counter_now (hpet);

  backlog_restart (&hpet->backlog);
  for (unsigned n = 0; n < N_TIMERS; n++)
    catch_up (hpet, &hpet->timer[n]);
  hpet->base = now;
  hpet->since = (uint64_t)vm_clock_now (hpet->device.vm->clock);
  hpet->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
  for (unsigned n = 0; n < N_TIMERS; n++)
    schedule (hpet, n);
  update_levels (hpet);
  update_legacy (hpet);
}

static uint64_t
hpet_read (void *opaque, uint64_t addr, unsigned size)
{
  return read_register (opaque, addr & ~7ull) >> (8 * (addr & 7));
}

static void
hpet_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Hpet *hpet = opaque;
  uint64_t reg = addr & ~7ull;
  unsigned shift = 8 * (addr & 7);
  uint64_t lanes = (size == 8 ? G_MAXUINT64 : (1ull << (8 * size)) - 1) << shift;
  uint64_t bits = value << shift & lanes;
  uint64_t merged = (read_register (hpet, reg) & ~lanes) | bits;

  switch (reg)
    {
    case HPET_CONFIG:
      write_config (hpet, merged);
      break;
    case HPET_STATUS:
      hpet->status &= ~bits;
      update_levels (hpet);
      break;
    case HPET_COUNTER:
      for (unsigned n = 0; n < N_TIMERS; n++)
        catch_up (hpet, &hpet->timer[n]);
      hpet->base = merged;
      hpet->since = (uint64_t)vm_clock_now (hpet->device.vm->clock);
      for (unsigned n = 0; n < N_TIMERS; n++)
        schedule (hpet, n);
      break;
    default:
      if (reg >= HPET_TIMER0 && reg < HPET_TIMER0 + N_TIMERS * TIMER_STRIDE)
        write_timer (hpet, (unsigned)(reg - HPET_TIMER0) / TIMER_STRIDE, (reg - HPET_TIMER0) % TIMER_STRIDE,
                     (reg - HPET_TIMER0) % TIMER_STRIDE == TIMER_COMPARATOR ? bits : merged, lanes);
      break;
    }
}

/* Aligned accesses of 4 and 8 bytes are the only ones that the specification allows. */
static uint64_t
hpet_read_aligned (void *opaque, uint64_t addr, unsigned size)
{
  return addr % size == 0 ? hpet_read (opaque, addr, size) : G_MAXUINT64;
}

static void
hpet_write_aligned (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  if (addr % size == 0)
    hpet_write (opaque, addr, value, size);
}

static const IoOps hpet_ops
    = { .read = hpet_read_aligned, .write = hpet_write_aligned, .impl_min = 1, .impl_max = 8 };

static void
hpet_legacy (void *opaque, unsigned n, gboolean level)
{
  Hpet *hpet = opaque;

  hpet->legacy_input = (uint8_t)(level ? hpet->legacy_input | 1 << n : hpet->legacy_input & ~(1 << n));
  if (!(hpet->config & CONFIG_LEGACY))
    irq_set (&hpet->legacy[n], level);
}

static void
hpet_reset (Device *device)
{
  Hpet *hpet = (Hpet *)device;

  hpet->config = hpet->status = 0;
  hpet->base = hpet->since = 0;
  hpet->backlog = (Backlog){ 0 };
  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      vm_timer_cancel (&hpet->alarm[n]);
      hpet->timer[n] = (HpetTimer){ .comparator = G_MAXUINT64 };
    }
  update_levels (hpet);
  update_legacy (hpet);
}

static gboolean
hpet_post_load (Device *device, GError **error)
{
  Hpet *hpet = (Hpet *)device;

  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      HpetTimer *timer = &hpet->timer[n];

      timer->config &= TN_WRITABLE;
      if (hpet->alarms_known)
        continue;
      schedule (hpet, n);
      /* A period that ended just before the save is still to be told. */
      if ((hpet->config & CONFIG_ENABLE) && !is_silent (timer) && (timer->config & TN_PERIODIC)
          && ((counter_now (hpet) - timer->comparator) & width_mask (timer)) < width_mask (timer) / 2)
        vm_timer_arm (&hpet->alarm[n], vm_clock_now (device->vm->clock));
    }
  hpet->alarms_known = TRUE;
  for (unsigned gsi = 0; gsi < GSI_COUNT; gsi++)
    irq_set (&hpet->gsi[gsi], hpet->level >> gsi & 1);
  update_levels (hpet);
  return TRUE;
}

static gboolean
hpet_realize (Device *device, GError **error)
{
  Hpet *hpet = (Hpet *)device;

  hpet->alarms_known = TRUE;
  for (unsigned n = 0; n < N_TIMERS; n++)
    {
      hpet->alarm_opaque[n].hpet = hpet;
      hpet->alarm_opaque[n].n = n;
      vm_timer_init (&hpet->alarm[n], device->vm->clock, on_alarm, &hpet->alarm_opaque[n]);
      hpet->timer[n].comparator = G_MAXUINT64;
    }
  hpet->mapping = chipset_map_io (device->vm->memory, "hpet", HPET_ADDRESS, HPET_SIZE, &hpet_ops, hpet);
  return TRUE;
}

static void
hpet_unrealize (Device *device)
{
  Hpet *hpet = (Hpet *)device;

  for (unsigned n = 0; n < N_TIMERS; n++)
    vm_timer_cancel (&hpet->alarm[n]);
  g_clear_pointer (&hpet->mapping, mapping_remove);
}

static void
hpet_missed (Device *device, int64_t ns)
{
  Hpet *hpet = (Hpet *)device;

  if ((hpet->config & CONFIG_ENABLE) && is_tick (hpet, LEGACY_PIT) && gsi_open (hpet->gsi_device, 0))
    backlog_missed (&hpet->backlog, ns);
}

static void
hpet_acpi (Device *device, AcpiPieces *pieces)
{
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_SB), *table;

  aml_begin_device (aml, "HPET");
  aml_name_eisa_id (aml, "_HID", "PNP0103");
  aml_name_number (aml, "_UID", 0);
  aml_name (aml, "_CRS");
  aml_begin_resources (aml);
  aml_res_memory (aml, FALSE, HPET_ADDRESS, HPET_SIZE);
  aml_end (aml);
  aml_end (aml);

  /* The HPET specification's own table, section 3.2.4. */
  table = acpi_table_begin (pieces, "HPET", 1);
  aml_put (table, 0x8086a201, 4); /* vendor, legacy replacement, 64 bit, 3 timers, revision 1 */
  aml_put (table, 0, 4);          /* memory space */
  aml_put (table, HPET_ADDRESS, 8);
  aml_put (table, 0, 4); /* its number, the least period without lost ticks, page protection */
  acpi_table_end (pieces);
}

static const DeviceClass hpet_class = {
  .name = "hpet",
  .instance_size = sizeof (Hpet),
  .state = hpet_state,
  .version = 1,
  .realize = hpet_realize,
  .reset = hpet_reset,
  .missed = hpet_missed,
  .post_load = hpet_post_load,
  .unrealize = hpet_unrealize,
  .acpi = hpet_acpi,
};

Device *
hpet_new (Vm *vm, Device *gsi, GError **error)
{
  Hpet *hpet = device_new (vm, &hpet_class, "hpet");

  for (unsigned n = 0; n < GSI_COUNT; n++)
    if ((ROUTES >> n & 1) || n == legacy_gsi[LEGACY_PIT] || n == legacy_gsi[LEGACY_RTC])
      hpet->gsi[n] = gsi_line (gsi, n);
  for (unsigned n = 0; n < N_LEGACY; n++)
    hpet->legacy[n] = gsi_line (gsi, legacy_gsi[n]);
  hpet->gsi_device = gsi;
  gsi_watch (gsi, legacy_gsi[LEGACY_PIT], on_acknowledged, hpet);
  return chipset_realize (hpet, error);
}

IrqLine
hpet_legacy_line (Device *device, unsigned n)
{
  g_return_val_if_fail (n < N_LEGACY, (IrqLine){ 0 });
  return IRQ_LINE (hpet_legacy, device, n);
}

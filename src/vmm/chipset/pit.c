/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 8254.  See pit.h.  Time is counted in ticks of PIT_HZ since power-on, which the machine's clock gives exactly; a counter is the
 * tick at which it was loaded and the number it was loaded with, and all else is derived from these.
 */
#define G_LOG_DOMAIN "pit"

#include "chipset/pit.h"
#include "chipset/acpi-parts.h"
#include "chipset/backlog.h"
#include "chipset/common.h"
#include "chipset/gsi.h"

#define N_COUNTERS 3
#define SPEAKER    2

enum
{
  PORT_COUNTER0 = 0,
  PORT_CONTROL = 3,

  CONTROL_BCD = 1 << 0,
  CONTROL_MODE_SHIFT = 1,
  CONTROL_RW_SHIFT = 4,
  CONTROL_SC_SHIFT = 6,
  RW_LATCH = 0,
  RW_LSB = 1,
  RW_MSB = 2,
  RW_LSB_MSB = 3,
  SC_READ_BACK = 3,
  READ_BACK_NO_COUNT = 1 << 5,
  READ_BACK_NO_STATUS = 1 << 4,
  STATUS_NULL = 1 << 6,
  STATUS_OUT = 1 << 7,

  PORT61_GATE = 1 << 0,
  PORT61_SPEAKER = 1 << 1,
  PORT61_WRITABLE = 0x0f,
  PORT61_REFRESH = 1 << 4,
  PORT61_OUT2 = 1 << 5,
};
#define REFRESH_NS 15085

/* Rising edges that come faster than this are not delivered one by one: no guest could answer them, and the host would be busy
 * with nothing else. */
#define SHORTEST_NS 20000
/* A timer that is late by less than this catches up edge by edge, so that tick counters stay right. */
#define CATCH_UP_NS (250 * 1000 * 1000)

enum
{
  MODE_TERMINAL_COUNT = 0,
  MODE_ONE_SHOT = 1,
  MODE_RATE = 2,
  MODE_SQUARE = 3,
  MODE_SOFT_STROBE = 4,
  MODE_HARD_STROBE = 5,
};

#define NEVER G_MAXINT64

typedef struct
{
  uint32_t initial; /* 1 to 65536 (10000 in BCD): what the counter was loaded with */
  uint32_t next;    /* written while counting, loaded at the end of the cycle; 0: nothing */
  uint64_t start;   /* int64: tick of the CLK pulse that loaded it */
  uint64_t held;    /* int64: ticks counted when the gate stopped it */
  uint8_t mode, rw;
  gboolean bcd, gate;
  gboolean
      loaded; /* a count has been written (and the gate has triggered it, where the mode waits for that) */
  gboolean armed;   /* a count has been written */
  gboolean stopped; /* by the gate, or by half a count */
  gboolean write_msb, read_msb, latched_msb;
  uint8_t write_low;
  gboolean count_latched, status_latched;
  uint16_t latch;
  uint8_t status;
} Counter;

typedef struct
{
  Device device;
  IrqLine irq0;
  Counter counter[N_COUNTERS];
  uint8_t port61;
  Device *gsi; /* NULL: nobody tells of acknowledgements */
  Backlog backlog;
  uint64_t due; /* int64: tick of the edge that the timer waits for */
  VmTimer timer;
  PitSpeakerFunc speaker;
  void *speaker_opaque;
  gboolean speaker_on;
  unsigned speaker_hz;
  Mapping *mapping[2];
} Pit;

static const StateField counter_state[] = {
  STATE_U32_MAX (Counter, initial, 0x10000),
  STATE_U32_MAX (Counter, next, 0x10000),
  STATE_U64 (Counter, start),
  STATE_U64 (Counter, held),
  STATE_U8_MAX (Counter, mode, MODE_HARD_STROBE),
  STATE_U8_MAX (Counter, rw, RW_LSB_MSB),
  STATE_BOOL (Counter, bcd),
  STATE_BOOL (Counter, gate),
  STATE_BOOL (Counter, loaded),
  STATE_BOOL (Counter, armed),
  STATE_BOOL (Counter, stopped),
  STATE_BOOL (Counter, write_msb),
  STATE_BOOL (Counter, read_msb),
  STATE_BOOL (Counter, latched_msb),
  STATE_U8 (Counter, write_low),
  STATE_BOOL (Counter, count_latched),
  STATE_BOOL (Counter, status_latched),
  STATE_U16 (Counter, latch),
  STATE_U8 (Counter, status),
  STATE_END,
};

static const StateField pit_state[] = {
  STATE_STRUCTS (Pit, counter, Counter, counter_state),
  STATE_U8_MAX (Pit, port61, PORT61_WRITABLE),
  STATE_U64 (Pit, due),
  STATE_TIMER (Pit, timer),
  STATE_ADDED,
  STATE_STRUCT (Pit, backlog, backlog_state),
  STATE_END,
};

static int64_t
ticks_now (Pit *pit)
{
  return clock_muldiv (vm_clock_now (pit->device.vm->clock), PIT_HZ, NS_PER_SECOND);
}

/* The first nanosecond of a tick. */
static int64_t
tick_ns (int64_t tick)
{
  return (int64_t)(((unsigned __int128)(uint64_t)tick * NS_PER_SECOND + PIT_HZ - 1) / PIT_HZ);
}

static int64_t
modulus (const Counter *c)
{
  return c->bcd ? 10000 : 0x10000;
}

static gboolean
periodic (const Counter *c)
{
  return c->mode == MODE_RATE || c->mode == MODE_SQUARE;
}

static int64_t
high_ticks (uint32_t count)
{
  return (count + 1) / 2;
}

/* Ticks counted so far; negative before the loading pulse. */
static int64_t
elapsed (const Counter *c, int64_t now)
{
  return c->stopped ? (int64_t)c->held : now - (int64_t)c->start;
}

/* Loads a count that waited for the end of the cycle (of the half cycle, for the square wave). */
static void
load_next (Counter *c, int64_t now)
{
  int64_t d, phase, boundary, half;

  if (c->next == 0 || !periodic (c) || c->stopped || !c->loaded)
    return;
  /* The boundary is counted from `held`, which remembers when the count was written. */
  d = (int64_t)c->held - (int64_t)c->start;
  if (d < 0)
    d = 0;
  phase = d % c->initial;
  half = high_ticks (c->initial);
  if (c->mode == MODE_SQUARE && phase < half && half < c->initial)
    boundary = d - phase + half;
  else
    boundary = d - phase + c->initial;
  if (now - (int64_t)c->start < boundary)
    return;
  if (c->mode == MODE_SQUARE && phase < half && half < c->initial)
    c->start = c->start + (uint64_t)boundary - (uint64_t)high_ticks (c->next);
  else
    c->start += (uint64_t)boundary;
  c->initial = c->next;
  c->next = 0;
}

static gboolean
counter_out (const Counter *c, int64_t now)
{
  int64_t d = elapsed (c, now);

  switch (c->mode)
    {
    case MODE_TERMINAL_COUNT:
      return c->loaded && d >= c->initial;
    case MODE_ONE_SHOT:
      return !c->loaded || d < 0 || d >= c->initial;
    case MODE_RATE:
      return !c->loaded || c->stopped || d < 0 || c->initial == 1 || d % c->initial != c->initial - 1;
    case MODE_SQUARE:
      return !c->loaded || c->stopped || d < 0 || d % c->initial < high_ticks (c->initial);
    default:
      return !c->loaded || d != c->initial;
    }
}

/* The counting element as it would be read. */
static uint16_t
counter_count (const Counter *c, int64_t now)
{
  int64_t d = elapsed (c, now);
  int64_t n, phase;

  if (!c->loaded || d < 0)
    d = 0;
  phase = d % c->initial;
  switch (c->mode)
    {
    case MODE_RATE:
      n = c->initial - phase;
      break;
    case MODE_SQUARE: /* counts by twos; an odd count starts one lower */
      if (phase >= high_ticks (c->initial))
        phase -= high_ticks (c->initial);
      n = (c->initial & ~1u) - 2 * phase;
      break;
    default:
      n = c->initial - d % modulus (c);
      break;
    }
  n = (n % modulus (c) + modulus (c)) % modulus (c);
  if (!c->bcd)
    return (uint16_t)n;
  return (uint16_t)(n % 10 | n / 10 % 10 << 4 | n / 100 % 10 << 8 | n / 1000 << 12);
}

/* The first tick after `tick` at which the output rises. */
static int64_t
next_rise (const Counter *c, int64_t tick)
{
  int64_t start = (int64_t)c->start;
  int64_t d = tick - start;

  if (!c->loaded || c->stopped)
    return NEVER;
  switch (c->mode)
    {
    case MODE_TERMINAL_COUNT:
    case MODE_ONE_SHOT:
      return d < c->initial ? start + c->initial : NEVER;
    case MODE_RATE:
    case MODE_SQUARE:
      return start + (d < 0 ? c->initial : (d / c->initial + 1) * c->initial);
    default:
      return d < (int64_t)c->initial + 1 ? start + c->initial + 1 : NEVER;
    }
}

static void
schedule (Pit *pit, int64_t after)
{
  int64_t now_ns = vm_clock_now (pit->device.vm->clock);
  int64_t due = next_rise (&pit->counter[0], after);
  int64_t at;

  if (due == NEVER)
    {
      vm_timer_cancel (&pit->timer);
      return;
    }
  at = tick_ns (due);
  if (at < now_ns - CATCH_UP_NS
      || (at < now_ns + SHORTEST_NS && periodic (&pit->counter[0])
          && pit->counter[0].initial < SHORTEST_NS / (NS_PER_SECOND / PIT_HZ)))
    {
      due = next_rise (&pit->counter[0], clock_muldiv (now_ns + SHORTEST_NS, PIT_HZ, NS_PER_SECOND));
      if (due == NEVER)
        {
          /* A single edge that is long past. */
          irq_set (&pit->irq0, TRUE);
          vm_timer_cancel (&pit->timer);
          return;
        }
      at = tick_ns (due);
    }
  pit->due = (uint64_t)due;
  vm_timer_arm (&pit->timer, at);
}

static void
send_edge (Pit *pit)
{
  irq_set (&pit->irq0, FALSE);
  irq_set (&pit->irq0, TRUE);
}

static void
on_acknowledged (void *opaque)
{
  Pit *pit = opaque;

  if (backlog_acknowledged (&pit->backlog))
    send_edge (pit);
}

static void
on_timer (void *opaque)
{
  Pit *pit = opaque;
  Counter *c = &pit->counter[0];

  load_next (c, (int64_t)pit->due);
  if (periodic (c) && pit->gsi != NULL)
    backlog_edge (&pit->backlog, gsi_open (pit->gsi, 0), tick_ns (c->initial));
  if (c->mode == MODE_TERMINAL_COUNT)
    irq_set (&pit->irq0, TRUE);
  else
    send_edge (pit);
  schedule (pit, (int64_t)pit->due);
}

static void
update_speaker (Pit *pit)
{
  const Counter *c = &pit->counter[SPEAKER];
  gboolean on = (pit->port61 & PORT61_SPEAKER) && c->gate && c->loaded && periodic (c);
  unsigned hz = on ? PIT_HZ / MAX (c->initial, 1) : 0;

  if (on == pit->speaker_on && hz == pit->speaker_hz)
    return;
  pit->speaker_on = on;
  pit->speaker_hz = hz;
  if (pit->speaker != NULL)
    pit->speaker (pit->speaker_opaque, on, hz);
}

/* Counter 0's line and timer, the speaker: after any change. */
static void
changed (Pit *pit, unsigned n, int64_t now)
{
  if (n == 0)
    {
      backlog_restart (&pit->backlog);
      irq_set (&pit->irq0, counter_out (&pit->counter[0], now));
      schedule (pit, now);
    }
  else if (n == SPEAKER)
    {
      update_speaker (pit);
    }
}

static void
load (Counter *c, uint32_t count, int64_t now)
{
  if (c->bcd)
    count = (count & 15) + (count >> 4 & 15) * 10 + (count >> 8 & 15) * 100 + (count >> 12 & 15) * 1000;
  if (count == 0 || count > modulus (c))
    count = (uint32_t)modulus (c);

  switch (c->mode)
    {
    case MODE_RATE:
    case MODE_SQUARE:
      if (c->loaded && !c->stopped)
        {
          load_next (c, now);
          c->next = count;
          c->held = (uint64_t)now;
          return;
        }
      c->loaded = TRUE;
      c->start = (uint64_t)now + 1;
      break;
    case MODE_TERMINAL_COUNT:
    case MODE_SOFT_STROBE:
      c->loaded = TRUE;
      c->start = (uint64_t)now + 1;
      c->held = G_MAXUINT64; /* -1: the loading pulse comes with the gate off, too */
      c->stopped = !c->gate;
      break;
    default:
      /* Triggered by the gate: a cycle that runs goes on with the old count. */
      if (c->loaded && elapsed (c, now) < c->initial)
        {
          c->next = count;
          c->armed = TRUE;
          return;
        }
      c->loaded = FALSE;
      break;
    }
  c->initial = count;
  c->next = 0;
  c->armed = TRUE;
}

static void
set_gate (Counter *c, gboolean gate, int64_t now)
{
  gboolean rises = gate && !c->gate;
  gboolean falls = !gate && c->gate;

  if (!rises && !falls)
    return;
  load_next (c, now);
  switch (c->mode)
    {
    case MODE_TERMINAL_COUNT:
    case MODE_SOFT_STROBE:
      if (falls && !c->stopped)
        {
          c->held = (uint64_t)(now - (int64_t)c->start);
          c->stopped = TRUE;
        }
      else if (rises && c->stopped && !c->write_msb)
        {
          c->start = (uint64_t)(now - (int64_t)c->held);
          c->stopped = FALSE;
        }
      break;
    case MODE_RATE:
    case MODE_SQUARE:
      if (falls)
        {
          c->held = 0;
          c->stopped = TRUE;
        }
      else
        {
          c->start = (uint64_t)now + 1;
          c->stopped = FALSE;
          if (c->next != 0)
            c->initial = c->next;
          c->next = 0;
        }
      break;
    default:
      if (rises && c->armed)
        {
          if (c->next != 0)
            c->initial = c->next;
          c->next = 0;
          c->start = (uint64_t)now + 1;
          c->stopped = FALSE;
          c->loaded = TRUE;
        }
      break;
    }
  c->gate = gate;
}

static gboolean
null_count (const Counter *c, int64_t now)
{
  return !c->loaded || c->next != 0 || (!c->stopped && now < (int64_t)c->start);
}

static void
latch_count (Counter *c, int64_t now)
{
  if (c->count_latched)
    return;
  c->latch = counter_count (c, now);
  c->count_latched = TRUE;
  c->latched_msb = FALSE;
}

static void
latch_status (Counter *c, int64_t now)
{
  if (c->status_latched)
    return;
  c->status
      = (uint8_t)((counter_out (c, now) ? STATUS_OUT : 0) | (null_count (c, now) ? STATUS_NULL : 0)
                  | c->rw << CONTROL_RW_SHIFT | c->mode << CONTROL_MODE_SHIFT | (c->bcd ? CONTROL_BCD : 0));
  c->status_latched = TRUE;
}

static void
write_control (Pit *pit, uint8_t value, int64_t now)
{
  unsigned select = value >> CONTROL_SC_SHIFT;
  unsigned rw = value >> CONTROL_RW_SHIFT & 3;
  Counter *c;

  if (select == SC_READ_BACK)
    {
      for (unsigned n = 0; n < N_COUNTERS; n++)
        {
          if (!(value & 2 << n))
            continue;
          load_next (&pit->counter[n], now);
          if (!(value & READ_BACK_NO_COUNT))
            latch_count (&pit->counter[n], now);
          if (!(value & READ_BACK_NO_STATUS))
            latch_status (&pit->counter[n], now);
        }
      return;
    }

  c = &pit->counter[select];
  load_next (c, now);
  if (rw == RW_LATCH)
    {
      latch_count (c, now);
      return;
    }
  c->mode = value >> CONTROL_MODE_SHIFT & 7;
  if (c->mode > MODE_HARD_STROBE) /* 6 and 7 are 2 and 3 */
    c->mode &= 3;
  c->rw = (uint8_t)rw;
  c->bcd = !!(value & CONTROL_BCD);
  c->initial = (uint32_t)MIN (c->initial, modulus (c));
  c->loaded = c->armed = c->stopped = FALSE;
  c->next = 0;
  c->write_msb = c->read_msb = FALSE;
  c->count_latched = c->status_latched = FALSE;
  /* In the modes that the gate holds, a counter starts held. */
  if (periodic (c) && !c->gate)
    c->stopped = TRUE;
  changed (pit, select, now);
}

static void
write_counter (Pit *pit, unsigned n, uint8_t value, int64_t now)
{
  Counter *c = &pit->counter[n];

  switch (c->rw)
    {
    case RW_LSB:
      load (c, value, now);
      break;
    case RW_MSB:
      load (c, (uint32_t)value << 8, now);
      break;
    default:
      if (!c->write_msb)
        {
          c->write_low = value;
          c->write_msb = TRUE;
          if (c->mode == MODE_TERMINAL_COUNT && c->loaded)
            {
              /* The first byte stops the count and lowers the output. */
              c->loaded = FALSE;
              changed (pit, n, now);
            }
          return;
        }
      c->write_msb = FALSE;
      load (c, (uint32_t)value << 8 | c->write_low, now);
      break;
    }
  if (periodic (c) && !c->gate)
    c->stopped = TRUE;
  changed (pit, n, now);
}

static uint8_t
read_counter (Pit *pit, unsigned n, int64_t now)
{
  Counter *c = &pit->counter[n];
  uint16_t count;

  load_next (c, now);
  if (c->status_latched)
    {
      c->status_latched = FALSE;
      return c->status;
    }
  if (c->count_latched)
    {
      if (c->rw == RW_LSB_MSB && !c->latched_msb)
        {
          c->latched_msb = TRUE;
          return (uint8_t)c->latch;
        }
      c->count_latched = FALSE;
      return (uint8_t)(c->rw == RW_LSB ? c->latch : c->latch >> 8);
    }
  count = counter_count (c, now);
  if (c->rw == RW_LSB_MSB)
    {
      c->read_msb = !c->read_msb;
      return (uint8_t)(c->read_msb ? count : count >> 8);
    }
  return (uint8_t)(c->rw == RW_MSB ? count >> 8 : count);
}

static uint64_t
pit_read (void *opaque, uint64_t addr, unsigned size)
{
  Pit *pit = opaque;

  return addr == PORT_CONTROL ? 0xff : read_counter (pit, (unsigned)addr, ticks_now (pit));
}

static void
pit_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Pit *pit = opaque;

  if (addr == PORT_CONTROL)
    write_control (pit, (uint8_t)value, ticks_now (pit));
  else
    write_counter (pit, (unsigned)addr, (uint8_t)value, ticks_now (pit));
}

static uint64_t
port61_read (void *opaque, uint64_t addr, unsigned size)
{
  Pit *pit = opaque;
  Counter *c = &pit->counter[SPEAKER];
  int64_t now = ticks_now (pit);
  uint8_t value = pit->port61;

  load_next (c, now);
  if (vm_clock_now (pit->device.vm->clock) / REFRESH_NS & 1)
    value |= PORT61_REFRESH;
  if (counter_out (c, now))
    value |= PORT61_OUT2;
  return value;
}

static void
port61_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Pit *pit = opaque;

  pit->port61 = value & PORT61_WRITABLE;
  set_gate (&pit->counter[SPEAKER], !!(value & PORT61_GATE), ticks_now (pit));
  update_speaker (pit);
}

static const IoOps pit_ops = { .read = pit_read, .write = pit_write, .impl_min = 1, .impl_max = 1 };
static const IoOps port61_ops = { .read = port61_read, .write = port61_write, .impl_min = 1, .impl_max = 1 };

static void
pit_reset (Device *device)
{
  Pit *pit = (Pit *)device;

  vm_timer_cancel (&pit->timer);
  for (unsigned n = 0; n < N_COUNTERS; n++)
    pit->counter[n]
        = (Counter){ .initial = 0x10000, .rw = RW_LSB_MSB, .mode = MODE_SQUARE, .gate = n != SPEAKER };
  pit->port61 = 0;
  pit->backlog = (Backlog){ 0 };
  pit->due = 0;
  irq_set (&pit->irq0, FALSE);
  update_speaker (pit);
}

static gboolean
pit_post_load (Device *device, GError **error)
{
  Pit *pit = (Pit *)device;

  int64_t far = (int64_t)1 << 50; /* ticks: some thirty years */

  for (unsigned n = 0; n < N_COUNTERS; n++)
    {
      Counter *c = &pit->counter[n];

      if (c->initial == 0 || c->initial > modulus (c) || c->next > modulus (c) || c->rw == RW_LATCH
          || (int64_t)c->start > far || (int64_t)c->start < -far || (int64_t)c->held > far
          || (int64_t)c->held < -far)
        {
          g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "pit: counter %u can't be in the saved state",
                       n);
          return FALSE;
        }
    }
  if ((int64_t)pit->due > far || (int64_t)pit->due < 0)
    {
      g_set_error_literal (error, STATE_ERROR, STATE_ERROR_RANGE,
                           "pit: the next edge can't be where the saved state has it");
      return FALSE;
    }
  update_speaker (pit);
  return TRUE;
}

static gboolean
pit_realize (Device *device, GError **error)
{
  Pit *pit = (Pit *)device;

  vm_timer_init (&pit->timer, device->vm->clock, on_timer, pit);
  pit->mapping[0] = chipset_map_io (device->vm->ports, "pit", 0x40, 4, &pit_ops, pit);
  pit->mapping[1] = chipset_map_io (device->vm->ports, "port61", 0x61, 1, &port61_ops, pit);
  pit_reset (device);
  return TRUE;
}

static void
pit_unrealize (Device *device)
{
  Pit *pit = (Pit *)device;

  vm_timer_cancel (&pit->timer);
  for (unsigned i = 0; i < G_N_ELEMENTS (pit->mapping); i++)
    g_clear_pointer (&pit->mapping[i], mapping_remove);
}

static void
pit_missed (Device *device, int64_t ns)
{
  Pit *pit = (Pit *)device;
  const Counter *c = &pit->counter[0];

  if (pit->gsi != NULL && c->loaded && !c->stopped && periodic (c) && gsi_open (pit->gsi, 0))
    backlog_missed (&pit->backlog, ns);
}

static const DeviceClass pit_class = {
  .name = "pit",
  .instance_size = sizeof (Pit),
  .state = pit_state,
  .version = 1,
  .realize = pit_realize,
  .reset = pit_reset,
  .missed = pit_missed,
  .post_load = pit_post_load,
  .unrealize = pit_unrealize,
  .acpi = acpi_timer_and_speaker,
};

Device *
pit_new (Vm *vm, IrqLine irq0, GError **error)
{
  Pit *pit = device_new (vm, &pit_class, "pit");

  pit->irq0 = irq0;
  return chipset_realize (pit, error);
}

void
pit_set_speaker_func (Device *device, PitSpeakerFunc speaker, void *opaque)
{
  Pit *pit = (Pit *)device;

  pit->speaker = speaker;
  pit->speaker_opaque = opaque;
}

void
pit_count_acknowledged (Device *device, Device *gsi)
{
  ((Pit *)device)->gsi = gsi;
  gsi_watch (gsi, 0, on_acknowledged, device);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The hot-plug guest: four processors hammer the monitor's PCI device for tests (src/vmm/chipset/pci-test.h) with registers, doorbells,
 * transfers and MSI-X, while the first has it plugged and unplugged and drives its slot.  At the end it does all of it once in peace, and
 * counts.  Lines on COM1; the last one is "done", then the machine ends with status 1 (port 0xf4).
 */
#include "machine.h"

#define COM1      0x3f8
#define EXIT      0xf4
#define PLUG_PORT 0xe00
#define AP_BASE   0x8000
#define N_CPUS    4
#define N_VECTORS 8
#define ROUNDS    60

#define PORT_DEVFN 0xf0u /* 00:1e.0 */
#define BUS        1u
#define REGISTERS  0xd0000000u
#define BELLS      0xd0010000u
#define TABLE      0xd0020000u
#define SOURCE     0x400000u
#define TARGET     0x800000u
#define CALM_BYTES 0x10000u

/* Of the device. */
enum
{
  IDENTITY = 0x00,
  STATUS = 0x08,
  CONTROL = 0x0c,
  R_SOURCE = 0x10,
  R_TARGET = 0x18,
  LENGTH = 0x20,
  COMMAND = 0x24,
  DONE = 0x28,
  FAILED = 0x2c,
  RAISE = 0x30,
  RAISE_NOW = 0x34,
  MISSES = 0x3c,
  RINGS = 0x40,
  TIMER = 0x54,
};
#define ID 0x31564956u

/* Of the slot. */
enum
{
  SLOT_CONTROL = 0x18,
  SLOT_STATUS = 0x1a,
  POWER_OFF = 1 << 10,
  INDICATOR_ON = 1 << 8,
  INDICATOR_OFF = 3 << 8,
  BUTTON = 1 << 0,
  PRESENCE_CHANGED = 1 << 3,
  PRESENT = 1 << 6,
};
enum
{
  ORDER_PLUG = 1,
  ORDER_ASK,
  ORDER_FORCE,
};

void boot_main (void);
void ap_main (u32 cpu);
void on_vector (u32 n);
void on_fault (void);

static volatile u32 handled[N_VECTORS], running, hammering, resting;
static u32 slot_cap;

/* -- Machine ---------------------------------------------------------------------------------------- */

static void
put (const char *text)
{
  for (; *text != 0; text++)
    {
      while (!(inb (COM1 + 5) & 0x20))
        relax ();
      outb (COM1, (u8)*text);
    }
}

static void
put_number (const char *name, u32 value)
{
  char digits[12];
  u32 n = sizeof digits - 1;

  digits[n] = 0;
  do
    digits[--n] = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  put (name);
  put (" ");
  put (digits + n);
  put ("\n");
}

static void
fail (const char *why)
{
  put ("not ok: ");
  put (why);
  put ("\n");
  outb (EXIT, 1);
  for (;;)
    __asm__ volatile("hlt");
}

void
on_fault (void)
{
  fail ("a fault");
}

void
on_vector (u32 n)
{
  __atomic_fetch_add (&handled[n], 1, __ATOMIC_SEQ_CST);
  mmio_write (APIC + 0xb0, 0);
}

/* -- Processors ------------------------------------------------------------------------------------- */

static void
start_cpu (void)
{
  struct
  {
    u16 limit;
    u32 base;
  } __attribute__ ((packed)) pointer = { sizeof idt - 1, (u32)idt };

  __asm__ volatile("lidt %0" : : "m"(pointer));
  mmio_write (APIC + 0x80, 0);
  mmio_write (APIC + 0xf0, 0x1ff);
  __atomic_fetch_add (&running, 1, __ATOMIC_SEQ_CST);
  __asm__ volatile("sti");
}

static u32
next (u32 *seed)
{
  return *seed = *seed * 1664525u + 1013904223u;
}

static void
hit (u32 *seed)
{
  u32 value = next (seed) >> 8;

  switch (value >> 4 & 7)
    {
    case 0 ... 2:
      mmio_write (BELLS + (value & 0xc), value);
      break;
    case 3:
      mmio_write (REGISTERS + R_SOURCE, SOURCE + (value & 0xff000));
      mmio_write (REGISTERS + R_TARGET, TARGET + (value & 0xff000));
      mmio_write (REGISTERS + LENGTH, value & 0x7fff);
      mmio_write (REGISTERS + COMMAND, 3 | (value & 0x700));
      break;
    case 4:
      mmio_write (REGISTERS + RAISE, value & 7);
      mmio_write (REGISTERS + RAISE_NOW, value >> 8 & 7);
      break;
    case 5:
      mmio_write (TABLE + 16 * (value & 7) + 12, 1);
      mmio_write (TABLE + 16 * (value & 7) + 12, 0);
      break;
    case 6:
      mmio_write (REGISTERS + TIMER, value & 0xfff);
      get (BUS, 0, value & 0xfc, 4);
      break;
    default:
      mmio_read (REGISTERS + (value & 0x5c));
      break;
    }
}

void
ap_main (u32 cpu)
{
  u32 seed = cpu;

  start_cpu ();
  for (;;)
    {
      if (!hammering)
        {
          __atomic_fetch_add (&resting, 1, __ATOMIC_SEQ_CST);
          while (!hammering)
            relax ();
          __atomic_fetch_sub (&resting, 1, __ATOMIC_SEQ_CST);
        }
      hit (&seed);
    }
}

static void
start_others (void)
{
  for (u32 i = 0; i < ap_size; i++)
    ((volatile u8 *)AP_BASE)[i] = ap_start[i];
  mmio_write (APIC + 0x300, 0x000c4500); /* INIT, all but this one */
  for (u32 i = 0; i < 20000; i++)
    inb (0x80);
  mmio_write (APIC + 0x300, 0x000c4600 | AP_BASE >> 12);
  for (u32 i = 0; i < 1000 && running < N_CPUS; i++)
    inb (0x80);
  if (running < N_CPUS)
    mmio_write (APIC + 0x300, 0x000c4600 | AP_BASE >> 12);
  while (running < N_CPUS)
    relax ();
}

/* -- The slot --------------------------------------------------------------------------------------- */

static u32
total (void)
{
  u32 sum = 0;

  for (u32 i = 0; i < N_VECTORS; i++)
    sum += handled[i];
  return sum;
}

static void
set_up_device (void)
{
  u32 msix = find_cap (BUS, 0, 0x11);

  if (msix == 0)
    fail ("no MSI-X");
  set (BUS, 0, 0x10, 4, REGISTERS);
  set (BUS, 0, 0x18, 4, BELLS);
  set (BUS, 0, 0x1c, 4, 0);
  set (BUS, 0, 0x20, 4, TABLE);
  set (BUS, 0, 0x04, 2, 6);
  for (u32 v = 0; v < N_VECTORS; v++)
    {
      mmio_write (TABLE + 16 * v, APIC | v % N_CPUS << 12);
      mmio_write (TABLE + 16 * v + 4, 0);
      mmio_write (TABLE + 16 * v + 8, 0x40 + v);
      mmio_write (TABLE + 16 * v + 12, 0);
    }
  set (BUS, 0, msix + 2, 2, 0x8000);
  mmio_write (REGISTERS + CONTROL, 1);
}

/* TRUE: a device was brought up. */
static int
serve_slot (void)
{
  u32 status = get (0, PORT_DEVFN, slot_cap + SLOT_STATUS, 2);

  if (!(status & ~(u32)PRESENT))
    return 0;
  set (0, PORT_DEVFN, slot_cap + SLOT_STATUS, 2, status);
  /* Pressed for a card that is on: it is to go. */
  if ((status & BUTTON) && (status & PRESENT)
      && !(get (0, PORT_DEVFN, slot_cap + SLOT_CONTROL, 2) & POWER_OFF))
    {
      set (0, PORT_DEVFN, slot_cap + SLOT_CONTROL, 2, POWER_OFF | INDICATOR_ON);
      set (0, PORT_DEVFN, slot_cap + SLOT_CONTROL, 2, POWER_OFF | INDICATOR_OFF);
      return 0;
    }
  if (!(status & PRESENT))
    {
      set (0, PORT_DEVFN, slot_cap + SLOT_CONTROL, 2, POWER_OFF | INDICATOR_OFF);
      return 0;
    }
  if (!(status & PRESENCE_CHANGED))
    return 0;
  set (0, PORT_DEVFN, slot_cap + SLOT_CONTROL, 2, INDICATOR_ON);
  set_up_device ();
  return 1;
}

static void
order (u32 what)
{
  u32 before = inl (PLUG_PORT) >> 8;
  int up = 0;

  outl (PLUG_PORT, what);
  while (inl (PLUG_PORT) >> 8 == before || (inl (PLUG_PORT) & 2) || (what == ORDER_PLUG && !up))
    {
      up |= serve_slot ();
      relax ();
    }
  serve_slot ();
  if ((inl (PLUG_PORT) & 1) != (what == ORDER_PLUG))
    fail ("the order was not carried out");
}

static void
calm (void)
{
  u32 before[N_VECTORS];

  hammering = 0;
  while (resting < N_CPUS - 1)
    relax ();
  order (ORDER_PLUG);
  if (mmio_read (REGISTERS + IDENTITY) != ID)
    fail ("its identity");
  for (u32 i = 0; i < N_VECTORS; i++)
    before[i] = handled[i];
  for (u32 i = 0; i < CALM_BYTES; i += 4)
    {
      mmio_write (SOURCE + i, i * 2654435761u);
      mmio_write (TARGET + i, 0);
    }
  mmio_write (REGISTERS + R_SOURCE, SOURCE);
  mmio_write (REGISTERS + R_TARGET, TARGET);
  mmio_write (REGISTERS + LENGTH, CALM_BYTES);
  mmio_write (REGISTERS + COMMAND, 3 | 5 << 8);
  while (handled[5] == before[5])
    relax ();
  /* The interrupt comes behind the data. */
  for (u32 i = 0; i < CALM_BYTES; i += 4)
    if (mmio_read (TARGET + i) != i * 2654435761u)
      fail ("the data of a transfer");
  if (mmio_read (REGISTERS + DONE) != 1 || mmio_read (REGISTERS + FAILED) != 0)
    fail ("the count of transfers");
  for (u32 i = 0; i < 100; i++)
    mmio_write (BELLS + 8, i);
  mmio_write (BELLS + 0x100, 0x600d);
  mmio_write (BELLS + 0x100, 0xbad);
  while (mmio_read (REGISTERS + RINGS + 8) != 100 || mmio_read (REGISTERS + RINGS + 16) != 1
         || handled[2] == before[2] || handled[4] == before[4])
    relax ();
  if (mmio_read (REGISTERS + MISSES) != 1)
    fail ("a doorbell that is none");
  for (u32 v = 0; v < N_VECTORS; v++)
    {
      u32 now = handled[v];

      mmio_write (TABLE + 16 * v + 12, 1);
      mmio_write (REGISTERS + RAISE_NOW, v);
      if (mmio_read (TABLE + 0x800) != 1u << v || handled[v] != now)
        fail ("a mask");
      mmio_write (TABLE + 16 * v + 12, 0);
      while (handled[v] == now)
        relax ();
    }
  order (ORDER_FORCE);
  if (mmio_read (REGISTERS + IDENTITY) != 0xffffffff)
    fail ("it is still there");
}

void
boot_main (void)
{
  u32 seed = 77;

  outb (COM1 + 3, 3);
  put ("pci start\n");
  for (u32 i = 0; i < 32; i++)
    set_gate (i, (u32)fault);
  for (u32 i = 0; i < N_VECTORS; i++)
    set_gate (0x40 + i, vectors[i]);
  set_gate (0xff, (u32)spurious);
  outb (0x21, 0xff);
  outb (0xa1, 0xff);
  start_cpu ();
  start_others ();
  put_number ("processors", running);

  slot_cap = find_cap (0, PORT_DEVFN, 0x10);
  if (slot_cap == 0)
    fail ("no slot");
  set (0, PORT_DEVFN, 0x18, 4, BUS << 8 | BUS << 16);
  set (0, PORT_DEVFN, 0x20, 4, 0xd000d000);
  set (0, PORT_DEVFN, 0x04, 2, 6);
  set (0, PORT_DEVFN, slot_cap + SLOT_STATUS, 2, 0xffff);

  hammering = 1;
  for (u32 round = 0; round < ROUNDS; round++)
    {
      u32 before;

      order (ORDER_PLUG);
      before = total ();
      while (total () - before < 30)
        hit (&seed);
      order (round & 1 ? ORDER_ASK : ORDER_FORCE);
    }
  put_number ("rounds", ROUNDS);
  calm ();
  put ("done\n");
  outb (EXIT, 0);
  for (;;)
    __asm__ volatile("hlt");
}

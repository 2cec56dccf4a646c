/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How many interrupts a second a function of PCI gets through to a handler: one for each command that has nothing to do with the medium, the next one when the
 * handler has run.  By the pin and the 8259 pair, and by MSI, an AHCI controller (CHECK POWER MODE; Serial ATA AHCI 1.3.1, 3.3 and 4.2); by MSI-X an NVMe
 * controller (Get Features; NVM Express 1.4, 3.1 and 5.9).  The debug console says, for both monitors, when each begins and ends.  Multiboot; the way into C
 * is the hot-plug guest's.
 */
#include "../pci/machine.h"

#define DEBUGCON   0x402
#define N          20000
#define CLASS_AHCI 0x010601u
#define CLASS_NVME 0x010802u
#define CAP_MSI    0x05
#define CAP_MSIX   0x11
#define PIC_BASE   0x20
#define FIRST      0x40
#define VECTOR_PIN 0
#define VECTOR_MSI 1
#define VECTOR_X   2

/* AHCI: of the controller, of its first port; where this guest has its lists. */
enum
{
  GHC = 0x04,
  GHC_ON = 1u << 31 | 1 << 1, /* AHCI, interrupts */
  IS = 0x08,
  PORT = 0x100,
  P_CLB = PORT + 0x00,
  P_FB = PORT + 0x08,
  P_IS = PORT + 0x10,
  P_IE = PORT + 0x14,
  P_CMD = PORT + 0x18,
  P_CMD_START = 1 << 0,
  P_CMD_FIS = 1 << 4,
  P_CMD_RUNNING = 3 << 14,
  P_SERR = PORT + 0x30,
  P_CI = PORT + 0x38,
  LIST = 0x400000,
  FIS = 0x401000,
  TABLE = 0x402000,
};
/* NVMe. */
enum
{
  CC = 0x14,
  CC_ON = 1 | 6 << 16 | 4 << 20,
  CSTS = 0x1c,
  AQA = 0x24,
  ASQ = 0x28,
  ACQ = 0x30,
  SQ_BELL = 0x1000,
  CQ_BELL = 0x1004,
  ENTRIES = 64,
  SQ = 0x410000,
  CQ = 0x411000,
};

void boot_main (void);
void ap_main (u32 cpu);
void on_vector (u32 n);
void on_fault (void);

static volatile u32 handled;
static u32 ahci, nvme, slave, tail, head;

static void
say (const char *name, const char *what)
{
  const char *parts[] = { "\nbench ", name, " ", what, "\n" };

  for (u32 i = 0; i < sizeof parts / sizeof *parts; i++)
    for (const char *p = parts[i]; *p != 0; p++)
      outb (DEBUGCON, (u8)*p);
}

__attribute__ ((noreturn)) static void
stop (const char *why)
{
  say (why, "failed");
  for (;;)
    __asm__ volatile("cli; hlt");
}

void
on_fault (void)
{
  stop ("fault");
}

void
ap_main (u32 cpu)
{
  (void)cpu; /* there is one */
}

void
on_vector (u32 n)
{
  handled++;
  if (n == VECTOR_X)
    {
      head = (head + 1) % ENTRIES;
      mmio_write (nvme + CQ_BELL, head);
    }
  else
    {
      mmio_write (ahci + P_IS, 0xffffffff);
      mmio_write (ahci + IS, 1);
    }
  if (n != VECTOR_PIN)
    {
      mmio_write (APIC + 0xb0, 0);
      return;
    }
  if (slave)
    outb (0xa0, 0x20);
  outb (0x20, 0x20);
}

static void
command (u32 vector)
{
  if (vector != VECTOR_X)
    {
      mmio_write (ahci + P_CI, 1);
      return;
    }
  tail = (tail + 1) % ENTRIES;
  mmio_write (nvme + SQ_BELL, tail);
}

static void
count (const char *name, u32 vector)
{
  say (name, "begin");
  for (u32 i = 0; i < N; i++)
    {
      const u32 before = handled;

      command (vector);
      while (handled == before)
        relax ();
    }
  say (name, "end");
}

static void
set_up_pics (u32 line)
{
  static const u8 words[][4] = { { 0x11, PIC_BASE, 4, 1 }, { 0x11, PIC_BASE + 8, 2, 1 } };

  for (u32 i = 0; i < 2; i++)
    {
      const u16 port = i == 0 ? 0x20 : 0xa0;

      outb (port, words[i][0]);
      for (u32 k = 1; k < 4; k++)
        outb ((u16)(port + 1), words[i][k]);
    }
  slave = line >= 8;
  outb (0x21, (u8) ~(1u << (slave ? 2 : line)));
  outb (0xa1, (u8) ~(slave ? 1u << (line - 8) : 0));
}

static u32
find_class (u32 class)
{
  for (u32 devfn = 0; devfn < 256; devfn++)
    if (get (0, devfn, 0, 4) != 0xffffffff && get (0, devfn, 8, 4) >> 8 == class)
      {
        set (0, devfn, 4, 2, 6);
        return devfn;
      }
  stop ("controller");
}

/* Where firmware has put it. */
static u32
address (u32 devfn, u32 bar)
{
  const u32 low = get (0, devfn, 0x10 + 4 * bar, 4);

  if ((low & ~15u) == 0 || ((low & 4) != 0 && get (0, devfn, 0x14 + 4 * bar, 4) != 0))
    stop ("address");
  return low & ~15u;
}

static u32
capability (u32 devfn, u32 id)
{
  const u32 at = find_cap (0, devfn, id);

  if (at == 0)
    stop ("capability");
  return at;
}

static void
set_up_ahci (void)
{
  mmio_write (ahci + GHC, 1u << 31);
  mmio_write (ahci + P_CMD, mmio_read (ahci + P_CMD) & ~(u32)P_CMD_START);
  while (mmio_read (ahci + P_CMD) & 1 << 15)
    relax ();
  mmio_write (ahci + P_CMD, mmio_read (ahci + P_CMD) & ~(u32)P_CMD_FIS);
  while (mmio_read (ahci + P_CMD) & P_CMD_RUNNING)
    relax ();
  for (u32 i = 0; i < 0x3000; i += 4)
    mmio_write (LIST + i, 0);
  mmio_write (LIST, 5); /* words of the command, no table of memory */
  mmio_write (LIST + 8, TABLE);
  mmio_write (TABLE, 0x00e58027);
  mmio_write (TABLE + 4, 0xa0000000);
  mmio_write (ahci + P_CLB, LIST);
  mmio_write (ahci + P_CLB + 4, 0);
  mmio_write (ahci + P_FB, FIS);
  mmio_write (ahci + P_FB + 4, 0);
  mmio_write (ahci + P_CMD, mmio_read (ahci + P_CMD) | P_CMD_FIS);
  mmio_write (ahci + P_SERR, 0xffffffff);
  mmio_write (ahci + P_IS, 0xffffffff);
  mmio_write (ahci + IS, 0xffffffff);
  mmio_write (ahci + P_IE, 1);
  mmio_write (ahci + GHC, GHC_ON);
  mmio_write (ahci + P_CMD, mmio_read (ahci + P_CMD) | P_CMD_START);
}

static void
set_up_nvme (void)
{
  mmio_write (nvme + CC, 0);
  while (mmio_read (nvme + CSTS) & 1)
    relax ();
  for (u32 i = 0; i < 0x2000; i += 4)
    mmio_write (SQ + i, 0);
  for (u32 i = 0; i < ENTRIES; i++)
    {
      mmio_write (SQ + 64 * i, 0x0a | i << 16);
      mmio_write (SQ + 64 * i + 40, 6);
    }
  mmio_write (nvme + AQA, (ENTRIES - 1) | (ENTRIES - 1) << 16);
  mmio_write (nvme + ASQ, SQ);
  mmio_write (nvme + ASQ + 4, 0);
  mmio_write (nvme + ACQ, CQ);
  mmio_write (nvme + ACQ + 4, 0);
  mmio_write (nvme + CC, CC_ON);
  while (!(mmio_read (nvme + CSTS) & 1))
    relax ();
}

void
boot_main (void)
{
  struct
  {
    u16 limit;
    u32 base;
  } __attribute__ ((packed)) pointer = { sizeof idt - 1, (u32)idt };
  const u32 one = find_class (CLASS_AHCI), other = find_class (CLASS_NVME);
  const u32 line = get (0, one, 0x3c, 4) & 0xff, msi = capability (one, CAP_MSI),
            msix = capability (other, CAP_MSIX);
  u32 table;

  ahci = address (one, 5);
  nvme = address (other, 0);
  table = get (0, other, msix + 4, 4);
  table = address (other, table & 7) + (table & ~7u);
  if (line > 15)
    stop ("line");
  for (u32 i = 0; i < 32; i++)
    set_gate (i, (u32)fault);
  set_gate (PIC_BASE + line, vectors[VECTOR_PIN]);
  set_gate (FIRST + VECTOR_MSI, vectors[VECTOR_MSI]);
  set_gate (FIRST + VECTOR_X, vectors[VECTOR_X]);
  set_gate (0xff, (u32)spurious);
  __asm__ volatile("lidt %0" : : "m"(pointer));
  mmio_write (APIC + 0x80, 0);
  mmio_write (APIC + 0x350, 0x700); /* the 8259 pair at LINT0 */
  mmio_write (APIC + 0xf0, 0x1ff);
  set_up_pics (line);
  set_up_ahci ();
  __asm__ volatile("sti");
  count ("intx", VECTOR_PIN);

  set (0, one, msi + 4, 4, APIC);
  set (0, one, msi + 8, 4, 0);
  set (0, one, msi + 12, 2, FIRST + VECTOR_MSI); /* behind an address of 64 bits */
  set (0, one, msi + 2, 2, get (0, one, msi + 2, 2) | 1);
  count ("msi", VECTOR_MSI);

  mmio_write (table, APIC);
  mmio_write (table + 4, 0);
  mmio_write (table + 8, FIRST + VECTOR_X);
  mmio_write (table + 12, 0);
  set (0, other, msix + 2, 2, 0x8000);
  set_up_nvme ();
  count ("msix", VECTOR_X);
  say ("all", "done");
  for (;;)
    __asm__ volatile("cli; hlt");
}

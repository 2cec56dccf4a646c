/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The BIOS test: the services of a PC's firmware as DOS and its programs use them, and the registers behind them.  Each check
 * is a line on COM1, "ok NAME" or "not ok NAME: what was seen"; "done" is the last one.  Where a person or a test must act or
 * look, it says so ("press", "move", "look MODE") and waits for a key.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct regs
{
  u32 eax, ebx, ecx, edx, esi, edi, ebp;
  u16 ds, es;
  u32 flags;
};

#define CARRY      1
#define ZERO       0x40
#define BUFFER_SEG 0x3000
#define COM1       0x3f8

void bios (unsigned n, struct regs *r);
unsigned pull_init (unsigned how);
extern u8 boot_drive;
extern u8 rtc_handler[], mouse_handler[];
extern volatile u32 rtc_count, mouse_count;
extern volatile u8 mouse_packet[4];

/* -- Machine ---------------------------------------------------------------------------------------- */

static inline void
outb (u16 port, u8 value)
{
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8
inb (u16 port)
{
  u8 value;

  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline u16
inw (u16 port)
{
  u16 value;

  __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

static inline u8
peek (u16 segment, u16 offset)
{
  u8 value;

  __asm__ volatile("movw %1, %%gs; movb %%gs:(%2), %0"
                   : "=q"(value)
                   : "r"(segment), "r"((u32)offset)
                   : "memory");
  return value;
}

static inline void
poke (u16 segment, u16 offset, u8 value)
{
  __asm__ volatile("movw %1, %%gs; movb %0, %%gs:(%2)"
                   :
                   : "q"(value), "r"(segment), "r"((u32)offset)
                   : "memory");
}

static u32
peek32 (u16 segment, u16 offset)
{
  return peek (segment, offset) | (u32)peek (segment, offset + 1) << 8 | (u32)peek (segment, offset + 2) << 16
         | (u32)peek (segment, offset + 3) << 24;
}

static u8
cmos (u8 reg)
{
  outb (0x70, reg);
  return inb (0x71);
}

static u32
ticks (void)
{
  return peek32 (0x40, 0x6c);
}

static void
wait_ticks (u32 n)
{
  u32 start = ticks ();

  while (ticks () - start < n)
    __asm__ volatile("hlt");
}

/* -- Report ----------------------------------------------------------------------------------------- */

static void
put (const char *text)
{
  for (; *text; text++)
    {
      while (!(inb (COM1 + 5) & 0x20))
        ;
      outb (COM1, (u8)*text);
    }
}

static void
put_hex (u32 value)
{
  char text[9];
  int at = 8;

  text[8] = 0;
  do
    {
      text[--at] = "0123456789abcdef"[value & 15];
      value >>= 4;
    }
  while (value != 0);
  put (text + at);
}

static void
check (const char *name, int good, u32 seen)
{
  put (good ? "ok " : "not ok ");
  put (name);
  if (!good)
    {
      put (": ");
      put_hex (seen);
    }
  put ("\n");
}

static struct regs r;

static struct regs *
call (unsigned n, u32 eax, u32 ebx, u32 ecx, u32 edx)
{
  r = (struct regs){ .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };
  bios (n, &r);
  return &r;
}

static int
carry (void)
{
  return (r.flags & CARRY) != 0;
}

#define AL (r.eax & 0xff)
#define AH (r.eax >> 8 & 0xff)
#define AX (r.eax & 0xffff)
#define BX (r.ebx & 0xffff)
#define CX (r.ecx & 0xffff)
#define DX (r.edx & 0xffff)

/* -- Time ------------------------------------------------------------------------------------------- */

static void
test_time (void)
{
  u32 start = ticks (), seconds;

  while (ticks () == start)
    __asm__ volatile("hlt");
  check ("INT 8 counts ticks", 1, 0);
  call (0x1a, 0x0000, 0, 0, 0);
  start = ticks ();
  check ("INT 1Ah, 00h is the tick count", start - (CX << 16 | DX) <= 1, DX);

  call (0x1a, 0x0200, 0, 0, 0);
  check ("INT 1Ah, 02h reads the clock", !carry () && (CX >> 8) < 0x24 && (CX & 0xff) < 0x60, CX);
  seconds = DX >> 8;
  start = ticks ();
  do
    call (0x1a, 0x0200, 0, 0, 0);
  while (DX >> 8 == seconds && ticks () - start < 30);
  check ("the clock's seconds advance", DX >> 8 != seconds, DX);
  call (0x1a, 0x0400, 0, 0, 0);
  check ("INT 1Ah, 04h reads the date", !carry () && CX >= 0x2020 && DX >> 8 >= 1 && DX >> 8 <= 0x12, CX);

  start = ticks ();
  call (0x15, 0x8600, 0, 0x0004, 0x93e0); /* 300 ms */
  check ("INT 15h, 86h waits 300 ms", !carry () && ticks () - start >= 5 && ticks () - start <= 60,
         ticks () - start);

  /* The RTC's periodic interrupt at 1024 Hz for ten ticks. */
  u32 old = peek32 (0, 0x70 * 4), vector = (u32)rtc_handler;
  __asm__ volatile("cli");
  for (unsigned i = 0; i < 4; i++)
    poke (0, (u16)(0x70 * 4 + i), (u8)(vector >> (8 * i)));
  outb (0xa1, inb (0xa1) & 0xfe);
  outb (0x21, inb (0x21) & 0xfb);
  u8 b = cmos (0x0b);
  outb (0x70, 0x0b);
  outb (0x71, b | 0x40);
  cmos (0x0c);
  __asm__ volatile("sti");
  wait_ticks (1);
  rtc_count = 0;
  wait_ticks (10);
  u32 count = rtc_count;
  __asm__ volatile("cli");
  outb (0x70, 0x0b);
  outb (0x71, b);
  for (unsigned i = 0; i < 4; i++)
    poke (0, (u16)(0x70 * 4 + i), (u8)(old >> (8 * i)));
  __asm__ volatile("sti");
  check ("IRQ 8 comes 1024 times a second", count > 60 && count < 1200, count);
}

static u16
pit_read (u8 counter)
{
  outb (0x43, (u8)(counter << 6));
  u8 low = inb ((u16)(0x40 + counter));
  return (u16)(low | inb ((u16)(0x40 + counter)) << 8);
}

static void
test_pit (void)
{
  /* Channel 0 runs down. */
  u16 a = pit_read (0);
  unsigned changes = 0;
  for (unsigned i = 0; i < 1000; i++)
    {
      u16 now = pit_read (0);
      changes += now != a;
      a = now;
    }
  check ("the timer's counter moves", changes > 10, changes);
  /* Channel 2 as delay loops use it: mode 0, gate by port 0x61, OUT2 in bit 5. */
  u8 p61 = inb (0x61) & 0xfc;
  outb (0x61, p61 | 1);
  outb (0x43, 0xb0);
  outb (0x42, 0xff);
  outb (0x42, 0xff);
  int low = !(inb (0x61) & 0x20);
  u32 start = ticks ();
  while (!(inb (0x61) & 0x20) && ticks () - start < 5)
    ;
  check ("OUT2 rises after 55 ms", low && ticks () - start <= 2, ticks () - start);
  /* The speaker's gate starts and stops a square wave. */
  outb (0x43, 0xb6);
  outb (0x42, 0xa9);
  outb (0x42, 0x04);
  outb (0x61, p61 | 3);
  unsigned edges = 0;
  u8 before = inb (0x61);
  start = ticks ();
  while (ticks () - start < 3)
    {
      u8 now = inb (0x61);
      edges += ((now ^ before) & 0x20) != 0;
      before = now;
    }
  check ("port 0x61 shows the speaker's wave", edges > 4, edges);
  outb (0x61, p61);
  edges = 0;
  before = inb (0x61);
  for (unsigned i = 0; i < 2000; i++)
    {
      u8 now = inb (0x61);
      edges += ((now ^ before) & 0x20) != 0;
      before = now;
    }
  check ("the gate stops it", edges <= 1, edges);
  edges = 0;
  for (unsigned i = 0; i < 2000; i++)
    {
      u8 now = inb (0x61);
      edges += ((now ^ before) & 0x10) != 0;
      before = now;
    }
  check ("the refresh bit toggles", edges > 10, edges);
}

/* -- Memory and board ------------------------------------------------------------------------------- */

static void
test_board (void)
{
  call (0x12, 0, 0, 0, 0);
  check ("INT 12h: conventional memory", AX >= 600 && AX <= 640, AX);
  call (0x11, 0, 0, 0, 0);
  check ("INT 11h: floppy, coprocessor, mouse, VGA, a serial port", (AX & 0x37) == 0x27 && (AX >> 9 & 7) >= 1,
         AX);
  call (0x15, 0x8800, 0, 0, 0);
  u32 extended = AX;
  check ("INT 15h, 88h: extended memory", !carry () && extended >= 15 * 1024, extended);
  call (0x15, 0xe801, 0, 0, 0);
  check ("INT 15h, E801h", !carry () && AX == 0x3c00, AX);
  call (0x15, 0xc000, 0, 0, 0);
  check ("INT 15h, C0h: model FCh", !carry () && peek (r.es, (u16)(BX + 2)) == 0xfc, AH);

  u16 sum = 0;
  for (u8 i = 0x10; i < 0x2e; i++)
    sum = (u16)(sum + cmos (i));
  check ("the CMOS checksum", sum == (cmos (0x2e) << 8 | cmos (0x2f)), sum);
  check ("CMOS: 640 KiB of base memory", cmos (0x15) == 0x80 && cmos (0x16) == 0x02, cmos (0x16));
  check ("CMOS: the battery is good", cmos (0x0d) == 0x80, cmos (0x0d));

  u8 rom = peek (0xf000, 0xfff0);
  poke (0xf000, 0xfff0, (u8)~rom);
  check ("the BIOS can't be overwritten", peek (0xf000, 0xfff0) == rom, peek (0xf000, 0xfff0));
  outb (0x80, 0x55);
  check ("no parallel port", inb (0x378) == 0xff && inb (0x379) == 0xff && inb (0x278) == 0xff, inb (0x379));
  check ("no game port", inb (0x201) == 0xff, inb (0x201));
  check ("an absent word port floats", inw (0x8000) == 0xffff, inw (0x8000));

  call (0x1a, 0xb101, 0, 0, 0);
  check ("PCI BIOS", !carry () && AH == 0 && r.edx == 0x20494350, r.eax);
  call (0x1a, 0xb103, 0, 0x030000, 0); /* class, index 0 in SI */
  check ("PCI BIOS finds the VGA", !carry () && AH == 0, r.eax);
  int pir = 0, mp = 0;
  for (u32 at = 0; at < 0x10000; at += 16)
    {
      pir |= peek32 (0xf000, (u16)at) == 0x52495024; /* $PIR */
      mp |= peek32 (0xf000, (u16)at) == 0x5f504d5f;  /* _MP_ */
    }
  check ("the interrupt routing table", pir, 0);
  check ("the multiprocessor table", mp, 0);
  call (0x15, 0x5300, 0, 0, 0);
  check ("APM is installed", !carry () && BX == 0x504d, AX);

  outb (COM1 + 2, 0x01);
  u8 iir = inb (COM1 + 2);
  check ("COM1 is a 16550A", (iir & 0xc0) == 0xc0, iir);
  u8 mcr = inb (COM1 + 4);
  outb (COM1 + 4, 0x1a);
  u8 msr = inb (COM1 + 6);
  outb (COM1 + 4, mcr);
  check ("COM1's loop back", (msr & 0xf0) == 0x90, msr);
  outb (COM1 + 7, 0x5a);
  check ("COM1's scratch register", inb (COM1 + 7) == 0x5a, inb (COM1 + 7));
  call (0x14, 0x0300, 0, 0, 0);
  check ("INT 14h, 03h: status", (AH & 0x60) == 0x60, AX);
  for (const char *p = "ok INT 14h, 01h sends\n"; *p; p++)
    call (0x14, 0x0100u | (u8)*p, 0, 0, 0);

  /* 8237: a channel's address and count through the flip-flop. */
  outb (0x0c, 0);
  outb (0x06, 0x34);
  outb (0x06, 0x12);
  outb (0x07, 0x78);
  outb (0x07, 0x56);
  outb (0x0c, 0);
  u16 address = inb (0x06);
  address |= (u16)(inb (0x06) << 8);
  u16 count = inb (0x07);
  count |= (u16)(inb (0x07) << 8);
  check ("the DMA controller's registers", address == 0x1234 && count == 0x5678, (u32)address << 16 | count);

  u8 mask = inb (0x21);
  outb (0x21, 0xff);
  int kept = inb (0x21) == 0xff;
  outb (0x21, mask);
  outb (0x20, 0x0b);
  u8 isr = inb (0x20);
  outb (0x20, 0x0a);
  check ("the interrupt controller's mask and ISR", kept && isr == 0, isr);
}

/* -- A20 -------------------------------------------------------------------------------------------- */

static int
a20_open (void)
{
  u8 low = peek (0, 0x500), high;
  int open;

  poke (0xffff, 0x510, (u8)~low);
  high = peek (0, 0x500);
  open = high == low;
  poke (0, 0x500, low);
  return open;
}

static void
kbc_wait (void)
{
  while (inb (0x64) & 2)
    ;
}

static void
kbc_a20 (u8 value)
{
  kbc_wait ();
  outb (0x64, 0xd1);
  kbc_wait ();
  outb (0x60, value);
  kbc_wait ();
}

static void
test_a20 (void)
{
  call (0x15, 0x2403, 0, 0, 0);
  check ("INT 15h, 2403h: how A20 can be switched", !carry () && (BX & 3) != 0, BX);
  call (0x15, 0x2401, 0, 0, 0);
  check ("INT 15h, 2401h opens A20", a20_open (), 0);
  call (0x15, 0x2402, 0, 0, 0);
  check ("INT 15h, 2402h says so", !carry () && AL == 1, AX);
  call (0x15, 0x2400, 0, 0, 0);
  kbc_a20 (0xdd);
  check ("A20 closed by all: memory wraps at 1 MiB", !a20_open (), inb (0x92));
  outb (0x92, inb (0x92) | 2);
  kbc_a20 (0xdd);
  check ("opened by port 0x92, closed by the keyboard controller", !a20_open () && !(inb (0x92) & 2),
         inb (0x92));
  kbc_a20 (0xdf);
  outb (0x92, inb (0x92) & 0xfd);
  check ("opened by the keyboard controller, closed by port 0x92", !a20_open (), inb (0x92));
  kbc_a20 (0xdf);
  check ("the keyboard controller opens A20", a20_open (), 0);
  kbc_a20 (0xdd);
  check ("and closes it", !a20_open (), 0);
  outb (0x92, inb (0x92) | 2);
  check ("port 0x92 opens A20", a20_open (), 0);
  outb (0x92, inb (0x92) & 0xfd);
  check ("port 0x92 closes A20", !a20_open (), 0);
  kbc_wait ();
  outb (0x64, 0xdf);
  kbc_wait ();
  check ("controller command DFh opens A20", a20_open (), 0);
}

/* -- INIT ------------------------------------------------------------------------------------------- */

static void
test_init (void)
{
  static const char *const names[]
      = { "INIT by the 8042 comes back", "INIT by port 0x92 comes back", "a triple fault comes back" };

  for (unsigned how = 1; how <= 3; how++)
    {
      outb (0x21, inb (0x21) | 0x80);
      u8 mask = inb (0x21);
      u32 start = ticks ();
      /* A register of the screen that the firmware's start would set anew. */
      outb (0x3d4, 0x0f);
      outb (0x3d5, (u8)(0x50 + how));
      check (names[how - 1], pull_init (how) == 1, 0);
      outb (0x3d4, 0x0f);
      check ("  devices kept their state", inb (0x3d5) == 0x50 + how && inb (0x21) == mask, inb (0x21));
      check ("  the shutdown byte is cleared", cmos (0x0f) == 0, cmos (0x0f));
      wait_ticks (2);
      check ("  the clock goes on", ticks () - start < 1000, ticks () - start);
    }
}

/* -- Drives ----------------------------------------------------------------------------------------- */

static void
disk_call (u32 eax, u32 ecx, u32 edx)
{
  r = (struct regs){ .eax = eax, .ecx = ecx, .edx = edx, .es = BUFFER_SEG };
  bios (0x13, &r);
}

static void
fill (u8 seed)
{
  for (u16 i = 0; i < 1024; i++)
    poke (BUFFER_SEG, i, (u8)(seed + i * 7));
}

static int
filled (u8 seed)
{
  for (u16 i = 0; i < 1024; i++)
    if (peek (BUFFER_SEG, i) != (u8)(seed + i * 7))
      return 0;
  return 1;
}

static void
test_floppy (void)
{
  disk_call (0x0000, 0, 0);
  check ("floppy: reset", !carry (), AX);
  disk_call (0x0800, 0, 0);
  check ("floppy: 1.44 MB drive", !carry () && (r.ebx & 0xff) == 4 && CX == 0x4f12 && DX >> 8 == 1, CX);
  disk_call (0x1500, 0, 0);
  check ("floppy: type", !carry () && (AH == 1 || AH == 2), AX);
  fill (3);
  disk_call (0x0302, 78 << 8 | 4, 0x0100);
  check ("floppy: write", !carry () && AL == 2, AX);
  fill (99);
  disk_call (0x0202, 78 << 8 | 4, 0x0100);
  check ("floppy: read back", !carry () && filled (3), AX);
  disk_call (0x0402, 78 << 8 | 4, 0x0100);
  check ("floppy: verify", !carry (), AX);
  for (u8 i = 0; i < 18; i++)
    {
      poke (BUFFER_SEG, (u16)(4 * i), 79);
      poke (BUFFER_SEG, (u16)(4 * i + 1), 0);
      poke (BUFFER_SEG, (u16)(4 * i + 2), (u8)(i + 1));
      poke (BUFFER_SEG, (u16)(4 * i + 3), 2);
    }
  disk_call (0x0512, 79 << 8 | 1, 0x0000);
  check ("floppy: format a track", !carry (), AX);
  disk_call (0x0201, 79 << 8 | 18, 0x0000);
  check ("floppy: a formatted sector",
         !carry () && peek (BUFFER_SEG, 0) == 0xf6 && peek (BUFFER_SEG, 511) == 0xf6, AX);
  disk_call (0x0201, 5 << 8 | 19, 0x0000);
  check ("floppy: no sector 19", carry (), AX);
  disk_call (0x0212, 40 << 8 | 1, 0x0000);
  check ("floppy: a whole track", !carry () && AL == 18, AX);
}

static void
lba_call (u32 eax, u32 edx, u32 lba, u32 count)
{
  static u32 packet[4];

  packet[0] = count << 16 | 16;
  packet[1] = BUFFER_SEG << 16;
  packet[2] = lba;
  packet[3] = 0;
  r = (struct regs){ .eax = eax, .edx = edx, .esi = (u32)packet };
  bios (0x13, &r);
}

static void
test_disk (void)
{
  disk_call (0x0800, 0, 0x80);
  if (carry ())
    {
      check ("disk: parameters", 0, AX);
      return;
    }
  u32 sectors = CX & 0x3f, heads = (DX >> 8) + 1;
  check ("disk: parameters", sectors >= 1 && heads >= 1 && (DX & 0xff) >= 1, CX);
  disk_call (0x1500, 0, 0x80);
  check ("disk: type 3", !carry () && AH == 3, AX);
  disk_call (0x4100, 0, 0x80);
  r = (struct regs){ .eax = 0x4100, .ebx = 0x55aa, .edx = 0x80 };
  bios (0x13, &r);
  check ("disk: extensions", !carry () && BX == 0xaa55 && (CX & 1), BX);
  fill (17);
  disk_call (0x0302, 1 << 8 | 3, 0x0180);
  check ("disk: write by CHS", !carry (), AX);
  fill (0);
  lba_call (0x4200, 0x80, (1 * heads + 1) * sectors + 2, 2);
  check ("disk: the same by LBA", !carry () && filled (17), AX);
  fill (42);
  lba_call (0x4300, 0x80, 5000, 2);
  check ("disk: write by LBA", !carry (), AX);
  u32 cylinder = 5000 / (heads * sectors), rest = 5000 % (heads * sectors);
  fill (0);
  disk_call (0x0202, cylinder << 8 | (rest % sectors + 1), (rest / sectors) << 8 | 0x80);
  check ("disk: the same by CHS", !carry () && filled (42), AX);
  disk_call (0x0410, 1, 0x80);
  check ("disk: verify", !carry (), AX);
  disk_call (0x1000, 0, 0x80);
  check ("disk: ready", !carry (), AX);
  disk_call (0x1100, 0, 0x80);
  check ("disk: recalibrate", !carry (), AX);
  disk_call (0x0c00, 2 << 8 | 1, 0x80);
  check ("disk: seek", !carry (), AX);
  disk_call (0x0000, 0, 0x80);
  check ("disk: reset", !carry (), AX);
  lba_call (0x4200, 0x80, 0x0ffffff0, 1);
  check ("disk: nothing behind the end", carry (), AX);
  poke (BUFFER_SEG, 0, 26);
  poke (BUFFER_SEG, 1, 0);
  r = (struct regs){ .eax = 0x4800, .edx = 0x80, .ds = BUFFER_SEG };
  bios (0x13, &r);
  check ("disk: extended parameters", !carry () && peek (BUFFER_SEG, 24) == 0 && peek (BUFFER_SEG, 25) == 2,
         AX);
}

static void
test_cd (void)
{
  u8 drive = boot_drive >= 0xe0 ? boot_drive : 0xe0;

  lba_call (0x4200, drive, 16, 1);
  check ("CD: a sector", !carry () && peek32 (BUFFER_SEG, 1) == 0x30304443, AX); /* "CD00" */
  lba_call (0x4400, drive, 16, 1);
  check ("CD: verify", !carry (), AX);
  r = (struct regs){ .eax = 0x4100, .ebx = 0x55aa, .edx = drive };
  bios (0x13, &r);
  check ("CD: extensions", !carry () && BX == 0xaa55, BX);
  disk_call (0x4501, 0, drive);
  disk_call (0x4500, 0, drive);
  check ("CD: lock", !carry () && AL == 1, AX);
  disk_call (0x4501, 0, drive);
  check ("CD: unlock", !carry () && AL == 0, AX);
  lba_call (0x4200, drive, 0x00ffffff, 1);
  check ("CD: nothing behind the end", carry (), AX);
}

/* -- Keyboard and pointer ---------------------------------------------------------------------------- */

static u16
wait_key (void)
{
  call (0x16, 0x0000, 0, 0, 0);
  return (u16)AX;
}

static void
test_keyboard (void)
{
  u32 start;

  call (0x16, 0x0200, 0, 0, 0);
  check ("INT 16h, 02h: no shift is held", (AL & 0x0f) == 0, AL);
  call (0x16, 0x0305, 0, 0, 0);
  put ("press a\n");
  start = ticks ();
  do
    call (0x16, 0x0100, 0, 0, 0);
  while ((r.flags & ZERO) && ticks () - start < 1000);
  check ("INT 16h, 01h sees a key", !(r.flags & ZERO) && AX == 0x1e61, AX);
  check ("INT 16h, 00h takes it", wait_key () == 0x1e61, AX);
  put ("press f1\n");
  check ("a function key", wait_key () == 0x3b00, AX);
  put ("press up\n");
  call (0x16, 0x1000, 0, 0, 0);
  check ("INT 16h, 10h: a grey key", AX == 0x48e0, AX);
  put ("press shift-z\n");
  check ("a shifted key", wait_key () == 0x2c5a, AX);
}

static void
test_pointer (void)
{
  u32 start;

  call (0x15, 0xc205, 0x0300, 0, 0);
  check ("pointer: initialise", !carry () && AH == 0, AX);
  call (0x15, 0xc201, 0, 0, 0);
  check ("pointer: reset answers AAh, 00h", !carry () && BX == 0x00aa, BX);
  call (0x15, 0xc204, 0, 0, 0);
  check ("pointer: identity 0", !carry () && BX >> 8 == 0, BX);
  call (0x15, 0xc202, 0x0500, 0, 0);
  check ("pointer: sample rate", !carry (), AX);
  call (0x15, 0xc203, 0x0300, 0, 0);
  check ("pointer: resolution", !carry (), AX);
  r = (struct regs){ .eax = 0xc207, .ebx = (u32)mouse_handler };
  bios (0x15, &r);
  check ("pointer: handler", !carry () && AH == 0, AX);
  call (0x15, 0xc200, 0x0100, 0, 0);
  check ("pointer: enable", !carry () && AH == 0, AX);
  call (0x15, 0xc206, 0, 0, 0);
  check ("pointer: status", !carry () && (BX & 0x20), BX);
  mouse_count = 0;
  put ("move\n");
  start = ticks ();
  while (mouse_count == 0 && ticks () - start < 1000)
    __asm__ volatile("hlt");
  check ("pointer: a packet comes", mouse_count > 0 && (mouse_packet[0] & 0x08), mouse_packet[0]);
  check ("pointer: to the right and down", mouse_packet[1] != 0 && mouse_packet[2] >= 0x80,
         mouse_packet[1] << 8 | mouse_packet[2]);
  wait_ticks (4);
  call (0x15, 0xc200, 0x0000, 0, 0);
  check ("pointer: disable", !carry () && AH == 0, AX);
}

/* -- Screens ---------------------------------------------------------------------------------------- */

static void
say (const char *text)
{
  for (; *text; text++)
    call (0x10, 0x0e00u | (u8)*text, 0x000f, 0, 0);
}

static void
pixel (unsigned x, unsigned y, unsigned color)
{
  call (0x10, 0x0c00 | color, 0, x, y);
}

static void
look (const char *kind, unsigned mode)
{
  put ("look ");
  put (kind);
  put_hex (mode);
  put ("\n");
  wait_key ();
}

static void
show_text_mode (unsigned mode)
{
  u16 segment = mode == 7 ? 0xb000 : 0xb800;
  unsigned columns = mode < 2 ? 40 : 80;

  say ("Mode with text\r\n");
  for (unsigned i = 0; i < 256; i++)
    {
      u16 at = (u16)(((2 + i / 32) * columns + i % 32 + 4) * 2);
      poke (segment, at, (u8)i);
      poke (segment, (u16)(at + 1), 0x07);
      at = (u16)(((11 + i / 32) * columns + i % 32 + 4) * 2);
      poke (segment, at, 'A');
      poke (segment, (u16)(at + 1), (u8)i);
    }
}

static void
show_pixel_mode (unsigned width, unsigned height, unsigned colors)
{
  unsigned cell = colors > 16 ? 4 : 12;

  say ("Mode with pixels");
  for (unsigned c = 0; c < colors; c++)
    for (unsigned y = 0; y < cell; y++)
      for (unsigned x = 0; x < cell; x++)
        pixel (20 + c % 32 * cell + x, 40 + c / 32 * cell + y, c);
  for (unsigned x = 0; x < width; x += 2)
    {
      pixel (x, 0, colors - 1);
      pixel (x, height - 1, colors - 1);
    }
  for (unsigned i = 0; i < height; i++)
    pixel (i, i, (colors - 1) & (i / 16 + 1));
  call (0x10, 0x0d00, 0, 20 + cell, 41);
  check ("  a pixel reads back", AL == 1, AX);
}

static void
test_modes (void)
{
  static const struct
  {
    u8 mode, text;
    u16 width, height, colors;
  } modes[] = {
    { 0x00, 1, 0, 0, 0 },      { 0x01, 1, 0, 0, 0 },      { 0x02, 1, 0, 0, 0 },
    { 0x03, 1, 0, 0, 0 },      { 0x04, 0, 320, 200, 4 },  { 0x05, 0, 320, 200, 4 },
    { 0x06, 0, 640, 200, 2 },  { 0x07, 1, 0, 0, 0 },      { 0x0d, 0, 320, 200, 16 },
    { 0x0e, 0, 640, 200, 16 }, { 0x0f, 0, 640, 350, 2 },  { 0x10, 0, 640, 350, 16 },
    { 0x11, 0, 640, 480, 2 },  { 0x12, 0, 640, 480, 16 }, { 0x13, 0, 320, 200, 256 },
  };

  for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++)
    {
      call (0x10, modes[i].mode, 0, 0, 0);
      call (0x10, 0x0f00, 0, 0, 0);
      check ("mode set", AL == modes[i].mode, AX);
      if (modes[i].text)
        show_text_mode (modes[i].mode);
      else
        show_pixel_mode (modes[i].width, modes[i].height, modes[i].colors);
      look ("", modes[i].mode);
    }
  call (0x10, 0x0003, 0, 0, 0);
  call (0x10, 0x1112, 0, 0, 0); /* 8x8 font: 50 lines */
  check ("50 lines", peek (0x40, 0x84) == 49, peek (0x40, 0x84));
  show_text_mode (3);
  look ("50 lines ", 3);
  call (0x10, 0x0003, 0, 0, 0);
  call (0x10, 0x1a00, 0, 0, 0);
  check ("INT 10h, 1A00h: VGA with colour", AL == 0x1a && (BX & 0xff) == 8, BX);
  /* Retrace: both edges, many times within a second. */
  unsigned frames = 0;
  u32 start = ticks ();
  while (ticks () - start < 9)
    {
      while (!(inb (0x3da) & 8) && ticks () - start < 20)
        ;
      while ((inb (0x3da) & 8) && ticks () - start < 20)
        ;
      frames++;
    }
  check ("the vertical retrace comes 70 times a second", frames > 5 && frames < 50, frames);
}

static void
vbe_bank (unsigned bank)
{
  call (0x10, 0x4f05, 0, 0, bank);
}

static void
test_vbe (void)
{
  static const u16 modes[] = { 0x101, 0x103, 0x105, 0x110, 0x111, 0x112, 0x115, 0x118 };

  for (unsigned i = 0; i < 512; i++)
    poke (BUFFER_SEG, (u16)i, 0);
  poke (BUFFER_SEG, 0, 'V');
  poke (BUFFER_SEG, 1, 'B');
  poke (BUFFER_SEG, 2, 'E');
  poke (BUFFER_SEG, 3, '2');
  r = (struct regs){ .eax = 0x4f00, .es = BUFFER_SEG };
  bios (0x10, &r);
  check ("VBE: information", AX == 0x4f && peek32 (BUFFER_SEG, 0) == 0x41534556, AX);
  for (unsigned m = 0; m < sizeof modes / sizeof modes[0]; m++)
    {
      r = (struct regs){ .eax = 0x4f01, .ecx = modes[m], .es = BUFFER_SEG };
      bios (0x10, &r);
      unsigned pitch = peek32 (BUFFER_SEG, 16) & 0xffff, width = peek32 (BUFFER_SEG, 18) & 0xffff;
      unsigned height = peek32 (BUFFER_SEG, 20) & 0xffff, bpp = peek (BUFFER_SEG, 25), bytes = (bpp + 7) / 8;
      check ("VBE: mode information", AX == 0x4f && width >= 640 && (peek (BUFFER_SEG, 0) & 1), AX);
      call (0x10, 0x4f02, modes[m], 0, 0);
      check ("VBE: mode set", AX == 0x4f, AX);
      call (0x10, 0x4f03, 0, 0, 0);
      check ("VBE: mode read back", AX == 0x4f && (BX & 0x3fff) == modes[m], BX);
      /* Bars at the top, their reverse at the bottom, through the banked window. */
      unsigned bank = 0xffff;
      for (unsigned row = 0; row < 32; row++)
        {
          u32 at = (row < 16 ? row : height - 32 + row) * pitch;
          for (unsigned x = 0; x < width * bytes; x++, at++)
            {
              unsigned bar = x / bytes * 8 / width;
              if (row >= 16)
                bar = 7 - bar;
              if (at >> 16 != bank)
                vbe_bank (bank = at >> 16);
              u8 value = (u8)bar;
              if (bytes == 2)
                {
                  u16 rgb = (u16)((bar & 4 ? (bpp == 15 ? 0x7c00 : 0xf800) : 0)
                                  | (bar & 2 ? (bpp == 15 ? 0x3e0 : 0x7e0) : 0) | (bar & 1 ? 0x1f : 0));
                  value = (u8)(x & 1 ? rgb >> 8 : rgb);
                }
              else if (bytes >= 3)
                value = x % bytes < 3 && bar >> x % bytes & 1 ? 0xff : 0;
              poke (0xa000, (u16)at, value);
            }
        }
      look ("vbe ", modes[m]);
    }
  call (0x10, 0x0003, 0, 0, 0);
}

void
bios_test (void)
{
  put ("bios test from ");
  put_hex (boot_drive);
  put ("\n");
  if (boot_drive >= 0xe0)
    test_cd ();
  else
    {
      test_time ();
      test_pit ();
      test_board ();
      test_a20 ();
      test_init ();
      if (boot_drive < 0x80)
        test_floppy ();
      test_disk ();
      test_keyboard ();
      test_pointer ();
      test_modes ();
      test_vbe ();
    }
  put ("done\n");
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The welcome machine: a picture that tells what works, alive to keys, pointer and time, and a line on the serial port
 * for each thing that happens, which tests read.
 *
 * Keys: Escape clears the typed line, F5 restarts by the keyboard controller, F10 powers off by ACPI.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;

struct boot_info
{
  u8 drive, pad[3];
  u32 memory_low, memory_high; /* bytes */
  u16 vbe_info, vbe_set;       /* AX of the two calls: 0x004f */
};

#define INFO      ((volatile struct boot_info *)0x5000)
#define MODE_INFO ((volatile u8 *)0x6000)
#define FONT      ((const u8 *)0x20000)

#define COM1       0x3f8
#define PIC_MASTER 0x20
#define PIC_SLAVE  0xa0
#define PIT_HZ     1193182
#define TICKS      20 /* a second */
#define POINTER_W  12
#define POINTER_H  19

unsigned wait_interrupt (void);
extern u8 interrupt_stubs[];

/* -- Ports ---------------------------------------------------------------------------------------- */

static inline void
outb (u16 port, u8 value)
{
  __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void
outw (u16 port, u16 value)
{
  __asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8
inb (u16 port)
{
  u8 value;

  __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

/* -- Text ----------------------------------------------------------------------------------------- */

static void
serial_text (const char *text)
{
  for (; *text; text++)
    {
      for (unsigned i = 0; i < 10000 && !(inb (COM1 + 5) & 0x20); i++)
        ;
      outb (COM1, (u8)*text);
    }
}

static char *
append (char *at, const char *text)
{
  while (*text)
    *at++ = *text++;
  *at = 0;
  return at;
}

static char *
append_number (char *at, u32 value, unsigned base, unsigned width)
{
  char digits[12];
  unsigned n = 0;

  do
    {
      digits[n++] = "0123456789abcdef"[value % base];
      value /= base;
    }
  while (value);
  while (n < width)
    digits[n++] = '0';
  while (n)
    *at++ = digits[--n];
  *at = 0;
  return at;
}

/* -- Picture -------------------------------------------------------------------------------------- */

static u32 *frame;
static unsigned width, height, pitch; /* pitch in pixels */

static inline void
span (unsigned x, unsigned y, unsigned n, u32 colour)
{
  u32 *at = frame + y * pitch + x;

  __asm__ volatile("rep stosl" : "+D"(at), "+c"(n) : "a"(colour) : "memory");
}

static void
box (unsigned x, unsigned y, unsigned w, unsigned h, u32 colour)
{
  while (h--)
    span (x, y++, w, colour);
}

/* Corners of radius 12. */
static void
card (unsigned x, unsigned y, unsigned w, unsigned h, u32 colour)
{
  static const u8 inset[12] = { 8, 6, 5, 4, 3, 2, 2, 1, 1, 1, 0, 0 };

  for (unsigned i = 0; i < h; i++)
    {
      unsigned from_edge = i < h - 1 - i ? i : h - 1 - i, cut = from_edge < 12 ? inset[from_edge] : 0;

      span (x + cut, y + i, w - 2 * cut, colour);
    }
}

static void
glyph (unsigned x, unsigned y, u8 c, u32 fore, u32 back, unsigned scale)
{
  const u8 *rows = FONT + c * 16;

  for (unsigned r = 0; r < 16 * scale; r++)
    {
      u32 *at = frame + (y + r) * pitch + x;
      u8 bits = rows[r / scale];

      for (unsigned i = 0; i < 8; i++, bits <<= 1)
        for (unsigned s = 0; s < scale; s++)
          *at++ = bits & 0x80 ? fore : back;
    }
}

static unsigned
text (unsigned x, unsigned y, const char *string, u32 fore, u32 back, unsigned scale)
{
  for (; *string; string++, x += 8 * scale)
    glyph (x, y, (u8)*string, fore, back, scale);
  return x;
}

#define TOP_COLOUR   0x1c5f6b
#define CARD_COLOUR  0xf6f5f4
#define TEXT_COLOUR  0x2e3436
#define LABEL_COLOUR 0x77767b
#define GOOD_COLOUR  0x26a269
#define KEY_COLOUR   0xffffff

#define CARD_X  60
#define CARD_Y  110
#define VALUE_X (CARD_X + 150)

static void
row (unsigned n, const char *label, const char *value)
{
  unsigned y = CARD_Y + 24 + n * 34;

  text (CARD_X + 28, y, label, LABEL_COLOUR, CARD_COLOUR, 1);
  box (VALUE_X, y, width - CARD_X - 16 - VALUE_X, 16, CARD_COLOUR);
  text (VALUE_X, y, value, TEXT_COLOUR, CARD_COLOUR, 1);
}

/* -- Pointer -------------------------------------------------------------------------------------- */

static const char pointer_shape[POINTER_H][POINTER_W + 1] = {
  "#           ", "##          ", "#.#         ", "#..#        ", "#...#       ",
  "#....#      ", "#.....#     ", "#......#    ", "#.......#   ", "#........#  ",
  "#.........# ", "#......#####", "#...#..#    ", "#..##..#    ", "#.#  #..#   ",
  "##   #..#   ", "#     #..#  ", "      #..#  ", "       ##   ",
};
static u32 under_pointer[POINTER_H][POINTER_W];
static int pointer_x, pointer_y;
static u8 pointer_shown;

static void
pointer_hide (void)
{
  if (!pointer_shown)
    return;
  for (int y = 0; y < POINTER_H && pointer_y + y < (int)height; y++)
    for (int x = 0; x < POINTER_W && pointer_x + x < (int)width; x++)
      if (pointer_shape[y][x] != ' ')
        frame[(unsigned)(pointer_y + y) * pitch + (unsigned)(pointer_x + x)] = under_pointer[y][x];
  pointer_shown = 0;
}

static void
pointer_show (void)
{
  for (int y = 0; y < POINTER_H && pointer_y + y < (int)height; y++)
    for (int x = 0; x < POINTER_W && pointer_x + x < (int)width; x++)
      if (pointer_shape[y][x] != ' ')
        {
          u32 *at = &frame[(unsigned)(pointer_y + y) * pitch + (unsigned)(pointer_x + x)];

          under_pointer[y][x] = *at;
          *at = pointer_shape[y][x] == '#' ? 0x000000 : 0xffffff;
        }
  pointer_shown = 1;
}

static void
pointer_event (int dx, int dy, u8 buttons)
{
  static u8 old_buttons;
  static const char *const names[3] = { "left ", "right ", "middle " };
  char line[64], *at = line;

  pointer_hide ();
  pointer_x += dx;
  pointer_y += dy;
  pointer_x = pointer_x < 0 ? 0 : pointer_x >= (int)width ? (int)width - 1 : pointer_x;
  pointer_y = pointer_y < 0 ? 0 : pointer_y >= (int)height ? (int)height - 1 : pointer_y;
  at = append_number (at, (u32)pointer_x, 10, 1);
  at = append (at, ", ");
  at = append_number (at, (u32)pointer_y, 10, 1);
  at = append (at, "  ");
  for (unsigned i = 0; i < 3; i++)
    if (buttons & 1 << i)
      at = append (at, names[i]);
  row (4, "Pointer", line);
  pointer_show ();
  if (buttons != old_buttons || dx || dy)
    {
      serial_text ("pointer ");
      serial_text (line);
      serial_text ("\r\n");
    }
  old_buttons = buttons;
}

/* -- Keyboard controller -------------------------------------------------------------------------- */

static void
i8042_wait_input (void)
{
  for (unsigned i = 0; i < 100000 && inb (0x64) & 2; i++)
    ;
}

static int
i8042_read (void)
{
  for (unsigned i = 0; i < 100000; i++)
    if (inb (0x64) & 1)
      return inb (0x60);
  return -1;
}

static void
i8042_command (u8 command)
{
  i8042_wait_input ();
  outb (0x64, command);
}

static void
i8042_data (u8 data)
{
  i8042_wait_input ();
  outb (0x60, data);
}

static int
mouse_command (u8 command)
{
  i8042_command (0xd4);
  i8042_data (command);
  return i8042_read ();
}

static int
input_start (void)
{
  int byte, found;

  while (inb (0x64) & 1)
    inb (0x60);
  i8042_command (0xad);
  i8042_command (0xa8);
  i8042_command (0x20);
  byte = i8042_read ();
  i8042_command (0x60);
  i8042_data ((u8)((byte | 0x43) & ~0x30)); /* both interrupts, translation, both enabled */
  mouse_command (0xf6);
  found = mouse_command (0xf4) == 0xfa;
  i8042_command (0xae);
  return found;
}

static const char plain[] = "\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] = "\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
static char typed[64];
static unsigned n_typed;

static void
power_off (void)
{
  serial_text ("power off\r\n");
  outw (0x604, 0x2000); /* PM1a control: SLP_EN, SLP_TYP of \_S5 */
}

static void
key_event (u8 scan)
{
  static u8 shift, prefix;
  char line[80], *at = line;
  char c;

  if (scan == 0xff || scan == 0) /* the keyboard's buffer ran over */
    return;
  at = append (at, prefix ? "e0 " : "");
  at = append_number (at, scan, 16, 2);
  serial_text ("key ");
  serial_text (line);
  serial_text ("\r\n");
  if (scan == 0xe0)
    {
      prefix = 1;
      return;
    }
  if ((scan & 0x7f) == 0x2a || (scan & 0x7f) == 0x36)
    shift = (u8)(prefix ? shift : !(scan & 0x80));
  else if (!(scan & 0x80) && !prefix && scan < sizeof plain)
    {
      c = shift ? shifted[scan] : plain[scan];
      if (c == '\b' && n_typed)
        n_typed--;
      else if (c == 27)
        n_typed = 0;
      else if (c >= ' ' && n_typed < sizeof typed - 2)
        typed[n_typed++] = c;
      else if (c == '\n')
        {
          serial_text ("typed ");
          serial_text (typed);
          serial_text ("\r\n");
        }
      typed[n_typed] = 0;
    }
  prefix = 0;
  if (scan == 0x3f)
    i8042_command (0xfe);
  if (scan == 0x44)
    power_off ();
  pointer_hide ();
  append (append (at, scan & 0x80 ? " up    " : " down  "), typed);
  row (3, "Keyboard", line);
  pointer_show ();
}

/* -- Clock ---------------------------------------------------------------------------------------- */

static u8
cmos (u8 reg)
{
  outb (0x70, reg);
  return inb (0x71);
}

static char *
append_bcd (char *at, u8 value)
{
  *at++ = (char)('0' + (value >> 4));
  *at++ = (char)('0' + (value & 15));
  *at = 0;
  return at;
}

static void
clock_event (u32 ticks)
{
  static u8 last = 0xff;
  char line[64], *at = line;
  u8 second;

  if (cmos (0x0a) & 0x80)
    return;
  second = cmos (0);
  if (second == last)
    return;
  last = second;
  at = append_bcd (at, cmos (0x32));
  at = append_bcd (at, cmos (9));
  at = append (at, "-");
  at = append_bcd (at, cmos (8));
  at = append (at, "-");
  at = append_bcd (at, cmos (7));
  at = append (at, "  ");
  at = append_bcd (at, cmos (4));
  at = append (at, ":");
  at = append_bcd (at, cmos (2));
  at = append (at, ":");
  at = append_bcd (at, second);
  at = append (at, "   running for ");
  at = append_number (at, ticks / TICKS, 10, 1);
  append (at, " s");
  pointer_hide ();
  row (5, "Clock", line);
  pointer_show ();
}

/* -- Start ---------------------------------------------------------------------------------------- */

static struct
{
  u16 offset_low, selector, flags, offset_high;
} idt[48];

static void
interrupts_start (void)
{
  struct
  {
    u16 limit;
    u32 base;
  } __attribute__ ((packed)) pointer = { sizeof idt - 1, (u32)idt };
  u16 divisor = PIT_HZ / TICKS;

  for (unsigned i = 0; i < 16; i++)
    {
      u32 stub = (u32)interrupt_stubs + i * 16;

      idt[32 + i].offset_low = (u16)stub;
      idt[32 + i].selector = 8;
      idt[32 + i].flags = 0x8e00;
      idt[32 + i].offset_high = (u16)(stub >> 16);
    }
  __asm__ volatile("lidt %0" : : "m"(pointer));
  outb (PIC_MASTER, 0x11);
  outb (PIC_SLAVE, 0x11);
  outb (PIC_MASTER + 1, 0x20);
  outb (PIC_SLAVE + 1, 0x28);
  outb (PIC_MASTER + 1, 4);
  outb (PIC_SLAVE + 1, 2);
  outb (PIC_MASTER + 1, 1);
  outb (PIC_SLAVE + 1, 1);
  outb (PIC_MASTER + 1, 0xf8); /* timer, keyboard, cascade */
  outb (PIC_SLAVE + 1, 0xef);  /* mouse */
  outb (0x43, 0x34);
  outb (0x40, (u8)divisor);
  outb (0x40, (u8)(divisor >> 8));
}

static void
serial_start (void)
{
  outb (COM1 + 1, 0);
  outb (COM1 + 3, 0x80);
  outb (COM1, 1);
  outb (COM1 + 1, 0);
  outb (COM1 + 3, 3);
  outb (COM1 + 2, 7);
  outb (COM1 + 4, 3);
}

static void
colour_bars (unsigned y)
{
  static const u32 bars[8]
      = { 0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000 };

  for (unsigned i = 0; i < 8; i++)
    box (width * i / 8, y, width * (i + 1) / 8 - width * i / 8, 24, bars[i]);
}

static const char *
started_from (void)
{
  return INFO->drive & 0x80 ? INFO->drive >= 0xe0 ? "CD-ROM" : "hard disk" : "floppy";
}

static void
draw (int mouse)
{
  char line[80], *at;
  u32 mib = (INFO->memory_low >> 20 | INFO->memory_high << 12) + ((INFO->memory_low & 0xfffff) != 0);

  for (unsigned y = 0; y < height; y++)
    {
      unsigned t = y * 256 / height;
      u32 r = (0x1c * (256 - t) + 0x2e * t) >> 8, g = (0x5f * (256 - t) + 0xc2 * t) >> 8,
          b = (0x6b * (256 - t) + 0x7e * t) >> 8;

      span (0, y, width, r << 16 | g << 8 | b);
    }
  /* The title stands on a band of one colour, as glyphs have a background. */
  box (0, 0, width, 88, TOP_COLOUR);
  text (CARD_X, 22, "Vivarium", KEY_COLOUR, TOP_COLOUR, 2);
  text (CARD_X, 58, "This machine works. Type, and move the pointer.", 0xcfe8e4, TOP_COLOUR, 1);
  card (CARD_X, CARD_Y, width - 2 * CARD_X, 300, CARD_COLOUR);

  at = append_number (line, width, 10, 1);
  at = append (at, " x ");
  at = append_number (at, height, 10, 1);
  append (at, ", 32 bits a pixel");
  row (0, "Screen", line);
  at = append_number (line, mib, 10, 1);
  append (at, " MiB");
  row (1, "Memory", line);
  at = append (line, started_from ());
  append (at, " (BIOS)");
  row (2, "Started from", line);
  row (3, "Keyboard", "press a key");
  row (4, "Pointer", mouse ? "move it" : "none found");
  row (5, "Clock", "");
  text (CARD_X + 28, CARD_Y + 254, "F5 restart    F10 power off    Esc clear", GOOD_COLOUR, CARD_COLOUR, 1);
  colour_bars (height - 24);
}

void
welcome (void)
{
  u8 packet[3];
  unsigned n_packet = 0;
  u32 ticks = 0;
  int mouse;

  serial_start ();
  serial_text ("welcome start\r\n");
  if (INFO->vbe_info != 0x4f || INFO->vbe_set != 0x4f || MODE_INFO[0x19] != 32)
    {
      serial_text ("welcome: no 32-bit VBE mode\r\n");
      return;
    }
  width = *(volatile u16 *)(MODE_INFO + 0x12);
  height = *(volatile u16 *)(MODE_INFO + 0x14);
  pitch = *(volatile u16 *)(MODE_INFO + 0x10) / 4u;
  frame = *(u32 *volatile *)(MODE_INFO + 0x28);
  pointer_x = (int)width / 2;
  pointer_y = (int)height - 120;

  mouse = input_start ();
  draw (mouse);
  pointer_show ();
  interrupts_start ();
  serial_text ("welcome ready: started from ");
  serial_text (started_from ());
  serial_text ("\r\n");
  for (;;)
    {
      unsigned vector = wait_interrupt ();

      if (vector == 0x20)
        {
          outb (PIC_MASTER, 0x20);
          clock_event (++ticks);
        }
      else if (vector == 0x21 || vector == 0x2c)
        {
          u8 status = inb (0x64), byte = inb (0x60);

          if (vector >= 0x28)
            outb (PIC_SLAVE, 0x20);
          outb (PIC_MASTER, 0x20);
          if (!(status & 1))
            continue;
          if (!(status & 0x20))
            key_event (byte);
          else if (n_packet > 0 || byte & 8)
            {
              packet[n_packet++] = byte;
              if (n_packet < 3)
                continue;
              n_packet = 0;
              pointer_event (packet[1] - (packet[0] & 0x10 ? 256 : 0),
                             (packet[0] & 0x20 ? 256 : 0) - packet[2], packet[0] & 7);
            }
        }
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The VGA by its registers: modes are set as the standard BIOS tables say, pictures are compared with golden/<name>.png.
 * With VIVARIUM_UPDATE_GOLDEN set the pictures are written instead.
 */
#include <fcntl.h>
#include <png.h>
#include <string.h>
#include <unistd.h>

#include "vga-machine.h"

/* -- Standard modes ------------------------------------------------------------------------------- */

typedef struct
{
  uint8_t misc, seq[4], crtc[25], attr[20], gdc[9];
} ModeTable;

#define EGA_PALETTE  0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f
#define CGA_PALETTE  0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17
#define FLAT_PALETTE 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15

/* clang-format off */
static const ModeTable mode_01 = { 0x67, { 0x08, 0x03, 0x00, 0x02 },
  { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0xa0, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
  { EGA_PALETTE, 0x0c, 0, 0x0f, 0x08 }, { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff } };
static const ModeTable mode_03 = { 0x67, { 0x00, 0x03, 0x00, 0x02 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
  { EGA_PALETTE, 0x0c, 0, 0x0f, 0x08 }, { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff } };
static const ModeTable mode_04 = { 0x63, { 0x09, 0x03, 0x00, 0x02 },
  { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff },
  { 0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0, 0x03, 0 }, { 0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff } };
static const ModeTable mode_06 = { 0x63, { 0x01, 0x01, 0x00, 0x06 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0xc1, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff },
  { 0, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x17, 0x01, 0, 0x01, 0 },
  { 0, 0, 0, 0, 0, 0x00, 0x0d, 0, 0xff } };
static const ModeTable mode_07 = { 0x66, { 0x00, 0x03, 0x00, 0x02 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0, 0x4f, 0x0d, 0x0e, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x0d, 0x96, 0xb9, 0xa3, 0xff },
  { 0, 8, 8, 8, 8, 8, 8, 8, 0x10, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x18, 0x0e, 0, 0x0f, 0x08 }, { 0, 0, 0, 0, 0, 0x10, 0x0a, 0, 0xff } };
static const ModeTable mode_0d = { 0x63, { 0x09, 0x0f, 0x00, 0x06 },
  { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x14, 0x00, 0x96, 0xb9, 0xe3, 0xff },
  { CGA_PALETTE, 0x01, 0, 0x0f, 0 }, { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff } };
static const ModeTable mode_0e = { 0x63, { 0x01, 0x0f, 0x00, 0x06 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x00, 0x96, 0xb9, 0xe3, 0xff },
  { CGA_PALETTE, 0x01, 0, 0x0f, 0 }, { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff } };
static const ModeTable mode_0f = { 0xa2, { 0x01, 0x0f, 0x00, 0x06 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x40, 0, 0, 0, 0, 0, 0, 0x83, 0x85, 0x5d, 0x28, 0x0f, 0x63, 0xba, 0xe3, 0xff },
  { 0, 8, 0, 0, 0x18, 0x18, 0, 0, 0, 8, 0, 0, 0, 0x18, 0, 0, 0x0b, 0, 0x05, 0 }, { 0, 0, 0, 0, 0, 0x00, 0x05, 0x05, 0xff } };
static const ModeTable mode_10 = { 0xa3, { 0x01, 0x0f, 0x00, 0x06 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x40, 0, 0, 0, 0, 0, 0, 0x83, 0x85, 0x5d, 0x28, 0x0f, 0x63, 0xba, 0xe3, 0xff },
  { EGA_PALETTE, 0x01, 0, 0x0f, 0 }, { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff } };
static const ModeTable mode_12 = { 0xe3, { 0x01, 0x0f, 0x00, 0x06 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x8c, 0xdf, 0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff },
  { EGA_PALETTE, 0x01, 0, 0x0f, 0 }, { 0, 0, 0, 0, 0, 0x00, 0x05, 0x0f, 0xff } };
static const ModeTable mode_13 = { 0x63, { 0x01, 0x0f, 0x00, 0x0e },
  { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0, 0x41, 0, 0, 0, 0, 0, 0, 0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
  { FLAT_PALETTE, 0x41, 0, 0x0f, 0 }, { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff } };
static const ModeTable mode_x240 = { 0xe3, { 0x01, 0x0f, 0x00, 0x06 },
  { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0d, 0x3e, 0, 0x41, 0, 0, 0, 0, 0, 0, 0xea, 0xac, 0xdf, 0x28, 0x00, 0xe7, 0x06, 0xe3, 0xff },
  { FLAT_PALETTE, 0x41, 0, 0x0f, 0 }, { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff } };
static const ModeTable mode_x480 = { 0xe7, { 0x01, 0x0f, 0x00, 0x06 },
  { 0x6b, 0x59, 0x5a, 0x8e, 0x5e, 0x8a, 0x0d, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0xac, 0xdf, 0x2d, 0x00, 0xe7, 0x06, 0xe3, 0xff },
  { FLAT_PALETTE, 0x41, 0, 0x0f, 0 }, { 0, 0, 0, 0, 0, 0x40, 0x05, 0x0f, 0xff } };
/* clang-format on */

static uint16_t
crtc_port (VgaMachine *m)
{
  return in (m, 0x3cc, 1) & 1 ? 0x3d4 : 0x3b4;
}

static void
set_crtc (VgaMachine *m, uint8_t index, uint8_t value)
{
  out (m, crtc_port (m), index | (uint32_t)value << 8, 2);
}

static void
set_seq (VgaMachine *m, uint8_t index, uint8_t value)
{
  out (m, 0x3c4, index | (uint32_t)value << 8, 2);
}

static void
set_gdc (VgaMachine *m, uint8_t index, uint8_t value)
{
  out (m, 0x3ce, index | (uint32_t)value << 8, 2);
}

static void
set_attr (VgaMachine *m, uint8_t index, uint8_t value)
{
  in (m, (uint16_t)(crtc_port (m) + 6), 1);
  out (m, 0x3c0, index, 1);
  out (m, 0x3c0, value, 1);
  out (m, 0x3c0, 0x20, 1);
}

static void
set_dac (VgaMachine *m, uint8_t index, uint8_t r, uint8_t g, uint8_t b)
{
  out (m, 0x3c8, index, 1);
  out (m, 0x3c9, r, 1);
  out (m, 0x3c9, g, 1);
  out (m, 0x3c9, b, 1);
}

/* Each bit of an EGA colour number gives two thirds (low) or one third (high) of red, green and blue. */
static void
set_ega_dac (VgaMachine *m)
{
  for (unsigned i = 0; i < 256; i++)
    set_dac (m, (uint8_t)i, (uint8_t)((i >> 2 & 1) * 42 + (i >> 5 & 1) * 21),
             (uint8_t)((i >> 1 & 1) * 42 + (i >> 4 & 1) * 21), (uint8_t)((i & 1) * 42 + (i >> 3 & 1) * 21));
}

/* 200 line modes: bit 4 is intensity, as on a CGA. */
static void
set_cga_dac (VgaMachine *m)
{
  for (unsigned i = 0; i < 64; i++)
    {
      unsigned low = i >> 4 & 1 ? 21 : 0;
      unsigned green = (i & 0x17) == 6 ? 21 : (i >> 1 & 1) * 42 + low; /* dark yellow is brown */
      set_dac (m, (uint8_t)i, (uint8_t)((i >> 2 & 1) * 42 + low), (uint8_t)green,
               (uint8_t)((i & 1) * 42 + low));
    }
}

/* Monochrome modes: 0x08 normal, 0x18 bright. */
static void
set_mono_dac (VgaMachine *m)
{
  static const uint8_t level[] = { 0, 42, 0, 63 };

  for (unsigned i = 0; i < 64; i++)
    set_dac (m, (uint8_t)i, level[i >> 3 & 3], level[i >> 3 & 3], level[i >> 3 & 3]);
}

/* Three bits red, three green, two blue. */
static void
set_rgb_dac (VgaMachine *m)
{
  for (unsigned i = 0; i < 256; i++)
    set_dac (m, (uint8_t)i, (uint8_t)((i >> 5) * 9), (uint8_t)((i >> 2 & 7) * 9), (uint8_t)((i & 3) * 21));
}

static void
set_mode (VgaMachine *m, const ModeTable *t)
{
  dispi (m, 4, 0);
  out (m, 0x3c2, t->misc, 1);
  set_seq (m, 0, 1);
  for (unsigned i = 0; i < 4; i++)
    set_seq (m, (uint8_t)(i + 1), t->seq[i]);
  set_seq (m, 0, 3);
  set_crtc (m, 0x11, 0);
  for (unsigned i = 0; i < 25; i++)
    set_crtc (m, (uint8_t)i, t->crtc[i]);
  for (unsigned i = 0; i < 9; i++)
    set_gdc (m, (uint8_t)i, t->gdc[i]);
  for (unsigned i = 0; i < 20; i++)
    set_attr (m, (uint8_t)i, t->attr[i]);
  set_attr (m, 0x14, 0);
  if (t->gdc[5] & 0x40)
    set_rgb_dac (m);
  else if (!(t->misc & 1))
    set_mono_dac (m);
  else if (t->crtc[9] & 0x80)
    set_cga_dac (m);
  else
    set_ega_dac (m);
}

/* A font that anybody can read: each character shows its number in hexadecimal, upright or (`variant`) inverse. */
static void
load_font (VgaMachine *m, unsigned map, unsigned height, gboolean variant)
{
  static const uint8_t digit[16][5] = {
    { 7, 5, 5, 5, 7 }, { 2, 6, 2, 2, 7 }, { 7, 1, 7, 4, 7 }, { 7, 1, 3, 1, 7 },
    { 5, 5, 7, 1, 1 }, { 7, 4, 7, 1, 7 }, { 7, 4, 7, 5, 7 }, { 7, 1, 2, 2, 2 },
    { 7, 5, 7, 5, 7 }, { 7, 5, 7, 1, 7 }, { 2, 5, 7, 5, 5 }, { 6, 5, 6, 5, 6 },
    { 7, 4, 4, 4, 7 }, { 6, 5, 5, 5, 6 }, { 7, 4, 6, 4, 7 }, { 7, 4, 6, 4, 4 },
  };
  uint32_t base = (map & 3) << 14 | (map & 4) << 11;
  unsigned top = height / 2 - 3;

  set_seq (m, 2, 4);
  set_seq (m, 4, 7);
  set_gdc (m, 5, 0);
  set_gdc (m, 6, 4);
  for (unsigned c = 0; c < 256; c++)
    for (unsigned row = 0; row < 32; row++)
      {
        uint8_t bits = 0;
        if (c >= 0xc0 && c <= 0xdf && row == height / 2)
          bits = 0xff; /* line graphics run into the ninth dot */
        else if (c != ' ' && row >= top && row < top + 5)
          bits = (uint8_t)(digit[c >> 4][row - top] << 5 | digit[c & 15][row - top] << 1);
        if (variant)
          bits = (uint8_t)~bits;
        poke (m, 0xa0000 + base + c * 32 + row, bits, 1);
      }
  set_seq (m, 2, 3);
  set_seq (m, 4, 2);
  set_gdc (m, 5, 0x10);
  set_gdc (m, 6, in (m, 0x3cc, 1) & 1 ? 0x0e : 0x0a);
}

static void
print (VgaMachine *m, unsigned columns, unsigned row, unsigned column, const char *text, uint8_t attr)
{
  uint32_t base = in (m, 0x3cc, 1) & 1 ? 0xb8000 : 0xb0000;

  for (; *text; text++, column++)
    poke (m, base + (row * columns + column) * 2, (uint8_t)*text | (uint32_t)attr << 8, 2);
}

static void
fill_text (VgaMachine *m, unsigned columns, unsigned rows)
{
  uint32_t base = in (m, 0x3cc, 1) & 1 ? 0xb8000 : 0xb0000;

  for (unsigned i = 0; i < 16384; i++)
    poke (m, base + i * 2 % 0x8000, 0x0720, 2);
  for (unsigned i = 0; i < columns * rows; i++)
    if (i / columns % 8 < 2)
      poke (m, base + i * 2, (i & 0xff) | ((i >> 2) & 0xff) << 8, 2);
}

/* -- Golden pictures ------------------------------------------------------------------------------ */

static char *
golden_path (const char *name)
{
  const char *dir = g_getenv ("VIVARIUM_SRCDIR");
  g_autofree char *file = g_strconcat (name, ".png", NULL);

  return g_build_filename (dir ? dir : ".", "tests/unit/video/golden", file, NULL);
}

static void
write_png (const Framebuffer *fb, const char *path)
{
  g_autoptr (GError) error = NULL;
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

  g_assert_cmpint (fd, >=, 0);
  g_assert_true (display_write_png (fb, fd, &error));
  close (fd);
}

static void
check_golden (VgaMachine *m, const char *name, uint32_t width, uint32_t height)
{
  const Framebuffer *fb = display_output_snapshot (vga_output (m->vga));
  g_autofree char *path = golden_path (name);
  g_autofree uint32_t *expected = NULL;
  png_image image = { .version = PNG_IMAGE_VERSION };

  g_assert_nonnull (fb);
  g_assert_cmpuint (fb->width, ==, width);
  g_assert_cmpuint (fb->height, ==, height);
  if (g_getenv ("VIVARIUM_UPDATE_GOLDEN"))
    {
      write_png (fb, path);
      return;
    }
  if (!png_image_begin_read_from_file (&image, path))
    g_error ("%s: %s", path, image.message);
  g_assert_cmpuint (image.width, ==, width);
  g_assert_cmpuint (image.height, ==, height);
  image.format = PNG_FORMAT_BGRA;
  expected = g_malloc (PNG_IMAGE_SIZE (image));
  g_assert_true (png_image_finish_read (&image, NULL, expected, 0, NULL));
  for (uint32_t y = 0; y < height; y++)
    for (uint32_t x = 0; x < width; x++)
      if ((((const uint32_t *)(fb->pixels + (size_t)y * fb->stride))[x] ^ expected[y * width + x]) & 0xffffff)
        {
          g_autofree char *seen = g_strdup_printf ("%s/vga-%s.png", g_get_tmp_dir (), name);
          write_png (fb, seen);
          g_error ("%s differs at %u,%u; what was drawn is in %s", name, x, y, seen);
        }
}

static uint32_t
pixel (VgaMachine *m, uint32_t x, uint32_t y)
{
  const Framebuffer *fb = display_output_snapshot (vga_output (m->vga));

  g_assert_nonnull (fb);
  g_assert_cmpuint (x, <, fb->width);
  g_assert_cmpuint (y, <, fb->height);
  return ((const uint32_t *)(fb->pixels + (size_t)y * fb->stride))[x] & 0xffffff;
}

/* -- Text ----------------------------------------------------------------------------------------- */

static void
test_text (void)
{
  VgaMachine m;

  vga_machine_open (&m, "16");
  g_assert_null (display_output_snapshot (vga_output (m.vga)));
  set_mode (&m, &mode_03);
  load_font (&m, 0, 16, FALSE);
  fill_text (&m, 80, 25);
  set_crtc (&m, 0x0f, 165);
  check_golden (&m, "text-80x25", 720, 400);

  /* Eight dots, no blinking: bright backgrounds. */
  set_seq (&m, 1, 1);
  set_attr (&m, 0x10, 0x04);
  check_golden (&m, "text-80x25-8-dots", 640, 400);

  /* 50 lines of 8 scan lines. */
  set_mode (&m, &mode_03);
  load_font (&m, 0, 8, FALSE);
  set_crtc (&m, 0x09, 0x47);
  set_crtc (&m, 0x0a, 6);
  set_crtc (&m, 0x0b, 7);
  fill_text (&m, 80, 50);
  check_golden (&m, "text-80x50", 720, 400);

  set_mode (&m, &mode_01);
  load_font (&m, 0, 16, FALSE);
  fill_text (&m, 40, 25);
  check_golden (&m, "text-40x25", 720, 400);

  set_mode (&m, &mode_07);
  load_font (&m, 0, 16, FALSE);
  fill_text (&m, 80, 25);
  print (&m, 80, 2, 4, "underlined", 0x01);
  print (&m, 80, 2, 24, "bright and underlined", 0x09);
  print (&m, 80, 2, 50, "inverse", 0x70);
  check_golden (&m, "text-mono", 720, 400);
  vga_machine_close (&m);
}

static void
test_text_fonts_and_scrolling (void)
{
  VgaMachine m;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_03);
  load_font (&m, 0, 16, FALSE);
  load_font (&m, 5, 16, TRUE);
  fill_text (&m, 80, 60);
  /* Attribute bit 3 chooses map A (5); otherwise map B (0). */
  set_seq (&m, 3, 0x24);
  check_golden (&m, "text-two-fonts", 720, 400);
  set_seq (&m, 3, 0);

  /* Start address, preset row scan, panning, and a split that keeps the bottom still. */
  set_crtc (&m, 0x0c, 0);
  set_crtc (&m, 0x0d, 160);
  set_crtc (&m, 0x08, 5);
  set_attr (&m, 0x13, 2);
  set_attr (&m, 0x10, 0x2c);
  set_crtc (&m, 0x18, 0x2b);
  set_crtc (&m, 0x07, 0x1f);
  set_crtc (&m, 0x09, 0x0f);
  check_golden (&m, "text-split", 720, 400);
  vga_machine_close (&m);
}

static void
test_text_cursor (void)
{
  VgaMachine m;
  const int64_t frame = 449LL * 900 * NS_PER_SECOND / 28322000;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_03);
  load_font (&m, 0, 16, FALSE);
  for (unsigned i = 0; i < 2000; i++)
    poke (&m, 0xb8000 + i * 2, 0x0720, 2);
  set_crtc (&m, 0x0e, 0);
  set_crtc (&m, 0x0f, 82);
  g_assert_cmphex (pixel (&m, 18, 16 + 13), ==, 0xaaaaaa);
  g_assert_cmphex (pixel (&m, 26, 16 + 14), ==, 0xaaaaaa);
  g_assert_cmphex (pixel (&m, 27, 16 + 13), ==, 0);
  g_assert_cmphex (pixel (&m, 18, 16 + 12), ==, 0);
  g_assert_cmphex (pixel (&m, 18, 16 + 15), ==, 0);
  /* Skew moves it, a larger start than end hides it, and so does bit 5. */
  set_crtc (&m, 0x0b, 0x2e);
  g_assert_cmphex (pixel (&m, 18, 16 + 13), ==, 0);
  g_assert_cmphex (pixel (&m, 27, 16 + 13), ==, 0xaaaaaa);
  set_crtc (&m, 0x0b, 0x0c);
  g_assert_cmphex (pixel (&m, 18, 16 + 13), ==, 0);
  set_crtc (&m, 0x0b, 0x0e);
  set_crtc (&m, 0x0a, 0x2d);
  g_assert_cmphex (pixel (&m, 18, 16 + 13), ==, 0);
  set_crtc (&m, 0x0a, 0x0d);
  g_assert_cmphex (pixel (&m, 18, 16 + 13), ==, 0xaaaaaa);

  /* Eight frames on, eight off; blinking characters sixteen. */
  print (&m, 80, 0, 0, "\xdb", 0x8f);
  vm_clock_advance (m.vm->clock, 9 * frame);
  g_assert_cmphex (pixel (&m, 18, 16 + 13), ==, 0);
  g_assert_cmphex (pixel (&m, 0, 8), ==, 0xffffff);
  vm_clock_advance (m.vm->clock, 8 * frame);
  g_assert_cmphex (pixel (&m, 18, 16 + 13), ==, 0xaaaaaa);
  g_assert_cmphex (pixel (&m, 0, 8), ==, 0);
  vga_machine_close (&m);
}

static void
test_text_utf8 (void)
{
  VgaMachine m;
  g_autofree char *text = NULL, *none = NULL;
  g_auto (GStrv) lines = NULL;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_03);
  for (unsigned i = 0; i < 2000; i++)
    poke (&m, 0xb8000 + i * 2, 0x0720, 2);
  print (&m, 80, 0, 0, "C:\\> dir", 7);
  print (&m, 80, 1, 2, "\x81\xc9\xcd\xbb\xb1\x03", 0x1f);
  print (&m, 80, 24, 79, "x", 0);
  text = display_output_text (vga_output (m.vga));
  lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 26);
  g_assert_cmpstr (lines[0], ==, "C:\\> dir");
  g_assert_cmpstr (lines[1], ==, "  ü╔═╗▒♥");
  g_assert_cmpstr (lines[2], ==, "");
  g_assert_cmpuint (strlen (lines[24]), ==, 80);
  set_mode (&m, &mode_13);
  none = display_output_text (vga_output (m.vga));
  g_assert_null (none);
  vga_machine_close (&m);
}

/* -- Graphics ------------------------------------------------------------------------------------- */

/* Through the data path as programs do: a frame by set/reset and bit mask, bars by write mode 2, a copy by latches, a diagonal by
 * write mode 3. */
static void
draw_planar (VgaMachine *m, unsigned bytes, unsigned lines)
{
  set_gdc (m, 1, 0x0f);
  for (unsigned y = 0; y < lines; y++)
    for (unsigned x = 0; x < bytes; x++)
      {
        gboolean edge = y < 2 || y >= lines - 2;
        uint8_t mask = edge ? 0xff : x == 0 ? 0xc0 : x == bytes - 1 ? 0x03 : 0;
        if (mask == 0)
          continue;
        set_gdc (m, 0, 15);
        set_gdc (m, 8, mask);
        peek (m, 0xa0000 + y * bytes + x, 1);
        poke (m, 0xa0000 + y * bytes + x, 0, 1);
      }
  set_gdc (m, 1, 0);
  set_gdc (m, 8, 0xff);
  set_gdc (m, 5, 2);
  for (unsigned y = 10; y < lines / 3; y++)
    for (unsigned x = 2; x < bytes - 2; x++)
      poke (m, 0xa0000 + y * bytes + x, x * 16 / bytes, 1);
  set_gdc (m, 5, 1);
  for (unsigned y = 10; y < lines / 3; y++)
    for (unsigned x = 2; x < bytes / 2; x++)
      {
        peek (m, 0xa0000 + y * bytes + x + bytes / 4, 1);
        poke (m, 0xa0000 + (y + lines / 3) * bytes + x, 0, 1);
      }
  set_gdc (m, 5, 3);
  set_gdc (m, 0, 14);
  for (unsigned i = 10; i < lines - 10; i++)
    {
      peek (m, 0xa0000 + i * bytes + i / 8 % bytes, 1);
      poke (m, 0xa0000 + i * bytes + i / 8 % bytes, 0x80 >> (i & 7), 1);
    }
  /* A block exclusive-or'ed over what is there. */
  set_gdc (m, 5, 2);
  set_gdc (m, 3, 0x18);
  for (unsigned y = lines / 4; y < lines / 2; y++)
    for (unsigned x = bytes / 2; x < bytes / 2 + bytes / 8; x++)
      {
        peek (m, 0xa0000 + y * bytes + x, 1);
        poke (m, 0xa0000 + y * bytes + x, 0x9, 1);
      }
  set_gdc (m, 3, 0);
  set_gdc (m, 5, 0);
}

static void
test_planar (void)
{
  static const struct
  {
    const char *name;
    const ModeTable *mode;
    unsigned bytes, lines, width, height;
  } cases[] = {
    { "planar-0d", &mode_0d, 40, 200, 640, 400 }, { "planar-0e", &mode_0e, 80, 200, 640, 400 },
    { "planar-0f", &mode_0f, 80, 350, 640, 350 }, { "planar-10", &mode_10, 80, 350, 640, 350 },
    { "planar-12", &mode_12, 80, 480, 640, 480 },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      VgaMachine m;

      vga_machine_open (&m, "16");
      set_mode (&m, cases[i].mode);
      draw_planar (&m, cases[i].bytes, cases[i].lines);
      check_golden (&m, cases[i].name, cases[i].width, cases[i].height);
      vga_machine_close (&m);
    }
}

static void
test_cga (void)
{
  VgaMachine m;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_04);
  for (unsigned y = 0; y < 200; y++)
    for (unsigned x = 0; x < 80; x++)
      poke (&m, 0xb8000 + (y & 1) * 0x2000 + y / 2 * 80 + x,
            y < 100  ? 0x1b
            : x < 40 ? 0x55 * (y / 25 & 3)
            : y % 2  ? 0xff
                     : 0x00,
            1);
  check_golden (&m, "cga-4-colours", 640, 400);
  set_mode (&m, &mode_06);
  for (unsigned y = 0; y < 200; y++)
    for (unsigned x = 0; x < 80; x++)
      poke (&m, 0xb8000 + (y & 1) * 0x2000 + y / 2 * 80 + x, y < 100 ? x : (x ^ y) & 8 ? 0xff : 0x01, 1);
  check_golden (&m, "cga-2-colours", 640, 400);
  vga_machine_close (&m);
}

static void
test_mode_13 (void)
{
  VgaMachine m;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_13);
  for (unsigned y = 0; y < 200; y++)
    for (unsigned x = 0; x < 320; x++)
      poke (&m, 0xa0000 + y * 320 + x, y < 8 ? x : (x / 20 + y / 13 * 16), 1);
  check_golden (&m, "mode-13", 640, 400);
  /* The window is plain memory now, the same as the frame buffer's first bytes. */
  g_assert_cmphex (peek (&m, VRAM_BASE + 5, 1), ==, 5);
  poke (&m, VRAM_BASE + 5, 0xe0, 1);
  g_assert_cmphex (peek (&m, 0xa0005, 1), ==, 0xe0);
  g_assert_cmphex (pixel (&m, 10, 0), ==, 0xff0000);
  g_assert_cmphex (pixel (&m, 11, 1), ==, 0xff0000);
  /* Chained bytes lie in plane (address & 3) at offset (address & ~3). */
  set_seq (&m, 4, 6);
  set_gdc (&m, 4, 1);
  g_assert_cmphex (peek (&m, 0xa0004, 1), ==, 0xe0);
  set_gdc (&m, 4, 0);
  g_assert_cmphex (peek (&m, 0xa0004, 1), ==, 4);
  set_seq (&m, 2, 8);
  poke (&m, 0xa0004, 0x99, 1);
  set_seq (&m, 2, 15);
  set_seq (&m, 4, 0xe);
  g_assert_cmphex (peek (&m, 0xa0007, 1), ==, 0x99);

  /* Split at line 200, scrolled by a line and panned by three pixels above it only. */
  set_crtc (&m, 0x18, 199);
  set_crtc (&m, 0x07, 0x0f);
  set_crtc (&m, 0x09, 0x01);
  set_crtc (&m, 0x0d, 80);
  set_attr (&m, 0x13, 6);
  set_attr (&m, 0x10, 0x61);
  g_assert_cmphex (pixel (&m, 0, 0), ==, 0x0000ff);
  g_assert_cmphex (pixel (&m, 10, 200), ==, 0xff0000);
  check_golden (&m, "mode-13-split", 640, 400);
  /* Screen off. */
  set_seq (&m, 1, 0x21);
  g_assert_null (display_output_snapshot (vga_output (m.vga)));
  set_seq (&m, 1, 0x01);
  g_assert_nonnull (display_output_snapshot (vga_output (m.vga)));
  vga_machine_close (&m);
}

static void
test_mode_x (void)
{
  static const struct
  {
    const char *name;
    const ModeTable *mode;
    unsigned width, lines;
  } cases[] = { { "mode-x-320x240", &mode_x240, 320, 240 }, { "mode-x-360x480", &mode_x480, 360, 480 } };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      VgaMachine m;
      unsigned width = cases[i].width;

      vga_machine_open (&m, "16");
      set_mode (&m, cases[i].mode);
      for (unsigned plane = 0; plane < 4; plane++)
        {
          set_seq (&m, 2, (uint8_t)(1 << plane));
          for (unsigned y = 0; y < cases[i].lines; y++)
            for (unsigned x = plane; x < width; x += 4)
              poke (&m, 0xa0000 + y * width / 4 + x / 4,
                    (y / 20 * 16 + x / 20) ^ (plane == 1 && y % 40 == 0 ? 0xff : 0), 1);
        }
      check_golden (&m, cases[i].name, width * 2, 480);
      vga_machine_close (&m);
    }
}

/* -- Data path ------------------------------------------------------------------------------------ */

static void
test_data_path (void)
{
  VgaMachine m;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_12);
  /* Map mask: four planes, four stores; read map: four loads. */
  for (unsigned p = 0; p < 4; p++)
    {
      set_seq (&m, 2, (uint8_t)(1 << p));
      poke (&m, 0xa1234, 0x11 << p, 1);
    }
  for (unsigned p = 0; p < 4; p++)
    {
      set_gdc (&m, 4, (uint8_t)p);
      g_assert_cmphex (peek (&m, 0xa1234, 1), ==, 0x11 << p);
    }
  set_seq (&m, 2, 15);
  /* Rotate and or. */
  set_gdc (&m, 3, 0x13);
  peek (&m, 0xa1234, 1);
  poke (&m, 0xa1234, 0x08, 1);
  set_gdc (&m, 4, 1);
  g_assert_cmphex (peek (&m, 0xa1234, 1), ==, 0x22 | 0x01);
  set_gdc (&m, 3, 0);
  /* Color compare: plane 0 is 0x11, 1 is 0x23, 2 is 0x45, 3 is 0x89. */
  set_gdc (&m, 5, 8);
  set_gdc (&m, 2, 0x0f);
  set_gdc (&m, 7, 0x0f);
  g_assert_cmphex (peek (&m, 0xa1234, 1), ==, 0x01);
  set_gdc (&m, 7, 0x01);
  g_assert_cmphex (peek (&m, 0xa1234, 1), ==, 0x11);
  set_gdc (&m, 7, 0);
  g_assert_cmphex (peek (&m, 0xa1234, 1), ==, 0xff);
  set_gdc (&m, 5, 0);
  /* Wide accesses are bytes in order. */
  poke (&m, 0xa2000, 0x8877665544332211ull, 8);
  g_assert_cmphex (peek (&m, 0xa2002, 2), ==, 0x4433);
  g_assert_cmphex (peek (&m, 0xa2007, 1), ==, 0x88);
  /* Memory map select. */
  g_assert_cmphex (peek (&m, 0xb8000, 1), ==, 0xff);
  set_gdc (&m, 6, 0x0d);
  g_assert_cmphex (peek (&m, 0xa2000, 1), ==, 0xff);
  poke (&m, 0xb8010, 0x5a, 1);
  set_gdc (&m, 6, 0x09);
  g_assert_cmphex (peek (&m, 0xb0010, 1), ==, 0x5a);
  set_gdc (&m, 6, 0x01);
  g_assert_cmphex (peek (&m, 0xa0010, 1), ==, 0x5a);
  g_assert_cmphex (peek (&m, 0xb0010, 1), ==, 0x5a);
  /* RAM access disabled. */
  out (&m, 0x3c2, 0xe1, 1);
  g_assert_cmphex (peek (&m, 0xa0010, 1), ==, 0xff);
  vga_machine_close (&m);
}

static void
test_registers (void)
{
  VgaMachine m;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_03);
  /* CRTC 0-7 are protected, but for bit 4 of 7. */
  set_crtc (&m, 0x00, 0x11);
  set_crtc (&m, 0x07, 0x00);
  out (&m, 0x3d4, 0, 1);
  g_assert_cmphex (in (&m, 0x3d5, 1), ==, 0x5f);
  out (&m, 0x3d4, 7, 1);
  g_assert_cmphex (in (&m, 0x3d5, 1), ==, 0x0f);
  /* The monochrome range is dead in a colour mode; what is written there waits for the switch. */
  g_assert_cmphex (in (&m, 0x3b5, 1), ==, 0xff);
  out (&m, 0x3b4, 0x0e, 1);
  g_assert_cmphex (in (&m, 0x3b4, 1), ==, 0xff);
  out (&m, 0x3b5, 0x5a, 1);
  out (&m, 0x3d4, 0x0e, 1);
  g_assert_cmphex (in (&m, 0x3d5, 1), !=, 0x5a);
  out (&m, 0x3c2, 0x66, 1);
  g_assert_cmphex (in (&m, 0x3b5, 1), ==, 0x5a);
  /* The colour range answers in both: the VGA BIOS comes back by it. */
  out (&m, 0x3d4, 7, 1);
  g_assert_cmphex (in (&m, 0x3d5, 1), ==, 0x0f);
  g_assert_cmphex (in (&m, 0x3b5, 1), ==, 0x0f);
  out (&m, 0x3c2, 0x67, 1);
  /* Flip-flop. */
  in (&m, 0x3da, 1);
  out (&m, 0x3c0, 0x31, 1);
  g_assert_cmphex (in (&m, 0x3c1, 1), ==, 0);
  out (&m, 0x3c0, 0x07, 1);
  g_assert_cmphex (in (&m, 0x3c1, 1), ==, 7);
  g_assert_cmphex (in (&m, 0x3c0, 1), ==, 0x31);
  /* DAC. */
  set_dac (&m, 200, 0xff, 2, 3);
  g_assert_cmphex (in (&m, 0x3c7, 1), ==, 0);
  out (&m, 0x3c7, 200, 1);
  g_assert_cmphex (in (&m, 0x3c7, 1), ==, 3);
  g_assert_cmphex (in (&m, 0x3c9, 1), ==, 0x3f);
  g_assert_cmphex (in (&m, 0x3c9, 1), ==, 2);
  g_assert_cmphex (in (&m, 0x3c9, 1), ==, 3);
  g_assert_cmphex (in (&m, 0x3c8, 1), ==, 201);
  dispi (&m, 4, 0x20);
  set_dac (&m, 200, 0xff, 2, 3);
  out (&m, 0x3c7, 200, 1);
  g_assert_cmphex (in (&m, 0x3c9, 1), ==, 0xff);
  vga_machine_close (&m);
}

static void
test_retrace (void)
{
  VgaMachine m;
  unsigned seen = 0, changes = 0, display = 0, total = 0;
  uint32_t last = 0;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_13);
  /* A second of polling every 4 µs: 70 retraces of two lines each. */
  for (int64_t t = 0; t < NS_PER_SECOND; t += 4000)
    {
      vm_clock_advance (m.vm->clock, 4000);
      uint32_t status = in (&m, 0x3da, 1);
      if ((status & 8) && !(last & 8))
        seen++;
      changes += (status ^ last) & 1;
      display += !(status & 1);
      total++;
      last = status;
    }
  g_assert_cmpuint (seen, >=, 69);
  g_assert_cmpuint (seen, <=, 71);
  g_assert_cmpuint (changes, >, 70 * 400);
  g_assert_cmpfloat ((double)display / total, >, 0.6);
  g_assert_cmpfloat ((double)display / total, <, 0.8);
  /* Slow polls, one a millisecond, miss none. */
  seen = 0;
  for (unsigned i = 0; i < 1000; i++)
    {
      vm_clock_advance (m.vm->clock, 1000000);
      uint32_t status = in (&m, 0x3da, 1);
      if ((status & 8) && !(last & 8))
        seen++;
      last = status;
    }
  g_assert_cmpuint (seen, >=, 69);
  vga_machine_close (&m);
}

/* -- DISPI ---------------------------------------------------------------------------------------- */

static void
set_dispi_mode (VgaMachine *m, uint16_t width, uint16_t height, uint16_t bpp, uint16_t flags)
{
  dispi (m, 4, 0);
  dispi (m, 1, width);
  dispi (m, 2, height);
  dispi (m, 3, bpp);
  dispi (m, 4, 1 | flags);
  in (m, 0x3da, 1);
  out (m, 0x3c2, 0x67, 1);
  in (m, 0x3da, 1);
  out (m, 0x3c0, 0x20, 1);
}

static void
test_dispi (void)
{
  VgaMachine m;
  const Framebuffer *fb;

  vga_machine_open (&m, "16");
  g_assert_cmphex (dispi_get (&m, 0), ==, 0xb0c5);
  g_assert_cmpuint (dispi_get (&m, 10), ==, 256);
  dispi (&m, 0, 0xb0c2);
  g_assert_cmphex (dispi_get (&m, 0), ==, 0xb0c2);
  dispi (&m, 4, 2);
  g_assert_cmpuint (dispi_get (&m, 1), ==, DISPLAY_MAX_SIZE);
  g_assert_cmpuint (dispi_get (&m, 3), ==, 32);

  /* 32 bits: the scanout is video memory. */
  set_dispi_mode (&m, 640, 480, 32, 0x40);
  poke (&m, VRAM_BASE + (10 * 640 + 20) * 4, 0x123456, 4);
  g_assert_cmphex (pixel (&m, 20, 10), ==, 0x123456);
  fb = display_output_snapshot (vga_output (m.vga));
  g_assert_cmpint (fb->fd, >=, 0);
  g_assert_cmpuint (fb->stride, ==, 2560);
  g_assert_cmpuint (fb->offset, ==, 0);
  /* A larger virtual screen, panned. */
  dispi (&m, 6, 800);
  g_assert_cmpuint (dispi_get (&m, 7), ==, (16u << 20) / 3200);
  dispi (&m, 8, 8);
  dispi (&m, 9, 3);
  fb = display_output_snapshot (vga_output (m.vga));
  g_assert_cmpuint (fb->offset, ==, 3 * 3200 + 32);
  g_assert_cmpuint (fb->stride, ==, 3200);
  /* Panned over the end: wraps, by way of the surface. */
  dispi (&m, 9, 5242);
  g_assert_cmphex (pixel (&m, 0, 0), ==, 0);
  fb = display_output_snapshot (vga_output (m.vga));
  g_assert_cmpuint (fb->stride, ==, 2560);

  /* Memory is cleared unless asked not to. */
  set_dispi_mode (&m, 640, 480, 32, 0xc0);
  g_assert_cmphex (pixel (&m, 20, 10), ==, 0x123456);
  set_dispi_mode (&m, 640, 480, 32, 0x40);
  g_assert_cmphex (pixel (&m, 20, 10), ==, 0);

  set_dispi_mode (&m, 320, 200, 16, 0x40);
  poke (&m, VRAM_BASE + (7 * 320 + 5) * 2, 0xf81f, 2);
  g_assert_cmphex (pixel (&m, 5, 7), ==, 0xff00ff);
  poke (&m, VRAM_BASE, 0x07e0, 2);
  g_assert_cmphex (pixel (&m, 0, 0), ==, 0x00ff00);
  set_dispi_mode (&m, 320, 200, 15, 0x40);
  poke (&m, VRAM_BASE, 0x7c1f, 2);
  poke (&m, VRAM_BASE + 2, 0x03e0, 2);
  g_assert_cmphex (pixel (&m, 0, 0), ==, 0xff00ff);
  g_assert_cmphex (pixel (&m, 1, 0), ==, 0x00ff00);
  set_dispi_mode (&m, 320, 200, 24, 0x40);
  poke (&m, VRAM_BASE + 3, 0xabcdef, 4);
  g_assert_cmphex (pixel (&m, 1, 0), ==, 0xabcdef);

  /* 8 bits, banked: the window shows bank 1 of 64 KiB. */
  set_dispi_mode (&m, 640, 480, 8, 0x20);
  set_dac (&m, 7, 0x12, 0x34, 0x56);
  dispi (&m, 5, 1);
  poke (&m, 0xa0000, 7, 1);
  g_assert_cmphex (pixel (&m, 65536 % 640, 65536 / 640), ==, 0x123456);
  g_assert_cmphex (peek (&m, VRAM_BASE + 65536, 1), ==, 7);
  poke (&m, 0xaffff, 7, 1);
  g_assert_cmphex (peek (&m, VRAM_BASE + 131071, 1), ==, 7);
  dispi (&m, 5, 0x101); /* wraps in 256 banks */
  g_assert_cmphex (peek (&m, 0xa0000, 1), ==, 7);
  g_assert_cmphex (peek (&m, 0xb0000, 1), ==, 0xff);

  /* Larger than memory. */
  set_dispi_mode (&m, 16384, 16384, 32, 0x40);
  fb = display_output_snapshot (vga_output (m.vga));
  g_assert_cmpuint (fb->width, ==, 16384);
  g_assert_cmpuint (fb->height, ==, 256);
  dispi (&m, 9, 0xffff);
  dispi (&m, 8, 0xffff);
  g_assert_nonnull (display_output_snapshot (vga_output (m.vga)));
  vga_machine_close (&m);
}

static void
test_dispi_planar (void)
{
  VgaMachine m;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_12);
  set_dispi_mode (&m, 1024, 768, 4, 0);
  out (&m, 0x3c2, 0xe3, 1);
  set_gdc (&m, 5, 2);
  /* Line 600 is in the second bank. */
  uint32_t offset = 600 * 128 + 5;
  dispi (&m, 5, (uint16_t)(offset >> 16));
  poke (&m, 0xa0000 + (offset & 0xffff), 12, 1);
  g_assert_cmphex (pixel (&m, 40, 600), ==, 0xff5555);
  g_assert_cmphex (pixel (&m, 47, 600), ==, 0xff5555);
  g_assert_cmphex (pixel (&m, 48, 600), ==, 0);
  vga_machine_close (&m);
}

static void
test_bars (void)
{
  VgaMachine m;
  uint8_t sum = 0;

  vga_machine_open (&m, "16");
  vm_lock (m.vm);
  g_assert_cmphex (pci_bus_config_read (m.bus, PCI_DEVFN (2, 0), PCI_VENDOR_ID, 4), ==, 0x11111234);
  g_assert_cmphex (pci_bus_config_read (m.bus, PCI_DEVFN (2, 0), PCI_REVISION_ID, 4) >> 8, ==, 0x030000);
  g_assert_cmphex (pci_bus_config_read (m.bus, PCI_DEVFN (2, 0), PCI_BAR0, 4), ==, VRAM_BASE | 8);
  vm_unlock (m.vm);
  /* Registers in BAR 2, as bochs-drm uses them. */
  g_assert_cmphex (peek (&m, MMIO_BASE + 0x500, 2), ==, 0xb0c5);
  g_assert_cmphex (peek (&m, MMIO_BASE + 0x600, 4), ==, 8);
  g_assert_cmphex (peek (&m, MMIO_BASE + 0x604, 4), ==, 0x1e1e1e1e);
  poke (&m, MMIO_BASE + 0x502, 640, 2);
  poke (&m, MMIO_BASE + 0x504, 480, 2);
  poke (&m, MMIO_BASE + 0x506, 32, 2);
  poke (&m, MMIO_BASE + 0x508, 0x41, 2);
  poke (&m, MMIO_BASE + 0x402, 1, 1);
  poke (&m, MMIO_BASE + 0x400, 0x20, 1);
  poke (&m, VRAM_BASE, 0x00112233, 4);
  g_assert_cmphex (pixel (&m, 0, 0), ==, 0x112233);
  poke (&m, MMIO_BASE + 0x604, 0xbebebebe, 4);
  g_assert_cmphex (pixel (&m, 0, 0), ==, 0x221100);
  poke (&m, MMIO_BASE + 0x604, 0x1e1e1e1e, 4);
  g_assert_cmphex (pixel (&m, 0, 0), ==, 0x112233);
  /* EDID. */
  g_assert_cmphex (peek (&m, MMIO_BASE, 8), ==, 0x00ffffffffffff00ull);
  for (unsigned i = 0; i < 128; i++)
    sum = (uint8_t)(sum + peek (&m, MMIO_BASE + i, 1));
  g_assert_cmpuint (sum, ==, 0);
  g_assert_cmpuint (peek (&m, MMIO_BASE + 56, 1) | (peek (&m, MMIO_BASE + 58, 1) & 0xf0) << 4, ==, 1280);
  g_assert_cmpuint (peek (&m, MMIO_BASE + 59, 1) | (peek (&m, MMIO_BASE + 61, 1) & 0xf0) << 4, ==, 800);
  vga_machine_close (&m);
}

static void
test_rom (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "viv-vga-rom-XXXXXX", NULL);
  char rom[1024] = { 0x55, (char)0xaa, 2 };
  int fd = g_mkstemp (path);
  Vm *vm = vm_new (NULL, TRUE);
  AccessCache cache = { 0 };

  g_assert_cmpint (write (fd, rom, sizeof rom), ==, sizeof rom);
  close (fd);
  vm_lock (vm);
  PciRoot *root = pci_root_new (vm, vga_machine_intx, NULL, NULL);
  PciBus *bus = pci_root_bus (root);
  Device *vga = vga_new (vm, bus, PCI_DEVFN (2, 0), "vga0");
  g_assert_true (device_set_property (vga, "romfile", "/nonexistent/rom", NULL));
  g_assert_false (device_realize (vga, &error));
  g_assert_nonnull (strstr (error->message, "/nonexistent/rom"));
  g_assert_true (device_set_property (vga, "romfile", path, NULL));
  g_assert_true (device_realize (vga, NULL));
  pci_bus_config_write (bus, PCI_DEVFN (2, 0), PCI_ROM_ADDRESS, 0xf0000001, 4);
  pci_bus_config_write (bus, PCI_DEVFN (2, 0), PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
  g_assert_cmphex (address_space_load (vm->memory, &cache, 0xf0000000, 2, TRUE), ==, 0xaa55);
  address_space_store (vm->memory, &cache, 0xf0000000, 0, 2, TRUE);
  g_assert_cmphex (address_space_load (vm->memory, &cache, 0xf0000000, 4, TRUE), ==, 0x0002aa55);
  access_cache_clear (&cache);
  device_free (vga);
  pci_root_free (root);
  vm_unlock (vm);
  vm_free (vm);
  unlink (path);
}

/* -- Dirty tracking ------------------------------------------------------------------------------- */

typedef struct
{
  unsigned frames;
  DisplayRect bounds;
} Seen;

static void
on_scanout (void *opaque, const Framebuffer *fb)
{
}

static void
on_damage (void *opaque, const Damage *damage)
{
  Seen *seen = opaque;

  seen->frames++;
  for (unsigned i = 0; i < damage->n; i++)
    seen->bounds = display_rect_union (&seen->bounds, &damage->rect[i]);
}

static const DisplayViewerFuncs viewer_funcs = { .scanout = on_scanout, .damage = on_damage };

/* 80 ms, and as many turns of the loop as fit in there on an idle host: a loaded one may take all the time from a single turn. */
static void
run_ticks (Seen *seen)
{
  int64_t end = g_get_monotonic_time () + 80000;

  *seen = (Seen){ 0 };
  for (unsigned turn = 0; turn < 40 || g_get_monotonic_time () < end; turn++, g_usleep (2000))
    while (g_main_context_iteration (NULL, FALSE))
      ;
}

static void
test_damage (void)
{
  VgaMachine m;
  Seen seen;

  vga_machine_open (&m, "16");
  set_mode (&m, &mode_03);
  load_font (&m, 0, 16, FALSE);
  fill_text (&m, 80, 25);
  DisplayViewer *viewer = display_output_attach (vga_output (m.vga), &viewer_funcs, &seen);
  run_ticks (&seen);
  run_ticks (&seen);
  g_assert_cmpuint (seen.frames, ==, 0);
  print (&m, 80, 3, 10, "\x41\x42", 0x1f);
  run_ticks (&seen);
  g_assert_cmpuint (seen.frames, ==, 1);
  g_assert_cmpint (seen.bounds.x, ==, 90);
  g_assert_cmpint (seen.bounds.y, ==, 48);
  g_assert_cmpint (seen.bounds.width, ==, 18);
  g_assert_cmpint (seen.bounds.height, ==, 16);

  set_mode (&m, &mode_12);
  draw_planar (&m, 80, 480);
  run_ticks (&seen);
  run_ticks (&seen);
  g_assert_cmpuint (seen.frames, ==, 0);
  poke (&m, 0xa0000 + 400 * 80 + 40, 0xff, 1);
  run_ticks (&seen);
  g_assert_cmpint (seen.bounds.x, ==, 320);
  g_assert_cmpint (seen.bounds.y, ==, 400);
  g_assert_cmpint (seen.bounds.width, ==, 8);
  g_assert_cmpint (seen.bounds.height, ==, 1);

  set_dispi_mode (&m, 640, 480, 32, 0x40);
  run_ticks (&seen);
  poke (&m, VRAM_BASE + 300 * 2560, 0xff, 1);
  run_ticks (&seen);
  g_assert_cmpuint (seen.frames, ==, 1);
  g_assert_cmpint (seen.bounds.y, <=, 300);
  g_assert_cmpint (seen.bounds.y + seen.bounds.height, >, 300);
  g_assert_cmpint (seen.bounds.height, <=, 4);
  display_viewer_detach (viewer);
  vga_machine_close (&m);
}

/* Pictures kept up by the dirty log equal pictures drawn from nothing. */
static void
test_dirty_equals_full (void)
{
  static const ModeTable *const modes[]
      = { &mode_03, &mode_04, &mode_06, &mode_0d, &mode_12, &mode_13, &mode_x240, NULL };
  g_autoptr (GRand) rand = g_rand_new_with_seed (4711);

  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      VgaMachine m;

      vga_machine_open (&m, "16");
      if (modes[i])
        set_mode (&m, modes[i]);
      else
        set_dispi_mode (&m, 800, 600, 16, 0x40);
      DisplayViewer *viewer = display_output_attach (vga_output (m.vga), &viewer_funcs, &(Seen){ 0 });
      for (unsigned round = 0; round < 30; round++)
        {
          for (unsigned k = 0; k < 20; k++)
            {
              poke (&m, 0xa0000 + g_rand_int_range (rand, 0, 0x20000), g_rand_int (rand), 1);
              if (k % 4 == 0)
                poke (&m, VRAM_BASE + g_rand_int_range (rand, 0, 0x40000), g_rand_int (rand), 1);
            }
          if (round % 5 == 4 && modes[i])
            set_crtc (&m, 0x0d, (uint8_t)(round * 8));
          display_output_snapshot (vga_output (m.vga));
        }
      const Framebuffer *fb = display_output_snapshot (vga_output (m.vga));
      gsize length = (gsize)fb->stride * fb->height;
      g_autofree uint8_t *kept = g_memdup2 (fb->pixels, length);
      display_viewer_detach (viewer);
      fb = display_output_snapshot (vga_output (m.vga));
      g_assert_cmpmem (kept, length, fb->pixels, (gsize)fb->stride * fb->height);
      vga_machine_close (&m);
    }
}

/* -- State and hostility -------------------------------------------------------------------------- */

static void
test_state (void)
{
  VgaMachine a, b;
  g_autoptr (GByteArray) saved = g_byte_array_new (), again = g_byte_array_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (GError) error = NULL;

  vga_machine_open (&a, "16");
  set_mode (&a, &mode_13);
  set_dac (&a, 3, 1, 2, 3);
  out (&a, 0x3c7, 9, 1);
  in (&a, 0x3c9, 1);
  state_save (vga_class.state, a.vga, saved);
  vga_machine_open (&b, "16");
  vm_lock (b.vm);
  g_assert_true (state_load (vga_class.state, b.vga, saved->data, saved->len, &error));
  g_assert_true (vga_class.post_load (b.vga, &error));
  vm_unlock (b.vm);
  state_save (vga_class.state, b.vga, again);
  g_assert_cmpmem (saved->data, saved->len, again->data, again->len);
  const Framebuffer *fb = display_output_snapshot (vga_output (b.vga));
  g_assert_cmpuint (fb->width, ==, 640);
  poke (&b, 0xa0000, 3, 1);
  g_assert_cmphex (peek (&b, VRAM_BASE, 1), ==, 3);

  /* Damaged states are refused or loaded; neither does harm. */
  for (unsigned i = 0; i < 2000; i++)
    {
      g_autofree uint8_t *copy = g_memdup2 (saved->data, saved->len);

      for (unsigned k = 0; k < 4; k++)
        copy[g_rand_int_range (rand, 0, (int)saved->len)] = (uint8_t)g_rand_int (rand);
      vm_lock (b.vm);
      if (state_load (vga_class.state, b.vga, copy, saved->len, NULL))
        vga_class.post_load (b.vga, NULL);
      vm_unlock (b.vm);
      if (i % 50 == 0)
        {
          display_output_snapshot (vga_output (b.vga));
          poke (&b, 0xa0000 + i, i, 4);
        }
    }
  vga_machine_close (&a);
  vga_machine_close (&b);
}

static void
test_hostile (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20171528);

  for (unsigned round = 0; round < 12; round++)
    {
      VgaMachine m;
      DisplayViewer *viewer;
      uint32_t program[1500];

      vga_machine_open (&m, round & 1 ? "1" : "16");
      viewer = round & 2 ? display_output_attach (vga_output (m.vga), &viewer_funcs, &(Seen){ 0 }) : NULL;
      if (round & 4)
        set_mode (&m, &mode_03);
      for (unsigned i = 0; i < G_N_ELEMENTS (program); i++)
        program[i] = g_rand_int (rand);
      vga_machine_fuzz (&m, (const uint8_t *)program, sizeof program);
      if (viewer)
        display_viewer_detach (viewer);
      vga_machine_close (&m);
    }
}

/* -- Beside a guest that goes on --------------------------------------------------------------------- */

typedef struct
{
  VgaMachine m; /* with look-up caches of its own */
  gint stop;    /* atomic */
} Guest;

static gpointer
run_guest (gpointer data)
{
  Guest *guest = data;
  VgaMachine *m = &guest->m;

  for (unsigned i = 0; i < 200 || !g_atomic_int_get (&guest->stop); i++)
    {
      if (i % 16 == 0)
        set_mode (m, i % 32 == 0 ? &mode_13 : &mode_03);
      if (i % 64 == 40)
        {
          dispi (m, 4, 0);
          dispi (m, 1, 320);
          dispi (m, 2, 200);
          dispi (m, 3, i % 128 == 40 ? 32 : 16);
          dispi (m, 4, 0x41);
        }
      set_dac (m, i % 256, i % 64, 1, 2);
      for (unsigned k = 0; k < 64; k++)
        poke (m, 0xa0000 + (i * 64 + k) * 4 % 0x10000, i + k, 4);
    }
  return NULL;
}

static void
on_unlocked_scanout (void *opaque, const Framebuffer *fb)
{
  g_assert_false (vm_lock_held (opaque));
}

static void
on_unlocked_damage (void *opaque, const Damage *damage)
{
  g_assert_false (vm_lock_held (opaque));
}

/* Pictures are drawn without the machine's lock, while a processor changes modes and pixels. */
static void
test_beside_guest (void)
{
  static const DisplayViewerFuncs funcs = { .scanout = on_unlocked_scanout, .damage = on_unlocked_damage };
  VgaMachine m;
  Guest guest = { .stop = 0 };

  vga_machine_open (&m, "16");
  guest.m.vm = m.vm;
  guest.m.bus = m.bus;
  guest.m.vga = m.vga;
  DisplayViewer *viewer = display_output_attach (vga_output (m.vga), &funcs, m.vm);
  GThread *thread = g_thread_new ("processor", run_guest, &guest);
  for (unsigned i = 0; i < 300; i++)
    {
      uint32_t width, height;

      display_output_snapshot (vga_output (m.vga));
      g_free (display_output_text (vga_output (m.vga)));
      display_output_size (vga_output (m.vga), &width, &height);
      g_main_context_iteration (NULL, FALSE);
    }
  g_atomic_int_set (&guest.stop, 1);
  g_thread_join (thread);
  access_cache_clear (&guest.m.memory);
  access_cache_clear (&guest.m.ports);
  /* What was caught half done comes right. */
  g_autofree char *before = NULL;
  const Framebuffer *fb = display_output_snapshot (vga_output (m.vga));
  g_assert_nonnull (fb);
  before = g_memdup2 (fb->pixels, (gsize)fb->stride * fb->height);
  uint32_t height = fb->height, stride = fb->stride;
  vm_lock (m.vm);
  g_assert_true (vga_class.post_load (m.vga, NULL)); /* all is drawn anew */
  vm_unlock (m.vm);
  fb = display_output_snapshot (vga_output (m.vga));
  g_assert_cmpuint (fb->height, ==, height);
  g_assert_cmpmem (before, (gsize)stride * height, fb->pixels, (gsize)fb->stride * fb->height);
  display_viewer_detach (viewer);
  vga_machine_close (&m);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vga/registers", test_registers);
  g_test_add_func ("/vga/beside-guest", test_beside_guest);
  g_test_add_func ("/vga/data-path", test_data_path);
  g_test_add_func ("/vga/retrace", test_retrace);
  g_test_add_func ("/vga/text", test_text);
  g_test_add_func ("/vga/text-fonts-scrolling", test_text_fonts_and_scrolling);
  g_test_add_func ("/vga/text-cursor", test_text_cursor);
  g_test_add_func ("/vga/text-utf8", test_text_utf8);
  g_test_add_func ("/vga/planar", test_planar);
  g_test_add_func ("/vga/cga", test_cga);
  g_test_add_func ("/vga/mode-13", test_mode_13);
  g_test_add_func ("/vga/mode-x", test_mode_x);
  g_test_add_func ("/vga/dispi", test_dispi);
  g_test_add_func ("/vga/dispi-planar", test_dispi_planar);
  g_test_add_func ("/vga/bars", test_bars);
  g_test_add_func ("/vga/rom", test_rom);
  g_test_add_func ("/vga/damage", test_damage);
  g_test_add_func ("/vga/dirty-equals-full", test_dirty_equals_full);
  g_test_add_func ("/vga/state", test_state);
  g_test_add_func ("/vga/hostile", test_hostile);
  return g_test_run ();
}

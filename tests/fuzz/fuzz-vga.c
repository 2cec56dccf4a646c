/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Any sequence of VGA register and memory accesses, with looks at the screen.  Input: the steps of vga_machine_fuzz().
 */
#include "fuzz.h"

#include "../unit/video/vga-machine.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  VgaMachine machine;

  vga_machine_open (&machine, "1");
  vga_machine_fuzz (&machine, data, length);
  vga_machine_close (&machine);
  return 0;
}

static void
step (GByteArray *out, uint8_t what, uint8_t a, uint8_t b, uint8_t c, uint32_t value)
{
  const uint8_t bytes[8] = {
    what, a, b, c, (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)
  };

  g_byte_array_append (out, bytes, sizeof bytes);
}

typedef struct
{
  uint8_t misc, sequencer[5], crtc[25], graphics[9], attribute[21];
} Mode;

static void
set_mode (GByteArray *out, const Mode *mode)
{
  step (out, 0, 1, 0, 0, mode->misc);
  for (unsigned i = 0; i < sizeof mode->sequencer; i++)
    step (out, 2, 0, (uint8_t)i, 0, mode->sequencer[i]);
  step (out, 2, 2, 0x11, 0, 0);
  for (unsigned i = 0; i < sizeof mode->crtc; i++)
    step (out, 2, 2, (uint8_t)i, 0, mode->crtc[i]);
  for (unsigned i = 0; i < sizeof mode->graphics; i++)
    step (out, 2, 1, (uint8_t)i, 0, mode->graphics[i]);
  for (unsigned i = 0; i < sizeof mode->attribute; i++)
    step (out, 3, (uint8_t)i, 0, 0, mode->attribute[i]);
}

/* What a program does in a mode: colours, pixels by all write and read modes, panning, a cursor, and looks. */
static void
use (GByteArray *out)
{
  step (out, 0, 5, 0, 0, 0);
  for (unsigned i = 0; i < 12; i++)
    step (out, 0, 6, 0, 0, i * 5);
  for (unsigned mode = 0; mode < 16; mode++)
    {
      step (out, 2, 1, 5, 0, (mode & 3) | (mode & 8) | (mode & 4) << 4);
      step (out, 2, 1, 3, 0, (mode & 3) << 3 | mode);
      step (out, 2, 1, 1, 0, mode);
      for (unsigned i = 0; i < 4; i++)
        step (out, (uint8_t)(7 | i << 4), (uint8_t)(i * 17), (uint8_t)(mode * 3), i & 1,
              0x41 + mode * 0x1071307);
      step (out, 9, 3, 0, 1, 0);
      step (out, 14, (uint8_t)mode, 0, 0, mode);
      step (out, 15, (uint8_t)mode, 0, 0, mode);
    }
  step (out, 13, 0, 0, 0, 0);
}

static void
make (void)
{
  static const Mode modes[] = {
    { 0x67,
      { 3, 0, 3, 0, 2 },
      { 0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0,    0x4f, 0x0d, 0x0e, 0,
        0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff },
      { 0, 0, 0, 0, 0, 0x10, 0x0e, 0, 0xff },
      { 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 0x0c, 0, 0x0f, 8, 0 } },
    { 0xe3,
      { 3, 1, 15, 0, 6 },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0,    0x40, 0,    0,   0,
        0,    0,    0,    0xea, 0x8c, 0xdf, 0x28, 0,    0xe7, 0x04, 0xe3, 0xff },
      { 0, 0, 0, 0, 0, 0, 5, 15, 0xff },
      { 0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f, 1, 0, 15, 0, 0 } },
    { 0x63,
      { 3, 1, 15, 0, 14 },
      { 0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0,    0x41, 0,    0,   0,
        0,    0,    0,    0x9c, 0x8e, 0x8f, 0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff },
      { 0, 0, 0, 0, 0, 0x40, 5, 15, 0xff },
      { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x41, 0, 15, 0, 0 } },
    { 0x63,
      { 3, 9, 15, 0, 2 },
      { 0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0,    0xc1, 0,    0,   0,
        0,    0,    0,    0x9c, 0x8e, 0x8f, 0x14, 0,    0x96, 0xb9, 0xa2, 0xff },
      { 0, 0, 0, 0, 0, 0x30, 0x0f, 0, 0xff },
      { 0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 1, 0, 3, 0, 0 } },
  };
  static const uint8_t depths[] = { 4, 8, 15, 16, 24, 32, 7 };

  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();

      set_mode (out, &modes[i]);
      use (out);
      fuzz_seed (out->data, out->len);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (depths); i++)
    {
      g_autoptr (GByteArray) out = g_byte_array_new ();

      set_mode (out, &modes[0]);
      step (out, 6, 0, 0, 0, 0);
      step (out, 4, 1, 0, 0, 320);
      step (out, 4, 2, 0, 0, 200);
      step (out, 4, 3, 0, 0, depths[i]);
      step (out, 5, 0xa0, 0, 0, 0);
      step (out, 4, 6, 0, 0, 340);
      step (out, 4, 8, 0, 0, 3);
      step (out, 4, 9, 0, 0, 2);
      step (out, 4, 5, 0, 0, 1);
      for (unsigned k = 0; k < 32; k++)
        step (out, 10 | 0x20, (uint8_t)(k * 40), (uint8_t)k, 0, k * 0x1010101);
      for (unsigned k = 0; k < 64; k++)
        step (out, (uint8_t)(11 + (k & 1)) | 0x10, (uint8_t)(k * 16), (uint8_t)(4 + k % 2), 0, k);
      use (out);
      fuzz_seed (out->data, out->len);
    }
}

const FuzzTarget fuzz_target = { "vmm/video", 4096, make };

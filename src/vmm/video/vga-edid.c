/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A monitor's identity for drivers that ask: VESA E-EDID 1.3, one block with one detailed timing.
 */
#define G_LOG_DOMAIN "vga"

#include <string.h>

#include "video/vga-private.h"

#define EDID_MAX_WIDTH  4088 /* 12 bits, whole characters */
#define EDID_MAX_HEIGHT 4095
#define DPI             96

enum
{
  /* Blanking of CVT with reduced blanking, pixels and lines. */
  H_BLANK = 160,
  H_FRONT = 48,
  H_SYNC = 32,
  V_BLANK = 40,
  V_FRONT = 3,
  V_SYNC = 6,
};

static void
put_detailed_timing (uint8_t *d, uint32_t width, uint32_t height)
{
  uint32_t clock = MIN ((width + H_BLANK) * (height + V_BLANK) / 1000 * 60 / 10, 0xffff); /* 10 kHz */
  uint32_t mm_x = width * 254 / DPI / 10, mm_y = height * 254 / DPI / 10;

  d[0] = (uint8_t)clock;
  d[1] = (uint8_t)(clock >> 8);
  d[2] = (uint8_t)width;
  d[3] = H_BLANK;
  d[4] = (uint8_t)(width >> 8 << 4);
  d[5] = (uint8_t)height;
  d[6] = V_BLANK;
  d[7] = (uint8_t)(height >> 8 << 4);
  d[8] = H_FRONT;
  d[9] = H_SYNC;
  d[10] = V_FRONT << 4 | V_SYNC;
  d[12] = (uint8_t)mm_x;
  d[13] = (uint8_t)mm_y;
  d[14] = (uint8_t)(mm_x >> 8 << 4 | mm_y >> 8);
  d[17] = 0x1a; /* digital separate sync, horizontal positive */
}

static void
put_text (uint8_t *d, uint8_t tag, const char *text)
{
  size_t n = MIN (strlen (text), 12);

  memset (d, 0, 5);
  d[3] = tag;
  memset (d + 5, ' ', 13);
  memcpy (d + 5, text, n);
  d[5 + n] = '\n';
}

void
vga_edid_make (uint8_t edid[128], uint32_t width, uint32_t height)
{
  static const uint8_t head[] = {
    0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x59, 0x36, /* "VIV": five bits a letter */
    0x34, 0x12,                                                 /* product */
    0x00, 0x00, 0x00, 0x00,                                     /* serial number */
    1,    34, /* week and year (since 1990) of manufacture */
    1,    3,  /* version */
    0x80,     /* digital */
  };
  static const uint8_t chromaticity[]
      = { 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54 }; /* sRGB */
  /* 640×480, 800×600 and 1024×768 at 60 Hz; 1280×960, 1280×1024, 1600×1200, 1920×1080, 1440×900 and fillers. */
  static const uint8_t timings[] = { 0x21, 0x08, 0x00, 0x81, 0x40, 0x81, 0x80, 0xa9, 0x40, 0xd1,
                                     0xc0, 0x95, 0x00, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01 };
  uint8_t sum = 0;

  width = CLAMP (width, 640, EDID_MAX_WIDTH) & ~7u;
  height = CLAMP (height, 480, EDID_MAX_HEIGHT);
  memset (edid, 0, 128);
  memcpy (edid, head, sizeof head);
  edid[21] = (uint8_t)CLAMP (width * 254 / DPI / 100, 1, 255); /* cm */
  edid[22] = (uint8_t)CLAMP (height * 254 / DPI / 100, 1, 255);
  edid[23] = 120;  /* gamma 2.2 */
  edid[24] = 0x06; /* sRGB; the first detailed timing is preferred */
  memcpy (edid + 25, chromaticity, sizeof chromaticity);
  memcpy (edid + 35, timings, sizeof timings);
  put_detailed_timing (edid + 54, width, height);
  put_text (edid + 72, 0xfc, "Vivarium");
  /* Range limits: 50 to 125 Hz, 30 to 160 kHz. */
  static const uint8_t range[]
      = { 0, 0, 0, 0xfd, 0, 50, 125, 30, 160, 0xff, 0, '\n', ' ', ' ', ' ', ' ', ' ', ' ' };
  memcpy (edid + 90, range, sizeof range);
  put_text (edid + 108, 0xfe, "virtual");
  for (unsigned i = 0; i < 127; i++)
    sum = (uint8_t)(sum + edid[i]);
  edid[127] = (uint8_t)-sum;
}

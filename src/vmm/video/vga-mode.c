/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What mode the registers make: every number that the renderers use is computed, and bounded, here.
 */
#define G_LOG_DOMAIN "vga"

#include <string.h>

#include "video/vga-private.h"

/* The mode of the DISPI registers: dimensions within limits and never larger than video memory. */
void
vga_dispi_geometry (const Vga *vga, uint32_t *width, uint32_t *height, uint32_t *bpp, uint32_t *stride,
                    uint32_t *start)
{
  const uint16_t *dispi = vga->dispi;
  uint32_t virt, depth, size = vga->mask + 1;

  switch (dispi[DISPI_BPP])
    {
    case 4:
    case 15:
    case 16:
    case 24:
    case 32:
      depth = dispi[DISPI_BPP];
      break;
    default:
      depth = 8;
      break;
    }
  *width = CLAMP (dispi[DISPI_XRES], 8, DISPLAY_MAX_SIZE);
  virt = CLAMP (dispi[DISPI_VIRT_WIDTH], *width, DISPLAY_MAX_SIZE);
  *bpp = depth;
  if (depth == 4)
    {
      /* In offsets: eight pixels each. */
      *stride = virt / 8;
      *start = dispi[DISPI_Y_OFFSET] * *stride + dispi[DISPI_X_OFFSET] / 8;
      size /= 4;
    }
  else
    {
      uint32_t bytes = (depth + 7) / 8;
      *stride = virt * bytes;
      *start = (uint32_t)(((uint64_t)dispi[DISPI_Y_OFFSET] * *stride + dispi[DISPI_X_OFFSET] * bytes)
                          & vga->mask);
    }
  *height = CLAMP (dispi[DISPI_YRES], 1, DISPLAY_MAX_SIZE);
  *height = MIN (*height, MAX (size / *stride, 1));
}

static void
make_dispi (const Vga *vga, VgaMode *mode)
{
  uint32_t bpp, stride, start;

  vga_dispi_geometry (vga, &mode->width, &mode->height, &bpp, &stride, &start);
  mode->start = start;
  if (bpp == 4)
    {
      mode->kind = VGA_KIND_PLANAR;
      mode->width &= ~7u;
      mode->columns = mode->width / 8;
      mode->dots = 8;
      mode->hscale = 1;
      mode->offset = stride;
      mode->line_compare = G_MAXUINT32;
      mode->pan = vga->dispi[DISPI_X_OFFSET] & 7;
      mode->wide = 1;
      return;
    }
  mode->kind = VGA_KIND_LINEAR;
  mode->bpp = bpp;
  mode->stride = stride;
  mode->big_endian = vga->big_endian && bpp > 8;
}

static uint32_t
font_offset (unsigned map)
{
  return (map & 3) << 14 | (map & 4) << 11;
}

static void
make_crtc (const Vga *vga, VgaMode *mode)
{
  const uint8_t *crtc = vga->crtc, *attr = vga->attr;
  unsigned overflow = crtc[CRTC_OVERFLOW], panning = attr[ATTR_PANNING];
  gboolean text = !(vga->gdc[GDC_MISC] & GDC_MISC_GRAPHICS);

  if (text)
    mode->kind = VGA_KIND_TEXT;
  else if (vga->gdc[GDC_MODE] & GDC_MODE_256_COLORS)
    mode->kind = VGA_KIND_256;
  else if (vga->gdc[GDC_MODE] & GDC_MODE_INTERLEAVE)
    mode->kind = VGA_KIND_CGA;
  else
    mode->kind = VGA_KIND_PLANAR;

  mode->columns = crtc[CRTC_H_DISPLAY_END] + 1u;
  mode->dots = text && !(vga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_8_DOTS) ? 9 : 8;
  mode->hscale = vga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_HALF ? 2 : 1;
  mode->width = mode->columns * mode->dots * mode->hscale;
  mode->height = (crtc[CRTC_V_DISPLAY_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3) + 1u;
  mode->max_scan = crtc[CRTC_MAX_SCAN_LINE] & 0x1f;
  mode->double_scan = (crtc[CRTC_MAX_SCAN_LINE] & CRTC_MAX_SCAN_DOUBLE) != 0;
  mode->preset = crtc[CRTC_PRESET_ROW_SCAN] & 0x1f;
  mode->start
      = (uint32_t)(crtc[CRTC_START_HIGH] << 8 | crtc[CRTC_START_LOW]) + (crtc[CRTC_PRESET_ROW_SCAN] >> 5 & 3);
  mode->offset = crtc[CRTC_OFFSET] * 2u;
  mode->line_compare
      = crtc[CRTC_LINE_COMPARE] | (overflow & 0x10) << 4 | (crtc[CRTC_MAX_SCAN_LINE] & 0x40u) << 3;

  /* 9 dots: 8 is no shift, 0 to 7 shift by one more.  256 colours: two steps a pixel. */
  if (mode->dots == 9)
    mode->pan = panning >= 8 ? 0 : panning + 1;
  else
    mode->pan = panning & 7;
  if (mode->kind == VGA_KIND_256)
    mode->pan &= ~1u;
  mode->pan *= mode->hscale;
  mode->pan_top_only = (attr[ATTR_MODE] & ATTR_MODE_PAN_TOP_ONLY) != 0;

  if (crtc[CRTC_UNDERLINE] & CRTC_UNDERLINE_DWORD)
    mode->shift = 2;
  else
    mode->shift = crtc[CRTC_MODE] & CRTC_MODE_BYTE ? 0 : 1;
  mode->wrap_bit = crtc[CRTC_MODE] & CRTC_MODE_WRAP_15 ? 15 : 13;
  mode->row_scan_13 = !(crtc[CRTC_MODE] & CRTC_MODE_NOT_ROW_SCAN_13);
  mode->row_scan_14 = !(crtc[CRTC_MODE] & CRTC_MODE_NOT_ROW_SCAN_14);

  if (text)
    {
      unsigned maps = vga->seq[SEQ_CHARACTER_MAP];
      mode->font[0] = font_offset ((maps & 3) | (maps >> 2 & 4));
      mode->font[1] = font_offset ((maps >> 2 & 3) | (maps >> 3 & 4));
      mode->attr_mode = attr[ATTR_MODE];
      mode->underline = crtc[CRTC_UNDERLINE] & 0x1f;
    }
}

void
vga_mode_make (const Vga *vga, VgaMode *mode)
{
  memset (mode, 0, sizeof *mode);
  if (!(vga->attr_index & ATTR_INDEX_DISPLAY))
    return;
  /* Systems that come up on DISPI alone leave the rest of the adapter as they found it. */
  if (vga_dispi_on (vga))
    make_dispi (vga, mode);
  else if (!(vga->seq[SEQ_CLOCKING] & SEQ_CLOCKING_SCREEN_OFF))
    make_crtc (vga, mode);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From video memory to the screen.  32 bit linear modes are scanned out of video memory itself; all others are drawn into the
 * output's surface.  Lines whose memory was written are made anew and compared with what the surface has, so that damage is
 * what a person could see change, whatever the grain of the dirty log.
 */
#define G_LOG_DOMAIN "vga"

#include <string.h>

#include "video/vga-private.h"

/* Damage of consecutive lines, merged. */
typedef struct
{
  uint32_t y, lines, left, right;
} Band;

/* Bit 7 of the index to byte 0 … bit 0 to byte 7: one plane's eight pixels. */
static uint64_t spread[256];

static void
make_tables (void)
{
  static gsize once;

  if (!g_once_init_enter (&once))
    return;
  for (unsigned value = 0; value < 256; value++)
    for (unsigned bit = 0; bit < 8; bit++)
      spread[value] |= (uint64_t)(value >> (7 - bit) & 1) << (8 * bit);
  g_once_init_leave (&once, 1);
}

/* -- Colours -------------------------------------------------------------------------------------- */

static void
make_palette (Vga *vga)
{
  gboolean wide = vga->look.wide_dac;
  const uint8_t *attr = vga->look.attr;

  for (unsigned i = 0; i < 256; i++)
    {
      const uint8_t *entry = vga->look.dac + (i & vga->look.pel_mask) * 3;
      uint32_t color = 0;
      for (unsigned c = 0; c < 3; c++)
        color = color << 8 | (wide ? entry[c] : (uint32_t)((entry[c] & 0x3f) << 2 | (entry[c] & 0x3f) >> 4));
      vga->palette[i] = color;
    }
  for (unsigned i = 0; i < 16; i++)
    {
      unsigned index = attr[i & attr[ATTR_PLANE_ENABLE] & 0xf] & 0x3f;
      if (attr[ATTR_MODE] & ATTR_MODE_P54)
        index = (index & 0x0f) | (attr[ATTR_COLOR_SELECT] & 3u) << 4;
      index |= (attr[ATTR_COLOR_SELECT] & 0xcu) << 4;
      vga->color16[i] = vga->palette[index];
    }
}

/* 15 and 16 bit colours widen by repeating their upper bits: each of the result's bits comes from one byte or the other. */
static uint32_t
widen (uint32_t value, uint32_t bpp)
{
  uint32_t red = bpp == 16 ? value >> 11 : value >> 10 & 0x1f, blue = value & 0x1f;
  uint32_t green = bpp == 16 ? value >> 5 & 0x3f : (value >> 4 & 0x3e) | (value >> 9 & 1);

  return (red << 3 | red >> 2) << 16 | (green << 2 | green >> 4) << 8 | (blue << 3 | blue >> 2);
}

static void
make_halves (Vga *vga)
{
  for (uint32_t i = 0; i < 256; i++)
    {
      vga->half[0][i] = widen (i, vga->mode.bpp);
      vga->half[1][i] = widen (i << 8, vga->mode.bpp);
    }
}

/* -- Lines ---------------------------------------------------------------------------------------- */

void
vga_line_address (const VgaMode *mode, uint32_t y, uint32_t *counter, uint32_t *row_scan, uint32_t *pan)
{
  uint32_t base = mode->start, preset = MIN (mode->preset, mode->max_scan);

  *pan = mode->pan;
  if (y > mode->line_compare)
    {
      /* The split screen's lower part always starts at address 0. */
      y -= mode->line_compare + 1;
      base = 0;
      preset = 0;
      if (mode->pan_top_only)
        *pan = 0;
    }
  y = (mode->double_scan ? y / 2 : y) + preset;
  *row_scan = y % (mode->max_scan + 1);
  *counter = base + y / (mode->max_scan + 1) * mode->offset;
}

static inline uint32_t *
put_pixel (uint32_t *out, uint32_t color, uint32_t hscale)
{
  *out++ = color;
  if (hscale == 2)
    *out++ = color;
  return out;
}

static uint32_t *
draw_planar (const Vga *vga, uint32_t *out, uint32_t word, uint32_t hscale)
{
  uint64_t pixels = spread[word & 0xff] | spread[word >> 8 & 0xff] << 1 | spread[word >> 16 & 0xff] << 2
                    | spread[word >> 24] << 3;

  for (unsigned i = 0; i < 8; i++, pixels >>= 8)
    out = put_pixel (out, vga->color16[pixels & 0xf], hscale);
  return out;
}

/* Planes 0 and 1 in turn give the low two bits, 2 and 3 the high ones. */
static uint32_t *
draw_cga (const Vga *vga, uint32_t *out, uint32_t word, uint32_t hscale)
{
  unsigned low = (word & 0xff) << 8 | (word >> 8 & 0xff), high = (word >> 16 & 0xff) << 8 | word >> 24;

  for (int shift = 14; shift >= 0; shift -= 2)
    out = put_pixel (out, vga->color16[(low >> shift & 3) | (high >> shift & 3) << 2], hscale);
  return out;
}

static uint32_t *
draw_256 (const Vga *vga, uint32_t *out, uint32_t word, uint32_t hscale)
{
  for (unsigned i = 0; i < 4; i++, word >>= 8)
    {
      uint32_t color = vga->palette[word & 0xff];
      /* Two dots a pixel. */
      out = put_pixel (out, color, hscale);
      out = put_pixel (out, color, hscale);
    }
  return out;
}

/* One scan line into vga->line.  Returns its first pixel. */
static const uint32_t *
draw_planes (Vga *vga, uint32_t counter, uint32_t row_scan, uint32_t pan)
{
  const VgaMode *mode = &vga->mode;
  uint32_t *out = vga->line, columns = mode->columns + (pan ? 1 + pan / (8 * mode->hscale) : 0);

  for (uint32_t column = 0; column < columns; column++)
    {
      uint32_t word = vga_load_word (vga, vga_mode_offset (mode, counter + column, row_scan));
      if (mode->kind == VGA_KIND_256)
        out = draw_256 (vga, out, word, mode->hscale);
      else if (mode->kind == VGA_KIND_CGA)
        out = draw_cga (vga, out, word, mode->hscale);
      else
        out = draw_planar (vga, out, word, mode->hscale);
    }
  return vga->line + pan;
}

static const uint32_t *
draw_linear (Vga *vga, uint32_t y)
{
  const VgaMode *mode = &vga->mode;
  uint32_t bytes = (mode->bpp + 7) / 8, length = mode->width * bytes;
  uint32_t address = (uint32_t)((mode->start + (uint64_t)y * mode->stride) & vga->mask);
  const uint8_t *in = vga->memory + address;
  uint32_t *out = vga->line;

  if ((uint64_t)address + length > (uint64_t)vga->mask + 1)
    {
      for (uint32_t i = 0; i < length; i++)
        vga->wrapped[i] = vga->memory[(address + i) & vga->mask];
      in = vga->wrapped;
    }
  switch (mode->bpp)
    {
    case 8:
      for (uint32_t x = 0; x < mode->width; x++)
        out[x] = vga->palette[in[x]];
      break;
    case 15:
    case 16:
      for (uint32_t x = 0; x < mode->width; x++, in += 2)
        out[x] = vga->half[0][in[mode->big_endian]] | vga->half[1][in[!mode->big_endian]];
      break;
    case 24:
      for (uint32_t x = 0; x < mode->width; x++, in += 3)
        out[x] = mode->big_endian ? (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2]
                                  : in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16;
      break;
    default:
      for (uint32_t x = 0; x < mode->width; x++, in += 4)
        out[x] = mode->big_endian ? (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3]
                                  : in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16;
      break;
    }
  return out;
}

/* -- Surface -------------------------------------------------------------------------------------- */

static void
flush_band (Vga *vga, Band *band)
{
  if (band->lines > 0)
    display_output_damage (vga->output, (int)band->left, (int)band->y, (int)(band->right - band->left),
                           (int)band->lines);
  band->lines = 0;
}

static void
put_line (Vga *vga, uint32_t y, const uint32_t *pixels, Band *band)
{
  uint32_t *to = (uint32_t *)(vga->surface.pixels + (size_t)y * vga->surface.stride);
  uint32_t left = 0, right = vga->mode.width;

  if (memcmp (to, pixels, (size_t)right * 4) == 0)
    {
      flush_band (vga, band);
      return;
    }
  while (to[left] == pixels[left])
    left++;
  while (to[right - 1] == pixels[right - 1])
    right--;
  memcpy (to + left, pixels + left, (size_t)(right - left) * 4);
  if (band->lines == 0)
    *band = (Band){ .y = y, .left = left, .right = right };
  band->left = MIN (band->left, left);
  band->right = MAX (band->right, right);
  band->lines = y + 1 - band->y;
}

/* -- Dirty memory --------------------------------------------------------------------------------- */

static gboolean
page_dirty (const Vga *vga, uint64_t page)
{
  return vga->dirty[page / 64] >> (page % 64) & 1;
}

/* One bit for 4096 offsets.  Their words lie in four places of the block of 64 pages (vga_word()). */
static unsigned
block_dirty (const Vga *vga, uint32_t block)
{
  uint64_t pages = vga->dirty[block & vga->mask >> 18];

  pages |= pages >> 32;
  pages |= pages >> 16;
  return pages & 0xffff;
}

static gboolean
planes_dirty (const Vga *vga, uint32_t first, uint32_t last)
{
  if (last < first || first >> 16 != last >> 16)
    return TRUE;
  return (block_dirty (vga, first >> 16) >> (first >> 12 & 0xf)
          & ((2u << ((last - first + (first & 0xfff)) >> 12)) - 1))
         != 0;
}

static gboolean
linear_dirty (const Vga *vga, uint32_t y)
{
  uint64_t first = vga->mode.start + (uint64_t)y * vga->mode.stride,
           last = first + vga->mode.width * ((vga->mode.bpp + 7) / 8) - 1;

  if (last > vga->mask)
    return TRUE;
  for (uint64_t page = first >> GUEST_PAGE_SHIFT; page <= last >> GUEST_PAGE_SHIFT; page++)
    if (page_dirty (vga, page))
      return TRUE;
  return FALSE;
}

/* Pages that the picture is made of, as a range. */
static void
page_range (const Vga *vga, const VgaMode *mode, uint64_t *first, uint64_t *count)
{
  uint64_t all = ((uint64_t)vga->mask + 1) >> GUEST_PAGE_SHIFT;

  *first = 0;
  *count = VGA_LEGACY_SIZE >> GUEST_PAGE_SHIFT;
  if (mode->wide)
    *count = all;
  else if (mode->kind == VGA_KIND_LINEAR)
    {
      uint64_t end = mode->start + (uint64_t)mode->stride * mode->height;
      if (end > (uint64_t)vga->mask + 1)
        *count = all;
      else
        {
          /* Whole words of the bitmap, so that it can be filled in place. */
          *first = (mode->start >> GUEST_PAGE_SHIFT) & ~63ULL;
          *count = MIN (((end + GUEST_PAGE_SIZE - 1) >> GUEST_PAGE_SHIFT) - *first, all - *first);
        }
    }
}

/* VM lock held. */
static gboolean
take_dirty (Vga *vga, const VgaMode *mode)
{
  uint64_t first, count;

  if (!vga->watched)
    return TRUE;
  if (mode->kind == VGA_KIND_OFF)
    return FALSE;
  page_range (vga, mode, &first, &count);
  return region_take_dirty (vga->vram, DIRTY_DISPLAY, first, count, vga->dirty + first / 64);
}

/* -- Frames --------------------------------------------------------------------------------------- */

static void
render_planes (Vga *vga, gboolean all)
{
  const VgaMode *mode = &vga->mode;
  uint32_t last_counter = 0, last_scan = 0, last_pan = 0,
           scan_bits = (mode->row_scan_13 ? 1 : 0) | (mode->row_scan_14 ? 2 : 0);
  const uint32_t *line = NULL; /* NULL: the last line was clean */
  Band band = { .lines = 0 };

  for (uint32_t y = 0; y < mode->height; y++)
    {
      uint32_t counter, row_scan, pan;

      vga_line_address (mode, y, &counter, &row_scan, &pan);
      row_scan &= scan_bits;
      if (y == 0 || counter != last_counter || row_scan != last_scan || pan != last_pan)
        {
          line = NULL;
          if (all
              || planes_dirty (vga, vga_mode_offset (mode, counter, row_scan),
                               vga_mode_offset (mode, counter + mode->columns, row_scan)))
            line = draw_planes (vga, counter, row_scan, pan);
        }
      if (line != NULL)
        put_line (vga, y, line, &band);
      else
        flush_band (vga, &band);
      last_counter = counter;
      last_scan = row_scan;
      last_pan = pan;
    }
  flush_band (vga, &band);
}

static void
render_linear (Vga *vga, gboolean all)
{
  Band band = { .lines = 0 };

  for (uint32_t y = 0; y < vga->mode.height; y++)
    if (all || linear_dirty (vga, y))
      put_line (vga, y, draw_linear (vga, y), &band);
    else
      flush_band (vga, &band);
  flush_band (vga, &band);
}

static void
damage_direct (Vga *vga, gboolean all)
{
  Band band = { .left = 0, .right = vga->mode.width };

  for (uint32_t y = 0; y < vga->mode.height; y++)
    if (all || linear_dirty (vga, y))
      {
        if (band.lines == 0)
          band.y = y;
        band.lines++;
      }
    else
      flush_band (vga, &band);
  flush_band (vga, &band);
}

/* The picture is video memory as it stands. */
static gboolean
is_direct (const Vga *vga, const VgaMode *mode)
{
  return mode->kind == VGA_KIND_LINEAR && mode->bpp == 32 && !mode->big_endian
         && mode->start + (uint64_t)mode->stride * (mode->height - 1) + mode->width * 4
                <= (uint64_t)vga->mask + 1;
}

static void
set_scanout (Vga *vga)
{
  const VgaMode *mode = &vga->mode;

  if (mode->kind == VGA_KIND_OFF)
    {
      vga->surface.pixels = NULL;
      display_output_set_scanout (vga->output, NULL);
    }
  else if (is_direct (vga, mode))
    {
      Framebuffer fb = {
        .width = mode->width,
        .height = mode->height,
        .stride = mode->stride,
        .pixels = vga->memory + mode->start,
        .fd = region_fd (vga->vram),
        .offset = mode->start,
        .fd_size = (uint64_t)vga->mask + 1,
      };
      vga->surface.pixels = NULL;
      display_output_set_scanout (vga->output, &fb);
    }
  else
    {
      vga->surface = *display_output_surface (vga->output, mode->width, mode->height);
      display_output_set_scanout (vga->output, &vga->surface);
    }
}

/* Takes over a changed mode.  Returns whether all must be drawn. */
static gboolean
update_mode (Vga *vga, const VgaMode *mode)
{
  VgaMode compare = *mode;
  gboolean all = FALSE;

  /* Text scrolls by its start address all the time; its cells know what changed. */
  if (mode->kind == VGA_KIND_TEXT && vga->mode.kind == VGA_KIND_TEXT)
    compare.start = vga->mode.start;
  if (memcmp (&compare, &vga->mode, sizeof compare) != 0)
    {
      gboolean direct = is_direct (vga, mode);
      gboolean same = direct == is_direct (vga, &vga->mode)
                      && (mode->kind == VGA_KIND_OFF) == (vga->mode.kind == VGA_KIND_OFF)
                      && mode->width == vga->mode.width && mode->height == vga->mode.height
                      && (!direct || (mode->start == vga->mode.start && mode->stride == vga->mode.stride));
      vga->mode = *mode;
      if (!same || !vga->scanout_on)
        set_scanout (vga);
      vga->scanout_on = TRUE;
      all = TRUE;
    }
  vga->mode = *mode;
  return all;
}

static void
copy_look (const Vga *vga, VgaLook *look)
{
  const uint8_t *crtc = vga->crtc;

  memcpy (look->attr, vga->attr, sizeof look->attr);
  memcpy (look->dac, vga->dac, sizeof look->dac);
  look->pel_mask = vga->pel_mask;
  look->wide_dac = (vga->dispi[DISPI_ENABLE] & DISPI_8BIT_DAC) != 0;
  look->cursor_start = crtc[CRTC_CURSOR_START];
  look->cursor_end = crtc[CRTC_CURSOR_END];
  look->cursor = (uint32_t)(crtc[CRTC_CURSOR_HIGH] << 8 | crtc[CRTC_CURSOR_LOW]);
  look->frames = vm_clock_now (vga->pci.device.vm->clock) / vga_frame_ns (vga);
}

static void
render (Vga *vga)
{
  Vm *vm = vga->pci.device.vm;
  gboolean changed, all, dirty;
  VgaMode mode;

  /* The lock for what registers say and which pages were written; the guest goes on while pixels are made of it. */
  vm_lock (vm);
  changed = vga->stale;
  all = vga->redraw || !vga->watched;
  vga->stale = FALSE;
  vga->redraw = FALSE;
  if (changed)
    vga_mode_make (vga, &mode);
  else
    mode = vga->mode;
  copy_look (vga, &vga->look);
  dirty = take_dirty (vga, &mode);
  vm_unlock (vm);

  if (changed)
    all |= update_mode (vga, &mode);
  if (vga->mode.kind == VGA_KIND_OFF)
    return;
  if (all)
    {
      make_tables ();
      make_palette (vga);
      if (vga->mode.bpp == 15 || vga->mode.bpp == 16)
        make_halves (vga);
    }
  if (vga->mode.kind == VGA_KIND_TEXT)
    vga_text_render (vga, dirty || changed, all);
  else if (!dirty && !all)
    return;
  else if (is_direct (vga, &vga->mode))
    damage_direct (vga, all && !changed);
  else if (vga->mode.kind == VGA_KIND_LINEAR)
    render_linear (vga, all);
  else
    render_planes (vga, all);
}

/* -- Display source: called by display/, on its thread ------------------------------------------- */

static gboolean
lock (Vga *vga)
{
  if (vm_lock_held (vga->pci.device.vm))
    return FALSE;
  vm_lock (vga->pci.device.vm);
  return TRUE;
}

static void
unlock (Vga *vga, gboolean locked)
{
  if (locked)
    vm_unlock (vga->pci.device.vm);
}

static void
on_refresh (void *opaque)
{
  render (opaque);
}

static void
on_watched (void *opaque, gboolean watched)
{
  Vga *vga = opaque;
  gboolean locked = lock (vga);

  vga->watched = watched;
  vga->redraw = TRUE;
  region_set_dirty_log (vga->vram, DIRTY_DISPLAY, watched);
  unlock (vga, locked);
}

static char *
on_text (void *opaque)
{
  Vga *vga = opaque;
  gboolean locked = lock (vga);
  VgaMode mode;

  vga_mode_make (vga, &mode);
  unlock (vga, locked);
  return mode.kind == VGA_KIND_TEXT ? vga_text_utf8 (vga, &mode) : NULL;
}

static void
on_size (void *opaque, uint32_t *width, uint32_t *height)
{
  Vga *vga = opaque;
  gboolean locked = lock (vga);
  VgaMode mode;

  vga_mode_make (vga, &mode);
  unlock (vga, locked);
  *width = mode.kind == VGA_KIND_OFF ? 0 : mode.width;
  *height = mode.kind == VGA_KIND_OFF ? 0 : mode.height;
}

/* Guests read the EDID when they look for screens. */
static void
on_resize (void *opaque, uint32_t width, uint32_t height)
{
  Vga *vga = opaque;
  gboolean locked = lock (vga);

  vga_edid_make (vga->edid, width, height);
  unlock (vga, locked);
}

const DisplaySource vga_display_source = {
  .refresh = on_refresh,
  .watched = on_watched,
  .text = on_text,
  .size = on_size,
  .resize = on_resize,
};

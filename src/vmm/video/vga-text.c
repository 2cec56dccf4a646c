/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text modes.  Each cell that is on the screen is remembered as a number that says all of its look; a frame draws the cells
 * whose number changed, be it by the guest, the cursor, or the blinking.
 */
#define G_LOG_DOMAIN "vga"

#include <string.h>

#include "video/cp437.h"
#include "video/vga-private.h"

/* A cell: character, attribute and this. */
enum
{
  CELL_CURSOR = 1 << 16,
  CELL_HIDDEN = 1 << 17, /* the blink's dark half */
  CELL_CURSOR_START_SHIFT = 18,
  CELL_CURSOR_END_SHIFT = 23,
};

#define ATTR_UNDERLINE      0x01
#define ATTR_UNDERLINE_MASK 0x77
#define CURSOR_FRAMES       8 /* of each half of the cursor's blink; characters take twice as long */

/* The rows that the scan lines show.  Returns their number; a split or a preset row scan makes short ones. */
static unsigned
make_rows (const VgaMode *mode, VgaTextRow *rows)
{
  unsigned n = 0;
  uint32_t last_scan = 0, last_counter = 0;

  for (uint32_t y = 0; y < mode->height; y++)
    {
      uint32_t counter, row_scan, pan;

      vga_line_address (mode, y, &counter, &row_scan, &pan);
      if (n == 0 || counter != last_counter || row_scan < last_scan || y == mode->line_compare + 1)
        {
          if (n == VGA_MAX_ROWS)
            break;
          rows[n++] = (VgaTextRow){ .y = y, .row_scan = row_scan, .counter = counter, .pan = pan };
        }
      rows[n - 1].lines++;
      last_scan = row_scan;
      last_counter = counter;
    }
  return n;
}

static gboolean
same_layout (const Vga *vga, const VgaTextRow *rows, unsigned n)
{
  if (n != vga->n_rows)
    return FALSE;
  for (unsigned i = 0; i < n; i++)
    if (rows[i].y != vga->row[i].y || rows[i].lines != vga->row[i].lines
        || rows[i].row_scan != vga->row[i].row_scan || rows[i].pan != vga->row[i].pan)
      return FALSE;
  return TRUE;
}

/* Plane 2 holds 32 bytes a character.  TRUE if a font changed. */
static gboolean
fetch_fonts (Vga *vga)
{
  uint8_t font[VGA_FONT_SIZE];
  gboolean different = FALSE;

  for (unsigned map = 0; map < 2; map++)
    {
      for (unsigned i = 0; i < VGA_FONT_SIZE; i++)
        font[i] = vga->memory[vga_word_address (vga, (vga->mode.font[map] + i) & 0xffff) + 2];
      if (memcmp (vga->font[map], font, sizeof font) == 0)
        continue;
      memcpy (vga->font[map], font, sizeof font);
      different = TRUE;
    }
  return different;
}

static void
draw_cell (Vga *vga, const VgaTextRow *row, unsigned column, uint32_t cell)
{
  const VgaMode *mode = &vga->mode;
  unsigned character = cell & 0xff, attr = cell >> 8 & 0xff;
  unsigned fore = attr & 0xf, back = attr >> 4;
  const uint8_t *glyph = vga->font[attr >> 3 & 1] + character * 32;
  unsigned cursor_start = cell >> CELL_CURSOR_START_SHIFT & 0x1f,
           cursor_end = cell >> CELL_CURSOR_END_SHIFT & 0x1f;
  gboolean underline = (mode->attr_mode & ATTR_MODE_MONO) && (attr & ATTR_UNDERLINE_MASK) == ATTR_UNDERLINE;
  gboolean extend = (mode->attr_mode & ATTR_MODE_LINE_GRAPHICS) && character >= 0xc0 && character <= 0xdf;
  int left = (int)(column * mode->dots * mode->hscale) - (int)row->pan;

  if (mode->attr_mode & ATTR_MODE_BLINK)
    back &= 7;
  uint32_t ink = vga->color16[fore], paper = vga->color16[back];

  for (uint32_t i = 0; i < row->lines; i++)
    {
      uint32_t scan = (row->row_scan + (mode->double_scan ? i / 2 : i)) & 0x1f;
      /* Bit 8 is the first dot, bit 0 the ninth. */
      unsigned bits = (unsigned)glyph[scan] << 1;
      uint32_t *pixels = (uint32_t *)(vga->surface.pixels + (size_t)(row->y + i) * vga->surface.stride);

      if (extend)
        bits |= bits >> 1 & 1;
      if (underline && scan == mode->underline)
        bits = 0x1ff;
      if (cell & CELL_HIDDEN)
        bits = 0;
      if ((cell & CELL_CURSOR) && scan >= cursor_start && scan <= cursor_end)
        bits = 0x1ff;
      int x = left;
      for (unsigned dot = 0; dot < mode->dots; dot++)
        {
          uint32_t color = bits >> (8 - dot) & 1 ? ink : paper;
          for (unsigned k = 0; k < mode->hscale; k++, x++)
            if (x >= 0 && (uint32_t)x < mode->width)
              pixels[x] = color;
        }
    }
}

static void
render_row (Vga *vga, unsigned index, uint32_t cursor, gboolean characters_hidden, gboolean all)
{
  const VgaMode *mode = &vga->mode;
  const VgaTextRow *row = &vga->row[index];
  uint32_t *drawn = vga->cell[index];
  /* Panning uncovers a part of one more. */
  unsigned columns = MIN (mode->columns + (row->pan ? 1 : 0), VGA_MAX_COLUMNS + 1);
  unsigned first = columns, last = 0;

  for (unsigned column = 0; column < columns; column++)
    {
      uint32_t counter = (row->counter + column) & 0xffff;
      uint32_t word = vga_load_word (vga, vga_mode_offset (mode, counter, row->row_scan));
      uint32_t cell = word & 0xffff;

      if (characters_hidden && (cell & 0x8000) && (mode->attr_mode & ATTR_MODE_BLINK))
        cell |= CELL_HIDDEN;
      if (counter == cursor)
        cell |= CELL_CURSOR | (vga->look.cursor_start & 0x1fu) << CELL_CURSOR_START_SHIFT
                | (vga->look.cursor_end & 0x1fu) << CELL_CURSOR_END_SHIFT;
      if (!all && drawn[column] == cell)
        continue;
      drawn[column] = cell;
      draw_cell (vga, row, column, cell);
      first = MIN (first, column);
      last = column;
    }
  if (first < columns)
    {
      int scale = (int)(mode->dots * mode->hscale);
      display_output_damage (vga->output, MAX ((int)first * scale - (int)row->pan, 0), (int)row->y,
                             (int)(last - first + 1) * scale, (int)row->lines);
    }
}

void
vga_text_render (Vga *vga, gboolean dirty, gboolean all)
{
  static const uint32_t no_cursor = G_MAXUINT32;
  const VgaLook *look = &vga->look;
  int64_t frames = look->frames;
  VgaTextRow rows[VGA_MAX_ROWS];
  uint32_t cursor = no_cursor;

  if (!dirty && !all && frames / CURSOR_FRAMES == vga->blink_phase)
    return;
  vga->blink_phase = frames / CURSOR_FRAMES;
  unsigned n = make_rows (&vga->mode, rows);
  if (!same_layout (vga, rows, n))
    all = TRUE;
  memcpy (vga->row, rows, n * sizeof rows[0]);
  vga->n_rows = n;
  all |= fetch_fonts (vga);
  if (!(look->cursor_start & CRTC_CURSOR_OFF) && !(frames / CURSOR_FRAMES & 1))
    cursor = (look->cursor + (look->cursor_end >> 5 & 3)) & 0xffff;
  for (unsigned i = 0; i < n; i++)
    render_row (vga, i, cursor, frames / (2 * CURSOR_FRAMES) & 1, all);
}

/* What a person reads: independent of fonts and of whether anybody looks. */
char *
vga_text_utf8 (const Vga *vga, const VgaMode *mode)
{
  VgaTextRow rows[VGA_MAX_ROWS];
  GString *text;

  text = g_string_new (NULL);
  unsigned n = make_rows (mode, rows);
  for (unsigned i = 0; i < n; i++)
    {
      gsize end = text->len;

      for (unsigned column = 0; column < mode->columns; column++)
        {
          uint32_t word
              = vga_load_word (vga, vga_mode_offset (mode, rows[i].counter + column, rows[i].row_scan));
          g_string_append_unichar (text, cp437_to_unicode[word & 0xff]);
          if (cp437_to_unicode[word & 0xff] != ' ')
            end = text->len;
        }
      g_string_truncate (text, end);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

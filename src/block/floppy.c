/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Floppy formats.  See floppy.h.
 */
#define G_LOG_DOMAIN "block"

#include "block/floppy.h"

#include "block/block.h"

#define SLACK 2048u /* bytes that an image may be longer or shorter than its format */

static const FloppyGeometry formats[] = {
  { 40, 1, 8 },                                               /* 160K */
  { 40, 1, 9 },                                               /* 180K */
  { 40, 2, 8 },                                               /* 320K */
  { 40, 2, 9 },                                               /* 360K */
  { 40, 2, 10 },                                              /* 400K */
  { 80, 2, 8 },                                               /* 640K */
  { 80, 2, 9 },                                               /* 720K */
  { 80, 2, 10 },                                              /* 800K */
  { 80, 2, 15 },                                              /* 1.2M */
  { 80, 2, 18 },                                              /* 1.44M */
  { 82, 2, 18 }, { 83, 2, 18 }, { 80, 2, 20 }, { 80, 2, 21 }, /* 1.68M, DMF */
  { 82, 2, 21 },                                              /* 1.72M */
  { 83, 2, 21 }, { 80, 2, 36 },                               /* 2.88M */
};

static uint64_t
format_size (const FloppyGeometry *format)
{
  return (uint64_t)format->cylinders * format->heads * format->sectors * BLOCK_SECTOR_SIZE;
}

static unsigned
get16 (const uint8_t *p)
{
  return p[0] | (unsigned)p[1] << 8;
}

/* The smallest format that has the parameter block's heads and sectors a track, and room for its file system; NULL: none that is
 * sane. */
static const FloppyGeometry *
from_parameter_block (const uint8_t *boot)
{
  unsigned bytes = get16 (boot + 11), cluster = boot[13], reserved = get16 (boot + 14), fats = boot[16];
  unsigned total = get16 (boot + 19), media = boot[21], fat = get16 (boot + 22);
  unsigned sectors = get16 (boot + 24), heads = get16 (boot + 26);

  if (bytes != BLOCK_SECTOR_SIZE || cluster == 0 || (cluster & (cluster - 1)) != 0 || reserved == 0
      || fats == 0 || fats > 2 || media < 0xf0 || fat == 0 || reserved + fats * fat >= total)
    return NULL;
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      const FloppyGeometry *format = &formats[i];
      if (format->heads == heads && format->sectors == sectors
          && (uint64_t)total * bytes <= format_size (format))
        return format;
    }
  return NULL;
}

static const FloppyGeometry *
exact (uint64_t size)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (format_size (&formats[i]) == size)
      return &formats[i];
  return NULL;
}

static const FloppyGeometry *
nearest (uint64_t size)
{
  const FloppyGeometry *best = NULL;
  uint64_t best_distance = SLACK + 1;

  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      uint64_t full = format_size (&formats[i]), distance = size > full ? size - full : full - size;
      if (distance < best_distance)
        {
          best = &formats[i];
          best_distance = distance;
        }
    }
  return best;
}

static const FloppyGeometry *
recognize (const uint8_t *boot, uint64_t size)
{
  const FloppyGeometry *format = size <= FLOPPY_MAX_SIZE ? exact (size) : NULL;

  if (format == NULL && boot != NULL && size >= BLOCK_SECTOR_SIZE && size <= FLOPPY_MAX_SIZE)
    format = from_parameter_block (boot);
  return format != NULL ? format : nearest (size);
}

gboolean
floppy_recognize (const uint8_t *boot, uint64_t size, FloppyGeometry *geometry)
{
  const FloppyGeometry *format = recognize (boot, size);

  if (format != NULL)
    *geometry = *format;
  return format != NULL;
}

gboolean
floppy_geometry (const uint8_t *boot, uint64_t size, FloppyGeometry *geometry)
{
  if (size == 0)
    return FALSE;
  if (floppy_recognize (boot, size, geometry))
    return TRUE;
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (format_size (&formats[i]) > size && (formats[i].sectors == 18 || formats[i].sectors == 36))
      {
        *geometry = formats[i];
        return TRUE;
      }
  return FALSE;
}

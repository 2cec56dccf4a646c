/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which floppy disk an image is.  The BIOS parameter block is that of Microsoft's FAT specification (fatgen103), "Boot Sector and BPB".
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* The largest image that can be a floppy, with a trailer that some tools leave. */
#define FLOPPY_MAX_SIZE (80u * 2 * 36 * 512 + 2048)

typedef struct
{
  uint8_t cylinders, heads, sectors; /* sectors of 512 bytes a track */
} FloppyGeometry;

/* TRUE and the geometry if an image of `size` bytes looks like a floppy: it has exactly a format's size, or `boot` (its first 512
 * bytes, may be NULL) has a parameter block of one, or it is up to 2 KiB longer or shorter than a format, the nearest of which is
 * taken. */
gboolean floppy_recognize (const uint8_t *boot, uint64_t size, FloppyGeometry *geometry);
/* The same for an image that is said to be a floppy: one that is nothing of the above was cut after its last used sector, and
 * gets the 1.44M or 2.88M format.  FALSE if it is empty or larger than any floppy. */
gboolean floppy_geometry (const uint8_t *boot, uint64_t size, FloppyGeometry *geometry);

G_END_DECLS

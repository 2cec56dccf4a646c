/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The volume descriptors of an ISO 9660 image: ECMA-119, section 8; El Torito 1.0, section 2.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Where the descriptors are, and how many of them are worth a look. */
#define ISO_DESCRIPTOR_OFFSET 32768u
#define ISO_SECTOR            2048u
#define ISO_MAX_DESCRIPTORS   16u

typedef struct
{
  /* Trimmed, UTF-8, owned; NULL: blank.  The volume is Joliet's if there is one, having small letters. */
  char *system_id, *volume_id, *publisher, *preparer, *application;
  uint64_t size;     /* bytes, as the primary descriptor says */
  gboolean bootable; /* a boot record of El Torito */
  gboolean udf;      /* also, or only, a UDF volume (ECMA-167 2/9) */
} IsoInfo;

/* `data` is what is at ISO_DESCRIPTOR_OFFSET, possibly cut short.  FALSE: neither ISO 9660 nor UDF. */
gboolean iso_parse_descriptors (const uint8_t *data, size_t length, IsoInfo *info);
void iso_info_clear (IsoInfo *info);

G_END_DECLS

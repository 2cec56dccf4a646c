/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Endings and answers of packet commands; big-endian fields of packets.
 */
#pragma once

#include "storage/ide-core.h"

G_BEGIN_DECLS

void ide_packet_done (IdeDrive *drive);
void ide_packet_check (IdeDrive *drive, uint8_t key, uint8_t asc, uint8_t ascq);
void ide_packet_invalid_field (IdeDrive *drive);
/* Sends the first `length` bytes of the buffer, cut at the allocation length. */
void ide_packet_reply (IdeDrive *drive, uint32_t length, uint32_t allocation);

static inline uint32_t
get_be16 (const uint8_t *p)
{
  return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t
get_be32 (const uint8_t *p)
{
  return get_be16 (p) << 16 | get_be16 (p + 2);
}

static inline void
put_be16 (uint8_t *p, uint32_t value)
{
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static inline void
put_be32 (uint8_t *p, uint32_t value)
{
  put_be16 (p, value >> 16);
  put_be16 (p + 2, value);
}

G_END_DECLS

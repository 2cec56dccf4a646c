/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Numbers in the order of bytes that SCSI and fw_cfg have: the highest first.
 */
#pragma once

#include <stdint.h>

static inline uint32_t
get_be16 (const uint8_t *from)
{
  return (uint32_t)from[0] << 8 | from[1];
}

static inline uint32_t
get_be32 (const uint8_t *from)
{
  return get_be16 (from) << 16 | get_be16 (from + 2);
}

/* The lower half of `value`. */
static inline void
put_be16 (uint8_t *to, uint32_t value)
{
  to[0] = (uint8_t)(value >> 8);
  to[1] = (uint8_t)value;
}

static inline void
put_be32 (uint8_t *to, uint32_t value)
{
  put_be16 (to, value >> 16);
  put_be16 (to + 2, value);
}

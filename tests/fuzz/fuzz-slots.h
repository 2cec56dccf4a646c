/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the values are in what state_save() has written (core/state.c says how), so that few bytes of an input change one.
 */
#pragma once

#include "fuzz.h"

#include "core/state.h"

typedef struct
{
  size_t at;
  unsigned size;
} FuzzSlot;

static inline uint64_t
fuzz_slot_number (const uint8_t *base, size_t at, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, base + at, size);
  return value;
}

/* Every element of every field, of long arrays the first 64. */
static inline void
fuzz_find_slots (const uint8_t *base, size_t at, size_t end, GArray *slots)
{
  static const unsigned sizes[]
      = { [STATE_TYPE_BOOL] = 1, [STATE_TYPE_U8] = 1,    [STATE_TYPE_U16] = 2,    [STATE_TYPE_U32] = 4,
          [STATE_TYPE_U64] = 8,  [STATE_TYPE_TIMER] = 8, [STATE_TYPE_BUFFER] = 1, [STATE_TYPE_STRUCT] = 0 };

  while (at < end)
    {
      size_t name = base[at];
      unsigned type = base[at + 1 + name] & 0x7f;
      uint64_t count = fuzz_slot_number (base, at + 2 + name, 4);

      at += 6 + name;
      for (uint64_t i = 0; i < count; i++)
        {
          FuzzSlot slot = { at, sizes[type] };

          if (type == STATE_TYPE_STRUCT)
            {
              size_t inner = fuzz_slot_number (base, at, 4);

              fuzz_find_slots (base, at + 4, at + 4 + inner, slots);
              at += 4 + inner;
              continue;
            }
          if (i < 64)
            g_array_append_val (slots, slot);
          at += sizes[type];
        }
    }
}

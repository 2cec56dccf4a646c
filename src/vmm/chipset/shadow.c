/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See shadow.h.
 */
#define G_LOG_DOMAIN "shadow"

#include "chipset/shadow.h"

#include <string.h>

#define N_SEGMENTS 13
#define LOW_END    0xa0000u
/* The second MiB is a mapping of its own: the gate of A20 hides it, and the large slot behind it should not be cut for that. */
#define MEBIBYTE        0x100000u
#define HIGH_START      0x100000u
#define SMRAM_SIZE      0x20000u
#define BIOS_ALIAS      0xe0000u
#define BIOS_ALIAS_SIZE 0x20000u

typedef struct
{
  Shadow *shadow;
  uint32_t start, size;
  Mapping *ram;        /* read, or read and write */
  Mapping *write_only; /* reads go to what lies below */
  Region *write_only_io;
} Segment;

struct Shadow
{
  Vm *vm;
  Region *ram, *bios, *nothing;
  Segment segment[N_SEGMENTS];
  Mapping *low, *second, *high, *smram, *hidden;
  Mapping *low_in_smm, *top_in_smm; /* NULL: not there (yet) */
};

static uint64_t
write_only_read (void *opaque, uint64_t addr, unsigned size)
{
  Segment *segment = opaque;
  Shadow *shadow = segment->shadow;
  uint64_t at = segment->start + addr;
  uint64_t value = 0;

  if (shadow->bios == NULL || at < BIOS_ALIAS || region_size (shadow->bios) < BIOS_ALIAS_SIZE)
    return G_MAXUINT64;
  memcpy (&value,
          region_host (shadow->bios) + region_size (shadow->bios) - BIOS_ALIAS_SIZE + (at - BIOS_ALIAS),
          size);
  return GUINT64_FROM_LE (value);
}

static void
write_only_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Segment *segment = opaque;
  Shadow *shadow = segment->shadow;

  value = GUINT64_TO_LE (value);
  memcpy (region_host (shadow->ram) + segment->start + addr, &value, size);
  region_mark_dirty (shadow->ram, segment->start + addr, size);
}

static const IoOps write_only_ops
    = { .read = write_only_read, .write = write_only_write, .impl_min = 1, .impl_max = 8 };

static void
set_enabled (Mapping *mapping, gboolean enabled)
{
  if (mapping_enabled (mapping) != enabled)
    mapping_set_enabled (mapping, enabled);
}

/* PAM0's high half is the 64 KiB at 0xf0000; from PAM1 on, a half is 16 KiB from 0xc0000 up. */
static unsigned
segment_bits (const uint8_t *pam, unsigned n)
{
  if (n == N_SEGMENTS - 1)
    return pam[0] >> SHADOW_HIGH_SHIFT & 3;
  return pam[1 + n / 2] >> (n & 1 ? SHADOW_HIGH_SHIFT : 0) & 3;
}

/* In system-management mode SMRAM is RAM whether it is open or not.  Made at its first use, as nearly no machine has any. */
static void
show_smram (Shadow *shadow, gboolean on)
{
  if (on && shadow->low_in_smm == NULL)
    shadow->low_in_smm
        = address_space_map (shadow->vm->smm_memory, shadow->ram, LOW_END, LOW_END, SMRAM_SIZE, 0);
  else if (shadow->low_in_smm != NULL)
    set_enabled (shadow->low_in_smm, on);
}

void
shadow_update (Shadow *shadow, const uint8_t pam[SHADOW_N_PAM], uint8_t smram)
{
  AddressSpace *memory = shadow->vm->memory;

  address_space_begin (memory);
  for (unsigned n = 0; n < N_SEGMENTS; n++)
    {
      Segment *segment = &shadow->segment[n];
      unsigned bits = segment_bits (pam, n);

      mapping_set_readonly (segment->ram, !(bits & SHADOW_WRITE));
      set_enabled (segment->ram, !!(bits & SHADOW_READ));
      set_enabled (segment->write_only, bits == SHADOW_WRITE);
    }
  set_enabled (shadow->smram, (smram & SMRAM_G_ENABLE) && (smram & SMRAM_OPEN) && !(smram & SMRAM_CLOSE));
  address_space_commit (memory);
  show_smram (shadow, (smram & SMRAM_G_ENABLE) != 0);
}

/* -- What is hidden ------------------------------------------------------------------------------- */

static uint64_t
nothing_read (void *opaque, uint64_t addr, unsigned size)
{
  return G_MAXUINT64;
}

static void
nothing_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
}

static const IoOps nothing_ops
    = { .read = nothing_read, .write = nothing_write, .impl_min = 1, .impl_max = 8 };

void
shadow_hide_top (Shadow *shadow, uint64_t size)
{
  AddressSpace *memory = shadow->vm->memory;
  const uint64_t end = region_size (shadow->ram);

  size = MIN (size, end - HIGH_START);
  if (shadow->nothing != NULL ? region_size (shadow->nothing) == size : size == 0)
    return;
  address_space_begin (memory);
  g_clear_pointer (&shadow->hidden, mapping_remove);
  g_clear_pointer (&shadow->top_in_smm, mapping_remove);
  g_clear_pointer (&shadow->nothing, region_unref);
  if (size > 0)
    {
      shadow->top_in_smm
          = address_space_map (shadow->vm->smm_memory, shadow->ram, end - size, end - size, size, 0);
      shadow->nothing = region_new_io ("tseg", size, &nothing_ops, shadow);
      shadow->hidden = address_space_map (memory, shadow->nothing, end - size, 0, size, SHADOW_PRIORITY);
    }
  address_space_commit (memory);
}

/* -- Life ----------------------------------------------------------------------------------------- */

Region *
shadow_ram (Shadow *shadow)
{
  return shadow->ram;
}

Shadow *
shadow_new (Vm *vm, Region *ram, Region *bios)
{
  Shadow *shadow = g_new0 (Shadow, 1);
  AddressSpace *memory = vm->memory;
  const uint64_t size = region_size (ram);

  shadow->vm = vm;
  shadow->ram = region_ref (ram);
  shadow->bios = bios != NULL ? region_ref (bios) : NULL;
  address_space_begin (memory);
  shadow->low = address_space_map (memory, shadow->ram, 0, 0, LOW_END, 0);
  if (size > HIGH_START)
    shadow->second = address_space_map (memory, shadow->ram, HIGH_START, HIGH_START,
                                        MIN (size - HIGH_START, MEBIBYTE), 0);
  if (size > HIGH_START + MEBIBYTE)
    shadow->high = address_space_map (memory, shadow->ram, HIGH_START + MEBIBYTE, HIGH_START + MEBIBYTE,
                                      size - HIGH_START - MEBIBYTE, 0);
  shadow->smram = address_space_map (memory, shadow->ram, LOW_END, LOW_END, SMRAM_SIZE, SHADOW_PRIORITY);
  for (unsigned n = 0; n < N_SEGMENTS; n++)
    {
      Segment *segment = &shadow->segment[n];

      segment->shadow = shadow;
      segment->start = 0xc0000 + n * 0x4000;
      segment->size = n == N_SEGMENTS - 1 ? 0x10000 : 0x4000;
      segment->ram = address_space_map (memory, shadow->ram, segment->start, segment->start, segment->size,
                                        SHADOW_PRIORITY);
      segment->write_only_io = region_new_io ("pam-write-only", segment->size, &write_only_ops, segment);
      segment->write_only = address_space_map (memory, segment->write_only_io, segment->start, 0,
                                               segment->size, SHADOW_PRIORITY);
    }
  shadow_update (shadow, (const uint8_t[SHADOW_N_PAM]){ 0 }, 0);
  address_space_commit (memory);
  return shadow;
}

void
shadow_free (Shadow *shadow)
{
  if (shadow == NULL)
    return;
  for (unsigned n = 0; n < N_SEGMENTS; n++)
    {
      mapping_remove (shadow->segment[n].ram);
      mapping_remove (shadow->segment[n].write_only);
      region_unref (shadow->segment[n].write_only_io);
    }
  mapping_remove (shadow->low);
  g_clear_pointer (&shadow->second, mapping_remove);
  g_clear_pointer (&shadow->high, mapping_remove);
  g_clear_pointer (&shadow->hidden, mapping_remove);
  g_clear_pointer (&shadow->top_in_smm, mapping_remove);
  g_clear_pointer (&shadow->low_in_smm, mapping_remove);
  g_clear_pointer (&shadow->nothing, region_unref);
  mapping_remove (shadow->smram);
  region_unref (shadow->ram);
  g_clear_pointer (&shadow->bios, region_unref);
  g_free (shadow);
}

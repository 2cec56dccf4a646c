/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The legacy window 0xa0000-0xbffff: the graphics controller's data path, and the short cut around it.
 *
 * Where the window is plain memory (chain-4 as mode 13h sets it, DISPI's banks) video memory itself is mapped there and the
 * guest runs without exits.  Chain-4 reads then don't load the latches; no program is known that looks.
 */
#define G_LOG_DOMAIN "vga"

#include "video/vga-private.h"

/* Bit n of the index to byte n. */
static const uint32_t expand4[16] = {
  0x00000000, 0x000000ff, 0x0000ff00, 0x0000ffff, 0x00ff0000, 0x00ff00ff, 0x00ffff00, 0x00ffffff,
  0xff000000, 0xff0000ff, 0xff00ff00, 0xff00ffff, 0xffff0000, 0xffff00ff, 0xffffff00, 0xffffffff,
};

typedef enum
{
  FUNCTION_REPLACE,
  FUNCTION_AND,
  FUNCTION_OR,
  FUNCTION_XOR,
} Function;

#define WINDOW_64K 0x10000u

static gboolean
dispi_linear (const Vga *vga)
{
  return vga_dispi_on (vga) && vga->dispi[DISPI_BPP] > 4;
}

static uint32_t
dispi_bank (const Vga *vga)
{
  return ((uint32_t)vga->dispi[DISPI_BANK] << 16) & vga->mask;
}

/* Where window address `addr` falls in the plane address space.  FALSE: not decoded. */
static inline gboolean
decode (const Vga *vga, uint32_t addr, uint32_t *offset)
{
  if (vga_dispi_on (vga))
    {
      if (addr >= WINDOW_64K)
        return FALSE;
      *offset = addr;
      return TRUE;
    }
  if (!(vga->misc & MISC_RAM))
    return FALSE;
  switch (vga->gdc[GDC_MISC] >> 2 & 3)
    {
    case 0: /* 0xa0000, 128 KiB: the upper half repeats the lower, there are but 64 KiB a plane */
      *offset = addr & 0xffff;
      return TRUE;
    case 1: /* 0xa0000, 64 KiB */
      *offset = addr;
      return addr < WINDOW_64K;
    case 2: /* 0xb0000, 32 KiB */
      *offset = addr & 0x7fff;
      return addr >= 0x10000 && addr < 0x18000;
    default: /* 0xb8000, 32 KiB */
      *offset = addr & 0x7fff;
      return addr >= 0x18000;
    }
}

/* 4 bit DISPI modes have their planes in banks of 64 KiB. */
static inline uint32_t
banked_offset (const Vga *vga, uint32_t offset)
{
  return vga_dispi_on (vga) ? offset | (uint32_t)vga->dispi[DISPI_BANK] << 16 : offset;
}

static inline gboolean
chain4 (const Vga *vga)
{
  return (vga->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_CHAIN4) && !vga_dispi_on (vga);
}

static uint8_t
read_byte (Vga *vga, uint32_t addr)
{
  uint32_t offset;
  unsigned plane;

  if (!decode (vga, addr, &offset))
    return 0xff;
  if (dispi_linear (vga))
    return vga->memory[(dispi_bank (vga) + offset) & vga->mask];
  plane = vga->gdc[GDC_READ_MAP] & 3;
  if (chain4 (vga))
    {
      plane = offset & 3;
      offset &= ~3u;
    }
  else
    {
      if (vga->gdc[GDC_MODE] & GDC_MODE_ODD_EVEN)
        plane = (plane & 2) | (offset & 1);
      if (vga->gdc[GDC_MISC] & GDC_MISC_CHAIN_ODD_EVEN)
        offset &= ~1u;
      offset = banked_offset (vga, offset);
    }
  vga->latch = vga_load_word (vga, offset);
  if (vga->gdc[GDC_MODE] & GDC_MODE_READ_COMPARE)
    {
      uint32_t differ = (vga->latch ^ expand4[vga->gdc[GDC_COLOR_COMPARE] & 0xf])
                        & expand4[vga->gdc[GDC_COLOR_DONT_CARE] & 0xf];
      differ |= differ >> 16;
      differ |= differ >> 8;
      return (uint8_t)~differ;
    }
  return (uint8_t)(vga->latch >> (8 * plane));
}

/* The four planes' bytes as the data path makes them of the processor's byte. */
static inline uint32_t
data_path (const Vga *vga, uint8_t value)
{
  const uint8_t *gdc = vga->gdc;
  unsigned rotate = gdc[GDC_ROTATE] & 7;
  uint8_t rotated = (uint8_t)(value >> rotate | value << (8 - rotate)), bit_mask = gdc[GDC_BIT_MASK];
  uint32_t data;

  switch (gdc[GDC_MODE] & GDC_MODE_WRITE)
    {
    case 0:
      {
        uint32_t enable = expand4[gdc[GDC_ENABLE_SET_RESET] & 0xf];
        data = (rotated * 0x01010101u & ~enable) | (expand4[gdc[GDC_SET_RESET] & 0xf] & enable);
      }
      break;
    case 1:
      return vga->latch;
    case 2:
      data = expand4[value & 0xf];
      break;
    default:
      bit_mask &= rotated;
      data = expand4[gdc[GDC_SET_RESET] & 0xf];
      break;
    }
  switch ((Function)(gdc[GDC_ROTATE] >> 3 & 3))
    {
    case FUNCTION_AND:
      data &= vga->latch;
      break;
    case FUNCTION_OR:
      data |= vga->latch;
      break;
    case FUNCTION_XOR:
      data ^= vga->latch;
      break;
    default:
      break;
    }
  uint32_t mask = bit_mask * 0x01010101u;
  return (data & mask) | (vga->latch & ~mask);
}

static void
write_byte (Vga *vga, uint32_t addr, uint8_t value)
{
  uint32_t offset;
  unsigned planes = vga->seq[SEQ_MAP_MASK];

  if (!decode (vga, addr, &offset))
    return;
  if (dispi_linear (vga))
    {
      offset = (dispi_bank (vga) + offset) & vga->mask;
      vga->memory[offset] = value;
      region_mark_dirty (vga->vram, offset, 1);
      return;
    }
  if (chain4 (vga))
    {
      planes &= 1u << (offset & 3);
      offset &= ~3u;
    }
  else
    {
      if (!(vga->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_SEQUENTIAL) && !vga_dispi_on (vga))
        planes &= offset & 1 ? 0xa : 0x5;
      if (vga->gdc[GDC_MISC] & GDC_MISC_CHAIN_ODD_EVEN)
        offset &= ~1u;
      offset = banked_offset (vga, offset);
    }
  uint32_t mask = expand4[planes & 0xf], address = vga_word_address (vga, offset), word;
  __builtin_memcpy (&word, vga->memory + address, 4);
  word = (word & GUINT32_TO_LE (~mask)) | GUINT32_TO_LE (data_path (vga, value) & mask);
  __builtin_memcpy (vga->memory + address, &word, 4);
  region_mark_dirty (vga->vram, address, 4);
}

static uint64_t
window_read (void *opaque, uint64_t addr, unsigned size)
{
  uint64_t value = 0;

  for (unsigned i = 0; i < size; i++)
    value |= (uint64_t)read_byte (opaque, (uint32_t)addr + i) << (8 * i);
  return value;
}

static void
window_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  for (unsigned i = 0; i < size; i++)
    write_byte (opaque, (uint32_t)addr + i, (uint8_t)(value >> (8 * i)));
}

const IoOps vga_window_ops = { .read = window_read, .write = window_write, .impl_min = 1, .impl_max = 8 };

/* -- The short cut -------------------------------------------------------------------------------- */

static gboolean
chain4_is_plain (const Vga *vga)
{
  const uint8_t *gdc = vga->gdc;

  return (vga->misc & MISC_RAM) && (vga->seq[SEQ_MEMORY_MODE] & SEQ_MEMORY_CHAIN4)
         && (vga->seq[SEQ_MAP_MASK] & 0xf) == 0xf
         && (gdc[GDC_MODE] & (GDC_MODE_WRITE | GDC_MODE_READ_COMPARE)) == 0
         && (gdc[GDC_ENABLE_SET_RESET] & 0xf) == 0 && (gdc[GDC_ROTATE] & 0x1f) == 0
         && gdc[GDC_BIT_MASK] == 0xff && (gdc[GDC_MISC] >> 2 & 3) <= 1;
}

void
vga_memory_update (Vga *vga)
{
  gboolean on = FALSE;
  uint64_t offset = 0;

  if (vga->linear_mapping == NULL)
    return;
  if (vga_dispi_on (vga))
    {
      on = dispi_linear (vga);
      offset = dispi_bank (vga);
    }
  else
    on = chain4_is_plain (vga);
  if (on == vga->linear_on && (!on || offset == vga->linear_offset))
    return;
  address_space_begin (vga->pci.device.vm->memory);
  if (on)
    mapping_set_offset (vga->linear_mapping, offset, WINDOW_64K);
  mapping_set_enabled (vga->linear_mapping, on);
  address_space_commit (vga->pci.device.vm->memory);
  vga->linear_on = on;
  vga->linear_offset = offset;
}

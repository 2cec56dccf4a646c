/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Instructions behind VEX that are unlike the others: VZEROUPPER, shifts by an immediate, broadcasts of 128 bits, masked moves, gathers, and those of
 * SSE that only clear the upper half in addition.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/host.h"
#include "cpu/soft/vex.h"

static unsigned
vector_bytes (const SoftInsn *insn)
{
  return (insn->wide & SOFT_VEX_L) != 0 ? 32 : 16;
}

static void
op_vzero (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned n = (cpu->key & SOFT_KEY_SIZE) == SOFT_KEY_64 ? 16 : 8;

  soft_avx_check (cpu, insn);
  memset (cpu->ymm_high, 0, n * sizeof cpu->ymm_high[0]);
  if ((insn->wide & SOFT_VEX_L) != 0) /* VZEROALL */
    memset (cpu->xmm, 0, n * sizeof cpu->xmm[0]);
}

/* -- Shifts by an immediate: v = m shifted --------------------------------------------------------------- */

static void
shift_bytes (SoftXmm *value, unsigned count, gboolean left)
{
  uint8_t window[48] = { 0 };

  count = MIN (count, 16);
  memcpy (window + 16, value, 16);
  memcpy (value, window + (left ? 16 - count : 16 + count), 16);
}

/* By words there is an instruction that takes the count in a register; it is the stub.  scale: 3 or 7 for bytes. */
static void
op_shift (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftVexOperands o;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->b, &o.v);
  if (insn->scale != 0)
    {
      shift_bytes (&o.v.half[0], insn->rex, insn->scale == 7);
      if ((insn->wide & SOFT_VEX_L) != 0)
        shift_bytes (&o.v.half[1], insn->rex, insn->scale == 7);
      else
        memset (&o.v.half[1], 0, sizeof o.v.half[1]);
      soft_set_ymm (cpu, insn->v, &o.v);
      return;
    }
  memset (&o.m, 0, sizeof o.m);
  o.m.u64[0] = insn->rex;
  soft_vex_run ((const uint8_t *)(uintptr_t)insn->imm, &o);
  soft_set_ymm (cpu, insn->v, &o.r);
}

static gboolean
decode_shift (SoftDecode *d, SoftInsn *insn)
{
  /* By opcode and digit: the same by a register. */
  static const uint8_t by_register[3][8] = { { 0, 0, 0xd1, 0, 0xe1, 0, 0xf1, 0 },
                                             { 0, 0, 0xd2, 0, 0xe2, 0, 0xf2, 0 },
                                             { 0, 0, 0xd3, 0, 0, 0, 0xf3, 0 } };
  unsigned digit = insn->modrm >> 3 & 7, opcode = by_register[d->opcode - 0x71][digit];
  gboolean bytes = d->opcode == 0x73 && (digit == 3 || digit == 7);

  insn->rex = soft_fetch8 (d); /* the immediate */
  insn->v = d->vex_v & (d->mode == SOFT_KEY_64 ? 15 : 7);
  insn->scale = bytes ? (uint8_t)digit : 0;
  if (insn->mem || d->vex_pp != 1 || (opcode == 0 && !bytes))
    return FALSE;
  if (!bytes)
    {
      SoftDecode by = *d;

      by.opcode = (uint8_t)opcode;
      insn->imm = (uintptr_t)soft_vex_stub (soft_vex_find (&by), opcode, d->vex_wide, 0);
    }
  soft_decode_call (insn, op_shift);
  return TRUE;
}

/* -- Broadcasts, masked moves -------------------------------------------------------------------------------- */

static void
op_broadcast (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftYmm value;

  soft_avx_check (cpu, insn);
  soft_load128 (cpu, insn, insn->seg, soft_ea (cpu, insn), &value.half[0], FALSE);
  value.half[1] = value.half[0];
  soft_set_ymm (cpu, insn->a, &value);
}

/* Linear address of element i of insn->size bytes. */
static uint64_t
element (SoftCpu *cpu, const SoftInsn *insn, unsigned i, gboolean write)
{
  uint64_t offset = soft_ea (cpu, insn) + (uint64_t)i * insn->size;

  if (insn->address == 4)
    offset = (uint32_t)offset;
  else if (insn->address == 2)
    offset = (uint16_t)offset;
  return soft_linear (cpu, insn, insn->seg, offset, insn->size, write);
}

static gboolean
selected (const SoftYmm *mask, unsigned i, unsigned size)
{
  return (mask->u8[(i + 1) * size - 1] & 0x80) != 0;
}

static void
put_element (SoftYmm *value, unsigned i, unsigned size, uint64_t word)
{
  if (size == 8)
    value->u64[i] = word;
  else
    value->u32[i] = (uint32_t)word;
}

/* An element that the mask leaves out is not touched in memory. */
static void
op_mask_load (SoftCpu *cpu, const SoftInsn *insn)
{
  SoftYmm mask, value = { 0 };

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->v, &mask);
  for (unsigned i = 0; i < vector_bytes (insn) / insn->size; i++)
    if (selected (&mask, i, insn->size))
      put_element (&value, i, insn->size, soft_read (cpu, insn, element (cpu, insn, i, FALSE), insn->size));
  soft_set_ymm (cpu, insn->a, &value);
}

static void
op_mask_store (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned n = vector_bytes (insn) / insn->size;
  SoftYmm mask, value;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->v, &mask);
  soft_get_ymm (cpu, insn->a, &value);
  for (unsigned i = 0; i < n; i++)
    if (selected (&mask, i, insn->size))
      soft_probe_write (cpu, insn, element (cpu, insn, i, TRUE), insn->size);
  for (unsigned i = 0; i < n; i++)
    if (selected (&mask, i, insn->size))
      soft_write (cpu, insn, element (cpu, insn, i, TRUE), insn->size == 8 ? value.u64[i] : value.u32[i],
                  insn->size);
}

/* -- Gathers ----------------------------------------------------------------------------------------------------- */

/* Elements in order, those that the mask selects; what is done is done if a later one faults, and its bit is clear, so that the instruction goes on when
 * it is run again (SDM volume 2, VGATHERDPS).  b: register of indices; opcode bit 0: they have 64 bits. */
static void
op_gather (SoftCpu *cpu, const SoftInsn *insn)
{
  unsigned wide_index = (insn->opcode & 1) != 0, total = vector_bytes (insn);
  unsigned n = total / MAX (insn->size, wide_index ? 8u : 4u);
  gboolean upper = n * insn->size > 16;
  SoftYmm index, mask, value;

  soft_avx_check (cpu, insn);
  soft_get_ymm (cpu, insn->b, &index);
  soft_get_ymm (cpu, insn->v, &mask);
  soft_get_ymm (cpu, insn->a, &value);
  for (unsigned i = 0; i < n; i++)
    {
      int64_t at = wide_index ? (int64_t)index.u64[i] : (int32_t)index.u32[i];
      uint64_t offset = soft_ea (cpu, insn) + ((uint64_t)at << insn->scale);

      if (insn->address == 4)
        offset = (uint32_t)offset;
      if (selected (&mask, i, insn->size))
        {
          put_element (&value, i, insn->size, soft_load (cpu, insn, insn->seg, offset, insn->size));
          soft_set_ymm (cpu, insn->a, &value);
        }
      put_element (&mask, i, insn->size, 0);
      soft_set_ymm (cpu, insn->v, &mask);
    }
  /* What lies above the elements. */
  if (n * insn->size < 16)
    value.u64[1] = 0;
  cpu->xmm[insn->a] = value.half[0];
  memset (&cpu->xmm[insn->v], 0, sizeof cpu->xmm[0]);
  soft_clear_high (cpu, insn->v);
  if (!upper)
    soft_clear_high (cpu, insn->a);
}

/* ModRM and SIB have been read, but the index is a vector, which may be the fourth one. */
static gboolean
decode_gather (SoftDecode *d, SoftInsn *insn, unsigned modrm_at)
{
  unsigned sib = modrm_at + 1 < d->available ? d->bytes[modrm_at + 1] : 0;
  unsigned index = (sib >> 3 & 7) | (d->rex & 2) << 2;

  insn->index = SOFT_REG_ZERO;
  insn->scale = (uint8_t)(sib >> 6);
  insn->b = (uint8_t)index;
  if (!insn->mem || (insn->modrm & 7) != 4 || d->address_size == 2 || insn->a == insn->v || insn->a == index
      || insn->v == index)
    return FALSE;
  soft_decode_call (insn, op_gather);
  return TRUE;
}

/* -- The same as with SSE ---------------------------------------------------------------------------------------- */

static void
op_compare_strings (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_avx_check (cpu, insn);
  soft_do_compare_strings (cpu, insn, insn->opcode);
  if ((insn->opcode & 1) == 0)
    soft_clear_high (cpu, 0);
}

static void
op_maskmovdqu (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_avx_check (cpu, insn);
  soft_do_maskmovdqu (cpu, insn);
}

static void
op_ldmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_avx_check (cpu, insn);
  soft_do_ldmxcsr (cpu, insn);
}

static void
op_stmxcsr (SoftCpu *cpu, const SoftInsn *insn)
{
  soft_avx_check (cpu, insn);
  soft_do_stmxcsr (cpu, insn);
}

/* -- Decoding ---------------------------------------------------------------------------------------------------- */

static SoftHelper
find_one (const SoftDecode *d, const SoftInsn *insn)
{
  unsigned digit = insn->modrm >> 3 & 7;
  gboolean plain = (d->vex_wide & SOFT_VEX_L) == 0 && d->vex_v == 0;

  if (d->opcode == 0xae && insn->mem && d->vex_pp == 0 && plain)
    return digit == 2 ? op_ldmxcsr : digit == 3 ? op_stmxcsr : NULL;
  if (d->opcode == 0xf7 && !insn->mem && d->vex_pp == 1 && plain)
    return op_maskmovdqu;
  return NULL;
}

static SoftHelper
find_two (const SoftDecode *d, SoftInsn *insn)
{
  gboolean w = (d->vex_wide & SOFT_VEX_W) != 0, l = (d->vex_wide & SOFT_VEX_L) != 0;

  if (!insn->mem)
    return NULL;
  switch (d->opcode)
    {
    case 0x1a:
    case 0x5a:
      return l && !w && d->vex_v == 0 ? op_broadcast : NULL;
    case 0x2c ... 0x2f:
      insn->size = (d->opcode & 1) == 0 ? 4 : 8;
      return w ? NULL : d->opcode < 0x2e ? op_mask_load : op_mask_store;
    case 0x8c:
    case 0x8e:
      insn->size = w ? 8 : 4;
      return d->opcode == 0x8c ? op_mask_load : op_mask_store;
    default:
      return NULL;
    }
}

gboolean
soft_decode_vex_special (SoftDecode *d, SoftInsn *insn)
{
  unsigned map = d->map - SOFT_MAP_VEX, modrm_at = d->position;
  SoftHelper helper = NULL;

  if (!soft_host_has (SOFT_HOST_AVX))
    return FALSE;
  insn->wide = d->vex_wide;
  if (map == 1 && d->opcode == 0x77)
    {
      if (d->vex_pp != 0 || d->vex_v != 0)
        return FALSE;
      soft_decode_call (insn, op_vzero);
      return TRUE;
    }
  soft_decode_modrm (d, insn);
  if (!insn->mem)
    {
      insn->address = d->address_size;
      insn->seg = d->segment >= 0 ? (uint8_t)d->segment : CPU_DS;
    }
  insn->a = d->reg;
  insn->v = d->vex_v & (d->mode == SOFT_KEY_64 ? 15 : 7);
  if (map == 1 && d->opcode >= 0x71 && d->opcode <= 0x73)
    return decode_shift (d, insn);
  if (map == 2 && d->vex_pp == 1 && d->opcode >= 0x90 && d->opcode <= 0x93)
    {
      insn->size = (d->vex_wide & SOFT_VEX_W) != 0 ? 8 : 4;
      return decode_gather (d, insn, modrm_at);
    }
  if (map == 1)
    helper = find_one (d, insn);
  else if (map == 2 && d->vex_pp == 1)
    helper = find_two (d, insn);
  else if (d->vex_pp == 1 && d->opcode >= 0x60 && d->opcode <= 0x63 && (d->vex_wide & SOFT_VEX_L) == 0
           && d->vex_v == 0)
    {
      insn->imm = soft_fetch8 (d);
      insn->size = d->mode == SOFT_KEY_64 && (d->vex_wide & SOFT_VEX_W) != 0 ? 8 : 4;
      helper = op_compare_strings;
    }
  if (helper == NULL)
    return FALSE;
  soft_decode_call (insn, helper);
  return TRUE;
}

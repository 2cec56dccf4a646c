/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Decoding: what has a VEX prefix (SDM volume 2, 2.3).  The integer instructions are here; the vector ones have a table (vex.h).
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/decode-private.h"
#include "cpu/soft/host.h"
#include "cpu/soft/vex.h"

/* The prefix and the opcode.  R, X, B and W have the places of REX's in d->rex. */
static void
read_prefix (SoftDecode *d)
{
  uint8_t first = d->opcode, byte = soft_fetch8 (d), map = 1;

  d->rex = (uint8_t)(0x40 | ((byte & 0x80) == 0 ? 4 : 0));
  if (first == 0xc4)
    {
      map = byte & 31;
      d->rex |= (uint8_t)(((byte & 0x40) == 0 ? 2 : 0) | ((byte & 0x20) == 0 ? 1 : 0));
      byte = soft_fetch8 (d);
      if ((byte & 0x80) != 0)
        {
          d->rex |= 8;
          d->vex_wide |= SOFT_VEX_W;
        }
    }
  if (!mode64 (d))
    d->rex &= 0x48;
  d->vex_v = (uint8_t)(~byte >> 3 & (mode64 (d) ? 15 : 7));
  if (!mode64 (d) && (byte & 0x40) == 0)
    d->vex_v |= 8; /* not a register here, but not 1111B either */
  d->vex_wide |= (byte & 4) != 0 ? SOFT_VEX_L : 0;
  d->vex_pp = byte & 3;
  d->opcode = soft_fetch8 (d);
  d->map = map < 1 || map > 3 ? 0xff : (uint8_t)(SOFT_MAP_VEX + map);
}

/* -- Integers ---------------------------------------------------------------------------------------------------- */

static gboolean
is_integer (const SoftDecode *d)
{
  return (d->map == SOFT_MAP_VEX + 2 && d->opcode >= 0xf2 && d->opcode <= 0xf7 && d->opcode != 0xf4)
         || (d->map == SOFT_MAP_VEX + 3 && d->opcode == 0xf0);
}

static SoftHandler
find_group17 (const SoftDecode *d)
{
  static const SoftHandler handlers[8] = { NULL, soft_op_blsr, soft_op_blsmsk, soft_op_blsi };

  return handlers[d->modrm >> 3 & 7];
}

static SoftHandler
find_integer (const SoftDecode *d)
{
  static const SoftHandler f5[4] = { soft_op_bzhi, NULL, soft_op_pext, soft_op_pdep };

  switch (d->opcode)
    {
    case 0xf0:
      return d->vex_pp == 3 && d->vex_v == 0 ? soft_op_rorx : NULL;
    case 0xf2:
      return d->vex_pp == 0 ? soft_op_andn : NULL;
    case 0xf3:
      return d->vex_pp == 0 ? find_group17 (d) : NULL;
    case 0xf5:
      return f5[d->vex_pp];
    case 0xf6:
      return d->vex_pp == 3 ? soft_op_mulx : NULL;
    default:
      return d->vex_pp == 0 ? soft_op_bextr : soft_op_shiftx;
    }
}

static gboolean
is_bmi1 (const SoftDecode *d)
{
  return d->opcode == 0xf2 || d->opcode == 0xf3 || (d->opcode == 0xf7 && d->vex_pp == 0);
}

static gboolean
decode_integer (SoftDecode *d, SoftInsn *insn)
{
  SoftHandler handler;

  insn->size = mode64 (d) && (d->vex_wide & SOFT_VEX_W) != 0 ? 8 : 4;
  operands (d, insn);
  handler = find_integer (d);
  if (handler == NULL || (d->vex_wide & SOFT_VEX_L) != 0
      || !soft_host_has (is_bmi1 (d) ? SOFT_HOST_BMI1 : SOFT_HOST_BMI2))
    return undefined (insn);
  insn->v = d->vex_v & (mode64 (d) ? 15 : 7);
  insn->imm = d->map == SOFT_MAP_VEX + 3 ? soft_fetch8 (d) : d->vex_pp;
  insn->handler = handler;
  return TRUE;
}

/* -- Vectors ----------------------------------------------------------------------------------------------------- */

static gboolean
has_gpr (const SoftVexRow *row)
{
  return row->form == VEX_FROM_GPR || row->form == VEX_TO_GPR || row->form == VEX_STORE_GPR;
}

/* vvvv names no register, but for those whose memory form has one operand less. */
static gboolean
must_have_no_v (const SoftVexRow *row, const SoftInsn *insn)
{
  return row->v == 15 || (insn->mem && (row->form == VEX_LOAD_SCALAR || row->form == VEX_STORE_SCALAR));
}

static gboolean
decode_vector (SoftDecode *d, SoftInsn *insn)
{
  const SoftVexRow *row = soft_vex_find (d);
  unsigned imm = 0;

  if (row == NULL)
    return soft_decode_vex_special (d, insn) ? TRUE : undefined (insn);
  if (has_gpr (row) && !mode64 (d))
    {
      /* VPINSRQ and VPEXTRQ are none there; elsewhere W is ignored. */
      if (row->map == 3 && row->w == 2 && (d->vex_wide & SOFT_VEX_W) != 0)
        return undefined (insn);
      d->vex_wide &= (uint8_t)~SOFT_VEX_W;
    }
  soft_decode_modrm (d, insn);
  insn->a = d->reg;
  insn->size = (uint8_t)soft_vex_memory (row, d->vex_wide);
  insn->v = d->vex_v & (mode64 (d) ? 15 : 7);
  insn->wide = (uint8_t)(d->vex_wide | ((row->flags & VEX_FLOAT) != 0 ? SOFT_VEX_FLOAT : 0)
                         | ((row->flags & VEX_ALIGNED) != 0 ? SOFT_VEX_ALIGNED : 0));
  if (row->imm != 0)
    imm = soft_fetch8 (d);
  if ((must_have_no_v (row, insn) && d->vex_v != 0) || (insn->mem && (row->flags & VEX_REG) != 0)
      || (!insn->mem && ((row->flags & VEX_MEM) != 0 || row->pp != d->vex_pp)))
    return undefined (insn);
  if (row->form == VEX_BLEND)
    {
      unsigned fourth = imm >> 4 & (mode64 (d) ? 15 : 7);

      *(insn->mem ? &insn->b : &insn->scale) = (uint8_t)fourth;
      imm = 0x30;
    }
  else if (row->form == VEX_DOT)
    insn->rex = (uint8_t)imm;
  else if (d->map == SOFT_MAP_VEX + 3 && d->opcode == 0x21 && insn->mem)
    imm &= 0x3f; /* VINSERTPS: there is but one element in memory */
  insn->imm = (uintptr_t)soft_vex_stub (row, d->opcode, d->vex_wide, imm);
  return plain_call (insn, soft_vex_helper ((SoftVexForm)row->form));
}

gboolean
soft_decode_vex (SoftDecode *d, SoftInsn *insn)
{
  gboolean prefixed = d->rex != 0 || d->opsize || d->rep != 0 || d->lock;

  read_prefix (d);
  insn->opcode = (uint16_t)(d->opcode | d->map << 8);
  if (prefixed || (d->key & SOFT_KEY_PROTECTED) == 0 || d->map == 0xff)
    return undefined (insn);
  return is_integer (d) ? decode_integer (d, insn) : decode_vector (d, insn);
}

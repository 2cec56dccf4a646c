/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The decoder (SDM volume 2, chapter 2 and appendix A): bytes to the handler that carries them out.  Here: prefixes, ModRM and what follows it; the
 * maps of opcodes are in decode-one.c, decode-two.c and decode-vex.c.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/decode-private.h"

/* -- ModRM ----------------------------------------------------------------------------------------------------- */

static void
modrm16 (SoftDecode *d, SoftInsn *insn)
{
  static const uint8_t bases[8] = { CPU_RBX, CPU_RBX, CPU_RBP, CPU_RBP, CPU_RSI, CPU_RDI, CPU_RBP, CPU_RBX };
  static const uint8_t indices[8]
      = { CPU_RSI, CPU_RDI, CPU_RSI, CPU_RDI, SOFT_REG_ZERO, SOFT_REG_ZERO, SOFT_REG_ZERO, SOFT_REG_ZERO };
  unsigned rm = d->modrm & 7;

  insn->base = bases[rm];
  insn->index = indices[rm];
  insn->seg = rm == 2 || rm == 3 || (rm == 6 && d->mod != 0) ? CPU_SS : CPU_DS;
  if (d->mod == 0 && rm == 6)
    {
      insn->base = SOFT_REG_ZERO;
      insn->disp = soft_fetch16 (d);
    }
  else if (d->mod == 1)
    insn->disp = (int8_t)soft_fetch8 (d);
  else if (d->mod == 2)
    insn->disp = (int16_t)soft_fetch16 (d);
}

static void
modrm32 (SoftDecode *d, SoftInsn *insn)
{
  unsigned rm = d->modrm & 7;

  insn->seg = CPU_DS;
  if (rm == 4)
    {
      uint8_t sib = soft_fetch8 (d);
      unsigned index = ((sib >> 3) & 7) | ((d->rex & 2) << 2), base = (sib & 7) | ((d->rex & 1) << 3);

      insn->index = index == CPU_RSP ? SOFT_REG_ZERO : (uint8_t)index;
      insn->scale = insn->index == SOFT_REG_ZERO ? 0 : sib >> 6;
      if ((sib & 7) == 5 && d->mod == 0)
        {
          insn->base = SOFT_REG_ZERO;
          insn->disp = (int32_t)soft_fetch32 (d);
        }
      else
        {
          insn->base = (uint8_t)base;
          if (base == CPU_RSP || base == CPU_RBP)
            insn->seg = CPU_SS;
        }
    }
  else if (rm == 5 && d->mod == 0)
    {
      insn->base = mode64 (d) ? SOFT_REG_RIP : SOFT_REG_ZERO;
      insn->disp = (int32_t)soft_fetch32 (d);
    }
  else
    {
      insn->base = d->rm;
      if (d->rm == CPU_RBP)
        insn->seg = CPU_SS;
    }
  if (d->mod == 1)
    insn->disp = (int8_t)soft_fetch8 (d);
  else if (d->mod == 2)
    insn->disp = (int32_t)soft_fetch32 (d);
}

void
soft_decode_modrm (SoftDecode *d, SoftInsn *insn)
{
  d->modrm = soft_fetch8 (d);
  d->mod = d->modrm >> 6;
  d->reg = (uint8_t)(((d->modrm >> 3) & 7) | ((d->rex & 4) << 1));
  d->rm = (uint8_t)((d->modrm & 7) | ((d->rex & 1) << 3));
  insn->modrm = d->modrm;
  insn->rex = d->rex;
  insn->address = d->address_size;
  insn->base = insn->index = SOFT_REG_ZERO;
  insn->mem = d->mod != 3;
  insn->b = d->rm;
  if (!insn->mem)
    return;
  if (d->address_size == 2)
    modrm16 (d, insn);
  else
    modrm32 (d, insn);
  if (d->segment >= 0)
    insn->seg = (uint8_t)d->segment;
}

unsigned
soft_ea_variant (const SoftDecode *d, const SoftInsn *insn)
{
  gboolean index = insn->index != SOFT_REG_ZERO;

  if (mode64 (d))
    return insn->address == 8 && insn->seg < CPU_FS ? (index ? SOFT_EA_64_INDEX : SOFT_EA_64) : SOFT_EA_ANY;
  if ((d->key & SOFT_KEY_FLAT) != 0 && insn->address == 4
      && (insn->seg == CPU_DS || insn->seg == CPU_SS || insn->seg == CPU_ES))
    return index ? SOFT_EA_32_INDEX : SOFT_EA_32;
  return SOFT_EA_ANY;
}

void
soft_decode_call (SoftInsn *insn, SoftHelper call)
{
  insn->handler = soft_op_call;
  insn->call = call;
}

/* -- Prefixes -------------------------------------------------------------------------------------------------- */

static void
set_sizes (SoftDecode *d, gboolean address_prefix)
{
  switch (d->mode)
    {
    case SOFT_KEY_16:
      d->operand_size = d->opsize ? 4 : 2;
      d->address_size = address_prefix ? 4 : 2;
      break;
    case SOFT_KEY_32:
      d->operand_size = d->opsize ? 2 : 4;
      d->address_size = address_prefix ? 2 : 4;
      break;
    default:
      d->operand_size = (d->rex & 8) != 0 ? 8 : d->opsize ? 2 : 4;
      d->address_size = address_prefix ? 4 : 8;
      break;
    }
}

/* Outside of 64-bit mode C4 and C5 are LES and LDS, which have no register operand. */
static gboolean
is_vex (const SoftDecode *d)
{
  return (d->opcode == 0xc4 || d->opcode == 0xc5)
         && (mode64 (d) || (d->position < d->available && d->bytes[d->position] >= 0xc0));
}

static void
finish (SoftDecode *d, SoftInsn *insn)
{
  insn->length = (uint8_t)d->position;
  if (insn->mem && insn->base == SOFT_REG_RIP)
    insn->disp += insn->offset + insn->length;
}

gboolean
soft_decode (SoftDecode *d, SoftInsn *insn)
{
  gboolean address_prefix = FALSE, lockable = FALSE, go_on;

  d->segment = -1;
  for (;;)
    {
      uint8_t byte = soft_fetch8 (d);

      if (d->overrun)
        return FALSE;
      if (mode64 (d) && (byte & 0xf0) == 0x40)
        {
          d->rex = byte;
          continue;
        }
      d->opcode = byte;
      if (byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e)
        {
          if (!mode64 (d))
            d->segment = (byte >> 3) & 3;
        }
      else if (byte == 0x64 || byte == 0x65)
        d->segment = byte == 0x64 ? CPU_FS : CPU_GS;
      else if (byte == 0x66)
        d->opsize = TRUE;
      else if (byte == 0x67)
        address_prefix = TRUE;
      else if (byte == 0xf0)
        d->lock = TRUE;
      else if (byte == 0xf2 || byte == 0xf3)
        d->rep = byte;
      else
        break;
      d->rex = 0; /* REX counts only right before the opcode */
    }
  set_sizes (d, address_prefix);
  insn->base = insn->index = SOFT_REG_ZERO;
  insn->rex = d->rex;
  if (is_vex (d))
    {
      go_on = soft_decode_vex (d, insn);
      finish (d, insn);
      return go_on;
    }
  insn->rep = d->rep;
  insn->lock = d->lock;
  if (d->opcode == 0x0f)
    {
      d->map = 1;
      d->opcode = soft_fetch8 (d);
      if (d->opcode == 0x38 || d->opcode == 0x3a)
        {
          d->map = d->opcode == 0x38 ? 2 : 3;
          d->opcode = soft_fetch8 (d);
        }
    }
  insn->opcode = (uint16_t)(d->opcode | d->map << 8);
  if (d->lock && (d->opcode >= 0xd8 && d->opcode <= 0xdf && d->map == 0))
    go_on = undefined (insn);
  else if (d->map == 0)
    go_on = soft_decode_one (d, insn, &lockable);
  else if (d->map == 1)
    go_on = soft_decode_two (d, insn, &lockable);
  else
    go_on = soft_decode_three (d, insn);

  if (d->lock && (!lockable || !insn->mem)
      && !(d->map == 1 && (d->opcode == 0x20 || d->opcode == 0x22) && (d->modrm & 0x38) == 0
           && (d->rex & 4) == 0))
    go_on = undefined (insn);
  else if (insn->mem && lockable && (d->lock || (d->map == 0 && (d->opcode | 1) == 0x87)))
    soft_decode_call (insn, soft_locked (insn));
  finish (d, insn);
  return go_on;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Decimal arithmetic (SDM volume 2, DAA and following), and instructions on single flags.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/exec-integer-private.h"

static void
set_szp (SoftCpu *cpu, uint8_t al, uint32_t others)
{
  uint16_t af;

  soft_alu_value (4, 1, al, al, &af);
  cpu->af = soft_eflags_to_af ((soft_af_to_eflags (af) & (FLAG_SF | FLAG_ZF | FLAG_PF)) | others);
}

HANDLER (soft_do_bcd)
{
  uint32_t flags = soft_af_to_eflags (cpu->af), out = 0;
  uint8_t al = (uint8_t)cpu->reg[CPU_RAX], ah = (uint8_t)(cpu->reg[CPU_RAX] >> 8);
  gboolean adjust = (al & 15) > 9 || (flags & FLAG_AF) != 0;
  unsigned op = insn->opcode & 0xff;

  switch (op)
    {
    case 0x27: /* DAA */
    case 0x2f: /* DAS */
      {
        uint8_t old = al;
        if (adjust)
          {
            if (op == 0x2f && old < 6)
              out |= FLAG_CF;
            al = (uint8_t)(op == 0x27 ? al + 6 : al - 6);
            out |= FLAG_AF;
            if (op == 0x27 && old > 0xf9)
              out |= FLAG_CF;
          }
        out |= flags & FLAG_CF;
        if (old > 0x99 || (flags & FLAG_CF) != 0)
          {
            al = (uint8_t)(op == 0x27 ? al + 0x60 : al - 0x60);
            out |= FLAG_CF;
          }
        else if (op == 0x27)
          out &= ~(uint32_t)FLAG_CF;
        SOFT_R8 (cpu, 0) = al;
        set_szp (cpu, al, out);
        return;
      }
    case 0x37: /* AAA */
    case 0x3f: /* AAS */
      if (adjust)
        {
          uint16_t ax = (uint16_t)(al | ah << 8);
          ax = (uint16_t)(op == 0x37 ? ax + 0x106 : ax - 0x106);
          SOFT_R16 (cpu, 0) = ax & 0xff0f;
          out = FLAG_AF | FLAG_CF;
        }
      else
        SOFT_R8 (cpu, 0) = al & 15;
      set_szp (cpu, (uint8_t)cpu->reg[0], out);
      return;
    case 0xd4: /* AAM */
      if ((insn->imm & 0xff) == 0)
        soft_raise (cpu, insn, EXC_DE);
      SOFT_R16 (cpu, 0) = (uint16_t)(al % (uint8_t)insn->imm | (al / (uint8_t)insn->imm) << 8);
      set_szp (cpu, (uint8_t)cpu->reg[0], 0);
      return;
    default: /* AAD */
      SOFT_R16 (cpu, 0) = (uint8_t)(al + ah * (uint8_t)insn->imm);
      set_szp (cpu, (uint8_t)cpu->reg[0], 0);
      return;
    }
}

HANDLER (soft_do_salc)
{
  SOFT_R8 (cpu, 0) = (soft_af_to_eflags (cpu->af) & FLAG_CF) != 0 ? 0xff : 0;
}

HANDLER (soft_do_lahf)
{
  SOFT_R8 (cpu, 1) = (uint8_t)(soft_af_to_eflags (cpu->af) | FLAG_ONE);
}

HANDLER (soft_do_sahf)
{
  soft_set_flags (cpu, FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF, SOFT_R8 (cpu, 1));
}

HANDLER (soft_do_flag)
{
  switch (insn->opcode & 0xff)
    {
    case 0xf5:
      cpu->af ^= 0x100;
      break;
    case 0xf8:
      soft_set_carry (cpu, FALSE);
      break;
    case 0xf9:
      soft_set_carry (cpu, TRUE);
      break;
    case 0xfc:
      cpu->eflags &= ~(uint32_t)FLAG_DF;
      break;
    default:
      cpu->eflags |= FLAG_DF;
      break;
    }
}

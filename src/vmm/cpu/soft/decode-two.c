/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Decoding: opcodes behind 0F, 0F 38 and 0F 3A (SDM volume 2, tables ), but for MMX and SSE (sse.c).
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/decode-private.h"
#include "cpu/soft/fpu.h"
#include "cpu/soft/host.h"
#include "cpu/soft/xsave.h"

static gboolean
decode_group7 (SoftDecode *d, SoftInsn *insn)
{
  unsigned op;

  /* XGETBV and XSETBV belong to the other decoder, which reads ModRM itself. */
  if (d->position < d->available && (d->bytes[d->position] == 0xd0 || d->bytes[d->position] == 0xd1))
    {
      gboolean ok = soft_decode_sse (d, insn);
      if (!ok)
        return undefined (insn);
      insn->handler = soft_op_call_end;
      return FALSE;
    }
  insn->size = d->operand_size;
  operands (d, insn);
  op = (d->modrm >> 3) & 7;
  if (insn->mem || op == 4 || op == 6)
    switch (op)
      {
      case 0:
      case 1:
        return plain_call (insn, soft_do_sgdt);
      case 2:
      case 3:
        return end_call (insn, soft_do_lgdt);
      case 4:
        return plain_call (insn, soft_do_smsw);
      case 6:
        insn->size = 2;
        return end_call (insn, soft_do_lmsw);
      case 7:
        return end_call (insn, soft_do_invlpg);
      default:
        return undefined (insn);
      }
  switch (d->modrm)
    {
    case 0xc8:
      return plain_call (insn, soft_do_monitor);
    case 0xc9:
      return end_call (insn, soft_do_mwait);
    case 0xca:
    case 0xcb:
      return end_call (insn, soft_do_clac);
    case 0xf8:
      if (!mode64 (d))
        return undefined (insn);
      return end_call (insn, soft_do_swapgs);
    case 0xf9:
      return plain_call (insn, soft_do_rdtscp);
    default:
      return undefined (insn);
    }
}

gboolean
soft_decode_fsgsbase (SoftDecode *d, SoftInsn *insn)
{
  if (!mode64 (d) || insn->mem || d->rep != 0xf3 || ((d->modrm >> 3) & 7) > 3)
    return FALSE;
  insn->size = d->operand_size == 8 ? 8 : 4;
  soft_decode_call (insn, soft_do_fsgsbase);
  return TRUE;
}

/* 0F C7 with a register: RDRAND, RDSEED, RDPID. */
static gboolean
decode_random (SoftDecode *d, SoftInsn *insn)
{
  unsigned op = d->modrm >> 3 & 7;

  insn->imm = op == 7;
  if (op == 7 && d->rep == 0xf3)
    {
      insn->size = mode64 (d) ? 8 : 4;
      return plain_call (insn, soft_do_rdpid);
    }
  if (op < 6 || d->rep != 0 || !soft_host_has (op == 6 ? SOFT_HOST_RDRAND : SOFT_HOST_RDSEED))
    return undefined (insn);
  return plain_call (insn, soft_do_rdrand);
}

gboolean
soft_decode_two (SoftDecode *d, SoftInsn *insn, gboolean *lockable)
{
  unsigned op = d->opcode, s;

  switch (op)
    {
    case 0x00:
      insn->size = d->operand_size;
      operands (d, insn);
      if ((d->key & SOFT_KEY_PROTECTED) == 0 || (d->modrm & 0x38) > 0x28)
        return undefined (insn);
      return end_call (insn, soft_do_group6);
    case 0x01:
      return decode_group7 (d, insn);
    case 0x02:
    case 0x03:
      insn->size = d->operand_size;
      operands (d, insn);
      if ((d->key & SOFT_KEY_PROTECTED) == 0)
        return undefined (insn);
      return plain_call (insn, soft_do_lar);
    case 0x05:
      return end_call (insn, soft_do_syscall);
    case 0x06:
      return end_call (insn, soft_do_clts);
    case 0x07:
      insn->size = d->operand_size;
      return end_call (insn, soft_do_sysret);
    case 0x08:
    case 0x09:
      return plain_call (insn, soft_do_wbinvd);
    case 0x0d:
    case 0x18 ... 0x1f:
      insn->size = d->operand_size;
      operands (d, insn);
      if (op == 0x0d && !insn->mem)
        return undefined (insn);
      insn->handler = soft_nop;
      return TRUE;
    case 0x20 ... 0x23:
      insn->size = mode64 (d) ? 8 : 4;
      /* The mod bits are ignored: always registers. */
      d->modrm = soft_fetch8 (d);
      insn->a = (uint8_t)(((d->modrm >> 3) & 7) | ((d->rex & 4) << 1));
      insn->b = (uint8_t)((d->modrm & 7) | ((d->rex & 1) << 3));
      insn->lock = d->lock;
      if ((op & 1) == 0)
        {
          /* LOCK MOV CR0 is AMD's way to CR8. */
          if (insn->a != 0 && insn->a != 2 && insn->a != 3 && insn->a != 4 && insn->a != 8)
            return undefined (insn);
          return end_call (insn, soft_do_mov_cr);
        }
      if (insn->a > 7)
        return undefined (insn);
      return end_call (insn, soft_do_mov_dr);
    case 0x30:
      return end_call (insn, soft_do_wrmsr);
    case 0x31:
      return plain_call (insn, soft_do_rdtsc);
    case 0x32:
      return end_call (insn, soft_do_rdmsr);
    case 0x33:
      return plain_call (insn, soft_do_rdpmc);
    case 0x34:
      return end_call (insn, soft_do_sysenter);
    case 0x35:
      insn->size = d->operand_size;
      return end_call (insn, soft_do_sysexit);
    case 0x40 ... 0x4f:
      insn->size = d->operand_size;
      operands (d, insn);
      insn->opcode = op & 15;
      insn->handler = insn->mem ? soft_op_cmov_mem : soft_cmov_r[op & 15][size_index (insn->size)];
      return TRUE;
    case 0x80 ... 0x8f:
      return soft_decode_jcc (d, insn, FALSE);
    case 0x90 ... 0x9f:
      insn->size = 1;
      operands (d, insn);
      insn->opcode = op & 15;
      insn->handler = insn->mem ? soft_op_setcc_mem : soft_setcc_r[op & 15];
      return TRUE;
    case 0xa0:
    case 0xa8:
      insn->size = stack_size (d);
      insn->a = op == 0xa0 ? CPU_FS : CPU_GS;
      return plain_call (insn, soft_do_push_seg);
    case 0xa1:
    case 0xa9:
      insn->size = stack_size (d);
      insn->a = op == 0xa1 ? CPU_FS : CPU_GS;
      return end_call (insn, soft_do_pop_seg);
    case 0xa2:
      return plain_call (insn, soft_do_cpuid);
    case 0xaa:
      return end_call (insn, soft_do_rsm);
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb:
      insn->size = d->operand_size;
      operands (d, insn);
      insn->opcode = (op >> 3) & 3;
      insn->handler = insn->mem ? soft_op_bt_mem : soft_op_bt_reg;
      *lockable = op != 0xa3;
      return TRUE;
    case 0xba:
      insn->size = d->operand_size;
      operands (d, insn);
      if ((d->modrm & 0x38) < 0x20)
        return undefined (insn);
      insn->opcode = (d->modrm >> 3) & 3;
      insn->imm = soft_fetch8 (d);
      insn->handler = !insn->mem && insn->opcode == 0 ? soft_bt_ri[size_index (insn->size)] : soft_op_bt_imm;
      *lockable = insn->opcode != 0;
      return TRUE;
    case 0xa4:
    case 0xac:
      insn->size = d->operand_size;
      operands (d, insn);
      insn->opcode = (uint16_t)op;
      insn->imm = soft_fetch8 (d);
      insn->handler = soft_op_shiftd;
      return TRUE;
    case 0xa5:
    case 0xad:
      insn->size = d->operand_size;
      operands (d, insn);
      insn->opcode = (uint16_t)op;
      insn->handler = soft_op_shiftd;
      return TRUE;
    case 0xaf:
      insn->size = d->operand_size;
      operands (d, insn);
      insn->handler = insn->mem ? soft_op_imul2 : soft_imul_rr[size_index (insn->size)];
      return TRUE;
    case 0xb0:
    case 0xb1:
      insn->size = op == 0xb0 ? 1 : d->operand_size;
      operands (d, insn);
      *lockable = TRUE;
      return plain_call (insn, soft_do_cmpxchg);
    case 0xb2:
    case 0xb4:
    case 0xb5:
      insn->size = d->operand_size;
      operands (d, insn);
      if (!insn->mem)
        return undefined (insn);
      insn->imm = op == 0xb2 ? CPU_SS : op == 0xb4 ? CPU_FS : CPU_GS;
      return end_call (insn, soft_do_load_far_pointer);
    case 0xb6:
    case 0xb7:
    case 0xbe:
    case 0xbf:
      {
        unsigned from = op & 1, sign = op >= 0xbe;
        insn->size = from == 0 ? 1 : 2;
        operands (d, insn);
        insn->a = d->reg;
        insn->size = from == 0 ? 1 : 2;
        s = size_index (d->operand_size);
        insn->handler = insn->mem ? soft_movx_rm[sign][from][s][soft_ea_variant (d, insn)]
                                  : soft_movx_rr[sign][from][s];
        return TRUE;
      }
    case 0xb8:
      if (d->rep != 0xf3)
        return undefined (insn);
      insn->size = d->operand_size;
      operands (d, insn);
      insn->handler = soft_op_popcnt;
      return TRUE;
    case 0xbc:
    case 0xbd:
      insn->size = d->operand_size;
      operands (d, insn);
      /* Without these instructions the prefix means nothing. */
      if (d->rep == 0xf3 && soft_host_has (op == 0xbc ? SOFT_HOST_BMI1 : SOFT_HOST_LZCNT))
        insn->handler = op == 0xbc ? soft_op_tzcnt : soft_op_lzcnt;
      else
        insn->handler = op == 0xbc ? soft_op_bsf : soft_op_bsr;
      return TRUE;
    case 0xc0:
    case 0xc1:
      insn->size = op == 0xc0 ? 1 : d->operand_size;
      operands (d, insn);
      *lockable = TRUE;
      return plain_call (insn, soft_do_xadd);
    case 0xc7:
      insn->size = d->operand_size;
      operands (d, insn);
      if (!insn->mem)
        return decode_random (d, insn);
      if ((d->modrm & 0x38) == 0x20 && d->rep == 0 && !d->opsize) /* it goes by REX.W alone */
        {
          insn->size = d->operand_size == 8 ? 8 : 4;
          return plain_call (insn, soft_do_xsavec);
        }
      if ((d->modrm & 0x38) != 8)
        return undefined (insn);
      *lockable = TRUE;
      return plain_call (insn, d->operand_size == 8 ? soft_do_cmpxchg16b : soft_do_cmpxchg8b);
    case 0xc8 ... 0xcf:
      insn->size = d->operand_size;
      insn->a = (uint8_t)((op & 7) | ((d->rex & 1) << 3));
      insn->handler = soft_op_bswap;
      return TRUE;
    case 0x0b: /* UD2 */
    case 0xb9: /* UD1 */
    case 0xff: /* UD0 */
      return undefined (insn);
    default:
      return soft_decode_sse (d, insn) ? TRUE : undefined (insn);
    }
}

gboolean
soft_decode_three (SoftDecode *d, SoftInsn *insn)
{
  if (d->map == 2 && (d->opcode == 0xf0 || d->opcode == 0xf1))
    {
      if (d->rep == 0xf2)
        {
          insn->size = d->opcode == 0xf0 ? 1 : d->operand_size;
          operands (d, insn);
          insn->a = d->reg;
          insn->rep = d->operand_size == 8;
          insn->handler = soft_op_crc32;
          return TRUE;
        }
      insn->size = d->operand_size;
      operands (d, insn);
      if (!insn->mem || d->rep != 0)
        return undefined (insn);
      insn->handler = d->opcode == 0xf0 ? soft_op_movbe_load : soft_op_movbe_store;
      return TRUE;
    }
  if (d->map == 2 && d->opcode == 0xf6 && (d->opsize || d->rep == 0xf3) && d->rep != 0xf2)
    {
      insn->size = mode64 (d) && (d->rex & 8) != 0 ? 8 : 4;
      insn->imm = d->rep == 0xf3;
      operands (d, insn);
      return plain_call (insn, soft_do_adx);
    }
  if (d->map == 2 && d->opcode == 0x82 && d->opsize && d->rep == 0)
    {
      insn->size = mode64 (d) ? 8 : 4;
      operands (d, insn);
      if (!insn->mem)
        return undefined (insn);
      return end_call (insn, soft_do_invpcid);
    }
  return soft_decode_sse (d, insn) ? TRUE : undefined (insn);
}

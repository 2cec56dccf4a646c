/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Decoding: opcodes of one byte (SDM volume 2, table A-2).
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/decode-private.h"
#include "cpu/soft/fpu.h"

/* -- Pieces ---------------------------------------------------------------------------------------------------- */

/* Immediate of `size` (8: 4 bytes), sign-extended. */
static uint64_t
immediate (SoftDecode *d, unsigned size)
{
  switch (size)
    {
    case 1:
      return (uint64_t)(int64_t)(int8_t)soft_fetch8 (d);
    case 2:
      return (uint64_t)(int64_t)(int16_t)soft_fetch16 (d);
    default:
      return (uint64_t)(int64_t)(int32_t)soft_fetch32 (d);
    }
}

/* Is the operand size that of near branches in this mode?  In 64-bit mode it always counts as such. */
static gboolean
natural_branch (const SoftDecode *d)
{
  return mode64 (d) || d->operand_size == (d->mode == SOFT_KEY_16 ? 2 : 4);
}

static uint64_t
relative (SoftDecode *d, unsigned opcode_is_short)
{
  if (opcode_is_short)
    return immediate (d, 1);
  return immediate (d, mode64 (d) ? 4 : d->operand_size);
}

/* The distance from the block's first byte; to be called when all bytes have been read. */
static void
finish_branch (SoftDecode *d, SoftInsn *insn)
{
  insn->imm += insn->offset + d->position;
}

gboolean
soft_decode_jcc (SoftDecode *d, SoftInsn *insn, gboolean is_short)
{
  insn->imm = relative (d, is_short);
  finish_branch (d, insn);
  insn->a = d->opcode & 15;
  if (!natural_branch (d))
    return end_call (insn, soft_do_branch_sized);
  insn->handler = soft_jcc[d->opcode & 15];
  return FALSE;
}

static gboolean
flat_stack64 (const SoftDecode *d)
{
  return mode64 (d);
}

static gboolean
flat_stack32 (const SoftDecode *d)
{
  return !mode64 (d) && (d->key & (SOFT_KEY_FLAT | SOFT_KEY_STACK32)) == (SOFT_KEY_FLAT | SOFT_KEY_STACK32);
}

/* PUSH and POP of a register with a stack that has no limits; -1: the general way. */
static int
stack_kind (const SoftDecode *d, unsigned size)
{
  if (flat_stack64 (d) && size == 8)
    return 0;
  if (flat_stack32 (d) && size == 4)
    return 1;
  return -1;
}

/* -- Groups ---------------------------------------------------------------------------------------------------- */

static gboolean
decode_alu (SoftDecode *d, SoftInsn *insn, unsigned op, unsigned form, gboolean *lockable)
{
  unsigned s;

  insn->size = (form & 1) == 0 ? 1 : d->operand_size;
  s = size_index (insn->size);
  switch (form)
    {
    case 0:
    case 1:
      operands (d, insn);
      if (insn->mem)
        {
          insn->b = insn->a;
          insn->handler = soft_alu_mr[op][s][soft_ea_variant (d, insn)];
          *lockable = op != 7;
        }
      else
        {
          uint8_t reg = insn->a;
          insn->a = insn->b;
          insn->b = reg;
          insn->handler = soft_alu_rr[op][s];
        }
      break;
    case 2:
    case 3:
      operands (d, insn);
      insn->handler = insn->mem ? soft_alu_rm[op][s][soft_ea_variant (d, insn)] : soft_alu_rr[op][s];
      break;
    default:
      insn->a = 0;
      insn->imm = immediate (d, insn->size);
      insn->handler = soft_alu_ri[op][s];
      break;
    }
  return TRUE;
}

static gboolean
decode_group1 (SoftDecode *d, SoftInsn *insn, gboolean *lockable)
{
  unsigned op, s;

  insn->size = (d->opcode & 1) == 0 ? 1 : d->operand_size;
  operands (d, insn);
  op = (d->modrm >> 3) & 7;
  s = size_index (insn->size);
  insn->imm = immediate (d, d->opcode == 0x81 ? insn->size : 1);
  if (insn->mem)
    {
      insn->handler = soft_alu_mi[op][s][soft_ea_variant (d, insn)];
      *lockable = op != 7;
    }
  else
    {
      insn->a = insn->b;
      insn->handler = soft_alu_ri[op][s];
    }
  return TRUE;
}

static gboolean
decode_shift (SoftDecode *d, SoftInsn *insn)
{
  unsigned op, s;
  gboolean by_cl = d->opcode >= 0xd2;

  insn->size = (d->opcode & 1) == 0 ? 1 : d->operand_size;
  operands (d, insn);
  op = (d->modrm >> 3) & 7;
  s = size_index (insn->size);
  insn->imm = d->opcode < 0xd0 ? soft_fetch8 (d) : 1;
  insn->rep = by_cl;
  if (insn->mem)
    {
      insn->a = (uint8_t)op;
      insn->handler = soft_op_shift_mem;
    }
  else
    insn->handler = by_cl ? soft_shift_cl[op][s] : soft_shift_i[op][s];
  return TRUE;
}

static gboolean
decode_group3 (SoftDecode *d, SoftInsn *insn, gboolean *lockable)
{
  unsigned s;

  insn->size = (d->opcode & 1) == 0 ? 1 : d->operand_size;
  operands (d, insn);
  s = size_index (insn->size);
  switch ((d->modrm >> 3) & 7)
    {
    case 0:
    case 1:
      insn->imm = immediate (d, insn->size);
      insn->a = insn->b;
      insn->handler = insn->mem ? soft_test_mi[s][soft_ea_variant (d, insn)] : soft_test_ri[s];
      break;
    case 2:
      insn->handler = insn->mem ? soft_op_not_mem : soft_not_r[s];
      *lockable = TRUE;
      break;
    case 3:
      insn->handler = insn->mem ? soft_op_neg_mem : soft_neg_r[s];
      *lockable = TRUE;
      break;
    case 4:
      insn->handler = soft_op_mul;
      break;
    case 5:
      insn->handler = soft_op_imul1;
      break;
    case 6:
      insn->handler = soft_op_div;
      break;
    default:
      insn->handler = soft_op_idiv;
      break;
    }
  return TRUE;
}

static gboolean
decode_group5 (SoftDecode *d, SoftInsn *insn, gboolean *lockable)
{
  unsigned op;

  insn->size = d->operand_size;
  operands (d, insn);
  op = (d->modrm >> 3) & 7;
  switch (op)
    {
    case 0:
    case 1:
      insn->a = (uint8_t)(8 + op);
      insn->handler
          = insn->mem ? soft_op_incdec_mem : (op == 0 ? soft_inc_r : soft_dec_r)[size_index (insn->size)];
      *lockable = TRUE;
      return TRUE;
    case 2:
    case 4:
      if (mode64 (d))
        {
          insn->size = 8;
          insn->handler = op == 2 ? soft_call_indirect : soft_jmp_indirect;
        }
      else
        insn->handler = op == 2 ? soft_op_call_indirect_any : soft_op_jmp_indirect_any;
      return FALSE;
    case 3:
    case 5:
      if (!insn->mem)
        return undefined (insn);
      return end_call (insn, op == 3 ? soft_do_far_call_mem : soft_do_far_jump_mem);
    case 6:
      insn->size = stack_size (d);
      if (!insn->mem && stack_kind (d, insn->size) >= 0)
        insn->handler = soft_push_r[stack_kind (d, insn->size)];
      else
        insn->handler = soft_op_push;
      return TRUE;
    default:
      return undefined (insn);
    }
}

/* -- The map --------------------------------------------------------------------------------------------------- */

gboolean
soft_decode_one (SoftDecode *d, SoftInsn *insn, gboolean *lockable)
{
  unsigned op = d->opcode, s;

  if (op < 0x40 && (op & 7) < 6)
    return decode_alu (d, insn, op >> 3, op & 7, lockable);
  switch (op)
    {
    case 0x06:
    case 0x0e:
    case 0x16:
    case 0x1e:
      if (mode64 (d))
        return undefined (insn);
      insn->a = (uint8_t)(op >> 3);
      insn->size = d->operand_size;
      return plain_call (insn, soft_do_push_seg);
    case 0x07:
    case 0x17:
    case 0x1f:
      if (mode64 (d))
        return undefined (insn);
      insn->a = (uint8_t)(op >> 3);
      insn->size = d->operand_size;
      return end_call (insn, soft_do_pop_seg);
    case 0x27:
    case 0x2f:
    case 0x37:
    case 0x3f:
      if (mode64 (d))
        return undefined (insn);
      return plain_call (insn, soft_do_bcd);

    case 0x40 ... 0x4f: /* in 64-bit mode these are REX prefixes */
      insn->size = d->operand_size;
      insn->b = op & 7;
      insn->handler = (op < 0x48 ? soft_inc_r : soft_dec_r)[size_index (insn->size)];
      return TRUE;
    case 0x50 ... 0x57:
    case 0x58 ... 0x5f:
      {
        int kind;
        insn->size = stack_size (d);
        insn->b = (uint8_t)((op & 7) | ((d->rex & 1) << 3));
        kind = stack_kind (d, insn->size);
        if (op < 0x58)
          insn->handler = kind >= 0 ? soft_push_r[kind] : soft_op_push;
        else
          insn->handler = kind >= 0 ? soft_pop_r[kind] : soft_op_pop;
        return TRUE;
      }
    case 0x60:
    case 0x61:
      if (mode64 (d))
        return undefined (insn);
      insn->size = d->operand_size;
      return plain_call (insn, op == 0x60 ? soft_do_pusha : soft_do_popa);
    case 0x62:
      if (mode64 (d))
        return undefined (insn);
      insn->size = d->operand_size;
      operands (d, insn);
      if (!insn->mem)
        return undefined (insn);
      return plain_call (insn, soft_do_bound);
    case 0x63:
      if (!mode64 (d))
        {
          insn->size = 2;
          operands (d, insn);
          if ((d->key & SOFT_KEY_PROTECTED) == 0)
            return undefined (insn);
          return plain_call (insn, soft_do_arpl);
        }
      insn->size = d->operand_size;
      operands (d, insn);
      if (d->operand_size == 8)
        insn->handler = insn->mem ? soft_movsxd_rm[soft_ea_variant (d, insn)] : soft_movsxd_rr;
      else if (d->operand_size == 2 && insn->mem)
        return plain_call (insn, soft_do_movsxd_16);
      else
        {
          s = size_index (insn->size);
          insn->handler = insn->mem ? soft_mov_rm[s][soft_ea_variant (d, insn)] : soft_mov_rr[s];
        }
      return TRUE;
    case 0x68:
    case 0x6a:
      {
        int kind;
        insn->size = stack_size (d);
        insn->imm = immediate (d, op == 0x6a ? 1 : insn->size);
        kind = stack_kind (d, insn->size);
        insn->handler = kind >= 0 ? soft_push_i[kind] : soft_op_push_imm;
        return TRUE;
      }
    case 0x69:
    case 0x6b:
      insn->size = d->operand_size;
      operands (d, insn);
      insn->imm = immediate (d, op == 0x6b ? 1 : insn->size);
      insn->handler = soft_op_imul3;
      return TRUE;
    case 0x6c ... 0x6f:
    case 0xa4 ... 0xa7:
    case 0xaa ... 0xaf:
      insn->size = (op & 1) == 0 ? 1 : op < 0x70 && d->operand_size == 8 ? 4 : d->operand_size;
      insn->address = d->address_size;
      insn->seg = (uint8_t)(d->segment >= 0 ? d->segment : CPU_DS);
      insn->handler = soft_op_string;
      return op >= 0x70;
    case 0x70 ... 0x7f:
      return soft_decode_jcc (d, insn, TRUE);
    case 0x82:
      if (mode64 (d))
        return undefined (insn);
      return decode_group1 (d, insn, lockable);
    case 0x80:
    case 0x81:
    case 0x83:
      return decode_group1 (d, insn, lockable);
    case 0x84:
    case 0x85:
      insn->size = op == 0x84 ? 1 : d->operand_size;
      operands (d, insn);
      s = size_index (insn->size);
      if (insn->mem)
        {
          insn->b = insn->a;
          insn->handler = soft_test_mr[s][soft_ea_variant (d, insn)];
        }
      else
        insn->handler = soft_test_rr[s];
      return TRUE;
    case 0x86:
    case 0x87:
      insn->size = op == 0x86 ? 1 : d->operand_size;
      operands (d, insn);
      insn->handler = insn->mem ? soft_op_xchg_mem : soft_xchg_rr[size_index (insn->size)];
      *lockable = TRUE;
      return TRUE;
    case 0x88:
    case 0x89:
      insn->size = op == 0x88 ? 1 : d->operand_size;
      operands (d, insn);
      s = size_index (insn->size);
      if (insn->mem)
        {
          insn->b = insn->a;
          insn->handler = soft_mov_mr[s][soft_ea_variant (d, insn)];
        }
      else
        {
          uint8_t reg = insn->a;
          insn->a = insn->b;
          insn->b = reg;
          insn->handler = soft_mov_rr[s];
        }
      return TRUE;
    case 0x8a:
    case 0x8b:
      insn->size = op == 0x8a ? 1 : d->operand_size;
      operands (d, insn);
      s = size_index (insn->size);
      insn->handler = insn->mem ? soft_mov_rm[s][soft_ea_variant (d, insn)] : soft_mov_rr[s];
      return TRUE;
    case 0x8c:
      insn->size = d->operand_size;
      operands (d, insn);
      insn->a = (d->modrm >> 3) & 7;
      if (insn->a > CPU_GS)
        return undefined (insn);
      return plain_call (insn, soft_do_mov_from_seg);
    case 0x8d:
      insn->size = d->operand_size;
      operands (d, insn);
      if (!insn->mem)
        return undefined (insn);
      if (insn->size == 8 && insn->address == 8)
        insn->handler = soft_lea[insn->index != SOFT_REG_ZERO];
      else if (insn->size == 4 && insn->address >= 4)
        insn->handler = soft_lea[2];
      else
        insn->handler = soft_lea[3];
      return TRUE;
    case 0x8e:
      insn->size = 2;
      operands (d, insn);
      insn->a = (d->modrm >> 3) & 7;
      if (insn->a > CPU_GS || insn->a == CPU_CS)
        return undefined (insn);
      return end_call (insn, soft_do_mov_to_seg);
    case 0x8f:
      insn->size = stack_size (d);
      operands (d, insn);
      if ((d->modrm & 0x38) != 0)
        return undefined (insn);
      insn->handler = soft_op_pop;
      /* The address is computed with the stack pointer already raised. */
      if (insn->mem && insn->base == CPU_RSP)
        insn->disp += insn->size;
      return TRUE;
    case 0x90 ... 0x97:
      if (op == 0x90 && d->rep == 0xf3 && (d->rex & 1) == 0)
        return end_call (insn, soft_do_pause);
      insn->size = d->operand_size;
      insn->a = CPU_RAX;
      insn->b = (uint8_t)((op & 7) | ((d->rex & 1) << 3));
      insn->handler = insn->b == 0 ? soft_nop : soft_xchg_rr[size_index (insn->size)];
      return TRUE;
    case 0x98:
      insn->size = d->operand_size;
      insn->handler = soft_op_cbw;
      return TRUE;
    case 0x99:
      insn->size = d->operand_size;
      insn->handler = soft_op_cwd;
      return TRUE;
    case 0x9a:
    case 0xea:
      if (mode64 (d))
        return undefined (insn);
      insn->size = d->operand_size;
      insn->imm = insn->size == 2 ? soft_fetch16 (d) : soft_fetch32 (d);
      insn->disp = soft_fetch16 (d);
      return end_call (insn, op == 0x9a ? soft_do_far_call : soft_do_far_jump);
    case 0x9b:
      return plain_call (insn, soft_fpu_wait);
    case 0x9c:
      insn->size = stack_size (d);
      return plain_call (insn, soft_do_pushf);
    case 0x9d:
      insn->size = stack_size (d);
      return end_call (insn, soft_do_popf);
    case 0x9e:
      return plain_call (insn, soft_do_sahf);
    case 0x9f:
      return plain_call (insn, soft_do_lahf);
    case 0xa0 ... 0xa3:
      insn->size = (op & 1) == 0 ? 1 : d->operand_size;
      insn->address = d->address_size;
      insn->seg = (uint8_t)(d->segment >= 0 ? d->segment : CPU_DS);
      insn->imm = d->address_size == 2   ? soft_fetch16 (d)
                  : d->address_size == 4 ? soft_fetch32 (d)
                                         : soft_fetch64 (d);
      insn->a = op >= 0xa2;
      insn->handler = soft_op_mov_moffs;
      return TRUE;
    case 0xa8:
    case 0xa9:
      insn->size = op == 0xa8 ? 1 : d->operand_size;
      insn->imm = immediate (d, insn->size);
      insn->a = 0;
      insn->handler = soft_test_ri[size_index (insn->size)];
      return TRUE;
    case 0xb0 ... 0xb7:
      insn->a = reg8 (d, (op & 7) | ((d->rex & 1) << 3));
      insn->imm = soft_fetch8 (d);
      insn->handler = soft_mov_ri[SOFT_SIZE_8];
      return TRUE;
    case 0xb8 ... 0xbf:
      insn->size = d->operand_size;
      insn->a = (uint8_t)((op & 7) | ((d->rex & 1) << 3));
      insn->imm = insn->size == 8 ? soft_fetch64 (d) : insn->size == 4 ? soft_fetch32 (d) : soft_fetch16 (d);
      insn->handler = soft_mov_ri[size_index (insn->size)];
      return TRUE;
    case 0xc0:
    case 0xc1:
    case 0xd0 ... 0xd3:
      return decode_shift (d, insn);
    case 0xc2:
    case 0xc3:
      {
        int kind;
        insn->size = stack_size (d);
        if (mode64 (d))
          insn->size = 8;
        insn->imm = op == 0xc2 ? soft_fetch16 (d) : 0;
        kind = stack_kind (d, insn->size);
        insn->handler = kind == 0 || (kind == 1 && natural_branch (d)) ? soft_ret[kind] : soft_op_ret_any;
        return FALSE;
      }
    case 0xc4:
    case 0xc5:
      if (mode64 (d))
        return undefined (insn);
      insn->size = d->operand_size;
      operands (d, insn);
      if (!insn->mem)
        return undefined (insn);
      insn->imm = op == 0xc4 ? CPU_ES : CPU_DS;
      return end_call (insn, soft_do_load_far_pointer);
    case 0xc6:
    case 0xc7:
      insn->size = op == 0xc6 ? 1 : d->operand_size;
      operands (d, insn);
      if ((d->modrm & 0x38) != 0)
        return undefined (insn);
      insn->imm = immediate (d, insn->size);
      s = size_index (insn->size);
      insn->a = insn->b;
      insn->handler = insn->mem ? soft_mov_mi[s][soft_ea_variant (d, insn)] : soft_mov_ri[s];
      return TRUE;
    case 0xc8:
      insn->size = stack_size (d);
      insn->imm = soft_fetch16 (d);
      insn->a = soft_fetch8 (d);
      return plain_call (insn, soft_do_enter);
    case 0xc9:
      insn->size = stack_size (d);
      insn->handler = soft_op_leave;
      return TRUE;
    case 0xca:
    case 0xcb:
      insn->size = d->operand_size;
      insn->imm = op == 0xca ? soft_fetch16 (d) : 0;
      return end_call (insn, soft_do_far_return);
    case 0xcc:
      return end_call (insn, soft_do_int3);
    case 0xcd:
      insn->imm = soft_fetch8 (d);
      return end_call (insn, soft_do_int);
    case 0xce:
      if (mode64 (d))
        return undefined (insn);
      return end_call (insn, soft_do_into);
    case 0xcf:
      insn->size = d->operand_size;
      return end_call (insn, soft_do_iret);
    case 0xd4:
    case 0xd5:
      if (mode64 (d))
        return undefined (insn);
      insn->imm = soft_fetch8 (d);
      return plain_call (insn, soft_do_bcd);
    case 0xd6:
      if (mode64 (d))
        return undefined (insn);
      return plain_call (insn, soft_do_salc);
    case 0xd7:
      insn->address = d->address_size;
      insn->seg = (uint8_t)(d->segment >= 0 ? d->segment : CPU_DS);
      insn->handler = soft_op_xlat;
      return TRUE;
    case 0xd8 ... 0xdf:
      insn->opcode = (uint16_t)((op & 7) << 8);
      return soft_decode_fpu (d, insn) ? TRUE : undefined (insn);
    case 0xe0 ... 0xe3:
      insn->address = d->address_size;
      insn->imm = immediate (d, 1);
      finish_branch (d, insn);
      insn->a = op & 3;
      if (!natural_branch (d))
        return end_call (insn, soft_do_branch_sized);
      insn->handler = soft_op_loop;
      return FALSE;
    case 0xe4 ... 0xe7:
      insn->size = (op & 1) == 0 ? 1 : d->operand_size == 2 ? 2 : 4;
      insn->imm = soft_fetch8 (d);
      return end_call (insn, op < 0xe6 ? soft_do_in : soft_do_out);
    case 0xec ... 0xef:
      insn->size = (op & 1) == 0 ? 1 : d->operand_size == 2 ? 2 : 4;
      insn->imm = 0x10000;
      return end_call (insn, op < 0xee ? soft_do_in : soft_do_out);
    case 0xe8:
      {
        int kind;
        insn->size = mode64 (d) ? 8 : d->operand_size;
        insn->imm = relative (d, FALSE);
        finish_branch (d, insn);
        if (!natural_branch (d))
          return end_call (insn, soft_do_branch_sized);
        kind = stack_kind (d, insn->size);
        insn->handler = kind >= 0 ? soft_call[kind] : soft_op_call_any;
        return FALSE;
      }
    case 0xe9:
    case 0xeb:
      insn->imm = relative (d, op == 0xeb);
      finish_branch (d, insn);
      if (!natural_branch (d))
        return end_call (insn, soft_do_branch_sized);
      insn->handler = soft_jmp;
      return FALSE;
    case 0xf1:
      return end_call (insn, soft_do_int1);
    case 0xf4:
      return end_call (insn, soft_do_hlt);
    case 0xf5:
    case 0xf8:
    case 0xf9:
    case 0xfc:
    case 0xfd:
      return plain_call (insn, soft_do_flag);
    case 0xf6:
    case 0xf7:
      return decode_group3 (d, insn, lockable);
    case 0xfa:
      return plain_call (insn, soft_do_cli);
    case 0xfb:
      return end_call (insn, soft_do_sti);
    case 0xfe:
      insn->size = 1;
      operands (d, insn);
      if ((d->modrm & 0x38) > 8)
        return undefined (insn);
      insn->a = (uint8_t)(8 + ((d->modrm >> 3) & 1));
      insn->handler = insn->mem ? soft_op_incdec_mem : (insn->a == 8 ? soft_inc_r : soft_dec_r)[SOFT_SIZE_8];
      *lockable = TRUE;
      return TRUE;
    case 0xff:
      return decode_group5 (d, insn, lockable);
    default:
      return undefined (insn);
    }
}

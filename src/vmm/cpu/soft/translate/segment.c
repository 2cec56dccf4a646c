/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Segment registers, and string instructions without REP, which go by two of them.
 *
 * A load in real or virtual-8086 mode sets a selector and a base, as long as the segment is otherwise as such a load leaves it; all else about
 * segments is looked up when there is an access.  In protected mode C does it.  A unit goes on behind a load unless what it depends on has changed.
 */
#include "cpu/soft/ops.h"
#include "cpu/soft/translate/integer-private.h"

gboolean
gen_loads_segment (const SoftInsn *insn)
{
  if (insn->handler != soft_op_call_end)
    return FALSE;
  /* Behind a load of SS no interrupt comes. */
  if (insn->call == soft_do_mov_to_seg || insn->call == soft_do_pop_seg)
    return insn->a != CPU_SS;
  return insn->call == soft_do_load_far_pointer && insn->imm != CPU_SS;
}

/* Leaves flags in RAX. */
static gboolean
begin_load (Gen *g, unsigned n)
{
  const gboolean v86 = (g->unit->key & SOFT_KEY_USER) != 0;
  Emit *e = &g->e;

  if ((g->unit->key & SOFT_KEY_PROTECTED) != 0 || g->mode64)
    return FALSE;
  gen_flags_clobber (g);
  emit_full (e, 0x0fb7, HOST_RSI, 4, GEN_FIELD (segment[n].attributes), 2);
  if (!v86)
    emit_alu_imm (e, 4, ALU_AND, emit_reg (HOST_RSI), ~(int32_t)(SEG_DB | SEG_G));
  emit_alu_imm (e, 4, ALU_CMP, emit_reg (HOST_RSI), v86 ? 0xf3 : 0x93);
  gen_run_if (g, CC_NE);
  /* Other limits stay as they are in real mode, but a segment without one may become flat, or cease to be. */
  emit_alu_imm (e, 4, ALU_CMP, GEN_FIELD (segment[n].limit), v86 ? 0xffff : -1);
  gen_run_if (g, v86 ? CC_NE : CC_E);
  return TRUE;
}

/* The selector is in RSI. */
static void
set_segment (Gen *g, unsigned n)
{
  Emit *e = &g->e;

  emit_store (e, 2, GEN_FIELD (segment[n].selector), HOST_RSI);
  emit_digit (e, 4, 0xc1, 4, emit_reg (HOST_RSI));
  emit8 (e, 4);
  emit_store (e, 8, GEN_FIELD (segment[n].base), HOST_RSI);
  emit_store (e, 8, GEN_FIELD (check[n].base), HOST_RSI);
}

static gboolean
gen_move_to (Gen *g)
{
  const SoftInsn *insn = g->insn;
  EmitRm from;

  if (!begin_load (g, insn->a))
    return FALSE;
  from = insn->mem ? gen_access (g, 2, 0) : gen_reg (insn->b);
  emit_full (&g->e, 0x0fb7, HOST_RSI, 4, from, 2);
  set_segment (g, insn->a);
  return TRUE;
}

static gboolean
gen_pop (Gen *g)
{
  const SoftInsn *insn = g->insn;

  if (!begin_load (g, insn->a))
    return FALSE;
  emit_full (&g->e, 0x0fb7, HOST_RSI, 4, gen_access_stack (g, CPU_RSP, 0, insn->size, 0), 2);
  set_segment (g, insn->a);
  gen_add_to_sp (g, insn->size);
  return TRUE;
}

/* LES and its kin. */
static gboolean
gen_load_pointer (Gen *g)
{
  const SoftInsn *insn = g->insn;
  GenAddress a = gen_operand (g);

  if (!begin_load (g, (unsigned)insn->imm))
    return FALSE;
  emit_load (&g->e, insn->size, HOST_R14, gen_access (g, insn->size, SOFT_ACCESS_WHOLE));
  a.disp += insn->size;
  a.value += insn->size;
  a.value = a.size == 2 ? (uint16_t)a.value : (uint32_t)a.value;
  emit_full (&g->e, 0x0fb7, HOST_RSI, 4, gen_access_to (g, &a, 2, SOFT_ACCESS_WHOLE), 2);
  set_segment (g, (unsigned)insn->imm);
  gen_set_reg (g, insn->a, insn->size, HOST_R14);
  return TRUE;
}

/* With an operand of 32 bits it is as far as that from the top, and has 16. */
static gboolean
gen_push (Gen *g)
{
  const SoftInsn *insn = g->insn;
  EmitRm place;

  if (g->mode64)
    return FALSE;
  place = gen_push_place (g, insn->size);
  emit_full (&g->e, 0x0fb7, HOST_RSI, 4, GEN_FIELD (segment[insn->a].selector), 2);
  emit_store (&g->e, 2, place, HOST_RSI);
  gen_add_to_sp (g, -(int64_t)insn->size);
  return TRUE;
}

gboolean
gen_segment_register (Gen *g)
{
  const SoftInsn *insn = g->insn;

  if (insn->handler != soft_op_call)
    return FALSE;
  if (insn->call == soft_do_push_seg)
    return gen_push (g);
  if (insn->call == soft_do_mov_to_seg)
    return gen_move_to (g);
  if (insn->call == soft_do_pop_seg)
    return gen_pop (g);
  return insn->call == soft_do_load_far_pointer && gen_load_pointer (g);
}

/* -- Strings ----------------------------------------------------------------------------------------------------------- */

static EmitRm
element (Gen *g, unsigned index, unsigned segment, unsigned access)
{
  const SoftInsn *insn = g->insn;
  const GenAddress a = {
    .base = (uint8_t)index, .index = SOFT_REG_ZERO, .size = insn->address, .segment = gen_segment (g, segment)
  };

  return gen_access_to (g, &a, insn->size, access);
}

/* By LEA, which leaves flags. */
static void
advance (Gen *g, unsigned index)
{
  const unsigned host = soft_host_reg[index];

  emit_lea (&g->e, g->insn->address, host, emit_at (host, g->insn->size));
}

static void
load (Gen *g, unsigned host, EmitRm from)
{
  if (g->insn->size == 1)
    emit_rm (&g->e, 1, 0x8a, host, from);
  else
    emit_load (&g->e, g->insn->size, host, from);
}

static void
store (Gen *g, EmitRm to, unsigned host)
{
  if (g->insn->size == 1)
    emit_rm (&g->e, 1, 0x88, host, to);
  else
    emit_store (&g->e, g->insn->size, to, host);
}

/* CMP of a register with memory. */
static void
compare (Gen *g, unsigned host, EmitRm with)
{
  gen_flags_set (g);
  emit_rm (&g->e, g->insn->size, g->insn->size == 1 ? 0x3a : 0x3b, host, with);
}

gboolean
gen_string (Gen *g)
{
  const SoftInsn *insn = g->insn;
  const unsigned op = g->d->opcode & 0xfe;

  if (insn->handler != soft_op_string || insn->rep != 0 || op < 0xa4)
    return FALSE;
  gen_flags_clobber (g);
  emit_digit (&g->e, 4, 0xf7, 0, GEN_FIELD (eflags));
  emit32 (&g->e, FLAG_DF);
  gen_run_if (g, CC_NE);
  switch (op)
    {
    case 0xa4:
      load (g, HOST_R14, element (g, CPU_RSI, insn->seg, SOFT_ACCESS_WHOLE));
      store (g, element (g, CPU_RDI, CPU_ES, SOFT_ACCESS_WRITE), HOST_R14);
      break;
    case 0xa6:
      load (g, HOST_R14, element (g, CPU_RSI, insn->seg, SOFT_ACCESS_WHOLE));
      compare (g, HOST_R14, element (g, CPU_RDI, CPU_ES, SOFT_ACCESS_WHOLE));
      break;
    case 0xaa:
      store (g, element (g, CPU_RDI, CPU_ES, SOFT_ACCESS_WRITE), HOST_RBX);
      break;
    case 0xac:
      load (g, HOST_RBX, element (g, CPU_RSI, insn->seg, 0));
      break;
    default:
      compare (g, HOST_RBX, element (g, CPU_RDI, CPU_ES, 0));
      break;
    }
  if (op != 0xaa && op != 0xae)
    advance (g, CPU_RSI);
  if (op != 0xac)
    advance (g, CPU_RDI);
  return TRUE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The stack and near branches.
 *
 * An indirect branch looks in the jump cache of the unit's key for its target; there are only targets that were checked.  It polls before it
 * does anything.
 */
#include "cpu/soft/ops.h"
#include "cpu/soft/translate/generate.h"
#include "cpu/soft/translate/layout.h"

void
gen_add_to_sp (Gen *g, int64_t by)
{
  emit_lea (&g->e, g->stack, HOST_R15, emit_at (HOST_R15, by));
}

EmitRm
gen_push_place (Gen *g, unsigned size)
{
  return gen_access_stack (g, CPU_RSP, -(int32_t)size, size, SOFT_ACCESS_WRITE);
}

/* Stores a constant; RSI or R14 may be used. */
static void
store_constant (Gen *g, EmitRm place, unsigned size, uint64_t value, unsigned scratch)
{
  if (size == 8 && (int64_t)value != (int32_t)value)
    {
      emit_constant (&g->e, scratch, value);
      emit_store (&g->e, 8, place, scratch);
      return;
    }
  emit_digit (&g->e, size, 0xc7, 0, place);
  emit_imm (&g->e, size, value);
}

/* -- Stack ------------------------------------------------------------------------------------------------------- */

static void
pop_reg (Gen *g, unsigned n, unsigned size)
{
  EmitRm place = gen_access_stack (g, CPU_RSP, 0, size, 0);

  if (n == CPU_RSP)
    {
      /* What is popped comes last, and may be but a part. */
      if (size < 8)
        gen_add_to_sp (g, size);
      emit_load (&g->e, size, HOST_R15, place);
      return;
    }
  if (soft_host_reg[n] != HOST_NONE)
    emit_load (&g->e, size, soft_host_reg[n], place);
  else
    {
      emit_load (&g->e, size, HOST_RSI, place);
      gen_set_reg (g, n, size, HOST_RSI);
    }
  gen_add_to_sp (g, size);
}

gboolean
gen_stack (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode, size = insn->size;
  EmitRm place;

  if (g->d->map != 0 || size == 1 || (g->mode64 && size != 8))
    return FALSE;
  switch (op)
    {
    case 0x50 ... 0x57:
      place = gen_push_place (g, size);
      emit_store (&g->e, size, place, gen_reg_in (g, insn->b, HOST_RSI));
      gen_add_to_sp (g, -(int64_t)size);
      return TRUE;
    case 0x58 ... 0x5f:
      pop_reg (g, insn->b, size);
      return TRUE;
    case 0x68:
    case 0x6a:
      store_constant (g, gen_push_place (g, size), size, insn->imm, HOST_RSI);
      gen_add_to_sp (g, -(int64_t)size);
      return TRUE;
    case 0xc9:
      place = gen_access_stack (g, CPU_RBP, 0, size, 0);
      emit_lea (&g->e, g->stack, HOST_R15, emit_at (HOST_R13, size));
      emit_load (&g->e, size, HOST_R13, place);
      return TRUE;
    case 0xff:
      if ((insn->modrm & 0x38) != 0x30)
        return FALSE;
      if (!insn->mem)
        {
          place = gen_push_place (g, size);
          emit_store (&g->e, size, place, gen_reg_in (g, insn->b, HOST_RSI));
        }
      else
        {
          if (!gen_can_access (g))
            return FALSE;
          place = gen_access (g, size, SOFT_ACCESS_WHOLE);
          emit_load (&g->e, size, HOST_R14, place);
          emit_store (&g->e, size, gen_push_place (g, size), HOST_R14);
        }
      gen_add_to_sp (g, -(int64_t)size);
      return TRUE;
    default:
      return FALSE;
    }
}

/* -- Branches ------------------------------------------------------------------------------------------------------- */

static uint32_t
jump_offset (const Gen *g)
{
  return (uint32_t)(offsetof (SoftCpu, unit_jumps)
                    + g->unit->jump_class * sizeof (SoftUnitJump[SOFT_UNIT_JUMPS]));
}

static inline gboolean
has_segment (const Gen *g)
{
  return (g->unit->key & SOFT_UNIT_KEY_CS) != 0;
}

/* The interpreter raises what a jump to there does. */
static gboolean
is_out (const Gen *g, uint64_t target)
{
  return g->mode64 ? !soft_is_canonical (target) : target > g->unit->cs_limit;
}

/* A target of two bytes or more, as RIP. */
static void
load_target (Gen *g, unsigned host, unsigned size, EmitRm from)
{
  if (size == 2)
    emit_full (&g->e, 0x0fb7, host, 4, from, 2);
  else
    emit_load (&g->e, size, host, from);
}

/* RSI: place in the jump cache of the target in `target`; the interpreter goes there if it isn't known, or beyond the segment. */
static void
look_up_target (Gen *g, unsigned target)
{
  Emit *e = &g->e;

  if (has_segment (g))
    {
      emit_rm (e, 4, 0x3b, target, GEN_FIELD (segment[CPU_CS].limit));
      gen_run_if (g, CC_A);
    }
  if (g->unit->cs_base != 0)
    emit_lea (e, 4, HOST_RSI, emit_at (target, (int32_t)g->unit->cs_base));
  else
    emit_load (e, 4, HOST_RSI, emit_reg (target));
  emit_digit (e, 4, 0xc1, 5, emit_reg (HOST_RSI));
  emit8 (e, 12);
  emit_rm (e, 4, 0x33, HOST_RSI, emit_reg (target));
  emit_alu_imm (e, 4, 4, emit_reg (HOST_RSI), SOFT_UNIT_JUMPS - 1);
  emit_digit (e, 4, 0xc1, 4, emit_reg (HOST_RSI));
  emit8 (e, 4);
  emit_rm (e, 8, 0x3b, target,
           emit_at_index (HOST_RSP, HOST_RSI, 0, jump_offset (g) + offsetof (SoftUnitJump, rip)));
  gen_run_if (g, CC_NE);
}

static void
jump_to_target (Gen *g)
{
  emit_digit (&g->e, 4, 0xff, 4,
              emit_at_index (HOST_RSP, HOST_RSI, 0, jump_offset (g) + offsetof (SoftUnitJump, guard)));
  g->ended = TRUE;
}

static gboolean
gen_return (Gen *g)
{
  const unsigned size = g->insn->size;
  EmitRm place;

  if (g->mode64 && size != 8)
    return FALSE;
  gen_flags_clobber (g);
  gen_poll (g);
  place = gen_access_stack (g, CPU_RSP, 0, size, SOFT_ACCESS_WHOLE);
  load_target (g, HOST_RDI, size, place);
  look_up_target (g, HOST_RDI);
  gen_add_to_sp (g, (int64_t)size + (int64_t)g->insn->imm);
  jump_to_target (g);
  return TRUE;
}

static gboolean
gen_indirect (Gen *g, gboolean call)
{
  const SoftInsn *insn = g->insn;
  unsigned size = insn->size;
  EmitRm place;

  if ((g->mode64 && size != 8) || (insn->mem && !gen_can_access (g)))
    return FALSE;
  gen_flags_clobber (g);
  gen_poll (g);
  if (insn->mem)
    {
      place = gen_access (g, size, SOFT_ACCESS_WHOLE);
      load_target (g, HOST_R14, size, place);
    }
  else
    load_target (g, HOST_R14, size, gen_reg (insn->b));
  if (call)
    place = gen_push_place (g, size);
  look_up_target (g, HOST_R14);
  if (call)
    {
      store_constant (g, place, size, gen_next_rip (g), HOST_R14);
      gen_add_to_sp (g, -(int64_t)size);
    }
  jump_to_target (g);
  return TRUE;
}

static gboolean
gen_call (Gen *g, uint64_t target)
{
  const unsigned size = g->insn->size;

  store_constant (g, gen_push_place (g, size), size, gen_next_rip (g), HOST_RSI);
  gen_add_to_sp (g, -(int64_t)size);
  if (target <= gen_rip (g))
    gen_poll_at (g, target);
  gen_exit (g, target);
  return TRUE;
}

/* LOOP and JCXZ by CX: the host's instruction for that is none of 64-bit mode. */
static gboolean
gen_loop_short (Gen *g, uint64_t target)
{
  const unsigned kind = g->d->opcode & 3;
  Emit *e = &g->e;

  gen_flags_clobber (g);
  if (target <= gen_rip (g))
    gen_poll (g);
  if (kind == 2)
    emit_lea (e, 2, HOST_RCX, emit_at (HOST_RCX, -1));
  emit_rm (e, 2, 0x85, HOST_RCX, emit_reg (HOST_RCX));
  emit8 (e, 0x70 | (kind == 2 ? CC_E : CC_NE));
  emit8 (e, 5); /* over the jump that is taken */
  gen_exit (g, target);
  g->ended = FALSE;
  gen_exit (g, gen_next_rip (g));
  return TRUE;
}

/* LOOP and JRCXZ: without flags. */
static gboolean
gen_loop (Gen *g, uint64_t target)
{
  const SoftInsn *insn = g->insn;
  unsigned kind = g->d->opcode & 3, size = insn->address;
  uint32_t skip;
  Emit *e = &g->e;

  if (kind < 2 || is_out (g, target))
    return FALSE;
  if (size == 2)
    return gen_loop_short (g, target);
  gen_flags_save (g);
  if (target <= gen_rip (g))
    gen_poll (g);
  if (kind == 2)
    emit_lea (e, size, HOST_RCX, emit_at (HOST_RCX, -1));
  if (size == 4)
    emit8 (e, 0x67);
  emit8 (e, 0xe3);
  emit8 (e, kind == 2 ? 5 : 2); /* over the jump that is taken; or to it */
  if (kind == 3)
    {
      emit8 (e, 0xeb);
      emit8 (e, 5);
    }
  skip = e->at + 5;
  g->flags |= FLAGS_RAX;
  gen_exit (g, target);
  g_assert (e->at == skip);
  g->ended = FALSE;
  gen_exit (g, gen_next_rip (g));
  return TRUE;
}

gboolean
gen_branch (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode;
  uint64_t target = (g->unit->rip + insn->imm) & g->branch_mask;

  if (insn->handler == soft_op_call_end)
    return FALSE;
  if (g->d->map == 1)
    {
      if ((op & 0xf0) != 0x80)
        return FALSE;
    }
  else if ((op & 0xf0) != 0x70)
    switch (op)
      {
      case 0xc2:
      case 0xc3:
        return gen_return (g);
      case 0xe0 ... 0xe3:
        return gen_loop (g, target);
      case 0xe8:
        return !is_out (g, target) && gen_call (g, target);
      case 0xe9:
      case 0xeb:
        if (is_out (g, target))
          return FALSE;
        if (target <= gen_rip (g))
          gen_poll_at (g, target);
        gen_exit (g, target);
        return TRUE;
      case 0xff:
        if ((insn->modrm & 0x38) != 0x10 && (insn->modrm & 0x38) != 0x20)
          return FALSE;
        return gen_indirect (g, (insn->modrm & 0x38) == 0x10);
      default:
        return FALSE;
      }
  if (is_out (g, target))
    return FALSE;
  gen_flags_load (g);
  if (target <= gen_rip (g) && !g->polled)
    gen_poll (g);
  g->polled = FALSE;
  gen_exit_if (g, op & 15, target);
  return TRUE;
}

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

static inline unsigned
natural (const Gen *g)
{
  return g->mode64 ? 8 : 4;
}

static void
add_to_sp (Gen *g, int64_t by)
{
  emit_lea (&g->e, natural (g), HOST_R15, emit_at (HOST_R15, by));
}

static EmitRm
push_place (Gen *g)
{
  return gen_access_stack (g, CPU_RSP, -(int32_t)natural (g), natural (g), SOFT_ACCESS_WRITE);
}

/* Stores a constant; RSI or R14 may be used. */
static void
store_constant (Gen *g, EmitRm place, uint64_t value, unsigned scratch)
{
  unsigned size = natural (g);

  if (size == 8 && (int64_t)value != (int32_t)value)
    {
      emit_constant (&g->e, scratch, value);
      emit_store (&g->e, 8, place, scratch);
      return;
    }
  emit_digit (&g->e, size, 0xc7, 0, place);
  emit32 (&g->e, (uint32_t)value);
}

/* -- Stack ------------------------------------------------------------------------------------------------------- */

gboolean
gen_stack (Gen *g)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode, size = natural (g);
  EmitRm place;

  if (g->d->map != 0 || insn->size != size)
    return FALSE;
  switch (op)
    {
    case 0x50 ... 0x57:
      place = push_place (g);
      emit_store (&g->e, size, place, gen_reg_in (g, insn->b, HOST_RSI));
      add_to_sp (g, -(int64_t)size);
      return TRUE;
    case 0x58 ... 0x5f:
      place = gen_access_stack (g, CPU_RSP, 0, size, 0);
      if (insn->b == CPU_RSP)
        {
          emit_load (&g->e, size, HOST_R15, place);
          return TRUE;
        }
      if (soft_host_reg[insn->b] != HOST_NONE)
        emit_load (&g->e, size, soft_host_reg[insn->b], place);
      else
        {
          emit_load (&g->e, size, HOST_RSI, place);
          gen_set_reg (g, insn->b, size, HOST_RSI);
        }
      add_to_sp (g, size);
      return TRUE;
    case 0x68:
    case 0x6a:
      store_constant (g, push_place (g), insn->imm, HOST_RSI);
      add_to_sp (g, -(int64_t)size);
      return TRUE;
    case 0xc9:
      place = gen_access_stack (g, CPU_RBP, 0, size, 0);
      emit_lea (&g->e, size, HOST_R15, emit_at (HOST_R13, size));
      emit_load (&g->e, size, HOST_R13, place);
      return TRUE;
    case 0xff:
      if ((insn->modrm & 0x38) != 0x30)
        return FALSE;
      if (!insn->mem)
        {
          place = push_place (g);
          emit_store (&g->e, size, place, gen_reg_in (g, insn->b, HOST_RSI));
        }
      else
        {
          if (!gen_can_access (g))
            return FALSE;
          place = gen_access (g, size, SOFT_ACCESS_WHOLE);
          emit_load (&g->e, size, HOST_R14, place);
          emit_store (&g->e, size, push_place (g), HOST_R14);
        }
      add_to_sp (g, -(int64_t)size);
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

/* RSI: place in the jump cache of the target in `target`; the interpreter goes there if it isn't known. */
static void
look_up_target (Gen *g, unsigned target)
{
  Emit *e = &g->e;

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
  EmitRm place;

  gen_flags_clobber (g);
  gen_poll (g);
  place = gen_access_stack (g, CPU_RSP, 0, natural (g), SOFT_ACCESS_WHOLE);
  emit_load (&g->e, natural (g), HOST_RDI, place);
  look_up_target (g, HOST_RDI);
  add_to_sp (g, (int64_t)natural (g) + (int64_t)g->insn->imm);
  jump_to_target (g);
  return TRUE;
}

static gboolean
gen_indirect (Gen *g, gboolean call)
{
  const SoftInsn *insn = g->insn;
  unsigned size = natural (g);
  EmitRm place;

  if (insn->size != size || (insn->mem && !gen_can_access (g)))
    return FALSE;
  gen_flags_clobber (g);
  gen_poll (g);
  if (insn->mem)
    {
      place = gen_access (g, size, SOFT_ACCESS_WHOLE);
      emit_load (&g->e, size, HOST_R14, place);
    }
  else
    emit_load (&g->e, size, HOST_R14, gen_reg (insn->b));
  if (call)
    place = push_place (g);
  look_up_target (g, HOST_R14);
  if (call)
    {
      store_constant (g, place, gen_next_rip (g), HOST_R14);
      add_to_sp (g, -(int64_t)size);
    }
  jump_to_target (g);
  return TRUE;
}

static gboolean
gen_call (Gen *g, uint64_t target)
{
  store_constant (g, push_place (g), gen_next_rip (g), HOST_RSI);
  add_to_sp (g, -(int64_t)natural (g));
  if (target <= gen_rip (g))
    gen_poll_at (g, target);
  gen_exit (g, target);
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

  if (kind < 2 || size == 2)
    return FALSE;
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
  uint64_t target = (g->unit->rip + insn->imm) & gen_rip_mask (g);

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
        return (insn->handler == soft_ret[0] || insn->handler == soft_ret[1]) && gen_return (g);
      case 0xe0 ... 0xe3:
        return gen_loop (g, target);
      case 0xe8:
        if (insn->handler != soft_call[0] && insn->handler != soft_call[1])
          return FALSE;
        return soft_is_canonical (target) && gen_call (g, target);
      case 0xe9:
      case 0xeb:
        if (!soft_is_canonical (target))
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
  if (!soft_is_canonical (target))
    return FALSE;
  gen_flags_load (g);
  if (target <= gen_rip (g) && !g->polled)
    gen_poll (g);
  g->polled = FALSE;
  gen_exit_if (g, op & 15, target);
  return TRUE;
}

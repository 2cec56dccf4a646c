/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Instructions of operating systems that are run often: the interrupt flag, PUSHF, reading a segment register, PAUSE.
 */
#include "cpu/soft/translate/integer-private.h"

/* Not virtual-8086 mode: only CPL and IOPL count. */
static gboolean
is_plain (const Gen *g)
{
  return (g->unit->key & (SOFT_KEY_PROTECTED | SOFT_KEY_USER)) != SOFT_KEY_USER;
}

/* The interpreter does it for rings but 0; flags are in RAX from here on. */
static void
ask_ring (Gen *g)
{
  gen_flags_clobber (g);
  emit_alu_imm (&g->e, 1, ALU_CMP, GEN_FIELD (cpl), 0);
  gen_run_if (g, CC_NE);
}

static gboolean
gen_cli (Gen *g)
{
  if ((g->unit->key & SOFT_KEY_USER) != 0)
    return FALSE;
  ask_ring (g);
  emit_alu_imm (&g->e, 4, ALU_AND, GEN_FIELD (eflags), ~(int32_t)FLAG_IF);
  return TRUE;
}

/* No interrupt may come between STI and the end of the next instruction: none does where nothing waits
 * and nobody asks for attention now, and that one doesn't poll. */
static gboolean
gen_sti (Gen *g)
{
  if (!gen_may_go_on (g->cpu, g->insn, g->d) || gen_may_poll (g, g->n + 1))
    return FALSE;
  ask_ring (g);
  emit_alu_imm (&g->e, 4, ALU_CMP, GEN_FIELD (irq_check), 0);
  gen_run_if (g, CC_NE);
  emit_alu_imm (&g->e, 8, ALU_CMP, GEN_FIELD (threshold), 0);
  gen_run_if (g, CC_NE);
  emit_alu_imm (&g->e, 4, ALU_OR, GEN_FIELD (eflags), FLAG_IF);
  return TRUE;
}

static gboolean
gen_pushf (Gen *g)
{
  unsigned size = g->insn->size;
  Emit *e = &g->e;
  EmitRm place;

  if (!is_plain (g) || (g->mode64 && size != 8))
    return FALSE;
  gen_flags_clobber (g);
  place = gen_push_place (g, size);
  emit_full (e, 0x0fb6, HOST_RSI, 4, emit_reg (HOST_HIGH | 4), 1);
  emit_alu_imm (e, 4, ALU_AND, emit_reg (HOST_RSI), FLAGS_ARITHMETIC & 0xff);
  emit_load (e, 4, HOST_R14, emit_reg (HOST_RAX));
  emit_alu_imm (e, 4, ALU_AND, emit_reg (HOST_R14), 1);
  emit_digit (e, 4, 0xc1, 4, emit_reg (HOST_R14));
  emit8 (e, 11);
  emit_rm (e, 4, 0x0b, HOST_RSI, emit_reg (HOST_R14));
  emit_load (e, 4, HOST_R14, GEN_FIELD (eflags));
  emit_alu_imm (e, 4, ALU_AND, emit_reg (HOST_R14), ~(int32_t)(FLAG_VM | FLAG_RF));
  emit_rm (e, 4, 0x0b, HOST_RSI, emit_reg (HOST_R14));
  emit_alu_imm (e, 4, ALU_OR, emit_reg (HOST_RSI), FLAG_ONE);
  emit_store (e, size, place, HOST_RSI);
  gen_add_to_sp (g, -(int64_t)size);
  return TRUE;
}

static gboolean
gen_from_segment (Gen *g)
{
  const SoftInsn *insn = g->insn;
  EmitRm place = { 0 };

  if (insn->mem)
    {
      if (!gen_can_access (g))
        return FALSE;
      place = gen_access (g, 2, SOFT_ACCESS_WRITE);
    }
  emit_full (&g->e, 0x0fb7, HOST_RSI, 4, GEN_FIELD (segment[insn->a].selector), 2);
  if (insn->mem)
    emit_store (&g->e, 2, place, HOST_RSI);
  else
    gen_set_reg (g, insn->b, insn->size, HOST_RSI);
  return TRUE;
}

gboolean
gen_may_go_on (const SoftCpu *cpu, const SoftInsn *insn, const SoftDecode *d)
{
  if ((cpu->unit_key & SOFT_UNIT_KEY_COUNT) != 0)
    return FALSE;
  if (gen_loads_segment (insn))
    return (cpu->key & SOFT_KEY_SIZE) != SOFT_KEY_64;
  if (d->map != 0)
    return FALSE;
  switch (d->opcode)
    {
    case 0x90:
      return insn->handler == soft_op_call_end && cpu->engine->parent.config.n_cpus == 1;
    case 0xfb:
      return (cpu->key & SOFT_KEY_USER) == 0;
    default:
      return FALSE;
    }
}

gboolean
gen_system (Gen *g)
{
  switch (g->d->opcode)
    {
    case 0x8c:
      return gen_from_segment (g);
    case 0x90:
      /* A processor that is alone has nobody to wait for. */
      return gen_may_go_on (g->cpu, g->insn, g->d);
    case 0x9c:
      return gen_pushf (g);
    case 0xfa:
      return gen_cli (g);
    case 0xfb:
      return gen_sti (g);
    default:
      return FALSE;
    }
}

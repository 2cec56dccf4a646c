/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is known of a unit before it is translated: what its instructions do, and which accesses can share a look-up.
 *
 * A group is of accesses by the same registers, of which the index isn't changed in between, and the base not at all or by constants.  One look-up,
 * by its first, finds all that lies between the lowest and the highest address; it asks for what the group needs, to be written if anything is.  Nothing
 * may happen within a group that can change the translation buffer: what calls C ends it, and what has to call it within the group, as its own look-up
 * failed, goes on in the unit's other body, which shares nothing.
 */
#include "cpu/soft/ops.h"
#include "cpu/soft/translate/integer-private.h"

#define MAX_SPAN 512
#define FAR      (1 << 20) /* displacements that nobody shares with */

static inline uint16_t
bit (unsigned n)
{
  return (uint16_t)(1u << n);
}

static inline uint16_t
operand_bit (unsigned a, unsigned size)
{
  return bit (size == 1 ? a / 8 : a);
}

/* An instruction that names R14 can't name AH to BH. */
static gboolean
has_high_byte (const Gen *g)
{
  gboolean widens = g->d->map == 1 && (g->d->opcode & 0xf6) == 0xb6;

  return g->insn->size == 1 && !widens && ((g->insn->a | g->insn->b) & 1) != 0;
}

static void
memory_access (Gen *g, GenEffects *effects, unsigned size, gboolean write)
{
  if (!gen_can_access (g) || has_high_byte (g))
    return;
  effects->address = gen_operand (g);
  effects->size = (uint8_t)size;
  effects->write = write;
}

/* Where addresses are cut to 16 bits, or looked at by a limit, nothing is shared. */
static void
stack_access (const Gen *g, GenEffects *effects, unsigned base, int32_t disp, gboolean write)
{
  unsigned natural = g->mode64 ? 8 : 4;

  if (!gen_flat_stack (g) || g->insn->size != natural)
    return;
  effects->address
      = (GenAddress){ .base = (uint8_t)base, .index = SOFT_REG_ZERO, .disp = disp, .size = (uint8_t)natural };
  effects->size = (uint8_t)natural;
  effects->write = write;
}

/* Effects of instructions that write `written`, ask for no more than said, and neither call C nor need R14. */
static void
known (GenEffects *effects, uint16_t written, unsigned flags)
{
  effects->writes = written;
  effects->flags = (uint8_t)flags;
  effects->calls = FALSE;
}

static void
alu_effects (Gen *g, GenEffects *effects, unsigned op, gboolean to_memory, uint16_t target)
{
  const SoftInsn *insn = g->insn;

  known (effects, op < ALU_CMP && !to_memory ? target : 0,
         op == ALU_ADC || op == ALU_SBB ? EFFECT_USE : EFFECT_SET);
  if (insn->mem)
    memory_access (g, effects, insn->size, to_memory && op < ALU_CMP);
}

/* Writes its operand in place. */
static void
unary_effects (Gen *g, GenEffects *effects, unsigned flags)
{
  const SoftInsn *insn = g->insn;

  known (effects, insn->mem ? 0 : operand_bit (insn->b, insn->size), flags);
  if (insn->mem)
    memory_access (g, effects, insn->size, TRUE);
}

static void
group3_effects (Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;

  switch (insn->modrm >> 3 & 7)
    {
    case 0:
    case 1:
      alu_effects (g, effects, ALU_TEST, insn->mem, 0);
      break;
    case 2:
      unary_effects (g, effects, EFFECT_NONE);
      break;
    case 3:
      unary_effects (g, effects, EFFECT_SET);
      break;
    case 4:
    case 5:
      known (effects, bit (CPU_RAX) | bit (CPU_RDX), EFFECT_USE);
      if (insn->mem)
        memory_access (g, effects, insn->size, FALSE);
      break;
    default:
      break;
    }
}

static void
shift_effects (Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;
  unsigned count = (unsigned)insn->imm & (insn->size == 8 ? 63 : 31);
  gboolean by_cl = g->d->opcode >= 0xd2;

  if (!by_cl && count == 0)
    return;
  unary_effects (g, effects, by_cl || (insn->modrm >> 3 & 7) < 4 ? EFFECT_USE : EFFECT_SET);
}

static void
load_effects (Gen *g, GenEffects *effects, unsigned from, unsigned flags)
{
  const SoftInsn *insn = g->insn;

  known (effects, operand_bit (insn->a, insn->size), flags);
  if (insn->mem)
    memory_access (g, effects, from, FALSE);
}

static void
stack_effects (const Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode, natural = g->mode64 ? 8 : 4;

  if (g->mode64 && insn->size != natural)
    return;
  switch (op)
    {
    case 0x50 ... 0x57:
    case 0x68:
    case 0x6a:
      known (effects, bit (CPU_RSP), EFFECT_NONE);
      stack_access (g, effects, CPU_RSP, -(int32_t)natural, TRUE);
      break;
    case 0x58 ... 0x5f:
      known (effects, bit (CPU_RSP) | bit (insn->b), EFFECT_NONE);
      stack_access (g, effects, CPU_RSP, 0, FALSE);
      break;
    default:
      known (effects, bit (CPU_RSP) | bit (CPU_RBP), EFFECT_NONE);
      stack_access (g, effects, CPU_RBP, 0, FALSE);
      break;
    }
}

static void
branch_effects (const Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode;

  effects->branches = TRUE;
  if (insn->handler == soft_op_call_end)
    return;
  if (op == 0xc2 || op == 0xc3)
    {
      known (effects, bit (CPU_RSP), EFFECT_USE);
      stack_access (g, effects, CPU_RSP, 0, FALSE);
    }
  else if (op == 0xe8)
    {
      known (effects, bit (CPU_RSP), EFFECT_USE);
      effects->keeps_rsi = TRUE;
      stack_access (g, effects, CPU_RSP, g->mode64 ? -8 : -4, TRUE);
    }
  else
    {
      known (effects, 0, EFFECT_USE);
      effects->keeps_rsi = TRUE;
    }
}

static void
effects_of_one (Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode;

  if (op < 0x40 && (op & 7) < 6)
    {
      alu_effects (g, effects, op >> 3, (op & 7) < 2 && insn->mem, operand_bit (insn->a, insn->size));
      return;
    }
  switch (op)
    {
    case 0x40 ... 0x4f:
      unary_effects (g, effects, EFFECT_USE);
      break;
    case 0x50 ... 0x5f:
    case 0x68:
    case 0x6a:
    case 0xc9:
      stack_effects (g, effects);
      break;
    case 0x63:
      if (g->mode64 && insn->size >= 4)
        load_effects (g, effects, 4, EFFECT_NONE);
      break;
    case 0x69:
    case 0x6b:
      load_effects (g, effects, insn->size, EFFECT_USE);
      break;
    case 0x70 ... 0x7f:
    case 0xc2:
    case 0xc3:
    case 0xe8:
    case 0xe9:
    case 0xeb:
      branch_effects (g, effects);
      break;
    case 0x80 ... 0x83:
      alu_effects (g, effects, insn->modrm >> 3 & 7, insn->mem, operand_bit (insn->a, insn->size));
      break;
    case 0x84:
    case 0x85:
      alu_effects (g, effects, ALU_TEST, insn->mem, 0);
      break;
    case 0xa8:
    case 0xa9:
      known (effects, 0, EFFECT_SET);
      break;
    case 0x88 ... 0x8b:
      if (insn->mem && op < 0x8a)
        {
          known (effects, 0, EFFECT_NONE);
          memory_access (g, effects, insn->size, TRUE);
        }
      else
        load_effects (g, effects, insn->size, EFFECT_NONE);
      break;
    case 0xa0 ... 0xa3:
      known (effects, insn->a == 0 ? bit (CPU_RAX) : 0, EFFECT_NONE);
      break;
    case 0x8c:
      if (!insn->mem)
        known (effects, bit (insn->b), EFFECT_NONE);
      break;
    case 0x8d:
    case 0xb0 ... 0xbf:
      known (effects, operand_bit (insn->a, op >= 0xb0 && op < 0xb8 ? 1 : insn->size), EFFECT_NONE);
      break;
    case 0x98:
      known (effects, bit (CPU_RAX), EFFECT_NONE);
      break;
    case 0x99:
      known (effects, bit (CPU_RDX), EFFECT_NONE);
      break;
    case 0xc0:
    case 0xc1:
    case 0xd0 ... 0xd3:
      shift_effects (g, effects);
      break;
    case 0xc6:
    case 0xc7:
      known (effects, insn->mem ? 0 : operand_bit (insn->a, insn->size), EFFECT_NONE);
      if (insn->mem)
        memory_access (g, effects, insn->size, TRUE);
      break;
    case 0xf6:
    case 0xf7:
      group3_effects (g, effects);
      break;
    case 0xfe:
    case 0xff:
      if ((insn->modrm & 0x38) <= 8)
        unary_effects (g, effects, EFFECT_USE);
      break;
    default:
      break;
    }
}

static void
effects_of_two (Gen *g, GenEffects *effects)
{
  const SoftInsn *insn = g->insn;
  unsigned op = g->d->opcode;

  switch (op)
    {
    case 0x40 ... 0x4f:
      load_effects (g, effects, insn->size, EFFECT_USE);
      effects->keeps_rsi = TRUE;
      break;
    case 0x80 ... 0x8f:
      branch_effects (g, effects);
      break;
    case 0x90 ... 0x9f:
      known (effects, insn->mem ? 0 : operand_bit (insn->b, 1), EFFECT_USE);
      effects->keeps_rsi = TRUE;
      if (insn->mem)
        memory_access (g, effects, 1, TRUE);
      break;
    case 0xaf:
      load_effects (g, effects, insn->size, EFFECT_USE);
      break;
    case 0xb6:
    case 0xb7:
    case 0xbe:
    case 0xbf:
      known (effects, bit (insn->a), EFFECT_NONE);
      if (insn->mem)
        memory_access (g, effects, (op & 1) == 0 ? 1 : 2, FALSE);
      break;
    case 0xc8 ... 0xcf:
      if (insn->size >= 4)
        known (effects, bit (insn->a), EFFECT_NONE);
      break;
    default:
      break;
    }
}

void
gen_plan_effects (Gen *g, const SoftDecode *decodes)
{
  for (unsigned n = 0; n < (unsigned)g->block->cost; n++)
    {
      GenEffects *effects = &g->effects[n];

      g->insn = &g->block->insns[2 * n];
      g->d = &decodes[n];
      memset (effects, 0, sizeof *effects);
      effects->writes = 0xffff;
      effects->flags = EFFECT_USE;
      effects->calls = TRUE;
      if (g->insn->handler == soft_op_ud)
        continue;
      if (g->insn->handler == soft_nop)
        known (effects, 0, EFFECT_NONE);
      else if (g->d->map == 0)
        effects_of_one (g, effects);
      else if (g->d->map > SOFT_MAP_VEX)
        gen_vex_effects (g, effects);
      else if (!gen_sse_effects (g, effects) && g->d->map == 1)
        effects_of_two (g, effects);
    }
}

/* -- Groups ----------------------------------------------------------------------------------------------------- */

/* By how much the instruction changes the register; FALSE: not by a constant. */
static gboolean
changes_by (const Gen *g, unsigned n, const SoftDecode *d, unsigned reg, int64_t *by)
{
  const SoftInsn *insn = &g->block->insns[2 * n];
  unsigned natural = g->mode64 ? 8 : 4, op = d->opcode;

  *by = 0;
  if ((g->effects[n].writes & bit (reg)) == 0)
    return TRUE;
  if (d->map != 0 || insn->size != natural || g->effects[n].calls)
    return FALSE;
  /* With SP alone the upper half stays. */
  if (reg == CPU_RSP && g->stack != natural && (op & 0xf0) != 0x40 && (op & 0xf0) != 0x80 && op != 0xff)
    return FALSE;
  switch (op)
    {
    case 0x40 ... 0x4f:
      *by = op < 0x48 ? 1 : -1;
      return TRUE;
    case 0x50 ... 0x57:
    case 0x68:
    case 0x6a:
      *by = -(int64_t)natural;
      return TRUE;
    case 0x58 ... 0x5f:
      *by = natural;
      return insn->b != reg;
    case 0x81:
    case 0x83:
      if (insn->mem || ((insn->modrm & 0x38) != 0x00 && (insn->modrm & 0x38) != 0x28))
        return FALSE;
      *by = (insn->modrm & 0x38) == 0 ? (int32_t)insn->imm : -(int64_t)(int32_t)insn->imm;
      return TRUE;
    case 0x8d:
      *by = insn->disp;
      return insn->base == reg && insn->index == SOFT_REG_ZERO && insn->address == natural;
    case 0xff:
      if (insn->mem || (insn->modrm & 0x38) > 8)
        return FALSE;
      *by = (insn->modrm & 0x38) == 0 ? 1 : -1;
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
can_share (const Gen *g, unsigned n)
{
  const GenEffects *effects = &g->effects[n];
  const GenAddress *a = &effects->address;

  return effects->size != 0 && !effects->calls && !a->constant && a->segment == 0
         && a->size == (g->mode64 ? 8 : 4) && a->base < 16 && ABS (a->disp) < FAR;
}

/* The group that begins with instruction `first`; returns its last, or `first` if it is alone. */
static unsigned
find_group (Gen *g, const SoftDecode *decodes, unsigned first, unsigned group)
{
  const GenAddress *key = &g->effects[first].address;
  int64_t places[SOFT_UNIT_MAX_INSNS], moved = 0, by, low, high;
  gboolean branched = FALSE, write = g->effects[first].write;
  unsigned last = first;

  low = places[first] = key->disp;
  high = low + g->effects[first].size;
  for (unsigned n = first; n < (unsigned)g->block->cost; n++)
    {
      const GenEffects *effects = &g->effects[n];
      const GenAddress *a = &effects->address;

      if (effects->calls)
        break;
      if (n > first && g->share[n].group == 0 && can_share (g, n) && a->base == key->base
          && a->index == key->index && a->scale == key->scale)
        {
          int64_t place = moved + a->disp, lowest = MIN (low, place),
                  highest = MAX (high, place + effects->size);

          /* Whether anything is written may depend on a branch: pages that never are would fail always. */
          if (highest - lowest > MAX_SPAN || (effects->write && !write && branched))
            break;
          low = lowest;
          high = highest;
          write |= effects->write;
          places[n] = place;
          g->share[n].group = (uint8_t)group;
          last = n;
        }
      branched |= effects->branches;
      if (key->index < 16 && (effects->writes & bit (key->index)) != 0)
        break;
      if (!changes_by (g, n, &decodes[n], key->base, &by) || ABS (moved + by) > FAR)
        break;
      moved += by;
    }
  if (last == first)
    return first;
  g->share[first]
      = (GenShare){ .group = (uint8_t)group, .first = TRUE, .write = write, .span = (uint16_t)(high - low) };
  for (unsigned n = first; n <= last; n++)
    if (g->share[n].group == group)
      g->share[n].place = (uint16_t)(places[n] - low);
  return last;
}

gboolean
gen_plan_sharing (Gen *g, const SoftDecode *decodes)
{
  unsigned groups = 0, busy[GEN_N_HELD] = { 0 };

  memset (g->share, 0, sizeof g->share);
  for (unsigned n = 0; n < (unsigned)g->block->cost; n++)
    if (g->share[n].group == 0 && can_share (g, n))
      {
        unsigned last, where = 0;

        while (where < GEN_N_HELD && busy[where] > n)
          where++;
        if (where == GEN_N_HELD)
          continue;
        last = find_group (g, decodes, n, groups + 1);
        if (last == n)
          continue;
        groups++;
        busy[where] = last + 1;
        for (unsigned i = n; i <= last; i++)
          if (g->share[i].group == groups)
            g->share[i].where = (uint8_t)where;
      }
  return groups > 0;
}

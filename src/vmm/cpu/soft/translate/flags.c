/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the guest's flags are: in EFLAGS, in RAX, or nowhere, if they can be made again from registers (a recipe).
 *
 * A look-up destroys EFLAGS.  What it destroys is most often not asked for any more, but has to be right if the access faults: then the way
 * to C, which is seldom gone, makes the flags again.  So a recipe has to hold until the next instruction that sets all flags, or asks for them
 * where making them again is cheap; that is looked up in the effects of the unit's instructions.
 */
#include "cpu/soft/translate/integer-private.h"

/* Flags are lost: into EFLAGS, RSI may be used. */
static void
make_again (Gen *g)
{
  const GenRecipe recipe = g->recipe;

  g_assert (recipe.kind != RECIPE_NONE);
  gen_recipe (g, &recipe);
  g->recipe = recipe;
  g->flags = FLAGS_EFLAGS;
}

void
gen_flags_save (Gen *g)
{
  gen_flags_decide (g, FLAGS_RAX);
  if ((g->flags & FLAGS_RAX) != 0)
    return;
  if (g->flags == FLAGS_LOST)
    make_again (g);
  emit8 (&g->e, 0x9f); /* lahf */
  emit_digit (&g->e, 1, 0x0f90, 0, emit_reg (HOST_RAX));
  g->flags |= FLAGS_RAX;
}

void
gen_flags_load (Gen *g)
{
  gen_flags_decide (g, FLAGS_EFLAGS);
  if ((g->flags & FLAGS_EFLAGS) != 0)
    return;
  if (g->flags == FLAGS_LOST)
    {
      make_again (g);
      return;
    }
  /* AL is 0 or 1: less -127 it overflows or not.  AL stays. */
  emit8 (&g->e, 0x3c);
  emit8 (&g->e, 0x81);
  emit8 (&g->e, 0x9e); /* sahf */
  g->flags |= FLAGS_EFLAGS;
}

void
gen_flags_clobber (Gen *g)
{
  gen_flags_save (g);
  g->flags = FLAGS_RAX;
}

/* The recipe holds, from the running instruction's access on, until flags are set or asked for. */
static gboolean
recipe_lasts (const Gen *g)
{
  gboolean cheap = g->recipe.kind != RECIPE_UNDO;

  for (unsigned n = g->n; n < (unsigned)g->block->cost; n++)
    {
      const GenEffects *effects = &g->effects[n];

      if (effects->flags == EFFECT_SET)
        return TRUE;
      if (effects->flags == EFFECT_USE)
        return cheap && effects->keeps_rsi;
      if ((effects->writes & g->recipe.registers) != 0)
        return FALSE;
    }
  return cheap;
}

void
gen_flags_lose (Gen *g)
{
  if (g->flags == FLAGS_EFLAGS && g->recipe.kind != RECIPE_NONE && recipe_lasts (g))
    g->flags = FLAGS_LOST;
  else if (g->flags != FLAGS_LOST)
    gen_flags_clobber (g);
}

void
gen_flags_prepare (Gen *g)
{
  const GenEffects *effects = &g->effects[g->n];
  gboolean breaks = (effects->writes & g->recipe.registers) != 0;

  if (g->recipe.kind == RECIPE_NONE || effects->flags == EFFECT_SET)
    return;
  if (g->flags == FLAGS_LOST)
    {
      if (effects->flags == EFFECT_USE && !effects->keeps_rsi)
        gen_flags_save (g);
      else if (breaks)
        gen_flags_load (g);
    }
  if (breaks)
    g->recipe.kind = RECIPE_NONE;
}

/* -- Recipes --------------------------------------------------------------------------------------------------- */

static inline uint16_t
bit_of (unsigned a, unsigned size)
{
  return (uint16_t)(1u << (size == 1 ? a / 8 : a));
}

static void
set_recipe (Gen *g, unsigned op, unsigned size, unsigned a, uint16_t others)
{
  GenRecipe *recipe = &g->recipe;

  recipe->op = (uint8_t)op;
  recipe->size = (uint8_t)size;
  recipe->a = (uint8_t)a;
  recipe->registers = bit_of (a, size) | others;
  switch (op)
    {
    case ALU_CMP:
    case ALU_TEST:
      recipe->kind = RECIPE_COMPARE;
      break;
    case ALU_AND:
    case ALU_OR:
    case ALU_XOR:
      recipe->kind = RECIPE_RESULT;
      recipe->registers = bit_of (a, size);
      break;
    case ALU_ADD:
    case ALU_SUB:
    case ALU_NEG:
      /* The result and the other operand give the first. */
      recipe->kind = size == 1 ? RECIPE_NONE : RECIPE_UNDO;
      break;
    default:
      recipe->kind = RECIPE_NONE;
      break;
    }
}

void
gen_flags_recipe (Gen *g, unsigned op, unsigned size, unsigned a, unsigned b)
{
  set_recipe (g, op, size, a, bit_of (b, size));
  g->recipe.b = (uint8_t)b;
  g->recipe.immediate = FALSE;
  if (g->recipe.kind == RECIPE_UNDO && a == b && op != ALU_NEG)
    g->recipe.kind = RECIPE_NONE;
}

void
gen_flags_recipe_imm (Gen *g, unsigned op, unsigned size, unsigned a, uint64_t imm)
{
  set_recipe (g, op, size, a, 0);
  g->recipe.imm = imm;
  g->recipe.immediate = TRUE;
}

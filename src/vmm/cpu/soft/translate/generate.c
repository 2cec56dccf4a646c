/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A unit from its first byte to its last.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/translate/generate.h"
#include "cpu/soft/translate/layout.h"

#include "cpu/soft/code-pages.h"
#include "cpu/soft/ops.h"

const uint8_t soft_host_reg[16] = {
  HOST_RBX,  HOST_RCX,  HOST_RDX,  HOST_RBP,  HOST_R15, HOST_R13, HOST_R8,  HOST_R9,
  HOST_NONE, HOST_NONE, HOST_NONE, HOST_NONE, HOST_R12, HOST_R10, HOST_R11, HOST_NONE,
};

/* -- Cold code --------------------------------------------------------------------------------------------------- */

GenCold *
gen_cold (Gen *g)
{
  GenCold *cold = &g->cold[g->n_cold++];

  g_assert (g->n_cold <= GEN_MAX_COLD);
  memset (cold, 0, sizeof *cold);
  cold->insn = g->insn;
  cold->n = g->n;
  cold->recipe = g->recipe;
  cold->sse = g->sse;
  return cold;
}

void
gen_revive_sse (Gen *g, const GenCold *cold)
{
  if (cold->sse >= 1)
    emit_digit (&g->e, 4, 0xff, 2, gen_frame (FRAME_SSE));
  if (cold->sse >= 2)
    emit_digit (&g->e, 4, 0xff, 2, gen_frame (FRAME_HIGH));
}

uint32_t
gen_ref (const Gen *g, const SoftInsn *insn, unsigned access)
{
  return soft_code_ref (g->cpu->code, insn) | access << SOFT_REF_BITS;
}

static void
emit_run (Gen *g, const SoftInsn *insn)
{
  emit_constant (&g->e, HOST_RSI, gen_ref (g, insn, 0));
  emit_digit (&g->e, 4, 0xff, 2, gen_frame (FRAME_RUN));
}

void
gen_run_if (Gen *g, unsigned condition)
{
  GenCold *cold = gen_cold (g);

  cold->kind = g->sharing ? GEN_COLD_BAIL : GEN_COLD_RUN;
  cold->jump = emit_jcc (&g->e, condition);
  cold->flags = FLAGS_RAX;
}

static void
emit_leave (Gen *g, const SoftExit *exit)
{
  emit_constant (&g->e, HOST_RSI, soft_translator_ref (g->translator, exit));
  emit_digit (&g->e, 4, 0xff, 4, gen_frame (FRAME_LEAVE));
}

/* -- Ways out ------------------------------------------------------------------------------------------------------ */

static SoftExit *
new_exit (Gen *g, uint64_t rip)
{
  SoftExit *exit = soft_translator_alloc (g->translator, sizeof *exit);

  exit->rip = rip & gen_rip_mask (g);
  exit->unit = g->unit;
  exit->cross = g->unit->n_pages > 1
                || ((gen_linear (g, exit->rip) ^ gen_linear (g, g->unit->rip)) & SOFT_PAGE_MASK) != 0;
  return exit;
}

void
gen_exit (Gen *g, uint64_t rip)
{
  SoftExit *exit = new_exit (g, rip);
  GenCold *cold;

  if (exit->cross)
    gen_flags_clobber (g);
  else if (g->flags == FLAGS_LOST)
    gen_flags_load (g);
  else
    gen_flags_decide (g, FLAGS_RAX);
  exit->eflags = (g->flags & FLAGS_EFLAGS) != 0;
  cold = gen_cold (g);
  cold->kind = GEN_COLD_EXIT;
  cold->jump = emit_jmp (&g->e);
  cold->flags = g->flags;
  cold->exit = exit;
  g->n_exits++;
  g->ended = TRUE;
}

void
gen_exit_if (Gen *g, unsigned condition, uint64_t rip)
{
  SoftExit *exit = new_exit (g, rip);
  GenCold *cold;

  exit->eflags = 1;
  cold = gen_cold (g);
  cold->kind = GEN_COLD_EXIT;
  cold->jump = emit_jcc (&g->e, condition);
  cold->flags = g->flags;
  cold->exit = exit;
  g->n_exits++;
}

static void
cold_exit (Gen *g, const GenCold *cold)
{
  SoftExit *exit = cold->exit;

  emit_patch_here (&g->e, cold->jump);
  g->flags = cold->flags;
  exit->site = cold->jump;
  if (exit->cross && (g->flags & FLAGS_RAX) == 0)
    {
      /* The other page wants them in RAX: the jump to link is behind that. */
      gen_flags_clobber (g);
      exit->site = emit_jmp (&g->e);
      emit_patch_here (&g->e, exit->site);
    }
  gen_flags_save (g);
  emit_leave (g, exit);
}

static void
poll (Gen *g, uint64_t rip, unsigned n)
{
  GenCold *cold;

  gen_flags_decide (g, FLAGS_RAX);
  emit_load (&g->e, 8, HOST_RSI, gen_frame (FRAME_POLL));
  cold = gen_cold (g);
  cold->kind = GEN_COLD_POLL;
  cold->jump = g->e.at;
  cold->flags = g->flags;
  cold->n = n;
  cold->exit = new_exit (g, rip);
  emit_load (&g->e, 4, HOST_RSI, emit_at (HOST_RSI, 0));
  g->unit->n_polls++;
}

void
gen_poll (Gen *g)
{
  poll (g, gen_rip (g), g->n);
}

void
gen_poll_at (Gen *g, uint64_t rip)
{
  poll (g, rip, g->n + 1);
}

/* Of the instructions from the n-th on: they did not come about. */
static void
give_back (Gen *g, unsigned n)
{
  if ((g->unit->key & SOFT_UNIT_KEY_COUNT) != 0)
    emit_alu_imm (&g->e, 8, 0, gen_frame (FRAME_BUDGET), (int32_t)(g->block->cost - n));
}

/* From the body that shares to the other, before the instruction. */
static void
cold_bail (Gen *g, const GenCold *cold)
{
  uint8_t want = g->plain_flags[cold->n] != 0 ? g->plain_flags[cold->n] : g->start_flags;

  emit_patch_here (&g->e, cold->jump);
  g->flags = cold->flags;
  if ((want & FLAGS_RAX) != 0)
    gen_flags_save (g);
  if ((want & FLAGS_EFLAGS) != 0)
    gen_flags_load (g);
  emit_jmp_to (&g->e, g->plain_at[cold->n]);
}

/* Flags are lost here, or saved. */
static void
cold_vectors (Gen *g, const GenCold *cold)
{
  uint32_t there = 0;

  emit_patch_here (&g->e, cold->jump);
  if (cold->access == 2)
    {
      emit_alu_imm (&g->e, 4, 7, GEN_FIELD (sse_live), 0);
      there = emit_jcc (&g->e, CC_NE);
    }
  emit_digit (&g->e, 4, 0xff, 2, gen_frame (FRAME_SSE));
  if (cold->access == 2)
    {
      emit_patch_here (&g->e, there);
      emit_digit (&g->e, 4, 0xff, 2, gen_frame (FRAME_HIGH));
    }
  emit_jmp_to (&g->e, cold->retry);
}

static void
emit_cold (Gen *g)
{
  SoftPoll *poll;

  g->unit->polls = soft_translator_alloc (g->translator, sizeof *poll * MAX (1, g->unit->n_polls));
  poll = g->unit->polls;
  for (unsigned i = 0; i < g->n_cold; i++)
    {
      GenCold *cold = &g->cold[i];

      if (cold->window != 0)
        gen_cold_window (g, cold);
      g->recipe = cold->recipe;
      switch (cold->kind)
        {
        case GEN_COLD_BAIL:
          cold_bail (g, cold);
          break;
        case GEN_COLD_ACCESS:
          gen_cold_access (g, cold);
          break;
        case GEN_COLD_RUN:
          emit_patch_here (&g->e, cold->jump);
          g->flags = cold->flags;
          gen_flags_save (g);
          emit_run (g, cold->insn);
          gen_revive_sse (g, cold);
          if ((cold->next_flags & FLAGS_EFLAGS) != 0)
            {
              g->flags = FLAGS_RAX;
              gen_flags_load (g);
            }
          emit_jmp_to (&g->e, cold->next);
          break;
        case GEN_COLD_EXIT:
          cold_exit (g, cold);
          break;
        case GEN_COLD_SSE:
          cold_vectors (g, cold);
          break;
        case GEN_COLD_POLL:
        default:
          poll->load = cold->jump;
          poll->stub = g->e.at;
          poll++;
          g->flags = cold->flags;
          gen_flags_save (g);
          give_back (g, cold->n);
          emit_leave (g, cold->exit);
          break;
        }
    }
}

/* -- Entries --------------------------------------------------------------------------------------------------------- */

/* Five bytes, so that a jump fits over them. */
static void
emit_nop5 (Emit *e)
{
  static const uint8_t nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };

  memcpy (e->start + e->at, nop, sizeof nop);
  e->at += sizeof nop;
}

typedef struct
{
  uint32_t jumps[4];
  unsigned n;
} Guards;

static void
emit_guard (Gen *g, Guards *guards, EmitRm field, uint32_t value)
{
  emit_digit (&g->e, 4, 0x81, 7, field);
  emit32 (&g->e, value);
  guards->jumps[guards->n++] = emit_jcc (&g->e, CC_NE);
}

static void
emit_guards (Gen *g, Guards *guards)
{
  const SoftUnit *unit = g->unit;
  unsigned exec = (unit->key & SOFT_KEY_USER) != 0 ? SOFT_EXEC_USER : SOFT_EXEC_SUPERVISOR;

  guards->n = 0;
  for (unsigned i = 0; i < unit->n_pages; i++)
    emit_guard (g, guards,
                gen_frame ((uint32_t)offsetof (SoftCpu, exec_id[exec][0]) + soft_unit_slot (unit, i) * 4),
                unit->page_id[i]);
  if ((unit->key & SOFT_UNIT_KEY_CS) == 0)
    return;
  emit_guard (g, guards, GEN_FIELD (check[CPU_CS].base), unit->cs_base);
  emit_guard (g, guards, GEN_FIELD (segment[CPU_CS].limit), unit->cs_limit);
}

/* Makes what comes before the body, whose first five bytes at `place` are for that. */
static void
emit_entries (Gen *g, uint32_t place, const Guards *guards)
{
  Emit *e = &g->e;
  SoftUnit *unit = g->unit;
  SoftExit *exit = new_exit (g, unit->rip);
  uint32_t at = e->at, body = place + 5;

  /* Ways out at the entry. */
  unit->miss_flags = at;
  g->flags = FLAGS_EFLAGS;
  gen_flags_save (g);
  unit->miss = e->at;
  for (unsigned i = 0; i < guards->n; i++)
    emit_patch_here (e, guards->jumps[i]);
  emit_leave (g, exit);
  unit->entry_rax = place;
  unit->entry_flags = body;
  if (g->start_flags == FLAGS_RAX)
    {
      unit->entry_flags = e->at;
      emit8 (e, 0x9f);
      emit_digit (e, 1, 0x0f90, 0, emit_reg (HOST_RAX));
      emit_jmp_to (e, unit->n_pages > 1 ? unit->guard : body);
    }
  at = e->at;
  e->at = place;
  emit_nop5 (e);
  if (g->start_flags == FLAGS_EFLAGS)
    {
      e->at = place;
      g->flags = FLAGS_RAX;
      gen_flags_load (g);
      /* Two bytes of nothing. */
      emit8 (e, 0x66);
      emit8 (e, 0x90);
    }
  e->at = at;
}

/* -- The unit ---------------------------------------------------------------------------------------------------------- */

static gboolean
is_jcc (const SoftInsn *insn, const SoftDecode *d)
{
  return ((d->map == 0 && (d->opcode & 0xf0) == 0x70) || (d->map == 1 && (d->opcode & 0xf0) == 0x80))
         && insn->handler == soft_jcc[d->opcode & 15];
}

/* The entry behind an instruction: ends a run, or is what a branch that isn't taken goes to. */
static void
stop_entry (SoftInsn *stop, const SoftInsn *insn, gboolean go)
{
  memset (stop, 0, sizeof *stop);
  stop->handler = go ? soft_goto : soft_unit_stop;
  stop->offset = (uint16_t)(insn->offset + insn->length);
  stop->imm = stop->offset;
  stop->unit_place = (uint8_t)(insn->unit_place + 1);
}

/* Instructions from `bytes`, of which the first lies at the unit's RIP.  Returns how many. */
static unsigned
decode_unit (SoftCpu *cpu, SoftBlock *block, const uint8_t *bytes, unsigned available, unsigned max,
             SoftDecode *decodes)
{
  unsigned offset = 0, n = 0, exits = 0;

  while (n < max)
    {
      SoftInsn *insn = &block->insns[2 * n];
      SoftDecode *d = &decodes[n];
      gboolean go_on;

      memset (d, 0, sizeof *d);
      d->key = cpu->key;
      d->mode = cpu->key & SOFT_KEY_SIZE;
      d->bytes = bytes + offset;
      d->available = MIN (available - offset, 15);
      memset (insn, 0, sizeof *insn);
      insn->offset = (uint16_t)offset;
      go_on = soft_decode (d, insn);
      if (d->overrun)
        break;
      insn->unit_place = (uint8_t)n;
      insn->unit_run = 0;
      if (!go_on && gen_may_go_on (cpu, insn, d))
        {
          go_on = TRUE;
          /* What runs such calls looks whether the mode has changed. */
          if (gen_loads_segment (insn))
            insn->handler = soft_op_call;
        }
      stop_entry (insn + 1, insn, !go_on);
      offset += insn->length;
      n++;
      if (!go_on
          && (!is_jcc (insn, d) || ++exits >= SOFT_UNIT_MAX_EXITS
              || (cpu->unit_key & SOFT_UNIT_KEY_COUNT) != 0))
        break;
    }
  block->bytes = (uint16_t)offset;
  return n;
}

static gboolean
translate_one (Gen *g)
{
  if (g->insn->handler == soft_op_ud)
    return FALSE;
  if (g->insn->handler == soft_nop)
    return TRUE;
  switch (g->d->map)
    {
    case 0:
      return gen_integer (g) || gen_stack (g) || gen_branch (g) || gen_system (g) || gen_string (g)
             || gen_segment_register (g);
    case 1:
      return gen_branch (g) || gen_integer_two (g) || gen_segment_register (g) || gen_sse (g);
    case 2:
    case 3:
      return gen_sse (g);
    default:
      return gen_vex (g);
    }
}

static gboolean
backward_jump (const Gen *g, unsigned n, const SoftDecode *decodes)
{
  const SoftInsn *insn = &g->block->insns[2 * n];

  return n < g->block->cost && is_jcc (insn, &decodes[n]) && (int64_t)insn->imm <= insn->offset;
}

gboolean
gen_may_poll (const Gen *g, unsigned n)
{
  return n >= (unsigned)g->block->cost || g->effects[n].branches || backward_jump (g, n + 1, g->d - g->n);
}

/* The running instruction needs nothing that destroys EFLAGS, and then sets flags or keeps some.  A jump within a page most often comes with flags there. */
static gboolean
is_content_with_eflags (const Gen *g)
{
  const GenEffects *effects = &g->effects[g->n];
  const unsigned op = g->d->opcode;
  const gboolean counts
      = g->d->map == 0 && ((op & 0xf0) == 0x40 || ((op & 0xfe) == 0xfe && (g->insn->modrm & 0x30) == 0));

  return !g->insn->mem && !effects->calls
         && (effects->flags == EFFECT_SET || (effects->flags == EFFECT_USE && counts));
}

/* Of one instruction, over the end of a page too. */
#define MAX_INSN_BYTES 32

/* Once, or twice: first with shared look-ups, then for when one of them fails. */
static void
generate_body (Gen *g, const SoftDecode *decodes)
{
  unsigned n = (unsigned)g->block->cost;
  SoftInsn *run = NULL; /* the first of those that the interpreter does in one go */

  gen_predict_begin (g);
  for (g->n = 0; g->n < n; g->n++)
    {
      SoftInsn *insn = &g->block->insns[2 * g->n];

      g->insn = insn;
      g->d = &decodes[g->n];
      g->first_cold = g->n_cold;
      /* Before the comparison, so that it stays together with its jump. */
      if (backward_jump (g, g->n + 1, decodes))
        {
          if (is_content_with_eflags (g))
            gen_flags_decide (g, FLAGS_EFLAGS);
          gen_poll (g);
          g->polled = TRUE;
          run = NULL;
        }
      g->plain_at[g->n] = g->e.at;
      g->plain_flags[g->n] = g->flags;
      gen_flags_prepare (g);
      if (translate_one (g))
        {
          run = NULL;
          g->translator->count.native += !g->sharing;
        }
      else
        {
          if (run != NULL)
            run->unit_run++;
          else
            {
              run = insn;
              run->unit_run = 1;
              gen_flags_clobber (g);
              emit_run (g, run);
            }
          g->sse = 0;
          memset (g->held, 0, sizeof g->held);
          g->flags = FLAGS_RAX;
          g->recipe.kind = RECIPE_NONE;
          g->translator->count.runs += !g->sharing;
          g->unit->runs = TRUE;
          /* What ends a block leaves by itself. */
          if (g->n + 1 == n && insn[1].handler == soft_goto)
            g->ended = TRUE;
        }
      for (unsigned i = g->first_cold; i < g->n_cold; i++)
        {
          g->cold[i].next = g->e.at;
          g->cold[i].next_flags = g->flags;
        }
      gen_predict (g);
    }
  if (!g->ended)
    gen_exit (g, g->unit->rip + g->block->bytes);
}

static void
setup (Gen *g, SoftCpu *cpu, SoftUnit *unit, SoftBlock *block)
{
  g->cpu = cpu;
  g->translator = cpu->translator;
  g->unit = unit;
  g->block = block;
  g->mode64 = (unit->key & SOFT_KEY_SIZE) == SOFT_KEY_64;
  g->flat = (unit->key & SOFT_KEY_FLAT) != 0;
  g->stack = g->mode64 ? 8 : (unit->key & SOFT_KEY_STACK32) != 0 ? 4 : 2;
  g->branch_mask = cpu->branch_mask;
  g->mmu = unit->key >> SOFT_UNIT_KEY_MMU_SHIFT & 3;
  g->e.start = g->translator->write;
  g->e.at = g->translator->used;
  g->e.size = SOFT_UNIT_BUFFER_SIZE;
  g->flags = g->start_flags = 0;
  g->ended = g->polled = g->sharing = FALSE;
  g->sse = 0;
  memset (g->held, 0, sizeof g->held);
  g->recipe.kind = RECIPE_NONE;
  g->n_exits = g->n_cold = 0;
}

SoftUnit *
soft_unit_make (SoftCpu *cpu, const uint8_t *host, Region *region)
{
  SoftTranslator *translator = cpu->translator;
  Gen *g = translator->generator;
  SoftDecode decodes[SOFT_UNIT_MAX_INSNS];
  uint8_t bytes[4096];
  unsigned in_page = 4096 - (unsigned)((uintptr_t)host & 0xfff), available, n;
  const uint64_t rip = cpu->reg[SOFT_REG_RIP], linear = (cpu->check[CPU_CS].base + rip) & cpu->linear_mask;
  Region *region2 = NULL;
  SoftBlock *block;
  SoftUnit *unit;
  gboolean count = (cpu->unit_key & SOFT_UNIT_KEY_COUNT) != 0;
  uint32_t place, over = 0;
  Guards guards;

  block = soft_code_reserve (cpu, 2 * SOFT_UNIT_MAX_INSNS + 2);
  /* It made room by a flush, and units have no jump cache until the next step. */
  if (cpu->unit_class < 0)
    return NULL;
  if (soft_pages_claim (cpu, host - (4096 - in_page), region) == NULL)
    return NULL;
  available = MIN (in_page, SOFT_UNIT_MAX_INSNS * 15);
  if (!soft_in_64 (cpu))
    {
      /* All of it is in the segment, and so is what comes behind. */
      const uint64_t end = MIN ((uint64_t)cpu->segment[CPU_CS].limit, cpu->branch_mask);

      if (rip + MAX_INSN_BYTES > end)
        return NULL;
      available = (unsigned)MIN ((uint64_t)available, end - rip);
    }
  soft_code_copy (bytes, host, available);
  block->host = host;
  block->key = cpu->key;
  n = decode_unit (cpu, block, bytes, available, SOFT_UNIT_MAX_INSNS, decodes);
  if (n == 0)
    {
      /* An instruction that goes on in the next page. */
      uint64_t next = (linear + in_page) & cpu->linear_mask, physical;
      const uint8_t *host2;

      if (in_page >= 15)
        return NULL;
      host2 = soft_translate_exec (cpu, next, &physical, &region2);
      if (host2 == NULL || soft_pages_claim (cpu, host2, region2) == NULL)
        return NULL;
      soft_code_copy (bytes + in_page, host2, 15);
      n = decode_unit (cpu, block, bytes, in_page + 15, 1, decodes);
      if (n == 0 || block->bytes <= in_page)
        return NULL;
      block->host2 = host2;
    }
  block->n_insns = (uint16_t)(2 * n);
  block->cost = n;
  memset (&block->insns[2 * n], 0, sizeof block->insns[0]);

  unit = soft_translator_alloc (translator, sizeof *unit);
  unit->block = block;
  unit->host = host;
  unit->rip = rip;
  unit->key = cpu->unit_key;
  unit->cs_base = soft_unit_cs_base (cpu);
  unit->cs_limit = soft_unit_cs_limit (cpu);
  unit->jump_class = (unsigned)cpu->unit_class;
  unit->n_pages = block->host2 != NULL ? 2 : 1;
  unit->page_id[0] = soft_translator_page_id (translator, linear, host);
  if (block->host2 != NULL)
    unit->page_id[1] = soft_translator_page_id (translator, (linear + 4096) & cpu->linear_mask, block->host2);
  block->unit = unit;

  setup (g, cpu, unit, block);
  unit->start = unit->guard = g->e.at;
  emit_guards (g, &guards);
  place = g->e.at;
  g->e.at += 5;
  if (count)
    {
      gen_flags_clobber (g);
      emit_alu_imm (&g->e, 8, 5, gen_frame (FRAME_BUDGET), (int32_t)n);
      over = emit_jcc (&g->e, CC_S);
    }
  else if (unit->n_pages > 1)
    gen_flags_clobber (g);
  if (cpu->load_windows[SOFT_WINDOW_CODE].room == 0 && cpu->cpl != 3)
    soft_make_window (cpu, linear);
  g->window = cpu->cpl != 3 && soft_in_window (&cpu->load_windows[SOFT_WINDOW_CODE], linear);
  gen_plan_effects (g, decodes);
  g->sharing = gen_plan_sharing (g, decodes) || (g->window && gen_any_window (g, decodes));
  if (g->sharing)
    {
      uint8_t flags = g->flags, start_flags;

      generate_body (g, decodes);
      start_flags = g->start_flags;
      g->flags = flags;
      g->recipe.kind = RECIPE_NONE;
      g->sharing = g->ended = g->polled = FALSE;
      g->sse = 0;
      generate_body (g, decodes);
      g_assert (g->start_flags == start_flags);
    }
  else
    generate_body (g, decodes);
  emit_cold (g);
  if (count)
    {
      emit_patch_here (&g->e, over);
      give_back (g, 0);
      emit_leave (g, new_exit (g, unit->rip));
    }
  emit_entries (g, place, &guards);
  unit->end = g->e.at;
  g_assert (unit->end - unit->start <= SOFT_UNIT_MAX_CODE);
  translator->used = (g->e.at + 15) & ~15u;
  translator->changed = TRUE;
  translator->count.units++;
  translator->count.insns += n;
  if (!soft_code_commit (cpu, block, 2 * n + 1, bytes))
    return NULL;
  soft_translator_add (translator, unit);
  return unit;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Into translated code and out of it: finding units, linking them, what they ask C for.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/translate/layout.h"
#include "cpu/soft/translate/translate.h"
#include "cpu/soft/world.h"

#define HOT 32 /* runs by the interpreter before a block is translated */

G_STATIC_ASSERT (offsetof (SoftCpu, reg) == 0);
G_STATIC_ASSERT (offsetof (SoftCpu, af) == FRAME_AF);
G_STATIC_ASSERT (offsetof (SoftCpu, budget) == FRAME_BUDGET);
G_STATIC_ASSERT (offsetof (SoftCpu, host_sp) == FRAME_HOST_SP);
G_STATIC_ASSERT (offsetof (SoftCpu, unit_entry) == FRAME_ENTRY);
G_STATIC_ASSERT (offsetof (SoftCpu, unit_exit) == FRAME_EXIT);
G_STATIC_ASSERT (offsetof (SoftCpu, poll) == FRAME_POLL);
G_STATIC_ASSERT (offsetof (SoftCpu, thunk_run) == FRAME_RUN);
G_STATIC_ASSERT (offsetof (SoftCpu, thunk_cold) == FRAME_COLD);
G_STATIC_ASSERT (offsetof (SoftCpu, thunk_leave) == FRAME_LEAVE);
G_STATIC_ASSERT (offsetof (SoftCpu, unit_temp) == FRAME_TEMP);
G_STATIC_ASSERT (offsetof (SoftCpu, bounce) == FRAME_BOUNCE);
G_STATIC_ASSERT (offsetof (SoftCpu, thunk_sse) == FRAME_SSE);
G_STATIC_ASSERT (offsetof (SoftCpu, sse_live) == FRAME_LIVE);
G_STATIC_ASSERT (offsetof (SoftCpu, mxcsr) == FRAME_MXCSR);
G_STATIC_ASSERT (offsetof (SoftCpu, xmm) == FRAME_XMM);
G_STATIC_ASSERT (offsetof (SoftCpu, ymm_high) == FRAME_YMM);
G_STATIC_ASSERT (offsetof (SoftCpu, thunk_high) == FRAME_HIGH);
G_STATIC_ASSERT (offsetof (SoftCpu, gap) == FRAME_GAP);
G_STATIC_ASSERT (SOFT_N_GAPS - 1 == GAP_MASK && sizeof (SoftGap) == 1 << GAP_SHIFT);
G_STATIC_ASSERT (offsetof (SoftGap, low) == 0 && offsetof (SoftGap, room) == GAP_ROOM
                 && offsetof (SoftGap, host) == GAP_HOST);
G_STATIC_ASSERT (GAP_STORE == SOFT_ACCESS_WRITE << SOFT_REF_BITS
                 && GAP_ACCESS == (SOFT_ACCESS_WRITE | SOFT_ACCESS_ALIGNED) << SOFT_REF_BITS);

void
soft_unit_setup (SoftCpu *cpu)
{
  SoftTranslator *translator = cpu->translator;

  cpu->poll = translator->poll_page;
  cpu->thunk_run = soft_unit_thunk_run;
  cpu->thunk_cold = soft_unit_thunk_cold;
  cpu->thunk_leave = soft_unit_thunk_leave;
  cpu->thunk_sse = soft_unit_thunk_sse;
  cpu->thunk_high = soft_unit_thunk_high;
  soft_unit_forget (cpu);
}

void
soft_unit_forget (SoftCpu *cpu)
{
  memset (cpu->exec_id, 0, sizeof cpu->exec_id);
  cpu->unit_class = -1;
  cpu->unit_link = NULL;
}

/* The jump cache of the processor's mode. */
static void
find_class (SoftCpu *cpu)
{
  SoftTranslator *translator = cpu->translator;
  unsigned k;

  for (k = 0; k < translator->n_classes; k++)
    if (translator->classes[k] == cpu->unit_key)
      break;
  if (k == SOFT_N_UNIT_CLASSES)
    {
      soft_code_flush (cpu);
      k = 0;
    }
  if (k == translator->n_classes)
    {
      translator->classes[translator->n_classes++] = cpu->unit_key;
      for (unsigned i = 0; i < SOFT_UNIT_JUMPS; i++)
        cpu->unit_jumps[k][i].rip = soft_unit_jump_none (i);
    }
  cpu->unit_class = (int)k;
}

/* Host address of code at `linear`; NULL if it isn't in RAM.  Raises #PF. */
static const uint8_t *
fetch (SoftCpu *cpu, uint64_t linear)
{
  const uint8_t *host = soft_fetched (cpu, linear);
  uint64_t physical;
  Region *region;

  return host != NULL ? host : soft_translate_exec (cpu, linear, &physical, &region);
}

/* Page `i` of the unit is where it was made for. */
static void
set_id (SoftCpu *cpu, const SoftUnit *unit, unsigned i)
{
  unsigned exec = cpu->cpl == 3 ? SOFT_EXEC_USER : SOFT_EXEC_SUPERVISOR;
  unsigned slot = soft_unit_slot (unit, i);

  cpu->exec_id[exec][slot] = unit->page_id[i];
  cpu->exec_keep[exec][slot] = cpu->exec_global[exec][slot] ? ~(uint32_t)0 : 0;
}

static inline uint64_t
linear_rip (const SoftCpu *cpu)
{
  return (cpu->check[CPU_CS].base + cpu->reg[SOFT_REG_RIP]) & cpu->linear_mask;
}

static inline SoftUnitJump *
jump_of (SoftCpu *cpu)
{
  return &cpu->unit_jumps[cpu->unit_class]
                         [soft_unit_jump_slot (cpu->reg[SOFT_REG_RIP], soft_unit_cs_base (cpu))];
}

/* The unit at CS:RIP, or NULL. */
static SoftUnit *
find_unit (SoftCpu *cpu)
{
  uint64_t rip = cpu->reg[SOFT_REG_RIP], linear = linear_rip (cpu);
  const uint8_t *host;
  SoftUnit *unit;

  if ((cpu->key & SOFT_KEY_SIZE) == SOFT_KEY_64 && !soft_is_canonical (rip))
    return NULL;
  host = fetch (cpu, linear);
  if (host == NULL)
    return NULL;
  unit = soft_translator_find (cpu->translator, host, rip);
  if (unit == NULL)
    return NULL;
  if (unit->n_pages > 1
      && fetch (cpu, ((linear + 4096) & SOFT_PAGE_MASK) & cpu->linear_mask) != unit->block->host2)
    return NULL;
  return unit;
}

static SoftUnit *
make_unit (SoftCpu *cpu)
{
  SoftTranslator *translator = cpu->translator;
  const uint8_t *host;
  uint64_t physical;
  Region *region = NULL;

  if (soft_translator_full (translator))
    {
      soft_code_flush (cpu);
      return NULL;
    }
  host = soft_translate_exec (cpu, linear_rip (cpu), &physical, &region);
  if (host == NULL)
    return NULL;
  return soft_unit_make (cpu, host, region);
}

static void
link_exit (SoftTranslator *translator, const SoftExit *exit, const SoftUnit *unit)
{
  Emit e = { .start = translator->write };

  if (exit->rip != unit->rip || exit->unit->dead || exit->unit->key != unit->key
      || exit->unit->cs_base != unit->cs_base || exit->unit->cs_limit != unit->cs_limit)
    return;
  if (exit->cross)
    emit_patch (&e, exit->site, unit->guard);
  else if (exit->unit->page_id[0] == unit->page_id[0])
    emit_patch (&e, exit->site, soft_unit_entry (unit, exit->eflags));
  else
    return;
  translator->changed = TRUE;
  translator->count.linked++;
}

static void
enter (SoftCpu *cpu, uint32_t entry)
{
  SoftTranslator *translator = cpu->translator;

  if (translator->changed)
    {
      soft_unit_serialize ();
      translator->changed = FALSE;
    }
  translator->count.entered++;
  cpu->unit_link = NULL;
  soft_unit_enter (cpu, translator->execute + entry);
  if (cpu->unit_exit != 0)
    {
      SoftExit *exit = (SoftExit *)(translator->arena + (size_t)cpu->unit_exit * 8);

      cpu->reg[SOFT_REG_RIP] = exit->rip;
      if (exit->site == 0)
        translator->count.misses++;
      else
        {
          cpu->unit_link = exit;
          translator->count.unlinked++;
        }
    }
  cpu->block = NULL;
}

/* Units that are still to be compared come back here from every way out: nothing is in the jump cache, and only others are linked. */
static void
run_checked (SoftCpu *cpu, SoftUnit *unit, SoftExit *link)
{
  SoftTranslator *translator = cpu->translator;
  uint64_t flushes = translator->count.flushes;
  const gboolean alone = cpu->beside && !soft_check_done (unit);
  gboolean compare;

  /* The first of the two runs is taken back, which nobody else may see. */
  if (alone)
    soft_world_stop (cpu);
  compare = soft_check_before (cpu, unit);
  if (alone && !compare)
    soft_world_go (cpu);
  if (translator->count.flushes != flushes)
    {
      if (alone && compare)
        soft_world_go (cpu);
      return;
    }
  if (!compare && link != NULL && soft_check_done (unit) && soft_check_done (link->unit))
    link_exit (translator, link, unit);
  enter (cpu, soft_unit_entry (unit, FALSE));
  if (!compare)
    return;
  soft_check_after (cpu);
  if (alone)
    soft_world_go (cpu);
}

SoftBlock *
soft_unit_step (SoftCpu *cpu)
{
  SoftTranslator *translator = cpu->translator;
  uint64_t rip = cpu->reg[SOFT_REG_RIP];
  SoftExit *link = cpu->unit_link;
  uint64_t flushes = translator->count.flushes;
  SoftUnitJump *jump;
  SoftUnit *unit;
  SoftBlock *block;

  cpu->unit_link = NULL;
  if (cpu->unit_class < 0)
    find_class (cpu);
  jump = jump_of (cpu);
  if (jump->rip == rip && link == NULL && !cpu->counting && translator->check == NULL)
    {
      /* Its guard tells whether it is mapped as it was. */
      enter (cpu, (uint32_t)(jump->guard - (uintptr_t)translator->execute));
      if (cpu->unit_exit == 0 || cpu->reg[SOFT_REG_RIP] != rip)
        return NULL;
      link = cpu->unit_link;
    }
  block = soft_known_block (cpu);
  if (block == NULL)
    block = soft_find_block (cpu);
  if (translator->count.flushes != flushes)
    {
      link = NULL;
      find_class (cpu); /* there are none now, so there is room */
    }
  if (block->heat < HOT && !translator->always)
    {
      block->heat++;
      return block;
    }
  /* What begins near a segment's end may come beyond it. */
  if (rip > cpu->jump_limit)
    return block;
  unit = block->translated;
  if (unit == NULL || unit->dead || !soft_unit_fits (cpu, unit, rip) || unit->n_pages > 1)
    {
      unit = find_unit (cpu);
      if (unit == NULL)
        {
          flushes = translator->count.flushes;
          unit = make_unit (cpu);
          if (translator->count.flushes != flushes)
            return soft_find_block (cpu);
          if (unit == NULL)
            return block;
        }
      block->translated = unit;
    }
  if ((unit->key & SOFT_UNIT_KEY_COUNT) != 0 && unit->block->cost > cpu->budget)
    return soft_find_block (cpu);
  for (unsigned i = 0; i < unit->n_pages; i++)
    set_id (cpu, unit, i);
  if (cpu->unit_class < 0)
    find_class (cpu);
  if (translator->check != NULL)
    {
      run_checked (cpu, unit, link);
      return NULL;
    }
  jump = jump_of (cpu);
  jump->rip = rip;
  jump->guard = (uintptr_t)translator->execute + unit->guard;
  if (link != NULL)
    link_exit (translator, link, unit);
  enter (cpu, soft_unit_entry (unit, FALSE));
  return NULL;
}

/* -- What translated code calls ------------------------------------------------------------------------------------ */

void
soft_unit_stop (SoftCpu *cpu, const SoftInsn *insn)
{
  cpu->run_stopped = TRUE;
}

static inline const SoftInsn *
begin (SoftCpu *cpu, uint32_t ref)
{
  const SoftInsn *insn = soft_code_deref (cpu->code, ref & ((1u << SOFT_REF_BITS) - 1));
  SoftBlock *block = (SoftBlock *)((uint8_t *)(insn - 2 * insn->unit_place) - offsetof (SoftBlock, insns));

  cpu->block = block;
  cpu->reg[SOFT_REG_RIP] = block->unit->rip;
  return insn;
}

gboolean
soft_unit_interpret (SoftCpu *cpu, const SoftInsn *insn, unsigned n)
{
  const SoftBlock *block = cpu->block;
  gboolean go_on = TRUE;

  soft_hold (cpu);
  for (; n > 0 && go_on; n--, insn += 2)
    {
      if (insn->handler == soft_op_call)
        {
          cpu->insn = insn;
          insn->call (cpu, insn);
          if (G_LIKELY (block->cost != SOFT_STALE && cpu->unit_class >= 0))
            continue;
          /* It overwrote the unit, or changed what the unit was made for. */
          soft_stale (cpu, insn + 1);
          go_on = FALSE;
          break;
        }
      cpu->run_stopped = FALSE;
      insn->handler (cpu, insn);
      go_on = cpu->run_stopped;
    }
  /* What a device has raised there is taken here: the next poll would have to fault for it, which is dear. */
  if (go_on && cpu->translator->check == NULL
      && G_UNLIKELY (__atomic_load_n (&cpu->poll, __ATOMIC_RELAXED) != cpu->translator->poll_page))
    {
      soft_stale (cpu, insn - 1);
      go_on = FALSE;
    }
  soft_release (cpu);
  return go_on;
}

uint32_t
soft_unit_run (SoftCpu *cpu, uint32_t ref)
{
  const SoftInsn *insn = begin (cpu, ref);

  cpu->translator->count.interpreted += MAX (1, insn->unit_run);
  return !soft_unit_interpret (cpu, insn, MAX (1, insn->unit_run));
}

uintptr_t
soft_unit_cold (SoftCpu *cpu, uint32_t ref, uint64_t linear)
{
  const SoftInsn *insn = begin (cpu, ref);
  SoftTranslator *translator = cpu->translator;
  unsigned access = ref >> SOFT_REF_BITS, size = 1u << (access & SOFT_ACCESS_SIZE);

  translator->count.cold++;
  if ((access & SOFT_ACCESS_WINDOW) != 0 && cpu->load_windows[SOFT_WINDOW_CODE].room == 0)
    soft_make_window (cpu, linear_rip (cpu));
  if ((access & SOFT_ACCESS_ALIGNED) != 0 && (linear & (size - 1)) != 0)
    return soft_unit_interpret (cpu, insn, 1) ? 0 : 1;
  if ((linear & 0xfff) + size <= 4096)
    {
      gboolean write = (access & SOFT_ACCESS_WRITE) != 0;
      uint8_t *host = write ? soft_guarded_store (cpu, linear, size) : NULL;

      if (host == NULL)
        host = soft_host_range (cpu, insn, linear, write);
      /* What the processor set in page tables was this code. */
      if (cpu->block->cost == SOFT_STALE)
        return soft_unit_interpret (cpu, insn, 1) ? 0 : 1;
      if (host != NULL)
        {
          uint64_t generation = cpu->memory_generation;

          if (cpu->cpl != 3)
            soft_reach_window (cpu, linear);
          /* Who looked saw another map than `host` is of. */
          if (cpu->memory_generation != generation)
            return soft_unit_interpret (cpu, insn, 1) ? 0 : 1;
          return (uintptr_t)host;
        }
    }
  if ((access & (SOFT_ACCESS_WRITE | SOFT_ACCESS_WHOLE)) == 0)
    {
      uint64_t value;

      translator->count.cold_bounce++;
      if (size == 16)
        soft_read_bytes (cpu, insn, linear, cpu->bounce, 16);
      else
        {
          value = soft_read_slow (cpu, insn, linear, size);
          memcpy (cpu->bounce, &value, 8);
        }
      return (uintptr_t)cpu->bounce;
    }
  translator->count.cold_runs++;
  return soft_unit_interpret (cpu, insn, 1) ? 0 : 1;
}

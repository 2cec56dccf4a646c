/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * VIVARIUM_SOFT=check: the first runs of each unit are done twice, by the interpreter and then by translated code, and compared.
 *
 * The interpreter's run finds an empty translation buffer, so that each of its stores takes the slow way and is noted with what was there before; then
 * memory and registers are put back.  It keeps the state before each instruction, as translated code may leave in the middle where somebody wants
 * attention.  What must not be done twice gives the comparison up: registers of devices, code that is overwritten, faults; units with instructions that
 * the interpreter does anyway aren't compared.  Another processor or a device may have changed memory in between: a difference is one if the
 * interpreter still comes to another end when it is asked again.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/ops.h"
#include "cpu/soft/sse.h"
#include "cpu/soft/translate/translate.h"

enum
{
  CHECKS = 16, /* runs of a unit */
  MAX_STORES = 1024,
};

/* What a unit that is compared can change, but for memory. */
typedef struct
{
  uint64_t reg[CPU_N_GPRS], rip;
  uint32_t af, eflags, mxcsr, shadow;
  CpuSegment segment[6];
  SoftXmm xmm[16], ymm_high[16];
} State;

typedef struct
{
  uint8_t *host;
  uint8_t size;
  uint8_t step; /* number of the instruction */
  uint8_t before[8], after[8];
} Store;

struct SoftCheck
{
  SoftTlbEntry tlb[SOFT_TLB_SIZE]; /* all empty */
  SoftJumpBuffer recover;
  State start, steps[SOFT_UNIT_MAX_INSNS + 1], end, translated;
  unsigned step, n_stores;
  Store stores[MAX_STORES];
  const SoftUnit *unit; /* whose translated code runs, and is to be compared */
  uint64_t compared, given_up;
};

/* Undefined bits of SoftCpu.af are whatever came along. */
#define AF_BITS 0xd501u

static void
keep (const SoftCpu *cpu, uint64_t rip, State *state)
{
  memcpy (state->reg, cpu->reg, sizeof state->reg);
  state->rip = rip & cpu->rip_mask;
  state->af = cpu->af & AF_BITS;
  state->eflags = cpu->eflags;
  state->mxcsr = cpu->mxcsr;
  state->shadow = cpu->shadow;
  memcpy (state->segment, cpu->segment, sizeof state->segment);
  memcpy (state->xmm, cpu->xmm, sizeof state->xmm);
  memcpy (state->ymm_high, cpu->ymm_high, sizeof state->ymm_high);
}

static void
put_back (SoftCpu *cpu, const State *state)
{
  memcpy (cpu->reg, state->reg, sizeof state->reg);
  cpu->reg[SOFT_REG_RIP] = state->rip;
  cpu->af = (uint16_t)(state->af | 0x200);
  cpu->eflags = state->eflags;
  cpu->mxcsr = state->mxcsr;
  cpu->shadow = state->shadow;
  if (memcmp (cpu->segment, state->segment, sizeof state->segment) != 0)
    {
      memcpy (cpu->segment, state->segment, sizeof state->segment);
      soft_update_mode (cpu);
    }
  memcpy (cpu->xmm, state->xmm, sizeof state->xmm);
  memcpy (cpu->ymm_high, state->ymm_high, sizeof state->ymm_high);
}

static gboolean
same_state (const State *a, const State *b)
{
  return memcmp (a->reg, b->reg, sizeof a->reg) == 0 && a->rip == b->rip && a->af == b->af
         && a->eflags == b->eflags && a->mxcsr == b->mxcsr && a->shadow == b->shadow
         && memcmp (a->segment, b->segment, sizeof a->segment) == 0
         && memcmp (a->xmm, b->xmm, sizeof a->xmm) == 0
         && memcmp (a->ymm_high, b->ymm_high, sizeof a->ymm_high) == 0;
}

/* -- The interpreter's run --------------------------------------------------------------------------------------- */

void
soft_check_store (SoftCpu *cpu, uint8_t *host, unsigned size)
{
  SoftCheck *check = cpu->translator->check;
  Store *store = &check->stores[check->n_stores];

  if (host == NULL || check->n_stores == MAX_STORES)
    {
      soft_longjmp (&cpu->recover);
      return;
    }
  store->host = host;
  store->size = (uint8_t)size;
  store->step = (uint8_t)check->step;
  memcpy (store->before, host, size);
  check->n_stores++;
}

/* The unit's instructions one by one, as far as they follow each other. */
static void
interpret_unit (SoftCpu *cpu, SoftCheck *check, const SoftUnit *unit)
{
  const SoftBlock *block = unit->block;
  unsigned n = (unsigned)block->cost;

  for (check->step = 0; check->step < n; check->step++)
    {
      const SoftInsn *insn = &block->insns[2 * check->step];
      uint64_t next = (unit->rip + insn->offset + insn->length) & cpu->rip_mask;

      keep (cpu, unit->rip + insn->offset, &check->steps[check->step]);
      cpu->block = unit->block;
      cpu->reg[SOFT_REG_RIP] = unit->rip;
      cpu->tlb = check->tlb; /* loads of segment registers choose anew */
      if (soft_unit_interpret (cpu, insn, 1))
        cpu->reg[SOFT_REG_RIP] = next;
      /* Jumps that aren't taken leave, too. */
      else if (cpu->reg[SOFT_REG_RIP] != next)
        {
          check->step++;
          break;
        }
    }
  keep (cpu, cpu->reg[SOFT_REG_RIP], &check->end);
}

/* FALSE: it met what is given up. */
static gboolean
shadow_run (SoftCpu *cpu, SoftCheck *check, const SoftUnit *unit)
{
  int64_t budget = cpu->budget;
  gboolean done = FALSE;

  check->n_stores = 0;
  check->recover = cpu->recover;
  cpu->tlb = check->tlb;
  cpu->checking = TRUE;
  if (soft_setjmp (&cpu->recover) == 0)
    {
      interpret_unit (cpu, check, unit);
      done = TRUE;
    }
  else if (cpu->holding)
    soft_release (cpu);
  cpu->checking = FALSE;
  cpu->tlb = cpu->tlbs[cpu->mmu];
  cpu->recover = check->recover;
  cpu->budget = budget;
  cpu->rip_set = FALSE;
  cpu->block = NULL;
  for (unsigned i = 0; i < check->n_stores; i++)
    memcpy (check->stores[i].after, check->stores[i].host, check->stores[i].size);
  return done;
}

/* Later stores first. */
static void
undo (SoftCpu *cpu, SoftCheck *check)
{
  for (unsigned i = check->n_stores; i > 0; i--)
    memcpy (check->stores[i - 1].host, check->stores[i - 1].before, check->stores[i - 1].size);
  put_back (cpu, &check->start);
}

static gboolean
comparable (const SoftUnit *unit)
{
  if (unit->runs)
    return FALSE;
  for (unsigned i = 0; i < (unsigned)unit->block->cost; i++)
    {
      const SoftInsn *insn = &unit->block->insns[2 * i];

      /* Locked ones find memory by themselves.  LOCK's place is another thing behind VEX. */
      if (insn->handler == soft_op_call_end || (insn->mem && (insn->opcode | 1) == 0x87)
          || (insn->lock != 0 && insn->opcode >> 8 < SOFT_MAP_VEX))
        return FALSE;
    }
  return TRUE;
}

/* -- Comparison -------------------------------------------------------------------------------------------------- */

/* What the interpreter's stores up to instruction `steps` left is there: of each byte the last one. */
static gboolean
same_memory (const SoftCheck *check, unsigned steps, const Store **wrong)
{
  for (unsigned i = 0; i < check->n_stores; i++)
    {
      const Store *store = &check->stores[i];
      const uint8_t *want = store->after;
      gboolean last = store->step < steps;

      /* If it ended sooner, a byte that is stored to later on tells nothing. */
      for (unsigned k = i + 1; k < check->n_stores && last; k++)
        last = check->stores[k].host + check->stores[k].size <= store->host
               || store->host + store->size <= check->stores[k].host;
      if (last && memcmp (want, store->host, store->size) != 0)
        {
          *wrong = store;
          return FALSE;
        }
    }
  return TRUE;
}

/* How many instructions lead to that state; -1: no number of them. */
static int
agrees (const SoftCheck *check, const State *state, const Store **wrong)
{
  *wrong = NULL;
  if (same_state (state, &check->end) && same_memory (check, check->step, wrong))
    return (int)check->step;
  for (unsigned i = 0; i < check->step; i++)
    if (same_state (state, &check->steps[i]) && same_memory (check, i, wrong))
      return (int)i;
  return -1;
}

static void
describe_state (GString *text, const State *want, const State *got)
{
  for (unsigned i = 0; i < CPU_N_GPRS; i++)
    if (want->reg[i] != got->reg[i])
      g_string_append_printf (text, "; register %u %#" G_GINT64_MODIFIER "x, not %#" G_GINT64_MODIFIER "x", i,
                              got->reg[i], want->reg[i]);
  if (want->rip != got->rip)
    g_string_append_printf (text, "; RIP %#" G_GINT64_MODIFIER "x, not %#" G_GINT64_MODIFIER "x", got->rip,
                            want->rip);
  if (want->af != got->af || want->eflags != got->eflags)
    g_string_append_printf (text, "; flags %#x %#x, not %#x %#x", got->af, got->eflags, want->af,
                            want->eflags);
  if (want->mxcsr != got->mxcsr)
    g_string_append_printf (text, "; MXCSR %#x, not %#x", got->mxcsr, want->mxcsr);
  for (unsigned i = 0; i < 6; i++)
    if (memcmp (&want->segment[i], &got->segment[i], sizeof want->segment[i]) != 0)
      g_string_append_printf (text, "; segment %u %#x, not %#x", i, got->segment[i].selector,
                              want->segment[i].selector);
  for (unsigned i = 0; i < 16; i++)
    if (memcmp (&want->xmm[i], &got->xmm[i], 16) != 0
        || memcmp (&want->ymm_high[i], &got->ymm_high[i], 16) != 0)
      g_string_append_printf (text, "; YMM%u", i);
}

static void
differs (SoftCpu *cpu, const SoftUnit *unit, const char *what)
{
  g_autoptr (GString) text = g_string_new ("");

  g_string_append_printf (
      text, "translated code at %#" G_GINT64_MODIFIER "x (key %#x) and the interpreter differ%s; the code is",
      unit->rip, unit->key, what);
  for (unsigned i = 0; i < unit->block->bytes && unit->block->host2 == NULL; i++)
    g_string_append_printf (text, " %02x", unit->host[i]);
  g_critical ("%s", text->str);
  vm_request (cpu->vm, VM_REQUEST_CRASH, text->str);
}

gboolean
soft_check_before (SoftCpu *cpu, SoftUnit *unit)
{
  SoftCheck *check = cpu->translator->check;

  if (check->unit != NULL)
    {
      differs (cpu, check->unit, ": it met a fault that the interpreter did not");
      check->unit = NULL;
    }
  if (unit->checks >= CHECKS)
    return FALSE;
  if (!comparable (unit))
    {
      unit->checks = CHECKS;
      return FALSE;
    }
  unit->checks++;
  keep (cpu, unit->rip, &check->start);
  if (!shadow_run (cpu, check, unit))
    {
      undo (cpu, check);
      check->given_up++;
      return FALSE;
    }
  undo (cpu, check);
  check->unit = unit;
  return TRUE;
}

void
soft_check_after (SoftCpu *cpu)
{
  SoftCheck *check = cpu->translator->check;
  const SoftUnit *unit = check->unit;
  const Store *wrong;

  check->unit = NULL;
  check->compared++;
  keep (cpu, cpu->reg[SOFT_REG_RIP], &check->translated);
  if (agrees (check, &check->translated, &wrong) >= 0)
    return;

  /* Once more, on memory as it is now. */
  State want = check->end;
  g_autoptr (GString) text = g_string_new ("");

  describe_state (text, &want, &check->translated);
  if (wrong != NULL)
    g_string_append_printf (text, "; %u bytes that instruction %u stores", wrong->size, wrong->step);
  undo (cpu, check);
  if (shadow_run (cpu, check, unit))
    {
      int steps = agrees (check, &check->translated, &wrong);

      for (unsigned i = check->n_stores; i > 0 && steps >= 0; i--)
        if (check->stores[i - 1].step >= steps)
          memcpy (check->stores[i - 1].host, check->stores[i - 1].before, check->stores[i - 1].size);
      if (steps >= 0)
        {
          put_back (cpu, &check->translated);
          return;
        }
    }
  differs (cpu, unit, text->str);
}

gboolean
soft_check_done (const SoftUnit *unit)
{
  return unit->checks >= CHECKS;
}

SoftCheck *
soft_check_new (void)
{
  SoftCheck *check = g_new0 (SoftCheck, 1);

  for (unsigned i = 0; i < SOFT_TLB_SIZE; i++)
    check->tlb[i].read = check->tlb[i].write = soft_tlb_empty (i);
  return check;
}

void
soft_check_free (SoftCheck *check)
{
  if (check != NULL)
    g_debug ("runs of translated code compared: %" G_GUINT64_FORMAT ", given up: %" G_GUINT64_FORMAT,
             check->compared, check->given_up);
  g_free (check);
}

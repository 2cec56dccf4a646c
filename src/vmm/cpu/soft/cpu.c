/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One processor: reset, its loop, delivery of faults and interrupts, saved state.
 */
#define G_LOG_DOMAIN "cpu-soft"

#include "cpu/soft/engine-soft.h"
#include "cpu/soft/world.h"
#include "cpu/soft/ops.h"
#ifdef SOFT_TRANSLATOR
#include "cpu/soft/translate/translate.h"
#endif

#include <sys/mman.h>

/* Below the processor lies the stack of what translated code calls: its stack pointer is the processor. */
#define ARENA_SIZE  (192u << 20)
#define STACK_GUARD (16u << 10)
#define STACK       (256u << 10)
#define MEMORY      (STACK_GUARD + STACK + sizeof (SoftCpu))

SoftCpu *
soft_cpu_new (SoftEngine *engine, unsigned n)
{
  SoftCpu *cpu;
#ifdef SOFT_TRANSLATOR
  g_autoptr (GError) error = NULL;
#endif
  uint8_t *memory
      = mmap (NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (memory == MAP_FAILED || mprotect (memory, STACK_GUARD, PROT_NONE) != 0)
    g_error ("no memory for a processor");
  cpu = (SoftCpu *)(memory + STACK_GUARD + STACK);
  cpu->engine = engine;
  cpu->vm = engine->parent.vm;
  cpu->n = n;
  cpu->beside = engine->side_by_side;
  cpu->delivering = -1;
  cpu->memory_generation = ~(uint64_t)0;
  /* All entries count as filled: the reset empties them. */
  cpu->n_filled[SOFT_FILLED_LOCAL] = SOFT_N_FILLED + 1;
  memset (cpu->jumps, 0xff, sizeof cpu->jumps);
  for (unsigned i = 0; i < SOFT_N_TABLES; i++)
    cpu->table_cache[i].page = SOFT_TLB_EMPTY;
  cpu->apic = soft_apic_new (cpu);
  cpu->counting = TRUE;
  cpu->unit_key = ~(uint32_t)0;
  cpu->written = soft_code_written_new ();
  cpu->code = soft_code_new (cpu, ARENA_SIZE);
#ifdef SOFT_TRANSLATOR
  if (engine->translate)
    cpu->translator = soft_translator_new (cpu, &error);
  if (error != NULL && n == 0)
    g_message ("instructions are interpreted, which is slower: %s", error->message);
  if (cpu->translator != NULL)
    soft_unit_setup (cpu);
#endif
  soft_cpu_reset (cpu, FALSE);
  return cpu;
}

void
soft_cpu_free (SoftCpu *cpu)
{
#ifdef SOFT_TRANSLATOR
  if (cpu->translator != NULL)
    soft_translator_free (cpu->translator);
#endif
  soft_code_free (cpu->code);
  g_array_unref (cpu->written);
  soft_apic_free (cpu->apic);
  soft_drop_logged (cpu);
  access_cache_clear (&cpu->memory_cache);
  access_cache_clear (&cpu->port_cache);
  munmap ((uint8_t *)cpu - STACK - STACK_GUARD, MEMORY);
}

/* SDM volume 3, table 9-1. */
void
soft_cpu_reset (SoftCpu *cpu, gboolean init)
{
  uint64_t cd_nw = init ? cpu->cr0 & (CR0_CD | CR0_NW) : CR0_CD | CR0_NW;

  memset (cpu->reg, 0, sizeof cpu->reg);
  cpu->reg[CPU_RDX] = 0x00060fb1;
  cpu->af = soft_eflags_to_af (0);
  cpu->eflags = 0;
  cpu->cpl = 0;
  for (unsigned i = 0; i < 6; i++)
    cpu->segment[i] = (CpuSegment){ .limit = 0xffff, .attributes = 0x93 };
  cpu->segment[CPU_CS].selector = 0xf000;
  cpu->segment[CPU_CS].base = 0xffff0000;
  cpu->segment[CPU_CS].attributes = 0x9b;
  cpu->segment[CPU_LDTR] = (CpuSegment){ .limit = 0xffff, .attributes = 0x82 };
  cpu->segment[CPU_TR] = (CpuSegment){ .limit = 0xffff, .attributes = 0x8b };
  cpu->reg[SOFT_REG_RIP] = 0xfff0;
  cpu->gdt_base = cpu->idt_base = 0;
  cpu->gdt_limit = cpu->idt_limit = 0xffff;
  cpu->cr0 = CR0_ET | cd_nw;
  cpu->cr2 = cpu->cr3 = cpu->cr4 = 0;
  cpu->efer = 0;
  memset (cpu->dr, 0, sizeof cpu->dr);
  cpu->dr[6] = 0xffff0ff0;
  cpu->dr[7] = 0x400;
  cpu->shadow = 0;
  cpu->nmi_masked = FALSE;
  cpu->pending_db = 0;
  cpu->delivering = -1;
  if (!init)
    {
      cpu->in_smm = cpu->smm_nmi_masked = FALSE;
      cpu->smbase = SOFT_SMBASE;
      soft_choose_memory (cpu, cpu->vm->memory);
      cpu->xcr0 = 1;
      soft_fpu_reset (cpu);
      soft_msr_reset (cpu);
      soft_apic_reset (cpu->apic, FALSE);
      g_atomic_int_set (&cpu->apic->init, 0);
      g_atomic_int_set (&cpu->apic->sipi, 0);
      g_atomic_int_set (&cpu->apic->nmi, 0);
      g_atomic_int_set (&cpu->apic->smi, 0);
      cpu->run_state = cpu->n == 0 ? CPU_RUN_RUNNING : CPU_RUN_WAIT_SIPI;
    }
  else
    {
      soft_apic_reset (cpu->apic, TRUE);
      cpu->run_state = cpu->n == 0 ? CPU_RUN_RUNNING : CPU_RUN_WAIT_SIPI;
    }
  cpu->irq_check = TRUE;
  soft_tlb_flush (cpu);
  soft_update_mode (cpu);
}

/* -- Faults ------------------------------------------------------------------------------------------------------ */

void
soft_triple_fault (SoftCpu *cpu)
{
  const EngineStop stop = { .kind = ENGINE_STOP_TRIPLE_FAULT, .cpu = cpu->n };

  /* Shut down until the reset comes. */
  cpu->run_state = CPU_RUN_WAIT_INIT;
  cpu->delivering = -1;
  if (!engine_debug_stop (&cpu->engine->parent, &stop))
    vm_request (cpu->vm, VM_REQUEST_INIT, "a processor met a triple fault");
}

static gboolean
contributory (int vector)
{
  return vector == EXC_DE || (vector >= EXC_TS && vector <= EXC_GP);
}

/* SDM volume 3, table 6-5. */
static gboolean
makes_double_fault (int first, int second)
{
  if (contributory (first))
    return contributory (second);
  if (first == EXC_PF)
    return contributory (second) || second == EXC_PF;
  return FALSE;
}

static void
deliver_fault (SoftCpu *cpu)
{
  int vector = cpu->fault_vector;
  uint32_t error = cpu->fault_error;
  gboolean has_error = cpu->fault_has_error;

  cpu->rip_set = FALSE;
  cpu->stops_within = 0;
  if (cpu->exclusive)
    soft_world_go (cpu);
  cpu->debug.hit = FALSE;
  if (cpu->holding)
    soft_release (cpu);
  if (cpu->stepping)
    {
      cpu->stepping = FALSE;
      cpu->budget = cpu->step_budget - 1;
      /* The instruction did not complete: what its accesses met is met again. */
      cpu->pending_db = 0;
      soft_update_mode (cpu);
    }
  if (vector == EXC_PF)
    cpu->cr2 = cpu->fault_cr2;
  if (cpu->delivering >= 0)
    {
      if (cpu->delivering == EXC_DF)
        {
          soft_triple_fault (cpu);
          return;
        }
      if (makes_double_fault (cpu->delivering, vector))
        {
          vector = EXC_DF;
          error = 0;
          has_error = TRUE;
        }
    }
  cpu->delivering = vector;
  cpu->shadow = 0;
  soft_interrupt (cpu, (unsigned)vector, SOFT_EVENT_EXCEPTION, has_error, error, cpu->reg[SOFT_REG_RIP]);
  cpu->delivering = -1;
}

static void
deliver_event (SoftCpu *cpu, unsigned vector, SoftEvent event)
{
  /* Not an exception: a fault on the way is delivered by itself. */
  cpu->delivering = (int)(0x100 | vector);
  soft_interrupt (cpu, vector, event, FALSE, 0, cpu->reg[SOFT_REG_RIP]);
  cpu->delivering = -1;
}

static void
debug_trap (SoftCpu *cpu, uint32_t bits)
{
  cpu->dr[6] |= bits;
  cpu->dr[7] &= ~(uint64_t)(1u << 13); /* the handler may touch the debug registers (GD) */
  /* Behind a HLT: the trap ends it as any event does. */
  if (cpu->run_state == CPU_RUN_HALTED)
    cpu->run_state = CPU_RUN_RUNNING;
  cpu->delivering = EXC_DB;
  soft_interrupt (cpu, EXC_DB, SOFT_EVENT_EXCEPTION, FALSE, 0, cpu->reg[SOFT_REG_RIP]);
  cpu->delivering = -1;
}

/* -- Events -------------------------------------------------------------------------------------------------------- */

/* TRUE: the turn is over. */
static gboolean
take_attention (SoftCpu *cpu)
{
  gint what;

  __atomic_store_n (&cpu->threshold, 0, __ATOMIC_SEQ_CST);
#ifdef SOFT_TRANSLATOR
  if (cpu->translator != NULL)
    __atomic_store_n (&cpu->poll, cpu->translator->poll_page, __ATOMIC_SEQ_CST);
#endif
  what = (gint)g_atomic_int_and ((guint *)&cpu->attention, SOFT_ATTENTION_STOP);
  if (what & SOFT_ATTENTION_WORLD)
    {
      soft_world_leave (cpu);
      soft_world_enter (cpu);
    }
  if (what & SOFT_ATTENTION_INTERRUPT)
    cpu->irq_check = TRUE;
  if (what & SOFT_ATTENTION_MAP)
    {
      soft_world_settle (cpu);
      soft_physical_map_changed (cpu);
    }
  if (what & SOFT_ATTENTION_DIRTY)
    soft_drop_logged (cpu);
  if (what & SOFT_ATTENTION_CODE)
    soft_code_take_written (cpu);
  return (what & (SOFT_ATTENTION_STOP | SOFT_ATTENTION_YIELD)) != 0;
}

static gboolean
interrupts_on (const SoftCpu *cpu)
{
  return (cpu->eflags & FLAG_IF) != 0;
}

gboolean
soft_cpu_runnable (SoftCpu *cpu)
{
  SoftApic *apic = cpu->apic;

  if (cpu->debug.stopped || cpu->debug.stands)
    return FALSE;
  /* System-management mode keeps INIT waiting. */
  if (g_atomic_int_get (&apic->init) != 0 && !cpu->in_smm)
    return TRUE;
  switch (cpu->run_state)
    {
    case CPU_RUN_RUNNING:
      return TRUE;
    case CPU_RUN_HALTED:
      return (g_atomic_int_get (&apic->nmi) != 0 && !cpu->nmi_masked)
             || (g_atomic_int_get (&apic->smi) != 0 && !cpu->in_smm)
             || (interrupts_on (cpu) && soft_apic_has_interrupt (cpu));
    case CPU_RUN_WAIT_SIPI:
      return g_atomic_int_get (&apic->sipi) != 0;
    default:
      return FALSE;
    }
}

/* INIT, SIPI, SMI, NMI, interrupts.  FALSE: there is nothing to run. */
static gboolean
take_events (SoftCpu *cpu)
{
  SoftApic *apic = cpu->apic;
  int vector;

  if (g_atomic_int_get (&apic->init) != 0 && !cpu->in_smm)
    {
      g_atomic_int_set (&apic->init, 0);
      soft_cpu_reset (cpu, TRUE);
    }
  if (g_atomic_int_get (&apic->sipi) != 0)
    {
      gint sipi = g_atomic_int_get (&apic->sipi);

      g_atomic_int_set (&apic->sipi, 0);
      if (cpu->run_state == CPU_RUN_WAIT_SIPI)
        {
          cpu->segment[CPU_CS].selector = (uint16_t)((sipi & 0xff) << 8);
          cpu->segment[CPU_CS].base = (uint64_t)(sipi & 0xff) << 12;
          cpu->reg[SOFT_REG_RIP] = 0;
          cpu->run_state = CPU_RUN_RUNNING;
          soft_update_mode (cpu);
        }
    }
  if (cpu->run_state == CPU_RUN_WAIT_SIPI || cpu->run_state == CPU_RUN_WAIT_INIT)
    return FALSE;
  if (cpu->shadow != 0)
    return cpu->run_state == CPU_RUN_RUNNING;
  if (g_atomic_int_get (&apic->smi) != 0 && !cpu->in_smm)
    {
      g_atomic_int_set (&apic->smi, 0);
      soft_smm_enter (cpu);
      return TRUE;
    }
  if (g_atomic_int_get (&apic->nmi) != 0 && !cpu->nmi_masked)
    {
      g_atomic_int_add (&apic->nmi, -1);
      cpu->nmi_masked = TRUE;
      cpu->run_state = CPU_RUN_RUNNING;
      deliver_event (cpu, EXC_NMI, SOFT_EVENT_NMI);
      return TRUE;
    }
  if (!soft_apic_has_interrupt (cpu))
    {
      /* Until the local APIC asks for attention again; an NMI that waits asks at IRET, which ends a block, as RSM does. */
      cpu->irq_check = g_atomic_int_get (&apic->nmi) != 0;
      return cpu->run_state == CPU_RUN_RUNNING;
    }
  if (!interrupts_on (cpu))
    return cpu->run_state == CPU_RUN_RUNNING;
  vector = soft_apic_take_interrupt (cpu);
  if (vector >= 0)
    {
      cpu->run_state = CPU_RUN_RUNNING;
      deliver_event (cpu, (unsigned)vector, SOFT_EVENT_EXTERNAL);
    }
  return cpu->run_state == CPU_RUN_RUNNING;
}

/* -- Running ---------------------------------------------------------------------------------------------------------- */

static inline void
run_block (SoftCpu *cpu, SoftBlock *block)
{
  cpu->block = block;
#if SOFT_THREADED
  block->insns[0].handler (cpu, block->insns);
#else
  cpu->next = block->insns;
  while (cpu->next != NULL)
    {
      const SoftInsn *insn = cpu->next;
      insn->handler (cpu, insn);
    }
#endif
}

/* Without going on to others. */
static inline void
run_alone (SoftCpu *cpu, SoftBlock *block)
{
  cpu->rep_stopped = FALSE;
  cpu->budget -= block->cost;
  soft_hold (cpu);
  run_block (cpu, block);
  soft_release (cpu);
}

static gboolean
has_breakpoints (const SoftCpu *cpu)
{
  return (cpu->dr[7] & 0xff) != 0;
}

/* One instruction, with the traps that come after it. */
static void
run_one (SoftCpu *cpu)
{
  gboolean tf = (cpu->eflags & FLAG_TF) != 0, rf = (cpu->eflags & FLAG_RF) != 0;
  uint32_t bits;
  SoftBlock *block;

  cpu->shadow = 0;
  /* Behind MOV SS too: an AMD processor holds back traps there, but not this fault; Intel's hold it back. */
  if (has_breakpoints (cpu) && !rf)
    soft_check_breakpoints (cpu);
  cpu->key |= SOFT_KEY_STEP;
  cpu->jump_key |= SOFT_KEY_STEP;
  cpu->step_budget = cpu->budget;
  cpu->stepping = TRUE;
  cpu->step_db = TRUE;
  cpu->rep_stopped = FALSE;
  block = soft_find_block (cpu);
  cpu->eflags &= ~(uint32_t)FLAG_RF;
  cpu->budget = -1; /* no way into another block */
  run_block (cpu, block);
  cpu->budget = cpu->step_budget - 1;
  cpu->stepping = FALSE;
  cpu->key &= ~(uint32_t)SOFT_KEY_STEP;
  cpu->jump_key &= ~(uint64_t)SOFT_KEY_STEP;

  bits = cpu->pending_db;
  if (tf && cpu->step_db && cpu->shadow != 2)
    bits |= 1u << 14; /* BS */
  if (bits != 0 && cpu->shadow != 2)
    {
      cpu->pending_db = 0;
      debug_trap (cpu, bits);
    }
}

__thread SoftCpu *soft_running;

void
soft_cpu_set_counting (SoftCpu *cpu, gboolean counting)
{
  if (cpu->counting == counting)
    return;
  cpu->counting = counting;
  soft_update_mode (cpu);
}

void
soft_cpu_run (SoftCpu *cpu, int64_t budget)
{
  __atomic_store_n (&cpu->running, 1, __ATOMIC_SEQ_CST);
  soft_world_enter (cpu);
  soft_running = cpu;
  /* Flags that other code of this thread has left would be taken for the guest's, and fault when its control word unmasks them. */
  __asm__ volatile("fnclex");
  soft_load_gs_base (cpu);
  cpu->slice = cpu->budget = budget;
  cpu->irq_check = TRUE;
  if (soft_setjmp (&cpu->recover) != 0)
    deliver_fault (cpu);
  for (;;)
    {
      if (G_UNLIKELY (__atomic_load_n (&cpu->threshold, __ATOMIC_RELAXED) != 0
                      || __atomic_load_n (&cpu->attention, __ATOMIC_RELAXED) != 0))
        {
          if (take_attention (cpu))
            break;
        }
      if (G_UNLIKELY (cpu->budget <= 0))
        break;
      /* Traps come before interrupts; behind MOV SS one waits for the next instruction's end. */
      if (G_UNLIKELY (cpu->pending_db != 0) && cpu->shadow != 2)
        {
          uint32_t bits = cpu->pending_db;
          cpu->pending_db = 0;
          debug_trap (cpu, bits);
        }
      if (G_UNLIKELY (cpu->irq_check || cpu->run_state != CPU_RUN_RUNNING)
          && !(cpu->debug.step && cpu->run_state == CPU_RUN_RUNNING) && !take_events (cpu))
        break;
      if (G_UNLIKELY (cpu->debug.active))
        {
          SoftDebugNext next = soft_debug_next (cpu);

          if (next == SOFT_DEBUG_STOP)
            break;
          if (next == SOFT_DEBUG_ONE)
            run_one (cpu);
          else
            run_alone (cpu, soft_find_block (cpu));
          continue;
        }
      if (G_UNLIKELY (cpu->shadow != 0 || (cpu->eflags & FLAG_TF) != 0 || has_breakpoints (cpu)
                      || cpu->watching))
        {
          run_one (cpu);
          continue;
        }
#ifdef SOFT_TRANSLATOR
      if ((cpu->unit_key & SOFT_UNIT_KEY_NONE) == 0)
        {
          SoftBlock *block = soft_unit_step (cpu);

          if (block == NULL)
            continue;
          run_alone (cpu, block); /* to see what becomes hot */
          continue;
        }
#endif
      {
        SoftBlock *block = soft_find_block (cpu);

        cpu->rep_stopped = FALSE;
        cpu->budget -= block->cost;
        run_block (cpu, block);
      }
    }
  cpu->instructions += (uint64_t)(cpu->slice - cpu->budget);
  cpu->slice = cpu->budget = 0;
  soft_running = NULL;
  soft_world_leave (cpu);
  __atomic_store_n (&cpu->running, 0, __ATOMIC_SEQ_CST);
}

/* -- Saved state ------------------------------------------------------------------------------------------------------------- */

static const uint32_t saved_msrs[] = {
  0x10,  0x3b,  0x174, 0x175,      0x176,      0x17a,      0x17b,      0x1a0,      0x1d9,      0x277,
  0x2ff, 0x200, 0x201, 0x202,      0x203,      0x204,      0x205,      0x206,      0x207,      0x208,
  0x209, 0x20a, 0x20b, 0x20c,      0x20d,      0x20e,      0x20f,      0x250,      0x258,      0x259,
  0x268, 0x269, 0x26a, 0x26b,      0x26c,      0x26d,      0x26e,      0x26f,      0x6e0,      0x400,
  0x404, 0x408, 0x40c, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000102, 0xc0000103, 0x402,
  0x403, 0x406, 0x407, 0x40a,      0x40b,      0x40e,      0x40f,
};
G_STATIC_ASSERT (G_N_ELEMENTS (saved_msrs) <= CPU_MAX_MSRS);

/* Four pointers stand for the first level of page tables. */
static gboolean
soft_pae_paging (const SoftCpu *cpu)
{
  return (cpu->cr0 & CR0_PG) != 0 && (cpu->cr4 & CR4_PAE) != 0 && (cpu->efer & EFER_LMA) == 0;
}

void
soft_cpu_get_state (SoftCpu *cpu, CpuState *state)
{
  memset (state, 0, sizeof *state);
  memcpy (state->gpr, cpu->reg, sizeof state->gpr);
  state->rip = cpu->reg[SOFT_REG_RIP];
  state->rflags = soft_get_eflags (cpu);
  memcpy (state->segment, cpu->segment, sizeof state->segment);
  state->gdt_base = cpu->gdt_base;
  state->gdt_limit = cpu->gdt_limit;
  state->idt_base = cpu->idt_base;
  state->idt_limit = cpu->idt_limit;
  state->cr0 = cpu->cr0;
  state->cr2 = cpu->cr2;
  state->cr3 = cpu->cr3;
  state->cr4 = cpu->cr4;
  state->cr8 = soft_apic_get_cr8 (cpu);
  state->xcr0 = cpu->xcr0;
  memcpy (state->dr, cpu->dr, sizeof state->dr);
  state->efer = cpu->efer;
  state->apic_base = cpu->msr.apic_base;
  for (unsigned i = 0; i < G_N_ELEMENTS (saved_msrs); i++)
    {
      CpuMsr *msr = &state->msr[state->n_msrs];
      msr->index = saved_msrs[i];
      if (soft_msr_read (cpu, msr->index, &msr->value))
        state->n_msrs++;
    }
  soft_fpu_save (cpu, state->xsave);
  soft_apic_save (cpu, state->apic);
  state->run_state = cpu->run_state;
  state->interrupt_shadow = cpu->shadow;
  state->debug_pending = cpu->pending_db;
  state->nmi_masked = cpu->nmi_masked;
  state->nmi_pending = g_atomic_int_get (&cpu->apic->nmi) != 0;
  state->init_pending = g_atomic_int_get (&cpu->apic->init) != 0;
  state->sipi_pending = (uint32_t)g_atomic_int_get (&cpu->apic->sipi);
  state->extint_pending = g_atomic_int_get (&cpu->apic->extint) != 0;
  state->apic_errors = cpu->apic->esr_shadow;
  state->pdptes_known = soft_pae_paging (cpu);
  state->smbase = cpu->smbase;
  state->in_smm = cpu->in_smm;
  state->smi_pending = g_atomic_int_get (&cpu->apic->smi) != 0;
  state->smm_nmi_masked = cpu->smm_nmi_masked;
  if (state->pdptes_known)
    memcpy (state->pdpte, cpu->pdpte, sizeof state->pdpte);
}

/* What another processor can have switched on and this one would go on without. */
static gboolean
check_known (uint64_t bits, uint64_t known, const char *what, GError **error)
{
  if ((bits & ~known) == 0)
    return TRUE;
  g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
               "The guest uses what the software processor doesn't have (%s bits %#" G_GINT64_MODIFIER "x)",
               what, bits & ~known);
  return FALSE;
}

static gboolean
check_state (const CpuState *state, GError **error)
{
  return cpu_state_check (state, error) && check_known (state->cr4, SOFT_CR4_KNOWN, "CR4", error)
         && check_known (state->efer, SOFT_EFER_KNOWN, "EFER", error)
         && check_known (state->xcr0, soft_xcr0_known (), "XCR0", error);
}

static void
put_registers (SoftCpu *cpu, const CpuState *state)
{
  memcpy (cpu->reg, state->gpr, sizeof state->gpr);
  cpu->reg[SOFT_REG_RIP] = state->rip;
  cpu->af = soft_eflags_to_af ((uint32_t)state->rflags);
  cpu->eflags = (uint32_t)state->rflags
                & (FLAG_TF | FLAG_IF | FLAG_DF | FLAG_IOPL | FLAG_NT | FLAG_RF | FLAG_VM | FLAG_AC | FLAG_VIF
                   | FLAG_VIP | FLAG_ID);
  memcpy (cpu->segment, state->segment, sizeof state->segment);
  cpu->gdt_base = state->gdt_base;
  cpu->gdt_limit = state->gdt_limit & 0xffff;
  cpu->idt_base = state->idt_base;
  cpu->idt_limit = state->idt_limit & 0xffff;
  cpu->cr0 = (state->cr0 & 0xffffffff) | CR0_ET;
  cpu->cr2 = state->cr2;
  cpu->cr3 = state->cr3 & (((1ULL << SOFT_PHYSICAL_BITS) - 1));
  cpu->cr4 = state->cr4;
  cpu->xcr0 = state->xcr0 | XCR0_X87;
  if ((cpu->xcr0 & XCR0_SSE) == 0)
    cpu->xcr0 &= ~(uint64_t)XCR0_AVX;
  cpu->efer = state->efer & ~(uint64_t)EFER_LMA;
  if ((cpu->efer & EFER_LME) != 0 && (cpu->cr0 & CR0_PG) != 0)
    cpu->efer |= EFER_LMA;
  if ((cpu->cr0 & CR0_PE) == 0)
    {
      cpu->cpl = 0;
      cpu->eflags &= ~(uint32_t)FLAG_VM;
    }
  else
    cpu->cpl = (cpu->eflags & FLAG_VM) != 0 ? 3 : (uint8_t)soft_dpl (cpu->segment[CPU_SS].attributes);
}

gboolean
soft_cpu_set_registers (SoftCpu *cpu, const CpuState *state, GError **error)
{
  if (!check_state (state, error))
    return FALSE;
  put_registers (cpu, state);
  soft_fpu_load (cpu, state->xsave);
  soft_apic_set_tpr (cpu, (uint32_t)(state->cr8 & 15) << 4 | (state->apic[0x80] & 15));
  if (soft_pae_paging (cpu) && !state->pdptes_known)
    soft_load_pdptes (cpu, cpu->cr3);
  soft_tlb_flush (cpu);
  soft_update_mode (cpu);
  return TRUE;
}

gboolean
soft_cpu_set_state (SoftCpu *cpu, const CpuState *state, GError **error)
{
  if (!check_state (state, error))
    return FALSE;
  soft_cpu_reset (cpu, FALSE);
  put_registers (cpu, state);
  memcpy (cpu->dr, state->dr, sizeof cpu->dr);
  cpu->msr.apic_base = state->apic_base & ((((1ULL << SOFT_PHYSICAL_BITS) - 1) & SOFT_PAGE_MASK) | 0xd00);
  soft_apic_load (cpu, state->apic);
  for (unsigned i = 0; i < state->n_msrs; i++)
    if (state->msr[i].index != 0xc0000080 && state->msr[i].index != 0x1b
        && state->msr[i].index - 0x800u > 0xff)
      soft_msr_write (cpu, state->msr[i].index, state->msr[i].value);
  soft_apic_set_tpr (cpu, (uint32_t)(state->cr8 & 15) << 4 | (state->apic[0x80] & 15));
  soft_fpu_load (cpu, state->xsave);
  cpu->run_state = state->run_state;
  cpu->shadow = state->interrupt_shadow;
  cpu->pending_db = state->debug_pending & 0xc00f;
  cpu->nmi_masked = state->nmi_masked != 0;
  g_atomic_int_set (&cpu->apic->nmi, state->nmi_pending != 0);
  g_atomic_int_set (&cpu->apic->init, state->init_pending != 0);
  g_atomic_int_set (&cpu->apic->sipi, (gint)(state->sipi_pending & 0x1ff));
  g_atomic_int_set (&cpu->apic->extint, state->extint_pending != 0);
  g_atomic_int_set (&cpu->apic->smi, state->smi_pending != 0);
  cpu->apic->esr_shadow = state->apic_errors & 0xff;
  cpu->smbase = state->smbase != 0 ? state->smbase : SOFT_SMBASE;
  cpu->in_smm = state->in_smm != 0;
  cpu->smm_nmi_masked = cpu->in_smm && state->smm_nmi_masked != 0;
  soft_choose_memory (cpu, cpu->in_smm ? vm_memory_in_smm (cpu->vm) : cpu->vm->memory);
  if (soft_pae_paging (cpu) && !state->pdptes_known)
    soft_load_pdptes (cpu, cpu->cr3);
  for (unsigned i = 0; i < 4 && state->pdptes_known; i++)
    cpu->pdpte[i] = state->pdpte[i] & ((1ULL << SOFT_PHYSICAL_BITS) - 1);
  soft_tlb_flush (cpu);
  soft_update_mode (cpu);
  return TRUE;
}

/* The board wires FERR# to IRQ 13; the handler clears the exception, or ends the program. */
void
soft_fpu_error_line (SoftCpu *cpu)
{
  Vm *vm = cpu->vm;

  vm_lock (vm);
  irq_set (&vm->ferr, TRUE);
  vm_unlock (vm);
}

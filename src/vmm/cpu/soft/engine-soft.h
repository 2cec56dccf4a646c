/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the software processor: the engine, its local APICs, transfers of control, system instructions.
 */
#pragma once

#include "cpu/cpu-model.h"
#include "cpu/soft/exec.h"
#include "cpu/soft/fpu.h"

G_BEGIN_DECLS

/* What stopping the world is kept by: world.h. */
typedef struct
{
  GMutex mutex; /* leaf but for what soft_attend() takes */
  GCond changed;
  gint
      stopping; /* atomic; changes under the mutex: a processor has the world, or waits for the others to leave it */
  uint64_t stops;
} SoftWorld;
typedef struct SoftRunner SoftRunner;

struct SoftEngine
{
  Engine parent;
  SoftCpu **cpus;
  SoftPages *pages; /* which hold code */
  SoftWorld world;
  gboolean translate, translate_always, translate_check; /* what VIVARIUM_SOFT wants */
  gboolean side_by_side; /* a thread a processor; else all take turns on one */
  SoftRunner *runners;   /* threads */
  unsigned n_runners;
  GMutex mutex; /* protects what follows; may be taken with the VM lock held, never the other way round */
  GCond idle;   /* pause() waits for the threads */
  gboolean run, quit;
  gboolean held;      /* nothing runs, though `run` may be set */
  unsigned n_running; /* threads that aren't stopped; one that sleeps counts */
  gint intr;          /* atomic: level of the 8259's line */
  gint arbiter;       /* where arbitration of lowest priority begins */
  unsigned current;   /* whose turn is next */
  GMutex code_mutex;  /* of `pages`, and what was written there; leaf */
  uint64_t tsc_hz;
  int64_t
      due; /* of the thread: when what has been done would have been, at `config.speed`; us of the host's clock */
  CpuModel *model; /* of the machine that was loaded, or NULL; changes while paused */
  /* Turns of translated code end by the clock. */
  GThread *clock;
  GCond tick;
  SoftCpu *running; /* under mutex; NULL while all sleep */
};

/* -- engine-run.c ------------------------------------------------------------------------------------------- */
/* Decides whether processors run side by side; makes what soft_attend() needs. */
void soft_run_prepare (SoftEngine *engine);
/* There are processors: starts threads, paused. */
void soft_run_start (SoftEngine *engine);
/* Ends them. */
void soft_run_end (SoftEngine *engine);
void soft_run_clear (SoftEngine *engine);
/* VmProcessorOps. */
void soft_run_resume (void *opaque);
void soft_run_hold (void *opaque);
void soft_run_release (void *opaque);
void soft_run_pause (void *opaque);
/* Whether its thread has nothing to do; any thread. */
gboolean soft_run_sleeps (const SoftCpu *cpu);
void soft_attend_all (SoftEngine *engine, gint what);
/* When processors of `speed` instructions a second have done `executed` more, which they began at `now`, having done the others by `due`.  A little
 * of what a busy host made them late by is made good.  Microseconds. */
int64_t soft_pace (int64_t due, int64_t now, uint64_t executed, uint64_t speed);

/* -- apic.c ------------------------------------------------------------------------------------------------- */
struct SoftApic
{
  SoftCpu *cpu;
  uint32_t id; /* of the xAPIC; the x2APIC's is SoftCpu.n */
  uint32_t tpr, ldr, dfr, svr, esr, esr_shadow;
  uint32_t isr[8], tmr[8], irr[8];
  uint64_t icr;
  uint32_t lvt[7];       /* CMCI, timer, thermal, performance, LINT0, LINT1, error */
  gint pending[8];       /* vectors set by other threads (atomic), moved to IRR by the processor */
  gint pending_level[8]; /* how a vector was triggered last (atomic) */
  gint nmi, init, sipi;  /* atomic; nmi: how many, at most 2; sipi: vector | 0x100 */
  gint smi;              /* atomic */
  gint extint;           /* atomic: an ExtINT message waits for INTA */
  GMutex lock;           /* of the timer: what follows, and its LVT; leaf */
  uint32_t initial_count, divide;
  int64_t due; /* guest time of the expiry; -1: none */
  uint64_t tsc_deadline;
  VmTimer timer;
};

SoftApic *soft_apic_new (SoftCpu *cpu);
void soft_apic_free (SoftApic *apic);
void soft_apic_reset (SoftApic *apic, gboolean init);
uint32_t soft_apic_mmio_read (SoftCpu *cpu, uint32_t offset, unsigned size);
void soft_apic_mmio_write (SoftCpu *cpu, uint32_t offset, uint32_t value, unsigned size);
/* x2APIC registers, MSRs 0x800 to 0x8ff; FALSE: #GP. */
gboolean soft_apic_msr_read (SoftCpu *cpu, uint32_t index, uint64_t *value);
gboolean soft_apic_msr_write (SoftCpu *cpu, uint32_t index, uint64_t value);
gboolean soft_apic_set_base (SoftCpu *cpu, uint64_t value);
void soft_apic_set_deadline (SoftCpu *cpu, uint64_t tsc);
uint64_t soft_apic_get_deadline (SoftCpu *cpu);
/* The deadline stays the same number; when that is has changed. */
void soft_apic_tsc_changed (SoftCpu *cpu);
uint8_t soft_apic_get_cr8 (SoftCpu *cpu);
void soft_apic_set_tpr (SoftCpu *cpu, uint32_t value);
/* An interrupt message; any thread. */
void soft_apic_message (SoftEngine *engine, uint64_t address, uint32_t data);
void soft_apic_nmi (SoftEngine *engine);
void soft_apic_smi (SoftApic *apic);
/* Anything for the processor to take now?  Only looks. */
gboolean soft_apic_has_interrupt (SoftCpu *cpu);
/* Takes the highest vector (acknowledges it), or -1. */
int soft_apic_take_interrupt (SoftCpu *cpu);
void soft_apic_save (SoftCpu *cpu, uint8_t *page);
void soft_apic_load (SoftCpu *cpu, const uint8_t *page);

static inline gboolean
soft_apic_hit (const SoftCpu *cpu, uint64_t physical)
{
  /* Enabled (bit 11), and not in x2APIC mode (bit 10). */
  return (physical & SOFT_PAGE_MASK)
             == (cpu->msr.apic_base & ((1ULL << SOFT_PHYSICAL_BITS) - 1) & SOFT_PAGE_MASK)
         && (cpu->msr.apic_base & 0xc00) == 0x800;
}

/* -- mmu-window.c ------------------------------------------------------------------------------------------- */
static inline gboolean
soft_in_window (const SoftWindow *window, uint64_t linear)
{
  return window->room != 0 && linear - window->low < window->room + GUEST_PAGE_SIZE;
}
static inline void
soft_drop_window (SoftCpu *cpu)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (cpu->load_windows); i++)
    cpu->load_windows[i].room = cpu->load_windows[i].gs_room = 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (cpu->store_windows); i++)
    cpu->store_windows[i].room = cpu->store_windows[i].gs_room = 0;
}
static inline void
soft_drop_gaps (SoftCpu *cpu)
{
  if (!cpu->any_gap)
    return;
  memset (cpu->gaps, 0, sizeof cpu->gaps);
  cpu->any_gap = FALSE;
}
/* Something was decoded in the page. */
static inline void
soft_drop_gaps_of (SoftCpu *cpu, const uint8_t *page)
{
  for (unsigned m = 0; cpu->any_gap && m < SOFT_N_MMU; m++)
    for (unsigned i = 0; i < SOFT_N_GAPS; i++)
      if (((cpu->gaps[m][i].host ^ (uintptr_t)page) & SOFT_PAGE_MASK) == 0)
        cpu->gaps[m][i].room = 0;
}
/* Whenever this processor begins to run on a thread. */
static inline void
soft_load_gs_base (const SoftCpu *cpu)
{
  if (cpu->gs_distance != 0)
    __asm__ volatile("wrgsbase %0" : : "r"(cpu->gs_distance));
}
/* Makes the windows around the linear address of code that runs, where memory is mapped one to one. */
void soft_make_window (SoftCpu *cpu, uint64_t linear);
/* A supervisor's access to this address was found to be to RAM, by paging's tables if there are any: makes windows reach there, if they can. */
void soft_reach_window (SoftCpu *cpu, uint64_t linear);
/* Code was found in this page of the host's: stores to it have to be seen from now on. */
void soft_window_protect (SoftCpu *cpu, const uint8_t *page);

/* -- segment.c ---------------------------------------------------------------------------------------------- */
typedef struct
{
  uint32_t low, high;
} SoftDescriptor;

/* Attributes of CpuSegment. */
enum
{
  SEG_TYPE = 0xf,
  SEG_ACCESSED = 1 << 0,
  SEG_WRITABLE = 1 << 1, /* data; code: readable */
  SEG_DOWN = 1 << 2,     /* data: expand-down; code: conforming */
  SEG_CODE = 1 << 3,
  SEG_S = 1 << 4,
  SEG_DPL = 3 << 5,
  SEG_P = 1 << 7,
  SEG_L = 1 << 9,
  SEG_DB = 1 << 10,
  SEG_G = 1 << 11,
};
enum
{
  SYS_TSS16 = 1,
  SYS_LDT = 2,
  SYS_TSS_BIT_BUSY = 2, /* of either */
  SYS_TSS16_BUSY = 3,
  SYS_CALL16 = 4,
  SYS_TASK = 5,
  SYS_INT16 = 6,
  SYS_TRAP16 = 7,
  SYS_TSS = 9,
  SYS_TSS_BUSY = 11,
  SYS_CALL = 12,
  SYS_INT = 14,
  SYS_TRAP = 15,
};

static inline unsigned
soft_dpl (unsigned attributes)
{
  return (attributes >> 5) & 3;
}

/* Reads a descriptor; FALSE when the selector is beyond its table (or null, for the LDT without one). */
gboolean soft_read_descriptor (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, SoftDescriptor *d);
uint64_t soft_descriptor_address (SoftCpu *cpu, uint16_t selector);
void soft_parse_descriptor (const SoftDescriptor *d, uint16_t selector, CpuSegment *segment);
/* MOV, POP and LxS to a data segment register; raises. */
void soft_load_segment (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint16_t selector);
/* mode.c: soft_update_mode() where no more than that register has been loaded, any but CS and SS; */
void soft_update_segment (SoftCpu *cpu, unsigned n);
/* and where CS has another selector and base, outside of 64-bit mode. */
void soft_update_code_base (SoftCpu *cpu);
/* Real and virtual-8086 mode. */
void soft_load_real_segment (SoftCpu *cpu, unsigned seg, uint16_t selector);
/* Checks and prepares SS for privilege `cpl`; raises `vector` with the selector. */
void soft_check_stack_segment (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, unsigned cpl,
                               unsigned vector, CpuSegment *segment);
void soft_mark_accessed (SoftCpu *cpu, const SoftInsn *insn, CpuSegment *segment);
/* A segment register that a return to an outer level may not keep. */
void soft_drop_inner_segments (SoftCpu *cpu);
void soft_load_ldtr (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector);
void soft_load_tr (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector);

/* -- transfer.c, interrupt.c, task.c ---------------------------------------------------------------------------- */
void soft_far_jump (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, uint64_t offset);
void soft_far_call (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, uint64_t offset);
void soft_far_return (SoftCpu *cpu, const SoftInsn *insn, unsigned release);
void soft_iret (SoftCpu *cpu, const SoftInsn *insn);
typedef enum
{
  SOFT_EVENT_EXTERNAL,
  SOFT_EVENT_NMI,
  SOFT_EVENT_EXCEPTION,
  SOFT_EVENT_SOFTWARE, /* INT n, INT3, INTO: the gate's DPL counts */
  SOFT_EVENT_ICEBP,
} SoftEvent;
/* Enters the handler; `rip` is what it returns to.  May raise (then nothing has changed). */
void soft_interrupt (SoftCpu *cpu, unsigned vector, SoftEvent event, gboolean has_error, uint32_t error,
                     uint64_t rip);
typedef enum
{
  SOFT_TASK_JUMP,
  SOFT_TASK_CALL, /* and interrupts */
  SOFT_TASK_IRET,
} SoftTaskSwitch;
void soft_task_switch (SoftCpu *cpu, const SoftInsn *insn, uint16_t selector, SoftTaskSwitch how,
                       uint64_t rip);
/* Stack of privilege `level` from the TSS. */
void soft_tss_stack (SoftCpu *cpu, const SoftInsn *insn, unsigned level, uint16_t *ss, uint64_t *sp);
uint64_t soft_tss64_stack (SoftCpu *cpu, const SoftInsn *insn, unsigned slot);
/* Changes CPL; segments of CS and SS are set by the caller. */
void soft_set_cpl (SoftCpu *cpu, unsigned cpl);
/* Sets RIP after checking it against a code segment: raises #GP(0). */
void soft_check_rip (SoftCpu *cpu, const SoftInsn *insn, const CpuSegment *cs, uint64_t rip);

/* -- debug.c ------------------------------------------------------------------------------------------------------ */
void soft_watch_access (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size, gboolean write);
void soft_watch_io (SoftCpu *cpu, unsigned port, unsigned size);
/* Raises #DB when an instruction breakpoint is at the present RIP and RF is clear. */
void soft_check_breakpoints (SoftCpu *cpu);
void soft_set_dr (SoftCpu *cpu, const SoftInsn *insn, unsigned n, uint64_t value);
uint64_t soft_get_dr (SoftCpu *cpu, const SoftInsn *insn, unsigned n);

/* A debugger's points and steps.  What the loop does next while SoftCpu.debug.active. */
typedef enum
{
  SOFT_DEBUG_STOP,
  SOFT_DEBUG_ONE,   /* an instruction by itself */
  SOFT_DEBUG_BLOCK, /* a block by itself */
} SoftDebugNext;
SoftDebugNext soft_debug_next (SoftCpu *cpu);
/* Engine.debug has changed; paused. */
void soft_debug_changed (SoftCpu *cpu);

/* -- system.c, msr.c, cpuid.c --------------------------------------------------------------------------------------- */
/* What the guest is told: this engine's own, or that of the machine that was loaded. */
void soft_cpuid (SoftCpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
/* This engine's own. */
void soft_cpuid_own (SoftCpu *cpu, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
gboolean soft_msr_read (SoftCpu *cpu, uint32_t index, uint64_t *value);
gboolean soft_msr_write (SoftCpu *cpu, uint32_t index, uint64_t value);
void soft_msr_reset (SoftCpu *cpu);
uint64_t soft_tsc (SoftCpu *cpu);
void soft_set_cr0 (SoftCpu *cpu, const SoftInsn *insn, uint64_t value);
void soft_set_cr3 (SoftCpu *cpu, const SoftInsn *insn, uint64_t value);
void soft_set_cr4 (SoftCpu *cpu, const SoftInsn *insn, uint64_t value);
/* Port access: permission (raises #GP), then the value. */
uint32_t soft_port_in (SoftCpu *cpu, const SoftInsn *insn, unsigned port, unsigned size);
void soft_port_out (SoftCpu *cpu, const SoftInsn *insn, unsigned port, uint32_t value, unsigned size);
void soft_port_check (SoftCpu *cpu, const SoftInsn *insn, unsigned port, unsigned size);

/* -- smm.c -------------------------------------------------------------------------------------------------------------- */
#define SOFT_SMBASE 0x30000u /* after a reset */
/* Between two instructions: takes a system-management interrupt. */
void soft_smm_enter (SoftCpu *cpu);

/* -- mmu-physical.c ----------------------------------------------------------------------------------------------------- */
/* Physical addresses are another space's from now on; any flush that this wants is done. */
void soft_choose_memory (SoftCpu *cpu, AddressSpace *memory);
/* -- cpu.c -------------------------------------------------------------------------------------------------------------- */
SoftCpu *soft_cpu_new (SoftEngine *engine, unsigned n);
void soft_cpu_free (SoftCpu *cpu);
void soft_cpu_reset (SoftCpu *cpu, gboolean init);
void soft_cpu_get_state (SoftCpu *cpu, CpuState *state);
/* FALSE, with words and nothing changed, for a state that no processor can be in, or this one can't. */
gboolean soft_cpu_set_registers (SoftCpu *cpu, const CpuState *state, GError **error);
gboolean soft_cpu_set_state (SoftCpu *cpu, const CpuState *state, GError **error);
/* The processor that this thread runs just now, or NULL. */
extern __thread SoftCpu *soft_running;
/* Runs at most `budget` instructions; returns early when halted or asked to stop. */
void soft_cpu_run (SoftCpu *cpu, int64_t budget);
/* Whether translated code counts down the budget, as it does at first; else only SOFT_ATTENTION_YIELD ends a turn, which is faster. */
void soft_cpu_set_counting (SoftCpu *cpu, gboolean counting);
/* It would do something if it ran: not halted, or an event would wake it. */
gboolean soft_cpu_runnable (SoftCpu *cpu);
/* Nothing can be done: a triple fault. */
void soft_triple_fault (SoftCpu *cpu);

G_END_DECLS

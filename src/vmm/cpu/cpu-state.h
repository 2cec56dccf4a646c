/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Architectural state of one x86 processor, the same for all engines: saved machines, debugger, crash reports.
 * Intel SDM volume 3, chapters 2, 4, 5 and 11; volume 1, chapter 13 (XSAVE area).
 */
#pragma once

#include "core/state.h"

G_BEGIN_DECLS

typedef struct Vm Vm;

enum
{
  CPU_RAX,
  CPU_RCX,
  CPU_RDX,
  CPU_RBX,
  CPU_RSP,
  CPU_RBP,
  CPU_RSI,
  CPU_RDI,
  CPU_R8,
  CPU_R9,
  CPU_R10,
  CPU_R11,
  CPU_R12,
  CPU_R13,
  CPU_R14,
  CPU_R15,
  CPU_N_GPRS
};
enum
{
  CPU_ES,
  CPU_CS,
  CPU_SS,
  CPU_DS,
  CPU_FS,
  CPU_GS,
  CPU_LDTR,
  CPU_TR,
  CPU_N_SEGMENTS
};

typedef struct
{
  uint16_t selector;
  uint16_t attributes; /* descriptor bits 40-47 in 0-7, 52-55 in 8-11 (type, S, DPL, P, AVL, L, D/B, G) */
  uint32_t limit;      /* bytes, after granularity */
  uint64_t base;
} CpuSegment;

typedef struct
{
  uint32_t index;
  uint64_t value;
} CpuMsr;

#define CPU_MAX_MSRS   128
#define CPU_XSAVE_SIZE 4096

typedef struct
{
  uint64_t gpr[CPU_N_GPRS];
  uint64_t rip, rflags;
  CpuSegment segment[CPU_N_SEGMENTS];
  uint64_t gdt_base, idt_base;
  uint32_t gdt_limit, idt_limit;
  uint64_t cr0, cr2, cr3, cr4, cr8, xcr0;
  uint64_t dr[8];
  uint64_t efer, apic_base;
  uint64_t paravirtual_clock; /* kvmclock in ns, of the whole machine, in its first processor; 0: none */
  uint32_t
      tsc_khz; /* of the time stamp counter, in the first processor; 0: not known, or the engine's own for all hosts */
  uint32_t n_msrs;
  CpuMsr msr[CPU_MAX_MSRS];
  uint8_t xsave[CPU_XSAVE_SIZE]; /* standard (not compacted) format */
  uint8_t apic[1024];            /* the local APIC's registers, a 16-byte slot each, as in its MMIO page */
  uint32_t run_state;            /* CPU_RUN_… */
  uint32_t interrupt_shadow;     /* 1 after STI, 2 after MOV SS */
  uint32_t debug_pending;        /* DR6 bits of debug traps that MOV SS holds back */
  uint32_t nmi_masked, nmi_pending;
  uint32_t init_pending,
      sipi_pending;         /* messages that the processor has not taken; sipi: vector | 0x100, or 0 */
  uint32_t extint_pending;  /* an ExtINT message that the processor has not taken */
  uint32_t apic_errors;     /* what the local APIC's ESR will read as after the next write to it */
  uint32_t injected_vector; /* an event being delivered: vector | 0x80000000, else 0 */
  uint32_t injected_type;   /* 0 external, 2 NMI, 3 exception, 4 software */
  uint32_t injected_error;  /* valid if injected_has_error */
  uint32_t injected_has_error;
  /* What PAE paging goes by: memory may say something else since they were loaded with CR3 (SDM volume 3, 4.4.1).  Without
   * `pdptes_known` they are read from there. */
  uint64_t pdpte[4];
  uint32_t pdptes_known;
  /* System-management mode (volume 3, chapter 34). */
  uint32_t smbase; /* 0: where it is after a reset */
  uint32_t in_smm, smi_pending;
  uint32_t smm_nmi_masked; /* in_smm: nmi_masked as it was */
} CpuState;

enum
{
  CPU_RUN_RUNNING,
  CPU_RUN_HALTED,
  CPU_RUN_WAIT_INIT,
  CPU_RUN_WAIT_SIPI,
};

extern const StateField cpu_state_fields[];

/* Power-on state (SDM volume 3, table 9-1); `first`: the bootstrap processor, else it waits for INIT and SIPI. */
void cpu_state_init (CpuState *state, gboolean first);
/* FALSE and what is wrong if no processor could be in this state (a loaded file is hostile). */
gboolean cpu_state_check (const CpuState *state, GError **error);

/* Registers and the bytes at CS:RIP (found through the guest's page tables where paging is on), as text for
 * logs and crash reports.  `title` is the first line. */
char *cpu_state_report (Vm *vm, const CpuState *state, unsigned n, const char *title);
/* Linear to physical through the guest's tables, without side effects; FALSE if not mapped. */
gboolean cpu_state_translate (Vm *vm, const CpuState *state, uint64_t linear, uint64_t *physical);

/* One entry that a walk has met. */
typedef struct
{
  const char *level; /* "PML4", "PDPT", "PD", "PT" */
  uint64_t at;       /* its physical address; for PAE's four pointers: which one */
  uint64_t entry;
} CpuWalkStep;
#define CPU_WALK_MOST 5
/* The walk to `linear`: its steps, how many there were, and where it ended.  FALSE: nothing is mapped there. */
gboolean cpu_state_walk (Vm *vm, const CpuState *state, uint64_t linear, CpuWalkStep *steps,
                         unsigned *n_steps, uint64_t *physical, uint64_t *page_size);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The software processor: its registers, its translation buffer, its cache of decoded code.
 * An x86-64-v2 processor for x86-64 hosts, x86-64-v3 where the host is: integer flags, x87, SSE and AVX are computed by the host's own units.
 *
 * A processor belongs to the thread that runs it; only the fields marked so are touched by other threads, and what world.h says while it is stopped.
 */
#pragma once

#include <setjmp.h>

#include "cpu/engine.h"

G_BEGIN_DECLS

typedef struct SoftCpu SoftCpu;
typedef struct SoftInsn SoftInsn;
typedef struct SoftBlock SoftBlock;
typedef struct SoftEngine SoftEngine;
typedef struct SoftApic SoftApic;
typedef struct SoftTranslator SoftTranslator;
typedef struct SoftCode SoftCode;
typedef struct SoftPages SoftPages;

/* -- Bits of the control registers (SDM volume 3, 2.5) ------------------------------------------- */
enum
{
  CR0_PE = 1u << 0,
  CR0_MP = 1u << 1,
  CR0_EM = 1u << 2,
  CR0_TS = 1u << 3,
  CR0_ET = 1u << 4,
  CR0_NE = 1u << 5,
  CR0_WP = 1u << 16,
  CR0_AM = 1u << 18,
  CR0_NW = 1u << 29,
  CR0_CD = 1u << 30,
};
#define CR0_PG 0x80000000u
enum
{
  CR4_VME = 1u << 0,
  CR4_PVI = 1u << 1,
  CR4_TSD = 1u << 2,
  CR4_DE = 1u << 3,
  CR4_PSE = 1u << 4,
  CR4_PAE = 1u << 5,
  CR4_MCE = 1u << 6,
  CR4_PGE = 1u << 7,
  CR4_PCE = 1u << 8,
  CR4_OSFXSR = 1u << 9,
  CR4_OSXMMEXCPT = 1u << 10,
  CR4_UMIP = 1u << 11,
  CR4_FSGSBASE = 1u << 16,
  CR4_PCIDE = 1u << 17,
  CR4_OSXSAVE = 1u << 18,
  CR4_SMEP = 1u << 20,
  CR4_SMAP = 1u << 21,
};
#define SOFT_CR4_KNOWN                                                                                 \
  (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE | CR4_PGE | CR4_PCE | CR4_OSFXSR \
   | CR4_OSXMMEXCPT | CR4_UMIP | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP)
enum
{
  EFER_SCE = 1u << 0,
  EFER_LME = 1u << 8,
  EFER_LMA = 1u << 10,
  EFER_NXE = 1u << 11,
};
#define SOFT_EFER_KNOWN (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)
enum
{
  XCR0_X87 = 1 << 0,
  XCR0_SSE = 1 << 1,
  XCR0_AVX = 1 << 2,
};
/* What XCR0 can have on this host. */
uint64_t soft_xcr0_known (void);
enum
{
  FLAG_CF = 1u << 0,
  FLAG_ONE = 1u << 1,
  FLAG_PF = 1u << 2,
  FLAG_AF = 1u << 4,
  FLAG_ZF = 1u << 6,
  FLAG_SF = 1u << 7,
  FLAG_TF = 1u << 8,
  FLAG_IF = 1u << 9,
  FLAG_DF = 1u << 10,
  FLAG_OF = 1u << 11,
  FLAG_IOPL = 3u << 12,
  FLAG_NT = 1u << 14,
  FLAG_RF = 1u << 16,
  FLAG_VM = 1u << 17,
  FLAG_AC = 1u << 18,
  FLAG_VIF = 1u << 19,
  FLAG_VIP = 1u << 20,
  FLAG_ID = 1u << 21,
};
#define FLAGS_ARITHMETIC (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)

/* -- Exceptions (SDM volume 3, table 6-1) --------------------------------------------------------- */
enum
{
  EXC_DE = 0,
  EXC_DB = 1,
  EXC_NMI = 2,
  EXC_BP = 3,
  EXC_OF = 4,
  EXC_BR = 5,
  EXC_UD = 6,
  EXC_NM = 7,
  EXC_DF = 8,
  EXC_TS = 10,
  EXC_NP = 11,
  EXC_SS = 12,
  EXC_GP = 13,
  EXC_PF = 14,
  EXC_MF = 16,
  EXC_AC = 17,
  EXC_MC = 18,
  EXC_XM = 19,
};

/* -- Translation buffer --------------------------------------------------------------------------- */

#define SOFT_TLB_SIZE  4096
#define SOFT_EXEC_SIZE 1024
#define SOFT_N_FILLED  4096
#define SOFT_N_LOGGED  512
#define SOFT_N_IO      8
#define SOFT_N_TABLES  64
#define SOFT_TLB_EMPTY (~(uint64_t)0) /* never equal to a page's address */

/* One page: its linear address for each kind of access (or soft_tlb_empty()), what to add to a linear address to get
 * the host's, and the page's host address. */
typedef struct
{
  uint64_t read, write;
  uintptr_t addend;
  uintptr_t page;
} SoftTlbEntry;

/* A tag that no address that is looked up in this place can have, nor be less than a page beyond. */
static inline uint64_t
soft_tlb_empty (unsigned index)
{
  return (uint64_t)(index ^ (SOFT_TLB_SIZE / 2)) << 12;
}

/* Linear addresses from `low` on, `room` of them and a page more, are RAM one after the other from `host` on, which a supervisor may read without a look at
 * page tables: as if the translation buffer held all these pages.  `room` 0: none.  `gs_room` is the same where SoftCpu.gs_distance leads from one to the
 * other, else 0. */
typedef struct
{
  uint64_t low, room, gs_room;
  uintptr_t host;
} SoftWindow;
/* Bytes of a page with decoded code from which nothing was decoded, around where data was stored: linear addresses from `low` on, `room` of them and
 * SOFT_GAP_STORE - 1 more.  Translated code stores there as if the page had a tag for writes (translate/thunks.S).  `room` 0: none. */
#define SOFT_N_SHARED  3
#define SOFT_N_GAPS    8 /* by page */
#define SOFT_GAP_STORE 32
typedef struct
{
  uint64_t low, room;
  uintptr_t host;
  uint64_t unused; /* the thunk multiplies */
} SoftGap;
enum
{
  SOFT_WINDOW_CODE,
  SOFT_WINDOW_DATA,
};

/* A page with code: the same for fetches. */
typedef struct
{
  uint64_t page; /* SOFT_TLB_EMPTY: none */
  uintptr_t addend;
} SoftExecEntry;

enum
{
  SOFT_MMU_USER,
  SOFT_MMU_SUPERVISOR,      /* CR4.SMAP off, or EFLAGS.AC set */
  SOFT_MMU_SUPERVISOR_SMAP, /* user pages fault */
  SOFT_N_MMU
};
/* Privileges of fetches. */
enum
{
  SOFT_EXEC_USER,
  SOFT_EXEC_SUPERVISOR,
  SOFT_N_EXEC
};
/* Which pages a flush drops. */
enum
{
  SOFT_FILLED_LOCAL,
  SOFT_FILLED_GLOBAL, /* CR4.PGE is set, and G in their entry: loads of CR3 spare them */
  SOFT_N_FILLED_LISTS
};

/* What segmentation asks of an access: low <= offset, offset + size - 1 <= high; [0] reads, [1] writes.  Translated code asks less often: it goes
 * the interpreter's way unless offset + size <= top, which is 0 where `low` is anything but that. */
typedef struct
{
  uint64_t base;
  uint64_t low[2], high[2], top[2];
} SoftSegmentCheck;

/* The decoder's view of the processor's mode; two runs of the same bytes under equal keys decode alike. */
enum
{
  SOFT_KEY_16 = 0,
  SOFT_KEY_32 = 1,
  SOFT_KEY_64 = 2,
  SOFT_KEY_SIZE = 3,
  SOFT_KEY_STACK32 = 1 << 2,   /* SS.B; set in 64-bit mode too */
  SOFT_KEY_FLAT = 1 << 3,      /* DS, ES and SS are writable, from 0 to 4 GiB; set in 64-bit mode too */
  SOFT_KEY_USER = 1 << 4,      /* CPL 3 */
  SOFT_KEY_STEP = 1 << 5,      /* one instruction a block: single step, breakpoints */
  SOFT_KEY_PROTECTED = 1 << 6, /* protected mode and not virtual-8086 */
  SOFT_KEY_LEGACY_CS = 1 << 7, /* CS has a limit below 4 GiB or a base */
};

/* Jump caches of translated code: how many keys have one of their own at a time. */
#define SOFT_N_UNIT_CLASSES 16
#define SOFT_UNIT_JUMPS     16384
typedef struct
{
  uint64_t rip;
  uintptr_t guard; /* where its translation is entered */
} SoftUnitJump;

/* Functions begin at few of the places within a page, so that alone would be too little; branch.c does the same. */
static inline unsigned
soft_unit_jump_slot (uint64_t rip, uint32_t cs_base)
{
  return (unsigned)(rip ^ (uint32_t)(rip + cs_base) >> 12) & (SOFT_UNIT_JUMPS - 1);
}

/* For an empty place: what is no RIP outside of 64-bit mode; and there one that is looked up elsewhere, as the bit that differs isn't one that bits from 12 on
 * can change. */
static inline uint64_t
soft_unit_jump_none (unsigned slot)
{
  return (uint64_t)1 << 63 | (slot ^ 0x800);
}

#define SOFT_JUMP_CACHE_SIZE 16384
#define SOFT_JUMP_NONE       (~(uint64_t)0)
typedef struct
{
  uint64_t linear;
  uint64_t key; /* SoftCpu.jump_key when it was made; SOFT_JUMP_NONE: there is none */
  SoftBlock *block;
} SoftJump;

typedef struct
{
  uint8_t bytes[16]; /* the low 10: 64 bits of significand, sign and exponent; an MMX register is the low 8 */
} SoftX87;

typedef union
{
  uint8_t u8[16];
  uint16_t u16[8];
  uint32_t u32[4];
  uint64_t u64[2];
  float f32[4];
  double f64[2];
} __attribute__ ((aligned (16))) SoftXmm;

/* Indices into SoftCpu.reg beyond the sixteen general registers. */
enum
{
  SOFT_REG_ZERO = 16, /* always 0: absent base or index */
  SOFT_REG_RIP = 17,  /* RIP of the running block's first byte; an instruction's own is that + insn->offset */
  SOFT_N_REGS = 18
};

/* Where a fault goes on: the dispatcher's loop.  Sanitizers want the C library's way; otherwise it is our own, as that refuses to go to another
 * stack, and mangles pointers, which takes time. */
typedef union
{
  uint64_t registers[8]; /* RBX, RBP, R12 to R15, RSP, RIP */
  sigjmp_buf library;
} SoftJumpBuffer;
#ifdef SOFT_PLAIN_DISPATCH
#define soft_setjmp(buffer)  sigsetjmp ((buffer)->library, 0)
#define soft_longjmp(buffer) siglongjmp ((buffer)->library, 1)
#else
__attribute__ ((returns_twice)) int soft_setjmp (SoftJumpBuffer *buffer);
G_NORETURN void soft_longjmp (const SoftJumpBuffer *buffer);
#endif

struct SoftCpu
{
  uint64_t reg[SOFT_N_REGS];
  /* Arithmetic flags as LAHF and SETO give them: OF in bit 0, SF ZF AF PF CF in bits 15 14 12 10 8. */
  uint16_t af;
  uint8_t cpl;
  uint8_t mmu; /* SOFT_MMU_… of data accesses now */
  uint32_t key;
  int64_t budget; /* instructions left in this slice */
  volatile int64_t
      threshold;        /* leave the blocks when the budget is below; INT64_MAX asks to stop (any thread) */
  const SoftInsn *next; /* where handlers can't call each other (builds without optimisation) */
  /* What translated code finds by constant offsets (translate/layout.h). */
  uint64_t host_sp;
  const void *unit_entry;
  uint32_t unit_exit;  /* what it was left with */
  void *volatile poll; /* what its polls read (any thread) */
  void (*thunk_run) (void), (*thunk_cold) (void), (*thunk_leave) (void);
  uint64_t unit_temp;
  uint64_t bounce[2];
  void (*thunk_sse) (void);
  /* Translated code has XMM registers and MXCSR in the host's (1), or all of YMM (2); never so while C runs. */
  uint32_t sse_live;
  uint32_t mxcsr;
  SoftXmm xmm[16];
  SoftXmm ymm_high[16]; /* bits 128 to 255 of the registers in xmm */
  void (*thunk_high) (void);
  SoftGap *gap; /* `gaps` of the present kind of access */

  /* For loads: around the code that runs, and elsewhere; and parts of them for stores: below that code, above it, and elsewhere. */
  SoftWindow load_windows[2], store_windows[3];
  SoftGap gaps[SOFT_N_MMU][SOFT_N_GAPS];
  uintptr_t shared_base[SOFT_N_SHARED]; /* translated code's: where groups of accesses begin */
  gboolean any_gap;
  uint64_t gs_distance; /* what translated code has as GS's base; 0: nothing */

  uint32_t unit_key; /* SOFT_UNIT_KEY_… */
  int unit_class;    /* which of unit_jumps; -1: to be found */
  void *unit_link;   /* the SoftExit that translated code was left by */
  gboolean
      counting; /* `budget` counts instructions in translated code too, else a slice is ended by attention */
  gboolean run_stopped; /* a run of interpreted instructions ended where it should */
  gboolean holding;     /* `held` is the budget: the interpreter may not enter another block */
  int64_t held;
  gboolean checking; /* the interpreter runs ahead of translated code (translate/check.c): stores are noted */
  uint64_t jump_key; /* key and generation of `jumps` */
  SoftTlbEntry *tlb; /* of `mmu` */
  uint64_t linear_mask; /* 2^32 - 1, or all ones in 64-bit mode */
  uint64_t rip_mask; /* where code goes on: as branch_mask, but for 16-bit code in a segment beyond 64 KiB */
  uint64_t stack_mask; /* by stack size */
  uint64_t jump_limit; /* near targets up to here need no limit check */
  SoftSegmentCheck check[6];
  SoftBlock *block;     /* the one that runs */
  const SoftInsn *insn; /* the instruction that may fault; set on slow paths */

  uint32_t eflags; /* all but the arithmetic flags and bit 1 */
  CpuSegment segment[CPU_N_SEGMENTS];
  uint64_t gdt_base, idt_base;
  uint32_t gdt_limit, idt_limit;
  uint64_t cr0, cr2, cr3, cr4, xcr0, efer;
  uint64_t dr[8];
  uint64_t pdpte[4]; /* PAE: as loaded with CR3 */

  /* x87: `x87` is indexed physically (the register's number, not its distance from the top). */
  SoftX87 x87[8];
  uint16_t fcw, fsw; /* TOP is in fsw */
  uint8_t ftw;       /* a bit a physical register: 1 = not empty (abridged tag word) */
  uint16_t fop, fcs, fds;
  uint64_t fip, fdp;

  /* Model specific registers that are plain storage. */
  struct
  {
    uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, apic_base, misc_enable, mtrr_def_type, mtrr_fixed[11], mtrr_base[8], mtrr_mask[8];
    uint64_t mcg_status, mcg_ctl, mc_ctl[4], mc_status[4], mc_addr[4], mc_misc[4];
    uint64_t tsc_adjust, debugctl, bios_sign;
  } msr;
  int64_t tsc_offset; /* ticks added to the clock's */

  uint32_t run_state; /* CPU_RUN_… */
  uint32_t shadow;    /* 1 after STI, 2 after MOV SS: no interrupt before the next instruction */
  gboolean nmi_masked;
  uint32_t pending_db; /* DR6 bits of data breakpoints hit by the running instruction */
  gboolean in_smm;
  gboolean smm_nmi_masked; /* `nmi_masked` before */
  uint32_t smbase;

  /* Delivery of an exception. */
  SoftJumpBuffer recover;
  int fault_vector; /* of the fault that is being raised */
  uint32_t fault_error;
  gboolean fault_has_error;
  uint64_t fault_cr2;
  int delivering; /* vector while an event is delivered, -1 otherwise */

  unsigned n; /* processor number = initial APIC id */
  SoftEngine *engine;
  SoftCode *code;
  SoftTranslator *translator; /* NULL: everything is interpreted */
  GArray *written;            /* what others wrote into its code; under SoftEngine.code_mutex */
  gboolean beside;            /* other processors run at the same time */
  unsigned pauses;
  gint running;       /* atomic: within soft_cpu_run(), and not waiting in soft_world_settle() */
  gint in_world;      /* atomic; world.h */
  gboolean remapped;  /* what it has written changed the map of memory; others may not know yet */
  gboolean exclusive; /* it has stopped the world, and so many times more meanwhile */
  unsigned stops_within;
  Vm *vm;
  SoftApic *apic;
  AddressSpace *memory; /* behind physical addresses: Vm.memory, or what SMM sees */
  AccessCache memory_cache, port_cache;
  gboolean vm_locked;      /* this thread holds the VM lock */
  volatile gint attention; /* SOFT_ATTENTION_… (any thread) */
  uint64_t instructions;   /* retired, up to the present slice */
  int64_t slice;           /* budget at its start */
  gboolean rip_set;        /* a helper has branched */
  gboolean rep_stopped;    /* a string instruction was left between two elements */
  gboolean watching;       /* data breakpoints or alignment checks: no access takes the fast way */
  gboolean stepping;       /* one instruction runs by itself; `step_budget` is the slice's */
  int64_t step_budget;
  gboolean irq_check;   /* the local APIC may have something */
  gboolean step_db;     /* a single-step trap is due after this instruction */
  uint64_t branch_mask; /* of targets of relative branches: 16, 32 or 64 bits by code size */
  /* A debugger's; EngineDebug as it is for this processor.  Changes while paused, and by the thread that runs it. */
  struct
  {
    gboolean active;   /* there is a point, or a step is to be made */
    gboolean watching; /* a point is data */
    gboolean step, stepped;
    gboolean stopped; /* it has met something, and stands until it is resumed */
    gboolean stands;
    gboolean hit; /* the running instruction has touched the bytes of `point` */
    unsigned point;
    gboolean met; /* it stands at the breakpoint at `met_at`, which doesn't stop it once more */
    uint64_t met_at;
  } debug;
  uint64_t memory_generation; /* of the view that the translation buffer knows */

  /* Which entries were filled since the last flush, so that a flush touches no more; over the array's end: all. */
  unsigned n_filled[SOFT_N_FILLED_LISTS];
  struct
  {
    uint8_t kind; /* SOFT_MMU_…, or SOFT_N_MMU + SOFT_EXEC_… */
    uint16_t index;
  } filled[SOFT_N_FILLED_LISTS][SOFT_N_FILLED];
  /* Entries that are a piece of a large page: INVLPG of any address in it drops them all.  The filter has a bit for each 2 MiB, of the address's
   * bits 21 to 32, that any such entry has been filled from. */
  uint64_t large_filter[64];
  uint8_t large[SOFT_N_MMU][SOFT_TLB_SIZE]; /* address bits within the page, 0 for 4 KiB */
  /* Writable, but with decoded code in the page: stores take the slow way and look. */
  uint8_t guarded[SOFT_N_MMU][SOFT_TLB_SIZE];
  /* Pages of registers. */
  struct
  {
    uint64_t page; /* SOFT_TLB_EMPTY: none */
    uint64_t physical;
    uint8_t mmu;
    gboolean writable;
  } io[SOFT_N_IO];
  /* Writable entries of regions under a dirty log; with references. */
  unsigned n_logged;
  struct
  {
    Region *region;
    uint64_t offset;
    uint8_t mmu;
    uint16_t index;
  } logged[SOFT_N_LOGGED];
  /* Guest-physical pages that hold page tables. */
  struct
  {
    uint64_t page; /* SOFT_TLB_EMPTY: none */
    uint8_t *host;
    Region *region;
  } table_cache[SOFT_N_TABLES];

  uint8_t exec_large[SOFT_N_EXEC][SOFT_EXEC_SIZE], exec_global[SOFT_N_EXEC][SOFT_EXEC_SIZE];
  /* Which (linear page, host page) translated code may run at: ids of the translator, 0 for none; and what a load of CR3 leaves of them. */
  uint32_t exec_id[SOFT_N_EXEC][SOFT_EXEC_SIZE], exec_keep[SOFT_N_EXEC][SOFT_EXEC_SIZE];
  SoftTlbEntry tlbs[SOFT_N_MMU][SOFT_TLB_SIZE];
  SoftExecEntry execs[SOFT_N_EXEC][SOFT_EXEC_SIZE];
  SoftJump jumps[SOFT_JUMP_CACHE_SIZE];
  SoftUnitJump unit_jumps[SOFT_N_UNIT_CLASSES][SOFT_UNIT_JUMPS];
};

/* What comes before is seen by others before what comes behind.  (The compiler's own has no meaning to ThreadSanitizer.) */
static inline void
soft_fence (void)
{
  __asm__ volatile("mfence" : : : "memory");
}

/* Ends the running instruction with an exception; the instruction's RIP is what the handler sees.  Nothing that the
 * instruction does to visible state may have happened before. */
G_NORETURN void soft_raise (SoftCpu *cpu, const SoftInsn *insn, unsigned vector);
G_NORETURN void soft_raise_error (SoftCpu *cpu, const SoftInsn *insn, unsigned vector, uint32_t error_code);

/* What translated code depends on has changed: the part of soft_update_mode() that MXCSR counts for. */
void soft_update_unit_key (SoftCpu *cpu);

/* RIP of `insn`, which belongs to the running block. */
uint64_t soft_rip (const SoftCpu *cpu, const SoftInsn *insn);

/* -- Physical and linear memory, slow ways --------------------------------------------------------- */
/* All of these raise #PF (or #SS/#GP for an address that isn't canonical) with nothing changed.  `stack` picks #SS. */
uint64_t soft_read_slow (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned size);
void soft_write_slow (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, uint64_t value, unsigned size);
void soft_read_bytes (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, void *buffer, unsigned length);
void soft_write_bytes (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, const void *buffer,
                       unsigned length);
/* Faults as a store of `length` bytes would. */
void soft_probe_write (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear, unsigned length);
/* Raises #SS or #GP for an access that segmentation forbids. */
G_NORETURN void soft_segment_fault (SoftCpu *cpu, const SoftInsn *insn, unsigned seg);

G_END_DECLS

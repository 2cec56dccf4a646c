/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Making host code of one unit.
 *
 * Where the guest's registers are in translated code:
 *
 *   RBX RCX RDX RBP R15 R13 R8 R9    RAX RCX RDX RBX RSP RBP RSI RDI
 *   R12 R10 R11                      R12 R13 R14
 *   in SoftCpu.reg                   R8 R9 R10 R11 R15
 *
 * XMM registers and MXCSR are in the host's while SoftCpu.sse_live is 1, all of YMM while it is 2, from the first SSE or AVX instruction on until C is called or
 * translated code is left; a unit that comes to an SSE instruction asks once, and once more behind what called C.
 *
 * RAX keeps saved flags, RDI, RSI and R14 are scratch, RSP is the SoftCpu, GS's base is SoftCpu.gs_distance.  The guest's AH, CH and DH are BH, CH
 * and DH.
 *
 * Arithmetic flags are in EFLAGS, or in RAX as SoftCpu.af, or in both.  Whatever destroys EFLAGS, or may leave the unit, saves them before.
 */
#pragma once

#include "cpu/soft/translate/translate.h"

G_BEGIN_DECLS

enum
{
  FLAGS_EFLAGS = 1,
  FLAGS_RAX = 2,
  FLAGS_LOST = 4, /* in neither; Gen.recipe makes them again */
};

/* How to make the flags again from registers that are still as they were. */
typedef struct
{
  enum
  {
    RECIPE_NONE,
    RECIPE_COMPARE, /* CMP or TEST, once more */
    RECIPE_RESULT,  /* AND, OR, XOR: TEST of the result by itself */
    RECIPE_UNDO,    /* ADD, SUB, NEG: back, and once more */
  } kind;
  uint8_t op; /* ALU_… */
  uint8_t size;
  uint8_t a, b; /* as SoftInsn has them */
  gboolean immediate;
  uint64_t imm;
  uint16_t registers; /* that it depends on */
} GenRecipe;

/* A linear address: segment's base + (base + index << scale + disp), guest registers. */
typedef struct
{
  uint8_t base, index; /* SOFT_REG_ZERO: absent */
  uint8_t scale;
  uint8_t size; /* 2 or 4: the sum is cut to 16 or 32 bits */
  uint8_t
      segment; /* GEN_SEGMENT (CPU_…): its base is added, outside of 64-bit mode behind a look at its limit; 0: none */
  gboolean constant;
  int32_t disp;
  uint64_t value; /* if it is constant, but for the segment */
} GenAddress;

#define GEN_SEGMENT(n) ((n) + 1)

/* What an instruction does that later ones care for.  Said of it only if it is certain; what isn't known does everything. */
typedef struct
{
  uint16_t writes;    /* general registers */
  uint8_t flags;      /* EFFECT_… */
  gboolean keeps_rsi; /* asks for flags when RSI is free */
  gboolean calls;     /* uses R14, or calls C */
  gboolean branches;  /* may leave the unit */
  uint8_t size;       /* of its only access to memory; 0: none, or not known */
  gboolean write;     /* that access has a store */
  GenAddress address;
} GenEffects;

enum
{
  EFFECT_NONE,
  EFFECT_SET, /* sets all flags and asks for none */
  EFFECT_USE, /* everything else */
};

/* An access that is one of several by one base: they have one look-up, by the first, and where they begin is held, in R14, or else, where groups overlap, in
 * SoftCpu.shared_base. */
typedef struct
{
  uint8_t group; /* 0: none */
  uint8_t where; /* in Gen.held: 0 is R14 */
  gboolean first, write;
  uint16_t place; /* from where the group begins */
  uint16_t span;  /* of the group; in the first */
} GenShare;

#define GEN_N_HELD (1 + SOFT_N_SHARED)
typedef struct
{
  uint8_t group;  /* what is held; 0: nothing */
  gboolean by_gs; /* it is in a window, at GS's base: nothing needs to be */
} GenHeld;

/* Code that is seldom run, put behind the unit's. */
typedef struct
{
  enum
  {
    GEN_COLD_ACCESS, /* a look-up failed */
    GEN_COLD_RUN,    /* the interpreter does the whole instruction */
    GEN_COLD_EXIT,   /* a conditional jump is taken */
    GEN_COLD_POLL,
    GEN_COLD_BAIL, /* goes on with the instruction in the body that shares nothing */
    GEN_COLD_SSE,  /* XMM registers are to be loaded */
  } kind;
  uint32_t jump;  /* the distance to patch; GEN_COLD_POLL: the load */
  uint32_t retry; /* behind the look-up */
  uint32_t next;  /* behind the instruction */
  uint8_t flags;  /* FLAGS_… at the jump */
  uint8_t next_flags;
  uint8_t access;   /* SOFT_ACCESS_… */
  uint8_t sse;      /* what SoftCpu.sse_live has to be where it comes back, or more */
  GenRecipe recipe; /* at the jump */
  const SoftInsn *insn;
  unsigned n; /* its number in the unit */
  GenAddress address;
  uint32_t offset;    /* what the operand adds to RDI */
  uint32_t window;    /* the jump where it isn't in the window, which comes before the look-up; 0: none */
  uint32_t window_at; /* of that window in SoftCpu */
  uint8_t host;       /* the register with the address */
  uint16_t size;
  SoftExit *exit;
} GenCold;

#define GEN_MAX_COLD 640

typedef struct Gen
{
  Emit e;
  SoftCpu *cpu;
  SoftTranslator *translator;
  SoftUnit *unit;
  SoftBlock *block;
  const SoftInsn *insn; /* the one that is translated, */
  const SoftDecode *d;  /* how it was decoded, */
  unsigned n;           /* and its number */
  gboolean mode64;
  gboolean flat;        /* DS, ES and SS have neither base nor limit */
  uint8_t stack;        /* bytes of the stack pointer */
  uint64_t branch_mask; /* of targets */
  unsigned mmu;
  uint8_t flags;       /* FLAGS_… where they are; 0: not decided yet how the unit begins */
  uint8_t start_flags; /* how it begins; 0: it overwrites them */
  GenRecipe recipe;    /* of the flags, as long as its registers keep their values */
  GenEffects effects[SOFT_UNIT_MAX_INSNS];
  /* Two bodies, if look-ups are shared: one that does, and one for when they fail. */
  gboolean sharing; /* this is the first */
  GenHeld held[GEN_N_HELD];
  GenShare share[SOFT_UNIT_MAX_INSNS];
  gboolean window;                          /* the unit itself is in the window */
  uint64_t value[16];                       /* of registers, at a guess, */
  uint16_t known;                           /* if there is one */
  uint32_t plain_at[SOFT_UNIT_MAX_INSNS];   /* each instruction in the second, */
  uint8_t plain_flags[SOFT_UNIT_MAX_INSNS]; /* and where flags are there */
  gboolean ended;
  uint8_t sse;     /* it is certain that SoftCpu.sse_live is this or more */
  gboolean polled; /* before the instruction that comes before a jump */
  unsigned n_exits;
  unsigned n_cold;
  unsigned first_cold; /* of the running instruction */
  GenCold cold[GEN_MAX_COLD];
} Gen;

extern const uint8_t soft_host_reg[16]; /* HOST_NONE: in SoftCpu.reg */

/* -- flags.c --------------------------------------------------------------------------------------- */
/* How the unit begins follows from what it does first with flags. */
static inline void
gen_flags_decide (Gen *g, uint8_t flags)
{
  if (g->flags == 0)
    g->flags = g->start_flags = flags;
}

/* Into RAX, EFLAGS as they were. */
void gen_flags_save (Gen *g);
/* Into EFLAGS. */
void gen_flags_load (Gen *g);
/* EFLAGS will be destroyed. */
void gen_flags_clobber (Gen *g);
/* The same, but they may get lost if they can be made again. */
void gen_flags_lose (Gen *g);
/* The instruction that follows sets them, or changes those in EFLAGS: only they are right from here on. */
static inline void
gen_flags_set (Gen *g)
{
  g->flags = FLAGS_EFLAGS;
  g->recipe.kind = RECIPE_NONE;
}
/* The running instruction was this, between registers or with an immediate. */
void gen_flags_recipe (Gen *g, unsigned op, unsigned size, unsigned a, unsigned b);
void gen_flags_recipe_imm (Gen *g, unsigned op, unsigned size, unsigned a, uint64_t imm);
/* Before an instruction: what it will destroy of the recipe. */
void gen_flags_prepare (Gen *g);

/* -- plan.c ---------------------------------------------------------------------------------------- */
/* Fills effects of the unit's instructions. */
void gen_plan_effects (Gen *g, const SoftDecode *decodes);
/* Finds groups; FALSE: there are none. */
gboolean gen_plan_sharing (Gen *g, const SoftDecode *decodes);

/* -- predict.c ------------------------------------------------------------------------------------- */
/* At the beginning of a body, and behind each instruction. */
void gen_predict_begin (Gen *g);
void gen_predict (Gen *g);
/* Where the running instruction's access will most likely be; FALSE: it isn't known. */
gboolean gen_predict_address (const Gen *g, const GenAddress *address, uint64_t *linear);
/* The same where one of two registers is enough. */
gboolean gen_predict_near (const Gen *g, const GenAddress *address, uint64_t *linear);

/* -- Operands -------------------------------------------------------------------------------------- */
static inline EmitRm
gen_frame (uint32_t offset)
{
  return emit_at (HOST_RSP, offset);
}
#define GEN_FIELD(field) gen_frame ((uint32_t)offsetof (SoftCpu, field))

/* A guest register as an operand: a host register, or memory. */
static inline EmitRm
gen_reg (unsigned n)
{
  return soft_host_reg[n] != HOST_NONE ? emit_reg (soft_host_reg[n]) : gen_frame (n * 8);
}

/* A host register that holds guest register n: its own, or `scratch`. */
unsigned gen_reg_in (Gen *g, unsigned n, unsigned scratch);
/* Sets guest register n from a host register; 4 bytes clear the upper half, 2 leave the rest. */
void gen_set_reg (Gen *g, unsigned n, unsigned size, unsigned host);

/* -- memory.c -------------------------------------------------------------------------------------- */
/* The running instruction has to be one step towards others (exec-locked.c).  Of a processor that is alone that is so for what orders memory towards devices: XCHG, and what
 * kernels take for a fence, LOCK with an operand of zero. */
gboolean gen_is_locked (const Gen *g);
/* The prefix for its access, which is to follow: gen_access() has seen to its alignment. */
void gen_lock (Gen *g);
/* The instruction's memory operand can be looked up in line. */
gboolean gen_can_access (const Gen *g);
GenAddress gen_operand (const Gen *g);
/* GenAddress.segment for an access by that one. */
uint8_t gen_segment (const Gen *g, unsigned segment);
/* Into a host register; RSI and RDI may be destroyed, and EFLAGS where there is a segment. */
void gen_address (Gen *g, const GenAddress *address, unsigned host);
/* Saves flags and looks up.  Returns the operand, on RDI; RSI and R14 are free.  Where look-ups are shared it is on R14. */
EmitRm gen_access_to (Gen *g, const GenAddress *address, unsigned size, unsigned access);
/* Some accesses of the unit are most likely in windows. */
gboolean gen_any_window (Gen *g, const SoftDecode *decodes);
/* The same for the instruction's operand. */
EmitRm gen_access (Gen *g, unsigned size, unsigned access);
/* The interpreter does the instruction if that isn't a multiple of 16; flags are in RAX.  Returns the operand, on RDI. */
EmitRm gen_aligned (Gen *g, EmitRm operand);
/* The same for a multiple of `size`. */
EmitRm gen_aligned_to (Gen *g, EmitRm operand, unsigned size);
/* What the stack pointer, or another register in its place, plus `disp` points at. */
EmitRm gen_access_stack (Gen *g, unsigned reg, int32_t disp, unsigned size, unsigned access);
void gen_cold_access (Gen *g, const GenCold *cold);
/* The look-up for what isn't in the window; the jump that is left is where that fails. */
void gen_cold_window (Gen *g, GenCold *cold);
/* C has been called, and instructions follow that count on XMM registers; nothing else is changed. */
void gen_revive_sse (Gen *g, const GenCold *cold);

/* -- integer.c, branch.c, sse.c, system.c -------------------------------------------------------------------- */
/* branch.c: room for `size` bytes on top of the stack; and what moves its pointer, when nothing can fail any more. */
EmitRm gen_push_place (Gen *g, unsigned size);
void gen_add_to_sp (Gen *g, int64_t by);
/* Translate g->insn; FALSE: there is no translation, nothing was emitted. */
gboolean gen_integer (Gen *g);
gboolean gen_integer_two (Gen *g); /* 0F … */
gboolean gen_stack (Gen *g);
gboolean gen_branch (Gen *g);
gboolean gen_sse (Gen *g); /* any map but the first */
gboolean gen_vex (Gen *g); /* what has a VEX prefix */
/* FALSE: not an instruction that gen_sse() knows. */
gboolean gen_sse_effects (Gen *g, GenEffects *effects);
gboolean gen_vex_effects (Gen *g, GenEffects *effects);
/* XMM registers (1) or all of YMM (2) are the guest's from here on. */
void gen_use_vectors (Gen *g, unsigned level);
gboolean gen_system (Gen *g);
/* segment.c: registers; strings without REP. */
gboolean gen_segment_register (Gen *g);
gboolean gen_string (Gen *g);
/* The instruction loads a segment register, and ends blocks for nothing but that the mode may change. */
gboolean gen_loads_segment (const SoftInsn *insn);
/* The decoder ends blocks behind the instruction, but a unit may go on there. */
gboolean gen_may_go_on (const SoftCpu *cpu, const SoftInsn *insn, const SoftDecode *d);

/* -- exits (generate.c) ---------------------------------------------------------------------------- */
/* Goes on at `rip`. */
void gen_exit (Gen *g, uint64_t rip);
/* Goes on at `rip` if the condition is met; flags are in EFLAGS. */
void gen_exit_if (Gen *g, unsigned condition, uint64_t rip);
/* Leaves with RIP at the running instruction, which has done nothing yet, if attention is wanted. */
void gen_poll (Gen *g);
/* Instruction n may leave before it is done, or isn't in the unit. */
gboolean gen_may_poll (const Gen *g, unsigned n);
/* Leaves with that RIP, the running instruction being done. */
void gen_poll_at (Gen *g, uint64_t rip);
/* The interpreter does the running instruction if the condition is met; flags are in RAX. */
void gen_run_if (Gen *g, unsigned condition);
GenCold *gen_cold (Gen *g);
/* ESI for a thunk: which instruction, and how the access is. */
uint32_t gen_ref (const Gen *g, const SoftInsn *insn, unsigned access);
static inline uint64_t
gen_rip_mask (const Gen *g)
{
  return g->mode64 ? ~(uint64_t)0 : 0xffffffffu;
}
static inline uint64_t
gen_linear (const Gen *g, uint64_t rip)
{
  return (rip + g->unit->cs_base) & gen_rip_mask (g);
}
/* Stacks of which the pointer is a linear address. */
static inline gboolean
gen_flat_stack (const Gen *g)
{
  return g->flat && g->stack >= 4;
}
static inline uint64_t
gen_rip (const Gen *g)
{
  return (g->unit->rip + g->insn->offset) & gen_rip_mask (g);
}
static inline uint64_t
gen_next_rip (const Gen *g)
{
  return (g->unit->rip + g->insn->offset + g->insn->length) & gen_rip_mask (g);
}

G_END_DECLS

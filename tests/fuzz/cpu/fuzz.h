/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Random instructions, run on the host's processor and on the software processor, and compared.
 *
 * A case is one instruction with everything it can see: general registers, flags, FS and GS bases, the FXSAVE image, the upper halves of
 * YMM where the host has them, one page of memory.  All of it follows from a seed and a number, so a difference is reproduced by `--seed S --first N --count 1`.
 *
 * Linear addresses, the same natively and in the guest:
 *   FUZZ_CODE         two pages of code (one a batch), each followed by an unmapped page
 *   FUZZ_EXIT         where the jump after the instruction goes: the end of a case
 *   FUZZ_DATA         one page, read and write; before it unmapped; after it a read-only page; then unmapped
 *   FUZZ_LOW          the data page again, for 16-bit addresses (only where the host lets us map it)
 */
#pragma once

#include <glib.h>
#include <stdint.h>

#define FUZZ_CODE        0x10000000u
#define FUZZ_CODE_STRIDE 0x2000u /* from one batch's page to the other's */
#define FUZZ_EXIT        0x10010000u
#define FUZZ_DATA        0x20000000u
#define FUZZ_READONLY    0x20001000u
#define FUZZ_LOW         0x8000u
/* Programs that run as a kernel (fuzz_soft_kernel()). */
#define FUZZ_KERNEL_CODE 0x40000000u
#define FUZZ_KERNEL_SIZE 0x400000u
#define FUZZ_KERNEL_EXIT (FUZZ_KERNEL_CODE + 0x1000u)
#define FUZZ_KERNEL_DATA (FUZZ_KERNEL_CODE + FUZZ_KERNEL_SIZE - FUZZ_PAGE)
#define FUZZ_CONTROL     0x3a5c7000u /* native only: trampoline's own words */
#define FUZZ_PAGE        4096u
#define FUZZ_SLOT        64u /* code bytes a case: int3s, the instruction, the jump to FUZZ_EXIT, int3s */
#define FUZZ_SLOT_START  24u /* of the instruction in its slot */
#define FUZZ_BATCH       (FUZZ_PAGE / FUZZ_SLOT)

enum
{
  FUZZ_CS64 = 0x33,
  FUZZ_CS32 = 0x23,
  FUZZ_DS = 0x2b,
  FUZZ_SHORT_SS = 0x07, /* in the LDT: as FUZZ_DS, but SP and not ESP is the stack pointer */
};

enum
{
  FUZZ_CF = 1 << 0,
  FUZZ_PF = 1 << 2,
  FUZZ_AF = 1 << 4,
  FUZZ_ZF = 1 << 6,
  FUZZ_SF = 1 << 7,
  FUZZ_TF = 1 << 8,
  FUZZ_IF = 1 << 9,
  FUZZ_DF = 1 << 10,
  FUZZ_OF = 1 << 11,
  FUZZ_NT = 1 << 14,
  FUZZ_RF = 1 << 16,
  FUZZ_AC = 1 << 18,
  FUZZ_ID = 1 << 21,
};

/* Offsets are known to the trampoline in native.c. */
typedef struct
{
  uint64_t gpr[16]; /* in the order of the instruction encoding */
  uint64_t rip, rflags;
  uint64_t fs_base, gs_base;
  uint64_t unused[4];
  uint8_t fx[512] __attribute__ ((aligned (64))); /* FXSAVE64 format */
  uint8_t ymm[256];                               /* bits 128 to 255 of each YMM */
} FuzzState;

/* Offsets in the FXSAVE image; SDM volume 1, table 10-2. */
enum
{
  FX_FCW = 0,
  FX_FSW = 2,
  FX_FTW = 4,
  FX_FOP = 6,
  FX_FIP = 8,
  FX_FDP = 16,
  FX_MXCSR = 24,
  FX_MXCSR_MASK = 28,
  FX_ST = 32,
  FX_XMM = 160,
  FX_END = 416,
};

typedef enum
{
  FUZZ_CLASS_ALU,
  FUZZ_CLASS_SHIFT,
  FUZZ_CLASS_MULDIV,
  FUZZ_CLASS_BIT,
  FUZZ_CLASS_STRING,
  FUZZ_CLASS_STACK,
  FUZZ_CLASS_BRANCH,
  FUZZ_CLASS_FLAGS,
  FUZZ_CLASS_MOVE,
  FUZZ_CLASS_ATOMIC,
  FUZZ_CLASS_BCD,
  FUZZ_CLASS_MISC,
  FUZZ_CLASS_X87,
  FUZZ_CLASS_MMX,
  FUZZ_CLASS_SSE,
  FUZZ_CLASS_SSE2,
  FUZZ_CLASS_SSE3,
  FUZZ_CLASS_SSSE3,
  FUZZ_CLASS_SSE41,
  FUZZ_CLASS_SSE42,
  FUZZ_CLASS_FXSAVE,
  FUZZ_CLASS_BMI,
  FUZZ_CLASS_CRYPTO,
  FUZZ_CLASS_AVX,
  FUZZ_CLASS_AVX2,
  FUZZ_CLASS_FMA,
  FUZZ_CLASS_DECODE, /* any bytes: what is an instruction, and how long */
  FUZZ_N_CLASSES
} FuzzClass;

typedef struct FuzzTemplate FuzzTemplate;

typedef struct
{
  FuzzState in;
  uint64_t number;              /* of the case, under the run's seed */
  const FuzzTemplate *template; /* the same address in parent and child: the child is forked */
  uint32_t undefined_flags;     /* of this instance: shifts depend on the count */
  uint8_t compat;               /* 32-bit code segment */
  uint8_t short_stack;          /* FUZZ_SHORT_SS */
  uint8_t length;               /* of the code bytes */
  uint8_t no_exit;              /* INT3 follows instead of the jump */
  uint8_t skip;                 /* could not be made safe: do not run */
  uint64_t operand;             /* linear address of the memory operand, 0 for none */
  uint8_t code[24];
  uint8_t memory[FUZZ_PAGE];
} FuzzCase;

typedef struct
{
  FuzzState out;
  int32_t vector;   /* of the exception, -1 for none */
  uint32_t error;   /* error code */
  uint64_t address; /* CR2 of a page fault */
  uint8_t memory[FUZZ_PAGE];
} FuzzResult;

/* -- native.c -------------------------------------------------------------------------------------- */

typedef struct
{
  FuzzCase cases[FUZZ_BATCH];
  FuzzResult native[FUZZ_BATCH];
  uint32_t n_cases;
} FuzzBatch;

/* Starts the contained child; FALSE with a printed reason where the host can't do it. */
gboolean fuzz_native_start (void);
void fuzz_native_stop (void);
FuzzBatch *fuzz_native_batch (unsigned which); /* 0 or 1, memory shared with the child */
/* 16-bit addresses can be used. */
gboolean fuzz_native_low (void);
gboolean fuzz_native_compat (void);
/* The host's kernel lets programs use RDFSBASE, WRFSBASE and their likes. */
gboolean fuzz_native_fsgsbase (void);
/* There is a FUZZ_SHORT_SS. */
gboolean fuzz_native_short_stack (void);
/* The host has YMM; else FuzzState.ymm stays zero. */
gboolean fuzz_native_ymm (void);
void fuzz_native_submit (unsigned which);
/* FALSE if the child died or hung on a case, which is named; it has been started again and the batch is to be dropped. */
gboolean fuzz_native_wait (unsigned which, unsigned *culprit);

/* Linear address of the stack pointer's value `rsp` in this case. */
static inline uint64_t
fuzz_stack (const FuzzCase *c, uint64_t rsp)
{
  return c->short_stack ? rsp & 0xffff : rsp;
}

/* -- code.c ---------------------------------------------------------------------------------------- */

/* Linear address of case `slot` of batch `which`, given its length. */
uint32_t fuzz_code_address (unsigned which, unsigned slot, const FuzzCase *c);
/* What a page of code holds for a batch. */
void fuzz_fill_code (const FuzzBatch *batch, uint8_t page[FUZZ_PAGE]);

/* -- generate.c ------------------------------------------------------------------------------------ */

typedef struct
{
  uint64_t seed;
  int only;                       /* a class, or -1 */
  const char *name;               /* a template's name, or NULL */
  gboolean low, compat, fsgsbase; /* what the host can run; the others are skipped */
  gboolean short_stack;           /* in all 32-bit cases */
  uint32_t features;              /* SOFT_HOST_… of the host */
} FuzzOptions;

void fuzz_generate (const FuzzOptions *options, uint64_t number, unsigned which, unsigned slot, FuzzCase *c);
const char *fuzz_class_name (FuzzClass klass);

/* -- soft.c ---------------------------------------------------------------------------------------- */

/* `low`: with the data page at FUZZ_LOW too; `fsgsbase`: with RDFSBASE, WRFSBASE and their likes. */
void fuzz_soft_init (gboolean low, gboolean fsgsbase);
void fuzz_soft_free (void);
/* Which of two machines the other functions are about; at first the first one. */
void fuzz_soft_select (unsigned n);
/* Ends the turn of machine `n`; any thread. */
void fuzz_soft_yield (unsigned n);
gboolean fuzz_soft_translates (void);
/* Whether translated code counts instructions. */
void fuzz_soft_count (gboolean count);
/* New code in the page of a batch. */
/* From now on programs run as a kernel, in large pages that are mapped one to one: code from FUZZ_KERNEL_CODE on, data in the last page that is there.
 * 64-bit code only. */
void fuzz_soft_kernel (gboolean kernel);
/* The kernel's memory as at first: a program that was stopped somewhere has left it otherwise than on another machine. */
void fuzz_soft_clear (void);
void fuzz_soft_code (unsigned which, const uint8_t page[FUZZ_PAGE]);
void fuzz_soft_run (const FuzzCase *c, FuzzResult *result);

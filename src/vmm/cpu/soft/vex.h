/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * AVX, AVX2, FMA, F16C and what else has a VEX prefix and vector registers: the table of forms, and how one is carried out.
 *
 * An instruction is carried out by itself, on the host, by a function of vex-stubs.S that has its opcode and immediate and the same registers for
 * all: so each differs from the next by a row of vex-list.h alone.  Bits 128 to 255 of a destination come out as the host leaves them: zero if VEX.L is 0.
 */
#pragma once

#include "cpu/soft/exec.h"
#include "cpu/soft/sse.h"
#include "cpu/soft/vex-list.h"

G_BEGIN_DECLS

/* Operands: r = ModRM.reg, v = VEX.vvvv, m = ModRM.rm. */
typedef enum
{
  VEX_RVM,          /* r = r op v op m */
  VEX_RM,           /* r = op m */
  VEX_MR,           /* m = op r */
  VEX_TO_HALF,      /* the same: VCVTPS2PH */
  VEX_BLEND,        /* r = v op m, by the register that the immediate names */
  VEX_DOT,          /* r = v op m, in several roundings */
  VEX_FROM_GPR,     /* r = v op m, which is a general register or memory */
  VEX_TO_GPR,       /* general register r = op m, of the size that VEX.W says */
  VEX_STORE_GPR,    /* m, which is a general register or memory, = op r */
  VEX_MASK,         /* general register r = op m, 32 bits */
  VEX_FLAGS,        /* flags = r op m */
  VEX_LOAD_SCALAR,  /* r = v op m between registers, r = m from memory */
  VEX_STORE_SCALAR, /* m = v op r between registers, m = r to memory */
  VEX_RVM_HIGH,     /* VEX_RVM, of which the instruction takes the upper half of m if it is a register */
  VEX_RM_DOUBLE,    /* VEX_RM, with half an operand in memory if VEX.L is 0 */
  VEX_LOAD_ALL,     /* r = m from memory */
  VEX_STORE_ALL,    /* m = r to memory */
  VEX_STORE_LOW,
  VEX_STORE_HIGH,
} SoftVexForm;

enum
{
  VEX_L0 = 1 << 0, /* VEX.L has to be 0, */
  VEX_L1 = 1 << 1, /* or 1; */
  VEX_W0 = 1 << 2, /* VEX.W the same */
  VEX_W1 = 1 << 3,
  VEX_ALIGNED = 1 << 4, /* #GP for memory at no multiple of its size */
  VEX_FLOAT = 1 << 5,   /* obeys MXCSR */
  VEX_MEM = 1 << 6,     /* memory only */
  VEX_REG = 1 << 7,     /* register only */
  VEX_FMA = 1 << 8,     /* the host has to have this, too */
  VEX_F16C = 1 << 9,
  VEX_AES = 1 << 10,    /* VAES for 256 bits */
  VEX_PCLMUL = 1 << 11, /* VPCLMULQDQ for 256 bits */
};

#define VEX_M_L 0x80
#define VEX_M_W 0x40

typedef struct
{
  uint8_t map, pp, first, last;
  uint8_t v, w, imm;
  uint8_t form;
  uint8_t memory;
  uint16_t flags;
} SoftVexRow;

/* More of SoftInsn.wide. */
enum
{
  SOFT_VEX_FLOAT = 1 << 2,
  SOFT_VEX_ALIGNED = 1 << 3,
};

typedef union
{
  SoftXmm half[2];
  uint8_t u8[32];
  uint16_t u16[16];
  uint32_t u32[8];
  uint64_t u64[4];
} __attribute__ ((aligned (32))) SoftYmm;

/* Offsets are known to vex-stubs.S. */
typedef struct
{
  SoftYmm r, v, m, fourth;
  uint64_t gpr_r, gpr_m;
  uint16_t af;
} SoftVexOperands;

extern const uint8_t soft_vex_stubs[] __attribute__ ((visibility ("hidden")));
extern const uint32_t soft_vex_stubs_size __attribute__ ((visibility ("hidden"))); /* bytes */
void soft_vex_run (const uint8_t *stub, SoftVexOperands *o) __attribute__ ((visibility ("hidden")));

/* The row of what was decoded, if this host has it; NULL: none in the table. */
const SoftVexRow *soft_vex_find (const SoftDecode *d);
/* Its function. */
const uint8_t *soft_vex_stub (const SoftVexRow *row, unsigned opcode, unsigned wide, unsigned imm);
/* Bytes of its memory operand. */
unsigned soft_vex_memory (const SoftVexRow *row, unsigned wide);

/* What carries out a form. */
SoftHelper soft_vex_helper (SoftVexForm form);
/* vex-special.c: what isn't in the table, ModRM included; FALSE: no instruction. */
gboolean soft_decode_vex_special (SoftDecode *d, SoftInsn *insn);

/* -- Registers and checks -------------------------------------------------------------------------- */

/* AVX may run (SDM volume 2, 2.4: class by class the same; CR0.EM doesn't count). */
static inline void
soft_avx_check (SoftCpu *cpu, const SoftInsn *insn)
{
  if (G_UNLIKELY ((cpu->cr4 & CR4_OSXSAVE) == 0
                  || (cpu->xcr0 & (XCR0_SSE | XCR0_AVX)) != (XCR0_SSE | XCR0_AVX)))
    soft_raise (cpu, insn, EXC_UD);
  if (G_UNLIKELY ((cpu->cr0 & CR0_TS) != 0))
    soft_raise (cpu, insn, EXC_NM);
}

static inline void
soft_get_ymm (const SoftCpu *cpu, unsigned n, SoftYmm *value)
{
  value->half[0] = cpu->xmm[n];
  value->half[1] = cpu->ymm_high[n];
}

static inline void
soft_set_ymm (SoftCpu *cpu, unsigned n, const SoftYmm *value)
{
  cpu->xmm[n] = value->half[0];
  cpu->ymm_high[n] = value->half[1];
}

static inline void
soft_clear_high (SoftCpu *cpu, unsigned n)
{
  memset (&cpu->ymm_high[n], 0, sizeof cpu->ymm_high[n]);
}

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the generator knows of an opcode.
 */
#pragma once

#include "fuzz.h"

enum
{
  A_MODRM = 1 << 0,
  A_MEM = 1 << 1,    /* memory operand only */
  A_REG = 1 << 2,    /* register operand only */
  A_OSIZE = 1 << 3,  /* takes 66h and REX.W as operand size */
  A_LOCK = 1 << 4,   /* LOCK is legal with a memory destination */
  A_REP = 1 << 5,    /* REP and REPNE mean something */
  A_64 = 1 << 6,     /* only in 64-bit code */
  A_32 = 1 << 7,     /* only in 32-bit code */
  A_BITREG = 1 << 8, /* bit number in a register reaches beyond the operand */
  A_BRANCH = 1 << 9,
  A_STACK = 1 << 10,
  A_STRING = 1 << 11,
  A_ALIGNED = 1 << 12, /* #GP where the operand is not aligned: mostly align */
  A_BYTE = 1 << 13,    /* operand of one byte */
  A_CL = 1 << 14,      /* shift by CL */
  A_ONE = 1 << 15,     /* shift by one */
  A_NO_W = 1 << 16,    /* never a REX.W */
  /* Behind VEX: */
  A_L0 = 1 << 17, /* VEX.L is 0, */
  A_L1 = 1 << 18, /* or 1; otherwise either */
  A_W0 = 1 << 19,
  A_W1 = 1 << 20,
  A_NO_V = 1 << 21,   /* vvvv names nothing */
  A_TWICE = 1 << 22,  /* the memory operand is twice as long if VEX.L is 1 */
  A_BY_W = 1 << 23,   /* it has 4 or 8 bytes by VEX.W */
  A_GATHER = 1 << 24, /* indices in a vector */
  A_NO_V_MEM = 1 << 25,
};

/* Of an opcode map, if a VEX prefix stands for its escape bytes. */
#define FUZZ_VEX 4

enum
{
  I_NONE,
  I_8,
  I_16,
  I_Z,    /* 16 or 32 bits by operand size */
  I_V,    /* MOV: 64 bits with REX.W */
  I_16_8, /* ENTER */
  I_MOFFS,
  I_REL8,
  I_RELZ,
};

/* What a memory operand and the registers are filled with. */
enum
{
  V_INT,
  V_F32,
  V_F64,
  V_X87,
  V_FXSAVE,
  V_XSAVE,
  V_MXCSR,
};

struct FuzzTemplate
{
  char name[24];
  uint8_t klass;
  uint8_t map;    /* 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A; the latter + FUZZ_VEX */
  uint8_t prefix; /* mandatory: 0, 66h, F2h, F3h */
  uint8_t opcode;
  int8_t digit; /* ModRM.reg, -1 free */
  uint8_t imm;
  uint8_t values;
  uint16_t size; /* of the memory operand in bytes; 0: operand size */
  uint32_t attributes;
  uint32_t undefined; /* flags */
  uint32_t needs;     /* SOFT_HOST_… */
  unsigned index;
};

#define FUZZ_MAX_TEMPLATES 4096
extern FuzzTemplate fuzz_templates[];
extern unsigned fuzz_n_templates;
void fuzz_templates_init (void);

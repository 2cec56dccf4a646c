/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A decoded instruction, the functions that carry one out, and the fast ways to memory.
 */
#pragma once

#include <string.h>

#include "cpu/soft/soft.h"

G_BEGIN_DECLS

/* Carries out `insn` and goes on with the next one (a sibling call).  The dispatcher's own kind. */
typedef void (*SoftHandler) (SoftCpu *cpu, const SoftInsn *insn);
/* Carries out `insn` and returns.  What x87, SSE and system instructions use; soft_op_call() runs it. */
typedef void (*SoftHelper) (SoftCpu *cpu, const SoftInsn *insn);

struct SoftInsn
{
  SoftHandler handler;
  union
  {
    SoftHelper call;  /* for soft_op_call() */
    SoftBlock *chain; /* near branches: the target's block, if it is in the same page */
  };
  uint64_t imm; /* immediate, sign-extended; near branches: distance from the block's first byte */
  int32_t disp; /* of the effective address */
  uint8_t a,
      b; /* registers: destination (ModRM.reg or rm), source; byte registers: offset into SoftCpu.reg */
  uint8_t base, index; /* of the effective address; SOFT_REG_ZERO if absent */
  uint8_t scale;       /* 0 to 3 */
  uint8_t seg;         /* CPU_ES … CPU_GS, the override already applied */
  uint8_t size;        /* operand size in bytes */
  uint8_t address;     /* address size in bytes */
  uint8_t mem;         /* the operand that ModRM.rm names is memory */
  union
  {
    uint8_t rep; /* 0, 0xf2, 0xf3 */
    uint8_t v;   /* behind VEX, where no such prefix may be: register that vvvv names */
  };
  uint8_t length; /* bytes; 1 to 15 */
  union
  {
    uint8_t lock; /* LOCK prefix */
    uint8_t wide; /* behind VEX: SOFT_VEX_L, SOFT_VEX_W */
  };
  uint16_t offset; /* from the block's first byte */
  uint16_t
      opcode; /* last opcode byte; map in bits 8-9 (0, 0F, 0F38, 0F3A), bit 10 behind VEX; x87: 11 bits as FOP has them */
  uint8_t modrm;
  uint8_t rex;
  uint8_t unit_place; /* in a translated unit: the instruction's number */
  uint8_t unit_run;   /* how many are interpreted in one go from here on; 0: one */
};

/* -- Decoding -------------------------------------------------------------------------------------- */

/* Maps behind a VEX prefix have numbers of their own. */
#define SOFT_MAP_VEX 4
enum
{
  SOFT_VEX_L = 1 << 0, /* 256 bits */
  SOFT_VEX_W = 1 << 1,
};

typedef struct
{
  const uint8_t *bytes;
  unsigned available; /* bytes that may be read; more is `overrun` */
  unsigned position;
  gboolean overrun;
  uint32_t key;
  uint8_t mode;         /* SOFT_KEY_16, 32, 64 */
  uint8_t operand_size; /* 2, 4 or 8 by mode, 66 and REX.W */
  uint8_t address_size; /* 2, 4 or 8 */
  uint8_t rex;          /* 0, or 0x40 … 0x4f */
  uint8_t rep;          /* last of F2, F3; else 0 */
  gboolean opsize;      /* 66 was there */
  gboolean lock;
  int segment; /* override or -1 */
  uint8_t map; /* 0: one byte, 1: 0F, 2: 0F 38, 3: 0F 3A; the latter three + SOFT_MAP_VEX */
  uint8_t opcode;
  uint8_t vex_pp, vex_v, vex_wide; /* mandatory prefix 0 none, 1 66, 2 F3, 3 F2; register; SOFT_VEX_… */
  /* Set by soft_decode_modrm(): */
  uint8_t modrm;
  uint8_t mod, reg, rm; /* reg and rm with REX.R and REX.B */
} SoftDecode;

/* Next byte(s) of the instruction, zero-extended; 0 when they overrun. */
static inline uint8_t
soft_fetch8 (SoftDecode *d)
{
  if (d->position >= d->available)
    {
      d->overrun = TRUE;
      return 0;
    }
  return d->bytes[d->position++];
}

static inline uint16_t
soft_fetch16 (SoftDecode *d)
{
  uint16_t low = soft_fetch8 (d);
  return (uint16_t)(low | soft_fetch8 (d) << 8);
}

static inline uint32_t
soft_fetch32 (SoftDecode *d)
{
  uint32_t low = soft_fetch16 (d);
  return low | (uint32_t)soft_fetch16 (d) << 16;
}

static inline uint64_t
soft_fetch64 (SoftDecode *d)
{
  uint64_t low = soft_fetch32 (d);
  return low | (uint64_t)soft_fetch32 (d) << 32;
}

/* Reads ModRM, SIB and displacement: fills d->mod, reg, rm and insn->mem, base, index, scale, disp, seg, address, modrm. */
void soft_decode_modrm (SoftDecode *d, SoftInsn *insn);
/* The instruction is carried out by `call`. */
void soft_decode_call (SoftInsn *insn, SoftHelper call);
/* Runs insn->call, then the next instruction. */
void soft_op_call (SoftCpu *cpu, const SoftInsn *insn);
/* As soft_op_call(), for what may change the mode, RIP or pending interrupts: ends the block.  If the helper
 * changes RIP it calls soft_set_rip(). */
void soft_op_call_end (SoftCpu *cpu, const SoftInsn *insn);

/* -- Memory ----------------------------------------------------------------------------------------- */

#define SOFT_PAGE_MASK (~(uint64_t)0xfff)

/* Offset in the segment. */
static inline uint64_t
soft_ea (const SoftCpu *cpu, const SoftInsn *insn)
{
  uint64_t ea = cpu->reg[insn->base] + (cpu->reg[insn->index] << insn->scale) + (int64_t)insn->disp;
  if (insn->address == 4)
    return (uint32_t)ea;
  if (insn->address == 2)
    return (uint16_t)ea;
  return ea;
}

/* Linear address of an access; raises #SS or #GP where segmentation forbids it. */
static inline uint64_t
soft_linear (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, unsigned size, gboolean write)
{
  const SoftSegmentCheck *check = &cpu->check[seg];
  if (G_UNLIKELY (offset < check->low[write] || offset + (size - 1) > check->high[write]))
    soft_segment_fault (cpu, insn, seg);
  return (check->base + offset) & cpu->linear_mask;
}

static inline SoftTlbEntry *
soft_tlb_entry (SoftCpu *cpu, uint64_t linear)
{
  return &cpu->tlb[(linear >> 12) & (SOFT_TLB_SIZE - 1)];
}

/* One access of the host's for one of the guest's: other processors see it whole. */
static inline uint64_t
soft_load_host (const uint8_t *host, unsigned size)
{
  switch (size)
    {
    case 1:
      return __atomic_load_n (host, __ATOMIC_RELAXED);
    case 2:
      return __atomic_load_n ((const uint16_t *)host, __ATOMIC_RELAXED);
    case 4:
      return __atomic_load_n ((const uint32_t *)host, __ATOMIC_RELAXED);
    default:
      return __atomic_load_n ((const uint64_t *)host, __ATOMIC_RELAXED);
    }
}

static inline void
soft_store_host (uint8_t *host, uint64_t value, unsigned size)
{
  switch (size)
    {
    case 1:
      __atomic_store_n (host, (uint8_t)value, __ATOMIC_RELAXED);
      break;
    case 2:
      __atomic_store_n ((uint16_t *)host, (uint16_t)value, __ATOMIC_RELAXED);
      break;
    case 4:
      __atomic_store_n ((uint32_t *)host, (uint32_t)value, __ATOMIC_RELAXED);
      break;
    default:
      __atomic_store_n ((uint64_t *)host, value, __ATOMIC_RELAXED);
      break;
    }
}

/* Values at linear addresses, at the processor's present privilege. */
#define SOFT_DEFINE_LINEAR(bits)                                                                          \
  static inline uint##bits##_t soft_read##bits (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear)      \
  {                                                                                                       \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                             \
    if (G_LIKELY (entry->read == ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                             \
      {                                                                                                   \
        uint##bits##_t value;                                                                             \
        memcpy (&value, (const void *)(entry->addend + linear), sizeof value);                            \
        return value;                                                                                     \
      }                                                                                                   \
    return soft_read_slow (cpu, insn, linear, bits / 8);                                                  \
  }                                                                                                       \
  static inline void soft_write##bits (SoftCpu *cpu, const SoftInsn *insn, uint64_t linear,               \
                                       uint##bits##_t value)                                              \
  {                                                                                                       \
    const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);                                             \
    if (G_LIKELY (entry->write == ((linear + bits / 8 - 1) & SOFT_PAGE_MASK)))                            \
      memcpy ((void *)(entry->addend + linear), &value, sizeof value);                                    \
    else                                                                                                  \
      soft_write_slow (cpu, insn, linear, value, bits / 8);                                               \
  }                                                                                                       \
  static inline uint##bits##_t soft_load##bits (SoftCpu *cpu, const SoftInsn *insn, unsigned seg,         \
                                                uint64_t offset)                                          \
  {                                                                                                       \
    return soft_read##bits (cpu, insn, soft_linear (cpu, insn, seg, offset, bits / 8, FALSE));            \
  }                                                                                                       \
  static inline void soft_store##bits (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, \
                                       uint##bits##_t value)                                              \
  {                                                                                                       \
    soft_write##bits (cpu, insn, soft_linear (cpu, insn, seg, offset, bits / 8, TRUE), value);            \
  }

SOFT_DEFINE_LINEAR (8)
SOFT_DEFINE_LINEAR (16)
SOFT_DEFINE_LINEAR (32)
SOFT_DEFINE_LINEAR (64)

/* Any number of bytes up to a page, all or nothing. */
static inline void
soft_load_bytes (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, void *buffer,
                 unsigned length)
{
  soft_read_bytes (cpu, insn, soft_linear (cpu, insn, seg, offset, length, FALSE), buffer, length);
}

static inline void
soft_store_bytes (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, const void *buffer,
                  unsigned length)
{
  soft_write_bytes (cpu, insn, soft_linear (cpu, insn, seg, offset, length, TRUE), buffer, length);
}

/* 16 bytes; with `aligned`, #GP(0) for a linear address that isn't a multiple of 16. */
static inline void
soft_load128 (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, SoftXmm *value,
              gboolean aligned)
{
  uint64_t linear = soft_linear (cpu, insn, seg, offset, 16, FALSE);
  const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);
  if (aligned && (linear & 15) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (G_LIKELY (entry->read == ((linear + 15) & SOFT_PAGE_MASK)))
    memcpy (value, (const void *)(entry->addend + linear), 16);
  else
    soft_read_bytes (cpu, insn, linear, value, 16);
}

static inline void
soft_store128 (SoftCpu *cpu, const SoftInsn *insn, unsigned seg, uint64_t offset, const SoftXmm *value,
               gboolean aligned)
{
  uint64_t linear = soft_linear (cpu, insn, seg, offset, 16, TRUE);
  const SoftTlbEntry *entry = soft_tlb_entry (cpu, linear);
  if (aligned && (linear & 15) != 0)
    soft_raise_error (cpu, insn, EXC_GP, 0);
  if (G_LIKELY (entry->write == ((linear + 15) & SOFT_PAGE_MASK)))
    memcpy ((void *)(entry->addend + linear), value, 16);
  else
    soft_write_bytes (cpu, insn, linear, value, 16);
}

/* -- Flags ------------------------------------------------------------------------------------------- */

/* SoftCpu.af from and to the layout of EFLAGS. */
static inline uint32_t
soft_af_to_eflags (uint16_t af)
{
  return ((af >> 8) & (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF)) | ((af & 1) != 0 ? FLAG_OF : 0);
}

static inline uint16_t
soft_eflags_to_af (uint32_t eflags)
{
  return (uint16_t)((eflags & (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF)) << 8) | 0x200
         | ((eflags & FLAG_OF) != 0 ? 1 : 0);
}

/* The whole of RFLAGS. */
static inline uint32_t
soft_get_eflags (const SoftCpu *cpu)
{
  return cpu->eflags | FLAG_ONE | soft_af_to_eflags (cpu->af);
}

G_END_DECLS

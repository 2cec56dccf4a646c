/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The encoder: x86-64 instructions into the translator's buffer (SDM volume 2, chapter 2).  Only what the translator needs; nothing is
 * checked but the buffer's end, which soft_emit_room() looks at before each instruction of the guest.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <string.h>

G_BEGIN_DECLS

enum
{
  HOST_RAX,
  HOST_RCX,
  HOST_RDX,
  HOST_RBX,
  HOST_RSP,
  HOST_RBP,
  HOST_RSI,
  HOST_RDI,
  HOST_R8,
  HOST_R9,
  HOST_R10,
  HOST_R11,
  HOST_R12,
  HOST_R13,
  HOST_R14,
  HOST_R15,
  HOST_HIGH = 0x20, /* with 4 to 7: AH, CH, DH, BH */
  HOST_NONE = 0xff,
};

/* The operand that ModRM.rm names: a register, or memory at base + index * 2^scale + disp. */
typedef struct
{
  uint8_t is_memory;
  uint8_t reg;         /* register operand */
  uint8_t base, index; /* HOST_NONE: absent */
  uint8_t scale;
  uint8_t gs; /* from GS's base on */
  int32_t disp;
} EmitRm;

static inline EmitRm
emit_reg (unsigned n)
{
  return (EmitRm){ .reg = (uint8_t)n };
}

static inline EmitRm
emit_at (unsigned base, int64_t disp)
{
  return (EmitRm){ .is_memory = 1, .base = (uint8_t)base, .index = HOST_NONE, .disp = (int32_t)disp };
}

static inline EmitRm
emit_at_index (unsigned base, unsigned index, unsigned scale, int64_t disp)
{
  return (EmitRm){ .is_memory = 1,
                   .base = (uint8_t)base,
                   .index = (uint8_t)index,
                   .scale = (uint8_t)scale,
                   .disp = (int32_t)disp };
}

typedef struct
{
  uint8_t *start; /* writable view */
  uint32_t at, size;
} Emit;

static inline void
emit8 (Emit *e, unsigned value)
{
  e->start[e->at++] = (uint8_t)value;
}

static inline void
emit32 (Emit *e, uint32_t value)
{
  memcpy (e->start + e->at, &value, 4);
  e->at += 4;
}

static inline void
emit64 (Emit *e, uint64_t value)
{
  memcpy (e->start + e->at, &value, 8);
  e->at += 8;
}

/* Opcodes: 0xNN, 0x0fNN, 0x0f38NN, 0x0f3aNN, or'ed with a mandatory prefix. */
#define EMIT_F2 0xf2000000u
#define EMIT_F3 0xf3000000u
#define EMIT_66 0x66000000u

/* `size` is the operand size in bytes: 1 makes `reg` and a register `rm` byte registers.  `sizes` of the two may differ (MOVZX). */
void emit_full (Emit *e, uint32_t opcode, unsigned reg, unsigned reg_size, EmitRm rm, unsigned rm_size);

static inline void
emit_rm (Emit *e, unsigned size, uint32_t opcode, unsigned reg, EmitRm rm)
{
  emit_full (e, opcode, reg, size, rm, size);
}

/* An instruction with a VEX prefix (SDM volume 2, 2.3.5). */
typedef struct
{
  uint8_t map, pp, opcode; /* map 1: 0F, 2: 0F 38, 3: 0F 3A; pp 1: 66, 2: F3, 3: F2 */
  uint8_t l, w;
  uint8_t v; /* register in vvvv; 0 where it names none */
} EmitVex;
void emit_vex (Emit *e, EmitVex vex, unsigned reg, EmitRm rm);
/* Without operands. */
void emit_vex_bare (Emit *e, EmitVex vex);

/* `digit` in place of a register. */
void emit_digit (Emit *e, unsigned size, uint32_t opcode, unsigned digit, EmitRm rm);

/* -- Common instructions --------------------------------------------------------------------------- */

/* Moves between registers and memory; sizes 4 and 8 only. */
static inline void
emit_load (Emit *e, unsigned size, unsigned reg, EmitRm rm)
{
  emit_rm (e, size, 0x8b, reg, rm);
}

static inline void
emit_store (Emit *e, unsigned size, EmitRm rm, unsigned reg)
{
  emit_rm (e, size, 0x89, reg, rm);
}

static inline void
emit_lea (Emit *e, unsigned size, unsigned reg, EmitRm rm)
{
  emit_rm (e, size, 0x8d, reg, rm);
}

/* The whole register. */
void emit_constant (Emit *e, unsigned reg, uint64_t value);
/* Group 1 with an immediate; op as in ModRM.reg. */
void emit_alu_imm (Emit *e, unsigned size, unsigned op, EmitRm rm, int32_t imm);
/* Immediate of an operation on `size` bytes: 1, 2, or 4. */
void emit_imm (Emit *e, unsigned size, uint64_t imm);

/* Jumps with 32 bits of distance.  Returns where the distance lies, for emit_patch(). */
uint32_t emit_jmp (Emit *e);
uint32_t emit_jcc (Emit *e, unsigned condition);
void emit_patch (Emit *e, uint32_t place, uint32_t target);
static inline void
emit_patch_here (Emit *e, uint32_t place)
{
  emit_patch (e, place, e->at);
}
static inline void
emit_jmp_to (Emit *e, uint32_t target)
{
  emit_patch (e, emit_jmp (e), target);
}

enum
{
  CC_O,
  CC_NO,
  CC_B,
  CC_AE,
  CC_E,
  CC_NE,
  CC_BE,
  CC_A,
  CC_S,
};

G_END_DECLS

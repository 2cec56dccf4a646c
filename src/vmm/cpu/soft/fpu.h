/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * x87, MMX and SSE: the seam between the decoder and soft/fpu*.c, soft/mmx*.c, soft/sse*.c.
 *
 * The decoder has read prefixes and opcode (d->map, d->opcode, d->rep, d->opsize, d->rex, d->lock); these functions read
 * ModRM with soft_decode_modrm() and immediates, set insn->call with soft_decode_call(), and insn->a, b, imm as they like.
 * They return FALSE for what isn't an instruction (#UD); a LOCK prefix has been refused before.
 * Helpers carry out one instruction: (cpu, insn); memory operands are insn->seg and soft_ea(); faults leave nothing half done.
 */
#pragma once

#include "cpu/soft/fpu-check.h"

G_BEGIN_DECLS

/* D8 to DF.  insn->opcode is to be the 11 bits of FOP. */
gboolean soft_decode_fpu (SoftDecode *d, SoftInsn *insn);
/* Of the maps 0F, 0F 38 and 0F 3A: all of MMX, SSE to SSE4.2 (but for POPCNT, CRC32, MOVBE, which are integer), EMMS,
 * MOVNTI, all of 0F AE (FXSAVE, FXRSTOR, LDMXCSR, STMXCSR, XSAVE, XRSTOR, fences, CLFLUSH; RDFSBASE and its kin go through
 * soft_decode_fsgsbase()), and 0F 01 D0/D1 (XGETBV, XSETBV). */
gboolean soft_decode_sse (SoftDecode *d, SoftInsn *insn);
/* In decode-two.c: F3 0F AE /0 to /3 with a register; ModRM has been read. */
gboolean soft_decode_fsgsbase (SoftDecode *d, SoftInsn *insn);
/* 9B: FWAIT. */
void soft_fpu_wait (SoftCpu *cpu, const SoftInsn *insn);

/* Power-on state of x87, SSE and AVX (SDM volume 3, table 9-1). */
void soft_fpu_reset (SoftCpu *cpu);
/* To and from the standard format of XSAVE (legacy area, header, YMM); `area` has CPU_XSAVE_SIZE bytes.  Loading takes any
 * bytes: reserved bits are dropped. */
void soft_fpu_save (const SoftCpu *cpu, uint8_t *area);
void soft_fpu_load (SoftCpu *cpu, const uint8_t *area);

G_END_DECLS

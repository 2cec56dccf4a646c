/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A processor's registers as GDB wants them: target descriptions ("Debugging with GDB", appendix G, "i386 Features"), and the bytes of each register.
 *
 * Two descriptions: i386:x86-64, and i386 for what a person debugs in 16 and 32 bits.  The program counter is a linear address in both: with the code
 * segment's base, so that breakpoints and disassembly are right in real mode and wherever the base isn't 0; "ip" has the offset.
 */
#pragma once

#include "cpu/cpu-state.h"

G_BEGIN_DECLS

typedef enum
{
  GDB_BITS_32 = 32,
  GDB_BITS_64 = 64,
} GdbBits;

#define GDB_REGISTER_MOST 16 /* bytes */

/* The description, "target.xml"; owned by this module. */
const char *gdb_registers_xml (GdbBits bits);
unsigned gdb_registers_count (GdbBits bits);
/* Little-endian bytes of register `n` in `out`; their number, 0: there is no such register. */
unsigned gdb_register_get (GdbBits bits, unsigned n, const CpuState *state, uint8_t *out);
/* FALSE: there is no such register, it has another length, or it can't be set alone (a selector outside of real mode). */
gboolean gdb_register_set (GdbBits bits, unsigned n, CpuState *state, const uint8_t *data, unsigned length);
/* Number of "pc". */
unsigned gdb_register_pc (GdbBits bits);
/* Where the next instruction is: CS:RIP as a linear address. */
uint64_t gdb_linear_pc (const CpuState *state);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Instructions with a VEX prefix for programs of fuzz-cpu-sequences.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

/* Any of them to `code`; returns its length.  `random` is the program's, and goes on; a memory operand is at register `base` and eight bits. */
unsigned sequence_vex (uint64_t *random, gboolean compat, unsigned base, uint8_t code[16]);

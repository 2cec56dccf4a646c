/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * vectors.c: AVX2, FMA, F16C and BMI of an x86-64-v3 processor in a program.
 */
#pragma once

/* Prints what they give, for a comparison with the same program on the host; "none" where the processor hasn't all of them. */
void vectors_print (void);
/* Several processes with vector registers of their own; NULL, or what is wrong. */
const char *vectors_check (void);

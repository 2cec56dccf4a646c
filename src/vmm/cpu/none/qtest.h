/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The line protocol by which tests drive a machine without a processor, as QEMU's "qtest" speaks it: one command a line, one answer
 * "OK …" or "FAIL …" a line.
 *
 *   inb|inw|inl ADDR            outb|outw|outl ADDR VALUE
 *   readb|readw|readl|readq ADDR    writeb|writew|writel|writeq ADDR VALUE
 *   read ADDR SIZE   (hexadecimal bytes, "0x…")    write ADDR SIZE 0xDATA    memset ADDR SIZE BYTE
 *   clock_step [NS]  (to the next timer without NS; answers the time)        clock_set NS
 *   endianness       irq_intercept_in|irq_intercept_out PATH (refused: tests look at the controllers' registers)
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef struct Qtest Qtest;

/* A socket that listens at `path` (made with mode 0600); -1 and an error.  Before the process is confined. */
int qtest_listen (const char *path, GError **error);
/* One client at a time of `listener`, which it takes.  The machine must have a manual clock. */
Qtest *qtest_new (Vm *vm, const char *path, int listener, GError **error);
void qtest_free (Qtest *qtest);
/* Carries out one line (without its end) and returns the answer, with its end.  For tests of the protocol itself. */
char *qtest_command (Vm *vm, const char *line);

G_END_DECLS

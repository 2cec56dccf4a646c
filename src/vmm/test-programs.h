/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine that is there for a test program (--test-device): the program ends it with a status, and its first serial port writes to the standard output.
 *
 * Threads: the control loop's only, VM lock NOT held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

typedef struct
{
  Vm *vm;
  int *status; /* that the process ends with */
  int output;  /* the first serial port's far end; -1 */
} TestPrograms;
#define TEST_PROGRAMS_NONE \
  {                        \
    .output = -1           \
  }

/* Before the machine starts; both outlive it. */
gboolean test_programs_begin (TestPrograms *programs, Board *board, int *status, GError **error);
/* What the program wrote last.  The device loop has stopped. */
void test_programs_finish (TestPrograms *programs);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A parallel port of a PC with a printer at it that writes what it is sent to a file.  IEEE 1284-2000: compatibility mode, clause 6.2; registers and EPP's
 * cycles as annex C has them (data, status, control, and five ports of EPP), as on the 82C710 and its like.  A read in byte mode finds nobody: the printer has
 * no reverse channel, and an EPP cycle runs into the timeout that a port has where no device answers.
 *
 * The guest never waits for the host: a thread writes.  Where it can't follow the printer is busy, where the file takes no more (no room) it is out of
 * paper, and tries again each second.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define PARALLEL_LPT1    0x378
#define PARALLEL_IRQ     7
#define PARALLEL_WAITING 65536u /* bytes that the printer keeps before it is busy */

enum
{
  PARALLEL_DATA = 0,
  PARALLEL_STATUS = 1,
  PARALLEL_CONTROL = 2,
  PARALLEL_EPP_ADDRESS = 3,
  PARALLEL_EPP_DATA = 4, /* to 7 */
  PARALLEL_N_PORTS = 8,
};

enum
{
  PARALLEL_STATUS_TIMEOUT = 1 << 0, /* of EPP; writing it as 1 clears it */
  PARALLEL_STATUS_ONES = 3 << 1,
  PARALLEL_STATUS_NO_ERROR = 1 << 3,
  PARALLEL_STATUS_SELECTED = 1 << 4,
  PARALLEL_STATUS_NO_PAPER = 1 << 5,
  PARALLEL_STATUS_NO_ACK = 1 << 6,
  PARALLEL_STATUS_READY = 1 << 7, /* BUSY, turned over */
};

enum
{
  PARALLEL_CONTROL_STROBE = 1 << 0,
  PARALLEL_CONTROL_AUTO_FEED = 1 << 1,
  PARALLEL_CONTROL_NO_INIT = 1 << 2,
  PARALLEL_CONTROL_SELECT = 1 << 3,
  PARALLEL_CONTROL_IRQ = 1 << 4,
  PARALLEL_CONTROL_INPUT = 1 << 5, /* the data lines are the device's */
  PARALLEL_CONTROL_ALL = 0x3f,
};

/* At PARALLEL_LPT1.  `fd` is taken (-1: no printer), behind whose end is written; `path` is for errors. */
Device *parallel_new (Vm *vm, const char *id, IrqLine irq, int fd, const char *path, GError **error);

G_END_DECLS

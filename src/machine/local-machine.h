/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine of this computer: a folder with machine.ini, and, while it runs, a monitor process behind a control socket.  The monitor
 * outlives us; a VivLocalMachine made later finds it again.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

#define VIV_TYPE_LOCAL_MACHINE (viv_local_machine_get_type ())
G_DECLARE_FINAL_TYPE (VivLocalMachine, viv_local_machine, VIV, LOCAL_MACHINE, VivMachine)

/* `folder` has a machine.ini, or is shown as broken.  Reads that small file, and looks for a running monitor at once ("live" follows). */
VivMachine *viv_local_machine_new (const char *folder);
/* viv_machine_reload() if the file is another one than was read last, else a probe. */
void viv_local_machine_reload_if_changed (VivLocalMachine *machine);

/* A start is given up, and what it began ended, when its monitor has neither said anything nor worked for so long.  Tests make it shorter. */
extern unsigned viv_start_timeout_ms;

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A copy of a machine (machine/clone.h), as a job of the application: its name is asked for, the copying can be stopped.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

/* Of a machine of this computer that is off. */
void viv_operation_clone (VivShell *shell, VivMachine *machine); /* asks */

G_END_DECLS

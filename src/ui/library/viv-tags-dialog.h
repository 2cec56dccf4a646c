/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tags of one or several machines: those that there are, to be checked, and room for a new one.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

/* Asks over the shell; `machines` (VivMachine) may be the caller's again at once.  What some of them have and others haven't stays so unless
 * it is checked or unchecked. */
void viv_tags_dialog_ask (VivShell *shell, GPtrArray *machines);

G_END_DECLS

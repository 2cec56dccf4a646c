/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does to several machines at once: one answer, one toast and one error for all of them.  A list of one is as good as
 * viv-operations.h.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

/* Lists are of VivMachine and may be the caller's again at once. */

/* What some of them could do now. */
gboolean viv_many_can_start (GPtrArray *machines);
gboolean viv_many_can_power_off (GPtrArray *machines);
/* None of them runs. */
gboolean viv_many_can_delete (GPtrArray *machines);

/* Those that are off. */
void viv_many_start (VivShell *shell, GPtrArray *machines);
/* Presses the power button of those that run. */
void viv_many_power_off (VivShell *shell, GPtrArray *machines);
/* Into the trash, with a toast to undo it for all. */
void viv_many_delete (VivShell *shell, GPtrArray *machines);
/* `add` and `remove` end with NULL. */
void viv_many_tag (VivShell *shell, GPtrArray *machines, const char *const *add, const char *const *remove);

G_END_DECLS

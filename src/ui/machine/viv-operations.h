/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does to a machine, from its card or from its page alike: with the questions, toasts and errors that belong
 * to it.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

void viv_operation_start (VivShell *shell, VivMachine *machine);
void viv_operation_pause (VivShell *shell, VivMachine *machine);
void viv_operation_resume (VivShell *shell, VivMachine *machine);
void viv_operation_reset (VivShell *shell, VivMachine *machine); /* asks */
/* Presses the power button; what does not shut down then can be forced off from a toast. */
void viv_operation_power_off (VivShell *shell, VivMachine *machine);
void viv_operation_still_on (VivShell *shell, VivMachine *machine);
void viv_operation_force_off (VivShell *shell, VivMachine *machine); /* asks */
/* A crashed machine's monitor is ended; and the machine started anew. */
void viv_operation_switch_off (VivShell *shell, VivMachine *machine);
void viv_operation_restart (VivShell *shell, VivMachine *machine);
void viv_operation_rename (VivShell *shell, VivMachine *machine); /* asks */
void viv_operation_open_folder (VivShell *shell, VivMachine *machine);
/* In a window of its own. */
void viv_operation_open_window (VivShell *shell, VivMachine *machine);
void viv_operation_settings (VivShell *shell, VivMachine *machine);
/* At the row of a key ("disk0.path"); NULL: none. */
void viv_operation_settings_at (VivShell *shell, VivMachine *machine, const char *key);
/* Shows `error` with the end of the machine's log.  Nothing for G_IO_ERROR_CANCELLED. */
void viv_operation_failed (VivShell *shell, VivMachine *machine, const char *heading, const GError *error);

/* For people: "Running", "Off", …; and the class of a dot beside it. */
const char *viv_state_label (VivMachine *machine);
const char *viv_state_class (VivMachine *machine);
/* "hardware virtualisation", "software processor", … */
const char *viv_engine_label (const char *engine);

G_END_DECLS

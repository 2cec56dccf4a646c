/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does to a machine, from its card or from its page alike: with the questions, toasts and errors that belong
 * to it.
 */
#pragma once

#include "ui/app/viv-window.h"

G_BEGIN_DECLS

void viv_operation_start (VivWindow *window, VivMachine *machine);
void viv_operation_pause (VivWindow *window, VivMachine *machine);
void viv_operation_resume (VivWindow *window, VivMachine *machine);
void viv_operation_reset (VivWindow *window, VivMachine *machine); /* asks */
/* Presses the power button; what does not shut down then can be forced off from a toast. */
void viv_operation_power_off (VivWindow *window, VivMachine *machine);
void viv_operation_still_on (VivWindow *window, VivMachine *machine);
void viv_operation_force_off (VivWindow *window, VivMachine *machine); /* asks */
/* A crashed machine's monitor is ended; and the machine started anew. */
void viv_operation_switch_off (VivWindow *window, VivMachine *machine);
void viv_operation_restart (VivWindow *window, VivMachine *machine);
void viv_operation_rename (VivWindow *window, VivMachine *machine); /* asks */
/* Into the trash, with a toast to undo it. */
void viv_operation_delete (VivWindow *window, VivMachine *machine);
void viv_operation_open_folder (VivWindow *window, VivMachine *machine);
void viv_operation_settings (VivWindow *window, VivMachine *machine);
/* At the row of a key ("disk0.path"); NULL: none. */
void viv_operation_settings_at (VivWindow *window, VivMachine *machine, const char *key);
/* Shows `error` with the end of the machine's log.  Nothing for G_IO_ERROR_CANCELLED. */
void viv_operation_failed (VivWindow *window, VivMachine *machine, const char *heading, const GError *error);

/* For people: "Running", "Off", …; and the class of a dot beside it. */
const char *viv_state_label (VivMachine *machine);
const char *viv_state_class (VivMachine *machine);
/* "hardware virtualisation", "software processor", … */
const char *viv_engine_label (const char *engine);

G_END_DECLS

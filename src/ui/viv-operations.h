/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a person does to a machine, from its card or from its page alike: with the questions, toasts and errors that belong
 * to it.
 */
#pragma once

#include "ui/viv-window.h"

G_BEGIN_DECLS

void viv_operation_start (VivWindow *window, VivMachine *machine);
void viv_operation_pause (VivWindow *window, VivMachine *machine);
void viv_operation_resume (VivWindow *window, VivMachine *machine);
void viv_operation_reset (VivWindow *window, VivMachine *machine); /* asks */
void viv_operation_power_off (VivWindow *window, VivMachine *machine);
void viv_operation_force_off (VivWindow *window, VivMachine *machine); /* asks */
void viv_operation_rename (VivWindow *window, VivMachine *machine);    /* asks */
/* Into the trash, with a toast to undo it. */
void viv_operation_delete (VivWindow *window, VivMachine *machine);
void viv_operation_open_folder (VivWindow *window, VivMachine *machine);
void viv_operation_settings (VivWindow *window, VivMachine *machine);
/* Shows `error` with the end of the machine's log.  Nothing for G_IO_ERROR_CANCELLED. */
void viv_operation_failed (VivWindow *window, VivMachine *machine, const char *heading, const GError *error);

/* For people: "Running", "Off", …; and the class of a dot beside it. */
const char *viv_state_label (VivMachine *machine);
const char *viv_state_class (VivMachine *machine);
/* "hardware virtualisation", "software processor", … */
const char *viv_engine_label (const char *engine);

G_END_DECLS

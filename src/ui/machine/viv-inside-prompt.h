/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The prompt: a line to type in, with completion (Tab) and history (Up, Down), and above it what was answered.  The history is vivctl's, too.
 */
#pragma once

#include "machine/machine.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define VIV_TYPE_INSIDE_PROMPT (viv_inside_prompt_get_type ())
G_DECLARE_FINAL_TYPE (VivInsidePrompt, viv_inside_prompt, VIV, INSIDE_PROMPT, GtkBox)

/* Whom it asks.  Once. */
void viv_inside_prompt_set_machine (VivInsidePrompt *self, VivMachine *machine);
/* Carries out a line as if it had been typed. */
void viv_inside_prompt_run (VivInsidePrompt *self, const char *line);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * “Look Inside”: a running machine's registers, code, memory, page tables, devices, interrupts, and the prompt.  What it shows are the prompt's own answers
 * (vmm/debug/commands.h); looking changes nothing in the guest.
 */
#pragma once

#include "machine/machine.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_INSIDE_WINDOW (viv_inside_window_get_type ())
G_DECLARE_FINAL_TYPE (VivInsideWindow, viv_inside_window, VIV, INSIDE_WINDOW, AdwWindow)

/* The machine's one, which is made where there is none yet.  Owned by GTK, as windows are; `application` may be NULL. */
GtkWindow *viv_inside_window_of (VivMachine *machine, GtkApplication *application);
/* Goes to a page: "registers", "memory", "prompt", … */
void viv_inside_window_show_page (VivInsideWindow *self, const char *id);

G_END_DECLS

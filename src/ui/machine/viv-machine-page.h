/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The page of one machine: its screen, and what can be done while one looks at it.
 */
#pragma once

#include <adwaita.h>

#include "machine/machine.h"

G_BEGIN_DECLS

#define VIV_TYPE_MACHINE_PAGE (viv_machine_page_get_type ())
G_DECLARE_FINAL_TYPE (VivMachinePage, viv_machine_page, VIV, MACHINE_PAGE, AdwBin)

/* May be NULL. */
void viv_machine_page_set_machine (VivMachinePage *self, VivMachine *machine);
VivMachine *viv_machine_page_get_machine (VivMachinePage *self);
/* On the screen, or on the button that is wanted next. */
void viv_machine_page_focus (VivMachinePage *self);

G_END_DECLS

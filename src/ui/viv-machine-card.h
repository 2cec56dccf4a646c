/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine in the library: its screen, name and state, and a menu of what can be done to it.
 */
#pragma once

#include "machine/machine.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define VIV_TYPE_MACHINE_CARD (viv_machine_card_get_type ())
G_DECLARE_FINAL_TYPE (VivMachineCard, viv_machine_card, VIV, MACHINE_CARD, GtkWidget)

GtkWidget *viv_machine_card_new (void);
/* May be NULL. */
void viv_machine_card_set_machine (VivMachineCard *self, VivMachine *machine);
VivMachine *viv_machine_card_get_machine (VivMachineCard *self);
/* At a point of the card; negative: below the thumbnail, as for the Menu key. */
void viv_machine_card_popup (VivMachineCard *self, double x, double y);

G_END_DECLS

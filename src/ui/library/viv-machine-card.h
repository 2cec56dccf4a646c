/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine in the library: its screen, name and state, and a menu of what can be done to it.  A card of the grid, or a row of the list.
 */
#pragma once

#include "machine/machine.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define VIV_TYPE_MACHINE_CARD (viv_machine_card_get_type ())
G_DECLARE_FINAL_TYPE (VivMachineCard, viv_machine_card, VIV, MACHINE_CARD, GtkWidget)

typedef enum
{
  VIV_CARD_GRID, /* the screen above the name */
  VIV_CARD_LIST, /* the system's icon, name, what it is, state: side by side */
} VivCardShape;

GtkWidget *viv_machine_card_new (VivCardShape shape);
/* May be NULL. */
void viv_machine_card_set_machine (VivMachineCard *self, VivMachine *machine);
VivMachine *viv_machine_card_get_machine (VivMachineCard *self);
/* At a point of the card; negative: below the thumbnail, as for the Menu key. */
void viv_machine_card_popup (VivMachineCard *self, double x, double y);

G_END_DECLS

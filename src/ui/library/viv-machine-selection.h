/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Several machines chosen in the library.  At first a click opens a machine; a click with Ctrl or Shift, Ctrl+A, Shift and an arrow, or the button
 * for it begin the choosing: from then on a click adds a machine or takes it away, until the choosing ends.
 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define VIV_TYPE_MACHINE_SELECTION (viv_machine_selection_get_type ())
G_DECLARE_FINAL_TYPE (VivMachineSelection, viv_machine_selection, VIV, MACHINE_SELECTION, GObject)

/* Property "active": machines are being chosen.  Signal "changed": which ones, or "active". */

/* Of the machines of `model`, which is taken. */
VivMachineSelection *viv_machine_selection_new (GListModel *model);
/* For the views. */
GtkSelectionModel *viv_machine_selection_get_model (VivMachineSelection *self);
/* A GtkGridView or GtkListView, which lives as long as we do. */
void viv_machine_selection_add_view (VivMachineSelection *self, GtkWidget *view);
gboolean viv_machine_selection_is_active (VivMachineSelection *self);
/* Begins with none, ends with none. */
void viv_machine_selection_set_active (VivMachineSelection *self, gboolean active);
/* VivMachine, in the order that is shown; none if not active.  Transfer full. */
GPtrArray *viv_machine_selection_list (VivMachineSelection *self);

G_END_DECLS

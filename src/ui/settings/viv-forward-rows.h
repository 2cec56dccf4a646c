/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The ports of this computer that lead to a machine, as rows: to add, change and remove, and to test whether the system answers there.
 */
#pragma once

#include "ui/settings/viv-settings-store.h"

G_BEGIN_DECLS

#define VIV_TYPE_FORWARD_ROWS (viv_forward_rows_get_type ())
G_DECLARE_FINAL_TYPE (VivForwardRows, viv_forward_rows, VIV, FORWARD_ROWS, AdwExpanderRow)

/* Of the card `id` ("net0"). */
GtkWidget *viv_forward_rows_new (VivSettingsStore *store, const char *id);
/* "net0.forward" */
const char *viv_forward_rows_get_key (VivForwardRows *self);

G_END_DECLS

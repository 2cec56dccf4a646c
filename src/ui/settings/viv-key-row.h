/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A row for one key of one device, made from the table of keys: a switch, a number, a choice, a line of text or a file, as the key's type
 * asks for.  What a person sets is offered by a signal; what is refused goes back to what is.
 */
#pragma once

#include "machine/definition.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_KEY_ROW (viv_key_row_get_type ())
G_DECLARE_FINAL_TYPE (VivKeyRow, viv_key_row, VIV, KEY_ROW, GObject)

/* Signal "store" (const char *value) → gboolean: a person has set it; FALSE: it was refused. */

/* `key` is the table's, `id` a device's ("disk0").  Title and help are those of viv-settings-texts.h, else the table's.  It lives as long as
 * its widget. */
VivKeyRow *viv_key_row_new (const DefinitionKey *key, const char *id);
/* The row in the list; and what in it has the value, which may be the same. */
GtkWidget *viv_key_row_get_widget (VivKeyRow *self);
GtkWidget *viv_key_row_get_control (VivKeyRow *self);
/* "disk0.readonly" */
const char *viv_key_row_get_key (VivKeyRow *self);
/* Of a choice, in the order of its labels; NULL: it is none. */
const char *const *viv_key_row_get_values (VivKeyRow *self);
/* Shows what `definition` has; a line that has the focus is left to who types. */
void viv_key_row_show (VivKeyRow *self, const MachineDefinition *definition);
/* Its widget is about to go: what it says on the way is no answer. */
void viv_key_row_retire (VivKeyRow *self);

G_END_DECLS

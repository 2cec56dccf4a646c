/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The definition that a settings window shows and changes: each change is checked and saved at once, and what others write meanwhile
 * is seen.  Its rows and groups know this, and no window.
 */
#pragma once

#include "machine/edit.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_SETTINGS_STORE (viv_settings_store_get_type ())
G_DECLARE_FINAL_TYPE (VivSettingsStore, viv_settings_store, VIV, SETTINGS_STORE, GObject)

/* Signals: "changed": the definition is another, or is to be shown again since something was refused.
 * "toast" (AdwToast *): something to say to the person; the window shows it. */

VivSettingsStore *viv_settings_store_new (VivMachine *machine);
VivMachine *viv_settings_store_get_machine (VivSettingsStore *self);
/* What is on the disk.  Valid until "changed". */
const MachineDefinition *viv_settings_store_get_definition (VivSettingsStore *self);
/* All of `changes` or none.  FALSE if they won't do, which is said. */
gboolean viv_settings_store_edit (VivSettingsStore *self, const VivChange *changes, unsigned n);
/* One key, in the running machine where that can be.  What won't do is said later. */
void viv_settings_store_set_now (VivSettingsStore *self, const char *key, const char *value);
/* The same as viv_settings_store_edit() for something that goes away; `undo` (`n_undo` of them) brings it back from the toast that says `title`. */
void viv_settings_store_remove (VivSettingsStore *self, const char *title, const VivChange *changes,
                                unsigned n, const VivChange *undo, unsigned n_undo);
void viv_settings_store_say (VivSettingsStore *self, const char *message);

G_END_DECLS

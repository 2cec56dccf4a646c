/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The devices of a machine on a page of its settings: a group for each device that the table of kinds puts there and a machine can have
 * several of, with a row for each of its keys; what is in a drive; new devices, and taking them out, with a way back.  Images are never removed here.
 */
#pragma once

#include "machine/os-profile.h"
#include "ui/settings/viv-settings-store.h"

G_BEGIN_DECLS

#define VIV_TYPE_DEVICE_GROUPS (viv_device_groups_get_type ())
G_DECLARE_FINAL_TYPE (VivDeviceGroups, viv_device_groups, VIV, DEVICE_GROUPS, GObject)

#define VIV_DEVICES_DRIVES "drives"  /* the kinds whose page in the table is this */
#define VIV_DEVICES_OTHERS "devices" /* all others */

/* At the end of `page`, for as long as that lives.  `name` is one of the two above, and of the action group there: "new-disk", "add-image",
 * "add" (kind). */
VivDeviceGroups *viv_device_groups_new (VivSettingsStore *store, AdwPreferencesPage *page, const char *name);
/* The first row of a device ("disk0"); NULL if it isn't here. */
GtkWidget *viv_device_groups_find (VivDeviceGroups *self, const char *id);
/* Of VivKeyRow, as they are now; "disk0.path" has none. */
GPtrArray *viv_device_groups_get_rows (VivDeviceGroups *self);
/* Before the page goes. */
void viv_device_groups_retire (VivDeviceGroups *self);
/* Whether a file that is `media` can be a drive's: it is of a format that can be used.  Otherwise an error that says what to do.
 * `kind` of the drive. */
gboolean viv_device_groups_check_image (const MachineDefinition *definition, DriveKind kind, const char *path,
                                        const MediaInfo *media, GError **error);

G_END_DECLS

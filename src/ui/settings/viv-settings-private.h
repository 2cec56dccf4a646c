/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings window inside: the window with its pages (viv-settings-window.c), a row for each type of key
 * (viv-settings-rows.c), and the drives (viv-settings-drives.c).
 */
#pragma once

#include "machine/edit.h"
#include "machine/os-profile.h"
#include "ui/settings/viv-settings-window.h"

G_BEGIN_DECLS

struct _VivSettingsWindow
{
  AdwPreferencesWindow parent_instance;

  VivMachine *machine;
  MachineDefinition *definition; /* a copy of what is on the disk */
  GPtrArray *rows;               /* SettingsRow *, owned; those of drives come and go */
  AdwPreferencesPage *drives_page;
  GPtrArray *drive_groups;
  char *drives_shown; /* what the groups were made from */
  gboolean showing;   /* values are being put into the rows */
  gboolean told;
};

/* All of `changes` or none.  FALSE if they won't do: it is said in a toast, and the rows show what is. */
gboolean viv_settings_edit (VivSettingsWindow *self, const VivChange *changes, unsigned n);
/* The same for something that goes away; `undo` (`n_undo` of them) brings it back from the toast that says `title`. */
void viv_settings_remove (VivSettingsWindow *self, const char *title, const VivChange *changes, unsigned n,
                          const VivChange *undo, unsigned n_undo);
void viv_settings_say (VivSettingsWindow *self, const char *message);

typedef struct SettingsRow SettingsRow;
struct SettingsRow
{
  VivSettingsWindow *window;
  char *key; /* "disk0.readonly" */
  const DefinitionKey *definition_key;
  GtkWidget *row, *control; /* control: what has the value; may be the row itself */
  char **values;            /* of a choice, in the order of its labels */
  void (*show) (SettingsRow *row, const char *value);
};
/* A row for the key `key` ("disk0.readonly"), kept in `rows`.  `help` may be NULL: the table's. */
GtkWidget *viv_settings_row (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key,
                             const char *title, const char *help);
/* One of `values`, shown as `labels`. */
GtkWidget *viv_settings_choice (VivSettingsWindow *self, const char *key, const char *title, const char *help,
                                char **values, char **labels);
void viv_settings_show_values (VivSettingsWindow *self);
void viv_settings_row_free (gpointer row);

void viv_settings_install_drive_actions (GtkWidgetClass *widget_class);
/* Nothing if they are as they were. */
void viv_settings_build_drives (VivSettingsWindow *self);
/* The row of a drive; NULL if there is none. */
GtkWidget *viv_settings_drive_row (VivSettingsWindow *self, const char *drive);
/* Whether a file that is `media` can be a drive's: it is of a format that can be used.  Otherwise an error that says what to do.
 * `kind` of the drive. */
gboolean viv_settings_check_image (const MachineDefinition *definition, DriveKind kind, const char *path,
                                   const MediaInfo *media, GError **error);

G_END_DECLS

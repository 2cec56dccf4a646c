/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A row for each type of key.  What is refused goes back to what is.
 */
#define G_LOG_DOMAIN "viv-settings-rows"

#include "config.h"

#include "machine/os-profile.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-rows.h"
#include "ui/settings/viv-settings-private.h"

#include <glib/gi18n.h>
#include <string.h>

#define MIB         (1024.0 * 1024)
#define FEW_NUMBERS 1024 /* of so many the good ones can be listed */

static const char *const choice_labels[][2] = {
  { "auto", N_ ("Automatic") },
  { "square", N_ ("Square pixels") },
  { "4:3", N_ ("Always 4:3") },
  { "kvm", N_ ("Hardware virtualisation (KVM)") },
  { "software", N_ ("Software processor") },
  { "none", N_ ("None") },
  { "utc", N_ ("World time (UTC)") },
  { "localtime", N_ ("Local time") },
  { "stop", N_ ("Clocks go on where they stood") },
  { "catch-up", N_ ("Catch up with the time") },
  { "pc", N_ ("PC of 1996 (i440FX, PIIX3)") },
  { "vga", N_ ("VGA") },
  { "bios", N_ ("BIOS (SeaBIOS)") },
};

static const struct
{
  char letter;
  const char *label;
} boot_labels[] = {
  { 'a', N_ ("floppy") },
  { 'c', N_ ("disk") },
  { 'd', N_ ("CD") },
  { 'n', N_ ("network") },
};

static gboolean
store (SettingsRow *row, const char *value)
{
  g_autofree char *old = definition_get (row->window->definition, row->key, NULL);

  if (row->window->showing || g_strcmp0 (old ? old : "", value) == 0)
    return TRUE;
  return viv_settings_edit (row->window, &(VivChange){ row->key, value }, 1);
}

void
viv_settings_row_free (gpointer data)
{
  SettingsRow *row = data;

  g_free (row->key);
  g_strfreev (row->values);
  g_free (row);
}

static SettingsRow *
row_new (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key, GtkWidget *widget)
{
  SettingsRow *row = g_new0 (SettingsRow, 1);

  row->window = self;
  row->key = g_strdup (key);
  row->definition_key = definition_key;
  row->row = row->control = widget;
  g_ptr_array_add (self->rows, row);
  return row;
}

static void
set_title (GtkWidget *row, const char *title, const char *help)
{
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), title);
  if (ADW_IS_ACTION_ROW (row)
      && !(ADW_IS_COMBO_ROW (row) && adw_combo_row_get_use_subtitle (ADW_COMBO_ROW (row))))
    adw_action_row_set_subtitle (ADW_ACTION_ROW (row), help ? help : "");
  else
    gtk_widget_set_tooltip_text (row, help);
}

/* -- Text -- */

static void
show_entry (SettingsRow *row, const char *value)
{
  gtk_editable_set_text (GTK_EDITABLE (row->control), value);
  gtk_widget_remove_css_class (row->row, "error");
}

/* What was typed stays to be mended. */
static void
on_entry_apply (GtkWidget *widget, SettingsRow *row)
{
  g_autofree char *text = g_strdup (gtk_editable_get_text (GTK_EDITABLE (widget)));

  if (store (row, text))
    {
      gtk_widget_remove_css_class (widget, "error");
      return;
    }
  gtk_editable_set_text (GTK_EDITABLE (widget), text);
  gtk_widget_add_css_class (widget, "error");
}

static void
on_file (GFile *file, gpointer owner, gpointer about)
{
  g_autofree char *path = g_file_get_path (file);

  g_autofree char *text = path ? definition_path_to_text (path) : NULL;

  if (text)
    viv_settings_edit (owner, &(VivChange){ about, text }, 1);
}

static void
on_choose_file (GtkButton *button, SettingsRow *row)
{
  viv_choose_image (GTK_WINDOW (row->window), adw_preferences_row_get_title (ADW_PREFERENCES_ROW (row->row)),
                    on_file, row->window, g_strdup (row->key), g_free);
}

static GtkWidget *
choose_button (SettingsRow *row)
{
  GtkWidget *button = viv_row_button ("document-open-symbolic", _ ("Choose a File"));

  g_signal_connect (button, "clicked", G_CALLBACK (on_choose_file), row);
  return button;
}

static GtkWidget *
make_entry (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key)
{
  GtkWidget *widget = adw_entry_row_new ();
  SettingsRow *row = row_new (self, definition_key, key, widget);

  row->show = show_entry;
  adw_entry_row_set_show_apply_button (ADW_ENTRY_ROW (widget), TRUE);
  if (definition_key->type == KEY_PATH)
    adw_entry_row_add_suffix (ADW_ENTRY_ROW (widget), choose_button (row));
  g_signal_connect (widget, "apply", G_CALLBACK (on_entry_apply), row);
  return widget;
}

/* -- Yes or no -- */

static void
show_switch (SettingsRow *row, const char *value)
{
  gtk_switch_set_active (GTK_SWITCH (row->control), g_str_equal (value, "true"));
}

static void
on_switch (GtkSwitch *widget, GParamSpec *pspec, SettingsRow *row)
{
  store (row, gtk_switch_get_active (widget) ? "true" : "false");
}

static GtkWidget *
make_switch (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key)
{
  GtkWidget *widget = adw_action_row_new ();
  SettingsRow *row = row_new (self, definition_key, key, widget);

  row->control = gtk_switch_new ();
  row->show = show_switch;
  gtk_widget_set_valign (row->control, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (widget), row->control);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (widget), row->control);
  g_signal_connect (row->control, "notify::active", G_CALLBACK (on_switch), row);
  return widget;
}

/* -- Numbers and sizes -- */

static void
show_spin (SettingsRow *row, const char *value)
{
  uint64_t bytes = 0;

  if (row->definition_key->type == KEY_NUMBER)
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (row->control), g_ascii_strtoull (value, NULL, 10));
  else if (definition_parse_size (value, &bytes, NULL))
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (row->control), bytes / MIB);
}

static void
on_spin (GtkSpinButton *spin, SettingsRow *row)
{
  g_autofree char *value = g_strdup_printf ("%d%s", gtk_spin_button_get_value_as_int (spin),
                                            row->definition_key->type == KEY_SIZE ? "M" : "");

  store (row, value);
}

static GtkWidget *
make_spin (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key)
{
  GtkWidget *widget = adw_action_row_new ();
  SettingsRow *row = row_new (self, definition_key, key, widget);
  gboolean size = definition_key->type == KEY_SIZE;
  double unit = size ? MIB : 1;

  row->control = gtk_spin_button_new_with_range (definition_key->min / unit, definition_key->max / unit,
                                                 size ? 64 : 1);
  row->show = show_spin;
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (row->control), TRUE);
  gtk_widget_set_valign (row->control, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (widget), row->control);
  if (size)
    {
      GtkWidget *label = gtk_label_new ("MiB");

      gtk_widget_add_css_class (label, "dim-label");
      adw_action_row_add_suffix (ADW_ACTION_ROW (widget), label);
    }
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (widget), row->control);
  g_signal_connect (row->control, "value-changed", G_CALLBACK (on_spin), row);
  return widget;
}

/* -- One of several -- */

static char *
label_of (const char *key, const char *value)
{
  g_autoptr (GString) order = NULL;

  if (g_str_equal (key, "machine.boot"))
    {
      order = g_string_new (NULL);
      for (const char *p = value; *p; p++)
        for (unsigned i = 0; i < G_N_ELEMENTS (boot_labels); i++)
          if (boot_labels[i].letter == *p)
            g_string_append_printf (order, "%s%s", order->len ? _ (", then ") : "", _ (boot_labels[i].label));
      return viv_sentence (order->str);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (choice_labels); i++)
    if (g_str_equal (value, choice_labels[i][0]))
      return g_strdup (_ (choice_labels[i][1]));
  if (g_str_equal (key, "display0.video-memory"))
    return g_strdup_printf ("%s MiB", value);
  return g_path_is_absolute (value) ? g_path_get_basename (value) : g_strdup (value);
}

static void
show_choice (SettingsRow *row, const char *value)
{
  guint n = g_strv_length (row->values);
  g_autoptr (OsProfile) profile = NULL;
  g_autofree char *label = NULL;
  GtkStringList *list;

  if (g_str_equal (row->key, "machine.os"))
    {
      profile = os_profile_lookup (*value ? value : NULL);
      value = profile->id;
    }

  for (guint i = 0; i < n; i++)
    if (g_str_equal (row->values[i], value))
      {
        adw_combo_row_set_selected (ADW_COMBO_ROW (row->control), i);
        return;
      }
  /* One that was written by hand is a choice too. */
  list = GTK_STRING_LIST (adw_combo_row_get_model (ADW_COMBO_ROW (row->control)));
  label = label_of (row->key, value);
  row->values = g_renew (char *, row->values, n + 2);
  row->values[n] = g_strdup (value);
  row->values[n + 1] = NULL;
  gtk_string_list_append (list, label);
  adw_combo_row_set_selected (ADW_COMBO_ROW (row->control), n);
}

static void
on_choice (AdwComboRow *widget, GParamSpec *pspec, SettingsRow *row)
{
  guint selected = adw_combo_row_get_selected (widget);

  if (selected < g_strv_length (row->values))
    store (row, row->values[selected]);
}

static GtkWidget *
make_choice (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key, char **values,
             char **labels)
{
  GtkWidget *widget = adw_combo_row_new ();
  SettingsRow *row = row_new (self, definition_key, key, widget);
  g_autoptr (GtkStringList) list = gtk_string_list_new ((const char *const *)labels);

  /* The choice may become the subtitle, and names of systems and files are no markup. */
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (widget), FALSE);
  row->values = g_strdupv (values);
  row->show = show_choice;
  adw_combo_row_set_model (ADW_COMBO_ROW (widget), G_LIST_MODEL (list));
  /* What may be long stands below the title, where a narrow window has room for it. */
  adw_combo_row_set_use_subtitle (ADW_COMBO_ROW (widget), definition_key && definition_key->type != KEY_CHOICE
                                                              && definition_key->type != KEY_NUMBER);
  g_signal_connect (widget, "notify::selected", G_CALLBACK (on_choice), row);
  if (definition_key && definition_key->type == KEY_PATH)
    adw_action_row_add_suffix (ADW_ACTION_ROW (widget), choose_button (row));
  return widget;
}

static GtkWidget *
make_labelled_choice (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key,
                      char **values)
{
  g_auto (GStrv) labels = g_strdupv (values);

  for (guint i = 0; labels[i]; i++)
    {
      g_free (labels[i]);
      labels[i] = label_of (key, values[i]);
    }
  return make_choice (self, definition_key, key, values, labels);
}

GtkWidget *
viv_settings_choice (VivSettingsWindow *self, const char *key, const char *title, const char *help,
                     char **values, char **labels)
{
  GtkWidget *row = make_choice (self, NULL, key, values, labels);

  set_title (row, title, help);
  return row;
}

/* -- Which row a key gets -- */

/* Those of few numbers that are good, where not all of them are; NULL otherwise. */
static char **
good_numbers (const DefinitionKey *key)
{
  g_autoptr (GStrvBuilder) good = NULL;
  gboolean all = TRUE;

  if (key->type != KEY_NUMBER || !key->check || key->max - key->min > FEW_NUMBERS)
    return NULL;
  good = g_strv_builder_new ();
  for (uint64_t n = key->min; n <= key->max; n++)
    {
      g_autofree char *text = g_strdup_printf ("%u", (unsigned)n);

      if (key->check (text))
        g_strv_builder_add (good, text);
      else
        all = FALSE;
    }
  return all ? NULL : g_strv_builder_end (good);
}

static char **
known_values (const DefinitionKey *definition_key, const char *key)
{
  static const char *const orders[] = { "dca", "dac", "cda", "cad", "adc", "acd", NULL };
  static const char *const firmware[] = { "bios", NULL };

  if (g_str_equal (key, "machine.boot"))
    return g_strdupv ((char **)orders);
  if (g_str_equal (key, "machine.firmware"))
    return g_strdupv ((char **)firmware);
  if (definition_key->type == KEY_CHOICE)
    return g_strsplit (definition_key->choices, "|", -1);
  return good_numbers (definition_key);
}

GtkWidget *
viv_settings_row (VivSettingsWindow *self, const DefinitionKey *definition_key, const char *key,
                  const char *title, const char *help)
{
  g_auto (GStrv) values = known_values (definition_key, key);
  GtkWidget *row = NULL;

  if (values)
    row = make_labelled_choice (self, definition_key, key, values);
  else
    switch (definition_key->type)
      {
      case KEY_BOOL:
        row = make_switch (self, definition_key, key);
        break;
      case KEY_NUMBER:
      case KEY_SIZE:
        row = make_spin (self, definition_key, key);
        break;
      case KEY_CHOICE:
      case KEY_STRING:
      case KEY_PATH:
        row = make_entry (self, definition_key, key);
        break;
      }
  set_title (row, title, help ? help : _ (definition_key->help));
  return row;
}

void
viv_settings_show_values (VivSettingsWindow *self)
{
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (self));

  self->showing = TRUE;
  for (guint i = 0; i < self->rows->len; i++)
    {
      SettingsRow *row = self->rows->pdata[i];
      g_autofree char *value = definition_get (self->definition, row->key, NULL);

      /* Not what is being typed. */
      if (row->show != show_entry || !focus || !gtk_widget_is_ancestor (focus, row->row))
        row->show (row, value ? value : "");
    }
  self->showing = FALSE;
}

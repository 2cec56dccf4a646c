/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A row for one key.
 */
#define G_LOG_DOMAIN "viv-key-row"

#include "config.h"

#include "ui/settings/viv-key-row.h"

#include "machine/os-profile.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-os.h"
#include "ui/app/viv-rows.h"
#include "ui/settings/viv-settings-texts.h"

#include <glib/gi18n.h>
#include <string.h>

#define MIB         (1024.0 * 1024)
#define FEW_NUMBERS 1024 /* of so many the good ones can be listed */

struct _VivKeyRow
{
  GObject parent_instance;

  const DefinitionKey *key;
  char *id; /* "disk0.readonly" */
  GtkWidget *widget, *control;
  char **values; /* of a choice, in the order of its labels */
  char *shown;
  gboolean showing; /* a value is being put in */
  void (*show) (VivKeyRow *self, const char *value);
};

G_DEFINE_FINAL_TYPE (VivKeyRow, viv_key_row, G_TYPE_OBJECT)

static guint store_signal;

static const char *const choice_labels[][2] = {
  { "auto", N_ ("Automatic") },
  { "square", N_ ("Square pixels") },
  { "4:3", N_ ("Always 4:3") },
  { "kvm", N_ ("Hardware virtualisation (KVM)") },
  { "software", N_ ("Software processor") },
  { "none", N_ ("None") },
  { "bios", N_ ("BIOS") },
  { "uefi", N_ ("UEFI") },
  { "uefi-secure", N_ ("UEFI with Secure Boot") },
  { "crb", N_ ("CRB") },
  { "tis", N_ ("TIS") },
  { "utc", N_ ("World time (UTC)") },
  { "localtime", N_ ("Local time") },
  { "stop", N_ ("Clocks go on where they stood") },
  { "catch-up", N_ ("Catch up with the time") },
  { "host", N_ ("As this computer’s") },
  { "486", N_ ("486") },
  { "pentium", N_ ("Pentium") },
  { "pentium3", N_ ("Pentium III") },
  { "x86-64", N_ ("64 bits, of 2004 (x86-64)") },
  { "x86-64-v2", N_ ("64 bits, of 2009 (x86-64-v2)") },
  { "x86-64-v3", N_ ("64 bits, of 2013 (x86-64-v3)") },
  { "reset", N_ ("Reset the machine") },
  { "poweroff", N_ ("Turn the machine off") },
  { "pause", N_ ("Pause the machine") },
  { "nmi", N_ ("Interrupt the system (NMI)") },
  { "socket", N_ ("Control socket") },
  { "file", N_ ("File") },
  { "pty", N_ ("Pseudo-terminal (pty)") },
  { "tcp", N_ ("TCP connection") },
  { "unix", N_ ("UNIX socket") },
  { "device", N_ ("Serial port of this computer") },
  { "listen", N_ ("From outside") },
  { "connect", N_ ("By the machine") },
  { "pc", N_ ("PC of 1996 (i440FX, PIIX3)") },
  { "vga", N_ ("VGA") },
  { "ide", N_ ("IDE") },
  { "ahci", N_ ("SATA (AHCI)") },
  { "virtio", N_ ("Virtio") },
  { "ps2", N_ ("PS/2") },
  { "split", N_ ("Split") },
  { "packed", N_ ("Packed") },
  { "isa", N_ ("Of the board (COM1 to COM4)") },
  { "usb", N_ ("USB") },
  { "xhci", N_ ("USB 3 (xHCI)") },
  { "ehci", N_ ("USB 2 (EHCI)") },
  { "uhci", N_ ("USB 1 (UHCI)") },
  { "scsi", N_ ("SCSI (virtio)") },
  { "nvme", N_ ("NVMe") },
  { "bios", N_ ("BIOS (SeaBIOS)") },
  { "user", N_ ("This computer’s network") },
  { "passt", N_ ("This computer’s network, by passt") },
  { "private", N_ ("My other machines") },
  { "multicast", N_ ("A group of computers (multicast)") },
  { "udp", N_ ("One other computer (UDP)") },
  { "tcp", N_ ("One other computer (TCP)") },
  { "tap", N_ ("A tap of this computer") },
  { "bridge", N_ ("A bridge of this computer") },
  { "up", N_ ("Plugged in") },
  { "down", N_ ("Pulled out") },
  { "e1000", N_ ("Intel 82540EM (e1000)") },
  { "e1000e", N_ ("Intel 82574L (e1000e)") },
  { "rtl8139", N_ ("Realtek 8139") },
  { "pcnet", N_ ("AMD PCnet") },
  { "ne2000", N_ ("NE2000") },
  { "ne2000-isa", N_ ("NE2000 on ISA (0x300, IRQ 5)") },
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
store (VivKeyRow *self, const char *value)
{
  gboolean stored = TRUE;

  if (!self->showing && g_strcmp0 (self->shown, value) != 0)
    g_signal_emit (self, store_signal, 0, value, &stored);
  return stored;
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
show_entry (VivKeyRow *self, const char *value)
{
  gtk_editable_set_text (GTK_EDITABLE (self->control), value);
  gtk_widget_remove_css_class (self->widget, "error");
}

/* What was typed stays to be mended. */
static void
on_entry_apply (GtkWidget *widget, VivKeyRow *self)
{
  g_autofree char *text = g_strdup (gtk_editable_get_text (GTK_EDITABLE (widget)));

  if (store (self, text))
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
  /* A path is bytes, a setting text. */
  g_autofree char *text = path ? definition_path_to_text (path) : NULL;

  if (text)
    store (owner, text);
}

static void
on_choose_file (GtkButton *button, VivKeyRow *self)
{
  GtkWindow *window = GTK_WINDOW (gtk_widget_get_root (self->widget));
  const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (self->widget));

  if (self->key->folder)
    viv_choose_folder (window, title, on_file, self, NULL, NULL);
  else
    viv_choose_image (window, title, on_file, self, NULL, NULL);
}

static GtkWidget *
choose_button (VivKeyRow *self)
{
  GtkWidget *button = self->key->folder ? viv_row_button ("folder-open-symbolic", _ ("Choose a Folder"))
                                        : viv_row_button ("document-open-symbolic", _ ("Choose a File"));

  g_signal_connect (button, "clicked", G_CALLBACK (on_choose_file), self);
  return button;
}

static GtkWidget *
make_entry (VivKeyRow *self)
{
  GtkWidget *widget = adw_entry_row_new ();

  self->show = show_entry;
  adw_entry_row_set_show_apply_button (ADW_ENTRY_ROW (widget), TRUE);
  if (self->key->type == KEY_PATH)
    adw_entry_row_add_suffix (ADW_ENTRY_ROW (widget), choose_button (self));
  g_signal_connect (widget, "apply", G_CALLBACK (on_entry_apply), self);
  return widget;
}

/* -- Yes or no -- */

static void
show_switch (VivKeyRow *self, const char *value)
{
  gtk_switch_set_active (GTK_SWITCH (self->control), g_str_equal (value, "true"));
}

static void
on_switch (GtkSwitch *widget, GParamSpec *pspec, VivKeyRow *self)
{
  store (self, gtk_switch_get_active (widget) ? "true" : "false");
}

static GtkWidget *
make_switch (VivKeyRow *self)
{
  GtkWidget *widget = adw_action_row_new ();

  self->control = gtk_switch_new ();
  self->show = show_switch;
  gtk_widget_set_valign (self->control, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (widget), self->control);
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (widget), self->control);
  g_signal_connect (self->control, "notify::active", G_CALLBACK (on_switch), self);
  return widget;
}

/* -- Numbers and sizes -- */

static void
show_spin (VivKeyRow *self, const char *value)
{
  uint64_t bytes = 0;

  if (self->key->type == KEY_NUMBER)
    gtk_spin_button_set_value (GTK_SPIN_BUTTON (self->control), g_ascii_strtoull (value, NULL, 10));
  else
    {
      /* "0" is none, and no size. */
      definition_parse_size (value, &bytes, NULL);
      gtk_spin_button_set_value (GTK_SPIN_BUTTON (self->control), bytes / MIB);
    }
}

static void
on_spin (GtkSpinButton *spin, VivKeyRow *self)
{
  g_autofree char *value = g_strdup_printf ("%d%s", gtk_spin_button_get_value_as_int (spin),
                                            self->key->type == KEY_SIZE ? "M" : "");

  store (self, value);
}

static GtkWidget *
make_spin (VivKeyRow *self)
{
  GtkWidget *widget = adw_action_row_new ();
  gboolean size = self->key->type == KEY_SIZE;
  double unit = size ? MIB : 1;

  self->control
      = gtk_spin_button_new_with_range (self->key->min / unit, self->key->max / unit, size ? 64 : 1);
  self->show = show_spin;
  gtk_spin_button_set_numeric (GTK_SPIN_BUTTON (self->control), TRUE);
  gtk_widget_set_valign (self->control, GTK_ALIGN_CENTER);
  adw_action_row_add_suffix (ADW_ACTION_ROW (widget), self->control);
  if (size)
    {
      GtkWidget *label = gtk_label_new ("MiB");

      gtk_widget_add_css_class (label, "dim-label");
      adw_action_row_add_suffix (ADW_ACTION_ROW (widget), label);
    }
  adw_action_row_set_activatable_widget (ADW_ACTION_ROW (widget), self->control);
  g_signal_connect (self->control, "value-changed", G_CALLBACK (on_spin), self);
  return widget;
}

/* -- One of several -- */

static char *
label_of (const char *id, const char *value)
{
  g_autoptr (GString) order = NULL;

  if (g_str_equal (id, "machine.boot"))
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
  if (g_str_equal (id, "display0.video-memory"))
    return g_strdup_printf ("%s MiB", value);
  return g_path_is_absolute (value) ? g_path_get_basename (value) : g_strdup (value);
}

static void
show_choice (VivKeyRow *self, const char *value)
{
  guint n = g_strv_length (self->values);
  g_autoptr (OsProfile) profile = NULL;
  g_autofree char *label = NULL;
  GtkStringList *list;

  if (g_str_equal (self->id, "machine.os"))
    {
      profile = os_profile_lookup (*value ? value : NULL);
      value = profile->id;
    }

  for (guint i = 0; i < n; i++)
    if (g_str_equal (self->values[i], value))
      {
        adw_combo_row_set_selected (ADW_COMBO_ROW (self->control), i);
        return;
      }
  /* One that was written by hand is a choice too. */
  list = GTK_STRING_LIST (adw_combo_row_get_model (ADW_COMBO_ROW (self->control)));
  label = label_of (self->id, value);
  self->values = g_renew (char *, self->values, n + 2);
  self->values[n] = g_strdup (value);
  self->values[n + 1] = NULL;
  gtk_string_list_append (list, label);
  adw_combo_row_set_selected (ADW_COMBO_ROW (self->control), n);
}

static void
on_choice (AdwComboRow *widget, GParamSpec *pspec, VivKeyRow *self)
{
  guint selected = adw_combo_row_get_selected (widget);

  if (selected < g_strv_length (self->values))
    store (self, self->values[selected]);
}

static GtkWidget *
make_choice (VivKeyRow *self)
{
  GtkWidget *widget = adw_combo_row_new ();
  g_autoptr (GtkStringList) list = gtk_string_list_new (NULL);
  gboolean os = g_str_equal (self->id, "machine.os");
  guint widest = 0;

  for (guint i = 0; self->values[i]; i++)
    {
      g_autofree char *label
          = os ? g_strdup (viv_os_label (self->values[i])) : label_of (self->id, self->values[i]);

      gtk_string_list_append (list, label);
      widest = MAX (widest, viv_text_width (label));
    }
  /* The choice may become the subtitle, and names of systems and files are no markup. */
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (widget), FALSE);
  self->show = show_choice;
  adw_combo_row_set_model (ADW_COMBO_ROW (widget), G_LIST_MODEL (list));
  /* What may be long stands below the title, where a narrow window has room for it. */
  viv_row_fit_choices (ADW_COMBO_ROW (widget));
  adw_combo_row_set_use_subtitle (
      ADW_COMBO_ROW (widget),
      widest > VIV_CHOICE_WIDTH || (!os && self->key->type != KEY_CHOICE && self->key->type != KEY_NUMBER));
  g_signal_connect (widget, "notify::selected", G_CALLBACK (on_choice), self);
  if (self->key->type == KEY_PATH)
    adw_action_row_add_suffix (ADW_ACTION_ROW (widget), choose_button (self));
  return widget;
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
systems (void)
{
  g_auto (GStrv) profiles = os_profile_list ();
  g_autoptr (GStrvBuilder) ids = g_strv_builder_new ();

  for (guint i = 0; profiles && profiles[i]; i += 2)
    g_strv_builder_add (ids, profiles[i]);
  return g_strv_builder_end (ids);
}

/* NULL: it is no choice. */
static char **
known_values (const DefinitionKey *key, const char *id)
{
  static const char *const orders[] = { "dca", "dac", "cda", "cad", "adc", "acd", NULL };
  static const char *const firmware[] = { "bios", "uefi", "uefi-secure", NULL };

  if (g_str_equal (id, "machine.boot"))
    return g_strdupv ((char **)orders);
  if (g_str_equal (id, "machine.firmware"))
    return g_strdupv ((char **)firmware);
  if (g_str_equal (id, "machine.os"))
    return systems ();
  if (key->type == KEY_CHOICE)
    return g_strsplit (key->choices, "|", -1);
  return good_numbers (key);
}

static GtkWidget *
make_widget (VivKeyRow *self)
{
  if (self->values)
    return make_choice (self);
  switch (self->key->type)
    {
    case KEY_BOOL:
      return make_switch (self);
    case KEY_NUMBER:
    case KEY_SIZE:
      return make_spin (self);
    case KEY_CHOICE:
    case KEY_STRING:
    case KEY_PATH:
      break;
    }
  return make_entry (self);
}

/* -- Object -- */

static void
viv_key_row_finalize (GObject *object)
{
  VivKeyRow *self = VIV_KEY_ROW (object);

  g_free (self->id);
  g_free (self->shown);
  g_strfreev (self->values);
  G_OBJECT_CLASS (viv_key_row_parent_class)->finalize (object);
}

static void
viv_key_row_class_init (VivKeyRowClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = viv_key_row_finalize;
  store_signal = g_signal_new ("store", VIV_TYPE_KEY_ROW, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                               G_TYPE_BOOLEAN, 1, G_TYPE_STRING);
}

static void
viv_key_row_init (VivKeyRow *self)
{
}

VivKeyRow *
viv_key_row_new (const DefinitionKey *key, const char *id)
{
  VivKeyRow *self = g_object_new (VIV_TYPE_KEY_ROW, NULL);
  const DeviceKind *kind = device_kind_of (id, NULL);
  const VivKeyText *text = kind ? viv_key_text_find (kind, key) : NULL;
  const char *help = text && text->help ? text->help : key->help;

  self->key = key;
  self->id = g_strdup_printf ("%s.%s", id, key->name);
  self->values = known_values (key, self->id);
  self->widget = make_widget (self);
  if (!self->control)
    self->control = self->widget;
  set_title (self->widget, text ? _ (text->title) : key->name, help ? _ (help) : NULL);
  g_object_set_data_full (G_OBJECT (self->widget), "viv-key-row", self, g_object_unref);
  return self;
}

GtkWidget *
viv_key_row_get_widget (VivKeyRow *self)
{
  return self->widget;
}

GtkWidget *
viv_key_row_get_control (VivKeyRow *self)
{
  return self->control;
}

const char *
viv_key_row_get_key (VivKeyRow *self)
{
  return self->id;
}

const char *const *
viv_key_row_get_values (VivKeyRow *self)
{
  return (const char *const *)self->values;
}

void
viv_key_row_show (VivKeyRow *self, const MachineDefinition *definition)
{
  GtkRoot *root = gtk_widget_get_root (self->widget);
  GtkWidget *focus = root ? gtk_root_get_focus (root) : NULL;
  g_autofree char *value = definition_get ((MachineDefinition *)definition, self->id, NULL);

  self->showing = TRUE;
  g_free (self->shown);
  self->shown = g_strdup (value ? value : "");
  /* Not what is being typed. */
  if (self->show != show_entry || !focus || !gtk_widget_is_ancestor (focus, self->widget))
    self->show (self, self->shown);
  self->showing = FALSE;
}

void
viv_key_row_retire (VivKeyRow *self)
{
  self->showing = TRUE;
}

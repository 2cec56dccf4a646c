/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The settings window: what is written is checked before, what is refused goes back, what goes away comes back, what others write is
 * seen.
 */
#include "display-test.h"

#include "ui/machine/viv-blame.h"
#include "machine/edit.h"
#include "ui/settings/viv-forward-rows.h"
#include "ui/settings/viv-key-row.h"
#include "ui/settings/viv-settings-window.h"

#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  VivLocalHost *library;
  VivMachine *machine;
  VivSettingsWindow *window;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->library = viv_local_host_new (NULL);
  f->machine = add_machine (f->library, "Fern");
  f->window = VIV_SETTINGS_WINDOW (viv_settings_window_new (f->machine));
  gtk_window_present (GTK_WINDOW (f->window));
  settle ();
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_object_add_weak_pointer (G_OBJECT (f->window), (gpointer *)&f->window);
  /* libadwaita 1.2 is confused by a window that goes while a toast fades. */
  for (int i = 0; i < 6; i++)
    settle ();
  gtk_window_destroy (GTK_WINDOW (f->window));
  settle ();
  g_assert_null (f->window);
  g_clear_object (&f->machine);
  empty_library (f->library);
  g_assert_finalize_object (f->library);
}

/* It lives as long as the window. */
static VivKeyRow *
row_of (Fixture *f, const char *key)
{
  g_autoptr (GPtrArray) rows = viv_settings_window_list_rows (f->window);

  for (guint i = 0; i < rows->len; i++)
    if (g_str_equal (viv_key_row_get_key (rows->pdata[i]), key))
      return rows->pdata[i];
  g_assert_not_reached ();
}

static gpointer
control_of (Fixture *f, const char *key)
{
  return viv_key_row_get_control (row_of (f, key));
}

static GtkWidget *
device_row (Fixture *f, const char *id)
{
  return viv_device_groups_find (viv_settings_window_get_drives (f->window), id);
}

static gboolean
edit (Fixture *f, const char *key, const char *value)
{
  return viv_settings_store_edit (viv_settings_window_get_store (f->window), &(VivChange){ key, value }, 1);
}

static char *
written (Fixture *f, const char *key)
{
  g_autofree char *path = g_build_filename (viv_machine_get_folder (f->machine), "machine.ini", NULL);
  g_autoptr (MachineDefinition) definition = definition_load (path, NULL);

  g_assert_nonnull (definition);
  return definition_get (definition, key, NULL);
}

#define assert_written(f, key, value)                      \
  G_STMT_START                                             \
  {                                                        \
    g_autofree char *is = written (f, key);                \
    g_assert_cmpstr (is &&*is ? is : "(none)", ==, value); \
  }                                                        \
  G_STMT_END

static void
test_values (Fixture *f, gconstpointer data)
{
  VivKeyRow *memory;

  gtk_spin_button_set_value (control_of (f, "machine.memory"), 96);
  assert_written (f, "machine.memory", "96M");
  gtk_switch_set_active (control_of (f, "machine.boot-menu"), TRUE);
  assert_written (f, "machine.boot-menu", "true");
  /* Only what a BAR can be is offered. */
  memory = row_of (f, "display0.video-memory");
  g_assert_true (ADW_IS_COMBO_ROW (viv_key_row_get_widget (memory)));
  for (const char *const *value = viv_key_row_get_values (memory); *value; value++)
    {
      guint64 n = g_ascii_strtoull (*value, NULL, 10);

      g_assert_true (n && !(n & (n - 1)));
    }
  adw_combo_row_set_selected (control_of (f, "display0.video-memory"), 0);
  assert_written (f, "display0.video-memory", "1");
}

/* Each key of the table that a person can choose has one row, wherever it stands. */
static void
test_all_keys (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) rows = viv_settings_window_list_rows (f->window);

  for (const DeviceKind *kind = device_kinds; kind->name; kind++)
    for (const DefinitionKey *key = kind->keys; key->name; key++)
      {
        g_autofree char *id = g_strdup_printf ("%s%s.%s", kind->name, kind->most ? "0" : "", key->name);
        guint n = 0;

        for (guint i = 0; i < rows->len; i++)
          n += g_str_equal (viv_key_row_get_key (rows->pdata[i]), id);
        if (g_str_equal (id, "machine.name") || g_str_equal (id, "machine.uuid")
            || (kind->most > 0 && kind->present == 0))
          continue;
        g_test_message ("%s", id);
        g_assert_cmpuint (n, ==, 1);
      }
}

static gboolean
has_item (GMenuModel *menu, const char *kind)
{
  for (int i = 0; i < g_menu_model_get_n_items (menu); i++)
    {
      g_autofree char *target = NULL;

      if (g_menu_model_get_item_attribute (menu, i, "target", "s", &target) && g_str_equal (target, kind))
        return TRUE;
    }
  return FALSE;
}

static gboolean
is_shown (Fixture *f, const char *key)
{
  return gtk_widget_get_visible (viv_key_row_get_widget (row_of (f, key)));
}

static GMenuModel *
add_menu (Fixture *f, const char *beside)
{
  GtkWidget *page
      = gtk_widget_get_ancestor (viv_key_row_get_widget (row_of (f, beside)), ADW_TYPE_PREFERENCES_PAGE);

  return gtk_menu_button_get_menu_model (GTK_MENU_BUTTON (find (page, GTK_TYPE_MENU_BUTTON, NULL)));
}

/* From the table: what there can be several of is added until there are as many as there may be, and taken away down to what is always there. */
static void
test_kinds (Fixture *f, gconstpointer data)
{
  GtkWidget *page = gtk_widget_get_ancestor (viv_key_row_get_widget (row_of (f, "serial0.backend")),
                                             ADW_TYPE_PREFERENCES_PAGE);
  GtkWidget *drives = gtk_widget_get_ancestor (device_row (f, "cdrom0"), ADW_TYPE_PREFERENCES_PAGE);
  unsigned most = device_kind_find ("serial")->most;

  for (const DeviceKind *kind = device_kinds; kind->name; kind++)
    if (kind->for_tests)
      g_assert_false (has_item (add_menu (f, "serial0.backend"), kind->name));
  for (unsigned i = 1; i < most; i++)
    {
      g_assert_true (has_item (add_menu (f, "serial0.backend"), "serial"));
      gtk_widget_activate_action (page, "devices.add", "s", "serial");
    }
  g_assert_false (has_item (add_menu (f, "serial0.backend"), "serial"));
  adw_combo_row_set_selected (control_of (f, "serial3.backend"), 1);
  assert_written (f, "serial3.backend", "none");
  /* Only what counts where it leads is asked for. */
  static const struct
  {
    const char *backend;
    gboolean path, mode, address, speed;
  } ends[] = { { "socket", FALSE, FALSE, FALSE, FALSE }, { "file", TRUE, FALSE, FALSE, FALSE },
               { "pty", FALSE, FALSE, FALSE, FALSE },    { "tcp", FALSE, TRUE, TRUE, FALSE },
               { "unix", TRUE, TRUE, FALSE, FALSE },     { "device", TRUE, FALSE, FALSE, TRUE } };
  for (unsigned i = 0; i < G_N_ELEMENTS (ends); i++)
    {
      g_assert_true (edit (f, "serial3.backend", ends[i].backend));
      g_assert_cmpint (is_shown (f, "serial3.path"), ==, ends[i].path);
      g_assert_cmpint (is_shown (f, "serial3.mode"), ==, ends[i].mode);
      g_assert_cmpint (is_shown (f, "serial3.address"), ==, ends[i].address);
      g_assert_cmpint (is_shown (f, "serial3.speed"), ==, ends[i].speed);
    }
  /* So with what only some connections of a disk have. */
  static const struct
  {
    const char *bus;
    gboolean queues, plugged, uas;
  } buses[] = { { "ide", FALSE, FALSE, FALSE },
                { "auto", FALSE, TRUE, FALSE },
                { "ahci", FALSE, TRUE, FALSE },
                { "virtio", TRUE, FALSE, FALSE },
                { "usb", FALSE, TRUE, TRUE } };
  for (unsigned i = 0; i < G_N_ELEMENTS (buses); i++)
    {
      g_assert_true (edit (f, "disk0.bus", buses[i].bus));
      g_assert_cmpint (is_shown (f, "disk0.queues"), ==, buses[i].queues);
      g_assert_cmpint (is_shown (f, "disk0.plugged"), ==, buses[i].plugged);
      g_assert_cmpint (is_shown (f, "disk0.uas"), ==, buses[i].uas);
    }
  /* A slot is for some cards of some boards, and plugging for who is in one. */
  static const struct
  {
    const char *chipset, *card, *number;
    gboolean slot, plugged, queues;
  } cards[] = { { "pc", "virtio", "0", FALSE, FALSE, TRUE },
                { "q35", "virtio", "0", TRUE, FALSE, TRUE },
                { "q35", "e1000e", "2", TRUE, TRUE, FALSE },
                { "q35", "auto", "0", TRUE, FALSE, FALSE },
                { "q35", "rtl8139", "0", FALSE, FALSE, FALSE } };
  for (unsigned i = 0; i < G_N_ELEMENTS (cards); i++)
    {
      g_assert_true (edit (f, "machine.chipset", cards[i].chipset));
      g_assert_true (edit (f, "net0.card", cards[i].card));
      g_assert_true (edit (f, "net0.slot", cards[i].number));
      g_assert_cmpint (is_shown (f, "net0.slot"), ==, cards[i].slot);
      g_assert_cmpint (is_shown (f, "net0.plugged"), ==, cards[i].plugged);
      g_assert_cmpint (is_shown (f, "net0.queues"), ==, cards[i].queues);
    }
  gtk_widget_activate_action (drives, "drives.add", "s", "cdrom");
  g_assert_nonnull (device_row (f, "cdrom1"));
  g_assert_true (viv_settings_window_show_key (f->window, "serial3.backend"));
  settle ();
}

/* A folder that can't be written refuses all: each row then shows what is. */
static void
test_refused (Fixture *f, gconstpointer data)
{
  gpointer clock = control_of (f, "machine.clock"), menu = control_of (f, "machine.boot-menu"),
           cpus = control_of (f, "machine.cpus"), engine = control_of (f, "machine.engine");
  guint before = adw_combo_row_get_selected (ADW_COMBO_ROW (clock));
  g_autofree char *file = g_build_filename (viv_machine_get_folder (f->machine), "machine.ini", NULL);
  g_autofree char *text = NULL;

  /* What is on the disk no longer parses: no change can be made of it. */
  g_assert_true (g_file_get_contents (file, &text, NULL, NULL));
  g_chmod (viv_machine_get_folder (f->machine), 0500);
  if (g_access (viv_machine_get_folder (f->machine), W_OK) == 0)
    {
      /* root may write anywhere: a folder in the place of the file stops it too. */
      g_assert_cmpint (g_unlink (file), ==, 0);
      g_assert_cmpint (g_mkdir (file, 0700), ==, 0);
    }
  adw_combo_row_set_selected (ADW_COMBO_ROW (clock), 1 - before);
  g_assert_cmpuint (adw_combo_row_get_selected (ADW_COMBO_ROW (clock)), ==, before);
  gtk_switch_set_active (GTK_SWITCH (menu), TRUE);
  g_assert_false (gtk_switch_get_active (GTK_SWITCH (menu)));
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (cpus), 3);
  g_assert_cmpint (gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (cpus)), ==, 1);
  g_assert_cmpuint (adw_combo_row_get_selected (ADW_COMBO_ROW (engine)), ==, 0);
  g_chmod (viv_machine_get_folder (f->machine), 0700);
  g_rmdir (file);
  g_assert_true (g_file_set_contents (file, text, -1, NULL));
  viv_machine_reload (f->machine);
}

/* What another program writes meanwhile is shown, and stays when something else is changed here. */
static void
test_others (Fixture *f, gconstpointer data)
{
  g_autofree char *file = g_build_filename (viv_machine_get_folder (f->machine), "machine.ini", NULL);
  g_autoptr (MachineDefinition) other = definition_load (file, NULL);

  g_assert_true (definition_set (other, "machine.cpus", "4", NULL));
  g_assert_true (definition_save (other, file, NULL));
  viv_machine_reload (f->machine);
  g_assert_cmpint (gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (control_of (f, "machine.cpus"))), ==,
                   4);
  gtk_switch_set_active (GTK_SWITCH (control_of (f, "machine.boot-menu")), TRUE);
  assert_written (f, "machine.cpus", "4");
  assert_written (f, "machine.boot-menu", "true");
}

static GtkWidget *
button_of (GtkWidget *widget, const char *icon)
{
  if (GTK_IS_BUTTON (widget) && g_strcmp0 (gtk_button_get_icon_name (GTK_BUTTON (widget)), icon) == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = button_of (child, icon);

      if (found)
        return found;
    }
  return NULL;
}

static void
undo (Fixture *f)
{
  GtkWidget *button;

  until ((button = toast_button (GTK_WIDGET (f->window))) != NULL);
  g_signal_emit_by_name (button, "clicked");
}

static void
test_new_disk (Fixture *f, gconstpointer data)
{
  g_autofree char *path = g_build_filename (viv_machine_get_folder (f->machine), "disk0.img", NULL);
  GtkWidget *dialog, *spin, *row;
  GStatBuf info;

  gtk_widget_activate_action (gtk_widget_get_ancestor (device_row (f, "cdrom0"), ADW_TYPE_PREFERENCES_PAGE),
                              "drives.new-disk", NULL);
  until ((dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG)) != NULL);
  spin = find (dialog, GTK_TYPE_SPIN_BUTTON, NULL);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), 0.5);
  settle ();
  g_assert_true (press (dialog, "_Add"));
  until (device_row (f, "disk0") != NULL);
  assert_written (f, "disk0.path", "disk0.img");
  g_assert_cmpint (g_stat (path, &info), ==, 0);
  g_assert_cmpint (info.st_size, ==, 512 << 20);
  g_assert_cmpint (info.st_blocks, <, 2048);

  /* Taken away and back: with what was set, and the file was there all the time. */
  gtk_switch_set_active (GTK_SWITCH (control_of (f, "disk0.discard")), TRUE);
  row = device_row (f, "disk0");
  g_signal_emit_by_name (button_of (row, "list-remove-symbolic"), "clicked");
  g_assert_null (device_row (f, "disk0"));
  g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
  undo (f);
  g_assert_nonnull (device_row (f, "disk0"));
  assert_written (f, "disk0.path", "disk0.img");
  assert_written (f, "disk0.discard", "true");
}

static gboolean
will_do (Fixture *f, const char *path, GError **error)
{
  g_autoptr (MediaInfo) media = media_identify (path, error);

  return media
         && viv_device_groups_check_image (
             viv_settings_store_get_definition (viv_settings_window_get_store (f->window)), DRIVE_DISK, path,
             media, error);
}

static void
test_images (Fixture *f, gconstpointer data)
{
  g_autofree char *foreign = g_build_filename (g_get_home_dir (), "other.qcow2", NULL);
  g_autofree char *good = g_build_filename (g_get_home_dir (), "good.img", NULL);
  g_autofree char *empty = g_build_filename (g_get_home_dir (), "empty.img", NULL);
  const char *bad[] = { "/nonexistent/disk.img", g_get_home_dir (), foreign, empty };
  char header[1024] = "QFI\xfb\0\0\0\3";
  g_autofree char *sectors = g_malloc0 (1 << 20);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (foreign, header, sizeof header, NULL));
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  g_assert_true (g_file_set_contents (good, sectors, 1 << 20, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_test_message ("%s", bad[i]);
      g_assert_false (will_do (f, bad[i], &error));
      g_assert_nonnull (error);
      g_assert_cmpstr (error->message, !=, "");
      g_clear_error (&error);
    }
  g_assert_true (will_do (f, good, &error));
  g_assert_no_error (error);
  g_assert_true (edit (f, "disk+.path", good));
  g_assert_false (will_do (f, good, NULL));
}

static void
test_eject (Fixture *f, gconstpointer data)
{
  g_autofree char *disc = g_build_filename (g_get_home_dir (), "disc.iso", NULL);

  g_assert_true (g_file_set_contents (disc, "x", 1, NULL));
  g_assert_true (edit (f, "cdrom0.path", disc));
  g_signal_emit_by_name (button_of (device_row (f, "cdrom0"), "media-eject-symbolic"), "clicked");
  assert_written (f, "cdrom0.path", "(none)");
  undo (f);
  assert_written (f, "cdrom0.path", disc);
}

static void
test_show_key (Fixture *f, gconstpointer data)
{
  GtkWidget *focus;

  g_assert_true (viv_settings_window_show_key (f->window, "cdrom0.path"));
  settle ();
  focus = gtk_window_get_focus (GTK_WINDOW (f->window));
  g_assert_nonnull (focus);
  g_assert_true (gtk_widget_is_ancestor (focus, device_row (f, "cdrom0"))
                 || focus == device_row (f, "cdrom0"));
  g_assert_true (viv_settings_window_show_key (f->window, "machine.firmware"));
  g_assert_false (viv_settings_window_show_key (f->window, "disk9.path"));
}

/* Whatever the language in which it was said. */
static guint
count (GtkWidget *widget, GType type)
{
  guint n = g_type_is_a (G_OBJECT_TYPE (widget), type);

  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    n += count (child, type);
  return n;
}

/* Ports are rows: each is changed and removed by itself, and what a person doesn't touch of it stays. */
static void
test_forwards (Fixture *f, gconstpointer data)
{
  GtkWidget *rows, *dialog;

  if (!definition_find (viv_settings_store_get_definition (viv_settings_window_get_store (f->window)),
                        "net0"))
    g_assert_true (edit (f, "net+", NULL));
  g_assert_true (
      edit (f, "net0.forward", "tcp::2222-:22, udp:0.0.0.0:53-10.0.2.15:5353,tcp:[::1]:80-[fec0::15]:80"));
  rows = find (GTK_WIDGET (f->window), VIV_TYPE_FORWARD_ROWS, NULL);
  g_assert_nonnull (rows);
  g_assert_true (shows (rows, "Port 2222 → 22"));
  g_assert_true (shows (rows, "Port 53 → 5353"));
  g_assert_true (shows (rows, "UDP · Other computers, too"));
  click (rows, "Remove", 0);
  assert_written (f, "net0.forward", "udp:0.0.0.0:53-10.0.2.15:5353,tcp:[::1]:80-[fec0::15]:80");
  g_assert_false (shows (rows, "Port 2222 → 22"));
  click (rows, "Change", 0);
  dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG);
  g_assert_nonnull (dialog);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (find (dialog, GTK_TYPE_SPIN_BUTTON, NULL)), 54);
  g_assert_true (press (dialog, "_Save"));
  settle ();
  assert_written (f, "net0.forward", "udp:0.0.0.0:54-10.0.2.15:5353,tcp:[::1]:80-[fec0::15]:80");
  /* An address of its own is kept. */
  click (rows, "Change", 1);
  dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG);
  g_assert_true (press (dialog, "_Save"));
  settle ();
  assert_written (f, "net0.forward", "udp:0.0.0.0:54-10.0.2.15:5353,tcp:[::1]:80-[fec0::15]:80");
  click (rows, "Add a Forwarded Port", 0);
  dialog = window_over (f->window, ADW_TYPE_MESSAGE_DIALOG);
  g_assert_true (press (dialog, "_Add"));
  settle ();
  assert_written (f, "net0.forward",
                  "udp:0.0.0.0:54-10.0.2.15:5353,tcp:[::1]:80-[fec0::15]:80,tcp:127.0.0.1:2222-:22");
  g_assert_cmpuint (count (rows, ADW_TYPE_ACTION_ROW), >=, 3);
  /* Only what counts with the kind is there. */
  g_assert_true (gtk_widget_get_visible (rows));
  g_assert_false (is_shown (f, "net0.tap"));
  g_assert_true (edit (f, "net0.kind", "tap"));
  g_assert_false (gtk_widget_get_visible (rows));
  g_assert_true (is_shown (f, "net0.tap"));
  g_assert_false (is_shown (f, "net0.network"));
}

static void
test_blame (void)
{
  g_autoptr (MachineDefinition) definition = definition_new ("Blame");
  g_autoptr (MachineDefinition) other = definition_new ("Fern");

  definition_add_drive (definition, DRIVE_DISK, "/images/a.img");
  definition_add_drive (definition, DRIVE_CDROM, NULL);
  definition_add_drive (other, DRIVE_CDROM, NULL);
  g_assert_false (viv_blame_shares (definition, "disk0.path", other));
  g_assert_false (viv_blame_shares (definition, "cdrom0.path", other));
  definition_add_drive (other, DRIVE_DISK, "/images/a.img");
  g_assert_true (viv_blame_shares (definition, "disk0.path", other));
  g_assert_false (viv_blame_shares (definition, "disk7.path", other));
  g_assert_false (viv_blame_shares (definition, "machine.memory", other));
}

/* No row says under its title what the title says. */
static void
test_words (Fixture *f, gconstpointer data)
{
  g_autoptr (GPtrArray) rows = viv_settings_window_list_rows (f->window);

  for (guint i = 0; i < rows->len; i++)
    {
      GtkWidget *widget = viv_key_row_get_widget (rows->pdata[i]);
      const char *title = adw_preferences_row_get_title (ADW_PREFERENCES_ROW (widget));
      const char *help = ADW_IS_ACTION_ROW (widget) ? adw_action_row_get_subtitle (ADW_ACTION_ROW (widget))
                                                    : gtk_widget_get_tooltip_text (widget);
      g_autofree char *small = g_utf8_strdown (title, -1);
      g_autofree char *line = g_utf8_strdown (help ? help : "", -1);

      g_test_message ("%s: %s", title, help);
      g_assert_cmpstr (line, !=, "");
      g_assert_cmpstr (line, !=, small);
      g_assert_false (g_str_has_prefix (title, "disk0") || strchr (title, '.'));
      if (viv_key_row_get_values (rows->pdata[i]))
        {
          GtkStringList *list = GTK_STRING_LIST (adw_combo_row_get_model (ADW_COMBO_ROW (widget)));

          g_assert_cmpstr (gtk_string_list_get_string (list, 0), !=, "bios");
          g_assert_cmpstr (gtk_string_list_get_string (list, 0), !=, "dca");
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  adw_init ();
#define ADD(name, function) g_test_add (name, Fixture, NULL, set_up, function, tear_down)
  ADD ("/settings/values", test_values);
  ADD ("/settings/all-keys", test_all_keys);
  ADD ("/settings/kinds", test_kinds);
  ADD ("/settings/refused", test_refused);
  ADD ("/settings/others", test_others);
  ADD ("/settings/new-disk", test_new_disk);
  ADD ("/settings/images", test_images);
  ADD ("/settings/eject", test_eject);
  ADD ("/settings/show-key", test_show_key);
  ADD ("/settings/words", test_words);
  ADD ("/settings/forwards", test_forwards);
  g_test_add_func ("/settings/blame", test_blame);
  return g_test_run ();
}

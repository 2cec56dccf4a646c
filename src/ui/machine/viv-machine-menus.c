/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The menus of a machine's page.
 */
#define G_LOG_DOMAIN "viv-machine-menus"

#include "config.h"

#include "ui/machine/viv-machine-menus.h"

#include "ui/machine/viv-usb.h"

#include <glib/gi18n.h>

#define FUNCTION_KEYS 12

/* Labels of keys are not translated: they are printed on the keyboard. */
static const struct
{
  const char *label, *chord;
} combinations[] = {
  { "Ctrl+Alt+_Del", "ctrl-alt-delete" },
  { "Ctrl+Alt+_Backspace", "ctrl-alt-backspace" },
  { "Alt+_Tab", "alt-tab" },
  { "Alt+_F4", "alt-f4" },
  { "Ctrl+_Esc", "ctrl-esc" },
}, keys[] = {
  { "_Print", "print" },
  { "Scroll _Lock", "scroll_lock" },
  { "_Menu", "menu" },
  { "_Super", "meta_l" },
};

static void
append (GMenu *menu, const char *label, const char *action, const char *target)
{
  g_autoptr (GMenuItem) item = g_menu_item_new (label, NULL);

  g_menu_item_set_action_and_target_value (item, action, target ? g_variant_new_string (target) : NULL);
  g_menu_append_item (menu, item);
}

GMenuModel *
viv_menu_send_chords (void)
{
  GMenu *menu = g_menu_new ();
  g_autoptr (GMenu) first = g_menu_new ();
  g_autoptr (GMenu) second = g_menu_new ();
  g_autoptr (GMenu) consoles = g_menu_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (combinations); i++)
    append (first, combinations[i].label, "console.send-keys", combinations[i].chord);
  for (unsigned i = 1; i <= FUNCTION_KEYS; i++)
    {
      g_autofree char *label = g_strdup_printf ("Ctrl+Alt+F%u", i);
      g_autofree char *chord = g_strdup_printf ("ctrl-alt-f%u", i);

      append (consoles, label, "console.send-keys", chord);
    }
  g_menu_append_submenu (first, _ ("_Consoles"), G_MENU_MODEL (consoles));
  for (unsigned i = 0; i < G_N_ELEMENTS (keys); i++)
    append (second, keys[i].label, "console.send-keys", keys[i].chord);
  g_menu_append_section (menu, NULL, G_MENU_MODEL (first));
  g_menu_append_section (menu, NULL, G_MENU_MODEL (second));
  return G_MENU_MODEL (menu);
}

GMenuModel *
viv_menu_send_keys (void)
{
  GMenuModel *menu = viv_menu_send_chords ();
  g_autoptr (GMenu) clipboard = g_menu_new ();

  append (clipboard, _ ("T_ype the Clipboard"), "machine.type-clipboard", NULL);
  g_menu_append_section (G_MENU (menu), NULL, G_MENU_MODEL (clipboard));
  return menu;
}

static void
append_drive (GMenu *menu, const MachineDevice *drive, gboolean missing)
{
  g_autoptr (GMenu) section = g_menu_new ();
  gboolean empty = !machine_device_text (drive, "path") || !*machine_device_text (drive, "path");
  /* A path is bytes, a menu's label text. */
  g_autofree char *file = empty ? NULL : g_filename_display_basename (machine_device_text (drive, "path"));
  const char *kind = drive->kind->drive == DRIVE_CDROM ? _ ("CD") : _ ("Floppy");
  /* Translators: a drive, and the file in it */
  g_autofree char *title
      = g_strdup_printf (missing ? _ ("%s: %s (missing)") : _ ("%s: %s"), kind, empty ? _ ("empty") : file);

  append (section, drive->kind->drive == DRIVE_CDROM ? _ ("Change _CD…") : _ ("Change _Floppy…"),
          "machine.change-media", drive->id);
  if (!empty)
    append (section, _ ("E_ject"), "machine.eject", drive->id);
  g_menu_append_section (menu, title, G_MENU_MODEL (section));
}

GMenuModel *
viv_menu_media (VivMachine *machine, GHashTable *missing)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  GMenu *menu = g_menu_new ();

  for (unsigned i = 0; definition && definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);

      if (drive->kind->drive != DRIVE_DISK)
        append_drive (menu, drive, missing && g_hash_table_contains (missing, drive->id));
    }
  return G_MENU_MODEL (menu);
}

GMenuModel *
viv_menu_machine (VivMachine *machine, GHashTable *missing)
{
  GMenu *menu = g_menu_new ();
  g_autoptr (GMenu) power = g_menu_new ();
  g_autoptr (GMenu) view = g_menu_new ();
  g_autoptr (GMenu) more = g_menu_new ();
  g_autoptr (GMenuModel) media = viv_menu_media (machine, missing);
  g_autoptr (GMenuModel) send = viv_menu_send_keys ();
  const MachineDefinition *definition = viv_machine_get_definition (machine);

  append (power, _ ("_Reset…"), "machine.reset", NULL);
  append (power, _ ("_Power Off"), "machine.power-off", NULL);
  append (power, _ ("_Force Off…"), "machine.force-off", NULL);

  append (view, _ ("_Fit to Window"), "console.scaling", "fit");
  append (view, _ ("E_xact Pixels"), "console.scaling", "exact");
  append (view, _ ("Correct _Aspect Ratio"), "machine.correct-aspect", NULL);
  append (view, _ ("F_ull Screen"), "win.fullscreen", NULL);
  append (view, _ ("Open in a _Window"), "machine.open-window", NULL);
  append (view, _ ("_Take a Screenshot"), "machine.screenshot", NULL);
  append (view, _ ("Release _Keyboard and Pointer"), "console.release", NULL);

  /* In a narrow window the header bar has no room for its button. */
  g_menu_append_submenu (more, _ ("Send Ke_ys"), send);
  append (more, _ ("Remote _View (VNC)…"), "machine.share", NULL);
  append (more, _ ("_Information"), "machine.facts", NULL);
  append (more, _ ("Look I_nside"), "machine.look-inside", NULL);
  append (more, _ ("Open Fo_lder"), "machine.open-folder", NULL);
  append (more, _ ("S_ettings"), "machine.settings", NULL);

  g_menu_append_section (menu, NULL, G_MENU_MODEL (power));
  g_menu_append_section (menu, NULL, G_MENU_MODEL (view));
  if (g_menu_model_get_n_items (media))
    g_menu_append_submenu (more, _ ("Removable _Media"), media);
  if (viv_machine_is_busy (machine) && definition && definition_find (definition, "usb0"))
    {
      g_autoptr (GMenuModel) usb = viv_usb_menu (machine);
      g_menu_append_submenu (more, _ ("_USB Devices"), usb);
    }
  g_menu_append_section (menu, NULL, G_MENU_MODEL (more));
  return G_MENU_MODEL (menu);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What can be done on the page of a machine: the actions “machine.…”.
 */
#define G_LOG_DOMAIN "viv-machine-page"

#include "config.h"

#include "ui/machine/viv-machine-page-private.h"

#include "machine/edit.h"
#include "ui/app/viv-dialogs.h"
#include "ui/machine/viv-facts-window.h"
#include "ui/machine/viv-inside-window.h"
#include "ui/machine/viv-media.h"
#include "ui/machine/viv-operations.h"
#include "ui/machine/viv-screen.h"
#include "ui/machine/viv-screenshot.h"
#include "ui/machine/viv-sharing-window.h"
#include "ui/machine/viv-usb.h"

#include <glib/gi18n.h>

static void
set_correct_aspect (VivMachinePage *self, gboolean correct)
{
  VivChange change = { "display0.aspect", correct ? "auto" : "square" };
  g_autoptr (GError) error = NULL;

  if (!self->machine || correct == (viv_screen_aspect (self->machine) != VIV_ASPECT_SQUARE))
    return;
  if (!viv_machine_edit (self->machine, &change, 1, &error) && viv_machine_page_shell (self))
    viv_shell_message (viv_machine_page_shell (self), error->message);
}

static const struct
{
  const char *action;
  void (*run) (VivShell *window, VivMachine *machine);
} operations[] = {
  { "start", viv_operation_start },         { "pause", viv_operation_pause },
  { "resume", viv_operation_resume },       { "reset", viv_operation_reset },
  { "power-off", viv_operation_power_off }, { "force-off", viv_operation_force_off },
  { "settings", viv_operation_settings },   { "open-folder", viv_operation_open_folder },
  { "restart", viv_operation_restart },     { "switch-off", viv_operation_switch_off },
  { "screenshot", viv_screenshot_take },    { "open-window", viv_operation_open_window },
};

static void
on_operation (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;
  VivShell *shell = viv_machine_page_shell (self);

  if (!self->machine || !shell)
    return;
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].action, g_action_get_name (G_ACTION (action))))
      operations[i].run (shell, self->machine);
}

/* What is in the clipboard is for the machine that was shown when it was asked for. */
typedef struct
{
  GWeakRef page;
  VivMachine *machine;
} Typing;

static void
typing_free (Typing *typing)
{
  g_weak_ref_clear (&typing->page);
  g_object_unref (typing->machine);
  g_free (typing);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Typing, typing_free)

static void
typing_say (Typing *typing, const char *message)
{
  g_autoptr (VivMachinePage) self = g_weak_ref_get (&typing->page);
  VivShell *window = self ? viv_machine_page_shell (self) : NULL;

  if (window)
    viv_shell_message (window, message);
}

static void
on_typed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Typing) typing = data;
  g_autoptr (GError) error = NULL;

  if (!viv_machine_type_text_finish (VIV_MACHINE (source), result, &error))
    typing_say (typing, error->message);
}

static void
on_clipboard (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Typing) typing = data;
  g_autofree char *text = gdk_clipboard_read_text_finish (GDK_CLIPBOARD (source), result, NULL);

  if (!text || !*text)
    {
      typing_say (typing, _ ("There is no text in the clipboard"));
      return;
    }
  viv_machine_type_text (typing->machine, text, NULL, NULL, on_typed, typing);
  g_steal_pointer (&typing);
}

static void
on_type_clipboard (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;
  Typing *typing;

  if (!self->machine)
    return;
  typing = g_new0 (Typing, 1);
  g_weak_ref_init (&typing->page, self);
  typing->machine = g_object_ref (self->machine);
  gdk_clipboard_read_text_async (gtk_widget_get_clipboard (data), NULL, on_clipboard, typing);
  /* The button that asked for it has lost the focus to a menu that is gone. */
  viv_machine_page_focus (data);
}

static void
on_change_media (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;
  const char *drive = g_variant_get_string (parameter, NULL);

  if (!self->machine)
    return;
  if (g_str_equal (g_action_get_name (G_ACTION (action)), "eject"))
    viv_media_change (viv_machine_page_shell (self), self->machine, drive, NULL);
  else
    viv_media_choose (viv_machine_page_shell (self), self->machine, drive);
}

static void
on_usb (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;
  VivShell *shell = viv_machine_page_shell (self);
  const char *device = g_variant_get_string (parameter, NULL);

  if (!self->machine || !shell)
    return;
  if (g_str_equal (g_action_get_name (G_ACTION (action)), "usb-connect"))
    viv_usb_connect (shell, self->machine, device);
  else
    viv_usb_disconnect (shell, self->machine, device);
}

/* What has no key of its own (a drive, a chord) is two keys away. */
static void
on_show_menu (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;
  GtkMenuButton *button = g_str_equal (g_action_get_name (G_ACTION (action)), "show-media")
                              ? self->media_button
                              : self->keys_button;

  if (viv_can_have_focus (GTK_WIDGET (button)))
    gtk_menu_button_popup (button);
}

static void
on_share (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;

  if (self->machine)
    viv_present_over (GTK_WINDOW (viv_sharing_window_new (self->machine)), self->window);
}

static void
on_facts (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;

  if (self->machine)
    viv_present_over (GTK_WINDOW (viv_facts_window_new (self->machine)), self->window);
}

static void
on_look_inside (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;

  if (!self->machine)
    return;
  viv_release_keyboard (self->window);
  gtk_window_present (viv_inside_window_of (self->machine, gtk_window_get_application (self->window)));
}

static void
on_copy_report (GSimpleAction *action, GVariant *parameter, gpointer data)
{
  VivMachinePage *self = data;
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->report);
  g_autofree char *text = NULL;

  g_object_get (buffer, "text", &text, NULL);
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (self)), text);
  viv_shell_message (viv_machine_page_shell (self), _ ("Details copied"));
}

static void
on_correct_aspect (GSimpleAction *action, GVariant *value, gpointer data)
{
  set_correct_aspect (data, g_variant_get_boolean (value));
}

void
viv_machine_page_make_actions (VivMachinePage *self)
{
  static const GActionEntry entries[]
      = { { .name = "type-clipboard", .activate = on_type_clipboard },
          { .name = "correct-aspect", .state = "true", .change_state = on_correct_aspect },
          { .name = "usb-connect", .activate = on_usb, .parameter_type = "s" },
          { .name = "usb-disconnect", .activate = on_usb, .parameter_type = "s" },
          { .name = "change-media", .activate = on_change_media, .parameter_type = "s" },
          { .name = "eject", .activate = on_change_media, .parameter_type = "s" },
          { .name = "show-media", .activate = on_show_menu },
          { .name = "show-keys", .activate = on_show_menu },
          { .name = "share", .activate = on_share },
          { .name = "facts", .activate = on_facts },
          { .name = "look-inside", .activate = on_look_inside },
          { .name = "copy-report", .activate = on_copy_report } };

  self->actions = g_simple_action_group_new ();
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    g_action_map_add_action_entries (
        G_ACTION_MAP (self->actions),
        &(GActionEntry){ .name = operations[i].action, .activate = on_operation }, 1, self);
  g_action_map_add_action_entries (G_ACTION_MAP (self->actions), entries, G_N_ELEMENTS (entries), self);
  gtk_widget_insert_action_group (GTK_WIDGET (self), "machine", G_ACTION_GROUP (self->actions));
}

static void
enable (VivMachinePage *self, const char *name, gboolean enabled)
{
  g_simple_action_set_enabled (
      G_SIMPLE_ACTION (g_action_map_lookup_action (G_ACTION_MAP (self->actions), name)), enabled);
}

void
viv_machine_page_update_actions (VivMachinePage *self)
{
  const char *state = viv_machine_get_state (self->machine);
  gboolean live = viv_machine_is_live (self->machine), busy = viv_machine_is_busy (self->machine);
  gboolean running = live && g_str_equal (state, "running"), paused = live && g_str_equal (state, "paused");
  gboolean broken = g_str_equal (state, "broken"), screen = running || paused;
  gboolean can_start = viv_machine_can (self->machine, VIV_MACHINE_CAN_START),
           can_edit = viv_machine_can (self->machine, VIV_MACHINE_CAN_EDIT);

  enable (self, "start", can_start && !busy && !broken);
  enable (self, "pause", running);
  enable (self, "resume", paused);
  enable (self, "reset", live);
  enable (self, "power-off", running);
  enable (self, "force-off", can_start && busy);
  enable (self, "switch-off", can_start && busy);
  enable (self, "restart", can_start && !broken);
  enable (self, "type-clipboard", running);
  enable (self, "screenshot", screen);
  enable (self, "change-media", can_edit && !broken);
  enable (self, "eject", can_edit && !broken);
  enable (self, "share", live && viv_machine_can (self->machine, VIV_MACHINE_CAN_SHARE));
  enable (self, "look-inside", live && viv_machine_can (self->machine, VIV_MACHINE_CAN_LOOK));
  enable (self, "settings", can_edit && !broken);
  enable (self, "open-folder", viv_machine_can (self->machine, VIV_MACHINE_HAS_FOLDER));
  enable (self, "open-window", !broken && !self->own_window);

  gtk_widget_set_visible (self->start_button,
                          can_start && !busy && !broken && !g_str_equal (state, "crashed"));
  gtk_widget_set_visible (self->pause_button, running);
  gtk_widget_set_visible (self->resume_button, paused);
  gtk_widget_set_visible (self->screenshot_button, screen);
  gtk_widget_set_visible (GTK_WIDGET (self->keys_button), screen);
  gtk_widget_set_sensitive (GTK_WIDGET (self->keys_button), running);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the tests of widgets share.
 */
#pragma once

#include "machine/local-host.h"
#include "ui/app/viv-message-bar.h"

#include <adwaita.h>

/* Long enough for a host that is busy with something else. */
#define PATIENCE (30 * G_USEC_PER_SEC)

#define until(condition)                                  \
  G_STMT_START                                            \
  {                                                       \
    gint64 end = g_get_monotonic_time () + PATIENCE;      \
    while (!(condition) && g_get_monotonic_time () < end) \
      if (!g_main_context_iteration (NULL, FALSE))        \
        g_usleep (2000);                                  \
    g_assert_true (condition);                            \
  }                                                       \
  G_STMT_END

/* A screen that moves is never done where a frame takes longer than the time to the next. */
static inline void
settle (void)
{
  for (int i = 0; i < 20; i++)
    {
      const gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC;

      while (g_main_context_pending (NULL) && g_get_monotonic_time () < end)
        g_main_context_iteration (NULL, FALSE);
      g_usleep (5000);
    }
}

/* The first of a type below a widget whose buildable id, if one is wanted, is `id`. */
static inline GtkWidget *
find (GtkWidget *widget, GType type, const char *id)
{
  if (g_type_is_a (G_OBJECT_TYPE (widget), type)
      && (!id || g_strcmp0 (gtk_buildable_get_buildable_id (GTK_BUILDABLE (widget)), id) == 0))
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find (child, type, id);

      if (found)
        return found;
    }
  return NULL;
}

static inline void
empty_library (VivLocalHost *library)
{
  while (g_list_model_get_n_items (G_LIST_MODEL (library)))
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (library), 0);
      g_autofree char *entry = viv_local_host_trash (library, machine, NULL);

      g_assert_nonnull (entry);
      g_assert_true (viv_trash_purge (viv_local_host_get_trash (library), entry, NULL));
    }
}

/* With an empty CD drive. */
static inline VivMachine *
add_machine (VivLocalHost *library, const char *name)
{
  g_autoptr (MachineDefinition) definition = definition_new (name);
  VivMachine *machine;

  definition_add_drive (definition, DRIVE_CDROM, NULL);
  machine = viv_local_host_create (library, definition, NULL, 0, NULL);
  g_assert_nonnull (machine);
  return machine;
}

/* The topmost window over `window` of a type; NULL if there is none. */
static inline GtkWidget *
window_over (gpointer window, GType type)
{
  g_autoptr (GList) toplevels = gtk_window_list_toplevels ();

  for (GList *l = toplevels; l; l = l->next)
    if (g_type_is_a (G_OBJECT_TYPE (l->data), type)
        && gtk_window_get_transient_for (l->data) == GTK_WINDOW (window) && gtk_widget_get_visible (l->data))
      return l->data;
  return NULL;
}

/* A button by its label, below `widget`. */
static inline gboolean
press (GtkWidget *widget, const char *label)
{
  if (GTK_IS_BUTTON (widget) && g_strcmp0 (gtk_button_get_label (GTK_BUTTON (widget)), label) == 0)
    {
      g_signal_emit_by_name (widget, "clicked");
      return TRUE;
    }
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    if (press (child, label))
      return TRUE;
  return FALSE;
}

/* The button with this tooltip, of several the `number`th. */
static inline GtkWidget *
find_button (GtkWidget *widget, const char *tooltip, guint *number)
{
  if (GTK_IS_BUTTON (widget) && g_strcmp0 (gtk_widget_get_tooltip_text (widget), tooltip) == 0
      && (*number)-- == 0)
    return widget;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *found = find_button (child, tooltip, number);

      if (found)
        return found;
    }
  return NULL;
}

static inline void
click (GtkWidget *widget, const char *tooltip, guint number)
{
  GtkWidget *button = find_button (widget, tooltip, &number);

  g_assert_nonnull (button);
  g_signal_emit_by_name (button, "clicked");
  settle ();
}

/* The button of the toast that is shown below `widget`; NULL: no toast, or none with a button. */
static inline GtkWidget *
toast_button (GtkWidget *widget)
{
  if (VIV_IS_MESSAGE_BAR (widget))
    {
      AdwToast *toast = viv_message_bar_get_toast (VIV_MESSAGE_BAR (widget));

      return toast && adw_toast_get_button_label (toast) ? find (widget, GTK_TYPE_BUTTON, NULL) : NULL;
    }
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    {
      GtkWidget *button = toast_button (child);

      if (button)
        return button;
    }
  return NULL;
}

/* Whether a label below `widget` has `text`. */
static inline gboolean
shows (GtkWidget *widget, const char *text)
{
  if (GTK_IS_LABEL (widget) && strstr (gtk_label_get_text (GTK_LABEL (widget)), text))
    return TRUE;
  for (GtkWidget *child = gtk_widget_get_first_child (widget); child;
       child = gtk_widget_get_next_sibling (child))
    if (shows (child, text))
      return TRUE;
  return FALSE;
}

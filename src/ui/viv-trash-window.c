/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machines that were deleted.
 */
#define G_LOG_DOMAIN "viv-trash-window"

#include "config.h"

#include "ui/viv-trash-window.h"

#include "ui/viv-dialogs.h"

#include <glib/gi18n.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_MAX 8

struct _VivTrashWindow
{
  AdwWindow parent_instance;

  GtkStack *stack;
  GtkListBox *list;
  GtkWidget *empty_button;

  VivLibrary *library;
};

G_DEFINE_FINAL_TYPE (VivTrashWindow, viv_trash_window, ADW_TYPE_WINDOW)

static void update (VivTrashWindow *self);

/* What it takes on the disk: images are sparse.  Links are not followed. */
static guint64
space_taken (const char *path, unsigned depth)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  guint64 sum = 0;
  const char *name;

  while (directory && (name = g_dir_read_name (directory)))
    {
      g_autofree char *child = g_build_filename (path, name, NULL);
      struct stat st;

      if (lstat (child, &st) != 0)
        continue;
      sum += (guint64)st.st_blocks * 512;
      if (S_ISDIR (st.st_mode) && depth < DEPTH_MAX)
        sum += space_taken (child, depth + 1);
    }
  return sum;
}

/* NAME-yyyymmdd-hhmmss-uuuuuu, UTC */
static void
split_entry (const char *entry, char **name, GDateTime **when)
{
  gsize length = strlen (entry), stamp = strlen ("-20261123-155000-123456");
  int year, month, day, hour, minute, second;

  *when = NULL;
  *name = g_strndup (entry, length > stamp ? length - stamp : length);
  if (length > stamp
      && sscanf (entry + length - stamp, "-%4d%2d%2d-%2d%2d%2d", &year, &month, &day, &hour, &minute, &second)
             == 6)
    {
      g_autoptr (GDateTime) utc = g_date_time_new_utc (year, month, day, hour, minute, second);

      *when = utc ? g_date_time_to_local (utc) : NULL;
    }
}

static void
on_restore (GtkButton *button, VivTrashWindow *self)
{
  const char *entry = g_object_get_data (G_OBJECT (button), "entry");
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = viv_library_restore (self->library, entry, &error);

  if (!machine)
    viv_show_error (GTK_WINDOW (self), _ ("The Machine Could Not Be Restored"), error->message, NULL);
  update (self);
}

static void
confirmed_purge (gpointer owner, gpointer about)
{
  VivTrashWindow *self = owner;
  const char *doomed = about; /* NULL: all */
  g_auto (GStrv) entries = viv_library_list_trash (self->library);

  for (char **entry = entries; *entry; entry++)
    {
      g_autoptr (GError) error = NULL;

      if (doomed && !g_str_equal (doomed, *entry))
        continue;
      if (!viv_library_purge (self->library, *entry, &error))
        {
          viv_show_error (GTK_WINDOW (self), _ ("The Machine Could Not Be Deleted"), error->message, NULL);
          break;
        }
    }
  update (self);
}

static void
on_purge (GtkButton *button, VivTrashWindow *self)
{
  const char *entry = g_object_get_data (G_OBJECT (button), "entry");
  g_autofree char *name = NULL;
  g_autofree char *heading = NULL;
  g_autoptr (GDateTime) when = NULL;

  split_entry (entry, &name, &when);
  /* Translators: %s is a machine's name */
  heading = g_strdup_printf (_ ("Delete “%s” for Ever?"), name);
  viv_confirm (GTK_WINDOW (self), heading,
               _ ("Its disks are removed with it. Images outside of its folder stay."), _ ("_Delete"),
               confirmed_purge, self, g_strdup (entry), g_free);
}

static void
on_empty (VivTrashWindow *self)
{
  viv_confirm (GTK_WINDOW (self), _ ("Delete All These Machines for Ever?"),
               _ ("Their disks are removed with them. Images outside of their folders stay."),
               _ ("_Empty Trash"), confirmed_purge, self, NULL, NULL);
}

static GtkWidget *
make_button (VivTrashWindow *self, const char *entry, const char *icon, const char *tooltip,
             GCallback clicked)
{
  GtkWidget *button = gtk_button_new_from_icon_name (icon);

  gtk_widget_set_tooltip_text (button, tooltip);
  gtk_widget_set_valign (button, GTK_ALIGN_CENTER);
  gtk_widget_add_css_class (button, "flat");
  g_object_set_data_full (G_OBJECT (button), "entry", g_strdup (entry), g_free);
  g_signal_connect (button, "clicked", clicked, self);
  return button;
}

static GtkWidget *
make_row (VivTrashWindow *self, const char *entry)
{
  GtkWidget *row = adw_action_row_new ();
  g_autofree char *name = NULL;
  g_autoptr (GDateTime) when = NULL;
  g_autofree char *path = g_build_filename (viv_library_get_path (self->library), ".trash", entry, NULL);
  g_autofree char *size = g_format_size_full (space_taken (path, 0), G_FORMAT_SIZE_IEC_UNITS);
  g_autofree char *date = NULL;
  g_autofree char *subtitle = NULL;

  split_entry (entry, &name, &when);
  date = when ? g_date_time_format (when, "%x %X") : g_strdup ("");
  /* Translators: when it was deleted, and the room it takes */
  subtitle = g_strdup_printf (_ ("%s · %s"), date, size);
  adw_preferences_row_set_use_markup (ADW_PREFERENCES_ROW (row), FALSE);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (row), name);
  adw_action_row_set_subtitle (ADW_ACTION_ROW (row), subtitle);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), make_button (self, entry, "edit-undo-symbolic",
                                                                _ ("Restore"), G_CALLBACK (on_restore)));
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, entry, "edit-delete-symbolic", _ ("Delete for Ever"), G_CALLBACK (on_purge)));
  return row;
}

static void
update (VivTrashWindow *self)
{
  g_auto (GStrv) entries = viv_library_list_trash (self->library);
  GtkWidget *child;

  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->list))))
    gtk_list_box_remove (self->list, child);
  for (guint i = g_strv_length (entries); i-- > 0;)
    gtk_list_box_append (self->list, make_row (self, entries[i]));
  gtk_stack_set_visible_child_name (self->stack, *entries ? "list" : "empty");
  gtk_widget_set_sensitive (self->empty_button, *entries != NULL);
}

static void
viv_trash_window_dispose (GObject *object)
{
  VivTrashWindow *self = VIV_TRASH_WINDOW (object);

  g_clear_object (&self->library);
  G_OBJECT_CLASS (viv_trash_window_parent_class)->dispose (object);
}

static void
viv_trash_window_class_init (VivTrashWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_trash_window_dispose;
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-trash-window.ui");
  gtk_widget_class_bind_template_child (widget_class, VivTrashWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, VivTrashWindow, list);
  gtk_widget_class_bind_template_child (widget_class, VivTrashWindow, empty_button);
  gtk_widget_class_bind_template_callback (widget_class, on_empty);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
}

static void
viv_trash_window_init (VivTrashWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
}

GtkWidget *
viv_trash_window_new (VivLibrary *library)
{
  VivTrashWindow *self = g_object_new (VIV_TYPE_TRASH_WINDOW, NULL);

  self->library = g_object_ref (library);
  update (self);
  return GTK_WIDGET (self);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machines that were deleted.
 */
#define G_LOG_DOMAIN "viv-trash-window"

#include "config.h"

#include "ui/library/viv-trash-window.h"

#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-jobs.h"
#include "ui/app/viv-rows.h"

#include <glib/gi18n.h>
#include <string.h>

struct _VivTrashWindow
{
  AdwWindow parent_instance;

  GtkStack *stack;
  GtkListBox *list;
  GtkWidget *empty_button;

  VivLibrary *library;
  GCancellable *closed; /* cancelled when the window goes: sizes are of no interest then */
};

G_DEFINE_FINAL_TYPE (VivTrashWindow, viv_trash_window, ADW_TYPE_WINDOW)

static void update (VivTrashWindow *self);

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

/* -- Deleting for ever: in a thread, one machine after another, also when the window has gone -- */

typedef struct
{
  GWeakRef window;
  VivLibrary *library;
  char **entries;
  unsigned next;
  VivJob *job;
} Purge;

static void
purge_free (Purge *purge)
{
  g_weak_ref_clear (&purge->window);
  g_object_unref (purge->library);
  g_strfreev (purge->entries);
  g_object_unref (purge->job);
  g_free (purge);
}

static GtkWidget *
find_row (VivTrashWindow *self, const char *entry)
{
  GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list));

  while (row && g_strcmp0 (entry, g_object_get_data (G_OBJECT (row), "entry")) != 0)
    row = gtk_widget_get_next_sibling (row);
  return row;
}

static void purge_next (Purge *purge);

static void
on_purged (GObject *source, GAsyncResult *result, gpointer data)
{
  Purge *purge = data;
  g_autoptr (VivTrashWindow) window = g_weak_ref_get (&purge->window);
  g_autoptr (GError) error = NULL;
  gboolean done = viv_library_purge_finish (VIV_LIBRARY (source), result, &error);
  gboolean shown = window && window->library;

  /* Between two machines it can be stopped. */
  if (done && purge->entries[purge->next]
      && g_cancellable_set_error_if_cancelled (viv_job_get_cancellable (purge->job), &error))
    done = FALSE;
  viv_job_set_fraction (purge->job, (double)purge->next / g_strv_length (purge->entries));
  if (done && purge->entries[purge->next])
    {
      GtkWidget *row = shown ? find_row (window, purge->entries[purge->next - 1]) : NULL;

      if (row)
        gtk_list_box_remove (window->list, row);
      purge_next (purge);
      return;
    }
  viv_job_end (purge->job, error);
  if (!done && shown)
    {
      /* Here it is seen. */
      viv_job_forget (purge->job);
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        viv_show_error (GTK_WINDOW (window), _ ("The Machine Could Not Be Deleted"), error->message, NULL);
    }
  if (shown)
    update (window);
  purge_free (purge);
}

static void
purge_next (Purge *purge)
{
  viv_library_purge_async (purge->library, purge->entries[purge->next++], on_purged, purge);
}

static const char *
purge_title (const char *doomed)
{
  return doomed ? _ ("Deleting a Machine for Ever") : _ ("Emptying the Trash");
}

static void
confirmed_purge (gpointer owner, gpointer about)
{
  VivTrashWindow *self = owner;
  const char *doomed = about; /* NULL: all */
  g_auto (GStrv) entries
      = doomed ? g_strdupv ((char *[]){ (char *)doomed, NULL }) : viv_library_list_trash (self->library);
  Purge *purge;

  if (!*entries)
    return;
  /* Until it is done, none of them is taken back. */
  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list)); row;
       row = gtk_widget_get_next_sibling (row))
    if (!doomed || g_strcmp0 (doomed, g_object_get_data (G_OBJECT (row), "entry")) == 0)
      gtk_widget_set_sensitive (row, FALSE);
  if (!doomed)
    gtk_widget_set_sensitive (self->empty_button, FALSE);
  purge = g_new0 (Purge, 1);
  g_weak_ref_init (&purge->window, self);
  purge->library = g_object_ref (self->library);
  purge->entries = g_steal_pointer (&entries);
  purge->job = viv_job_begin (purge_title (doomed));
  purge_next (purge);
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
  GtkWidget *button = viv_row_button (icon, tooltip);

  g_object_set_data_full (G_OBJECT (button), "entry", g_strdup (entry), g_free);
  g_signal_connect (button, "clicked", clicked, self);
  return button;
}

static void
show_subtitle (AdwActionRow *row, GDateTime *when, const char *size)
{
  g_autofree char *date = when ? g_date_time_format (when, "%x %X") : g_strdup ("");
  /* Translators: when it was deleted, and the room it takes */
  g_autofree char *subtitle = size ? g_strdup_printf (_ ("%s · %s"), date, size) : g_steal_pointer (&date);

  adw_action_row_set_subtitle (row, subtitle);
}

static void
measure (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  guint64 *size = g_new (guint64, 1);

  *size = viv_space_taken (path);
  g_task_return_pointer (task, size, g_free);
}

static void
on_measured (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (AdwActionRow) row = data;
  g_autofree guint64 *size = g_task_propagate_pointer (G_TASK (result), NULL);
  g_autofree char *text = size ? g_format_size_full (*size, G_FORMAT_SIZE_IEC_UNITS) : NULL;

  if (text)
    show_subtitle (row, g_object_get_data (G_OBJECT (row), "when"), text);
}

static GtkWidget *
make_row (VivTrashWindow *self, const char *entry)
{
  GtkWidget *row = g_object_ref_sink (adw_action_row_new ());
  g_autofree char *name = NULL;
  GDateTime *when = NULL;
  g_autoptr (GTask) task = g_task_new (NULL, self->closed, on_measured, row);

  split_entry (entry, &name, &when);
  viv_row_set_title (row, name);
  g_object_set_data_full (G_OBJECT (row), "entry", g_strdup (entry), g_free);
  if (when)
    g_object_set_data_full (G_OBJECT (row), "when", when, (GDestroyNotify)g_date_time_unref);
  show_subtitle (ADW_ACTION_ROW (row), when, NULL);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), make_button (self, entry, "edit-undo-symbolic",
                                                                _ ("Restore"), G_CALLBACK (on_restore)));
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, entry, "edit-delete-symbolic", _ ("Delete for Ever"), G_CALLBACK (on_purge)));
  g_task_set_task_data (task, g_build_filename (viv_library_get_path (self->library), ".trash", entry, NULL),
                        g_free);
  g_task_run_in_thread (task, measure);
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

  g_cancellable_cancel (self->closed);
  g_clear_object (&self->library);
  G_OBJECT_CLASS (viv_trash_window_parent_class)->dispose (object);
}

static void
viv_trash_window_finalize (GObject *object)
{
  g_object_unref (VIV_TRASH_WINDOW (object)->closed);
  G_OBJECT_CLASS (viv_trash_window_parent_class)->finalize (object);
}

static void
viv_trash_window_class_init (VivTrashWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_trash_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_trash_window_finalize;
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
  self->closed = g_cancellable_new ();
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

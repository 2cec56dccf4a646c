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

  VivHost *host;
  GCancellable *closed; /* cancelled when the window goes: sizes are of no interest then */
};

G_DEFINE_FINAL_TYPE (VivTrashWindow, viv_trash_window, ADW_TYPE_WINDOW)

static void update (VivTrashWindow *self);

/* What a row or a button in it is about. */
static const VivTrashEntry *
entry_of (gpointer widget)
{
  return g_object_get_data (G_OBJECT (widget), "entry");
}

static void
on_restored (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivTrashWindow) self = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = viv_host_restore_finish (VIV_HOST (source), result, &error);

  if (!self->host)
    return;
  if (!machine)
    viv_show_error (GTK_WINDOW (self), _ ("The Machine Could Not Be Restored"), error->message, NULL);
  update (self);
}

static void
on_restore (GtkButton *button, VivTrashWindow *self)
{
  viv_host_restore (self->host, entry_of (button)->id, NULL, on_restored, g_object_ref (self));
}

/* -- Deleting for ever: in a thread, one machine after another, also when the window has gone -- */

typedef struct
{
  GWeakRef window;
  VivHost *host;
  char **entries; /* ids */
  unsigned next;
  VivJob *job;
} Purge;

static void
purge_free (Purge *purge)
{
  g_weak_ref_clear (&purge->window);
  g_object_unref (purge->host);
  g_strfreev (purge->entries);
  g_object_unref (purge->job);
  g_free (purge);
}

static GtkWidget *
find_row (VivTrashWindow *self, const char *entry)
{
  GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list));

  while (row && !g_str_equal (entry_of (row)->id, entry))
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
  gboolean done = viv_host_purge_finish (VIV_HOST (source), result, &error);
  gboolean shown = window && window->host;

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
  viv_host_purge (purge->host, purge->entries[purge->next++], NULL, on_purged, purge);
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
  g_autoptr (GStrvBuilder) entries = g_strv_builder_new ();
  Purge *purge;

  /* Until it is done, none of them is taken back. */
  for (GtkWidget *row = gtk_widget_get_first_child (GTK_WIDGET (self->list)); row;
       row = gtk_widget_get_next_sibling (row))
    if (!doomed || g_str_equal (doomed, entry_of (row)->id))
      {
        g_strv_builder_add (entries, entry_of (row)->id);
        gtk_widget_set_sensitive (row, FALSE);
      }
  if (!doomed)
    gtk_widget_set_sensitive (self->empty_button, FALSE);
  purge = g_new0 (Purge, 1);
  g_weak_ref_init (&purge->window, self);
  purge->host = g_object_ref (self->host);
  purge->entries = g_strv_builder_end (entries);
  purge->job = viv_job_begin (purge_title (doomed));
  purge_next (purge);
}

static void
on_purge (GtkButton *button, VivTrashWindow *self)
{
  const VivTrashEntry *entry = entry_of (button);
  /* Translators: %s is a machine's name */
  g_autofree char *heading = g_strdup_printf (_ ("Delete “%s” for Ever?"), entry->name);

  viv_confirm (GTK_WINDOW (self), heading,
               _ ("Its disks are removed with it. Images outside of its folder stay."), _ ("_Delete"),
               confirmed_purge, self, g_strdup (entry->id), g_free);
}

static void
on_empty (VivTrashWindow *self)
{
  viv_confirm (GTK_WINDOW (self), _ ("Delete All These Machines for Ever?"),
               _ ("Their disks are removed with them. Images outside of their folders stay."),
               _ ("_Empty Trash"), confirmed_purge, self, NULL, NULL);
}

static void
set_entry (gpointer widget, const VivTrashEntry *entry)
{
  g_object_set_data_full (G_OBJECT (widget), "entry", viv_trash_entry_copy (entry),
                          (GDestroyNotify)viv_trash_entry_free);
}

static GtkWidget *
make_button (VivTrashWindow *self, const VivTrashEntry *entry, const char *icon, const char *tooltip,
             GCallback clicked)
{
  GtkWidget *button = viv_row_button (icon, tooltip);

  set_entry (button, entry);
  g_signal_connect (button, "clicked", clicked, self);
  return button;
}

static void
show_subtitle (AdwActionRow *row, const char *size)
{
  gint64 seconds = entry_of (row)->when;
  g_autoptr (GDateTime) when = seconds != 0 ? g_date_time_new_from_unix_local (seconds) : NULL;
  g_autofree char *date = when ? g_date_time_format (when, "%x %X") : g_strdup ("");
  /* Translators: when it was deleted, and the room it takes */
  g_autofree char *subtitle = size ? g_strdup_printf (_ ("%s · %s"), date, size) : g_steal_pointer (&date);

  adw_action_row_set_subtitle (row, subtitle);
}

static void
on_measured (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (AdwActionRow) row = data;
  gssize size = viv_host_measure_trash_finish (VIV_HOST (source), result, NULL);

  if (size >= 0)
    {
      g_autofree char *text = g_format_size_full (size, G_FORMAT_SIZE_IEC_UNITS);

      show_subtitle (row, text);
    }
}

static GtkWidget *
make_row (VivTrashWindow *self, const VivTrashEntry *entry)
{
  GtkWidget *row = g_object_ref_sink (adw_action_row_new ());

  set_entry (row, entry);
  viv_row_set_title (row, entry->name);
  show_subtitle (ADW_ACTION_ROW (row), NULL);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), make_button (self, entry, "edit-undo-symbolic",
                                                                _ ("Restore"), G_CALLBACK (on_restore)));
  adw_action_row_add_suffix (
      ADW_ACTION_ROW (row),
      make_button (self, entry, "edit-delete-symbolic", _ ("Delete for Ever"), G_CALLBACK (on_purge)));
  viv_host_measure_trash (self->host, entry->id, self->closed, on_measured, row);
  return row;
}

static void
on_listed (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivTrashWindow) self = data;
  g_autoptr (GPtrArray) entries = viv_host_list_trash_finish (VIV_HOST (source), result, NULL);
  GtkWidget *child;

  if (!entries || !self->host)
    return;
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self->list))))
    gtk_list_box_remove (self->list, child);
  for (guint i = entries->len; i-- > 0;)
    gtk_list_box_append (self->list, make_row (self, entries->pdata[i]));
  gtk_stack_set_visible_child_name (self->stack, entries->len > 0 ? "list" : "empty");
  gtk_widget_set_sensitive (self->empty_button, entries->len > 0);
}

static void
update (VivTrashWindow *self)
{
  viv_host_list_trash (self->host, self->closed, on_listed, g_object_ref (self));
}

static void
viv_trash_window_dispose (GObject *object)
{
  VivTrashWindow *self = VIV_TRASH_WINDOW (object);

  g_cancellable_cancel (self->closed);
  g_clear_object (&self->host);
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
viv_trash_window_new (VivHost *host)
{
  VivTrashWindow *self = g_object_new (VIV_TYPE_TRASH_WINDOW, NULL);

  self->host = g_object_ref (host);
  update (self);
  return GTK_WIDGET (self);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tags of machines.
 */
#define G_LOG_DOMAIN "viv-tags-dialog"

#include "config.h"

#include "ui/library/viv-tags-dialog.h"

#include "machine/tags.h"
#include "ui/app/viv-dialogs.h"
#include "ui/library/viv-library-order.h"
#include "ui/machine/viv-many.h"

#include <glib/gi18n.h>

#define LIST_HEIGHT 220

typedef struct
{
  GWeakRef shell;
  GPtrArray *machines;
  GPtrArray *checks; /* GtkCheckButton *, the dialog's, with their tag */
  GtkEditable *entry;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  g_weak_ref_clear (&question->shell);
  g_ptr_array_unref (question->machines);
  g_ptr_array_unref (question->checks);
  g_free (question);
}

static void
on_response (AdwMessageDialog *dialog, const char *response, Question *question)
{
  g_autoptr (VivShell) shell = g_weak_ref_get (&question->shell);
  g_autoptr (GPtrArray) add = g_ptr_array_new ();
  g_autoptr (GPtrArray) remove = g_ptr_array_new ();
  g_auto (GStrv) typed = tags_parse (gtk_editable_get_text (question->entry));

  if (shell && g_str_equal (response, "accept"))
    {
      for (guint i = 0; i < question->checks->len; i++)
        {
          GtkCheckButton *check = question->checks->pdata[i];

          if (!gtk_check_button_get_inconsistent (check))
            g_ptr_array_add (gtk_check_button_get_active (check) ? add : remove,
                             g_object_get_data (G_OBJECT (check), "viv-tag"));
        }
      for (char **tag = typed; *tag; tag++)
        g_ptr_array_add (add, *tag);
      g_ptr_array_add (add, NULL);
      g_ptr_array_add (remove, NULL);
      viv_many_tag (shell, question->machines, (const char *const *)add->pdata,
                    (const char *const *)remove->pdata);
    }
}

/* What was mixed is decided by a click. */
static void
on_toggled (GtkCheckButton *check)
{
  gtk_check_button_set_inconsistent (check, FALSE);
}

static GtkWidget *
make_check (Question *question, const char *tag)
{
  GtkWidget *check = gtk_check_button_new_with_label (tag);
  guint n = 0;

  for (guint i = 0; i < question->machines->len; i++)
    {
      const MachineDefinition *definition = viv_machine_get_definition (question->machines->pdata[i]);
      g_auto (GStrv) tags = tags_parse (definition ? definition_text (definition, "machine.tags") : NULL);

      n += tags_have ((const char *const *)tags, tag);
    }
  gtk_check_button_set_active (GTK_CHECK_BUTTON (check), n == question->machines->len);
  gtk_check_button_set_inconsistent (GTK_CHECK_BUTTON (check), n > 0 && n < question->machines->len);
  g_object_set_data_full (G_OBJECT (check), "viv-tag", g_strdup (tag), g_free);
  g_signal_connect (check, "toggled", G_CALLBACK (on_toggled), NULL);
  g_ptr_array_add (question->checks, check);
  return check;
}

static void
on_changed (GtkEditable *entry, AdwMessageDialog *dialog)
{
  const char *text = gtk_editable_get_text (entry);
  gboolean good = !*text || tags_check (text);

  adw_message_dialog_set_response_enabled (dialog, "accept", good);
  if (good)
    gtk_widget_remove_css_class (GTK_WIDGET (entry), "error");
  else
    gtk_widget_add_css_class (GTK_WIDGET (entry), "error");
}

void
viv_tags_dialog_ask (VivShell *shell, GPtrArray *machines)
{
  g_auto (GStrv) tags = viv_library_list_tags (G_LIST_MODEL (viv_shell_get_host (shell)));
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 12), *scroller = gtk_scrolled_window_new (),
            *list = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6), *entry = gtk_entry_new ();
  Question *question = g_new0 (Question, 1);
  g_autofree char *heading
      = machines->len == 1
            /* Translators: %s is a machine's name */
            ? g_strdup_printf (_ ("Tags of “%s”"), viv_machine_get_name (machines->pdata[0]))
            : g_strdup_printf (ngettext ("Tags of %u Machine", "Tags of %u Machines", machines->len),
                               machines->len);
  AdwMessageDialog *dialog;

  g_weak_ref_init (&question->shell, shell);
  question->machines = g_ptr_array_copy (machines, (GCopyFunc)(GCallback)g_object_ref, NULL);
  g_ptr_array_set_free_func (question->machines, g_object_unref);
  question->checks = g_ptr_array_new ();
  question->entry = GTK_EDITABLE (entry);
  for (char **tag = tags; *tag; tag++)
    gtk_box_append (GTK_BOX (list), make_check (question, *tag));
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scroller), TRUE);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scroller), LIST_HEIGHT);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), list);
  gtk_widget_set_visible (scroller, *tags != NULL);
  gtk_entry_set_placeholder_text (GTK_ENTRY (entry), _ ("New tags, such as work, lab"));
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("New tags"), -1);
  gtk_box_append (GTK_BOX (box), scroller);
  gtk_box_append (GTK_BOX (box), entry);
  dialog = viv_dialog_new (GTK_WINDOW (shell), heading, NULL, box, _ ("_Save"), ADW_RESPONSE_SUGGESTED);
  g_signal_connect (entry, "changed", G_CALLBACK (on_changed), dialog);
  g_object_set_data_full (G_OBJECT (dialog), "question", question, question_free);
  g_signal_connect (dialog, "response", G_CALLBACK (on_response), question);
  viv_present_over (GTK_WINDOW (dialog), GTK_WINDOW (shell));
  gtk_widget_grab_focus (*tags ? question->checks->pdata[0] : entry);
}

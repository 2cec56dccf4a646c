/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Questions to the person.
 */
#define G_LOG_DOMAIN "viv-dialogs"

#include "config.h"

#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-preferences.h"

#include <glib/gi18n.h>

#define DETAILS_HEIGHT 180
#define TEXT_HEIGHT    60

/* An owner that may go while the question stands, and what the question is about, which stays. */
typedef struct
{
  GWeakRef owner;
  gpointer about;
  GDestroyNotify destroy;
  union
  {
    VivFileFunc file;
    VivConfirmFunc confirm;
    VivTextFunc text;
  } func;
  VivCheckFunc check;
  GtkEditable *entry;
  GtkWidget *problem;
} Question;

static Question *
question_new (gpointer owner, gpointer about, GDestroyNotify destroy)
{
  Question *question = g_new0 (Question, 1);

  g_weak_ref_init (&question->owner, owner);
  question->about = about;
  question->destroy = destroy;
  return question;
}

static void
question_free (gpointer data)
{
  Question *question = data;

  g_weak_ref_clear (&question->owner);
  if (question->destroy && question->about)
    question->destroy (question->about);
  g_free (question);
}

static void
question_free_closure (gpointer data, GClosure *closure)
{
  question_free (data);
}

/* -- The keyboard -- */

void
viv_release_keyboard (GtkWindow *window)
{
  GtkWidget *focus = window ? gtk_window_get_focus (window) : NULL;

  if (focus)
    gtk_widget_activate_action (focus, "display.release", NULL);
}

void
viv_present_over (GtkWindow *window, GtkWindow *parent)
{
  viv_release_keyboard (parent);
  gtk_window_set_transient_for (window, parent);
  gtk_window_present (window);
}

/* -- Files -- */

static void
on_file_response (GtkNativeDialog *dialog, int response, Question *question)
{
  g_autoptr (GObject) owner = g_weak_ref_get (&question->owner);
  g_autoptr (GFile) file = gtk_file_chooser_get_file (GTK_FILE_CHOOSER (dialog));

  if (owner && file && response == GTK_RESPONSE_ACCEPT)
    {
      g_autoptr (GFile) folder = g_file_get_parent (file);
      g_autofree char *uri = folder ? g_file_get_uri (folder) : g_strdup ("");

      g_settings_set_string (viv_settings (), "image-folder", uri);
      question->func.file (file, owner, question->about);
    }
  gtk_native_dialog_destroy (dialog);
  g_object_unref (dialog);
}

static GtkFileChooserNative *
new_chooser (GtkWindow *parent, const char *title, GtkFileChooserAction action)
{
  GtkFileChooserNative *dialog
      = gtk_file_chooser_native_new (title, parent, action, _ ("_Choose"), _ ("_Cancel"));
  g_autofree char *uri = g_settings_get_string (viv_settings (), "image-folder");

  if (*uri)
    {
      g_autoptr (GFile) folder = g_file_new_for_uri (uri);

      gtk_file_chooser_set_current_folder (GTK_FILE_CHOOSER (dialog), folder, NULL);
    }
  return dialog;
}

static void
show_chooser (GtkFileChooserNative *dialog, GtkWindow *parent, VivFileFunc func, Question *question)
{
  gtk_native_dialog_set_modal (GTK_NATIVE_DIALOG (dialog), TRUE);
  question->func.file = func;
  g_signal_connect_data (dialog, "response", G_CALLBACK (on_file_response), question, question_free_closure,
                         0);
  viv_release_keyboard (parent);
  gtk_native_dialog_show (GTK_NATIVE_DIALOG (dialog));
}

static GtkFileFilter *
make_filter (const char *name, const char *const *suffixes)
{
  GtkFileFilter *filter = gtk_file_filter_new ();

  gtk_file_filter_set_name (filter, name);
  for (; *suffixes; suffixes++)
    gtk_file_filter_add_suffix (filter, *suffixes);
  return filter;
}

void
viv_choose_image (GtkWindow *parent, const char *title, VivFileFunc func, gpointer owner, gpointer about,
                  GDestroyNotify destroy)
{
  static const char *const suffixes[]
      = { "iso", "img", "ima", "vfd", "flp", "raw", "bin", "dsk", "vhd", "qcow2", NULL };
  GtkFileChooserNative *dialog = new_chooser (parent, title, GTK_FILE_CHOOSER_ACTION_OPEN);
  g_autoptr (GtkFileFilter) images = make_filter (_ ("Disc and disk images"), suffixes);
  g_autoptr (GtkFileFilter) all = gtk_file_filter_new ();

  gtk_file_filter_set_name (all, _ ("All files"));
  gtk_file_filter_add_pattern (all, "*");
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), images);
  gtk_file_chooser_add_filter (GTK_FILE_CHOOSER (dialog), all);
  show_chooser (dialog, parent, func, question_new (owner, about, destroy));
}

void
viv_choose_folder (GtkWindow *parent, const char *title, VivFileFunc func, gpointer owner, gpointer about,
                   GDestroyNotify destroy)
{
  GtkFileChooserNative *dialog = new_chooser (parent, title, GTK_FILE_CHOOSER_ACTION_SELECT_FOLDER);

  show_chooser (dialog, parent, func, question_new (owner, about, destroy));
}

/* -- Messages -- */

AdwMessageDialog *
viv_dialog_new (GtkWindow *parent, const char *heading, const char *body, GtkWidget *child,
                const char *accept, AdwResponseAppearance appearance)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, heading, body));

  if (child)
    adw_message_dialog_set_extra_child (dialog, child);
  adw_message_dialog_add_responses (dialog, "cancel", _ ("_Cancel"), "accept", accept, NULL);
  adw_message_dialog_set_response_appearance (dialog, "accept", appearance);
  adw_message_dialog_set_default_response (dialog,
                                           appearance == ADW_RESPONSE_DESTRUCTIVE ? "cancel" : "accept");
  adw_message_dialog_set_close_response (dialog, "cancel");
  return dialog;
}

static void
on_confirm_response (AdwMessageDialog *dialog, const char *response, Question *question)
{
  g_autoptr (GObject) owner = g_weak_ref_get (&question->owner);

  if (owner && g_str_equal (response, "accept"))
    question->func.confirm (owner, question->about);
}

void
viv_confirm (GtkWindow *parent, const char *heading, const char *body, const char *accept,
             VivConfirmFunc func, gpointer owner, gpointer about, GDestroyNotify destroy)
{
  AdwMessageDialog *dialog = viv_dialog_new (parent, heading, body, NULL, accept, ADW_RESPONSE_DESTRUCTIVE);
  Question *question = question_new (owner, about, destroy);

  question->func.confirm = func;
  g_signal_connect_data (dialog, "response", G_CALLBACK (on_confirm_response), question,
                         question_free_closure, 0);
  viv_present_over (GTK_WINDOW (dialog), parent);
}

static void
set_css_class (GtkWidget *widget, const char *name, gboolean on)
{
  if (on)
    gtk_widget_add_css_class (widget, name);
  else
    gtk_widget_remove_css_class (widget, name);
}

static void
on_text_changed (GtkEditable *entry, AdwMessageDialog *dialog)
{
  Question *question = g_object_get_data (G_OBJECT (dialog), "question");
  g_autoptr (GObject) owner = g_weak_ref_get (&question->owner);
  g_autofree char *problem = NULL;

  if (question->check && owner)
    problem = question->check (gtk_editable_get_text (entry), owner, question->about);
  adw_message_dialog_set_response_enabled (dialog, "accept", problem == NULL);
  gtk_label_set_label (GTK_LABEL (question->problem), problem ? problem : "");
  /* Nothing entered yet is no mistake: the sentence is advice then. */
  gboolean wrong = problem && *gtk_editable_get_text (entry);
  set_css_class (GTK_WIDGET (entry), "error", wrong);
  set_css_class (question->problem, "error", wrong);
  set_css_class (question->problem, "dim-label", !wrong);
}

static void
on_text_response (AdwMessageDialog *dialog, const char *response, Question *question)
{
  g_autoptr (GObject) owner = g_weak_ref_get (&question->owner);
  g_autofree char *text = g_strdup (gtk_editable_get_text (question->entry));

  if (owner && g_str_equal (response, "accept"))
    question->func.text (text, owner, question->about);
}

void
viv_ask_text (GtkWindow *parent, const char *heading, const char *text, const char *accept,
              VivCheckFunc check, VivTextFunc func, gpointer owner, gpointer about, GDestroyNotify destroy)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *entry = gtk_entry_new ();
  AdwMessageDialog *dialog = viv_dialog_new (parent, heading, NULL, box, accept, ADW_RESPONSE_SUGGESTED);
  Question *question = question_new (owner, about, destroy);

  question->func.text = func;
  question->check = check;
  question->entry = GTK_EDITABLE (entry);
  question->problem = gtk_label_new (NULL);
  gtk_widget_add_css_class (question->problem, "caption");
  gtk_label_set_wrap (GTK_LABEL (question->problem), TRUE);
  gtk_label_set_xalign (GTK_LABEL (question->problem), 0);
  gtk_editable_set_text (GTK_EDITABLE (entry), text);
  gtk_entry_set_activates_default (GTK_ENTRY (entry), TRUE);
  gtk_box_append (GTK_BOX (box), entry);
  gtk_box_append (GTK_BOX (box), question->problem);

  g_object_set_data_full (G_OBJECT (dialog), "question", question, question_free);
  g_signal_connect (dialog, "response", G_CALLBACK (on_text_response), question);
  g_signal_connect (entry, "changed", G_CALLBACK (on_text_changed), dialog);
  /* What stands there already may be no answer either. */
  on_text_changed (GTK_EDITABLE (entry), dialog);
  viv_present_over (GTK_WINDOW (dialog), parent);
  gtk_editable_select_region (GTK_EDITABLE (entry), 0, -1);
  gtk_widget_grab_focus (entry);
}

static void
on_copy (GtkButton *button, const char *text)
{
  gdk_clipboard_set_text (gtk_widget_get_clipboard (GTK_WIDGET (button)), text);
  gtk_button_set_label (button, _ ("Copied"));
}

/* As it is, with a button that copies it. */
static GtkWidget *
make_text (const char *text, int height, const char *label)
{
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 6);
  GtkWidget *scroller = gtk_scrolled_window_new ();
  GtkWidget *view = gtk_text_view_new ();
  GtkWidget *copy = gtk_button_new_with_mnemonic (label);

  gtk_text_view_set_editable (GTK_TEXT_VIEW (view), FALSE);
  gtk_text_view_set_monospace (GTK_TEXT_VIEW (view), TRUE);
  gtk_text_view_set_wrap_mode (GTK_TEXT_VIEW (view), GTK_WRAP_WORD_CHAR);
  gtk_text_view_set_left_margin (GTK_TEXT_VIEW (view), 9);
  gtk_text_view_set_right_margin (GTK_TEXT_VIEW (view), 9);
  gtk_text_view_set_top_margin (GTK_TEXT_VIEW (view), 9);
  gtk_text_view_set_bottom_margin (GTK_TEXT_VIEW (view), 9);
  gtk_text_buffer_set_text (gtk_text_view_get_buffer (GTK_TEXT_VIEW (view)), text, -1);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), view);
  gtk_scrolled_window_set_min_content_height (GTK_SCROLLED_WINDOW (scroller), height);
  gtk_widget_add_css_class (scroller, "details");
  gtk_widget_set_halign (copy, GTK_ALIGN_START);
  g_signal_connect_data (copy, "clicked", G_CALLBACK (on_copy), g_strdup (text),
                         (GClosureNotify)(GCallback)g_free, 0);
  gtk_box_append (GTK_BOX (box), scroller);
  gtk_box_append (GTK_BOX (box), copy);
  gtk_widget_set_margin_top (box, 6);
  return box;
}

static GtkWidget *
make_details (const char *text)
{
  GtkWidget *expander = gtk_expander_new_with_mnemonic (_ ("_Details"));

  gtk_expander_set_child (GTK_EXPANDER (expander), make_text (text, DETAILS_HEIGHT, _ ("C_opy Details")));
  return expander;
}

void
viv_show_to_copy (GtkWindow *parent, const char *heading, const char *body, const char *text)
{
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, heading, body));

  adw_message_dialog_set_extra_child (dialog, make_text (text, TEXT_HEIGHT, _ ("C_opy")));
  adw_message_dialog_add_response (dialog, "close", _ ("_Close"));
  adw_message_dialog_set_default_response (dialog, "close");
  adw_message_dialog_set_close_response (dialog, "close");
  viv_present_over (GTK_WINDOW (dialog), parent);
}

char *
viv_sentence (const char *message)
{
  g_autofree char *valid = g_utf8_make_valid (message, -1);
  char buffer[7] = "";

  if (!*valid)
    return g_strdup ("");
  buffer[g_unichar_to_utf8 (g_unichar_toupper (g_utf8_get_char (valid)), buffer)] = '\0';
  return g_strconcat (buffer, g_utf8_next_char (valid), NULL);
}

void
viv_show_error_with (GtkWindow *parent, const char *heading, const char *body, const char *log,
                     const char *action, VivConfirmFunc func, gpointer owner, gpointer about,
                     GDestroyNotify destroy)
{
  g_autofree char *sentence = viv_sentence (body ? body : "");
  AdwMessageDialog *dialog = ADW_MESSAGE_DIALOG (adw_message_dialog_new (parent, heading, sentence));
  Question *question = question_new (owner, about, destroy);
  g_autofree char *details = NULL;

  if (log && *log)
    {
      g_autofree char *valid = g_utf8_make_valid (log, -1);

      details = g_strdup_printf ("%s\n%s\n\nVivarium %s\n\n%s", heading, sentence, PACKAGE_VERSION, valid);
    }
  if (details)
    adw_message_dialog_set_extra_child (dialog, make_details (details));
  adw_message_dialog_add_response (dialog, "close", _ ("_Close"));
  if (action)
    adw_message_dialog_add_response (dialog, "accept", action);
  adw_message_dialog_set_default_response (dialog, action ? "accept" : "close");
  adw_message_dialog_set_close_response (dialog, "close");
  question->func.confirm = func;
  g_signal_connect_data (dialog, "response", G_CALLBACK (on_confirm_response), question,
                         question_free_closure, 0);
  viv_present_over (GTK_WINDOW (dialog), parent);
}

void
viv_show_error (GtkWindow *parent, const char *heading, const char *body, const char *log)
{
  viv_show_error_with (parent, heading, body, log, NULL, NULL, NULL, NULL, NULL);
}

/* -- About -- */

void
viv_show_about (GtkWindow *parent)
{
  adw_show_about_window (parent, "application-name", "Vivarium", "application-icon", APP_ID, "version",
                         PACKAGE_VERSION, "developer-name", _ ("The Vivarium developers"), "license-type",
                         GTK_LICENSE_GPL_3_0, "copyright", "© 2026 The Vivarium developers", "comments",
                         _ ("A glass case in which whole computers are kept and watched"),
                         /* Translators: your names, one a line */
                         "translator-credits", _ ("translator-credits"), NULL);
}

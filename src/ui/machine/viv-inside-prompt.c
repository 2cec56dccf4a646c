/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A line, its history, and answers.
 */
#define G_LOG_DOMAIN "viv-inside-prompt"

#include "config.h"

#include "ui/machine/viv-inside-prompt.h"

#include "ui/machine/viv-inside-text.h"

#include <glib/gi18n.h>
#include <glib/gstdio.h>
#include <string.h>

#define MOST_HISTORY 500u
#define MOST_TEXT    (1 << 20) /* characters of answers that are kept */

struct _VivInsidePrompt
{
  GtkBox parent_instance;

  GtkTextView *answers;
  GtkEntry *entry;
  VivMachine *machine;
  GCancellable *cancellable;
  GPtrArray *history; /* char *, the oldest first */
  guint place;        /* in it; its length: the line that is being typed */
  char *begun;        /* that line, while an older one is shown */
  gboolean changed;   /* the history is to be written */
};

G_DEFINE_FINAL_TYPE (VivInsidePrompt, viv_inside_prompt, GTK_TYPE_BOX)

/* -- History: the file of vivctl monitor ------------------------------------------------------------ */

static char *
history_file (void)
{
  return g_build_filename (g_get_user_state_dir (), "vivarium", "monitor-history", NULL);
}

static void
read_history (VivInsidePrompt *self)
{
  g_autofree char *file = history_file (), *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (file, &text, NULL, NULL) || !g_utf8_validate (text, -1, NULL))
    return;
  lines = g_strsplit (text, "\n", -1);
  for (unsigned i = 0; lines[i] != NULL; i++)
    if (*lines[i] != '\0')
      g_ptr_array_add (self->history, g_strdup (lines[i]));
}

static void
write_history (VivInsidePrompt *self)
{
  g_autofree char *file = history_file (), *folder = g_path_get_dirname (file);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = self->history->len > MOST_HISTORY ? self->history->len - MOST_HISTORY : 0;
       i < self->history->len; i++)
    g_string_append_printf (text, "%s\n", (const char *)self->history->pdata[i]);
  /* What can't be kept isn't worth a word. */
  if (g_mkdir_with_parents (folder, 0700) == 0)
    g_file_set_contents_full (file, text->str, (gssize)text->len, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL);
}

static void
remember (VivInsidePrompt *self, const char *line)
{
  const guint n = self->history->len;

  if (n == 0 || !g_str_equal (self->history->pdata[n - 1], line))
    {
      g_ptr_array_add (self->history, g_strdup (line));
      self->changed = TRUE;
    }
  self->place = self->history->len;
  g_clear_pointer (&self->begun, g_free);
}

static void
show_line (VivInsidePrompt *self, const char *line)
{
  gtk_editable_set_text (GTK_EDITABLE (self->entry), line);
  gtk_editable_set_position (GTK_EDITABLE (self->entry), -1);
}

static void
go_through_history (VivInsidePrompt *self, int by)
{
  const guint n = self->history->len;

  if ((by < 0 && self->place == 0) || (by > 0 && self->place >= n))
    return;
  if (self->place == n)
    {
      g_free (self->begun);
      self->begun = g_strdup (gtk_editable_get_text (GTK_EDITABLE (self->entry)));
    }
  self->place = by < 0 ? self->place - 1 : self->place + 1;
  show_line (self, self->place < n ? self->history->pdata[self->place] : self->begun ? self->begun : "");
}

/* -- Answers ---------------------------------------------------------------------------------------- */

static void
drop_oldest (VivInsidePrompt *self)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (self->answers);
  const int much = gtk_text_buffer_get_char_count (buffer) - MOST_TEXT;
  GtkTextIter begin, end;

  if (much <= 0)
    return;
  gtk_text_buffer_get_start_iter (buffer, &begin);
  gtk_text_buffer_get_iter_at_offset (buffer, &end, much);
  gtk_text_iter_forward_line (&end);
  gtk_text_buffer_delete (buffer, &begin, &end);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivInsidePrompt) self = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *answer = viv_machine_command_finish (VIV_MACHINE (source), result, &error);

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  if (!answer)
    {
      viv_inside_text_append (self->answers, error->message, "error");
      viv_inside_text_append (self->answers, "\n", NULL);
    }
  else
    viv_inside_text_append (self->answers, answer, NULL);
  drop_oldest (self);
}

void
viv_inside_prompt_run (VivInsidePrompt *self, const char *text)
{
  g_autofree char *line = g_strstrip (g_strdup (text));
  g_autofree char *asked = g_strdup_printf ("› %s\n", line);

  if (*line == '\0')
    return;
  remember (self, line);
  show_line (self, "");
  if (g_str_equal (line, "clear"))
    {
      gtk_text_buffer_set_text (gtk_text_view_get_buffer (self->answers), "", 0);
      return;
    }
  viv_inside_text_append (self->answers, asked, "head");
  viv_machine_command (self->machine, line, FALSE, self->cancellable, on_answer, g_object_ref (self));
}

static void
on_activate (GtkEntry *entry, VivInsidePrompt *self)
{
  viv_inside_prompt_run (self, gtk_editable_get_text (GTK_EDITABLE (entry)));
}

/* -- Completion ------------------------------------------------------------------------------------- */

typedef struct
{
  VivInsidePrompt *self;
  char *line; /* up to the cursor */
} Completion;

static size_t
common_length (char **words)
{
  size_t length = strlen (words[0]);

  for (unsigned i = 1; words[i] != NULL; i++)
    {
      size_t same = 0;

      while (same < length && words[0][same] == words[i][same])
        same++;
      length = same;
    }
  return length;
}

static void
complete_with (VivInsidePrompt *self, const char *line, char **words)
{
  const char *begun = strrchr (line, ' ') ? strrchr (line, ' ') + 1 : line;
  const size_t length = common_length (words);

  if (length > strlen (begun) || words[1] == NULL)
    {
      g_autofree char *common = g_strndup (words[0], length), *head = g_strndup (line, (gsize)(begun - line));
      g_autofree char *whole = g_strconcat (head, common, words[1] == NULL ? " " : "", NULL);

      show_line (self, whole);
    }
  else
    {
      g_autofree char *all = g_strjoinv ("  ", words);
      g_autofree char *said = g_strconcat (all, "\n", NULL);

      viv_inside_text_append (self->answers, said, "dim");
    }
}

static void
on_completions (GObject *source, GAsyncResult *result, gpointer data)
{
  Completion *c = data;
  g_autofree char *answer = viv_machine_command_finish (VIV_MACHINE (source), result, NULL);
  g_auto (GStrv) words = g_strsplit (answer ? answer : "", "\n", -1);

  /* Whoever typed on has another line by now. */
  if (words[0] != NULL && *words[0] != '\0' && c->self->machine
      && g_str_equal (gtk_editable_get_text (GTK_EDITABLE (c->self->entry)), c->line))
    complete_with (c->self, c->line, words);
  g_object_unref (c->self);
  g_free (c->line);
  g_free (c);
}

static gboolean
on_key (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType state,
        VivInsidePrompt *self)
{
  const char *text = gtk_editable_get_text (GTK_EDITABLE (self->entry));

  if ((state & (GDK_CONTROL_MASK | GDK_ALT_MASK | GDK_SHIFT_MASK)) != 0)
    return FALSE;
  if (key == GDK_KEY_Up || key == GDK_KEY_Down)
    {
      go_through_history (self, key == GDK_KEY_Up ? -1 : 1);
      return TRUE;
    }
  /* In an empty line it moves the focus, as everywhere. */
  if (key == GDK_KEY_Tab && *text != '\0')
    {
      Completion *c = g_new0 (Completion, 1);
      g_autofree char *line = g_strconcat ("complete ", text, NULL);

      *c = (Completion){ g_object_ref (self), g_strdup (text) };
      viv_machine_command (self->machine, line, FALSE, self->cancellable, on_completions, c);
      return TRUE;
    }
  return FALSE;
}

/* -- Life ------------------------------------------------------------------------------------------- */

static gboolean
viv_inside_prompt_grab_focus (GtkWidget *widget)
{
  return gtk_widget_grab_focus (GTK_WIDGET (VIV_INSIDE_PROMPT (widget)->entry));
}

static void
viv_inside_prompt_dispose (GObject *object)
{
  VivInsidePrompt *self = VIV_INSIDE_PROMPT (object);

  if (self->changed)
    write_history (self);
  self->changed = FALSE;
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->machine);
  G_OBJECT_CLASS (viv_inside_prompt_parent_class)->dispose (object);
}

static void
viv_inside_prompt_finalize (GObject *object)
{
  VivInsidePrompt *self = VIV_INSIDE_PROMPT (object);

  g_ptr_array_unref (self->history);
  g_object_unref (self->cancellable);
  g_free (self->begun);
  G_OBJECT_CLASS (viv_inside_prompt_parent_class)->finalize (object);
}

static void
viv_inside_prompt_class_init (VivInsidePromptClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_inside_prompt_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_inside_prompt_finalize;
  GTK_WIDGET_CLASS (klass)->grab_focus = viv_inside_prompt_grab_focus;
}

static void
viv_inside_prompt_init (VivInsidePrompt *self)
{
  GtkWidget *scrolled = gtk_scrolled_window_new (), *row = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 6);
  GtkEventController *keys = gtk_event_controller_key_new ();

  gtk_orientable_set_orientation (GTK_ORIENTABLE (self), GTK_ORIENTATION_VERTICAL);
  self->cancellable = g_cancellable_new ();
  self->history = g_ptr_array_new_with_free_func (g_free);
  read_history (self);
  self->place = self->history->len;

  self->answers = GTK_TEXT_VIEW (gtk_text_view_new ());
  viv_inside_text_init (self->answers);
  gtk_text_view_set_wrap_mode (self->answers, GTK_WRAP_NONE);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->answers), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  _ ("Answers"), -1);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scrolled), GTK_WIDGET (self->answers));
  gtk_widget_set_vexpand (scrolled, TRUE);

  self->entry = GTK_ENTRY (gtk_entry_new ());
  gtk_entry_set_placeholder_text (self->entry, _ ("A command; “help” lists them"));
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->entry), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Command"),
                                  -1);
  gtk_widget_add_css_class (GTK_WIDGET (self->entry), "monospace");
  gtk_widget_set_hexpand (GTK_WIDGET (self->entry), TRUE);
  g_signal_connect (self->entry, "activate", G_CALLBACK (on_activate), self);
  gtk_event_controller_set_propagation_phase (keys, GTK_PHASE_CAPTURE);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (on_key), self);
  gtk_widget_add_controller (GTK_WIDGET (self->entry), keys);
  gtk_widget_add_css_class (row, "toolbar");
  gtk_box_append (GTK_BOX (row), GTK_WIDGET (self->entry));

  gtk_box_append (GTK_BOX (self), scrolled);
  gtk_box_append (GTK_BOX (self), gtk_separator_new (GTK_ORIENTATION_HORIZONTAL));
  gtk_box_append (GTK_BOX (self), row);
}

void
viv_inside_prompt_set_machine (VivInsidePrompt *self, VivMachine *machine)
{
  g_set_object (&self->machine, machine);
}

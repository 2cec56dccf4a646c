/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text with heads and changes.
 */
#define G_LOG_DOMAIN "viv-inside-text"

#include "config.h"

#include "ui/machine/viv-inside-text.h"

#include <string.h>

#define MARGIN 12

gboolean
viv_inside_text_is_head (const char *line)
{
  unsigned words = 0;

  for (const char *c = line; *c != '\0'; c++)
    {
      if (g_ascii_isdigit (*c) || g_ascii_isupper (*c) || strchr (":.,=/()", *c))
        return FALSE;
      if (*c != ' ' && (c == line || c[-1] == ' '))
        words++;
    }
  return words >= 3;
}

/* -- Columns ----------------------------------------------------------------------------------------- */

#define LEAST_LINES  12u /* shorter lists stay as they are */
#define MOST_WIDTH   44  /* wider lines, too */
#define MOST_COLUMNS 4u
#define GAP          4

/* `lines` [from, to): downwards, then to the right. */
static void
append_columns (GString *out, char **lines, guint from, guint to, guint width)
{
  const guint n = to - from;
  glong longest = 0;
  guint columns = 1, rows;

  for (guint i = from; i < to; i++)
    longest = MAX (longest, g_utf8_strlen (lines[i], -1));
  if (n >= LEAST_LINES && longest <= MOST_WIDTH && !viv_inside_text_is_head (lines[from]))
    columns = CLAMP ((width + GAP) / (guint)(longest + GAP), 1, MOST_COLUMNS);
  rows = (n + columns - 1) / columns;
  for (guint row = 0; row < rows; row++)
    {
      for (guint column = 0; column < columns && from + column * rows + row < to; column++)
        {
          const char *line = lines[from + column * rows + row];

          g_string_append (out, line);
          if (from + (column + 1) * rows + row < to && column + 1 < columns)
            for (glong pad = g_utf8_strlen (line, -1); pad < longest + GAP; pad++)
              g_string_append_c (out, ' ');
        }
      g_string_append_c (out, '\n');
    }
}

char *
viv_inside_text_flow (const char *text, guint width)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  const guint n = g_strv_length (lines);
  GString *out = g_string_new (NULL);

  for (guint from = 0; from < n;)
    {
      guint to = from;

      while (to < n && *lines[to] != '\0')
        to++;
      if (to > from)
        append_columns (out, lines, from, to, width);
      if (to + 1 < n)
        g_string_append_c (out, '\n');
      from = to + 1;
    }
  return g_string_free (out, FALSE);
}

guint
viv_inside_text_width (GtkTextView *view)
{
  PangoContext *context = gtk_widget_get_pango_context (GTK_WIDGET (view));
  g_autoptr (PangoLayout) layout = pango_layout_new (context);
  PangoFontDescription *font = pango_font_description_copy (pango_context_get_font_description (context));
  int width, room = gtk_widget_get_width (GTK_WIDGET (view)) - 2 * MARGIN;

  pango_font_description_set_family (font, "monospace");
  pango_layout_set_font_description (layout, font);
  pango_layout_set_text (layout, "0000000000", -1);
  pango_layout_get_pixel_size (layout, &width, NULL);
  pango_font_description_free (font);
  return width > 0 && room > 0 ? (guint)(room * 10 / width) : 0;
}

/* Colours that hold in light and dark alike. */
void
viv_inside_text_init (GtkTextView *view)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (view);
  const GdkRGBA blue = { 0.21f, 0.52f, 0.89f, 0.25f }, grey = { 0.55f, 0.55f, 0.55f, 1 },
                red = { 0.93f, 0.27f, 0.29f, 1 };

  gtk_text_view_set_monospace (view, TRUE);
  gtk_text_view_set_editable (view, FALSE);
  gtk_text_view_set_cursor_visible (view, FALSE);
  gtk_text_view_set_left_margin (view, MARGIN);
  gtk_text_view_set_right_margin (view, MARGIN);
  gtk_text_view_set_top_margin (view, MARGIN);
  gtk_text_view_set_bottom_margin (view, MARGIN);
  gtk_text_view_set_pixels_below_lines (view, 2);
  gtk_text_view_set_accepts_tab (view, FALSE);
  gtk_text_buffer_create_tag (buffer, "head", "weight", PANGO_WEIGHT_BOLD, NULL);
  gtk_text_buffer_create_tag (buffer, "dim", "foreground-rgba", &grey, NULL);
  gtk_text_buffer_create_tag (buffer, "error", "foreground-rgba", &red, NULL);
  gtk_text_buffer_create_tag (buffer, "changed", "background-rgba", &blue, NULL);
}

static void
apply (GtkTextBuffer *buffer, const char *tag, int line, const char *text, const char *from, const char *to)
{
  GtkTextIter begin, end;

  gtk_text_buffer_get_iter_at_line_offset (buffer, &begin, line, (int)g_utf8_pointer_to_offset (text, from));
  gtk_text_buffer_get_iter_at_line_offset (buffer, &end, line, (int)g_utf8_pointer_to_offset (text, to));
  gtk_text_buffer_apply_tag_by_name (buffer, tag, &begin, &end);
}

/* The words of `line` that `before`, the same line a moment ago, has otherwise. */
static void
mark_changes (GtkTextBuffer *buffer, int number, const char *line, const char *before)
{
  g_auto (GStrv) old = g_strsplit_set (before, " ", -1);
  const char *word = line;
  unsigned n = 0;

  while (*word != '\0')
    {
      const char *end = word + strcspn (word, " ");

      while (old[n] != NULL && *old[n] == '\0')
        n++;
      if (end > word
          && (old[n] == NULL || strlen (old[n]) != (size_t)(end - word)
              || strncmp (old[n], word, (size_t)(end - word)) != 0))
        apply (buffer, "changed", number, line, word, end);
      if (end > word && old[n] != NULL)
        n++;
      word = end + strspn (end, " ");
    }
}

static void
style_lines (GtkTextBuffer *buffer, const char *text, const char *before)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1), old = before ? g_strsplit (before, "\n", -1) : NULL;
  const guint n_old = old ? g_strv_length (old) : 0;

  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (viv_inside_text_is_head (lines[i]) && (i == 0 || *lines[i - 1] == '\0'))
        apply (buffer, "head", (int)i, lines[i], lines[i], lines[i] + strlen (lines[i]));
      else if (i < n_old && !g_str_equal (lines[i], old[i]))
        mark_changes (buffer, (int)i, lines[i], old[i]);
    }
}

void
viv_inside_text_set (GtkTextView *view, const char *text, gboolean compare)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (view);
  GtkAdjustment *adjustment = gtk_scrollable_get_vadjustment (GTK_SCROLLABLE (view));
  const double at = compare && adjustment ? gtk_adjustment_get_value (adjustment) : 0;
  g_autofree char *before = NULL;

  g_object_get (buffer, "text", &before, NULL);
  gtk_text_buffer_set_text (buffer, text, -1);
  style_lines (buffer, text, compare ? before : NULL);
  if (adjustment)
    gtk_adjustment_set_value (adjustment, at);
}

void
viv_inside_text_append (GtkTextView *view, const char *text, const char *style)
{
  GtkTextBuffer *buffer = gtk_text_view_get_buffer (view);
  GtkTextIter end;

  gtk_text_buffer_get_end_iter (buffer, &end);
  if (style)
    gtk_text_buffer_insert_with_tags_by_name (buffer, &end, text, -1, style, NULL);
  else
    gtk_text_buffer_insert (buffer, &end, text, -1);
  gtk_text_buffer_get_end_iter (buffer, &end);
  gtk_text_buffer_place_cursor (buffer, &end);
  gtk_text_view_scroll_mark_onscreen (view, gtk_text_buffer_get_insert (buffer));
}

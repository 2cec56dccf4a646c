/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Answers of the prompt in a GtkTextView: heads of tables stand out, and so does what has changed since the last answer.
 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* Prepares the view: monospaced, to be read and copied. */
void viv_inside_text_init (GtkTextView *view);
/* Shows `text` in place of what was there, which stays where it was scrolled to.  `compare`: it is the same table a moment later, and what differs is marked. */
void viv_inside_text_set (GtkTextView *view, const char *text, gboolean compare);
/* Adds to the end, in a style: "head", "dim", "error", or NULL. */
void viv_inside_text_append (GtkTextView *view, const char *text, const char *style);
/* Long lists of short lines side by side, as far as `width` letters have room. */
char *viv_inside_text_flow (const char *text, guint width);
/* How many letters fit into a line. */
guint viv_inside_text_width (GtkTextView *view);
/* Whether a line is the head of a table: three words or more, without a digit. */
gboolean viv_inside_text_is_head (const char *line);

G_END_DECLS

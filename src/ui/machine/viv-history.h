/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A small graph of a number over the last minutes.
 */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* So many values are kept, and drawn from left to right. */
#define VIV_HISTORY_LENGTH 60

#define VIV_TYPE_HISTORY (viv_history_get_type ())
G_DECLARE_FINAL_TYPE (VivHistory, viv_history, VIV, HISTORY, GtkWidget)

/* `label` is what is drawn, for those who can't see it. */
GtkWidget *viv_history_new (const char *label);
/* Adds a value; the oldest goes.  What isn't between 0 and 1 is brought there; a value that isn't known is a gap, NAN. */
void viv_history_add (VivHistory *self, double value);
void viv_history_clear (VivHistory *self);
/* How many there are, and the one that came so many before the last. */
guint viv_history_get_length (VivHistory *self);
double viv_history_get (VivHistory *self, guint before_last);

G_END_DECLS

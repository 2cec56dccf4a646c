/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What rows of lists have in common, in whatever window they stand.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* Of an AdwActionRow, any text: names of files and sockets are no markup, and need not be UTF-8.  NULL: none. */
void viv_row_set_title (gpointer row, const char *text);
void viv_row_set_subtitle (gpointer row, const char *text);
/* A button at a row's end; its tooltip is its accessible name too. */
GtkWidget *viv_row_button (const char *icon, const char *tooltip);
/* The choices of a GtkStringList are not cut (a combo row of libadwaita 1.2 cuts all after 20 letters): the one that is chosen keeps room beside
 * the title, and the list is as wide as they are.  The model is set before. */
void viv_row_fit_choices (AdwComboRow *row);
/* How much room a text takes, in letters of the Latin alphabet. */
guint viv_text_width (const char *text);
/* Wider ones belong under the title: adw_combo_row_set_use_subtitle(). */
#define VIV_CHOICE_WIDTH 22

G_END_DECLS

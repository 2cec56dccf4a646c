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

G_END_DECLS

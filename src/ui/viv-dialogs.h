/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Questions to the person.  All that GTK 4.10 and libadwaita 1.5 replace (file chooser, message and about windows) is behind
 * this file, so that the floor can move in one place.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* `file` is valid during the call; not called if the person gave up. */
typedef void (*VivFileFunc) (GFile *file, gpointer data);
/* A disc, disk or floppy image, through the portal when sandboxed; remembers the folder.  `owner` (also the `data` of `func`) may
 * go meanwhile: then nothing is called. */
void viv_choose_image (GtkWindow *parent, const char *title, VivFileFunc func, GObject *owner);

typedef void (*VivConfirmFunc) (gpointer data);
/* Asks before something that can't be undone; `func` is called if the answer is `accept`. */
void viv_confirm (GtkWindow *parent, const char *heading, const char *body, const char *accept,
                  VivConfirmFunc func, GObject *owner);

/* Returns a message if `text` won't do, NULL if it will. */
typedef char *(*VivCheckFunc) (const char *text, gpointer data);
typedef void (*VivTextFunc) (const char *text, gpointer data);
/* Asks for a line of text, checked while it is typed. */
void viv_ask_text (GtkWindow *parent, const char *heading, const char *text, const char *accept,
                   VivCheckFunc check, VivTextFunc func, GObject *owner);

/* The one way to tell of a failure: what failed, why, and behind "Details" what a report needs (`log` may be NULL), to copy. */
void viv_show_error (GtkWindow *parent, const char *heading, const char *body, const char *log);

/* An error's message as a sentence by itself: with a capital at its beginning. */
char *viv_sentence (const char *message);

void viv_show_about (GtkWindow *parent);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Questions to the person.  All that GTK 4.10 and libadwaita 1.5 replace (file chooser, message and about windows) is behind
 * this file, so that the floor can move in one place.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

/* Questions are asked over `parent`, for `owner` (an object, which may go meanwhile: then nothing is called) and about `about`,
 * which is the question's until it is answered: an answer belongs to what it was asked about, whatever is shown by then.
 * `destroy` frees it and may be NULL. */

/* With "cancel" and "accept", `child` (may be NULL) between the text and them, not shown yet.  A destructive answer is never the default. */
AdwMessageDialog *viv_dialog_new (GtkWindow *parent, const char *heading, const char *body, GtkWidget *child,
                                  const char *accept, AdwResponseAppearance appearance);

/* `file` is valid during the call; not called if the person gave up. */
typedef void (*VivFileFunc) (GFile *file, gpointer owner, gpointer about);
/* A disc, disk or floppy image, through the portal when sandboxed; remembers the folder. */
void viv_choose_image (GtkWindow *parent, const char *title, VivFileFunc func, gpointer owner, gpointer about,
                       GDestroyNotify destroy);
/* A folder, likewise. */
void viv_choose_folder (GtkWindow *parent, const char *title, VivFileFunc func, gpointer owner,
                        gpointer about, GDestroyNotify destroy);

typedef void (*VivConfirmFunc) (gpointer owner, gpointer about);
/* Asks before something that can't be undone; `func` is called if the answer is `accept`. */
void viv_confirm (GtkWindow *parent, const char *heading, const char *body, const char *accept,
                  VivConfirmFunc func, gpointer owner, gpointer about, GDestroyNotify destroy);

/* Returns a message if `text` won't do, NULL if it will. */
typedef char *(*VivCheckFunc) (const char *text, gpointer owner, gpointer about);
typedef void (*VivTextFunc) (const char *text, gpointer owner, gpointer about);
/* Asks for a line of text, checked while it is typed. */
void viv_ask_text (GtkWindow *parent, const char *heading, const char *text, const char *accept,
                   VivCheckFunc check, VivTextFunc func, gpointer owner, gpointer about,
                   GDestroyNotify destroy);

/* Every window that comes up over another comes up by this: a machine's screen in `parent` gives the keyboard back first. */
void viv_present_over (GtkWindow *window, GtkWindow *parent);
/* The screen that has the keyboard in `window`, if any, gives it back. */
void viv_release_keyboard (GtkWindow *window);

/* The one way to tell of a failure: what failed, why, and behind "Details" what a report needs (`log` may be NULL), to copy. */
void viv_show_error (GtkWindow *parent, const char *heading, const char *body, const char *log);

/* The same with a way out: a button `action` that calls `func`. */
void viv_show_error_with (GtkWindow *parent, const char *heading, const char *body, const char *log,
                          const char *action, VivConfirmFunc func, gpointer owner, gpointer about,
                          GDestroyNotify destroy);

/* Something that a person is to take elsewhere: `text` is shown as it is, and one button copies just that. */
void viv_show_to_copy (GtkWindow *parent, const char *heading, const char *body, const char *text);

/* An error's message as a sentence by itself: with a capital at its beginning. */
char *viv_sentence (const char *message);

void viv_show_about (GtkWindow *parent);

G_END_DECLS

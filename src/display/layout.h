/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Text as the keys of a keyboard layout, by libxkbcommon: for typing to a guest that has that layout set.
 *
 * A character is a key with none, one or both of Shift and AltGr, or a dead key and a letter after it.
 */
#pragma once

#include <gio/gio.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct KeyLayout KeyLayout;

/* Of a US keyboard where nobody says anything. */
#define KEY_LAYOUT_DEFAULT "us"

/* One movement of a key. */
typedef struct
{
  uint16_t code; /* evdev */
  gboolean down;
} KeyStroke;

/* As X11 has it: "us", "de", "de(nodeadkeys)".  Main thread; takes some milliseconds. */
KeyLayout *key_layout_new (const char *name, GError **error);
void key_layout_free (KeyLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (KeyLayout, key_layout_free)
/* TRUE if the name has the form of one; whether the layout is there only key_layout_new() knows. */
gboolean key_layout_check_name (const char *name);

/* Appends the strokes that make `text` (UTF-8; a line's end is Enter) to `strokes` (KeyStroke), on a keyboard with Caps Lock as given.
 * FALSE: some characters can't be made, and nothing was appended; the error has them. */
gboolean key_layout_type (KeyLayout *layout, const char *text, gboolean caps_lock, GArray *strokes,
                          GError **error);

G_END_DECLS

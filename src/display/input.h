/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * An input event, as it travels from any viewer to the router.  Key and button codes are evdev's (KEY_*, BTN_* of
 * linux/input-event-codes.h).
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef enum
{
  INPUT_EVENT_KEY,      /* code: KEY_*; value: 1 down, 0 up */
  INPUT_EVENT_BUTTON,   /* code: BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA; value: 1 down, 0 up */
  INPUT_EVENT_RELATIVE, /* x, y: mickeys, positive is right and down */
  INPUT_EVENT_ABSOLUTE, /* value: which screen (its id, 0 the first); x, y: 0 to INPUT_ABSOLUTE_MAX over its whole picture */
  INPUT_EVENT_WHEEL, /* x, y: clicks, positive is right and down (towards the user) */
  INPUT_EVENT_TOUCH, /* code: which finger, less than INPUT_FINGERS; value: 1 it is there, 0 it has left; x, y: as of an absolute one, first screen */
} InputEventType;

#define INPUT_ABSOLUTE_MAX 32767
#define INPUT_FINGERS      10u

typedef struct
{
  InputEventType type;
  uint16_t code;
  int32_t value;
  int32_t x, y;
} InputEvent;

/* What came from another process: FALSE if it is none that there is, of a machine with `n_screens`; else its numbers are brought into their ranges.  The
 * codes of keys and buttons are the router's to look up. */
gboolean input_event_check (InputEvent *event, unsigned n_screens);

/* Strings of tests and of vivctl: "ctrl-alt-delete", "a", "shift-f10", "ret".  evdev codes in press order; n at most 8. */
gboolean input_parse_chord (const char *text, uint16_t *codes, unsigned *n, GError **error);

G_END_DECLS

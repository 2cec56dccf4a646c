/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which keys the guest holds, and when the person wants the keyboard back.  Pure C, no GTK.
 *
 * The keyboard comes back when the keys of the chord (Ctrl and Alt, say) were all down and one of them is released, unless
 * another key or a button came between: Ctrl+Alt+Delete is the guest's own.  Who can't hold two keys at once (sticky keys) may have
 * it so that the keys pressed one after another do it too.
 */
#pragma once

#include <glib.h>
#include <linux/input-event-codes.h>
#include <stdint.h>

G_BEGIN_DECLS

/* As org.vivarium.Vivarium.ReleaseKeys of the settings. */
typedef enum
{
  VIV_CHORD_CTRL_ALT,
  VIV_CHORD_CTRL_SHIFT,
  VIV_CHORD_CTRL_SUPER,
  VIV_CHORD_RIGHT_CTRL,
  VIV_N_CHORDS,
} VivChord;

typedef struct
{
  VivChord chord;
  gboolean grabbed;
  gboolean whole;   /* all of the chord was down together */
  gboolean spoiled; /* another key came between */
  gboolean in_turn; /* the chord's keys one after another count too */
  unsigned
      turn; /* groups of the chord that were pressed and released alone, the last things that were: a bit each */
  uint32_t held[(KEY_CNT + 31) / 32];
} VivGrab;

typedef enum
{
  VIV_GRAB_IGNORE,          /* not for the guest */
  VIV_GRAB_FORWARD,         /* send it */
  VIV_GRAB_FORWARD_RELEASE, /* send it, then viv_grab_end() */
} VivGrabAction;

void viv_grab_init (VivGrab *grab, VivChord chord);
/* For people: "Ctrl+Alt". */
const char *viv_chord_label (VivChord chord);
/* Whether the chord's keys one after another count as the chord.  Kept by viv_grab_begin() and viv_grab_end(). */
void viv_grab_set_in_turn (VivGrab *grab, gboolean in_turn);
void viv_grab_begin (VivGrab *grab);
/* Every key that the guest still holds is put in `codes` (KEY_CNT of them at most); returns how many: send them as released. */
unsigned viv_grab_end (VivGrab *grab, uint16_t codes[KEY_CNT]);
/* Repeats of a key that is down are ignored: the guest's keyboard repeats by itself. */
VivGrabAction viv_grab_key (VivGrab *grab, uint16_t code, gboolean down);
/* A pointer button: Ctrl+Alt+click is the guest's too. */
void viv_grab_button (VivGrab *grab);
gboolean viv_grab_holds (const VivGrab *grab, uint16_t code);

/* Smooth scrolling becomes clicks of a wheel; the rest is kept. */
typedef struct
{
  double x, y;
} VivWheel;

/* `dx` and `dy` in clicks, positive is right and down. */
void viv_wheel_add (VivWheel *wheel, double dx, double dy, int *clicks_x, int *clicks_y);
/* The finger left the surface or another device came: forget the rest. */
void viv_wheel_reset (VivWheel *wheel);

/* Relative motion: fractions of a pixel are kept so that slow movement is not lost. */
typedef VivWheel VivMotion;
void viv_motion_add (VivMotion *motion, double dx, double dy, int *x, int *y);

/* GDK's hardware key code (evdev plus 8, on X11 and Wayland) as evdev's; 0 if it is none. */
uint16_t viv_key_from_hardware (guint keycode);
/* GDK's button number as BTN_*; 0 if it is none (the wheel's numbers included). */
uint16_t viv_button_from_gdk (guint button);

G_END_DECLS

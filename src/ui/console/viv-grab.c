/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which keys the guest holds, and when the person wants the keyboard back.
 */
#define G_LOG_DOMAIN "viv-grab"

#include "ui/console/viv-grab.h"

#include <math.h>
#include <string.h>

#define CHORD_GROUPS 2
#define CHORD_KEYS   2
#define XKB_OFFSET   8 /* X11's key codes begin there, and Wayland's keymaps follow */

/* Each group counts as down if any of its keys is. */
static const struct
{
  uint16_t group[CHORD_GROUPS][CHORD_KEYS];
  const char *label;
} chords[VIV_N_CHORDS] = {
  [VIV_CHORD_CTRL_ALT] = { { { KEY_LEFTCTRL, KEY_RIGHTCTRL }, { KEY_LEFTALT, KEY_RIGHTALT } }, "Ctrl+Alt" },
  [VIV_CHORD_CTRL_SHIFT]
  = { { { KEY_LEFTCTRL, KEY_RIGHTCTRL }, { KEY_LEFTSHIFT, KEY_RIGHTSHIFT } }, "Ctrl+Shift" },
  [VIV_CHORD_CTRL_SUPER]
  = { { { KEY_LEFTCTRL, KEY_RIGHTCTRL }, { KEY_LEFTMETA, KEY_RIGHTMETA } }, "Ctrl+Super" },
  [VIV_CHORD_RIGHT_CTRL] = { { { KEY_RIGHTCTRL } }, "Right Ctrl" },
};

void
viv_grab_init (VivGrab *grab, VivChord chord)
{
  memset (grab, 0, sizeof *grab);
  grab->chord = (unsigned)chord < VIV_N_CHORDS ? chord : VIV_CHORD_CTRL_ALT;
}

const char *
viv_chord_label (VivChord chord)
{
  return chords[(unsigned)chord < VIV_N_CHORDS ? chord : VIV_CHORD_CTRL_ALT].label;
}

gboolean
viv_grab_holds (const VivGrab *grab, uint16_t code)
{
  return code < KEY_CNT && (grab->held[code / 32] >> (code % 32) & 1);
}

static void
hold (VivGrab *grab, uint16_t code, gboolean down)
{
  if (down)
    grab->held[code / 32] |= 1u << (code % 32);
  else
    grab->held[code / 32] &= ~(1u << (code % 32));
}

/* The group of the chord that a key belongs to, as a bit; 0: none. */
static unsigned
group_bit (const VivGrab *grab, uint16_t code)
{
  for (unsigned g = 0; g < CHORD_GROUPS; g++)
    for (unsigned k = 0; k < CHORD_KEYS; k++)
      if (code && chords[grab->chord].group[g][k] == code)
        return 1u << g;
  return 0;
}

static gboolean
in_chord (const VivGrab *grab, uint16_t code)
{
  return group_bit (grab, code) != 0;
}

/* How much of the chord is down: 0 nothing, 1 a part, 2 all. */
static int
chord_down (const VivGrab *grab)
{
  unsigned groups = 0, down = 0;

  for (unsigned g = 0; g < CHORD_GROUPS; g++)
    {
      const uint16_t *keys = chords[grab->chord].group[g];

      if (!keys[0])
        continue;
      groups++;
      for (unsigned k = 0; k < CHORD_KEYS; k++)
        if (keys[k] && viv_grab_holds (grab, keys[k]))
          {
            down++;
            break;
          }
    }
  return down == 0 ? 0 : down < groups ? 1 : 2;
}

static gboolean
others_down (const VivGrab *grab)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (grab->held); i++)
    for (uint32_t left = grab->held[i]; left; left &= left - 1)
      if (!in_chord (grab, i * 32 + __builtin_ctz (left)))
        return TRUE;
  return FALSE;
}

static void
forget (VivGrab *grab)
{
  gboolean in_turn = grab->in_turn;

  viv_grab_init (grab, grab->chord);
  grab->in_turn = in_turn;
}

void
viv_grab_set_in_turn (VivGrab *grab, gboolean in_turn)
{
  grab->in_turn = in_turn;
  grab->turn = 0;
}

/* A key of the chord was pressed and released with nothing between: is the chord whole by that? */
static gboolean
take_turn (VivGrab *grab, uint16_t code)
{
  unsigned all = 0, bit = group_bit (grab, code);

  for (unsigned g = 0; g < CHORD_GROUPS; g++)
    if (chords[grab->chord].group[g][0])
      all |= 1u << g;
  /* The same key twice begins anew. */
  grab->turn = grab->turn & bit ? bit : grab->turn | bit;
  return grab->in_turn && grab->turn == all;
}

void
viv_grab_begin (VivGrab *grab)
{
  forget (grab);
  grab->grabbed = TRUE;
}

unsigned
viv_grab_end (VivGrab *grab, uint16_t codes[KEY_CNT])
{
  unsigned n = 0;

  for (unsigned i = 0; i < G_N_ELEMENTS (grab->held); i++)
    for (uint32_t left = grab->held[i]; left; left &= left - 1)
      codes[n++] = i * 32 + __builtin_ctz (left);
  forget (grab);
  return n;
}

VivGrabAction
viv_grab_key (VivGrab *grab, uint16_t code, gboolean down)
{
  gboolean release = FALSE;

  if (!grab->grabbed || code == 0 || code >= KEY_CNT)
    return VIV_GRAB_IGNORE;
  if (viv_grab_holds (grab, code) == !!down)
    return VIV_GRAB_IGNORE;

  if (down)
    {
      if (in_chord (grab, code))
        {
          if (chord_down (grab) == 0)
            grab->spoiled = others_down (grab);
        }
      else
        {
          grab->spoiled = TRUE;
          grab->turn = 0;
        }
      hold (grab, code, TRUE);
      if (chord_down (grab) == 2)
        grab->whole = TRUE;
      return VIV_GRAB_FORWARD;
    }

  if (in_chord (grab, code))
    release = (grab->whole && !grab->spoiled) || (!grab->spoiled && take_turn (grab, code));
  hold (grab, code, FALSE);
  if (chord_down (grab) == 0)
    grab->whole = grab->spoiled = FALSE;
  return release ? VIV_GRAB_FORWARD_RELEASE : VIV_GRAB_FORWARD;
}

void
viv_grab_button (VivGrab *grab)
{
  grab->turn = 0;
  if (chord_down (grab) != 0)
    grab->spoiled = TRUE;
}

static int
take_whole (double *rest)
{
  double whole = isfinite (*rest) ? trunc (CLAMP (*rest, -1e6, 1e6)) : 0;

  *rest -= whole;
  if (!(fabs (*rest) < 1))
    *rest = 0;
  return (int)whole;
}

void
viv_wheel_add (VivWheel *wheel, double dx, double dy, int *clicks_x, int *clicks_y)
{
  /* The other way: what is left of the first way must not swallow the start. */
  if (wheel->x * dx < 0)
    wheel->x = 0;
  if (wheel->y * dy < 0)
    wheel->y = 0;
  wheel->x += dx;
  wheel->y += dy;
  *clicks_x = take_whole (&wheel->x);
  *clicks_y = take_whole (&wheel->y);
}

void
viv_wheel_reset (VivWheel *wheel)
{
  wheel->x = wheel->y = 0;
}

void
viv_motion_add (VivMotion *motion, double dx, double dy, int *x, int *y)
{
  motion->x += dx;
  motion->y += dy;
  *x = take_whole (&motion->x);
  *y = take_whole (&motion->y);
}

uint16_t
viv_key_from_hardware (guint keycode)
{
  if (keycode <= XKB_OFFSET || keycode - XKB_OFFSET >= KEY_CNT)
    return 0;
  return keycode - XKB_OFFSET;
}

uint16_t
viv_button_from_gdk (guint button)
{
  switch (button)
    {
    case 1:
      return BTN_LEFT;
    case 2:
      return BTN_MIDDLE;
    case 3:
      return BTN_RIGHT;
    case 8:
      return BTN_SIDE;
    case 9:
      return BTN_EXTRA;
    default:
      return 0;
    }
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * When the header bar of a full screen is to be seen.
 */
#include "ui/console/viv-reveal.h"

#define EDGE  2  /* pixels */
#define BELOW 80 /* farther down the pointer has left the bar */

VivReveal
viv_reveal (const VivRevealState *state)
{
  if (!state->fullscreen || !state->grabbed)
    return VIV_REVEAL_SHOW;
  if (!state->pointer)
    return VIV_REVEAL_HIDE;
  if (state->y <= EDGE)
    return state->shown ? VIV_REVEAL_SHOW : VIV_REVEAL_SOON;
  if (state->shown && (state->menu_open || state->y <= BELOW))
    return VIV_REVEAL_KEEP;
  return VIV_REVEAL_HIDE;
}

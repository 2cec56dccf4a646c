/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Network cards in slots, which are plugged in and out while the machine runs (net1.plugged).  A card's network is there all the time, so
 * what comes again is at the same network, with the same address.
 *
 * The guest is asked to let a card go; one that doesn't for CARDS_PATIENCE_S of the time that it runs has it pulled out, as a person
 * would.  What is wanted last holds: a card that is wanted again while it goes comes back when it is gone.
 *
 * Threads: the control loop's only, VM lock NOT held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

#define CARDS_PATIENCE_S 15u

typedef struct Cards Cards;

/* `notice`: a sentence for a person. */
Cards *cards_new (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque);
void cards_free (Cards *cards);
/* FALSE and an error: it is in no slot, or its card isn't for one.  Else it begins. */
gboolean cards_set_plugged (Cards *cards, const char *id, gboolean plugged, GError **error);
/* "yes", "no", "coming", "leaving"; NULL: it is in no slot. */
const char *cards_state (Cards *cards, const char *id);

G_END_DECLS

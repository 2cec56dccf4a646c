/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The networks of a running machine's cards, each with the process that is it, and what is asked of them while the machine runs.
 *
 * Threads: the control loop's only, VM lock NOT held.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

typedef struct Networks Networks;

/* What goes wrong a person hears by `notice`; the machine runs without that network then. */
Networks *networks_new (Board *board, void (*notice) (void *opaque, const char *sentence), void *opaque);
/* The device loop has stopped. */
void networks_free (Networks *networks);
/* net0.link, net0.rate, net0.forward, net0.plugged. */
gboolean networks_set (Networks *networks, const char *id, const char *key, const char *value,
                       GError **error);
/* Adds what there is to know of the card beside its keys, "{ss}". */
void networks_facts (Networks *networks, const char *id, GVariantBuilder *facts);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which member of a switch has which address (IEEE 802.1D's filtering database, but that an address isn't moved by who says it second).
 *
 * Threads: one.  Times are µs of a clock that the caller has.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* Another member may have an address that its own hasn't used for so long. */
#define ADDRESSES_STAY_US (60 * G_USEC_PER_SEC)

typedef struct Addresses Addresses;

/* `most`: of a member.  Members are numbers from 0. */
Addresses *addresses_new (unsigned members, unsigned most);
void addresses_free (Addresses *self);
/* `member` has sent from there. */
void addresses_learn (Addresses *self, unsigned member, const uint8_t address[6], gint64 now);
/* -1: nobody's. */
int addresses_find (Addresses *self, const uint8_t address[6]);
/* It has left. */
void addresses_forget (Addresses *self, unsigned member);

G_END_DECLS

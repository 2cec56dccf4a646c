/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which fragments of IPv4 datagrams (RFC 791) a guest's packets may be for libslirp: those that come in their order.  libslirp 4.7 ends the process at the last fragment of
 * a datagram whose others it hasn't got.
 *
 * Threads: one.  Times are µs of a clock that the caller has.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define FRAGMENTS_MOST 256u /* datagrams that are not whole yet; others wait for these to be forgotten */

typedef struct Fragments Fragments;

Fragments *fragments_new (void);
void fragments_free (Fragments *self);
/* An Ethernet frame; FALSE: it is a fragment that must not be passed on.  Each one that is passed on was asked about before, once. */
gboolean fragments_may_pass (Fragments *self, const uint8_t *frame, size_t length, gint64 now);

G_END_DECLS

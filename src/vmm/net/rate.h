/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A limit of bytes a second: what has come beyond it is waited for afterwards, so a packet goes whole and at once or not yet.
 *
 * The caller's lock.  Times are g_get_monotonic_time()'s, µs.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

/* As much of a second may come at once. */
#define NET_RATE_BURST 20

typedef struct
{
  uint64_t rate; /* bytes a second; 0: no limit */
  int64_t left;  /* bytes that may come now, below 0: that have come too early */
  gint64 at;     /* when that was so */
} NetRate;

static inline void
net_rate_set (NetRate *rate, uint64_t bytes)
{
  *rate
      = (NetRate){ .rate = bytes, .left = (int64_t)(bytes / NET_RATE_BURST), .at = g_get_monotonic_time () };
}

/* 0: a packet may come; else when it may. */
static inline gint64
net_rate_wait (NetRate *rate)
{
  gint64 now, past;

  if (rate->rate == 0)
    return 0;
  now = g_get_monotonic_time ();
  /* Nothing is owed for longer than it takes to fill up, and a product of both is no more than 64 bits. */
  past = CLAMP (now - rate->at, 0, G_USEC_PER_SEC);
  rate->left = MIN (rate->left + (int64_t)(rate->rate * (uint64_t)past / G_USEC_PER_SEC),
                    (int64_t)(rate->rate / NET_RATE_BURST));
  rate->at = now;
  if (rate->left >= 0)
    return 0;
  return now + (gint64)((uint64_t)-rate->left * G_USEC_PER_SEC / rate->rate) + 1;
}

static inline void
net_rate_take (NetRate *rate, size_t bytes)
{
  if (rate->rate != 0)
    rate->left -= (int64_t)bytes;
}

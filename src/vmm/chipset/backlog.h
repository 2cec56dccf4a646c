/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Edges by which a guest counts time, and that came while the one before was not acknowledged: an interrupt controller merges
 * them, and the guest's clock would go slow by whatever the host was busy with.  They are owed: each acknowledgement brings one
 * more, up to a quarter of a second's worth (a guest that doesn't look for longer than that doesn't count).
 *
 * The ticks of a pause that the guest is to catch up with come a few with each regular one, as long as it answers them: its time goes
 * faster, up to nine times, and it still gets something else done.  More than an hour is not made up for.
 */
#pragma once

#include "core/clock.h"
#include "core/state.h"

G_BEGIN_DECLS

#define BACKLOG_MAX_NS        (NS_PER_SECOND / 4)
#define BACKLOG_MAX_OWED      100000
#define BACKLOG_MISSED_MAX_NS (3600 * NS_PER_SECOND)
#define BACKLOG_BURST         8

typedef struct
{
  gboolean waiting; /* an edge is out that was not acknowledged */
  uint32_t owed;
  uint64_t missed; /* ns of pauses */
} Backlog;

G_GNUC_UNUSED static const StateField backlog_state[] = {
  STATE_BOOL (Backlog, waiting),
  STATE_U32_MAX (Backlog, owed, BACKLOG_MAX_OWED),
  STATE_ADDED,
  STATE_U64_MAX (Backlog, missed, BACKLOG_MISSED_MAX_NS),
  STATE_END,
};

/* The signal was programmed anew. */
static inline void
backlog_restart (Backlog *backlog)
{
  backlog->waiting = FALSE;
  backlog->owed = 0;
}

/* The machine's clock stood for so long while the guest counted by this signal. */
static inline void
backlog_missed (Backlog *backlog, int64_t ns)
{
  if (ns > BACKLOG_MISSED_MAX_NS - (int64_t)backlog->missed)
    backlog->missed = 0;
  else
    backlog->missed += (uint64_t)ns;
}

/* Of what was missed, what goes with the tick that is sent now. */
static inline uint32_t
backlog_burst (Backlog *backlog, int64_t period_ns)
{
  uint64_t n;

  if (backlog->missed == 0 || period_ns <= 0)
    return 0;
  n = MIN (backlog->missed / (uint64_t)period_ns,
           (uint64_t)CLAMP (BACKLOG_MAX_NS / 2 / period_ns, 1, BACKLOG_BURST));
  backlog->missed = n == 0 ? 0 : backlog->missed - n * (uint64_t)period_ns;
  return (uint32_t)n;
}

/* An edge of a signal of this period is sent now; `open`: it can reach the guest. */
static inline void
backlog_edge (Backlog *backlog, gboolean open, int64_t period_ns)
{
  if (!open)
    {
      backlog_restart (backlog);
    }
  else if (!backlog->waiting)
    {
      backlog->waiting = TRUE;
      backlog->owed = backlog_burst (backlog, period_ns);
    }
  else if (++backlog->owed > BACKLOG_MAX_OWED || backlog->owed * period_ns > BACKLOG_MAX_NS)
    backlog->owed = 0;
}

/* The guest has acknowledged an edge.  TRUE: send the next one at once. */
static inline gboolean
backlog_acknowledged (Backlog *backlog)
{
  if (!backlog->waiting)
    return FALSE;
  if (backlog->owed == 0)
    {
      backlog->waiting = FALSE;
      return FALSE;
    }
  backlog->owed--;
  return TRUE;
}

G_END_DECLS

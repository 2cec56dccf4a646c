/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Edges by which a guest counts time, and that came while the one before was not acknowledged: an interrupt controller merges
 * them, and the guest's clock would go slow by whatever the host was busy with.  They are owed: each acknowledgement brings one
 * more, up to a quarter of a second's worth (a guest that doesn't look for longer than that doesn't count).
 */
#pragma once

#include "core/clock.h"
#include "core/state.h"

G_BEGIN_DECLS

#define BACKLOG_MAX_NS   (NS_PER_SECOND / 4)
#define BACKLOG_MAX_OWED 100000

typedef struct
{
  gboolean waiting; /* an edge is out that was not acknowledged */
  uint32_t owed;
} Backlog;

G_GNUC_UNUSED static const StateField backlog_state[] = {
  STATE_BOOL (Backlog, waiting),
  STATE_U32_MAX (Backlog, owed, BACKLOG_MAX_OWED),
  STATE_END,
};

/* An edge of a signal of this period is sent now; `open`: it can reach the guest. */
static inline void
backlog_edge (Backlog *backlog, gboolean open, int64_t period_ns)
{
  if (!open)
    *backlog = (Backlog){ 0 };
  else if (!backlog->waiting)
    backlog->waiting = TRUE;
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

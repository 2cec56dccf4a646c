/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Kinds of threads.
 */
#include "base/thread-kind.h"

static void (*confine) (ThreadKind kind); /* atomic */
static __thread gboolean done;

void
thread_kind_set_func (void (*func) (ThreadKind kind))
{
  g_atomic_pointer_set (&confine, func);
}

void
thread_kind_begin (ThreadKind kind)
{
  void (*func) (ThreadKind) = g_atomic_pointer_get (&confine);

  if (G_LIKELY (done || func == NULL))
    return;
  done = TRUE;
  func (kind);
}

gboolean
thread_kind_done (void)
{
  return done;
}

void
thread_kind_inherit (void)
{
  done = TRUE;
}

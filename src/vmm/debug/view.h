/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands of the prompt about what no state table has: how queues stand, what was counted, what is plugged into what.  Who knows (the board) tells it.
 *
 * Threads: the device loop, VM lock NOT held, no processor runs.
 */
#pragma once

#include "debug/report.h"

G_BEGIN_DECLS

typedef struct
{
  const char *name; /* "info net" */
  const char *help; /* a sentence */
  /* Changes nothing. */
  void (*tell) (void *opaque, DebugReport *report);
} DebugView;

G_END_DECLS

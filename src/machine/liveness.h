/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Calls without a time limit.  One that ends when the guest or a disk has done something may take as long as that takes; but a monitor that
 * hangs in the middle of it is not waited for.  While the call is under way the monitor is asked for its state now and then; one that
 * neither answers nor writes to the call's file for some 20 s is given up.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

/* Watches `machine`, which is live and the task's source, until viv_liveness_end().  `fd`: the file that the monitor writes, of which a
 * duplicate is kept, as its offset is the same; -1: none.  Returns what to make the call with, owned by the task: it is cancelled when the
 * task's own is, or when the monitor is given up. */
GCancellable *viv_liveness_watch (GTask *task, int fd);
/* The call is over.  TRUE: it was, because the monitor has been given up.  FALSE for a task that was never watched. */
gboolean viv_liveness_end (GTask *task);

/* Between two looks; a monitor is given up after VIV_LIVENESS_MOST_SILENT of them in vain.  Looks are counted, not seconds: whoever was
 * stopped himself must not blame the monitor.  Tests make it shorter. */
extern unsigned viv_liveness_tick_ms;
#define VIV_LIVENESS_MOST_SILENT 8

G_END_DECLS

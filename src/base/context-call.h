/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A function that another thread's main context carries out while the caller waits.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Runs `func` on the thread that turns `context`, behind what is due there already, and returns when it has; here and now where that is the caller's
 * own or nobody turns it.  Any thread; the caller holds no lock that the other one may want. */
void context_call (GMainContext *context, void (*func) (void *opaque), void *opaque);

G_END_DECLS

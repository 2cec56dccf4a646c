/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A source that rests until its time: g_source_set_ready_time (), from any thread, 0 for at once.  Mailboxes between threads and deadlines
 * that move are made of it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Attached to `context` (NULL: the default one), at `priority`.  It rests again when `func` is called, which may set the next time.  The result is the
 * caller's: g_source_destroy () and g_source_unref ().  `name` is static. */
GSource *ready_source_new (GMainContext *context, int priority, const char *name, GSourceFunc func,
                           gpointer data);
/* For a source with a descriptor, whose function never turns its context: GLib takes the others out of the poll() while they are dispatched and puts them back, each
 * of which wakes the loop, by a system call and a turn for nothing. */
void source_stay_polled (GSource *source);

G_END_DECLS

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

G_END_DECLS

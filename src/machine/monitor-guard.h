/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What stands between a monitor's socket and GDBus.  GDBus takes in whatever comes: messages of 128 MiB, which are many times as large when
 * they are taken apart, as many descriptors as the process can have, and as fast as they come.  So GDBus has one end of a socket pair, and a
 * thread of ours carries whole messages from one to the other:
 *
 *   - a message has at most VIV_GUARD_MOST_BYTES and VIV_GUARD_MOST_FDS descriptors, is an answer, an error or a signal, and before the
 *     first one the monitor says one line for each of ours.  Who does otherwise is hung up on;
 *   - who talks more than a person or a program could use is read later: his own socket is full then, and nothing of ours.
 *
 * Ours go through as they are, with the descriptors where they were.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VIV_GUARD_MOST_BYTES (1024 * 1024)
#define VIV_GUARD_MOST_FDS   4
/* Of messages a second, and bytes, when a first burst is over. */
#define VIV_GUARD_RATE       100
#define VIV_GUARD_BURST      400
#define VIV_GUARD_BYTE_RATE  (512 * 1024)
#define VIV_GUARD_BYTE_BURST (4 * VIV_GUARD_MOST_BYTES)

/* For g_dbus_connection_new(), which authenticates as a client through it.  It ends when either side does. */
GIOStream *viv_monitor_guard_new (GSocketConnection *monitor, GError **error);
/* The socket that the monitor, or whoever listens for it, is at the other end of; NULL: the connection goes through no guard. */
GSocket *viv_monitor_guard_socket (GDBusConnection *connection);
/* A sentence: what the monitor did for which its connection was ended; NULL: nothing. */
char *viv_monitor_guard_complaint (GDBusConnection *connection);
/* It has not taken anything for a second or more, and there is something for it: more need not be sent. */
gboolean viv_monitor_guard_is_stuck (GDBusConnection *connection);

G_END_DECLS

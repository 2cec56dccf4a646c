/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who knocks at the VNC server, and how long they are made to wait: a wrong password makes the next try from that address wait, each
 * one longer; and what is said about them in the log has a limit.
 *
 * Pure bookkeeping; times are µs of any monotonic clock.
 */
#pragma once

#include <glib.h>
#include <sys/socket.h>

G_BEGIN_DECLS

#define VNC_GUARD_DELAY     G_TIME_SPAN_SECOND /* after the first wrong password; doubled by each that follows */
#define VNC_GUARD_MAX_DELAY (16 * G_TIME_SPAN_SECOND)
#define VNC_GUARD_FORGET    (10 * G_TIME_SPAN_MINUTE) /* after the last */
#define VNC_GUARD_ADDRESSES 256                       /* that are remembered */
#define VNC_GUARD_LINES     10 /* in the log before the limit, which is then one in LINE_TIME */
#define VNC_GUARD_LINE_TIME (30 * G_TIME_SPAN_SECOND)

typedef struct VncGuard VncGuard;

VncGuard *vnc_guard_new (void);
void vnc_guard_free (VncGuard *guard);

/* Whom an address stands for: an IPv4 address, the /64 network of an IPv6 one, "unix" for all else. */
char *vnc_guard_key (const struct sockaddr *address, socklen_t length);
void vnc_guard_failed (VncGuard *guard, const char *key, gint64 now);
void vnc_guard_passed (VncGuard *guard, const char *key);
/* How long the next try of `key` has to wait. */
gint64 vnc_guard_delay (VncGuard *guard, const char *key, gint64 now);
/* Whether a line may be logged; `*unsaid` are those before it that might not. */
gboolean vnc_guard_may_log (VncGuard *guard, gint64 now, unsigned *unsaid);

G_END_DECLS

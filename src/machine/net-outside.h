/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The outside ends of networks, for who may open them (a machine's broker): each makes descriptors that are handed on, and reads nothing of them.
 *
 * Errors are an errno.  Any thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A private network is a listener NAME.net in `folder`, which is made (mode 0700), and a switch behind it (vivarium-switch).  Either there is one: `wire` is a connection
 * to it, a packet a message; or it is the caller's to start one behind `listener`, to which others come from now on.  The other is -1.  EAGAIN: try again
 * later.  Waits for half a second at most. */
int net_outside_join (const char *folder, const char *name, int *wire, int *listener);
/* Removes names behind which nobody listens any more. */
void net_outside_sweep (const char *folder);

/* Both ends of a stream, close-on-exec. */
int net_outside_stream (int ends[2]);
/* A UDP socket that is bound to the group ADDRESS:PORT and hears it, what this computer says included. */
int net_outside_group (const char *group, int *fd);
/* Between two computers, ends as net_endpoint_parse() has them.  EAGAIN: there is no way to the other one yet.
 *
 * A UDP socket at `local` (NULL: any address, and the other's port) that hears nobody but `remote` and sends there. */
int net_outside_udp (const char *local, const char *remote, int *fd);
/* A TCP socket that listens at `local`; one that has begun to connect to `remote` and doesn't wait.  A peer that is silent for half a minute is lost to both. */
int net_outside_tcp_listen (const char *local, int *listener);
int net_outside_tcp_connect (const char *remote, int *fd);

/* A tap of the host, with headers (tun's IFF_VNET_HDR) and without waiting.  EPERM: no right to. */
int net_outside_tap (const char *name, int *fd);
/* The same on a bridge of the host, by qemu-bridge-helper.  ENOENT: it isn't installed; EPERM: it refuses, and has said why on the standard error.  Not in a process that
 * may get no more rights (no_new_privs). */
int net_outside_bridge (const char *bridge, int *fd);

G_END_DECLS

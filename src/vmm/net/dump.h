/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A copy of all packets of a port, as a file for network analysers: pcap in its classic form (draft-ietf-opsawg-pcap, link type 1, times in µs, the
 * host's byte order).  A thread of its own writes it.  Who is faster than the file loses packets of the copy, which are counted; the network never waits for it.
 */
#pragma once

#include <gio/gio.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct NetDump NetDump;

/* Begins anew in `fd`, which it takes: a regular file, open to read and write, that is empty or a capture already; another one is left as it is.  `name` is what
 * errors and the log call it.  NULL and an error. */
NetDump *net_dump_new (int fd, const char *name, GError **error);
/* Writes what waits, which takes as long as the file does.  NULL: nothing. */
void net_dump_free (NetDump *dump);
/* The rest any thread. */
void net_dump_add (NetDump *dump, const struct iovec *iov, unsigned n, size_t length);
/* Packets that are not in the file. */
uint64_t net_dump_lost (NetDump *dump);

G_END_DECLS

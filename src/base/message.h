/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the processes of one machine (broker, monitor, helpers) say to each other: messages of 64 bytes with up to four descriptors, over a
 * socketpair of type SOCK_SEQPACKET.  (From a datagram pair a process could write to any socket that it can name.)
 *
 * Either side takes the other for hostile: a message of another size, with other descriptors than it says, or with a text that has no end is
 * EPROTO, and its descriptors are closed.  What the numbers mean, the receiver checks.
 *
 * Any thread; no state.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define MESSAGE_MAX_FDS 4
#define MESSAGE_TEXT    36 /* with the 0 at its end */

typedef struct
{
  uint16_t op;
  uint16_t n_fds;  /* that come with it */
  uint32_t serial; /* of a question; its answer has the same */
  uint64_t size;
  int32_t result; /* of an answer: 0, or an errno (>0) */
  uint32_t a, b;
  char text[MESSAGE_TEXT];
} Message;
G_STATIC_ASSERT (sizeof (Message) == 64);

/* Both ends, close-on-exec.  FALSE: errno. */
gboolean message_pair (int ends[2]);
/* The same of a stream, for a foreign program that speaks something else.  FALSE: errno. */
gboolean message_stream_pair (int ends[2]);
/* 0, or -errno.  Waits while the other side's queue is full, at most `timeout_ms` (-1: for good): ETIMEDOUT.  `fds`: message->n_fds of them, which
 * stay the caller's. */
int message_send (int socket, const Message *message, const int *fds, int timeout_ms);
/* 1: a message, whose descriptors (close-on-exec, the rest of `fds` -1) are the caller's; 0: the other side is gone; -errno: EPROTO, ETIMEDOUT
 * (nothing came in `timeout_ms`; 0: don't wait, -1: for good), or what the socket says. */
int message_receive (int socket, Message *message, int fds[MESSAGE_MAX_FDS], int timeout_ms);
/* For `text`: at most MESSAGE_TEXT - 1 bytes of `from`, its last ones if it is longer, whole UTF-8 characters. */
void message_set_text (Message *message, const char *from);
void message_close_fds (int fds[MESSAGE_MAX_FDS]);

G_END_DECLS

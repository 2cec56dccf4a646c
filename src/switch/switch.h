/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A switch: packets go from member to member, each to who has its address, or to all where nobody is known to.
 *
 * Members are other machines, and none is trusted.  Who doesn't take what is for it loses it, and nobody else waits; who sends without end gets its turns as
 * the others do.  An address belongs to the member that used it first, until that leaves or hasn't used it for a while, and each has a limited number of them; so
 * nobody draws away what is for another by saying its address, nor pushes others' out of the table.
 *
 * With `patient` it is a bridge between two ends, of which one may be slower than the other: then the faster waits.
 *
 * Threads: one.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define SWITCH_MOST_MEMBERS   64u
#define SWITCH_MOST_ADDRESSES 64u /* of a member */
#define SWITCH_LONGEST        (65536u + 64u)
#define SWITCH_SHORTEST       14u

typedef enum
{
  SWITCH_PACKETS, /* a socket with a packet a message (vmm/net/backend.h) */
  SWITCH_STREAM, /* a stream, where each packet has its length before it, 32 bits, most significant byte first: passt's and QEMU's */
  SWITCH_GROUP,  /* a UDP socket that is bound to a multicast group, to which it sends: a packet a datagram */
  SWITCH_PAIR,   /* a UDP socket that is connected to another one, likewise */
} SwitchKind;

typedef struct
{
  unsigned
      header; /* bytes before each packet that go with it, of members of the kind SWITCH_PACKETS; 0 where there are others */
  gboolean patient;
} SwitchConfig;

typedef struct Switch Switch;

Switch *switch_new (const SwitchConfig *config);
void switch_free (Switch *self);
/* Takes `fd`.  FALSE: there are as many as there may be. */
gboolean switch_add (Switch *self, int fd, SwitchKind kind);
/* Takes a listener; who connects to it is a member of the kind.  With SWITCH_STREAM that is one at a time: nobody puts out who is there, and the next one waits. */
void switch_listen (Switch *self, int listener, SwitchKind kind);
unsigned switch_n_members (const Switch *self);
/* Waits at most `timeout_ms` (-1: for good) and carries what there is then, for a bounded time.  FALSE: nobody is there who could send. */
gboolean switch_turn (Switch *self, int timeout_ms);

G_END_DECLS

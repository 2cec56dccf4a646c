/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device whose work another process does, over the vhost-user protocol (its specification: "Vhost-user Protocol"); this is the frontend.
 *
 * The other process never sees the guest's memory.  It is given a window of our own instead, with rings that we are the driver of and a slot a request: what
 * the guest asks is copied there, and the answer back.  So it reads what a request has and nothing else; what it writes comes to the guest by our hands,
 * where dirty logs and translated code hear of it; and neither a reset, a pause nor a saved machine waits for it.
 *
 * It is taken for hostile: used rings, lengths and messages are checked, and who says what makes no sense is hung up on.  What is in a slot it may change at any
 * time: copy, then look.
 *
 * Threads: the device loop.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define VHOST_USER_MAX_QUEUES 4u
#define VHOST_USER_SLOTS      16u /* requests of a queue at a time */
#define VHOST_USER_MAX_OUTS   3u

typedef struct VhostUser VhostUser;

typedef struct
{
  GMainContext *context;
  unsigned n_queues;
  size_t slot_size[VHOST_USER_MAX_QUEUES]; /* bytes of a request and its answer; whole pages */
  /* All is set up, and requests can be put. */
  void (*ready) (void *opaque);
  /* The answer to the request in `slot` of `queue` is there, `length` bytes at most as many as there was room for.  The slot is free again when this returns. */
  void (*done) (void *opaque, unsigned queue, unsigned slot, const uint8_t *answer, size_t length);
  /* It has ended or makes no sense, and none of these is called any more; `why` is an errno that it told, or 0.  To be freed, later. */
  void (*lost) (void *opaque, int why);
  void *opaque;
} VhostUserConfig;

/* `helper` is the socket (base/message.h, taken) of a process that hands over the connection in its first message: one descriptor, result 0.  Or an errno in
 * `result`, and nothing. */
VhostUser *vhost_user_new (int helper, const VhostUserConfig *config);
/* Hangs up. */
void vhost_user_free (VhostUser *user);
gboolean vhost_user_is_ready (const VhostUser *user);
/* Where the request of a free slot goes, slot_size bytes; NULL: the slot isn't free, or it isn't ready. */
uint8_t *vhost_user_slot (VhostUser *user, unsigned queue, unsigned slot);
/* The request is there, in `n_pieces` pieces one behind the other, and room for an answer of `room` bytes, all within slot_size.  FALSE: it doesn't fit. */
gboolean vhost_user_put (VhostUser *user, unsigned queue, unsigned slot, const size_t *pieces,
                         unsigned n_pieces, size_t room);
/* Answers that came while the machine stood were left where they are: calls done() for them. */
void vhost_user_look (VhostUser *user);
/* While it is set, answers stay where they are. */
void vhost_user_hold (VhostUser *user, gboolean hold);

G_END_DECLS

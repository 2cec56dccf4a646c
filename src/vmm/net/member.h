/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor's end of a network that is a wire and no more: a private network, a tap, a group, passt.  When a wire is lost (who kept the switch has ended), there is
 * another one soon, and the card sees lost packets only.
 *
 * Threads: the control loop's only, VM lock NOT held.
 */
#pragma once

#include "net/backend.h"

G_BEGIN_DECLS

typedef struct
{
  NetPort *port;
  GMainContext *control;
  const char *id; /* "net0" */
  /* A wire, and a number for end() (0: nothing is behind it); -1 and an error: G_IO_ERROR_WOULD_BLOCK, G_IO_ERROR_TIMED_OUT: it is asked for again later, any other
   * one switches the network off. */
  int (*start) (void *opaque, const char *id, unsigned *number, GError **error);
  void (*end) (void *opaque, unsigned number);
  /* A sentence for a person. */
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
} NetMemberConfig;

typedef struct NetMember NetMember;

/* Begins.  What goes wrong then and later is said by notice(). */
NetMember *net_member_new (const NetMemberConfig *config);
/* The device loop doesn't run any more, or this is on it. */
void net_member_free (NetMember *member);

G_END_DECLS

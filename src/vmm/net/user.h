/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor's end of a user network: vivarium-net (base/net-messages.h), a process that is begun anew when it dies, of which the card sees lost packets only.  When it
 * dies too often the network is off: the guest finds its cable out.
 *
 * That process hears strangers and may be theirs: its messages are checked, and with the first one that makes no sense it is ended.
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
  const char *id;       /* "net0" */
  const char *name;     /* of the machine, which the guest gets for its own as far as a host can have it */
  const char *bootfile; /* may be NULL */
  const char *forwards; /* base/net-forward.h; may be NULL */
  gboolean restricted;  /* the guest reaches nothing by itself */
  /* A process's socket, and a number for end(); -1 and an error. */
  int (*start) (void *opaque, const char *id, unsigned *number, GError **error);
  void (*end) (void *opaque, unsigned number);
  /* A sentence for a person. */
  void (*notice) (void *opaque, const char *sentence);
  void *opaque;
} NetUserConfig;

typedef struct NetUser NetUser;

/* Begins.  What goes wrong then and later is said by notice(), and the network is off. */
NetUser *net_user_new (const NetUserConfig *config);
/* The device loop doesn't run any more, or this is on it. */
void net_user_free (NetUser *user);
const char *net_user_id (NetUser *user);
/* From now on; a list that is none is refused with an error.  A port that somebody else has is told later, by notice(). */
gboolean net_user_set_forwards (NetUser *user, const char *forwards, GError **error);

G_END_DECLS

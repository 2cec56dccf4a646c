/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * In what state a machine is, from all that is known of it: facts go in, a word comes out, and nothing is remembered.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Our connection to a monitor. */
typedef enum
{
  VIV_LINK_NONE,
  VIV_LINK_TRYING,
  VIV_LINK_UP,
} VivLinkState;

/* What a monitor says of its machine. */
typedef enum
{
  VIV_WORD_NONE, /* nothing yet */
  VIV_WORD_STARTING,
  VIV_WORD_RUNNING,
  VIV_WORD_PAUSED, /* "pausing" as well: for a person it stands still */
  VIV_WORD_CRASHED,
  VIV_WORD_STOPPED,
} VivMonitorWord;

typedef struct
{
  VivLinkState link;
  gboolean start;   /* a start of ours is under way */
  gboolean process; /* a monitor that we started lives */
  gboolean
      leaving; /* a monitor that we did not start has closed the connection, and its process is about to end */
  gboolean held;    /* somebody else's monitor has the folder, and we have no connection */
  gboolean late;    /* `held`: it has had its time to answer */
  gboolean silent;  /* the link is up, and the last call got no answer */
  gboolean crashed; /* the last monitor did not end as it should have */
  VivMonitorWord word;
  /* For a person, to go with the state; NULL: "". */
  const char *word_why, *silent_why, *end_why;
  const char *broken; /* why the definition can't be used; NULL: it can */
} VivMachineFacts;

/* "off", "starting", "running", "paused", "crashed", "broken", "unresponsive".  `*reason` is one of the facts' or "". */
const char *viv_machine_state (const VivMachineFacts *facts, const char **reason);
/* A monitor has the machine, whether it answers or not. */
gboolean viv_machine_state_is_busy (const VivMachineFacts *facts);
/* VIV_WORD_RUNNING for one of a later version: whoever speaks lives.  `text` may be NULL. */
VivMonitorWord viv_monitor_word (const char *text);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The monitor's end of a process that serves screens over VNC (display/vnc-messages.h).
 *
 * That process hears strangers and may be theirs: its messages are checked, it has at most half of the control loop's time, and with the first one
 * that makes no sense the link is over.  It is told little, and never waited for.
 *
 * Threads: the control loop's only, VM lock NOT held.
 */
#pragma once

#include "display/output.h"
#include "display/vnc-messages.h"

G_BEGIN_DECLS

typedef struct VncLink VncLink;

typedef struct
{
  const char *name;              /* of the machine */
  DisplayOutput *const *screens; /* the first `n_served` of them are */
  const int *listeners;
  unsigned n_served;
  unsigned n_screens;
  int password; /* -1: none */
  gboolean absolute;
  unsigned leds;
} VncLinkConfig;

typedef struct
{
  void (*ready) (void *opaque); /* once: it serves */
  void (*input) (void *opaque, const InputEvent *event);
  /* Once, and nothing after it: `why` is the end of a sentence.  `refused`: it was alive and said that it can't do that, so another one can't, either.  The link may be freed here. */
  void (*gone) (void *opaque, gboolean refused, const char *why);
} VncLinkFuncs;

/* Takes `socket`; what is in `config` stays the caller's, the screens until the link's end. */
VncLink *vnc_link_new (int socket, const VncLinkConfig *config, const VncLinkFuncs *funcs, void *opaque);
/* Asks the other side to end: it has closed all that it listens on when gone() comes, and nothing else comes. */
void vnc_link_leave (VncLink *link);
/* The other side ends when it sees it. */
void vnc_link_free (VncLink *link);
/* The guest's pointer, and its keyboard's lights. */
void vnc_link_set_state (VncLink *link, gboolean absolute, unsigned leds);
/* As the other side says. */
unsigned vnc_link_n_clients (VncLink *link);

G_END_DECLS

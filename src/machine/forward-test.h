/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whether the guest answers behind a port of this computer that leads to it (base/net-forward.h): a connection is made there, and it is looked at whether the guest takes
 * it, which the monitor counts (statistics, "net0.accepted").
 *
 * The main context's thread.
 */
#pragma once

#include "base/net-forward.h"
#include "machine/machine.h"

G_BEGIN_DECLS

typedef enum
{
  FORWARD_ANSWERS,
  FORWARD_REFUSES, /* the guest does: no program listens there */
  FORWARD_SILENT,  /* the guest says nothing: it has no network yet, or a firewall */
  FORWARD_CLOSED,  /* this computer's port isn't open */
  FORWARD_UDP,     /* it can't be asked: only who serves there knows what to say */
  FORWARD_FAILED,  /* the machine doesn't run, or doesn't answer */
} ForwardState;

/* `id`: "net0".  It takes up to five seconds. */
void forward_test_async (VivMachine *machine, const char *id, const NetForward *forward,
                         GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
/* FORWARD_FAILED with an error. */
ForwardState forward_test_finish (VivMachine *machine, GAsyncResult *result, GError **error);
/* "answers", "refuses", "silent", "closed", "udp", "failed": for scripts. */
const char *forward_state_name (ForwardState state);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The helpers of a machine, children of its broker: which program each kind is, what that is given, and which of them live.
 */
#pragma once

#include "broker/family.h"
#include "broker/networks.h"
#include "machine/definition.h"

#include <poll.h>

G_BEGIN_DECLS

typedef struct
{
  const MachineDefinition *definition; /* what helpers get by name is named there */
  BrokerNetworks *networks;
  int log;                /* their standard output and error */
  gboolean no_namespaces; /* they are told so */
  GArray *living;         /* FamilyProcess */
  unsigned n_started;     /* ever */
  GQueue starts;          /* when, in the last minute */
} BrokerHelpers;

void broker_helpers_begin (BrokerHelpers *helpers);
/* Ends all that live. */
void broker_helpers_clear (BrokerHelpers *helpers);
/* `helper` is a FamilyHelper; it and `index` come from the monitor.  0, the helper's number and the descriptor that the monitor is to have, or an errno; EAGAIN:
 * so many were started. */
int broker_helpers_start (BrokerHelpers *helpers, unsigned helper, unsigned index, unsigned *number, int *fd);
/* The number comes from the monitor.  0, or ESRCH. */
int broker_helpers_end (BrokerHelpers *helpers, unsigned number);
/* What poll(2) is to wait for, FAMILY_MOST_HELPERS at most; how many. */
unsigned broker_helpers_wait (const BrokerHelpers *helpers, struct pollfd *waits);
/* Buries those that have ended. */
void broker_helpers_bury (BrokerHelpers *helpers);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The outside ends of a machine's network cards, by the kind that the definition has.  What its monitor gets of each is one descriptor.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

#define BROKER_MOST_NETWORKS 8u

typedef struct
{
  char *folder; /* of private networks; NULL: there is no place for them */
  struct
  {
    int fd, code; /* of a bridge: a tap, or -1 and an errno */
  } bridges[BROKER_MOST_NETWORKS];
} BrokerNetworks;

/* What a card needs: `wire`, or else programs, and the first one's socket is it. */
typedef struct
{
  int wire;
  struct
  {
    const char *name;
    gboolean foreign; /* of the host, found in $PATH */
    GPtrArray *options;
    int extra;   /* its descriptor 4; -1 */
  } programs[2]; /* name NULL: none */
} NetworkPlan;

/* `folder` is for sockets, NULL: none.  Opens what needs rights that the process and its children give up afterwards. */
void broker_networks_begin (BrokerNetworks *networks, const MachineDefinition *definition,
                            const char *folder);
/* When the helpers have ended. */
void broker_networks_end (BrokerNetworks *networks);
/* 0 or an errno (ENOENT, ENODEV: there is no such network).  Clear the plan in any case. */
int broker_networks_plan (BrokerNetworks *networks, const MachineDefinition *definition, unsigned index,
                          NetworkPlan *plan);
void network_plan_clear (NetworkPlan *plan);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to core/.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef struct
{
  VmStateFunc func;
  void *opaque;
} VmStateListener;

typedef struct VmPrivate
{
  GThread *owner; /* of the VM lock; atomic */
  VmState state;
  char *reason;
  GArray *state_funcs;
  gboolean busy; /* a transition is under way */
  gboolean processors_run;

  GMutex request_mutex; /* protects what follows */
  unsigned requests;    /* bit a VmRequest */
  char *request_reason[VM_N_REQUESTS];
  GSource *request_source;
} VmPrivate;

G_END_DECLS

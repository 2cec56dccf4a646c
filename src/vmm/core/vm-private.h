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

typedef struct VmOrder VmOrder;

typedef struct VmPrivate
{
  VmState state;
  char *reason;
  GArray *state_funcs;
  gboolean processors_run;

  /* Main loop only. */
  VmOrder *current; /* waits for devices to drain */
  GQueue orders;    /* VmOrder, in the order in which they were given */
  gboolean working; /* orders are being carried out, further up the stack */
  GSource *drain;

  GMutex request_mutex; /* protects what follows */
  unsigned requests;    /* bit a VmRequest */
  char *request_reason[VM_N_REQUESTS];
  GSource *request_source;
} VmPrivate;

/* vm-life.c: forgets orders and requests. */
void vm_life_free (Vm *vm);

G_END_DECLS

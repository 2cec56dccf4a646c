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
typedef struct VmNews VmNews;

typedef struct VmPrivate
{

  /* The control loop's thread where devices have a loop of their own; NULL: one loop does both. */
  GThread *control_thread;

  /* Control loop only: what it was told last. */
  VmState shown_state;
  char *shown_reason;
  GArray *state_funcs; /* VmStateListener */

  /* Device loop only (and, before it runs, who makes the machine). */
  VmState state;
  gboolean processors_run;
  gboolean processors_held; /* vm_processors_stand(): they ran */
  VmStateFunc state_watch;
  void *state_watch_opaque;
  VmOrder *current; /* waits for devices to drain, or for its file to be written */
  GQueue orders;    /* VmOrder, in the order in which they were given */
  gboolean working; /* orders are being carried out, further up the stack */
  GSource *drain;

  GMutex request_mutex; /* protects what follows */
  unsigned requests;    /* bit a VmRequest */
  char *request_reason[VM_N_REQUESTS];
  GSource *request_source;
  gboolean ended; /* nothing more is taken */
  GQueue given;   /* VmOrder, from the control loop to the device loop */
  GSource *given_source;

  GMutex news_mutex; /* protects what follows */
  GQueue news;       /* VmNews */
  GSource *news_source;

  VmErrorFunc error_func; /* control loop */
  void *error_opaque;

  GPtrArray *io_loops; /* VmLoop *; under the VM lock */
} VmPrivate;

/* vm-life.c.  The end forgets orders and requests, and takes no more of what devices ask for on their way out; a save that is being
 * written is broken off. */
void vm_life_init (Vm *vm);
void vm_life_end (Vm *vm);
void vm_life_free (Vm *vm);

/* vm-loops.c */
void vm_news_init (Vm *vm);
void vm_news_free (Vm *vm);

G_END_DECLS

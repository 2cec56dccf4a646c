/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests: what the guest and its devices ask of the machine, from any thread, and the device loop then does.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm-life-private.h"

/* Requests that end what the guest does; on a machine of metal they take effect at once. */
#define ENDING_REQUESTS                                                                                 \
  (1u << VM_REQUEST_RESET | 1u << VM_REQUEST_POWER_OFF | 1u << VM_REQUEST_INIT | 1u << VM_REQUEST_SLEEP \
   | 1u << VM_REQUEST_DEBUG)

/* The request mutex is held. */
static void
hold_or_release (Vm *vm, gboolean hold)
{
  void (*func) (void *opaque);

  if (vm->processor == NULL)
    return;
  func = hold ? vm->processor->hold : vm->processor->release;
  if (func != NULL)
    func (vm->processor_opaque);
}

void
vm_forget_requests (Vm *vm)
{
  const unsigned kept = 1u << VM_REQUEST_POWER_OFF | 1u << VM_REQUEST_PAUSE;
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  priv->requests &= kept;
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    if ((kept >> i & 1) == 0)
      g_clear_pointer (&priv->request_reason[i], g_free);
  if ((priv->requests & ENDING_REQUESTS) == 0)
    hold_or_release (vm, FALSE);
  g_mutex_unlock (&priv->request_mutex);
}

/* Software of the 286's days returns from protected mode by this several hundred times a second: no state change, no line
 * in the log. */
static void
init_processors (Vm *vm, const char *reason)
{
  gboolean resumes, ran = vm->priv->processors_run;

  if (vm->priv->state != VM_STATE_RUNNING && vm->priv->state != VM_STATE_PAUSED)
    return;
  vm_lock (vm);
  resumes = vm->firmware_resumes != NULL && vm->firmware_resumes (vm->firmware_resumes_opaque);
  vm_unlock (vm);
  if (!resumes)
    {
      g_message ("reset: %s", reason != NULL ? reason : "");
      vm_give_order_first (vm, ORDER_RESET, NULL);
      return;
    }
  g_debug ("INIT: %s", reason != NULL ? reason : "");
  vm_stop_processors (vm);
  vm_forget_requests (vm);
  vm_lock (vm);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  if (ran)
    vm_start_processors (vm);
  vm_unlock (vm);
}

/* Suspend to RAM: the processors lose their state, all else keeps its own. */
static void
fall_asleep (Vm *vm)
{
  if (vm->priv->state != VM_STATE_RUNNING || !vm_is_asleep (vm))
    return;
  vm_stop_processors (vm);
  g_message ("the guest sleeps");
  vm_set_running (vm);
}

static void
wake_up (Vm *vm, const char *reason)
{
  if (vm->priv->state != VM_STATE_RUNNING && vm->priv->state != VM_STATE_PAUSED)
    return;
  vm_stop_processors (vm);
  g_message ("the guest wakes: %s", reason != NULL ? reason : "");
  vm_lock (vm);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  if (vm->priv->state == VM_STATE_RUNNING)
    vm_start_processors (vm);
  vm_unlock (vm);
  if (vm->priv->state == VM_STATE_RUNNING)
    vm_set_state (vm, VM_STATE_RUNNING, NULL);
}

gboolean
vm_has_requests (Vm *vm)
{
  gboolean any;

  g_mutex_lock (&vm->priv->request_mutex);
  any = vm->priv->requests != 0;
  g_mutex_unlock (&vm->priv->request_mutex);
  return any;
}

/* An order that comes of a request goes before those that wait: the guest was first. */
void
vm_serve_requests (Vm *vm)
{
  VmPrivate *priv = vm->priv;
  unsigned pending;
  char *taken[VM_N_REQUESTS];

  g_mutex_lock (&priv->request_mutex);
  pending = priv->requests;
  priv->requests = 0;
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    taken[i] = g_steal_pointer (&priv->request_reason[i]);
  g_mutex_unlock (&priv->request_mutex);

  if (pending & 1u << VM_REQUEST_POWER_OFF)
    vm_give_order_first (vm, ORDER_STOP, taken[VM_REQUEST_POWER_OFF]);
  /* Another processor may have crashed meanwhile: a reset goes before that. */
  else if (pending & 1u << VM_REQUEST_RESET)
    {
      g_message ("reset: %s", taken[VM_REQUEST_RESET] ? taken[VM_REQUEST_RESET] : "");
      vm_give_order_first (vm, ORDER_RESET, NULL);
    }
  else if (pending & 1u << VM_REQUEST_WAKE)
    wake_up (vm, taken[VM_REQUEST_WAKE]);
  else if (pending & 1u << VM_REQUEST_SLEEP)
    fall_asleep (vm);
  else if (pending & 1u << VM_REQUEST_INIT)
    init_processors (vm, taken[VM_REQUEST_INIT]);
  else if (pending & 1u << VM_REQUEST_CRASH)
    vm_give_order_first (vm, ORDER_CRASH, taken[VM_REQUEST_CRASH]);
  /* Whatever the guest wants, this comes from outside of it, and something waits until the machine goes on. */
  if (pending & 1u << VM_REQUEST_PAUSE)
    {
      g_message ("paused: %s", taken[VM_REQUEST_PAUSE] ? taken[VM_REQUEST_PAUSE] : "");
      /* It may stand already, because somebody wished so; what is to be put right is to be told all the same. */
      if (priv->state == VM_STATE_PAUSED)
        vm_set_state (vm, VM_STATE_PAUSED, taken[VM_REQUEST_PAUSE]);
      else
        vm_give_order_first (vm, ORDER_PAUSE, taken[VM_REQUEST_PAUSE]);
    }
  else if ((pending & 1u << VM_REQUEST_DEBUG) != 0 && vm->debugger && priv->state == VM_STATE_RUNNING)
    vm_give_order_first (vm, ORDER_PAUSE, taken[VM_REQUEST_DEBUG]);
  for (unsigned i = 0; i < VM_N_REQUESTS; i++)
    g_free (taken[i]);
  if ((pending & ENDING_REQUESTS) != 0)
    {
      g_mutex_lock (&priv->request_mutex);
      if ((priv->requests & ENDING_REQUESTS) == 0)
        hold_or_release (vm, FALSE);
      g_mutex_unlock (&priv->request_mutex);
    }
}

static gboolean
on_requests (gpointer data)
{
  Vm *vm = data;

  g_mutex_lock (&vm->priv->request_mutex);
  vm->priv->request_source = NULL;
  g_mutex_unlock (&vm->priv->request_mutex);
  /* While an order waits they wait, too: a reset is to forget what was asked for before it. */
  if (vm->priv->current == NULL)
    vm_serve_requests (vm);
  return G_SOURCE_REMOVE;
}

void
vm_attach_requests (Vm *vm)
{
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  if (priv->requests != 0 && priv->request_source == NULL && !priv->ended)
    {
      priv->request_source = g_idle_source_new ();
      g_source_set_priority (priv->request_source, G_PRIORITY_HIGH);
      g_source_set_callback (priv->request_source, on_requests, vm, NULL);
      g_source_attach (priv->request_source, vm->context);
      g_source_unref (priv->request_source);
    }
  g_mutex_unlock (&priv->request_mutex);
}

void
vm_request (Vm *vm, VmRequest request, const char *reason)
{
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  if (priv->ended)
    {
      g_mutex_unlock (&priv->request_mutex);
      return;
    }
  if ((priv->requests & 1u << request) == 0)
    {
      priv->requests |= 1u << request;
      g_free (priv->request_reason[request]);
      priv->request_reason[request] = g_strdup (reason);
    }
  if ((ENDING_REQUESTS & 1u << request) != 0)
    hold_or_release (vm, TRUE);
  g_mutex_unlock (&priv->request_mutex);
  vm_attach_requests (vm);
}

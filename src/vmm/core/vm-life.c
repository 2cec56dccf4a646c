/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's life cycle: orders, one after the other, and requests of the machine itself.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm-private.h"

#include <gio/gio.h>

/* A client that floods the machine with orders while it drains is told so. */
#define MAX_ORDERS 64

typedef enum
{
  ORDER_PAUSE,
  ORDER_RESUME,
  ORDER_RESET,
  ORDER_STOP,
  ORDER_CRASH,
} OrderKind;

struct VmOrder
{
  OrderKind kind;
  char *reason;
  VmState from; /* the state in which it began */
  VmDoneFunc done;
  void *opaque;
};

VmState
vm_state (Vm *vm)
{
  return vm->priv->state;
}

const char *
vm_state_reason (Vm *vm)
{
  return vm->priv->reason;
}

void
vm_add_state_func (Vm *vm, VmStateFunc func, void *opaque)
{
  VmStateListener listener = { func, opaque };

  g_array_append_val (vm->priv->state_funcs, listener);
}

static void
set_state (Vm *vm, VmState state, const char *reason)
{
  g_autofree char *old = vm->priv->reason;

  vm->priv->reason = g_strdup (reason != NULL ? reason : "");
  vm->priv->state = state;
  for (unsigned i = 0; i < vm->priv->state_funcs->len; i++)
    {
      VmStateListener *l = &g_array_index (vm->priv->state_funcs, VmStateListener, i);

      l->func (vm, state, l->opaque);
    }
}

/* -- Standing still, and running ------------------------------------------------------------------ */

static gboolean
all_drained (Vm *vm)
{
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->held
          || (device->realized && device->klass->drained != NULL && !device->klass->drained (device)))
        return FALSE;
    }
  return TRUE;
}

static void
stop_processors (Vm *vm)
{
  if (vm->processor != NULL && vm->priv->processors_run)
    vm->processor->pause (vm->processor_opaque);
  vm->priv->processors_run = FALSE;
}

/* VM lock held.  A sleeping guest's processors wait for what wakes it. */
static void
start_processors (Vm *vm)
{
  if (vm->asleep)
    return;
  vm->priv->processors_run = TRUE;
  if (vm->processor != NULL)
    vm->processor->resume (vm->processor_opaque);
}

/* Stops processors, clock and devices.  Requests may still be in flight: see all_drained(). */
static void
halt (Vm *vm)
{
  gboolean ran;

  stop_processors (vm);
  vm_lock (vm);
  ran = vm_clock_running (vm->clock);
  vm_clock_stop (vm->clock);
  if (ran && vm->processor != NULL && vm->processor->clock_stop != NULL)
    vm->processor->clock_stop (vm->processor_opaque);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && device->klass->pause != NULL)
        device->klass->pause (device);
    }
  vm_unlock (vm);
}

static void
let_run (Vm *vm)
{
  int64_t missed;

  vm_lock (vm);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && !device->held && device->klass->resume != NULL)
        device->klass->resume (device);
    }
  missed = vm_clock_start (vm->clock);
  if (!vm->catch_up)
    missed = 0;
  if (vm->processor != NULL && vm->processor->clock_start != NULL)
    vm->processor->clock_start (vm->processor_opaque, missed);
  for (unsigned i = 0; i < vm->devices->len && missed > 0; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && !device->held && device->klass->missed != NULL)
        device->klass->missed (device, missed);
    }
  start_processors (vm);
  vm_unlock (vm);
}

static void
reset_all (Vm *vm)
{
  vm_lock (vm);
  address_space_begin (vm->memory);
  address_space_begin (vm->ports);
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = vm->devices->pdata[i];

      if (device->realized && device->klass->reset != NULL)
        device->klass->reset (device);
    }
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  vm_unlock (vm);
}

/* Requests that end what the guest does; on a machine of metal they take effect at once. */
#define ENDING_REQUESTS \
  (1u << VM_REQUEST_RESET | 1u << VM_REQUEST_POWER_OFF | 1u << VM_REQUEST_INIT | 1u << VM_REQUEST_SLEEP)

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

/* What the processors asked for until they stopped belongs to the time before the reset.  The rest others have asked for. */
static void
forget_requests (Vm *vm)
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

static const char *
running_reason (Vm *vm)
{
  return vm->asleep ? VM_REASON_ASLEEP : NULL;
}

/* -- Orders --------------------------------------------------------------------------------------- */

static void work (Vm *vm);
static void attach_requests (Vm *vm);
static gboolean has_requests (Vm *vm);
static void serve_requests (Vm *vm);

static void
order_end (Vm *vm, VmOrder *order, const char *refusal)
{
  g_autoptr (GError) error
      = refusal != NULL ? g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, refusal) : NULL;

  if (order->done != NULL)
    order->done (vm, error, order->opaque);
  g_free (order->reason);
  g_free (order);
}

/* Why the order can't be carried out in this state; NULL: it can. */
static const char *
order_refusal (const Vm *vm, const VmOrder *order)
{
  switch (vm->priv->state)
    {
    case VM_STATE_STOPPED:
      return order->kind == ORDER_STOP ? NULL : "the machine is off";
    case VM_STATE_STARTING:
      return order->kind == ORDER_STOP ? NULL : "the machine is not on yet";
    case VM_STATE_CRASHED:
      return order->kind == ORDER_PAUSE || order->kind == ORDER_RESUME ? "the machine has crashed; reset it"
                                                                       : NULL;
    default:
      return NULL;
    }
}

static gboolean
nothing_to_do (const Vm *vm, const VmOrder *order)
{
  switch (order->kind)
    {
    case ORDER_PAUSE:
      return vm->priv->state == VM_STATE_PAUSED;
    case ORDER_RESUME:
      return vm->priv->state == VM_STATE_RUNNING;
    case ORDER_STOP:
      return vm->priv->state == VM_STATE_STOPPED;
    case ORDER_CRASH:
      return vm->priv->state == VM_STATE_CRASHED;
    default:
      return FALSE;
    }
}

/* No processor runs, nothing is in flight. */
static void
carry_out (Vm *vm, VmOrder *order)
{
  switch (order->kind)
    {
    case ORDER_PAUSE:
      set_state (vm, VM_STATE_PAUSED, order->reason);
      g_queue_push_head (&vm->priv->orders, order); /* it ends in begin() */
      return;
    case ORDER_RESET:
      forget_requests (vm);
      reset_all (vm);
      if (order->from == VM_STATE_PAUSED)
        {
          set_state (vm, VM_STATE_PAUSED, NULL);
          break;
        }
      G_GNUC_FALLTHROUGH;
    case ORDER_RESUME:
      let_run (vm);
      set_state (vm, VM_STATE_RUNNING, running_reason (vm));
      break;
    case ORDER_STOP:
      set_state (vm, VM_STATE_STOPPED, order->reason);
      break;
    case ORDER_CRASH:
      g_message ("the machine has crashed\n%s", order->reason != NULL ? order->reason : "");
      set_state (vm, VM_STATE_CRASHED, order->reason);
      break;
    }
  order_end (vm, order, NULL);
}

/* Completions of requests in flight arrive on the main loop: each of its turns asks whether the last one has. */
typedef struct
{
  GSource source;
  Vm *vm;
} DrainSource;

static gboolean
drain_check (GSource *source)
{
  Vm *vm = ((DrainSource *)source)->vm;
  gboolean drained;

  vm_lock (vm);
  drained = all_drained (vm);
  vm_unlock (vm);
  return drained;
}

static gboolean
drain_prepare (GSource *source, gint *timeout)
{
  *timeout = -1;
  return drain_check (source);
}

static gboolean
drain_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  Vm *vm = ((DrainSource *)source)->vm;
  VmOrder *order = g_steal_pointer (&vm->priv->current);

  g_clear_pointer (&vm->priv->drain, g_source_unref);
  vm->priv->working = TRUE;
  carry_out (vm, order);
  vm->priv->working = FALSE;
  attach_requests (vm);
  work (vm);
  return G_SOURCE_REMOVE;
}

static GSourceFuncs drain_funcs
    = { .prepare = drain_prepare, .check = drain_check, .dispatch = drain_dispatch };

static void
wait_for_drain (Vm *vm, VmOrder *order)
{
  vm->priv->current = order;
  vm->priv->drain = g_source_new (&drain_funcs, sizeof (DrainSource));
  ((DrainSource *)vm->priv->drain)->vm = vm;
  g_source_set_static_name (vm->priv->drain, "vm drain");
  g_source_attach (vm->priv->drain, vm->context);
  set_state (vm, VM_STATE_PAUSING, order->reason);
}

static void
begin (Vm *vm, VmOrder *order)
{
  const char *refusal = order_refusal (vm, order);
  gboolean drained;

  /* What the processors asked for until they stood comes first: who waits for the pause may want to save the machine. */
  if (order->kind == ORDER_PAUSE && vm->priv->state == VM_STATE_PAUSED && has_requests (vm))
    {
      g_queue_push_head (&vm->priv->orders, order);
      serve_requests (vm);
      return;
    }
  if (refusal != NULL || nothing_to_do (vm, order))
    {
      order_end (vm, order, refusal);
      return;
    }
  order->from = vm->priv->state;
  if (order->kind == ORDER_RESUME)
    {
      carry_out (vm, order);
      return;
    }
  halt (vm);
  vm_lock (vm);
  drained = all_drained (vm);
  vm_unlock (vm);
  if (drained)
    carry_out (vm, order);
  else
    wait_for_drain (vm, order);
}

static void
work (Vm *vm)
{
  if (vm->priv->working)
    return;
  vm->priv->working = TRUE;
  while (vm->priv->current == NULL && !g_queue_is_empty (&vm->priv->orders))
    begin (vm, g_queue_pop_head (&vm->priv->orders));
  vm->priv->working = FALSE;
}

static VmOrder *
order_new (OrderKind kind, const char *reason, VmDoneFunc done, void *opaque)
{
  VmOrder *order = g_new0 (VmOrder, 1);

  *order = (VmOrder){ .kind = kind, .reason = g_strdup (reason), .done = done, .opaque = opaque };
  return order;
}

static void
give_order (Vm *vm, OrderKind kind, const char *reason, VmDoneFunc done, void *opaque)
{
  VmOrder *order = order_new (kind, reason, done, opaque);

  if (vm->priv->orders.length >= MAX_ORDERS && kind != ORDER_STOP)
    {
      order_end (vm, order, "the machine is busy with earlier orders; try again when they are done");
      return;
    }
  g_queue_push_tail (&vm->priv->orders, order);
  work (vm);
}

static void
give_order_first (Vm *vm, OrderKind kind, const char *reason)
{
  g_queue_push_head (&vm->priv->orders, order_new (kind, reason, NULL, NULL));
  work (vm);
}

void
vm_start (Vm *vm, gboolean paused)
{
  reset_all (vm);
  if (paused)
    {
      set_state (vm, VM_STATE_PAUSED, NULL);
      return;
    }
  let_run (vm);
  set_state (vm, VM_STATE_RUNNING, NULL);
}

void
vm_pause_async (Vm *vm, const char *reason, VmDoneFunc done, void *opaque)
{
  give_order (vm, ORDER_PAUSE, reason, done, opaque);
}

void
vm_resume_async (Vm *vm, VmDoneFunc done, void *opaque)
{
  give_order (vm, ORDER_RESUME, NULL, done, opaque);
}

void
vm_reset_async (Vm *vm, VmDoneFunc done, void *opaque)
{
  give_order (vm, ORDER_RESET, NULL, done, opaque);
}

void
vm_pause (Vm *vm, const char *reason)
{
  give_order (vm, ORDER_PAUSE, reason, NULL, NULL);
}

void
vm_resume (Vm *vm)
{
  give_order (vm, ORDER_RESUME, NULL, NULL, NULL);
}

void
vm_reset (Vm *vm)
{
  give_order (vm, ORDER_RESET, NULL, NULL, NULL);
}

void
vm_stop (Vm *vm, const char *reason)
{
  give_order (vm, ORDER_STOP, reason, NULL, NULL);
}

/* -- Requests ------------------------------------------------------------------------------------- */

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
      give_order_first (vm, ORDER_RESET, NULL);
      return;
    }
  g_debug ("INIT: %s", reason != NULL ? reason : "");
  stop_processors (vm);
  forget_requests (vm);
  vm_lock (vm);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  if (ran)
    start_processors (vm);
  vm_unlock (vm);
}

/* Suspend to RAM: the processors lose their state, all else keeps its own. */
static void
fall_asleep (Vm *vm)
{
  if (vm->priv->state != VM_STATE_RUNNING || !vm->asleep)
    return;
  stop_processors (vm);
  g_message ("the guest sleeps");
  set_state (vm, VM_STATE_RUNNING, running_reason (vm));
}

static void
wake_up (Vm *vm, const char *reason)
{
  if (vm->priv->state != VM_STATE_RUNNING && vm->priv->state != VM_STATE_PAUSED)
    return;
  stop_processors (vm);
  g_message ("the guest wakes: %s", reason != NULL ? reason : "");
  vm_lock (vm);
  if (vm->processor != NULL)
    vm->processor->reset (vm->processor_opaque);
  if (vm->priv->state == VM_STATE_RUNNING)
    start_processors (vm);
  vm_unlock (vm);
  if (vm->priv->state == VM_STATE_RUNNING)
    set_state (vm, VM_STATE_RUNNING, NULL);
}

static gboolean
has_requests (Vm *vm)
{
  gboolean any;

  g_mutex_lock (&vm->priv->request_mutex);
  any = vm->priv->requests != 0;
  g_mutex_unlock (&vm->priv->request_mutex);
  return any;
}

/* An order that comes of a request goes before those that wait: the guest was first. */
static void
serve_requests (Vm *vm)
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
    give_order_first (vm, ORDER_STOP, taken[VM_REQUEST_POWER_OFF]);
  /* Another processor may have crashed meanwhile: a reset goes before that. */
  else if (pending & 1u << VM_REQUEST_RESET)
    {
      g_message ("reset: %s", taken[VM_REQUEST_RESET] ? taken[VM_REQUEST_RESET] : "");
      give_order_first (vm, ORDER_RESET, NULL);
    }
  else if (pending & 1u << VM_REQUEST_WAKE)
    wake_up (vm, taken[VM_REQUEST_WAKE]);
  else if (pending & 1u << VM_REQUEST_SLEEP)
    fall_asleep (vm);
  else if (pending & 1u << VM_REQUEST_INIT)
    init_processors (vm, taken[VM_REQUEST_INIT]);
  else if (pending & 1u << VM_REQUEST_CRASH)
    give_order_first (vm, ORDER_CRASH, taken[VM_REQUEST_CRASH]);
  /* Whatever the guest wants, this comes from outside of it, and something waits until the machine goes on. */
  if (pending & 1u << VM_REQUEST_PAUSE)
    {
      g_message ("paused: %s", taken[VM_REQUEST_PAUSE] ? taken[VM_REQUEST_PAUSE] : "");
      give_order_first (vm, ORDER_PAUSE, taken[VM_REQUEST_PAUSE]);
    }
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
    serve_requests (vm);
  return G_SOURCE_REMOVE;
}

static void
attach_requests (Vm *vm)
{
  VmPrivate *priv = vm->priv;

  g_mutex_lock (&priv->request_mutex);
  if (priv->requests != 0 && priv->request_source == NULL)
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
  if ((priv->requests & 1u << request) == 0)
    {
      priv->requests |= 1u << request;
      g_free (priv->request_reason[request]);
      priv->request_reason[request] = g_strdup (reason);
    }
  if ((ENDING_REQUESTS & 1u << request) != 0)
    hold_or_release (vm, TRUE);
  g_mutex_unlock (&priv->request_mutex);
  attach_requests (vm);
}

void
vm_life_free (Vm *vm)
{
  VmOrder *order;

  if (vm->priv->request_source != NULL)
    g_source_destroy (vm->priv->request_source);
  if (vm->priv->drain != NULL)
    {
      g_source_destroy (vm->priv->drain);
      g_source_unref (vm->priv->drain);
    }
  if (vm->priv->current != NULL)
    g_queue_push_head (&vm->priv->orders, g_steal_pointer (&vm->priv->current));
  while ((order = g_queue_pop_head (&vm->priv->orders)) != NULL)
    {
      g_free (order->reason);
      g_free (order);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (vm->priv->request_reason); i++)
    g_free (vm->priv->request_reason[i]);
}

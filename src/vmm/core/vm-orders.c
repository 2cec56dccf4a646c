/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Orders: given on the control loop, carried out one after the other on the device loop.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm-life-private.h"

#include <gio/gio.h>

/* A client that floods the machine with orders while it drains is told so. */
#define MAX_ORDERS 64
/* On their way to a device loop that doesn't turn: a disk that stands still must not make the queue grow without end. */
#define MAX_GIVEN (4 * MAX_ORDERS)

/* -- Their end ------------------------------------------------------------------------------------ */

typedef struct
{
  Vm *vm;
  VmDoneFunc done; /* NULL: called */
  void *opaque;
  GError *error;
} DoneNews;

static void
tell_done (Vm *vm, void *data)
{
  DoneNews *news = data;
  VmDoneFunc done = g_steal_pointer (&news->done);

  done (vm, news->error, news->opaque);
}

/* The machine goes, and the order that was given to it with it. */
static void
abandon (Vm *vm, VmDoneFunc done, void *opaque)
{
  g_autoptr (GError) error
      = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "the machine was ended meanwhile");

  if (done != NULL)
    done (vm, error, opaque);
}

static void
done_news_free (gpointer data)
{
  DoneNews *news = data;

  abandon (news->vm, news->done, news->opaque);
  g_clear_error (&news->error);
  g_free (news);
}

static void
order_free (VmOrder *order)
{
  if (order->save != NULL)
    vm_save_work_free (order->save);
  if (order->drop != NULL)
    order->drop (order->data);
  g_free (order->reason);
  g_free (order);
}

void
vm_order_end (Vm *vm, VmOrder *order, GError *error)
{
  VmDoneFunc done = order->done;
  void *opaque = order->opaque;
  /* A save's progress waits to be told, on the same thread too; its end comes behind it. */
  gboolean tell = vm->priv->control_thread != NULL || order->save != NULL;

  order_free (order);
  if (done == NULL)
    g_clear_error (&error);
  else if (tell)
    {
      DoneNews *news = g_new (DoneNews, 1);

      *news = (DoneNews){ vm, done, opaque, error };
      vm_tell_control (vm, tell_done, news, done_news_free);
    }
  else
    {
      done (vm, error, opaque);
      g_clear_error (&error);
    }
}

/* `refusal` NULL: it was carried out. */
static void
answer (Vm *vm, VmOrder *order, const char *refusal)
{
  vm_order_end (vm, order,
                refusal != NULL ? g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, refusal) : NULL);
}

/* -- Carrying out --------------------------------------------------------------------------------- */

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
      return order->kind == ORDER_PAUSE || order->kind == ORDER_RESUME || order->kind == ORDER_SAVE
                 ? "the machine has crashed; reset it"
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

static void
act (Vm *vm, VmOrder *order)
{
  GError *error = NULL;

  order->act (vm, order->data, &error);
  vm_order_end (vm, order, error);
}

/* No processor runs, nothing is in flight. */
static void
carry_out (Vm *vm, VmOrder *order)
{
  switch (order->kind)
    {
    case ORDER_PAUSE:
    case ORDER_SAVE:
      if (vm->priv->state != VM_STATE_PAUSED) /* else its reason stands */
        vm_set_state (vm, VM_STATE_PAUSED, order->reason);
      g_queue_push_head (&vm->priv->orders, order); /* it ends in begin() */
      return;
    case ORDER_RESET:
      vm_forget_requests (vm);
      vm_reset_all (vm);
      if (order->from == VM_STATE_PAUSED || vm->stop_at_reset)
        {
          vm_set_state (vm, VM_STATE_PAUSED,
                        order->from == VM_STATE_PAUSED
                            ? NULL
                            : "the machine was reset, and the debugger holds it there");
          break;
        }
      G_GNUC_FALLTHROUGH;
    case ORDER_RESUME:
      vm_let_run (vm);
      vm_set_running (vm);
      break;
    case ORDER_STOP:
      vm_set_state (vm, VM_STATE_STOPPED, order->reason);
      break;
    case ORDER_CRASH:
      g_message ("the machine has crashed\n%s", order->reason != NULL ? order->reason : "");
      vm_set_state (vm, VM_STATE_CRASHED, order->reason);
      break;
    case ORDER_ACT:
      g_return_if_reached ();
    }
  answer (vm, order, NULL);
}

/* Completions of requests in flight arrive on the device loop: each of its turns asks whether the last one has. */
typedef struct
{
  GSource source;
  Vm *vm;
} DrainSource;

static gboolean
drain_check (GSource *source)
{
  return vm_is_drained (((DrainSource *)source)->vm);
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
  vm_attach_requests (vm);
  vm_work_off_orders (vm);
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
  if (vm->priv->state != VM_STATE_PAUSED)
    vm_set_state (vm, VM_STATE_PAUSING, order->reason);
}

static void
begin (Vm *vm, VmOrder *order)
{
  const char *refusal = order_refusal (vm, order);

  /* What the processors asked for until they stood comes first: who waits for the pause may want to save the machine. */
  if ((order->kind == ORDER_PAUSE || order->kind == ORDER_SAVE) && vm->priv->state == VM_STATE_PAUSED
      && vm_has_requests (vm))
    {
      g_queue_push_head (&vm->priv->orders, order);
      vm_serve_requests (vm);
      return;
    }
  if (refusal != NULL || nothing_to_do (vm, order))
    {
      answer (vm, order, refusal);
      return;
    }
  if (order->kind == ORDER_ACT)
    {
      act (vm, order);
      return;
    }
  if (!order->begun)
    order->from = vm->priv->state;
  order->begun = TRUE;
  if (order->kind == ORDER_SAVE && vm->priv->state == VM_STATE_PAUSED)
    {
      /* A device may have come to a machine that was paused before, or be on its way out. */
      if (vm_is_drained (vm))
        vm_save_work_start (vm, order);
      else
        wait_for_drain (vm, order);
      return;
    }
  if (order->kind == ORDER_RESUME)
    {
      carry_out (vm, order);
      return;
    }
  vm_halt (vm);
  if (vm_is_drained (vm))
    carry_out (vm, order);
  else
    wait_for_drain (vm, order);
}

void
vm_work_off_orders (Vm *vm)
{
  if (vm->priv->working)
    return;
  vm->priv->working = TRUE;
  while (vm->priv->current == NULL && !g_queue_is_empty (&vm->priv->orders))
    begin (vm, g_queue_pop_head (&vm->priv->orders));
  vm->priv->working = FALSE;
}

/* -- Giving --------------------------------------------------------------------------------------- */

VmOrder *
vm_order_new (OrderKind kind, const char *reason, VmDoneFunc done, void *opaque)
{
  VmOrder *order = g_new0 (VmOrder, 1);

  *order = (VmOrder){ .kind = kind, .reason = g_strdup (reason), .done = done, .opaque = opaque };
  return order;
}

static const char busy[] = "the machine is busy with earlier orders; try again when they are done";

static void
take_order (Vm *vm, VmOrder *order)
{
  const VmOrder *current = vm->priv->current;

  if (vm->priv->orders.length >= MAX_ORDERS && order->kind != ORDER_STOP)
    {
      answer (vm, order, busy);
      return;
    }
  /* Whoever ends the machine doesn't wait for a slow disk. */
  if (order->kind == ORDER_STOP && current != NULL && current->kind == ORDER_SAVE)
    vm_save_work_cancel (current->save);
  g_queue_push_tail (&vm->priv->orders, order);
  vm_work_off_orders (vm);
}

static gboolean
on_given (gpointer data)
{
  Vm *vm = data;
  VmOrder *order;

  do
    {
      g_mutex_lock (&vm->priv->request_mutex);
      order = g_queue_pop_head (&vm->priv->given);
      if (order == NULL)
        vm->priv->given_source = NULL;
      g_mutex_unlock (&vm->priv->request_mutex);
      if (order != NULL)
        take_order (vm, order);
    }
  while (order != NULL);
  return G_SOURCE_REMOVE;
}

void
vm_give_order (Vm *vm, VmOrder *order)
{
  VmPrivate *priv = vm->priv;

  if (!vm_on_control (vm))
    {
      take_order (vm, order);
      return;
    }
  g_mutex_lock (&priv->request_mutex);
  /* Ends find a place where others no longer do. */
  if (priv->given.length >= (order->kind == ORDER_STOP ? 2 * MAX_GIVEN : MAX_GIVEN))
    {
      g_mutex_unlock (&priv->request_mutex);
      answer (vm, order, busy);
      return;
    }
  g_queue_push_tail (&priv->given, order);
  if (priv->given_source == NULL)
    {
      priv->given_source = g_idle_source_new ();
      g_source_set_priority (priv->given_source, G_PRIORITY_HIGH);
      g_source_set_callback (priv->given_source, on_given, vm, NULL);
      g_source_set_static_name (priv->given_source, "vm orders");
      g_source_attach (priv->given_source, vm->context);
      g_source_unref (priv->given_source);
    }
  g_mutex_unlock (&priv->request_mutex);
}

static void
give_order (Vm *vm, OrderKind kind, const char *reason, VmDoneFunc done, void *opaque)
{
  vm_give_order (vm, vm_order_new (kind, reason, done, opaque));
}

void
vm_give_order_first (Vm *vm, OrderKind kind, const char *reason)
{
  g_queue_push_head (&vm->priv->orders, vm_order_new (kind, reason, NULL, NULL));
  vm_work_off_orders (vm);
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
vm_act_async (Vm *vm, VmActFunc func, void *data, GDestroyNotify drop, VmDoneFunc done, void *opaque)
{
  VmOrder *order = vm_order_new (ORDER_ACT, NULL, done, opaque);

  order->act = func;
  order->data = data;
  order->drop = drop;
  vm_give_order (vm, order);
}

void
vm_stop (Vm *vm, const char *reason)
{
  give_order (vm, ORDER_STOP, reason, NULL, NULL);
}

/* -- Where the machine goes ----------------------------------------------------------------------- */

static void
abandon_order (Vm *vm, VmOrder *order)
{
  VmDoneFunc done = order->done;
  void *opaque = order->opaque;

  order_free (order);
  abandon (vm, done, opaque);
}

void
vm_orders_free (Vm *vm)
{
  VmOrder *order;

  if (vm->priv->drain != NULL)
    {
      g_source_destroy (vm->priv->drain);
      g_source_unref (vm->priv->drain);
    }
  order = g_steal_pointer (&vm->priv->current);
  if (order != NULL)
    abandon_order (vm, order);
  while ((order = g_queue_pop_head (&vm->priv->orders)) != NULL)
    abandon_order (vm, order);
  if (vm->priv->given_source != NULL)
    g_source_destroy (vm->priv->given_source);
  while ((order = g_queue_pop_head (&vm->priv->given)) != NULL)
    abandon_order (vm, order);
}

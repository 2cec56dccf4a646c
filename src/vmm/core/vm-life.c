/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The state that the machine is in, and who hears of it.  Orders that change it are in vm-orders.c, requests in vm-requests.c.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm-life-private.h"

VmState
vm_state (Vm *vm)
{
  return vm->priv->shown_state;
}

const char *
vm_state_reason (Vm *vm)
{
  return vm->priv->shown_reason;
}

void
vm_add_state_func (Vm *vm, VmStateFunc func, void *opaque)
{
  VmStateListener listener = { func, opaque };

  g_array_append_val (vm->priv->state_funcs, listener);
}

typedef struct
{
  VmState state;
  char *reason;
} StateNews;

static void
show_state (Vm *vm, void *data)
{
  StateNews *news = data;
  g_autofree char *old = vm->priv->shown_reason;
  VmState state = news->state;

  vm->priv->shown_reason = g_steal_pointer (&news->reason);
  vm->priv->shown_state = state;
  for (unsigned i = 0; i < vm->priv->state_funcs->len; i++)
    {
      VmStateListener *l = &g_array_index (vm->priv->state_funcs, VmStateListener, i);

      l->func (vm, state, l->opaque);
    }
}

static void
state_news_free (gpointer data)
{
  StateNews *news = data;

  g_free (news->reason);
  g_free (news);
}

void
vm_set_state (Vm *vm, VmState state, const char *reason)
{
  StateNews *news = g_new (StateNews, 1);

  *news = (StateNews){ state, g_strdup (reason != NULL ? reason : "") };
  vm->priv->state = state;
  if (vm->priv->state_watch != NULL)
    vm->priv->state_watch (vm, state, vm->priv->state_watch_opaque);
  if (vm->priv->control_thread != NULL && !vm_on_control (vm))
    {
      vm_tell_control (vm, show_state, news, state_news_free);
      return;
    }
  show_state (vm, news);
  state_news_free (news);
}

void
vm_set_running (Vm *vm)
{
  vm_set_state (vm, VM_STATE_RUNNING, vm_is_asleep (vm) ? VM_REASON_ASLEEP : NULL);
}

VmState
vm_state_here (Vm *vm)
{
  return vm->priv->state;
}

gboolean
vm_order_under_way (Vm *vm)
{
  return vm->priv->current != NULL;
}

void
vm_set_state_watch (Vm *vm, VmStateFunc func, void *opaque)
{
  vm->priv->state_watch = func;
  vm->priv->state_watch_opaque = opaque;
}

void
vm_start (Vm *vm, gboolean paused)
{
  vm_reset_all (vm);
  if (paused)
    {
      vm_set_state (vm, VM_STATE_PAUSED, NULL);
      return;
    }
  vm_let_run (vm);
  vm_set_state (vm, VM_STATE_RUNNING, NULL);
}

void
vm_life_init (Vm *vm)
{
  g_mutex_init (&vm->priv->request_mutex);
  vm->priv->state_funcs = g_array_new (FALSE, FALSE, sizeof (VmStateListener));
  vm->priv->shown_reason = g_strdup ("");
  g_queue_init (&vm->priv->orders);
  g_queue_init (&vm->priv->given);
}

void
vm_life_end (Vm *vm)
{
  g_mutex_lock (&vm->priv->request_mutex);
  vm->priv->ended = TRUE;
  GSource *source = g_steal_pointer (&vm->priv->request_source);
  g_mutex_unlock (&vm->priv->request_mutex);
  if (source != NULL)
    g_source_destroy (source);
  vm_orders_free (vm);
}

void
vm_life_free (Vm *vm)
{
  g_array_unref (vm->priv->state_funcs);
  g_free (vm->priv->shown_reason);
  g_mutex_clear (&vm->priv->request_mutex);
  for (unsigned i = 0; i < G_N_ELEMENTS (vm->priv->request_reason); i++)
    g_free (vm->priv->request_reason[i]);
}

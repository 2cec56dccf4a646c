/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine: making, lock and main-loop helpers.  Its life cycle is in vm-life.c.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm.h"

#include "core/vm-private.h"

#include <string.h>

/* -- Lock ----------------------------------------------------------------------------------------- */

void
vm_lock (Vm *vm)
{
  g_mutex_lock (&vm->lock);
  __atomic_store_n (&vm->priv->owner, g_thread_self (), __ATOMIC_RELAXED);
}

void
vm_unlock (Vm *vm)
{
  __atomic_store_n (&vm->priv->owner, NULL, __ATOMIC_RELAXED);
  g_mutex_unlock (&vm->lock);
}

gboolean
vm_lock_held (Vm *vm)
{
  return __atomic_load_n (&vm->priv->owner, __ATOMIC_RELAXED) == g_thread_self ();
}

/* -- Making --------------------------------------------------------------------------------------- */

Vm *
vm_new (GMainContext *context, gboolean manual_clock)
{
  Vm *vm = g_new0 (Vm, 1);

  vm->priv = g_new0 (VmPrivate, 1);
  vm->context
      = context != NULL ? g_main_context_ref (context) : g_main_context_ref (g_main_context_default ());
  g_mutex_init (&vm->lock);
  g_mutex_init (&vm->priv->request_mutex);
  vm->memory = address_space_new (vm, "memory", 1ULL << 52);
  vm->ports = address_space_new (vm, "ports", 0x10000);
  vm->devices = g_ptr_array_new ();
  vm->rams = g_ptr_array_new_with_free_func ((GDestroyNotify)region_unref);
  vm->priv->state_funcs = g_array_new (FALSE, FALSE, sizeof (VmStateListener));
  vm->priv->reason = g_strdup ("");
  g_queue_init (&vm->priv->orders);
  vm->clock = manual_clock ? vm_clock_new_manual (vm) : vm_clock_new (vm, vm->context);
  return vm;
}

void
vm_free (Vm *vm)
{
  if (vm == NULL)
    return;
  vm_life_free (vm);
  vm_lock (vm);
  while (vm->devices->len > 0)
    device_free (vm->devices->pdata[vm->devices->len - 1]);
  vm_unlock (vm);
  vm_clock_free (vm->clock);
  address_space_free (vm->memory);
  address_space_free (vm->ports);
  g_ptr_array_unref (vm->devices);
  g_ptr_array_unref (vm->rams);
  g_array_unref (vm->priv->state_funcs);
  g_free (vm->priv->reason);
  g_mutex_clear (&vm->lock);
  g_mutex_clear (&vm->priv->request_mutex);
  g_main_context_unref (vm->context);
  g_free (vm->priv);
  g_free (vm);
}

void
vm_set_processor (Vm *vm, const VmProcessorOps *ops, void *opaque)
{
  vm->processor = ops;
  vm->processor_opaque = opaque;
}

static void
on_intr (void *opaque, unsigned n, gboolean level)
{
  Vm *vm = opaque;

  if (vm->processor != NULL)
    vm->processor->set_intr (vm->processor_opaque, level);
}

static void
on_nmi (void *opaque, unsigned n, gboolean level)
{
  Vm *vm = opaque;

  if (level && vm->processor != NULL)
    vm->processor->nmi (vm->processor_opaque);
}

IrqLine
vm_intr_line (Vm *vm)
{
  return IRQ_LINE (on_intr, vm, 0);
}

IrqLine
vm_nmi_line (Vm *vm)
{
  return IRQ_LINE (on_nmi, vm, 0);
}

void
vm_add_ram (Vm *vm, Region *region)
{
  g_ptr_array_add (vm->rams, region_ref (region));
}

/* -- Main loop ------------------------------------------------------------------------------------ */

typedef struct
{
  Vm *vm;
  VmFunc func;
  VmFdFunc fd_func;
  void *opaque;
} LoopCall;

static gboolean
on_loop_call (gpointer data)
{
  LoopCall *call = data;

  vm_lock (call->vm);
  call->func (call->opaque);
  vm_unlock (call->vm);
  return G_SOURCE_REMOVE;
}

void
vm_run_on_loop (Vm *vm, VmFunc func, void *opaque)
{
  LoopCall *call = g_new0 (LoopCall, 1);
  GSource *source = g_idle_source_new ();

  *call = (LoopCall){ .vm = vm, .func = func, .opaque = opaque };
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_loop_call, call, g_free);
  g_source_attach (source, vm->context);
  g_source_unref (source);
  // cppcheck-suppress memleak ; the source frees it
}

typedef struct
{
  GSource source;
  LoopCall call;
  int fd;
  gpointer tag;
} FdSource;

static gboolean
fd_watch_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  FdSource *watch = (FdSource *)source;

  vm_lock (watch->call.vm);
  if (!g_source_is_destroyed (source))
    watch->call.fd_func (watch->fd, g_source_query_unix_fd (source, watch->tag), watch->call.opaque);
  vm_unlock (watch->call.vm);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs fd_watch_funcs = { .dispatch = fd_watch_dispatch };

GSource *
vm_watch_fd (Vm *vm, int fd, GIOCondition condition, VmFdFunc func, void *opaque)
{
  FdSource *watch = (FdSource *)g_source_new (&fd_watch_funcs, sizeof (FdSource));

  watch->call = (LoopCall){ .vm = vm, .fd_func = func, .opaque = opaque };
  watch->fd = fd;
  watch->tag = g_source_add_unix_fd (&watch->source, fd, condition);
  g_source_attach (&watch->source, vm->context);
  return &watch->source;
}

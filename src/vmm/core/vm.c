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
  vm_lock_take (&vm->lock);
}

void
vm_unlock (Vm *vm)
{
  vm_lock_leave (&vm->lock);
}

gboolean
vm_lock_held (Vm *vm)
{
  return vm_lock_is_mine (&vm->lock);
}

/* -- Making --------------------------------------------------------------------------------------- */

Vm *
vm_new (GMainContext *context, gboolean manual_clock)
{
  Vm *vm = g_new0 (Vm, 1);

  vm->priv = g_new0 (VmPrivate, 1);
  vm->context
      = context != NULL ? g_main_context_ref (context) : g_main_context_ref (g_main_context_default ());
  vm_lock_init (&vm->lock);
  g_mutex_init (&vm->priv->request_mutex);
  vm->memory = address_space_new (vm, "memory", 1ULL << 52);
  vm->ports = address_space_new (vm, "ports", 0x10000);
  vm->devices = g_ptr_array_new ();
  vm->rams = g_ptr_array_new_with_free_func ((GDestroyNotify)region_unref);
  vm->priv->state_funcs = g_array_new (FALSE, FALSE, sizeof (VmStateListener));
  vm->priv->reason = g_strdup ("");
  g_queue_init (&vm->priv->orders);
  vm->clock = manual_clock ? vm_clock_new_manual () : vm_clock_new (&vm->lock, vm->context);
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
  vm_lock_clear (&vm->lock);
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

IrqLine
vm_intr_line (Vm *vm)
{
  return IRQ_LINE (on_intr, vm, 0);
}

void
vm_add_ram (Vm *vm, Region *region)
{
  g_ptr_array_add (vm->rams, region_ref (region));
}

/* -- Main loop ------------------------------------------------------------------------------------ */

typedef struct
{
  GSource source;
  Vm *vm;
  VmFdFunc func;
  void *opaque;
  int fd;
  gpointer tag;
} FdSource;

static gboolean
fd_watch_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  FdSource *watch = (FdSource *)source;

  vm_lock (watch->vm);
  if (!g_source_is_destroyed (source))
    watch->func (watch->fd, g_source_query_unix_fd (source, watch->tag), watch->opaque);
  vm_unlock (watch->vm);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs fd_watch_funcs = { .dispatch = fd_watch_dispatch };

GSource *
vm_watch_fd (Vm *vm, int fd, GIOCondition condition, VmFdFunc func, void *opaque)
{
  FdSource *watch = (FdSource *)g_source_new (&fd_watch_funcs, sizeof (FdSource));

  watch->vm = vm;
  watch->func = func;
  watch->opaque = opaque;
  watch->fd = fd;
  watch->tag = g_source_add_unix_fd (&watch->source, fd, condition);
  g_source_attach (&watch->source, vm->context);
  return &watch->source;
}

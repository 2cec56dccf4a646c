/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine: making and lock.  Its life cycle is in vm-life.c and the files that vm-life-private.h lists, its loops are in vm-loops.c.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm.h"

#include "core/loop.h"
#include "core/vm-private.h"

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
  return vm_new_with_loops (context, context, manual_clock);
}

Vm *
vm_new_with_loops (GMainContext *devices, GMainContext *control, gboolean manual_clock)
{
  Vm *vm = g_new0 (Vm, 1);

  vm->priv = g_new0 (VmPrivate, 1);
  vm->context = g_main_context_ref (devices != NULL ? devices : g_main_context_default ());
  vm->control = g_main_context_ref (control != NULL ? control : g_main_context_default ());
  vm->priv->control_thread = vm->context != vm->control ? g_thread_self () : NULL;
  vm_lock_init (&vm->lock);
  vm->memory = address_space_new (vm, "memory", 1ULL << 52);
  vm->smm_memory = address_space_new_over (vm->memory, "memory in SMM");
  vm->ports = address_space_new (vm, "ports", 0x10000);
  vm->devices = g_ptr_array_new ();
  vm->rams = g_ptr_array_new_with_free_func ((GDestroyNotify)region_unref);
  vm->priv->io_loops = g_ptr_array_new_with_free_func ((GDestroyNotify)vm_loop_free);
  vm_news_init (vm);
  vm_life_init (vm);
  vm->clock = manual_clock ? vm_clock_new_manual () : vm_clock_new (&vm->lock, vm->context);
  return vm;
}

void
vm_free (Vm *vm)
{
  if (vm == NULL)
    return;
  vm_life_end (vm);
  vm_lock (vm);
  while (vm->devices->len > 0)
    device_free (vm->devices->pdata[vm->devices->len - 1]);
  vm_unlock (vm);
  g_ptr_array_unref (vm->priv->io_loops);
  vm_life_free (vm);
  vm_clock_free (vm->clock);
  address_space_free (vm->smm_memory);
  address_space_free (vm->memory);
  address_space_free (vm->ports);
  g_ptr_array_unref (vm->devices);
  g_ptr_array_unref (vm->rams);
  vm_news_free (vm);
  vm_lock_clear (&vm->lock);
  g_main_context_unref (vm->context);
  g_main_context_unref (vm->control);
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

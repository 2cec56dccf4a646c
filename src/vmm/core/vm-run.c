/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Running and standing still: what is done to processors, clock and devices.
 */
#define G_LOG_DOMAIN "vm"

#include "core/vm-life-private.h"

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

gboolean
vm_is_drained (Vm *vm)
{
  gboolean drained;

  vm_lock (vm);
  drained = all_drained (vm);
  vm_unlock (vm);
  return drained;
}

void
vm_stop_processors (Vm *vm)
{
  if (vm->processor != NULL && vm->priv->processors_run)
    vm->processor->pause (vm->processor_opaque);
  vm->priv->processors_run = FALSE;
}

void
vm_start_processors (Vm *vm)
{
  if (vm->asleep)
    return;
  vm->priv->processors_run = TRUE;
  if (vm->processor != NULL)
    vm->processor->resume (vm->processor_opaque);
}

void
vm_processors_stand (Vm *vm)
{
  vm->priv->processors_held = vm->priv->processors_run;
  vm_stop_processors (vm);
}

void
vm_processors_go_on (Vm *vm)
{
  vm_lock (vm);
  if (vm->priv->processors_held)
    vm_start_processors (vm);
  vm->priv->processors_held = FALSE;
  vm_unlock (vm);
}

void
vm_halt (Vm *vm)
{
  gboolean ran;

  vm_stop_processors (vm);
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

void
vm_let_run (Vm *vm)
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
  vm_start_processors (vm);
  vm_unlock (vm);
}

void
vm_reset_all (Vm *vm)
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

gboolean
vm_is_asleep (Vm *vm)
{
  gboolean asleep;

  vm_lock (vm);
  asleep = vm->asleep;
  vm_unlock (vm);
  return asleep;
}

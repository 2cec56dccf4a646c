/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's list of devices, which owns them.
 */
#include "core/vm.h"

gpointer
device_new (Vm *vm, const DeviceClass *klass, const char *id)
{
  Device *device = device_alloc (vm, klass, id);

  g_ptr_array_add (vm->devices, device);
  return device;
}

void
device_free (Device *device)
{
  if (device == NULL)
    return;
  device_unrealize (device);
  g_ptr_array_remove (device->vm->devices, device);
  device_dispose (device);
}

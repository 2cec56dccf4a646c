/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * System control port A.  See port92.h.
 */
#define G_LOG_DOMAIN "port92"

#include "chipset/port92.h"
#include "chipset/a20.h"
#include "chipset/common.h"

enum
{
  FAST_RESET = 1 << 0,
  A20_GATE = 1 << 1,
};

typedef struct
{
  Device device;
  Device *gate;
  uint8_t value; /* but for the gate of A20 */
  Mapping *mapping;
} Port92;

static const StateField port92_state[] = {
  STATE_U8 (Port92, value),
  STATE_END,
};

static uint64_t
port92_read (void *opaque, uint64_t addr, unsigned size)
{
  const Port92 *port92 = opaque;

  return port92->value | (a20_is_open (port92->gate) ? A20_GATE : 0);
}

static void
port92_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  Port92 *port92 = opaque;
  uint8_t rises = (uint8_t)value & (uint8_t)~port92->value;
  IrqLine a20 = a20_line (port92->gate);

  port92->value = (uint8_t)value & (uint8_t)~A20_GATE;
  irq_set (&a20, !!(value & A20_GATE));
  if (rises & FAST_RESET)
    vm_request (port92->device.vm, VM_REQUEST_INIT, "the guest asked for it through port 0x92");
}

static const IoOps port92_ops = { .read = port92_read, .write = port92_write, .impl_min = 1, .impl_max = 1 };

static void
port92_reset (Device *device)
{
  ((Port92 *)device)->value = 0;
}

static gboolean
port92_realize (Device *device, GError **error)
{
  Port92 *port92 = (Port92 *)device;

  port92->mapping = chipset_map_io (device->vm->ports, "port92", 0x92, 1, &port92_ops, port92);
  return TRUE;
}

static void
port92_unrealize (Device *device)
{
  g_clear_pointer (&((Port92 *)device)->mapping, mapping_remove);
}

static const DeviceClass port92_class = {
  .name = "port92",
  .instance_size = sizeof (Port92),
  .state = port92_state,
  .realize = port92_realize,
  .reset = port92_reset,
  .unrealize = port92_unrealize,
};

Device *
port92_new (Vm *vm, Device *a20, GError **error)
{
  Port92 *port92 = device_new (vm, &port92_class, "port92");

  port92->gate = a20;
  return chipset_realize (port92, error);
}

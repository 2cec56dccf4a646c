/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Gate of address line 20.  See a20.h.
 */
#define G_LOG_DOMAIN "a20"

#include "chipset/a20.h"
#include "chipset/common.h"

#define MEBIBYTE 0x100000u
/* Above everything that the host bridge maps (chipset/i440fx.h). */
#define PRIORITY 20

typedef struct
{
  Device device;
  Region *ram;
  uint8_t open; /* not 0: yes */
  Mapping *mapping;
} A20;

static const StateField a20_state[] = {
  STATE_U8_MAX (A20, open, 3),
  STATE_END,
};

static void
update (A20 *a20)
{
  gboolean closed = !a20->open;

  if (mapping_enabled (a20->mapping) != closed)
    mapping_set_enabled (a20->mapping, closed);
}

static void
a20_set (void *opaque, unsigned n, gboolean level)
{
  A20 *a20 = opaque;

  a20->open = level != FALSE;
  update (a20);
}

static void
a20_reset (Device *device)
{
  A20 *a20 = (A20 *)device;

  a20->open = TRUE;
  update (a20);
}

static gboolean
a20_post_load (Device *device, GError **error)
{
  update ((A20 *)device);
  return TRUE;
}

static gboolean
a20_realize (Device *device, GError **error)
{
  A20 *a20 = (A20 *)device;
  AddressSpace *memory = device->vm->memory;

  address_space_begin (memory);
  a20->mapping
      = address_space_map (memory, a20->ram, MEBIBYTE, 0, MIN (MEBIBYTE, region_size (a20->ram)), PRIORITY);
  a20_reset (device);
  address_space_commit (memory);
  return TRUE;
}

static void
a20_unrealize (Device *device)
{
  A20 *a20 = (A20 *)device;

  g_clear_pointer (&a20->mapping, mapping_remove);
  g_clear_pointer (&a20->ram, region_unref);
}

static const DeviceClass a20_class = {
  .name = "a20",
  .instance_size = sizeof (A20),
  .state = a20_state,
  .realize = a20_realize,
  .reset = a20_reset,
  .post_load = a20_post_load,
  .unrealize = a20_unrealize,
};

Device *
a20_new (Vm *vm, Region *low_ram, GError **error)
{
  A20 *a20 = device_new (vm, &a20_class, "a20");

  a20->ram = region_ref (low_ram);
  return chipset_realize (a20, error);
}

IrqLine
a20_line (Device *device)
{
  return IRQ_LINE (a20_set, device, 0);
}

gboolean
a20_is_open (void *device)
{
  return ((A20 *)device)->open != 0;
}

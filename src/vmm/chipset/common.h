/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the devices of this room have in common: a constructor's end and a block of ports.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

static inline Device *
chipset_realize (gpointer instance, GError **error)
{
  Device *device = instance;

  if (device_realize (device, error))
    return device;
  device_free (device);
  return NULL;
}

static inline Mapping *
chipset_map_io (AddressSpace *as, const char *name, uint64_t base, uint64_t size, const IoOps *ops,
                void *opaque)
{
  g_autoptr (Region) region = region_new_io (name, size, ops, opaque);

  return address_space_map (as, region, base, 0, size, 0);
}

G_END_DECLS

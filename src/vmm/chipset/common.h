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

/* To where a register says; at 0 it is nowhere. */
static inline void
chipset_place (Mapping *mapping, uint64_t base, gboolean enabled)
{
  enabled = enabled && base != 0;
  if (enabled && mapping_base (mapping) != base)
    mapping_move (mapping, base);
  if (mapping_enabled (mapping) != enabled)
    mapping_set_enabled (mapping, enabled);
}

G_END_DECLS

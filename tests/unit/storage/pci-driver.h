/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What drivers of disk controllers share, without a processor: a machine of RAM and a PCI bus with one function.  DRIVER_FIELDS is what else a driver
 * keeps of it.
 */
#pragma once

#include "core/vm.h"
#include "pci/pci.h"

#include <string.h>

#define DRIVER_RAM   0x800000u
#define DRIVER_BAR   0xf0000000u
#define DRIVER_DEVFN PCI_DEVFN (3, 0)

typedef struct
{
  Vm *vm;
  PciRoot *root;
  Region *ram;
  Device *device; /* who opens the driver makes it */
  AccessCache cache;
  gboolean level; /* of its interrupt */
#ifdef DRIVER_FIELDS
  DRIVER_FIELDS
#endif
} Driver;

static inline void
driver_on_intx (void *opaque, unsigned wire, gboolean level)
{
  ((Driver *)opaque)->level = level;
}

static inline uint8_t *
driver_ram (Driver *d, uint64_t address)
{
  return region_host (d->ram) + address;
}

static inline void
driver_config (Driver *d, unsigned offset, uint32_t value, unsigned size)
{
  vm_lock (d->vm);
  pci_root_config_write (d->root, 0, DRIVER_DEVFN, offset, value, size);
  vm_unlock (d->vm);
}

/* Takes the machine, which has no function yet.  VM lock held. */
static inline void
driver_begin (Driver *d, Vm *vm)
{
  *d = (Driver){ .vm = vm };
  d->ram = region_new_ram ("ram", DRIVER_RAM, RAM_DEFAULT, NULL);
  vm_add_ram (d->vm, d->ram);
  address_space_map (d->vm->memory, d->ram, 0, 0, DRIVER_RAM, 0);
  d->root = pci_root_new (d->vm, driver_on_intx, NULL, d);
}

static inline void
driver_close (Driver *d)
{
  vm_lock (d->vm);
  while (d->vm->devices->len > 0)
    device_free (d->vm->devices->pdata[d->vm->devices->len - 1]);
  pci_root_free (d->root);
  vm_unlock (d->vm);
  access_cache_clear (&d->cache);
  vm_free (d->vm);
  region_unref (d->ram);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What tests of devices share: port and memory access under the lock, a wire that counts, and the checks that each device
 * must pass: save, load and print round trip, and mutated states.
 */
#pragma once

#include "core/vm.h"

#include <string.h>

typedef struct
{
  gboolean level;
  unsigned rises, falls;
} Wire;

static inline void
wire_set (void *opaque, unsigned n, gboolean level)
{
  Wire *wire = (Wire *)opaque + n;

  if (level && !wire->level)
    wire->rises++;
  if (!level && wire->level)
    wire->falls++;
  wire->level = level;
}

#define WIRE(wire) IRQ_LINE (wire_set, (wire), 0)

static inline uint64_t
load (Vm *vm, AddressSpace *as, uint64_t addr, unsigned size)
{
  AccessCache cache = { 0 };
  uint64_t value;

  vm_lock (vm);
  value = address_space_load (as, &cache, addr, size, TRUE);
  vm_unlock (vm);
  access_cache_clear (&cache);
  return value;
}

static inline void
store (Vm *vm, AddressSpace *as, uint64_t addr, uint64_t value, unsigned size)
{
  AccessCache cache = { 0 };

  vm_lock (vm);
  address_space_store (as, &cache, addr, value, size, TRUE);
  vm_unlock (vm);
  access_cache_clear (&cache);
}

#define ACCESS(in, out, type, size)                              \
  static inline type in (Vm *vm, uint64_t port)                  \
  {                                                              \
    return (type)load (vm, vm->ports, port, size);               \
  }                                                              \
  static inline void out (Vm *vm, uint64_t port, uint64_t value) \
  {                                                              \
    store (vm, vm->ports, port, value, size);                    \
  }
ACCESS (inb, outb, uint8_t, 1)
ACCESS (inw, outw, uint16_t, 2)
ACCESS (inl, outl, uint32_t, 4)

static inline uint64_t
peek (Vm *vm, uint64_t addr, unsigned size)
{
  return load (vm, vm->memory, addr, size);
}

static inline void
poke (Vm *vm, uint64_t addr, uint64_t value, unsigned size)
{
  store (vm, vm->memory, addr, value, size);
}

static inline void
drive (Vm *vm, IrqLine line, gboolean level)
{
  vm_lock (vm);
  irq_set (&line, level);
  vm_unlock (vm);
}

static inline void
reset_device (Vm *vm, Device *device)
{
  vm_lock (vm);
  if (device->klass->reset != NULL)
    device->klass->reset (device);
  vm_unlock (vm);
}

static inline gboolean
load_state (Vm *vm, Device *device, const uint8_t *data, size_t length)
{
  g_autoptr (GError) error = NULL;
  gboolean ok;

  vm_lock (vm);
  ok = state_load (device->klass->state, device, data, length, &error)
       && (device->klass->post_load == NULL || device->klass->post_load (device, &error));
  vm_unlock (vm);
  g_assert_true (ok == (error == NULL));
  return ok;
}

/* Saved, reset, loaded: the state must be what it was. */
static inline void
check_round_trip (Vm *vm, Device *device)
{
  g_autoptr (GByteArray) first = g_byte_array_new (), second = g_byte_array_new ();
  g_autoptr (GString) before = g_string_new (NULL), after = g_string_new (NULL);

  vm_lock (vm);
  state_save (device->klass->state, device, first);
  state_print (device->klass->state, device, "", before);
  vm_unlock (vm);
  reset_device (vm, device);
  g_assert_true (load_state (vm, device, first->data, first->len));
  vm_lock (vm);
  state_save (device->klass->state, device, second);
  state_print (device->klass->state, device, "", after);
  vm_unlock (vm);
  g_assert_cmpstr (before->str, ==, after->str);
  g_assert_cmpmem (first->data, first->len, second->data, second->len);
}

/* States with bytes changed, then accesses to the ports [base, base + n): nothing may break.  Leaves the device reset. */
static inline void
check_hostile (Vm *vm, Device *device, uint64_t base, unsigned n)
{
  g_autoptr (GByteArray) good = g_byte_array_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (4);
  unsigned step;

  vm_lock (vm);
  state_save (device->klass->state, device, good);
  vm_unlock (vm);
  step = MAX (1, good->len / 2000);
  for (unsigned i = 0; i < good->len; i += step)
    {
      g_autofree uint8_t *bad = g_memdup2 (good->data, good->len);

      bad[i] = (uint8_t)g_rand_int (rand);
      if (i % 3 == 0)
        bad[i] = 0xff;
      load_state (vm, device, bad, good->len);
      for (unsigned k = 0; k < 4 && n > 0; k++)
        {
          inb (vm, base + g_rand_int (rand) % n);
          outb (vm, base + g_rand_int (rand) % n, g_rand_int (rand) & 0xff);
        }
      vm_clock_advance (vm->clock, 300000);
    }
  load_state (vm, device, good->data, good->len / 2);
  reset_device (vm, device);
}

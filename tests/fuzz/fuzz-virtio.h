/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of a virtio device that does as it likes: registers of both kinds, rings and descriptors, resets, pauses, saves and loads in between.
 * Input: eight bytes a step, {what, small number, 16 bits, 32 bits}.
 */
#pragma once

#include "fuzz.h"

#include "../unit/virtio/virtio-driver.h"

#include <stdlib.h>

#define PLACES 8

enum
{
  WHAT_REGISTER,
  WHAT_PORT,
  WHAT_CONFIG,
  WHAT_DESCRIBE, /* a descriptor: address by number, length and flags */
  WHAT_BYTES,    /* of a request's header, a ring, an indirect table */
  WHAT_PUT,
  WHAT_RING,
  WHAT_START,
  WHAT_PUMP,
  WHAT_RESET,
  WHAT_PAUSE, /* and save, and load, and go on */
  WHAT_READ,
  N_WHATS,
};

/* Where a driver's addresses lead: memory, its end, a hole, registers, the rings themselves. */
static inline uint64_t
virt_place (unsigned n, unsigned offset)
{
  static const uint64_t places[PLACES] = { 0x100000,   0x110000,     DRIVER_RAM - 16, 0xfee00000,
                                           DRIVER_BAR, DRIVER_QUEUE, 0x130000,        UINT64_MAX - 4095 };

  return places[n % PLACES] + offset;
}

static inline void
virt_pause_and_go_on (Driver *d, Device *device, gboolean load)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;
  gboolean drained = FALSE;

  vm_lock (d->vm);
  device->klass->pause (device);
  vm_unlock (d->vm);
  while (!drained)
    {
      driver_pump ();
      vm_lock (d->vm);
      drained = device->klass->drained == NULL || device->klass->drained (device);
      vm_unlock (d->vm);
    }
  vm_lock (d->vm);
  state_save (device->klass->state, device, state);
  if (load
      && (!state_load (device->klass->state, device, state->data, state->len, &error)
          || !device->klass->post_load (device, &error)))
    g_error ("what was saved does not load: %s", error->message);
  device->klass->resume (device);
  vm_unlock (d->vm);
}

/* The seed, whose steps begin at `offset`, and the same with packed rings. */
static inline void
virt_seed (const uint8_t *data, size_t length, size_t offset)
{
  g_autofree uint8_t *copy = g_memdup2 (data, length);

  fuzz_seed (data, length);
  for (size_t at = offset; at + 8 <= length; at += 8)
    if (copy[at] == WHAT_START)
      copy[at + 1] |= 0x10;
  fuzz_seed (copy, length);
}

static inline void
virt_step (Driver *d, Device *device, uint64_t own_features, unsigned n_queues, FuzzBytes *bytes)
{
  const unsigned what = fuzz_u8 (bytes), small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);
  const uint64_t features[4] = { VIRT_F_VERSION_1, VIRT_F_VERSION_1 | VIRT_F_INDIRECT,
                                 VIRT_F_VERSION_1 | VIRT_F_EVENT_INDEX | VIRT_F_INDIRECT,
                                 VIRT_F_VERSION_1 | VIRT_F_RING_RESET | own_features };
  const unsigned size = 1u << small % 3, queue = small / 4 % n_queues;

  switch (what % N_WHATS)
    {
    case WHAT_REGISTER:
      driver_write (d, middle & 0x3fff & ~(size - 1), value, size);
      break;
    case WHAT_PORT:
      address_space_store (d->vm->ports, &d->ports, DRIVER_IO + (middle & 0x7f & ~(size - 1)), value, size,
                           FALSE);
      break;
    case WHAT_CONFIG:
      driver_config (d, middle & 0xff & ~(size - 1), value, size);
      if (small & 0x80)
        driver_map (d);
      break;
    case WHAT_DESCRIBE:
      driver_describe (d, small & 0x80 ? 0x130000 : driver_queue (queue), middle % DRIVER_SIZE,
                       virt_place (value >> 29, value >> 16 & 0xfff), value & 0xffff, middle >> 8 & 7,
                       middle >> 4 & 15);
      break;
    case WHAT_BYTES:
      memcpy (driver_ram (d, small & 0x80 ? driver_queue (queue) + (middle & 0x3ffc)
                                          : 0x100000 + (middle & 0x1ffc)),
              &value, 4);
      break;
    case WHAT_PUT:
      driver_put (d, queue, middle);
      if (small & 0x80)
        driver_ring (d, queue);
      break;
    case WHAT_RING:
      driver_ring (d, middle % (n_queues + 1));
      break;
    case WHAT_START:
      d->packed = (small & 0x10) != 0;
      driver_start (d, features[small % 4], n_queues);
      break;
    case WHAT_PUMP:
      driver_pump ();
      break;
    case WHAT_RESET:
      vm_lock (d->vm);
      device->klass->reset (device);
      vm_unlock (d->vm);
      driver_map (d);
      break;
    case WHAT_PAUSE:
      virt_pause_and_go_on (d, device, small & 1);
      break;
    default:
      driver_read (d, middle & 0x3fff & ~(size - 1), size);
      address_space_load (d->vm->ports, &d->ports, DRIVER_IO + (middle & 0x7f & ~(size - 1)), size, FALSE);
      driver_config_read (d, middle & 0xff & ~(size - 1), size);
      break;
    }
}

/* For seeds. */
#define STEP(what, small, middle, value)                                                              \
  what, small, (middle)&0xff, (middle) >> 8, (value)&0xff, (value) >> 8 & 0xff, (value) >> 16 & 0xff, \
      (uint8_t)((value) >> 24)
#define DESCRIBE(i, where, offset, length, flags, next)     \
  STEP (WHAT_DESCRIBE, 0, (i) | (flags) << 8 | (next) << 4, \
        (uint32_t)(where) << 29 | (offset) << 16 | (length))

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What no driver would do, on each queue of a device: chains and rings that make no sense, resets and saves at any time.
 */
#pragma once

#include "virtio-driver.h"

typedef struct
{
  Device *(*make) (Driver *d, GError **error); /* at DRIVER_DEVFN; VM lock held */
  unsigned n_queues;
  uint64_t features;         /* that the driver takes */
  void (*close) (Driver *d); /* NULL: driver_close() */
} Hostile;

#define HOSTILE_FREE 0x100000u /* memory that is nothing in particular */
#define HOSTILE_HOLE 0xfee00000u

static inline Device *
hostile_open (Driver *d, const Hostile *hostile)
{
  g_autoptr (GError) error = NULL;
  Device *device;

  driver_open (d);
  vm_lock (d->vm);
  device = hostile->make (d, &error);
  g_assert_no_error (error);
  device->klass->reset (device);
  vm_unlock (d->vm);
  driver_map (d);
  return device;
}

static inline void
hostile_close (Driver *d, const Hostile *hostile)
{
  if (hostile->close != NULL)
    hostile->close (d);
  else
    driver_close (d);
}

/* Everything that is in a ring is done, or waits for what the device has yet to say. */
static inline void
hostile_settle (Driver *d)
{
  for (unsigned i = 0; i < 8; i++)
    driver_pump ();
}

static inline void
hostile_save (Driver *d, Device *device)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  vm_lock (d->vm);
  device->klass->pause (device);
  g_assert_true (device->klass->drained == NULL || device->klass->drained (device));
  state_save (device->klass->state, device, state);
  device->klass->reset (device);
  g_assert_true (state_load (device->klass->state, device, state->data, state->len, &error));
  g_assert_no_error (error);
  g_assert_true (device->klass->post_load (device, &error));
  g_assert_no_error (error);
  device->klass->resume (device);
  vm_unlock (d->vm);
}

static inline void
hostile_chains (const Hostile *hostile)
{
  static const struct
  {
    uint64_t address;
    uint32_t length;
    unsigned flags, next, head;
  } wrongs[] = {
    { HOSTILE_FREE, 16, DESC_NEXT, 0, 0 },           /* a loop */
    { HOSTILE_FREE, 16, DESC_NEXT, DRIVER_SIZE, 0 }, /* beyond the table */
    { HOSTILE_FREE, 16, 0, 0, DRIVER_SIZE },         /* so is its head */
    { HOSTILE_FREE, 16, 0, 0, 0xffff },              /* */
    { HOSTILE_HOLE, 16, 0, 0, 0 },                   /* no memory */
    { HOSTILE_HOLE, 16, DESC_WRITE, 0, 0 },          /* */
    { DRIVER_BAR, 16, DESC_WRITE, 0, 0 },            /* its own registers */
    { DRIVER_RAM - 8, 16, DESC_WRITE, 0, 0 },        /* over the end of memory */
    { HOSTILE_FREE, UINT32_MAX, 0, 0, 0 },           /* */
    { UINT64_MAX - 7, 16, DESC_WRITE, 0, 0 },        /* over the end of addresses */
    { HOSTILE_FREE, 16, DESC_INDIRECT, 0, 0 },       /* unasked */
    { HOSTILE_FREE, 0, 0, 0, 0 },                    /* nothing */
    { HOSTILE_FREE, 0, DESC_WRITE, 0, 0 },           /* */
    { HOSTILE_FREE, 1, 0, 0, 0 },                    /* less than it needs */
    { HOSTILE_FREE, 7, DESC_WRITE, 0, 0 },           /* */
    { HOSTILE_FREE, 0x200001, 0, 0, 0 },             /* more */
    { HOSTILE_FREE, 0x200001, DESC_WRITE, 0, 0 },    /* */
    { DRIVER_QUEUE, 0x4000, DESC_WRITE, 0, 0 },      /* its own ring */
  };

  for (unsigned n = 0; n < hostile->n_queues; n++)
    for (unsigned i = 0; i < G_N_ELEMENTS (wrongs); i++)
      {
        Driver d;
        Device *device = hostile_open (&d, hostile);

        driver_start (&d, VIRT_F_VERSION_1 | hostile->features, hostile->n_queues);
        driver_describe (&d, driver_queue (n), 0, wrongs[i].address, wrongs[i].length, wrongs[i].flags,
                         wrongs[i].next);
        driver_put (&d, n, wrongs[i].head);
        driver_ring (&d, n);
        hostile_settle (&d);
        hostile_save (&d, device);
        hostile_settle (&d);
        /* A reset, and it is as new. */
        driver_start (&d, VIRT_F_VERSION_1 | hostile->features, hostile->n_queues);
        g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
        hostile_close (&d, hostile);
      }
}

/* The rings themselves where there is no memory, or in registers. */
static inline void
hostile_rings (const Hostile *hostile)
{
  static const uint64_t places[]
      = { HOSTILE_HOLE, DRIVER_BAR, DRIVER_RAM - 2, UINT64_MAX - 1, 0xfffffffffffff000ull };

  for (unsigned n = 0; n < hostile->n_queues; n++)
    for (unsigned part = 0; part < 3; part++)
      for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
        {
          Driver d;

          hostile_open (&d, hostile);
          driver_features (&d, VIRT_F_VERSION_1 | VIRT_F_EVENT_INDEX | hostile->features);
          driver_write (&d, DRIVER_SELECT, n, 2);
          driver_write (&d, DRIVER_QUEUE_SIZE, DRIVER_SIZE, 2);
          for (unsigned j = 0; j < 3; j++)
            {
              static const unsigned packed[3] = { DRIVER_RING, DRIVER_WANTS, DRIVER_BELLS };
              const uint64_t address
                  = j == part ? places[i] : driver_queue (n) + (d.packed ? packed[j] : 0x1000 * j);

              driver_write (&d, DRIVER_ADDRESSES + 8 * j, (uint32_t)address, 4);
              driver_write (&d, DRIVER_ADDRESSES + 8 * j + 4, (uint32_t)(address >> 32), 4);
            }
          driver_write (&d, DRIVER_ENABLE, 1, 2);
          driver_write (&d, DRIVER_STATUS, 15, 1);
          driver_describe (&d, driver_queue (n), 0, HOSTILE_FREE, 64, DESC_WRITE, 0);
          driver_put (&d, n, 0);
          driver_ring (&d, n);
          hostile_settle (&d);
          hostile_close (&d, hostile);
        }
}

/* The ring's parts over one another, and sizes that no queue has. */
static inline void
hostile_shapes (const Hostile *hostile)
{
  static const unsigned sizes[] = { 0, 3, DRIVER_SIZE + 1, 0x8000, 0xffff };

  for (unsigned n = 0; n < hostile->n_queues; n++)
    for (unsigned shift = 0; shift <= 4; shift += 2)
      {
        Driver d;
        Device *device = hostile_open (&d, hostile);

        driver_features (&d, VIRT_F_VERSION_1 | hostile->features);
        driver_start_queue (&d, n);
        driver_write (&d, DRIVER_STATUS, 0, 1);
        driver_features (&d, VIRT_F_VERSION_1 | hostile->features);
        driver_write (&d, DRIVER_SELECT, n, 2);
        for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
          {
            const uint64_t before = driver_read (&d, DRIVER_QUEUE_SIZE, 2);

            driver_write (&d, DRIVER_QUEUE_SIZE, sizes[i], 2);
            g_assert_cmpuint (driver_read (&d, DRIVER_QUEUE_SIZE, 2), ==, before);
          }
        driver_write (&d, DRIVER_QUEUE_SIZE, DRIVER_SIZE, 2);
        for (unsigned j = 0; j < 3; j++)
          {
            driver_write (&d, DRIVER_ADDRESSES + 8 * j, driver_queue (n) + shift * j, 4);
            driver_write (&d, DRIVER_ADDRESSES + 8 * j + 4, 0, 4);
          }
        driver_write (&d, DRIVER_ENABLE, 1, 2);
        driver_write (&d, DRIVER_STATUS, 15, 1);
        for (unsigned i = 0; i < 8; i++)
          {
            /* Each word is a descriptor, an index and what the device has written there. */
            driver_describe (&d, driver_queue (n), i, driver_queue (n), 0x40, i % 2 == 0 ? DESC_WRITE : 0, 0);
            memset (driver_ram (&d, driver_queue (n) + 2), (int)i, 4);
            driver_ring (&d, n);
            hostile_settle (&d);
          }
        hostile_save (&d, device);
        driver_start (&d, VIRT_F_VERSION_1 | hostile->features, hostile->n_queues);
        g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
        hostile_close (&d, hostile);
      }
}

/* Accesses of each width at each place of the BAR that something begins or ends at, with queues selected that there are and aren't. */
static inline void
hostile_widths (const Hostile *hostile)
{
  static const unsigned parts[] = { 0, DRIVER_ISR, DRIVER_CONFIG, DRIVER_NOTIFY, 0x4000 };
  static const uint64_t values[] = { 0, UINT64_MAX, 0x0123456789abcdefull };
  Driver d;
  Device *device = hostile_open (&d, hostile);

  driver_start (&d, VIRT_F_VERSION_1 | hostile->features, hostile->n_queues);
  for (unsigned part = 0; part < G_N_ELEMENTS (parts); part++)
    for (int at = -8; at < 0x90; at++)
      for (unsigned size = 1; size <= 8; size *= 2)
        {
          const unsigned offset = parts[part] + (unsigned)at;

          if ((int)parts[part] + at < 0 || offset + size > 0x4000)
            continue;
          driver_read (&d, offset, size);
          for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
            driver_write (&d, offset, values[i], size);
          driver_read (&d, offset, size);
        }
  hostile_settle (&d);
  hostile_save (&d, device);
  driver_start (&d, VIRT_F_VERSION_1 | hostile->features, hostile->n_queues);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
  hostile_close (&d, hostile);
}

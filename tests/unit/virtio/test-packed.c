/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Packed rings: what the other tests, which run with them, too, don't do: events, ids, chains that end nowhere, states that can't be.
 */
#include "virtio-hostile.h"

#include "virtio/rng.h"

#define BUFFER 0x100000u

static Driver d;
static Device *device;

static Device *
make (Driver *driver, GError **error)
{
  return virt_rng_new (driver->vm, "rng0", pci_root_bus (driver->root), DRIVER_DEVFN, 0, error);
}

static const Hostile hostile = { make, 1, 0 };

static void
begin (uint64_t features)
{
  device = hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1 | features, 1);
}

static void
ask (unsigned id)
{
  driver_describe (&d, driver_queue (0), id, BUFFER, 64, DESC_WRITE, 0);
  driver_put (&d, 0, id);
  driver_ring (&d, 0);
  driver_pump ();
}

static void
set_events (unsigned at, gboolean wrap, unsigned how)
{
  const uint16_t both[2] = { (uint16_t)(at | (wrap ? 0x8000u : 0)), (uint16_t)how };

  memcpy (driver_ram (&d, driver_queue (0) + DRIVER_WANTS), both, sizeof both);
}

/* Whether it has interrupted since. */
static gboolean
told (void)
{
  return driver_read (&d, DRIVER_ISR, 1) != 0;
}

static void
test_around (void)
{
  begin (0);
  for (unsigned i = 0; i < 5 * DRIVER_SIZE; i++)
    {
      ask (i % 3);
      g_assert_cmpuint (driver_used (&d, 0), ==, i + 1);
      g_assert_cmpuint (driver_used_head (&d, 0, i), ==, i % 3);
      g_assert_cmpuint (driver_used_length (&d, 0, i), ==, 64);
      if (i % 7 == 0)
        hostile_save (&d, device);
    }
  /* Chains of several, over the ring's end. */
  for (unsigned i = 0; i < 20; i++)
    {
      for (unsigned k = 0; k < 5; k++)
        driver_describe (&d, driver_queue (0), k, BUFFER + 16 * k, 16, DESC_WRITE | (k < 4 ? DESC_NEXT : 0),
                         k + 1);
      driver_put (&d, 0, 0);
      driver_ring (&d, 0);
      driver_pump ();
      g_assert_cmpuint (driver_used_length (&d, 0, 5 * DRIVER_SIZE + i), ==, 80);
    }
  driver_close (&d);
}

static void
test_events (void)
{
  begin (0);
  told ();
  ask (0);
  g_assert_true (told ());
  set_events (0, FALSE, 1);
  ask (0);
  g_assert_false (told ());
  driver_close (&d);
  /* At a place in the ring, and the device's wish for a bell moves on with it. */
  begin (VIRT_F_EVENT_INDEX);
  ask (0);
  told ();
  set_events (3, TRUE, 2);
  for (unsigned i = 1; i < 6; i++)
    {
      uint16_t bell[2];

      ask (0);
      g_assert_cmpint (told (), ==, i == 3);
      memcpy (bell, driver_ram (&d, driver_queue (0) + DRIVER_BELLS), sizeof bell);
      g_assert_cmphex (bell[0], ==, 0x8000u | (i + 1));
      g_assert_cmphex (bell[1], ==, 2);
    }
  /* In the next round. */
  for (unsigned i = 6; i < DRIVER_SIZE; i++)
    ask (0);
  told ();
  set_events (2, FALSE, 2);
  ask (0);
  told (); /* behind the ring's end there may be one too many */
  ask (0);
  g_assert_false (told ());
  ask (0);
  g_assert_true (told ());
  driver_close (&d);
}

static uint8_t *
entry (unsigned i)
{
  return driver_ram (&d, driver_queue (0) + DRIVER_RING + 16 * i);
}

static void
put_raw (unsigned at, unsigned id, unsigned flags)
{
  const uint64_t address = BUFFER;
  const uint32_t length = 16;
  const uint16_t both[2] = { (uint16_t)id, (uint16_t)(flags | DESC_WRITE | 1u << 7) };

  memcpy (entry (at), &address, 8);
  memcpy (entry (at) + 8, &length, 4);
  memcpy (entry (at) + 12, both, 4);
}

static void
assert_broken (void)
{
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1) & 64, ==, 64);
  driver_close (&d);
}

static void
test_wrong (void)
{
  /* An id that is none, a chain that goes on and on, one that goes on where nothing is. */
  begin (0);
  put_raw (0, DRIVER_SIZE, 0);
  assert_broken ();
  begin (0);
  put_raw (0, 0xffff, 0);
  assert_broken ();
  begin (0);
  for (unsigned i = 0; i < DRIVER_SIZE; i++)
    put_raw (i, 0, DESC_NEXT);
  assert_broken ();
  begin (0);
  put_raw (0, 0, DESC_NEXT);
  assert_broken ();
  /* What the device has used is not to be had again. */
  begin (0);
  put_raw (0, 0, 0);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmphex (entry (0)[15] & 0x80, ==, 0x80);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
  driver_close (&d);
}

/* Lists of kept descriptors that go in circles, that two chains share, that lead out: such a state is none. */
static void
test_states (void)
{
  VirtQueue *queue;

  begin (0);
  queue = &((VirtDevice *)device)->queues[0];
  vm_lock (d.vm);
  g_assert_true (virt_queue_valid (queue));
  queue->first[3] = 5;
  g_assert_true (virt_queue_valid (queue));
  memset (queue->kept, 0xff, sizeof queue->kept);
  g_assert_false (virt_queue_valid (queue));
  memset (queue->kept, 0, sizeof queue->kept);
  queue->kept[16 * 4 + 12] = 1;
  queue->kept[16 * 4 + 14] = 4;
  g_assert_false (virt_queue_valid (queue));
  queue->kept[16 * 4 + 14] = 6;
  g_assert_true (virt_queue_valid (queue));
  queue->first[4] = 7;
  g_assert_false (virt_queue_valid (queue));
  queue->first[4] = 0;
  queue->first[VIRT_QUEUE_MAX - 1] = 1;
  g_assert_false (virt_queue_valid (queue));
  queue->first[VIRT_QUEUE_MAX - 1] = 0;
  queue->next_used = DRIVER_SIZE;
  g_assert_false (virt_queue_valid (queue));
  queue->next_used = 0;
  vm_unlock (d.vm);
  driver_close (&d);
}

int
main (int argc, char **argv)
{
  g_setenv ("VIRTIO_LAYOUT", "packed", TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-packed/around", test_around);
  g_test_add_func ("/virtio-packed/events", test_events);
  g_test_add_func ("/virtio-packed/wrong", test_wrong);
  g_test_add_func ("/virtio-packed/states", test_states);
  return g_test_run ();
}

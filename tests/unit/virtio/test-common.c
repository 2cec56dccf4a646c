/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What all virtio devices have in common (virtio/virtio.c), with the smallest of them: what a driver hears late, queues that are on already, power states.
 */
#include "virtio-hostile.h"

#include "virtio/rng.h"

#define BUFFER      0x100000u
#define NEEDS_RESET 64
#define CAP_PM      1u

static Driver d;
static Device *device;

static Device *
make (Driver *driver, GError **error)
{
  return virt_rng_new (driver->vm, "rng0", pci_root_bus (driver->root), DRIVER_DEVFN, 0, error);
}

static const Hostile hostile = { make, 1, 0 };

static void
begin (void)
{
  device = hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 1);
}

static void
ask (void)
{
  const unsigned before = driver_used (&d, 0);

  driver_describe (&d, driver_queue (0), 0, BUFFER, 64, DESC_WRITE, 0);
  driver_put (&d, 0, 0);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, (uint16_t)(before + 1));
}

/* A chain that goes in a circle was found, and nobody was told yet. */
static void
break_queue (void)
{
  driver_describe (&d, driver_queue (0), 0, BUFFER, 64, DESC_NEXT | DESC_WRITE, 0);
  driver_put (&d, 0, 0);
  driver_ring (&d, 0);
  while (((VirtDevice *)device)->failing == NULL)
    g_main_context_iteration (NULL, TRUE);
}

/* A driver that begins anew hears nothing of what the one before it did. */
static void
test_told_late (void)
{
  begin ();
  break_queue ();
  driver_write (&d, DRIVER_STATUS, 0, 1);
  driver_pump ();
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 0);
  driver_start (&d, VIRT_F_VERSION_1, 1);
  ask ();
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
  driver_close (&d);
}

/* One that was saved before it was told hears it behind the load. */
static void
test_told_after_load (void)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  begin ();
  break_queue ();
  vm_lock (d.vm);
  device->klass->pause (device);
  state_save (device->klass->state, device, state);
  device->klass->reset (device);
  vm_unlock (d.vm);
  driver_pump ();
  vm_lock (d.vm);
  g_assert_true (state_load (device->klass->state, device, state->data, state->len, &error));
  g_assert_true (device->klass->post_load (device, &error));
  device->klass->resume (device);
  vm_unlock (d.vm);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
  driver_pump ();
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15 | NEEDS_RESET);
  driver_close (&d);
}

/* A queue that is on takes no other layout, nor begins anew. */
static void
test_on_already (void)
{
  device = hostile_open (&d, &hostile);
  if (d.packed)
    {
      g_test_skip ("it is about a split queue that is to become packed");
      driver_close (&d);
      return;
    }
  virt_offer_packed ((VirtDevice *)device);
  driver_write (&d, DRIVER_STATUS, 3, 1);
  driver_start_queue (&d, 0);
  driver_write (&d, DRIVER_STATUS, 7, 1);
  ask ();
  ask ();
  driver_write (&d, DRIVER_FEATURES_SELECT, 1, 4);
  driver_write (&d, DRIVER_FEATURES, (uint32_t)((VIRT_F_RING_PACKED | VIRT_F_VERSION_1) >> 32), 4);
  driver_write (&d, DRIVER_ENABLE, 1, 2);
  g_assert_false (((VirtDevice *)device)->queues[0].packed);
  ask ();
  hostile_save (&d, device);
  driver_close (&d);
}

static unsigned
find_capability (unsigned id)
{
  unsigned at = driver_config_read (&d, PCI_CAPABILITY_LIST, 1);

  while (at != 0 && driver_config_read (&d, at, 1) != id)
    at = driver_config_read (&d, at + 1, 1);
  return at;
}

/* D3hot: no registers, no memory, no interrupt; and in D0 again it is as it was.  PCI Bus Power Management Interface Specification 1.2, 5.4. */
static void
test_sleeps (void)
{
  begin ();
  const unsigned control = find_capability (CAP_PM) + 4;

  g_assert_cmpuint (control, >, 4);
  g_assert_cmphex (driver_config_read (&d, control, 2) & 0xb, ==,
                   8); /* D0; it is not reset on its way back */
  ask ();
  const unsigned before = driver_used (&d, 0);
  driver_config (&d, control, 3, 2);
  g_assert_cmphex (driver_config_read (&d, control, 2) & 3, ==, 3);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 0xff);
  driver_write (&d, DRIVER_STATUS, 0, 1);
  driver_describe (&d, driver_queue (0), 1, BUFFER, 64, DESC_WRITE, 0);
  driver_put (&d, 0, 1);
  virt_ring ((VirtDevice *)device, 0);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, before);
  /* It sleeps on when it is saved and loaded. */
  hostile_save (&d, device);
  g_assert_cmphex (driver_config_read (&d, control, 2) & 3, ==, 3);
  g_assert_cmpuint (driver_used (&d, 0), ==, before);
  driver_config (&d, control, 0, 2);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 15);
  /* What was asked for meanwhile comes without another bell. */
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, (uint16_t)(before + 1));
  ask ();
  driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
  driver_put (&d, 0, 1);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, (uint16_t)(before + 2));
  driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, (uint16_t)(before + 3));
  /* A reset wakes it, too. */
  driver_config (&d, control, 3, 2);
  vm_lock (d.vm);
  device->klass->reset (device);
  vm_unlock (d.vm);
  g_assert_cmphex (driver_config_read (&d, control, 2) & 3, ==, 0);
  driver_close (&d);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-common/told-late", test_told_late);
  g_test_add_func ("/virtio-common/told-after-load", test_told_after_load);
  g_test_add_func ("/virtio-common/on-already", test_on_already);
  g_test_add_func ("/virtio-common/sleeps", test_sleeps);
  return g_test_run ();
}

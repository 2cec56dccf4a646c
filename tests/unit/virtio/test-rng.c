/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Random bytes on virtio.
 */
#include "virtio-hostile.h"

#include "virtio/rng.h"

#define BUFFER 0x100000u
#define SIZE   256u

static uint64_t rate;

static Device *
make (Driver *d, GError **error)
{
  return virt_rng_new (d->vm, "rng0", pci_root_bus (d->root), DRIVER_DEVFN, rate, error);
}

static const Hostile hostile = { make, 1, 0 };

static void
ask (Driver *d, uint32_t length)
{
  driver_describe (d, driver_queue (0), 0, BUFFER, length, DESC_WRITE, 0);
  driver_put (d, 0, 0);
  driver_ring (d, 0);
  driver_pump ();
}

static void
test_bytes (void)
{
  Driver d;
  unsigned n = 0;
  uint8_t first[SIZE];

  hostile_open (&d, &hostile);
  g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x10051af4);
  driver_start (&d, VIRT_F_VERSION_1, 1);
  ask (&d, SIZE);
  g_assert_cmpuint (driver_used (&d, 0), ==, 1);
  g_assert_cmpuint (driver_used_length (&d, 0, 0), ==, SIZE);
  memcpy (first, driver_ram (&d, BUFFER), SIZE);
  ask (&d, SIZE);
  for (unsigned i = 0; i < SIZE; i++)
    n += first[i] != *driver_ram (&d, BUFFER + i);
  g_assert_cmpuint (n, >, SIZE / 2);
  /* Not behind its end. */
  g_assert_cmpuint (*driver_ram (&d, BUFFER + SIZE), ==, 0);
  /* What is too much for once is less. */
  ask (&d, 0x200000);
  g_assert_cmpuint (driver_used_length (&d, 0, 2), ==, 0x10000);
  /* What can't be written to gets nothing. */
  driver_describe (&d, driver_queue (0), 0, BUFFER, 16, 0, 0);
  driver_put (&d, 0, 0);
  driver_ring (&d, 0);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, 4);
  g_assert_cmpuint (driver_used_length (&d, 0, 3), ==, 0);
  driver_close (&d);
}

/* 2560 a second are 256 a tenth. */
static void
test_rate (void)
{
  Driver d;

  rate = 2560;
  hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 1);
  ask (&d, 200);
  ask (&d, 200);
  ask (&d, 200);
  g_assert_cmpuint (driver_used (&d, 0), ==, 2);
  g_assert_cmpuint (driver_used_length (&d, 0, 0), ==, 200);
  g_assert_cmpuint (driver_used_length (&d, 0, 1), ==, 56);
  vm_clock_advance (d.vm->clock, NS_PER_SECOND / 10);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 0), ==, 3);
  g_assert_cmpuint (driver_used_length (&d, 0, 2), ==, 200);
  /* Without work there is no timer. */
  vm_clock_advance (d.vm->clock, NS_PER_SECOND / 10);
  vm_clock_advance (d.vm->clock, NS_PER_SECOND / 10);
  ask (&d, 500);
  g_assert_cmpuint (driver_used_length (&d, 0, 3), ==, 256);
  driver_close (&d);
  rate = 0;
}

/* A driver that asked for what it wasn't offered is refused, and so it stays in a machine that is saved just then. */
static void
test_refused (void)
{
  Driver d;
  Device *device = hostile_open (&d, &hostile);

  driver_features (&d, VIRT_F_VERSION_1 | VIRT_FEATURE (60));
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 3);
  hostile_save (&d, device);
  g_assert_cmphex (driver_read (&d, DRIVER_STATUS, 1), ==, 3);
  driver_close (&d);
}

static void
test_hostile (void)
{
  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
}

/* -- A device whose driver puts another chain there before the last is given back --------------------- */

typedef struct
{
  VirtDevice virt;
  Driver *d;
  VirtChain chain;
  unsigned n_runs;
} Flooded;

static VirtChain *
flooded_room (VirtDevice *virt, unsigned n)
{
  return &((Flooded *)virt)->chain;
}

static void
flooded_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  virt_chain_clear (chain);
}

static void
flooded_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  Flooded *flooded = (Flooded *)virt;

  /* Without end, if nobody ends it. */
  g_assert_cmpuint (++flooded->n_runs, <, 100000);
  driver_put (flooded->d, 0, 1 - chain->head);
  virt_give (virt, n, chain, 0);
}

static gboolean
flooded_realize (Device *device, GError **error)
{
  static const VirtClass flooded_class
      = { .type = 99, .queue_size = 64, .room = flooded_room, .run = flooded_run, .unused = flooded_unused };

  virt_chain_init (&((Flooded *)device)->chain);
  return virt_device_realize ((VirtDevice *)device, &flooded_class, 1, 0, error);
}

static void
flooded_unrealize (Device *device)
{
  virt_device_unrealize ((VirtDevice *)device);
  virt_chain_free (&((Flooded *)device)->chain);
}

static Device *
make_flooded (Driver *d, GError **error)
{
  static const StateField no_state[] = { STATE_END };
  static const DeviceClass flooded_device_class = { .name = "flooded",
                                                    .instance_size = sizeof (Flooded),
                                                    .state = no_state,
                                                    .realize = flooded_realize,
                                                    .reset = virt_plain_reset,
                                                    .unrealize = flooded_unrealize };
  Flooded *flooded = device_new (d->vm, &flooded_device_class, "flooded");

  flooded->d = d;
  flooded->virt.pci.bus = pci_root_bus (d->root);
  flooded->virt.pci.devfn = DRIVER_DEVFN;
  return device_realize (&flooded->virt.pci.device, error) ? &flooded->virt.pci.device : NULL;
}

/* The loop has other work, too: each turn takes so many, and the next one goes on. */
static void
test_flood (void)
{
  const Hostile flooded = { make_flooded, 1, 0, NULL };
  Driver d;
  Device *device = hostile_open (&d, &flooded);
  unsigned before;

  driver_start (&d, VIRT_F_VERSION_1, 1);
  for (unsigned i = 0; i < 2; i++)
    driver_describe (&d, driver_queue (0), i, BUFFER, 8, DESC_WRITE, 0);
  driver_put (&d, 0, 0);
  driver_ring (&d, 0);
  for (unsigned turn = 0; turn < 4; turn++)
    {
      before = ((Flooded *)device)->n_runs;
      g_main_context_iteration (NULL, TRUE);
      g_assert_cmpuint (((Flooded *)device)->n_runs, >, before);
      g_assert_cmpuint (((Flooded *)device)->n_runs, <=, before + 128);
    }
  driver_write (&d, DRIVER_STATUS, 0, 1);
  driver_pump ();
  driver_close (&d);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-rng/bytes", test_bytes);
  g_test_add_func ("/virtio-rng/rate", test_rate);
  g_test_add_func ("/virtio-rng/refused", test_refused);
  g_test_add_func ("/virtio-rng/hostile", test_hostile);
  g_test_add_func ("/virtio-rng/flood", test_flood);
  return g_test_run ();
}

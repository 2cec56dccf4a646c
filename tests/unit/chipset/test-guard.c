/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Watchdog and pvpanic: stages and their lengths, keys, locks, what is done at the end; saved in the middle; hostile drivers.
 */
#include "chipset/i6300esb.h"
#include "chipset/pvpanic.h"
#include "pci/pci.h"

#include <string.h>

#define BASE  0xe0000000u
#define DEVFN PCI_DEVFN (3, 0)

typedef struct
{
  Vm *vm;
  PciRoot *root;
  Device *watchdog, *pvpanic;
  AccessCache memory, ports;
  GString *events;
} Fixture;

static void
on_event (void *opaque, const char *sentence)
{
  g_string_append_printf (((Fixture *)opaque)->events, "%s\n", sentence);
}

static void
on_intx (void *opaque, unsigned wire, gboolean level)
{
}

static void
config (Fixture *f, unsigned offset, unsigned size, uint32_t value)
{
  vm_lock (f->vm);
  pci_root_config_write (f->root, 0, DEVFN, offset, value, size);
  vm_unlock (f->vm);
}

static uint32_t
config_read (Fixture *f, unsigned offset, unsigned size)
{
  uint32_t value;

  vm_lock (f->vm);
  value = pci_root_config_read (f->root, 0, DEVFN, offset, size);
  vm_unlock (f->vm);
  return value;
}

static void
put (Fixture *f, unsigned at, unsigned size, uint32_t value)
{
  address_space_store (f->vm->memory, &f->memory, BASE + at, value, size, FALSE);
}

static uint32_t
get (Fixture *f, unsigned at, unsigned size)
{
  return (uint32_t)address_space_load (f->vm->memory, &f->memory, BASE + at, size, FALSE);
}

static void
unlocked (Fixture *f, unsigned at, unsigned size, uint32_t value)
{
  put (f, 0x0c, 2, 0x80);
  put (f, 0x0c, 2, 0x86);
  put (f, at, size, value);
}

static void
advance (Fixture *f, int64_t ms)
{
  vm_clock_advance (f->vm->clock, ms * 1000000);
}

static void
map (Fixture *f)
{
  config (f, PCI_BAR0, 4, BASE);
  config (f, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->vm = vm_new (NULL, TRUE);
  f->events = g_string_new (NULL);
  vm_lock (f->vm);
  f->root = pci_root_new (f->vm, on_intx, NULL, f);
  f->watchdog = i6300esb_new (f->vm, "watchdog0", pci_root_bus (f->root), DEVFN, GUEST_ACTION_PAUSE, on_event,
                              f, NULL);
  f->pvpanic = pvpanic_new (f->vm, "panic0", GUEST_ACTION_PAUSE, on_event, f, NULL);
  vm_unlock (f->vm);
  vm_start (f->vm, FALSE);
  map (f);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  access_cache_clear (&f->memory);
  access_cache_clear (&f->ports);
  vm_lock (f->vm);
  device_free (f->watchdog);
  device_free (f->pvpanic);
  pci_root_free (f->root);
  vm_unlock (f->vm);
  vm_free (f->vm);
  g_string_free (f->events, TRUE);
}

static void
turn (Fixture *f)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* Each stage a second: as a driver sets it, without an interrupt. */
static void
begin (Fixture *f)
{
  config (f, 0x60, 2, 3);
  unlocked (f, 0, 4, 1007);
  unlocked (f, 4, 4, 1007);
  config (f, 0x68, 1, 2);
}

static void
test_watchdog (Fixture *f, gconstpointer data)
{
  begin (f);
  /* Fed, it is quiet. */
  for (unsigned i = 0; i < 20; i++)
    {
      advance (f, 1500);
      unlocked (f, 0x0c, 2, 0x100);
    }
  g_assert_cmpstr (f->events->str, ==, "");
  g_assert_cmphex (get (f, 0x0c, 2), ==, 0);
  /* Two stages of a second each (1008 times 2 to the 15th ticks of 33 MHz are 1001 ms). */
  advance (f, 2000);
  g_assert_cmpstr (f->events->str, ==, "");
  advance (f, 4);
  g_assert_nonnull (strstr (f->events->str, "run out"));
  g_assert_cmphex (get (f, 0x0c, 2), ==, 0x200);
  turn (f);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_PAUSED);
  /* A reset leaves the bit for who asks why, and that one clears it. */
  vm_reset (f->vm);
  map (f);
  g_assert_cmphex (get (f, 0x0c, 2), ==, 0x200);
  unlocked (f, 0x0c, 2, 0x200);
  g_assert_cmphex (get (f, 0x0c, 2), ==, 0);
}

static void
test_keys (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (get (f, 0, 4), ==, 0xfffff);
  put (f, 0, 4, 5);
  g_assert_cmphex (get (f, 0, 4), ==, 0xfffff);
  put (f, 0x0c, 2, 0x86);
  put (f, 0x0c, 2, 0x80);
  put (f, 0, 4, 5);
  g_assert_cmphex (get (f, 0, 4), ==, 0xfffff);
  unlocked (f, 0, 4, 0xfff00005);
  g_assert_cmphex (get (f, 0, 4), ==, 5);
  put (f, 0, 4, 6); /* the keys are for one write */
  g_assert_cmphex (get (f, 0, 4), ==, 5);
}

static void
test_lock (Fixture *f, gconstpointer data)
{
  begin (f);
  config (f, 0x68, 1, 0);
  advance (f, 10000);
  g_assert_cmpstr (f->events->str, ==, "");
  config (f, 0x68, 1, 3);
  config (f, 0x68, 1, 0);
  g_assert_cmphex (config_read (f, 0x68, 1), ==, 3);
  advance (f, 10000);
  g_assert_nonnull (strstr (f->events->str, "run out"));
  vm_reset (f->vm);
  g_assert_cmphex (config_read (f, 0x68, 1), ==, 0);
}

static void
test_interrupt (Fixture *f, gconstpointer data)
{
  begin (f);
  config (f, 0x60, 2, 0x20); /* an interrupt, and no effect at the end */
  advance (f, 1500);
  g_assert_cmphex (get (f, 8, 4), ==, 1);
  put (f, 8, 4, 1);
  g_assert_cmphex (get (f, 8, 4), ==, 0);
  advance (f, 1000);
  g_assert_cmpstr (f->events->str, ==, "");
  g_assert_cmphex (get (f, 0x0c, 2), ==, 0x200);
}

static void
test_pvpanic (Fixture *f, gconstpointer data)
{
  g_assert_cmphex (address_space_load (f->vm->ports, &f->ports, PVPANIC_PORT, 1, FALSE), ==, 3);
  address_space_store (f->vm->ports, &f->ports, PVPANIC_PORT, 0xf8, 1, FALSE);
  g_assert_cmpstr (f->events->str, ==, "");
  address_space_store (f->vm->ports, &f->ports, PVPANIC_PORT, 2, 1, FALSE);
  g_assert_nonnull (strstr (f->events->str, "crash kernel"));
  turn (f);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_RUNNING);
  for (unsigned i = 0; i < 100; i++)
    address_space_store (f->vm->ports, &f->ports, PVPANIC_PORT, 1, 1, FALSE);
  turn (f);
  g_assert_cmpint (vm_state (f->vm), ==, VM_STATE_PAUSED);
  g_assert_cmpuint (f->events->len, <, 200);
}

static void
test_saved (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) state = g_byte_array_new (), again = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  begin (f);
  advance (f, 1500);
  vm_lock (f->vm);
  state_save (f->watchdog->klass->state, f->watchdog, state);
  f->watchdog->klass->reset (f->watchdog);
  g_assert_true (state_load (f->watchdog->klass->state, f->watchdog, state->data, state->len, &error));
  g_assert_true (f->watchdog->klass->post_load (f->watchdog, &error));
  state_save (f->watchdog->klass->state, f->watchdog, again);
  vm_unlock (f->vm);
  g_assert_cmpmem (state->data, state->len, again->data, again->len);
  advance (f, 400);
  g_assert_cmpstr (f->events->str, ==, "");
  advance (f, 200);
  g_assert_nonnull (strstr (f->events->str, "run out"));
  /* Bits turned over: refused, or a state that goes on without harm. */
  for (guint i = 0; i < state->len; i++)
    {
      state->data[i] ^= 0xff;
      vm_lock (f->vm);
      if (state_load (f->watchdog->klass->state, f->watchdog, state->data, state->len, NULL))
        f->watchdog->klass->post_load (f->watchdog, NULL);
      f->watchdog->klass->reset (f->watchdog);
      vm_unlock (f->vm);
      state->data[i] ^= 0xff;
    }
}

static void
test_hostile (Fixture *f, gconstpointer data)
{
  GRand *random = g_rand_new_with_seed (1);

  for (unsigned i = 0; i < 20000; i++)
    {
      const unsigned at = g_rand_int_range (random, 0, 20), size = 1u << g_rand_int_range (random, 0, 4);
      const uint32_t value = g_rand_int (random) >> g_rand_int_range (random, 0, 32);

      switch (g_rand_int_range (random, 0, 6))
        {
        case 0:
          put (f, at, size, value);
          break;
        case 1:
          unlocked (f, at & ~3u, 4, value);
          break;
        case 2:
          get (f, at, size);
          break;
        case 3:
          config (f, 0x5e + at % 14, MIN (size, 4), value);
          break;
        case 4:
          advance (f, value % 100000);
          break;
        default:
          if (value % 64 == 0)
            vm_reset (f->vm);
          map (f);
          break;
        }
    }
  g_rand_free (random);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/guard/watchdog", Fixture, NULL, set_up, test_watchdog, tear_down);
  g_test_add ("/guard/keys", Fixture, NULL, set_up, test_keys, tear_down);
  g_test_add ("/guard/lock", Fixture, NULL, set_up, test_lock, tear_down);
  g_test_add ("/guard/interrupt", Fixture, NULL, set_up, test_interrupt, tear_down);
  g_test_add ("/guard/pvpanic", Fixture, NULL, set_up, test_pvpanic, tear_down);
  g_test_add ("/guard/saved", Fixture, NULL, set_up, test_saved, tear_down);
  g_test_add ("/guard/hostile", Fixture, NULL, set_up, test_hostile, tear_down);
  return g_test_run ();
}

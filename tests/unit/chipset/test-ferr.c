/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The coprocessor error latch.
 */
#include "chipset/ferr.h"

static void
on_irq (void *opaque, unsigned n, gboolean level)
{
  *(gboolean *)opaque = level;
}

static void
test_latch (void)
{
  g_autoptr (Vm) vm = vm_new (NULL, TRUE);
  g_autoptr (Vm) other = vm_new (NULL, TRUE);
  g_autoptr (GByteArray) saved = g_byte_array_new ();
  gboolean level = FALSE, other_level = FALSE;
  AccessCache cache = { 0 };
  Device *ferr, *copy;

  vm_lock (vm);
  ferr = ferr_new (vm, IRQ_LINE (on_irq, &level, 13), NULL);
  irq_set (&vm->ferr, TRUE);
  g_assert_true (level);
  irq_set (&vm->ferr, FALSE); /* a latch: only the port clears it */
  g_assert_true (level);
  state_save (ferr->klass->state, ferr, saved);
  address_space_store (vm->ports, &cache, 0xf0, 0, 1, TRUE);
  g_assert_false (level);
  irq_set (&vm->ferr, TRUE);
  ferr->klass->reset (ferr);
  g_assert_false (level);
  access_cache_clear (&cache);
  vm_unlock (vm);

  vm_lock (other);
  copy = ferr_new (other, IRQ_LINE (on_irq, &other_level, 13), NULL);
  g_assert_true (state_load (copy->klass->state, copy, saved->data, saved->len, NULL));
  g_assert_true (copy->klass->post_load (copy, NULL));
  g_assert_true (other_level);
  vm_unlock (other);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ferr/latch", test_latch);
  return g_test_run ();
}

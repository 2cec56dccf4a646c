/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who has which address, and what nobody gets by saying another's.
 */
#include "switch/addresses.h"

static const uint8_t one[6] = { 2, 0, 0, 0, 0, 1 }, two[6] = { 2, 0, 0, 0, 0, 2 };

static void
test_first_has_it (void)
{
  Addresses *all = addresses_new (3, 4);

  g_assert_cmpint (addresses_find (all, one), ==, -1);
  addresses_learn (all, 0, one, 0);
  addresses_learn (all, 1, two, 0);
  g_assert_cmpint (addresses_find (all, one), ==, 0);
  g_assert_cmpint (addresses_find (all, two), ==, 1);
  /* Another says it: not while its own uses it. */
  addresses_learn (all, 2, one, ADDRESSES_STAY_US - 1);
  g_assert_cmpint (addresses_find (all, one), ==, 0);
  addresses_learn (all, 0, one, ADDRESSES_STAY_US - 1);
  addresses_learn (all, 2, one, ADDRESSES_STAY_US + 1);
  g_assert_cmpint (addresses_find (all, one), ==, 0);
  /* A machine that has moved there. */
  addresses_learn (all, 2, one, 2 * ADDRESSES_STAY_US);
  g_assert_cmpint (addresses_find (all, one), ==, 2);
  /* Who leaves takes his with him. */
  addresses_forget (all, 2);
  g_assert_cmpint (addresses_find (all, one), ==, -1);
  addresses_learn (all, 1, one, 2 * ADDRESSES_STAY_US);
  g_assert_cmpint (addresses_find (all, one), ==, 1);
  g_assert_cmpint (addresses_find (all, two), ==, 1);
  addresses_free (all);
}

/* Who says many loses his own ones only, those first that he used longest ago. */
static void
test_limit (void)
{
  Addresses *all = addresses_new (2, 4);
  uint8_t other[6] = { 6 };

  addresses_learn (all, 0, one, 0);
  addresses_learn (all, 1, two, 0);
  for (unsigned i = 0; i < 1000; i++)
    {
      other[5] = (uint8_t)i;
      other[4] = (uint8_t)(i >> 8);
      addresses_learn (all, 1, other, i);
      g_assert_cmpint (addresses_find (all, other), ==, 1);
      addresses_learn (all, 1, two, i); /* in use */
    }
  g_assert_cmpint (addresses_find (all, one), ==, 0);
  g_assert_cmpint (addresses_find (all, two), ==, 1);
  other[5] = (uint8_t)(999 - 2);
  g_assert_cmpint (addresses_find (all, other), ==, 1);
  other[5] = (uint8_t)(999 - 3);
  g_assert_cmpint (addresses_find (all, other), ==, -1);
  addresses_free (all);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/switch/addresses/first-has-it", test_first_has_it);
  g_test_add_func ("/switch/addresses/limit", test_limit);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Fragments in their order, and in every other.
 */
#include "nat/fragments.h"

#include <string.h>

#define MORE 0x2000u

static Fragments *all;
static gint64 now;

/* A frame with the sum of its header. */
static size_t
make (uint8_t *frame, unsigned id, unsigned word, unsigned size)
{
  uint8_t *ip = frame + 14;
  uint32_t sum = 0;

  memset (frame, 0, 14 + 20 + size);
  frame[12] = 8;
  ip[0] = 0x45;
  ip[2] = (uint8_t)((20 + size) >> 8);
  ip[3] = (uint8_t)(20 + size);
  ip[4] = (uint8_t)(id >> 8);
  ip[5] = (uint8_t)id;
  ip[6] = (uint8_t)(word >> 8);
  ip[7] = (uint8_t)word;
  ip[8] = 64;
  ip[9] = 17;
  for (unsigned i = 0; i < 20; i += 2)
    sum += ip[i] * 256u + ip[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  ip[10] = (uint8_t)(~sum >> 8);
  ip[11] = (uint8_t)~sum;
  return 14 + 20 + size;
}

static gboolean
pass (unsigned id, unsigned word, unsigned size)
{
  uint8_t frame[2048];
  const size_t length = make (frame, id, word, size);

  return fragments_may_pass (all, frame, length, now);
}

static void
test_order (void)
{
  all = fragments_new ();
  now = 1000;
  for (unsigned round = 0; round < 3 * FRAGMENTS_MOST; round++)
    {
      g_assert_true (pass (7, MORE, 800));
      g_assert_true (pass (8, MORE, 8)); /* another one between */
      g_assert_true (pass (7, MORE | 100, 800));
      g_assert_true (pass (8, 1, 3));
      g_assert_true (pass (7, 200, 5));
      /* What is whole is no fragment. */
      g_assert_true (pass (7, 0, 100));
      g_assert_true (pass (7, 0x4000, 100));
    }
  fragments_free (all);
}

static void
test_disorder (void)
{
  all = fragments_new ();
  now = 1000;
  g_assert_false (pass (1, 1, 8));        /* the last alone */
  g_assert_false (pass (1, MORE | 1, 8)); /* one between */
  g_assert_true (pass (1, MORE, 16));
  g_assert_false (pass (1, MORE, 16)); /* twice */
  g_assert_false (pass (1, 1, 16));    /* over it */
  g_assert_false (pass (1, 3, 16));    /* a gap */
  g_assert_true (pass (1, 2, 16));
  g_assert_false (pass (1, 2, 16)); /* behind its end */
  g_assert_false (pass (2, MORE, 12));
  g_assert_false (pass (2, MORE, 0));
  g_assert_false (pass (2, 0x8000, 16)); /* would have libslirp forget it */
  g_assert_true (pass (3, MORE, 16));
  g_assert_false (pass (3, 0x8000, 16));
  g_assert_false (pass (3, 0x8002, 16));
  g_assert_true (pass (3, 2, 16));
  /* Longer than there is. */
  g_assert_false (pass (4, 0x1fff, 16));
  fragments_free (all);
}

/* Bytes of the header that libslirp refuses: then it has nothing of it. */
static void
test_headers (void)
{
  static const struct
  {
    unsigned at;
    uint8_t value;
  } bad[] = { { 0, 0x55 }, { 0, 0x44 }, { 0, 0x4f }, { 2, 0xff }, { 3, 19 }, { 8, 0 }, { 10, 0x77 } };
  uint8_t frame[2048];

  all = fragments_new ();
  now = 1000;
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      const size_t length = make (frame, 1, MORE, 16);

      frame[14 + bad[i].at] = bad[i].value;
      g_assert_false (fragments_may_pass (all, frame, length, now));
    }
  g_assert_false (pass (1, 2, 16));
  /* Cut anywhere. */
  const size_t length = make (frame, 1, MORE, 16);
  for (size_t n = 0; n < length; n++)
    g_assert_true (fragments_may_pass (all, frame, n, now) == (n < 34));
  fragments_free (all);
}

static void
test_time_and_number (void)
{
  all = fragments_new ();
  now = 1000;
  for (unsigned id = 0; id < FRAGMENTS_MOST; id++)
    g_assert_true (pass (id, MORE, 16));
  g_assert_false (pass (FRAGMENTS_MOST, MORE, 16));
  g_assert_true (pass (5, 2, 8));
  g_assert_true (pass (FRAGMENTS_MOST, MORE, 16));
  /* libslirp may have forgotten it, or not. */
  now += 25 * G_USEC_PER_SEC;
  g_assert_false (pass (6, 2, 8));
  g_assert_false (pass (6, MORE, 16));
  now += 20 * G_USEC_PER_SEC;
  g_assert_false (pass (6, 2, 8));
  g_assert_true (pass (6, MORE, 16));
  g_assert_true (pass (6, 2, 8));
  fragments_free (all);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/nat/fragments/order", test_order);
  g_test_add_func ("/nat/fragments/disorder", test_disorder);
  g_test_add_func ("/nat/fragments/headers", test_headers);
  g_test_add_func ("/nat/fragments/time-and-number", test_time_and_number);
  return g_test_run ();
}

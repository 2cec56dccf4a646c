/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Waits that grow, a log that ends, and whom an address stands for.
 */
#include "vnc/vnc-guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#define SECOND G_TIME_SPAN_SECOND

static void
test_delay (void)
{
  VncGuard *guard = vnc_guard_new ();
  static const int seconds[] = { 1, 2, 4, 8, 16, 16, 16 };
  gint64 now = 1000;

  g_assert_cmpint (vnc_guard_delay (guard, "a", now), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (seconds); i++)
    {
      vnc_guard_failed (guard, "a", now);
      g_assert_cmpint (vnc_guard_delay (guard, "a", now), ==, seconds[i] * SECOND);
      now += seconds[i] * SECOND - 1;
      g_assert_cmpint (vnc_guard_delay (guard, "a", now), ==, 1);
      now += 1;
      g_assert_cmpint (vnc_guard_delay (guard, "a", now), ==, 0);
      g_assert_cmpint (vnc_guard_delay (guard, "b", now), ==, 0);
    }
  for (unsigned i = 0; i < 100; i++)
    vnc_guard_failed (guard, "a", now);
  g_assert_cmpint (vnc_guard_delay (guard, "a", now), ==, VNC_GUARD_MAX_DELAY);
  /* The password, or time, makes good. */
  vnc_guard_passed (guard, "a");
  g_assert_cmpint (vnc_guard_delay (guard, "a", now), ==, 0);
  vnc_guard_failed (guard, "a", now);
  vnc_guard_failed (guard, "a", now);
  now += VNC_GUARD_FORGET + 1;
  vnc_guard_failed (guard, "a", now);
  g_assert_cmpint (vnc_guard_delay (guard, "a", now), ==, SECOND);
  /* Many addresses push the oldest out, not the newest. */
  for (unsigned i = 0; i < 3 * VNC_GUARD_ADDRESSES; i++)
    {
      g_autofree char *key = g_strdup_printf ("x%u", i);

      vnc_guard_failed (guard, key, ++now);
      g_assert_cmpint (vnc_guard_delay (guard, key, now), >, 0);
    }
  g_assert_cmpint (vnc_guard_delay (guard, "x0", now), ==, 0);
  vnc_guard_free (guard);
}

static void
test_log (void)
{
  VncGuard *guard = vnc_guard_new ();
  unsigned said = 0, unsaid = 0;
  gint64 now = 5;

  for (unsigned i = 0; i < 1000; i++)
    said += vnc_guard_may_log (guard, now++, &unsaid);
  g_assert_cmpuint (said, ==, VNC_GUARD_LINES);
  g_assert_true (vnc_guard_may_log (guard, now + VNC_GUARD_LINE_TIME, &unsaid));
  g_assert_cmpuint (unsaid, ==, 1000 - VNC_GUARD_LINES);
  g_assert_false (vnc_guard_may_log (guard, now + VNC_GUARD_LINE_TIME, &unsaid));
  for (unsigned i = said = 0; i < 1000; i++)
    said += vnc_guard_may_log (guard, now + 3600 * SECOND, &unsaid);
  g_assert_cmpuint (said, ==, VNC_GUARD_LINES);
  vnc_guard_free (guard);
}

static void
test_key (void)
{
  static const struct
  {
    const char *address, *key;
  } rows[] = {
    { "192.0.2.7", "192.0.2.7" },
    { "::ffff:192.0.2.7", "192.0.2.7" },
    { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
    { "2001:db8:1:2:ffff::1", "2001:db8:1:2::/64" },
    { "::1", "0:0:0:0::/64" },
  };
  struct sockaddr_un local = { .sun_family = AF_UNIX };
  g_autofree char *other = vnc_guard_key ((struct sockaddr *)&local, 2);

  g_assert_cmpstr (other, ==, "unix");
  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      struct sockaddr_in four = { .sin_family = AF_INET };
      struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
      g_autofree char *key = NULL;

      if (inet_pton (AF_INET, rows[i].address, &four.sin_addr) == 1)
        key = vnc_guard_key ((struct sockaddr *)&four, sizeof four);
      else if (inet_pton (AF_INET6, rows[i].address, &six.sin6_addr) == 1)
        key = vnc_guard_key ((struct sockaddr *)&six, sizeof six);
      g_assert_cmpstr (key, ==, rows[i].key);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/vnc/guard/delay", test_delay);
  g_test_add_func ("/vnc/guard/log", test_log);
  g_test_add_func ("/vnc/guard/key", test_key);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Lists of forwards, as people write them and as they don't.
 */
#include "base/net-forward.h"

#include <string.h>

static void
test_good (void)
{
  g_autoptr (GArray) list = net_forwards_parse (
      "tcp:127.0.0.1:2222-:22, udp::5353-10.0.2.15:53,tcp:0.0.0.0:80-:8080,tcp:[::1]:1-[fec0::15]:65535");
  const NetForward *f;

  g_assert_nonnull (list);
  g_assert_cmpuint (list->len, ==, 4);
  f = &g_array_index (list, NetForward, 0);
  g_assert_true (!f->udp && !f->ip6 && f->host[0] == 127 && f->host[3] == 1 && f->guest[0] == 0);
  g_assert_true (f->host_port == 2222 && f->guest_port == 22);
  f = &g_array_index (list, NetForward, 1);
  g_assert_true (f->udp && f->host[0] == 127 && f->guest[0] == 10 && f->guest[3] == 15);
  g_assert_true (f->host_port == 5353 && f->guest_port == 53);
  f = &g_array_index (list, NetForward, 2);
  g_assert_true (f->host[0] == 0 && f->host_port == 80);
  f = &g_array_index (list, NetForward, 3);
  g_assert_true (f->ip6 && f->host[15] == 1 && f->guest[0] == 0xfe && f->guest[15] == 0x15);
  g_assert_true (f->host_port == 1 && f->guest_port == 65535);
  g_autoptr (GArray) none = net_forwards_parse ("");
  g_assert_cmpuint (none->len, ==, 0);
}

static void
test_bad (void)
{
  static const char *const bad[] = {
    "x",
    ",",
    "tcp",
    "tcp:",
    "tcp:-",
    "tcp:80",
    "tcp::80",
    "tcp::80-",
    "tcp::80-80",
    "tcp::80-:",
    "tcp::0-:22",
    "tcp::65536-:22",
    "tcp::22-:65536",
    "tcp::-1-:22",
    "tcp::+1-:22",
    "tcp:: 1-:22",
    "icmp::1-:1",
    "TCP::1-:1",
    "tcp:localhost:80-:80",
    "tcp:127.0.0:80-:80",
    "tcp:256.0.0.1:80-:80",
    "tcp:[127.0.0.1]:80-:80",
    "tcp:[]:80-:80",
    "tcp:[::1:80-:80",
    "tcp:::1:80-:80",
    "tcp:[::1]:80-:80",
    "tcp:[::1]:80-10.0.2.15:80",
    "tcp::80-[fec0::15]:80",
    "tcp::80-:80,",
    "tcp::80-:80,,tcp::81-:81",
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GArray) list = net_forwards_parse (bad[i]);
      g_test_message ("%s", bad[i]);
      g_assert_null (list);
    }
  g_autoptr (GString) many = g_string_new ("tcp::1-:1");
  for (unsigned i = 1; i < NET_MOST_FORWARDS; i++)
    g_string_append (many, ",tcp::1-:1");
  g_autoptr (GArray) most = net_forwards_parse (many->str);
  g_assert_cmpuint (most->len, ==, NET_MOST_FORWARDS);
  g_string_append (many, ",tcp::1-:1");
  g_assert_null (net_forwards_parse (many->str));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/forward/good", test_good);
  g_test_add_func ("/forward/bad", test_bad);
  return g_test_run ();
}

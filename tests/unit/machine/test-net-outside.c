/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where networks end outside: private networks that are joined and left in every order, groups, and names that are none.
 */
#include "machine/net-outside.h"

#include "base/net-place.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;

static gboolean
is_there (const char *file)
{
  g_autofree char *path = g_build_filename (folder, file, NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_join (void)
{
  int wire, listener, other, more, accepted;

  g_assert_cmpint (net_outside_join (folder, "lab", &wire, &listener), ==, 0);
  g_assert_cmpint (wire, ==, -1);
  g_assert_cmpint (listener, >=, 0);
  /* The next ones come to that. */
  g_assert_cmpint (net_outside_join (folder, "lab", &wire, &other), ==, 0);
  g_assert_cmpint (other, ==, -1);
  accepted = accept (listener, NULL, NULL);
  g_assert_cmpint (send (wire, "packet", 6, 0), ==, 6);
  char text[16];
  g_assert_cmpint (recv (accepted, text, sizeof text, 0), ==, 6);
  close (wire);
  close (accepted);
  /* Another name is another network. */
  g_assert_cmpint (net_outside_join (folder, "other", &wire, &more), ==, 0);
  g_assert_cmpint (more, >=, 0);
  net_outside_sweep (folder);
  g_assert_true (is_there ("lab.net"));
  g_assert_true (is_there ("other.net"));
  /* Killed: who comes next takes its place, name and all. */
  close (listener);
  g_assert_cmpint (net_outside_join (folder, "lab", &wire, &listener), ==, 0);
  g_assert_cmpint (listener, >=, 0);
  close (listener);
  net_outside_sweep (folder);
  g_assert_false (is_there ("lab.net"));
  g_assert_true (is_there ("other.net"));
  close (more);
  net_outside_sweep (folder);
  g_assert_false (is_there ("other.net"));
}

/* Of many that find nobody at once one listens, and the others come to it. */
static gpointer
join_one (gpointer data)
{
  int *fds = data;
  const int code = net_outside_join (folder, "rush", &fds[0], &fds[1]);

  return GINT_TO_POINTER (code);
}

static void
test_rush (void)
{
  for (unsigned round = 0; round < 20; round++)
    {
      int fds[8][2];
      GThread *threads[8];
      unsigned listeners = 0, wires = 0;

      for (unsigned i = 0; i < 8; i++)
        threads[i] = g_thread_new ("join", join_one, fds[i]);
      for (unsigned i = 0; i < 8; i++)
        g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (threads[i])), ==, 0);
      for (unsigned i = 0; i < 8; i++)
        {
          listeners += fds[i][1] >= 0;
          wires += fds[i][0] >= 0;
        }
      g_assert_cmpuint (listeners, ==, 1);
      g_assert_cmpuint (wires, ==, 7);
      for (unsigned i = 0; i < 8; i++)
        close (fds[i][0] >= 0 ? fds[i][0] : fds[i][1]);
    }
}

static void
test_refused (void)
{
  static const char *const names[]
      = { "", "../x", "a/b", ".", "-x", "a b", "ä", "0123456789012345678901234567890123" };
  int wire, listener;

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_false (net_private_name_is_good (names[i]));
      g_assert_cmpint (net_outside_join (folder, names[i], &wire, &listener), ==, EINVAL);
    }
  /* A folder that others can look into. */
  g_assert_cmpint (chmod (folder, 0755), ==, 0);
  g_assert_cmpint (net_outside_join (folder, "lab", &wire, &listener), ==, EACCES);
  g_assert_cmpint (chmod (folder, 0700), ==, 0);
  /* What lies there under that name and isn't a socket gives way. */
  g_autofree char *path = g_build_filename (folder, "lab.net", NULL);
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  g_assert_cmpint (net_outside_join (folder, "lab", &wire, &listener), ==, 0);
  g_assert_cmpint (listener, >=, 0);
  close (listener);
}

static void
test_places (void)
{
  static const char *const groups[] = { "239.255.86.77:5886", "224.0.0.1:1", "239.255.255.255:65535" };
  static const char *const none[] = {
    "",      "239.255.86.77",    "239.255.86.77:", "239.255.86.77:0",  "239.255.86.77:65536", "10.0.0.1:5886",
    ":5886", "239.255.86.77: 1", "[ff15::1]:5886", "239.255.86.77:1:2"
  };
  static const char *const interfaces[]
      = { "", ".", "..", "a/b", "a b", "a:1", "tap%d", "0123456789012345", "\xc3\xa4" };
  struct sockaddr_in place;

  for (unsigned i = 0; i < G_N_ELEMENTS (groups); i++)
    g_assert_true (net_group_parse (groups[i], &place));
  for (unsigned i = 0; i < G_N_ELEMENTS (none); i++)
    g_assert_false (net_group_parse (none[i], &place));
  g_assert_true (net_private_name_is_good (NET_PRIVATE_NAME));
  g_assert_true (net_group_parse (NET_GROUP, &place));
  g_assert_true (net_interface_is_good ("tap0"));
  for (unsigned i = 0; i < G_N_ELEMENTS (interfaces); i++)
    g_assert_false (net_interface_is_good (interfaces[i]));
}

static void
test_endpoints (void)
{
  static const char *const good[] = { "192.0.2.7:5887", "0.0.0.0:1", "[2001:db8::7]:65535", "[::]:5887" };
  static const char *const none[] = { "",
                                      ":5887",
                                      "192.0.2.7",
                                      "192.0.2.7:",
                                      "192.0.2.7:0",
                                      "192.0.2.7:65536",
                                      "192.0.2.7:+1",
                                      "192.0.2.7:1:2",
                                      "192.0.2:5887",
                                      "host:5887",
                                      "239.255.86.77:5886",
                                      "255.255.255.255:5886",
                                      "[192.0.2.7]:5887",
                                      "2001:db8::7:5887",
                                      "[2001:db8::7]",
                                      "[2001:db8::7]5887",
                                      "[]:5887",
                                      "[:5887",
                                      "[ff15::1]:5887",
                                      "[fe80::1%lo]:5887" };
  NetEndpoint endpoint;

  for (unsigned i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (net_endpoint_parse (good[i], &endpoint));
  for (unsigned i = 0; i < G_N_ELEMENTS (none); i++)
    g_assert_false (net_endpoint_parse (none[i], &endpoint));
}

/* ADDRESS:PORT of a port of the loopback interface that was free. */
static char *
free_endpoint (int type)
{
  const int fd = socket (AF_INET, type, 0);
  struct sockaddr_in place = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof place;

  g_assert_cmpint (bind (fd, (struct sockaddr *)&place, sizeof place), ==, 0);
  g_assert_cmpint (getsockname (fd, (struct sockaddr *)&place, &length), ==, 0);
  close (fd);
  return g_strdup_printf ("127.0.0.1:%u", ntohs (place.sin_port));
}

static void
test_udp (void)
{
  g_autofree char *one = free_endpoint (SOCK_DGRAM), *two = free_endpoint (SOCK_DGRAM);
  int fds[2], other;
  char text[16];

  g_assert_cmpint (net_outside_udp (one, two, &fds[0]), ==, 0);
  g_assert_cmpint (net_outside_udp (two, one, &fds[1]), ==, 0);
  g_assert_cmpint (net_outside_udp (one, two, &other), ==, EADDRINUSE);
  for (unsigned i = 0; i < 2; i++)
    {
      g_assert_cmpint (send (fds[i], "packet", 6, 0), ==, 6);
      g_assert_cmpint (recv (fds[!i], text, sizeof text, 0), ==, 6);
    }
  close (fds[0]);
  close (fds[1]);
  /* Without an end of its own it has the other's port, at any address. */
  g_assert_cmpint (net_outside_udp (NULL, one, &fds[0]), ==, 0);
  g_assert_cmpint (send (fds[0], "packet", 6, 0), ==, 6);
  g_assert_cmpint (recv (fds[0], text, sizeof text, 0), ==, 6);
  close (fds[0]);
  g_assert_cmpint (net_outside_udp (one, "[2001:db8::7]:5887", &other), ==, EINVAL);
  g_assert_cmpint (net_outside_udp ("here", one, &other), ==, EINVAL);
  g_assert_cmpint (net_outside_udp (one, "there", &other), ==, EINVAL);
}

static void
test_tcp (void)
{
  g_autofree char *here = free_endpoint (SOCK_STREAM);
  int listener, fd, accepted, other;
  char text[16];

  g_assert_cmpint (net_outside_tcp_listen (here, &listener), ==, 0);
  g_assert_cmpint (net_outside_tcp_listen (here, &other), ==, EADDRINUSE);
  g_assert_cmpint (net_outside_tcp_connect (here, &fd), ==, 0);
  struct pollfd wait = { listener, POLLIN, 0 };
  g_assert_cmpint (poll (&wait, 1, -1), ==, 1);
  accepted = accept (listener, NULL, NULL);
  g_assert_cmpint (send (accepted, "packet", 6, 0), ==, 6);
  wait.fd = fd;
  g_assert_cmpint (poll (&wait, 1, -1), ==, 1);
  g_assert_cmpint (recv (fd, text, sizeof text, 0), ==, 6);
  /* Who is silent for long is missed at both ends. */
  for (unsigned i = 0; i < 2; i++)
    {
      int value = 0;
      socklen_t length = sizeof value;

      g_assert_cmpint (getsockopt (i ? fd : accepted, IPPROTO_TCP, TCP_USER_TIMEOUT, &value, &length), ==, 0);
      g_assert_cmpint (value, >, 0);
    }
  close (accepted);
  close (fd);
  close (listener);
  g_assert_cmpint (net_outside_tcp_listen ("here", &other), ==, EINVAL);
  g_assert_cmpint (net_outside_tcp_connect ("there", &other), ==, EINVAL);
}

int
main (int argc, char **argv)
{
  g_autofree char *above = g_dir_make_tmp ("vivarium-outside-XXXXXX", NULL), *lock = NULL, *left = NULL;

  g_test_init (&argc, &argv, NULL);
  folder = g_build_filename (above, "networks", NULL);
  g_test_add_func ("/net-outside/join", test_join);
  g_test_add_func ("/net-outside/rush", test_rush);
  g_test_add_func ("/net-outside/refused", test_refused);
  g_test_add_func ("/net-outside/places", test_places);
  g_test_add_func ("/net-outside/endpoints", test_endpoints);
  g_test_add_func ("/net-outside/udp", test_udp);
  g_test_add_func ("/net-outside/tcp", test_tcp);
  const int status = g_test_run ();
  net_outside_sweep (folder);
  lock = g_build_filename (folder, "lock", NULL);
  g_unlink (lock);
  /* Nothing else is left. */
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_rmdir (above);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where networks end outside: private networks that are joined and left in every order, groups, and names that are none.
 */
#include "machine/net-outside.h"

#include "base/net-place.h"

#include <errno.h>
#include <glib/gstdio.h>
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
  const int status = g_test_run ();
  net_outside_sweep (folder);
  lock = g_build_filename (folder, "lock", NULL);
  g_unlink (lock);
  /* Nothing else is left. */
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_rmdir (above);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a definition may name instead of a file: pipes that nobody writes to, devices without an end, folders, files of the kernel's.
 * Each must fail at once; a test that hangs is one that fails.
 */
#include "block/regular-file.h"

#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static char *folder;

static char *
in_folder (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
refused (const char *path, int code)
{
  g_autoptr (GError) error = NULL;
  char *data = NULL;
  gsize length;

  g_assert_false (regular_file_read (path, 1000, &data, &length, &error));
  g_assert_null (data);
  g_assert_error (error, G_IO_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_refused (void)
{
  g_autofree char *fifo = in_folder ("fifo"), *link = in_folder ("link"), *large = in_folder ("large"),
                  *empty = in_folder ("empty"), *nothing = in_folder ("nothing"),
                  *place = in_folder ("socket");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  refused (fifo, G_IO_ERROR_NOT_REGULAR_FILE);
  g_assert_cmpint (symlink (fifo, link), ==, 0);
  refused (link, G_IO_ERROR_NOT_REGULAR_FILE);
  g_strlcpy (address.sun_path, place, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  refused (place, G_IO_ERROR_NOT_REGULAR_FILE);
  close (fd);
  refused ("/dev/zero", G_IO_ERROR_NOT_REGULAR_FILE);
  refused ("/dev/null", G_IO_ERROR_NOT_REGULAR_FILE);
  refused (folder, G_IO_ERROR_IS_DIRECTORY);
  refused ("/proc/self/maps", G_IO_ERROR_INVALID_DATA);
  refused (nothing, G_IO_ERROR_NOT_FOUND);
  g_assert_true (g_file_set_contents (empty, "", 0, NULL));
  refused (empty, G_IO_ERROR_INVALID_DATA);
  g_assert_true (g_file_set_contents (large, "", 0, NULL));
  g_assert_cmpint (truncate (large, 1001), ==, 0);
  refused (large, G_IO_ERROR_INVALID_DATA);
  g_unlink (fifo);
  g_unlink (link);
  g_unlink (place);
  g_unlink (empty);
  g_unlink (large);
}

static void
test_read (void)
{
  g_autofree char *path = in_folder ("file"), *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (g_file_set_contents (path, "ab\0cd", 5, NULL));
  g_assert_true (regular_file_read (path, 5, &data, &length, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (data, length + 1, "ab\0cd\0", 6);
  g_unlink (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-file-XXXXXX", NULL);
  g_test_add_func ("/regular-file/refused", test_refused);
  g_test_add_func ("/regular-file/read", test_read);
  int status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}

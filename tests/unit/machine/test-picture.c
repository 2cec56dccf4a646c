/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A thumbnail that a monitor could have written: what is read as one.
 */
#include "machine/picture.h"

#include "display/output.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *folder;

/* TRUE: it was taken for a picture. */
static gboolean
reads (const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = viv_thumbnail_read (path, &error);

  g_assert_true ((bytes == NULL) == (error != NULL));
  if (error != NULL)
    g_test_message ("%s: %s", name, error->message);
  return bytes != NULL;
}

static void
put (const char *name, const void *data, gsize length)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, data, length, NULL));
}

static void
test_read (void)
{
  g_autofree char *path = g_build_filename (folder, "good", NULL),
                  *fifo = g_build_filename (folder, "fifo", NULL);
  g_autofree char *data = NULL, *link = g_build_filename (folder, "zero", NULL);
  uint32_t pixels[6] = { 0 };
  const Framebuffer fb = { .width = 3, .height = 2, .stride = 12, .pixels = (uint8_t *)pixels, .fd = -1 };
  gsize length;
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  g_assert_true (display_write_png (&fb, fd, NULL));
  close (fd);
  g_assert_true (reads ("good"));
  g_assert_true (g_file_get_contents (path, &data, &length, NULL));

  for (gsize n = 0; n < 24; n++)
    {
      put ("short", data, n);
      g_assert_false (reads ("short"));
    }
  for (gsize at = 0; at < 16; at++)
    {
      data[at] ^= 1;
      put ("damaged", data, length);
      g_assert_false (reads ("damaged"));
      data[at] ^= 1;
    }
  static const uint32_t sizes[] = { 0, 4097, 0x7fffffff, 0x80000000, 0xffffffff };
  for (gsize at = 16; at < 24; at += 4)
    for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        g_autofree char *other = g_memdup2 (data, length);
        uint32_t big = GUINT32_TO_BE (sizes[i]);

        memcpy (other + at, &big, 4);
        put ("size", other, length);
        g_assert_false (reads ("size"));
      }
  static const char jpeg[] = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb";
  put ("jpeg", jpeg, sizeof jpeg - 1);
  g_assert_false (reads ("jpeg"));
  put ("xpm", "/* XPM */ static char *x[] = { \"1 1 1 1\", \"a c #000\", \"a\" };", 58);
  g_assert_false (reads ("xpm"));
  put ("svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", 41);
  g_assert_false (reads ("svg"));
  g_autofree char *large = g_malloc0 (VIV_THUMBNAIL_MAX_BYTES + 1);
  memcpy (large, data, length);
  put ("large", large, VIV_THUMBNAIL_MAX_BYTES + 1);
  g_assert_false (reads ("large"));
  /* None of these may hold the application. */
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_false (reads ("fifo"));
  g_assert_cmpint (symlink ("/dev/zero", link), ==, 0);
  g_assert_false (reads ("zero"));
  g_assert_false (reads ("."));
  g_assert_false (reads ("absent"));
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-picture-XXXXXX", NULL);
  g_test_add_func ("/picture/read", test_read);
  status = g_test_run ();

  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  for (const char *name; (name = g_dir_read_name (dir)) != NULL;)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_unlink (path);
    }
  g_rmdir (folder);
  g_free (folder);
  return status;
}

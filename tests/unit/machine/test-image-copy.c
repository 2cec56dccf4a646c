/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Copies of images: the same bytes, the same holes, progress that only grows, and an end when it is wanted.
 */
#include "machine/folder-lock.h"
#include "machine/import.h"
#include "machine/local-host.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (1 << 20)

typedef struct
{
  char *folder, *from, *to;
  int fd;
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  f->folder = g_dir_make_tmp ("viv-copy-XXXXXX", NULL);
  f->from = g_build_filename (f->folder, "from.img", NULL);
  f->to = g_build_filename (f->folder, "to.img", NULL);
  f->fd = open (f->to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  g_assert_cmpint (f->fd, >=, 0);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  close (f->fd);
  g_unlink (f->from);
  g_unlink (f->to);
  g_rmdir (f->folder);
  g_free (f->folder);
  g_free (f->from);
  g_free (f->to);
}

static void
put (Fixture *f, off_t size, off_t offset, const char *bytes)
{
  int fd = open (f->from, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  g_assert_cmpint (pwrite (fd, bytes, strlen (bytes), offset), ==, (ssize_t)strlen (bytes));
  close (fd);
}

static void
on_progress (double fraction, gpointer data)
{
  double *last = data;

  g_assert_cmpfloat (fraction, >=, *last);
  g_assert_cmpfloat (fraction, <=, 1);
  *last = fraction;
}

static void
test_bytes (Fixture *f, gconstpointer data)
{
  const off_t size = 24 * MIB + 513;
  g_autofree char *a = NULL;
  g_autofree char *b = NULL;
  gsize a_length, b_length;
  double last = -1;
  GStatBuf info;
  g_autoptr (GError) error = NULL;

  put (f, size, 0, "begin");
  put (f, size, 9 * MIB + 4095, "across a block's end");
  put (f, size, size - 3, "end");
  g_assert_true (image_copy (f->from, f->fd, NULL, on_progress, &last, &error));
  g_assert_no_error (error);
  g_assert_cmpfloat (last, ==, 1);
  g_assert_true (g_file_get_contents (f->from, &a, &a_length, NULL));
  g_assert_true (g_file_get_contents (f->to, &b, &b_length, NULL));
  g_assert_cmpmem (a, a_length, b, b_length);
  g_assert_cmpint (g_stat (f->to, &info), ==, 0);
  g_assert_cmpint (info.st_blocks, <, 2048);
}

/* The first progress is in the middle of it. */
static void
on_progress_stop (double fraction, gpointer data)
{
  g_assert_cmpfloat (fraction, <, 1);
  g_cancellable_cancel (data);
}

static void
test_cancel (Fixture *f, gconstpointer data)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *much = g_malloc (8 * MIB + 1);

  memset (much, 'x', 8 * MIB);
  much[8 * MIB] = '\0';
  put (f, 8 * MIB, 0, much);
  if (image_copy (f->from, f->fd, cancellable, on_progress_stop, cancellable, &error))
    g_test_skip ("the blocks are shared here");
  else
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_refused (Fixture *f, gconstpointer data)
{
  const char *bad[] = { "/nonexistent/a.img", f->folder, "/dev/zero" };

  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (image_copy (bad[i], f->fd, NULL, NULL, NULL, &error));
      g_assert_nonnull (error);
    }
}

/* -- A machine with an image that was copied before -- */

static unsigned
count (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  unsigned n = 0;

  while (g_dir_read_name (dir))
    n++;
  return n;
}

static void
test_import (Fixture *f, gconstpointer data)
{
  g_autofree char *machines = g_build_filename (f->folder, "machines", NULL);
  g_autoptr (VivLocalHost) host = viv_local_host_new (machines);
  g_autoptr (MachineDefinition) definition = definition_new ("Fern");
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) machine = NULL;
  g_autofree char *image = NULL;
  g_autofree char *text = NULL;
  gsize length;
  VivImport *import;

  put (f, 4096, 0, "what was there");
  /* Nothing is left of one that is not wanted, or was stopped. */
  import = viv_import_image (machines, f->from, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (g_file_test (viv_import_get_path (import), G_FILE_TEST_IS_REGULAR));
  viv_import_free (import);
  g_assert_cmpuint (count (machines), ==, 0);
  g_assert_null (viv_import_image (machines, "/nonexistent", NULL, NULL, NULL, &error));
  g_clear_error (&error);
  g_cancellable_cancel (cancelled);
  import = viv_import_image (machines, f->from, cancelled, NULL, NULL, NULL);
  if (import) /* the blocks are shared here: there was nothing to stop */
    viv_import_free (import);
  g_assert_cmpuint (count (machines), ==, 0);

  import = viv_import_image (machines, f->from, NULL, NULL, NULL, &error);
  definition_add_drive (definition, DRIVE_DISK, "disk0.img");
  machine = viv_local_host_create (
      host, definition, &(VivNewImage){ .file = "disk0.img", .ready = viv_import_get_path (import) }, 1,
      &error);
  g_assert_no_error (error);
  viv_import_free (import);
  image = g_build_filename (viv_machine_get_folder (machine), "disk0.img", NULL);
  g_assert_true (g_file_get_contents (image, &text, &length, NULL));
  g_assert_cmpuint (length, ==, 4096);
  g_assert_cmpstr (text, ==, "what was there");
  g_assert_cmpuint (count (machines), ==, 1);
  g_assert_true (viv_remove_tree (machines, NULL));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/image-copy/bytes", Fixture, NULL, set_up, test_bytes, tear_down);
  g_test_add ("/image-copy/cancel", Fixture, NULL, set_up, test_cancel, tear_down);
  g_test_add ("/image-copy/refused", Fixture, NULL, set_up, test_refused, tear_down);
  g_test_add ("/image-copy/import", Fixture, NULL, set_up, test_import, tear_down);
  return g_test_run ();
}

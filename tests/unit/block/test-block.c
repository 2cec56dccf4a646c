/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Images: open, locks, requests, changes that aren't kept, odd sizes, creation and probing.
 */
#include "block/block.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static Block *
open_image (const char *path, BlockFlags flags, GError **error)
{
  const BlockConfig config = { .path = path, .format = "raw", .flags = flags };
  return block_open (&config, error);
}

/* Through the queue, to the end. */
typedef struct
{
  BlockRequest request;
  struct iovec iov;
  int calls, error;
} Try;

static void
on_done (void *opaque, int error)
{
  Try *try = opaque;

  try->calls++;
  try->error = error;
}

static void
submit (BlockQueue *queue, Try *try, BlockOp op, uint64_t offset, void *buffer, size_t length)
{
  try->calls = 0;
  try->iov = (struct iovec){ .iov_base = buffer, .iov_len = length };
  try->request = (BlockRequest){
    .op = op,
    .offset = offset,
    .iov = &try->iov,
    .n_iov = 1,
    .length = length,
    .done = on_done,
    .opaque = try,
  };
  block_submit (queue, &try->request);
  g_assert_cmpint (try->calls, ==, 0); /* never before it returns */
}

static int
run (BlockQueue *queue, BlockOp op, uint64_t offset, void *buffer, size_t length)
{
  Try try = { 0 };

  submit (queue, &try, op, offset, buffer, length);
  while (try.calls == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (try.calls, ==, 1);
  return try.error;
}

static void
test_requests (void)
{
  g_autofree char *path = path_of ("a.img");
  g_autoptr (GError) error = NULL;
  uint8_t data[4096], back[4096], zeros[4096] = { 0 };
  BlockStats stats;
  uint64_t length;

  g_assert_true (block_image_create (path, "raw", 1 << 20, &error));
  g_assert_false (block_image_create (path, "raw", 1 << 20, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
  g_clear_error (&error);
  Block *block = open_image (path, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (block_size (block), ==, 1 << 20);
  g_assert_cmpstr (block_format (block), ==, "raw");
  BlockQueue *queue = block_queue_new (block, NULL);
  memset (data, 0x42, sizeof data);
  g_assert_cmpint (run (queue, BLOCK_OP_WRITE, 8192, data, sizeof data), ==, 0);
  Try read = { 0 };
  submit (queue, &read, BLOCK_OP_READ, 8192, back, sizeof back);
  g_assert_cmpuint (block_in_flight (queue), ==, 1);
  block_drain (queue);
  g_assert_cmpint (read.calls, ==, 1);
  g_assert_cmpmem (data, sizeof data, back, sizeof back);
  g_assert_cmpint (run (queue, BLOCK_OP_FLUSH, 0, NULL, 0), ==, 0);
  length = 0;
  g_assert_cmpint (block_status (block, 8192, &length), ==, BLOCK_EXTENT_DATA);
  g_assert_cmpuint (length, >, 0);
  g_assert_cmpint (run (queue, BLOCK_OP_WRITE_ZEROES, 8704, NULL, 1024), ==, 0);
  g_assert_cmpint (run (queue, BLOCK_OP_READ, 8192, back, sizeof back), ==, 0);
  g_assert_cmpmem (back, 512, data, 512);
  g_assert_cmpmem (back + 512, 1024, zeros, 1024);
  g_assert_cmpmem (back + 1536, 2560, data, 2560);
  g_assert_cmpint (run (queue, BLOCK_OP_DISCARD, 8192, NULL, 4096), ==, 0);
  static const struct
  {
    uint64_t offset;
    size_t length;
  } beyond[] = {
    { 1 << 20, 1 }, { (1 << 20) - 100, 101 }, { G_MAXUINT64, 1 }, { G_MAXUINT64 - 10, 512 }, { 0, SIZE_MAX }
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (beyond); i++)
    for (BlockOp op = 0; op < BLOCK_N_OPS; op++)
      if (op != BLOCK_OP_FLUSH)
        g_assert_cmpint (run (queue, op, beyond[i].offset, back, beyond[i].length), ==, EINVAL);
  block_get_stats (block, &stats);
  g_assert_cmpuint (stats.written_bytes, ==, 4096 + 1024);
  g_assert_cmpuint (stats.reads, ==, 2);
  g_assert_cmpuint (stats.flushes, ==, 1);
  /* The queue's end gives back what is in flight, each once. */
  Try many[64] = { 0 };
  for (unsigned i = 0; i < 64; i++)
    submit (queue, &many[i], i % 2 ? BLOCK_OP_WRITE : BLOCK_OP_READ, i * 4096, i % 2 ? data : back,
            i % 2 ? 4096 : 16);
  block_queue_free (queue);
  for (unsigned i = 0; i < 64; i++)
    g_assert_cmpint (many[i].calls, ==, 1);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  for (unsigned i = 0; i < 64; i++)
    g_assert_cmpint (many[i].calls, ==, 1);
  /* Larger, by whole sectors. */
  g_assert_false (block_resize (block, 1 << 19, &error));
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  g_assert_true (block_resize (block, 2 << 20, &error));
  g_assert_true (block_write_sync (block, (2 << 20) - 512, data, 512, &error));
  block_close (block);
}

static void
test_locks (void)
{
  g_autofree char *path = path_of ("lock.img");
  g_autoptr (GError) error = NULL;

  g_assert_true (block_image_create (path, "raw", 4096, &error));
  Block *writer = open_image (path, 0, &error);
  g_assert_no_error (error);
  g_assert_null (open_image (path, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  g_assert_null (open_image (path, BLOCK_READ_ONLY, &error));
  g_clear_error (&error);
  block_close (writer);
  Block *one = open_image (path, BLOCK_READ_ONLY | BLOCK_SHARED_READ, &error);
  Block *two = open_image (path, BLOCK_DISCARD_CHANGES, &error);
  g_assert_no_error (error);
  g_assert_null (open_image (path, 0, &error));
  g_clear_error (&error);
  block_close (one);
  block_close (two);
}

/* Whom an image's second user is told of that another process has locked, with this as its monitor's definition. */
static char *
told_holder (const char *path, const char *definition)
{
  g_autoptr (GError) error = NULL;
  struct flock lock = { .l_type = F_WRLCK };
  int ready[2], fd = open (path, O_RDWR | O_CLOEXEC);
  char byte;

  g_assert_cmpint (pipe (ready), ==, 0);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);
  pid_t child = fork ();
  if (child == 0)
    {
      dup2 (ready[1], STDOUT_FILENO);
      if (fcntl (fd, F_SETFD, 0) == 0)
        execl ("/bin/sh", "sh", "-c", "echo y; kill -STOP $$", "sh", "--definition", definition, NULL);
      _exit (1);
    }
  close (fd);
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'y');
  g_assert_null (open_image (path, 0, &error));
  g_autofree char *number = g_strdup_printf ("process %d", (int)child);
  g_assert_nonnull (strstr (error->message, number));
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
  close (ready[0]);
  close (ready[1]);
  return g_strdup (error->message);
}

static void
test_lock_elsewhere (void)
{
  g_autofree char *path = path_of ("elsewhere.img"), *fifo = path_of ("elsewhere.fifo"),
                  *file = path_of ("elsewhere.ini");
  g_autoptr (GError) error = NULL;

  g_assert_true (block_image_create (path, "raw", 4096, &error));
  g_assert_true (g_file_set_contents (file, "[machine]\nname=Number One\n", -1, &error));
  g_autofree char *named = told_holder (path, file);
  g_assert_nonnull (strstr (named, "“Number One”"));
  /* A command line may name anything, and nobody waits for it. */
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_autofree char *unnamed = told_holder (path, fifo);
  g_assert_null (strstr (unnamed, "“Number One”"));
}

/* Opened by another process, for us. */
static void
test_passed (void)
{
  g_autofree char *path = path_of ("passed.img");
  g_autoptr (GError) error = NULL;
  uint8_t byte = 7;

  g_assert_true (block_image_create (path, "raw", 65536, NULL));
  int fd = block_open_file (path, BLOCK_READ_WRITE, &error);
  g_assert_no_error (error);
  const BlockConfig config = { .path = "/what/it/is/called", .format = "raw", .passed = TRUE, .fd = fd };
  Block *block = block_open (&config, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (block_path (block), ==, config.path);
  g_assert_true (block_write_sync (block, 1, &byte, 1, NULL));
  /* The lock came with it, and goes with the last descriptor. */
  close (fd);
  g_assert_null (open_image (path, BLOCK_READ_WRITE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_cmpint (block_open_file (path, BLOCK_READ_WRITE, NULL), ==, -1);
  block_close (block);
  block = open_image (path, BLOCK_READ_WRITE, &error);
  g_assert_no_error (error);
  byte = 0;
  g_assert_true (block_read_sync (block, 1, &byte, 1, NULL));
  g_assert_cmpuint (byte, ==, 7);
  block_close (block);
}

/* A descriptor that is something else than what we would have opened. */
static void
test_passed_wrong (void)
{
  static const struct
  {
    int mode;
    BlockFlags flags;
    gboolean good;
  } cases[] = {
    { O_RDONLY, BLOCK_READ_ONLY, TRUE },
    { O_RDWR, BLOCK_READ_ONLY, TRUE },
    { O_RDONLY, BLOCK_SHARED_READ | BLOCK_READ_ONLY, TRUE },
    { O_RDONLY, BLOCK_READ_WRITE, FALSE },
    { O_WRONLY, BLOCK_READ_WRITE, FALSE },
    { O_WRONLY, BLOCK_READ_ONLY, FALSE },
    { O_RDWR | O_APPEND, BLOCK_READ_WRITE, FALSE },
    { O_PATH, BLOCK_READ_ONLY, FALSE },
    { O_RDONLY | O_DIRECTORY, BLOCK_READ_ONLY, FALSE },
  };
  g_autofree char *path = path_of ("wrong.img"), *fifo = path_of ("fifo");
  g_autoptr (GError) error = NULL;

  g_assert_true (block_image_create (path, "raw", 65536, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      int fd = open ((cases[i].mode & O_DIRECTORY) ? folder : path, cases[i].mode | O_CLOEXEC);
      const BlockConfig config
          = { .path = path, .format = "raw", .flags = cases[i].flags, .passed = TRUE, .fd = fd };
      Block *block = block_open (&config, &error);

      g_assert_cmpint (block != NULL, ==, cases[i].good);
      g_assert_cmpint (error == NULL, ==, cases[i].good);
      g_clear_error (&error);
      block_close (block);
      close (fd);
    }
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  const int others[]
      = { open (fifo, O_RDWR | O_CLOEXEC | O_NONBLOCK), open ("/dev/null", O_RDWR | O_CLOEXEC), 9999 };
  for (unsigned i = 0; i < G_N_ELEMENTS (others); i++)
    {
      const BlockConfig config = { .path = fifo, .format = "raw", .passed = TRUE, .fd = others[i] };
      g_assert_null (block_open (&config, &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
      close (others[i]);
    }
  g_assert_cmpint (block_open_file (fifo, BLOCK_READ_ONLY, NULL), ==, -1);
}

static void
test_errors (void)
{
  g_autofree char *path = path_of ("none.img");
  g_autoptr (GError) error = NULL;
  const BlockConfig qcow = { .path = path, .format = "qcow2" };

  g_assert_null (open_image (path, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_null (block_open (&qcow, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  /* By content: a disk's bytes, and a format that we can't read. */
  const BlockConfig by_content = { .path = path, .flags = BLOCK_READ_ONLY };
  g_assert_true (g_file_set_contents (path, "QFI\xfb", 4, NULL));
  g_assert_null (block_open (&by_content, &error));
  g_assert_nonnull (strstr (error->message, "qcow2"));
  g_assert_nonnull (strstr (error->message, path));
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "bytes", 5, NULL));
  Block *block = block_open (&by_content, &error);
  g_assert_no_error (error);
  block_close (block);
  g_assert_cmpint (g_unlink (path), ==, 0);
  /* What is there for tests is reached by them alone. */
  const BlockConfig memory = { .path = path, .format = "memory" };
  g_assert_null (block_open (&memory, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED);
  g_clear_error (&error);
  g_assert_null (open_image (folder, BLOCK_READ_ONLY, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  g_assert_null (open_image (path, BLOCK_READ_ONLY, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
}

static void
test_discard_changes (void)
{
  g_autofree char *path = path_of ("snap.img");
  g_autoptr (GError) error = NULL;
  static uint8_t base[200 * 1000], mirror[200704], back[200704];
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (size_t i = 0; i < sizeof base; i++)
    base[i] = (uint8_t)(i * 7 + i / 256);
  memcpy (mirror, base, sizeof base);
  g_assert_true (g_file_set_contents (path, (char *)base, sizeof base, &error));
  Block *block = open_image (path, BLOCK_DISCARD_CHANGES, &error);
  g_assert_no_error (error);
  g_assert_false (block_read_only (block));
  g_assert_cmpuint (block_size (block), ==, 200192); /* whole sectors */
  BlockQueue *queue = block_queue_new (block, NULL);
  for (int i = 0; i < 300; i++)
    {
      uint8_t bytes[9000];
      size_t n = (size_t)g_rand_int_range (rand, 1, sizeof bytes);
      uint64_t at = (uint64_t)g_rand_int_range (rand, 0, (gint32)(200192 - n));
      memset (bytes, i, n);
      if (i % 5 == 4)
        {
          memset (mirror + at, 0, n);
          g_assert_cmpint (run (queue, BLOCK_OP_WRITE_ZEROES, at, NULL, n), ==, 0);
        }
      else
        {
          memcpy (mirror + at, bytes, n);
          g_assert_true (block_write_sync (block, at, bytes, n, &error));
        }
      n = (size_t)g_rand_int_range (rand, 1, 30000);
      at = (uint64_t)g_rand_int_range (rand, 0, (gint32)(200192 - n));
      g_assert_true (block_read_sync (block, at, back, n, &error));
      g_assert_cmpmem (back, n, mirror + at, n);
    }
  block_queue_free (queue);
  block_close (block);
  g_autofree char *after = NULL;
  gsize length;
  g_assert_true (g_file_get_contents (path, &after, &length, &error));
  g_assert_cmpmem (after, length, base, sizeof base);
}

static void
test_odd_size (void)
{
  g_autofree char *path = path_of ("odd.img");
  g_autoptr (GError) error = NULL;
  uint8_t back[512];

  g_assert_true (g_file_set_contents (path, "vivarium", 8, &error));
  Block *block = open_image (path, BLOCK_READ_ONLY, &error);
  BlockQueue *queue = block_queue_new (block, NULL);
  g_assert_cmpuint (block_size (block), ==, 512);
  memset (back, 0xee, sizeof back);
  g_assert_cmpint (run (queue, BLOCK_OP_READ, 0, back, 512), ==, 0);
  g_assert_cmpmem (back, 8, "vivarium", 8);
  for (unsigned i = 8; i < 512; i++)
    g_assert_cmphex (back[i], ==, 0);
  g_assert_cmpint (run (queue, BLOCK_OP_WRITE, 0, back, 512), ==, EROFS);
  block_queue_free (queue);
  block_close (block);
}

static void
test_probe (void)
{
  g_autofree char *path = path_of ("probe");
  g_autoptr (GError) error = NULL;
  uint64_t size;
  static char iso[40000];

  g_assert_null (block_image_probe (path, &size, &error));
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (path, "QFI\xfb\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0",
                                      32, NULL));
  g_assert_cmpstr (block_image_probe (path, &size, NULL), ==, "qcow2");
  g_assert_cmpuint (size, ==, UINT64_C (1) << 32);
  memcpy (iso + 32769, "CD001", 5);
  g_assert_true (g_file_set_contents (path, iso, sizeof iso, NULL));
  g_assert_cmpstr (block_image_probe (path, &size, NULL), ==, "iso9660");
  g_assert_cmpuint (size, ==, sizeof iso);
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  g_assert_cmpstr (block_image_probe (path, &size, NULL), ==, "raw");
}

/* An image that the user may only read isn't taken read-only in silence: the machine doesn't start, and is told what would help. */
static void
test_unwritable (void)
{
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  uid_t self = geteuid ();
  int fd = g_file_open_tmp ("viv-unwritable-XXXXXX", &path, &error);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, 1024 * 1024), ==, 0);
  g_assert_cmpint (fchmod (fd, 0444), ==, 0);
  close (fd);
  if (self == 0 && seteuid (65534) != 0)
    {
      g_test_skip ("root is the only user in this namespace, and may write everything");
      unlink (path);
      return;
    }
  g_assert_null (open_image (path, BLOCK_READ_WRITE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_nonnull (strstr (error->message, "use it read-only"));
  g_clear_error (&error);
  Block *block = open_image (path, BLOCK_READ_ONLY, &error);
  g_assert_no_error (error);
  g_assert_true (block_read_only (block));
  block_close (block);
  block = open_image (path, BLOCK_DISCARD_CHANGES, &error);
  g_assert_no_error (error);
  g_assert_false (block_read_only (block));
  block_close (block);
  if (self == 0)
    g_assert_cmpint (seteuid (0), ==, 0);
  unlink (path);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-block-XXXXXX", NULL);
  g_test_add_func ("/block/requests", test_requests);
  g_test_add_func ("/block/locks", test_locks);
  g_test_add_func ("/block/lock-elsewhere", test_lock_elsewhere);
  g_test_add_func ("/block/passed", test_passed);
  g_test_add_func ("/block/passed-wrong", test_passed_wrong);
  g_test_add_func ("/block/errors", test_errors);
  g_test_add_func ("/block/discard-changes", test_discard_changes);
  g_test_add_func ("/block/odd-size", test_odd_size);
  g_test_add_func ("/block/probe", test_probe);
  g_test_add_func ("/block/unwritable", test_unwritable);
  int status = g_test_run ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = path_of (name);
      g_unlink (path);
    }
  g_rmdir (folder);
  g_free (folder);
  return status;
}

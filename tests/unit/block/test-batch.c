/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Batches: what ends within one is told by its end and not by the context, whoever ends it; and nothing is lost behind it.
 */
#include "block/block-testing.h"
#include "block/block.h"

#include <errno.h>
#include <glib/gstdio.h>

#define N 40u

static char *path;

typedef struct
{
  BlockRequest request;
  struct iovec iov;
  uint8_t data[4096];
  unsigned calls;
  int error;
  BlockQueue *again; /* another request is begun there when this one ends, so many times */
  unsigned n_again;
} Try;

static Block *
open_image (const char *test)
{
  const BlockConfig config = { .path = path, .format = "raw", .test = test };
  g_autoptr (GError) error = NULL;
  Block *block = block_open (&config, &error);

  g_assert_no_error (error);
  return block;
}

static void submit (BlockQueue *queue, Try *try, BlockOp op);

static void
on_done (void *opaque, int error)
{
  Try *try = opaque;

  try->calls++;
  try->error = error;
  if (try->n_again > 0)
    {
      try->n_again--;
      submit (try->again, try, BLOCK_OP_READ);
    }
}

static void
submit (BlockQueue *queue, Try *try, BlockOp op)
{
  try->iov = (struct iovec){ try->data, sizeof try->data };
  try->request = (BlockRequest){ .op = op, .iov = &try->iov, .n_iov = 1, .done = on_done, .opaque = try };
  block_submit (queue, &try->request);
}

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* Reads of what the host has in its cache end within block_submit(). */
static void
test_inline (void)
{
  Block *block = open_image (NULL);
  BlockQueue *queue = block_queue_new (block, NULL);
  g_autofree Try *tries = g_new0 (Try, N);
  g_autoptr (GError) error = NULL;

  g_assert_true (block_write_sync (block, 0, tries[0].data, sizeof tries[0].data, &error));
  block_begin_batch (queue);
  for (unsigned i = 0; i < N; i++)
    submit (queue, &tries[i], BLOCK_OP_READ);
  block_settle (queue);
  pump ();
  for (unsigned i = 0; i < N; i++)
    g_assert_cmpuint (tries[i].calls, ==, 0);
  block_end_batch (queue);
  for (unsigned i = 0; i < N; i++)
    g_assert_cmpuint (tries[i].calls, ==, 1);
  pump ();
  for (unsigned i = 0; i < N; i++)
    g_assert_cmpuint (tries[i].calls, ==, 1);
  g_assert_cmpuint (block_in_flight (queue), ==, 0);
  /* Behind it the context tells. */
  submit (queue, &tries[0], BLOCK_OP_READ);
  g_assert_cmpuint (tries[0].calls, ==, 1);
  while (tries[0].calls == 1)
    g_main_context_iteration (NULL, TRUE);
  block_queue_free (queue);
  block_close (block);
}

/* Whether a worker ends it before the batch has ended, or afterwards. */
static void
test_workers (void)
{
  Block *block = open_image ("");
  BlockFaults *faults = block_get_faults (block);
  BlockQueue *queue = block_queue_new (block, NULL);
  g_autofree Try *tries = g_new0 (Try, 3);

  block_faults_hold (faults, TRUE);
  block_begin_batch (queue);
  for (unsigned i = 0; i < 3; i++)
    submit (queue, &tries[i], BLOCK_OP_WRITE);
  while (block_faults_held (faults) < 3)
    g_usleep (1000);
  g_assert_true (block_faults_release (faults, 0));
  pump ();
  g_assert_cmpuint (tries[0].calls + tries[1].calls + tries[2].calls, ==, 0);
  block_end_batch (queue);
  g_assert_cmpuint (tries[0].calls + tries[1].calls + tries[2].calls, ==, 1);
  g_assert_true (block_faults_release (faults, 0));
  while (tries[0].calls + tries[1].calls + tries[2].calls < 2)
    g_main_context_iteration (NULL, TRUE);
  /* Cancelled within one. */
  block_begin_batch (queue);
  block_cancel_all (queue);
  g_assert_true (block_faults_release (faults, 0));
  block_settle (queue);
  block_end_batch (queue);
  for (unsigned i = 0; i < 3; i++)
    g_assert_cmpuint (tries[i].calls, ==, 1);
  block_queue_free (queue);
  block_close (block);
}

static gboolean
note_turn (gpointer data)
{
  (*(unsigned *)data)++;
  return G_SOURCE_CONTINUE;
}

/* What begins another with each ending doesn't keep the thread for itself. */
static void
test_endless (void)
{
  Block *block = open_image (NULL);
  BlockQueue *queue = block_queue_new (block, NULL);
  Try try = { .again = queue, .n_again = 5000 };
  GSource *other = g_idle_source_new ();
  unsigned turns = 0;

  g_source_set_priority (other, G_PRIORITY_HIGH);
  g_source_set_callback (other, note_turn, &turns, NULL);
  g_source_attach (other, NULL);
  block_begin_batch (queue);
  submit (queue, &try, BLOCK_OP_READ);
  block_settle (queue);
  block_end_batch (queue);
  g_assert_cmpuint (try.calls, <, 5000);
  while (try.calls < 5001)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (turns, >, 5);
  g_source_destroy (other);
  g_source_unref (other);
  block_queue_free (queue);
  block_close (block);
}

/* A queue that ends within one tells of all that it had. */
static void
test_freed (void)
{
  Block *block = open_image ("");
  BlockQueue *queue = block_queue_new (block, NULL);
  Try try = { 0 };

  block_begin_batch (queue);
  submit (queue, &try, BLOCK_OP_WRITE);
  block_queue_free (queue);
  g_assert_cmpuint (try.calls, ==, 1);
  block_close (block);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  g_autofree char *folder = g_dir_make_tmp ("viv-batch-XXXXXX", NULL);
  path = g_build_filename (folder, "disk.img", NULL);
  g_assert_true (block_image_create (path, "raw", 1 << 20, &error));
  g_test_add_func ("/batch/inline", test_inline);
  g_test_add_func ("/batch/workers", test_workers);
  g_test_add_func ("/batch/endless", test_endless);
  g_test_add_func ("/batch/freed", test_freed);
  int status = g_test_run ();
  g_unlink (path);
  g_rmdir (folder);
  g_free (path);
  return status;
}

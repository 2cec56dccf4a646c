/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Random requests on two queues of one image, each with a thread of its own, under a drive that is slow, fails and fills up, beside a
 * model of what each slot must hold.  A third thread cancels and retries.  Also meant for ThreadSanitizer.
 */
#include "block/block-testing.h"
#include "block/block.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define SLOTS     16u
#define SLOT      8192u
#define STEPS     1500u
#define N_WORKERS 2u

typedef struct Worker Worker;

/* A place of the image that one request at a time has to do with. */
typedef struct
{
  Worker *worker;
  BlockRequest request;
  struct iovec iov[3];
  uint8_t data[SLOT];
  uint64_t offset;
  gboolean busy, known;
  uint8_t holds; /* every byte, if known */
  uint8_t writes;
} Slot;

struct Worker
{
  Block *block;
  GRand *rand;
  uint64_t base;
  GMainContext *context;
  BlockQueue *queue;
  Slot slots[SLOTS], flush;
  unsigned ended, failed, cancelled;
};

static gint stop;

static void
on_done (void *opaque, int error)
{
  Slot *slot = opaque;
  Worker *worker = slot->worker;

  g_assert_true (slot->busy);
  g_assert_true (g_main_context_is_owner (worker->context));
  slot->busy = FALSE;
  worker->ended++;
  worker->failed += error != 0 && error != ECANCELED;
  worker->cancelled += error == ECANCELED;
  switch (slot->request.op)
    {
    case BLOCK_OP_READ:
      if (error == 0 && slot->known)
        for (unsigned i = 0; i < SLOT; i++)
          g_assert_cmphex (slot->data[i], ==, slot->holds);
      break;
    case BLOCK_OP_WRITE:
    case BLOCK_OP_WRITE_ZEROES:
      /* A write that failed may have happened in part. */
      slot->known = error == 0;
      slot->holds = slot->writes;
      break;
    case BLOCK_OP_DISCARD:
      slot->known = FALSE;
      break;
    default:
      break;
    }
}

static gboolean
on_error (void *opaque, const BlockRequest *request, int error)
{
  return error == ENOSPC;
}

static void
begin (Worker *worker, Slot *slot, BlockOp op)
{
  unsigned cut = (unsigned)g_rand_int_range (worker->rand, 0, SLOT), rest = SLOT - cut;

  slot->busy = TRUE;
  slot->writes = op == BLOCK_OP_WRITE ? (uint8_t)g_rand_int (worker->rand) : 0;
  if (op == BLOCK_OP_WRITE)
    memset (slot->data, slot->writes, SLOT);
  slot->iov[0] = (struct iovec){ .iov_base = slot->data, .iov_len = cut };
  slot->iov[1] = (struct iovec){ .iov_base = slot->data + cut, .iov_len = rest / 3 };
  slot->iov[2] = (struct iovec){ .iov_base = slot->data + cut + rest / 3, .iov_len = rest - rest / 3 };
  slot->request = (BlockRequest){
    .op = op,
    .offset = slot->offset,
    .iov = slot->iov,
    .n_iov = 3,
    .length = SLOT,
    .flags = cut & 1 ? BLOCK_REQUEST_UNMAP : 0,
    .done = on_done,
    .opaque = slot,
  };
  block_submit (worker->queue, &slot->request);
}

static void
step (Worker *worker)
{
  static const BlockOp ops[] = { BLOCK_OP_READ,  BLOCK_OP_READ,  BLOCK_OP_READ,         BLOCK_OP_WRITE,
                                 BLOCK_OP_WRITE, BLOCK_OP_WRITE, BLOCK_OP_WRITE_ZEROES, BLOCK_OP_DISCARD };
  unsigned what = (unsigned)g_rand_int_range (worker->rand, 0, 100);
  Slot *slot = &worker->slots[g_rand_int_range (worker->rand, 0, SLOTS)];

  if (what < 3)
    block_cancel_all (worker->queue);
  else if (what < 5)
    block_settle (worker->queue);
  else if (what < 7)
    block_drain (worker->queue);
  else if (what < 10 && !worker->flush.busy)
    begin (worker, &worker->flush, BLOCK_OP_FLUSH);
  else if (what < 30)
    g_main_context_iteration (worker->context, FALSE);
  else if (!slot->busy)
    begin (worker, slot, ops[what % G_N_ELEMENTS (ops)]);
  else
    block_retry (worker->queue);
}

static gpointer
run_worker (gpointer data)
{
  Worker *worker = data;

  g_assert_true (g_main_context_acquire (worker->context));
  for (unsigned i = 0; i < STEPS; i++)
    step (worker);
  /* All that is parked goes on until it fits. */
  while (block_in_flight (worker->queue) > 0)
    {
      block_retry (worker->queue);
      block_drain (worker->queue);
    }
  for (unsigned i = 0; i < SLOTS; i++)
    {
      g_assert_false (worker->slots[i].busy);
      begin (worker, &worker->slots[i], BLOCK_OP_READ);
    }
  /* The queue ends with these in flight. */
  g_main_context_release (worker->context);
  return NULL;
}

/* Whose queues are alive until this has ended. */
static gpointer
run_disturber (gpointer data)
{
  Worker *workers = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);

  while (!g_atomic_int_get (&stop))
    {
      Worker *worker = &workers[g_rand_int_range (rand, 0, N_WORKERS)];
      BlockFaults *faults = block_get_faults (worker->block);
      static const int errors[] = { EIO, ENOSPC, ENOSPC, EROFS };

      switch (g_rand_int_range (rand, 0, 8))
        {
        case 0:
          block_cancel_all (worker->queue);
          break;
        case 1:
        case 2:
          block_retry (worker->queue);
          break;
        case 3:
          block_settle (worker->queue);
          break;
        default:
          block_faults_fail (faults, (BlockOp)g_rand_int_range (rand, 0, BLOCK_N_OPS),
                             errors[g_rand_int_range (rand, 0, G_N_ELEMENTS (errors))], 3, 2);
          break;
        }
      g_usleep (200);
    }
  return NULL;
}

static void
stress (const char *test, BlockFlags flags)
{
  g_autofree char *folder = g_dir_make_tmp ("viv-stress-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "disk.img", NULL);
  const BlockConfig config = { .path = path, .format = "raw", .flags = flags, .test = test };
  g_autofree Worker *workers = g_new0 (Worker, N_WORKERS);
  GThread *threads[N_WORKERS], *disturber;
  unsigned ended = 0;

  g_assert_true (block_image_create (path, "raw", N_WORKERS * SLOTS * SLOT, NULL));
  Block *block = block_open (&config, NULL);
  g_assert_nonnull (block);
  g_atomic_int_set (&stop, 0);
  for (unsigned i = 0; i < N_WORKERS; i++)
    {
      Worker *worker = &workers[i];
      worker->block = block;
      worker->rand = g_rand_new_with_seed (i + 1);
      worker->base = (uint64_t)i * SLOTS * SLOT;
      worker->context = g_main_context_new ();
      worker->queue = block_queue_new (block, worker->context);
      worker->flush.worker = worker;
      block_set_error_func (worker->queue, on_error, worker);
      for (unsigned n = 0; n < SLOTS; n++)
        {
          worker->slots[n].worker = worker;
          worker->slots[n].offset = worker->base + n * SLOT;
          worker->slots[n].known = TRUE;
        }
    }
  disturber = g_thread_new ("disturber", run_disturber, workers);
  for (unsigned i = 0; i < N_WORKERS; i++)
    threads[i] = g_thread_new ("worker", run_worker, &workers[i]);
  for (unsigned i = 0; i < N_WORKERS; i++)
    g_thread_join (threads[i]);
  g_atomic_int_set (&stop, 1);
  g_thread_join (disturber);
  for (unsigned i = 0; i < N_WORKERS; i++)
    {
      g_assert_true (g_main_context_acquire (workers[i].context));
      block_queue_free (workers[i].queue);
      g_main_context_release (workers[i].context);
      for (unsigned n = 0; n < SLOTS; n++)
        g_assert_false (workers[i].slots[n].busy);
      ended += workers[i].ended;
      g_test_message ("%u ended, %u failed, %u cancelled", workers[i].ended, workers[i].failed,
                      workers[i].cancelled);
      g_main_context_unref (workers[i].context);
      g_rand_free (workers[i].rand);
    }
  g_assert_cmpuint (ended, >, STEPS / 10);
  for (BlockOp op = 0; op < BLOCK_N_OPS; op++)
    block_faults_fail (block_get_faults (block), op, 0, 0, 0);
  block_close (block);
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_file (void)
{
  stress ("delay=300,partial", 0);
}

static void
test_cache (void)
{
  stress ("volatile,delay=100,partial", 0);
}

static void
test_overlay (void)
{
  stress ("delay=100", BLOCK_DISCARD_CHANGES);
}

static void
test_memory (void)
{
  stress ("memory,delay=20", 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stress/file", test_file);
  g_test_add_func ("/stress/cache", test_cache);
  g_test_add_func ("/stress/overlay", test_overlay);
  g_test_add_func ("/stress/memory", test_memory);
  return g_test_run ();
}

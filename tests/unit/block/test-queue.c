/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Queues: cancelling, settling, draining, errors that park, two of them on two threads, flushes and crashes, calls of the kernel that
 * do half of what they were asked.
 */
#include "base/thread-kind.h"
#include "block/block-testing.h"
#include "block/block.h"
#include "block/block-vector.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *folder;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static Block *
open_test (const char *name, const char *test)
{
  g_autofree char *path = path_of (name);
  const BlockConfig config = { .path = path, .format = "raw", .test = test };
  g_autoptr (GError) error = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    g_assert_true (block_image_create (path, "raw", 1 << 20, &error));
  Block *block = block_open (&config, &error);
  g_assert_no_error (error);
  return block;
}

typedef struct
{
  BlockRequest request;
  struct iovec iov[4];
  uint8_t data[4096];
  int calls, error;
  unsigned order;
} Try;

static gint endings;

static void
on_done (void *opaque, int error)
{
  Try *try = opaque;

  try->calls++;
  try->error = error;
  try->order = (unsigned)g_atomic_int_add (&endings, 1) + 1;
}

static void
submit (BlockQueue *queue, Try *try, BlockOp op, uint64_t offset)
{
  try->calls = 0;
  try->iov[0] = (struct iovec){ .iov_base = try->data, .iov_len = sizeof try->data };
  try->request = (BlockRequest){
    .op = op,
    .offset = offset,
    .iov = try->iov,
    .n_iov = 1,
    .length = sizeof try->data,
    .done = on_done,
    .opaque = try,
  };
  block_submit (queue, &try->request);
}

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static int
finish (BlockQueue *queue, Try *try, BlockOp op, uint64_t offset)
{
  submit (queue, try, op, offset);
  while (try->calls == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (try->calls, ==, 1);
  return try->error;
}

/* Several in flight, ended in another order; each hears of it once, on the context. */
static void
test_order (void)
{
  Block *block = open_test ("order.img", "");
  BlockFaults *faults = block_get_faults (block);
  BlockQueue *queue = block_queue_new (block, NULL);
  g_autofree Try *tries = g_new0 (Try, 8);

  block_faults_hold (faults, TRUE);
  for (unsigned i = 0; i < 8; i++)
    submit (queue, &tries[i], i % 2 ? BLOCK_OP_WRITE : BLOCK_OP_READ, i * 8192);
  g_assert_cmpuint (block_in_flight (queue), ==, 8);
  g_assert_cmpuint (block_faults_held (faults), ==, 8);
  pump ();
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmpint (tries[i].calls, ==, 0);
  endings = 0;
  for (unsigned i = 8; i > 0; i--)
    g_assert_true (block_faults_release (faults, i - 1));
  g_assert_false (block_faults_release (faults, 0));
  pump ();
  for (unsigned i = 0; i < 8; i++)
    {
      g_assert_cmpint (tries[i].calls, ==, 1);
      g_assert_cmpint (tries[i].error, ==, 0);
      g_assert_cmpuint (tries[i].order, ==, 8 - i);
    }
  g_assert_cmpuint (block_in_flight (queue), ==, 0);
  block_queue_free (queue);
  block_close (block);
}

static gpointer
release_later (gpointer faults)
{
  g_usleep (2000);
  while (block_faults_release (faults, 0))
    ;
  return NULL;
}

/* What a worker has not begun ends as cancelled, the rest as it would have; settling waits for that and calls nobody. */
static void
test_cancel (void)
{
  /* Ten milliseconds each, and four workers: of forty most still wait. */
  Block *block = open_test ("cancel.img", "delay=20000");
  BlockQueue *queue = block_queue_new (block, NULL), *other = block_queue_new (block, NULL);
  g_autofree Try *tries = g_new0 (Try, 40);
  unsigned cancelled = 0;
  Try one = { 0 };

  for (unsigned i = 0; i < 40; i++)
    submit (queue, &tries[i], BLOCK_OP_WRITE, i * 8192);
  submit (other, &one, BLOCK_OP_WRITE, 0);
  block_cancel_all (queue);
  block_settle (queue);
  for (unsigned i = 0; i < 40; i++)
    g_assert_cmpint (tries[i].calls, ==, 0);
  block_drain (queue);
  for (unsigned i = 0; i < 40; i++)
    {
      g_assert_cmpint (tries[i].calls, ==, 1);
      g_assert_true (tries[i].error == 0 || tries[i].error == ECANCELED);
      cancelled += tries[i].error == ECANCELED;
    }
  g_assert_cmpuint (cancelled, >=, 30);
  /* Another queue's aren't touched. */
  block_drain (other);
  g_assert_cmpint (one.calls, ==, 1);
  g_assert_cmpint (one.error, ==, 0);
  block_queue_free (queue);
  block_queue_free (other);
  block_close (block);
  /* A queue that ends while the driver has a request. */
  block = open_test ("cancel.img", "");
  queue = block_queue_new (block, NULL);
  block_faults_hold (block_get_faults (block), TRUE);
  submit (queue, &one, BLOCK_OP_READ, 0);
  GThread *thread = g_thread_new ("release", release_later, block_get_faults (block));
  block_queue_free (queue);
  g_assert_cmpint (one.calls, ==, 1);
  g_thread_join (thread);
  pump ();
  block_close (block);
}

typedef struct
{
  BlockQueue *queue;
  unsigned asked;
  int error;
  gboolean keep, cancel, retry;
} Judge;

static gboolean
on_error (void *opaque, const BlockRequest *request, int error)
{
  Judge *judge = opaque;

  judge->asked++;
  judge->error = error;
  if (judge->cancel)
    block_cancel_all (judge->queue);
  if (judge->retry)
    block_retry (judge->queue);
  return judge->keep;
}

/* Each kind of error: parked and tried again, as often as it takes, in the order in which the requests came; or told. */
static void
test_errors (void)
{
  static const int kinds[] = { ENOSPC, EDQUOT, EIO, EROFS, ENOMEM, ESTALE, EBADMSG };
  Block *block = open_test ("errors.img", "");
  BlockFaults *faults = block_get_faults (block);
  BlockQueue *queue = block_queue_new (block, NULL);
  g_autofree Try *tries = g_new0 (Try, 3);
  Judge judge = { .queue = queue, .keep = TRUE };

  block_set_error_func (queue, on_error, &judge);
  for (unsigned k = 0; k < G_N_ELEMENTS (kinds); k++)
    for (BlockOp op = 0; op < BLOCK_N_OPS; op++)
      {
        judge.asked = 0;
        block_faults_fail (faults, op, kinds[k], 6, 0); /* three, twice */
        for (unsigned i = 0; i < 3; i++)
          submit (queue, &tries[i], op, i * 4096);
        for (unsigned turn = 1; turn <= 2; turn++)
          {
            block_drain (queue);
            g_assert_cmpuint (judge.asked, ==, 3 * turn);
            g_assert_cmpint (judge.error, ==, kinds[k]);
            g_assert_cmpuint (block_in_flight (queue), ==, 3);
            block_retry (queue);
          }
        block_drain (queue);
        for (unsigned i = 0; i < 3; i++)
          {
            g_assert_cmpint (tries[i].calls, ==, 1);
            g_assert_cmpint (tries[i].error, ==, 0);
          }
        /* Not kept. */
        judge.keep = FALSE;
        block_faults_fail (faults, op, kinds[k], 1, 0);
        g_assert_cmpint (finish (queue, &tries[0], op, 0), ==, kinds[k]);
        judge.keep = TRUE;
      }
  /* Parked, then cancelled. */
  block_faults_fail (faults, BLOCK_OP_WRITE, ENOSPC, 1, 0);
  submit (queue, &tries[0], BLOCK_OP_WRITE, 0);
  block_drain (queue);
  g_assert_cmpint (tries[0].calls, ==, 0);
  block_cancel_all (queue);
  block_drain (queue);
  g_assert_cmpint (tries[0].calls, ==, 1);
  g_assert_cmpint (tries[0].error, ==, ECANCELED);
  /* Cancelled, or tried again, while it is being decided. */
  judge.cancel = TRUE;
  block_faults_fail (faults, BLOCK_OP_WRITE, ENOSPC, 1, 0);
  g_assert_cmpint (finish (queue, &tries[0], BLOCK_OP_WRITE, 0), ==, ECANCELED);
  judge.cancel = FALSE;
  judge.retry = TRUE;
  block_faults_fail (faults, BLOCK_OP_WRITE, ENOSPC, 5, 0);
  g_assert_cmpint (finish (queue, &tries[0], BLOCK_OP_WRITE, 0), ==, 0);
  judge.retry = FALSE;
  /* A queue that ends with a parked request gives it back. */
  block_faults_fail (faults, BLOCK_OP_WRITE, ENOSPC, 1, 0);
  submit (queue, &tries[0], BLOCK_OP_WRITE, 0);
  block_drain (queue);
  block_queue_free (queue);
  g_assert_cmpint (tries[0].calls, ==, 1);
  g_assert_cmpint (tries[0].error, ==, ECANCELED);
  block_close (block);
}

/* -- Two threads --------------------------------------------------------------------------------------- */

#define ROUNDS 400

typedef struct
{
  Block *block;
  uint64_t base;
} Half;

/* A context, a queue and half of the image of its own; completions must come here. */
static gpointer
work_on_half (gpointer data)
{
  const Half *half = data;
  GMainContext *context = g_main_context_new ();
  BlockQueue *queue = block_queue_new (half->block, context);
  g_autofree Try *tries = g_new0 (Try, 8);

  for (unsigned round = 0; round < ROUNDS; round++)
    {
      for (unsigned i = 0; i < 8; i++)
        {
          memset (tries[i].data, (int)(round + i), sizeof tries[i].data);
          submit (queue, &tries[i], BLOCK_OP_WRITE, half->base + i * 4096);
        }
      for (unsigned left = 8; left > 0;)
        {
          g_main_context_iteration (context, TRUE);
          left = 0;
          for (unsigned i = 0; i < 8; i++)
            left += tries[i].calls == 0;
        }
      Try back = { 0 };
      submit (queue, &back, BLOCK_OP_READ, half->base + round % 8 * 4096);
      block_drain (queue);
      g_assert_cmpint (back.error, ==, 0);
      g_assert_cmpint (back.data[4095], ==, (uint8_t)(round + round % 8));
    }
  block_queue_free (queue);
  g_main_context_unref (context);
  return NULL;
}

static void
two_threads (const char *test)
{
  Block *block = open_test ("threads.img", test);
  Half halves[2] = { { block, 0 }, { block, 1 << 19 } };
  GThread *threads[2];

  for (unsigned i = 0; i < 2; i++)
    threads[i] = g_thread_new ("half", work_on_half, &halves[i]);
  for (unsigned i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  block_close (block);
}

static void
test_two_threads (void)
{
  two_threads (NULL);
  two_threads ("memory=1048576");
  two_threads ("volatile,delay=50");
}

/* -- Flushes and crashes --------------------------------------------------------------------------------- */

/* Sectors are written with rising numbers.  After the power fails each has a number that is not older than what a flush promised. */
static void
test_crash (void)
{
  g_autofree char *path = path_of ("crash.img");
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  gboolean lost = FALSE, kept = FALSE;

  for (unsigned turn = 0; turn < 30; turn++)
    {
      g_autofree char *test = g_strdup_printf ("volatile,seed=%u", turn + 1);
      Block *block = open_test ("crash.img", test);
      BlockQueue *queue = block_queue_new (block, NULL);
      uint32_t last[64] = { 0 }, promised[64] = { 0 };
      g_autofree Try *try = g_new0 (Try, 1);
      memset (try->data, 0, sizeof try->data);
      for (unsigned i = 0; i < 64; i += 8)
        g_assert_cmpint (finish (queue, try, BLOCK_OP_WRITE, i * 512), ==, 0);
      g_assert_cmpint (finish (queue, try, BLOCK_OP_FLUSH, 0), ==, 0);
      for (unsigned i = 1; i < 200; i++)
        {
          unsigned first = (unsigned)g_rand_int_range (rand, 0, 57);
          for (unsigned s = 0; s < 8; s++)
            {
              memcpy (try->data + 512 * s, &i, sizeof i);
              last[first + s] = i;
            }
          g_assert_cmpint (finish (queue, try, BLOCK_OP_WRITE, first * 512), ==, 0);
          if (g_rand_int_range (rand, 0, 20) == 0)
            {
              g_assert_cmpint (finish (queue, try, BLOCK_OP_FLUSH, 0), ==, 0);
              memcpy (promised, last, sizeof last);
            }
        }
      block_faults_crash (block_get_faults (block));
      g_assert_cmpint (finish (queue, try, BLOCK_OP_READ, 0), ==, EIO);
      block_queue_free (queue);
      g_test_expect_message ("block", G_LOG_LEVEL_CRITICAL, "*may not be on its disk*");
      block_close (block);
      g_test_assert_expected_messages ();
      g_autofree char *content = NULL;
      g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
      for (unsigned s = 0; s < 64; s++)
        {
          uint32_t number;
          memcpy (&number, content + 512 * s, sizeof number);
          g_assert_cmpuint (number, >=, promised[s]);
          g_assert_cmpuint (number, <=, last[s]);
          lost |= number < last[s];
          kept |= number > promised[s];
        }
    }
  g_assert_true (lost);
  g_assert_true (kept);
}

/* A flush promises what was done before it was asked for, and not what ends meanwhile. */
static void
test_flush_order (void)
{
  gboolean lost = FALSE;

  for (unsigned turn = 0; turn < 20; turn++)
    {
      g_autofree char *test = g_strdup_printf ("volatile,seed=%u", turn + 1), *path = path_of ("flush.img");
      Block *block = open_test ("flush.img", test);
      BlockFaults *faults = block_get_faults (block);
      BlockQueue *queue = block_queue_new (block, NULL);
      g_autofree Try *tries = g_new0 (Try, 3);
      memset (tries[0].data, 1, 4096);
      memset (tries[1].data, 2, 4096);
      g_assert_cmpint (finish (queue, &tries[0], BLOCK_OP_WRITE, 0), ==, 0);
      block_faults_hold (faults, TRUE);
      submit (queue, &tries[1], BLOCK_OP_WRITE, 0);
      submit (queue, &tries[2], BLOCK_OP_FLUSH, 0);
      block_faults_release (faults, 0);
      block_faults_release (faults, 0);
      block_drain (queue);
      block_faults_crash (faults);
      block_queue_free (queue);
      g_test_expect_message ("block", G_LOG_LEVEL_CRITICAL, "*may not be on its disk*");
      block_close (block);
      g_test_assert_expected_messages ();
      g_autofree char *content = NULL;
      g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
      for (unsigned s = 0; s < 8; s++)
        {
          g_assert_true (content[512 * s] == 1 || content[512 * s] == 2);
          lost |= content[512 * s] == 1;
        }
      g_unlink (path);
    }
  g_assert_true (lost);
}

/* -- Half of what was asked ----------------------------------------------------------------------------- */

static unsigned calls, room;

static ssize_t
short_preadv (int fd, const struct iovec *iov, int n, off_t offset)
{
  struct iovec part[4];

  if (++calls % 3 == 0)
    {
      errno = EINTR;
      return -1;
    }
  unsigned k = block_vector_slice (iov, (unsigned)n, 0, 777, part, 4);
  return preadv (fd, part, (int)k, offset);
}

static ssize_t
short_pwritev (int fd, const struct iovec *iov, int n, off_t offset)
{
  struct iovec part[4];

  if (++calls % 3 == 0 || room == 0)
    {
      errno = room == 0 ? ENOSPC : EINTR;
      return -1;
    }
  unsigned k = block_vector_slice (iov, (unsigned)n, 0, MIN (room, 777), part, 4);
  ssize_t done = pwritev (fd, part, (int)k, offset);
  room -= (unsigned)done;
  return done;
}

static int
no_fallocate (int fd, int mode, off_t offset, off_t length)
{
  errno = EOPNOTSUPP;
  return -1;
}

static void
split (Try *try)
{
  static const size_t cuts[] = { 0, 1000, 1001, 3000, 4096 };

  for (unsigned i = 0; i < 4; i++)
    try->iov[i] = (struct iovec){ .iov_base = try->data + cuts[i], .iov_len = cuts[i + 1] - cuts[i] };
  try->request.n_iov = 4;
}

static int
finish_split (BlockQueue *queue, Try *try, BlockOp op, uint64_t offset)
{
  try->request
      = (BlockRequest){ .op = op, .offset = offset, .iov = try->iov, .done = on_done, .opaque = try };
  try->calls = 0;
  split (try);
  block_submit (queue, &try->request);
  block_drain (queue);
  return try->error;
}

static void
test_short_calls (void)
{
  const BlockFileCalls real = block_file_calls;
  Block *block = open_test ("short.img", ""); /* no reads without a worker */
  BlockQueue *queue = block_queue_new (block, NULL);
  g_autofree Try *write = g_new0 (Try, 1), *read = g_new0 (Try, 1);
  uint8_t zeros[512] = { 0 };

  for (unsigned i = 0; i < sizeof write->data; i++)
    write->data[i] = (uint8_t)(i * 13 + i / 251);
  block_file_calls = (BlockFileCalls){ short_preadv, short_pwritev, no_fallocate, real.fdatasync };
  room = G_MAXUINT;
  g_assert_cmpint (finish_split (queue, write, BLOCK_OP_WRITE, 1024), ==, 0);
  g_assert_cmpint (finish_split (queue, read, BLOCK_OP_READ, 1024), ==, 0);
  g_assert_cmpmem (read->data, 4096, write->data, 4096);
  /* No room in the middle of the vector; then there is. */
  room = 2500;
  g_assert_cmpint (finish_split (queue, write, BLOCK_OP_WRITE, 65536), ==, ENOSPC);
  room = G_MAXUINT;
  g_assert_cmpint (finish_split (queue, write, BLOCK_OP_WRITE, 65536), ==, 0);
  g_assert_cmpint (finish_split (queue, read, BLOCK_OP_READ, 65536), ==, 0);
  g_assert_cmpmem (read->data, 4096, write->data, 4096);
  /* Zeros where the file system has no way of its own; a discard may do nothing then. */
  write->request = (BlockRequest){
    .op = BLOCK_OP_WRITE_ZEROES,
    .offset = 65536 + 512,
    .length = 1024,
    .done = on_done,
    .opaque = write,
  };
  block_submit (queue, &write->request);
  block_drain (queue);
  g_assert_cmpint (write->error, ==, 0);
  g_assert_cmpint (finish_split (queue, read, BLOCK_OP_READ, 65536), ==, 0);
  g_assert_cmpmem (read->data, 512, write->data, 512);
  g_assert_cmpmem (read->data + 512, 512, zeros, 512);
  g_assert_cmpmem (read->data + 1024, 512, zeros, 512);
  g_assert_cmpmem (read->data + 1536, 2560, write->data + 1536, 2560);
  g_assert_cmpint (finish (queue, read, BLOCK_OP_DISCARD, 0), ==, 0);
  block_queue_free (queue);
  block_close (block);
  block_file_calls = real;
}

/* From here on this process gets no thread. */
static void
refuse_threads (void)
{
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter = { .len = G_N_ELEMENTS (code), .filter = code };

  g_assert_cmpint (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), ==, 0);
  g_assert_cmpint (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), ==, 0);
}

/* A request that no worker can be had for ends, as what the host can't do now, and is not waited for in vain. */
static void
test_no_worker (void)
{
  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 60 * G_TIME_SPAN_SECOND, G_TEST_SUBPROCESS_INHERIT_STDERR);
      g_test_trap_assert_passed ();
      return;
    }
  Block *block = open_test ("no-worker.img", NULL);
  g_autofree Try *try = g_new0 (Try, 1);

  refuse_threads ();
  g_test_expect_message ("block", G_LOG_LEVEL_WARNING, "*no thread*");
  BlockQueue *queue = block_queue_new (block, NULL);
  g_test_assert_expected_messages ();
  for (unsigned i = 0; i < 2; i++)
    {
      g_test_expect_message ("block", G_LOG_LEVEL_WARNING, "*no thread*");
      submit (queue, try, BLOCK_OP_WRITE, 0);
      block_settle (queue);
      g_assert_cmpint (try->calls, ==, 0);
      block_drain (queue);
      g_assert_cmpint (try->calls, ==, 1);
      g_assert_cmpint (try->error, ==, ENOMEM);
      g_test_assert_expected_messages ();
    }
  block_queue_free (queue);
  block_close (block);
  /* A search for leaks at the end would need a thread. */
  _exit (0);
}

static struct
{
  GMutex lock;
  GCond cond;
  unsigned n; /* threads that were confined */
} kinds;

/* Nobody goes on before a second is there. */
static void
on_kind (ThreadKind kind)
{
  g_assert_cmpint (kind, ==, THREAD_DISK);
  g_mutex_lock (&kinds.lock);
  kinds.n++;
  g_cond_broadcast (&kinds.cond);
  while (kinds.n < 2)
    g_cond_wait (&kinds.cond, &kinds.lock);
  g_mutex_unlock (&kinds.lock);
}

typedef struct
{
  BlockQueue *queue;
  Try tries[8];
} Submitter;

static gpointer
submit_all (gpointer data)
{
  Submitter *submitter = data;

  refuse_threads ();
  for (unsigned i = 0; i < G_N_ELEMENTS (submitter->tries); i++)
    submit (submitter->queue, &submitter->tries[i], BLOCK_OP_WRITE, i * 8192);
  return NULL;
}

/* A processor may make no threads: what it submits is carried out by several workers all the same, each of which is confined once, by itself or
 * by who made it. */
static void
test_submitter (void)
{
  Block *block = open_test ("submitter.img", "");
  BlockQueue *queue = block_queue_new (block, NULL);
  g_autofree Submitter *submitter = g_new0 (Submitter, 1);

  thread_kind_set_func (on_kind);
  submitter->queue = queue;
  g_thread_join (g_thread_new ("submitter", submit_all, submitter));
  block_drain (queue);
  for (unsigned i = 0; i < G_N_ELEMENTS (submitter->tries); i++)
    {
      g_assert_cmpint (submitter->tries[i].calls, ==, 1);
      g_assert_cmpint (submitter->tries[i].error, ==, 0);
    }
  g_assert_false (thread_kind_done ());
  block_queue_free (queue);
  block_close (block);
  thread_kind_set_func (NULL);
  g_assert_cmpuint (kinds.n, >=, 2);
  g_assert_cmpuint (kinds.n, <=, 4);
}

static gpointer
begin_twice (gpointer heir)
{
  if (heir != NULL)
    thread_kind_inherit ();
  thread_kind_begin (THREAD_DISK);
  g_assert_true (thread_kind_done ());
  thread_kind_begin (THREAD_DISK);
  return NULL;
}

static void
test_kinds (void)
{
  thread_kind_begin (THREAD_DISK);
  g_assert_false (thread_kind_done ());
  kinds.n = 2;
  thread_kind_set_func (on_kind);
  g_thread_join (g_thread_new ("one", begin_twice, NULL));
  g_assert_cmpuint (kinds.n, ==, 3);
  g_thread_join (g_thread_new ("heir", begin_twice, &kinds));
  g_assert_cmpuint (kinds.n, ==, 3);
  g_assert_false (thread_kind_done ());
  thread_kind_set_func (NULL);
  kinds.n = 0;
}

static void
test_words (void)
{
  static const char *const wrong[]
      = { "rot",    "fail=write", "fail=write:ENONSENSE", "fail=turn:EIO", "fail=read:EIO:x",
          "delay=", "memory=x",   "seed=99999999999" };
  g_autofree char *path = path_of ("words.img");

  g_assert_true (block_image_create (path, "raw", 65536, NULL));
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      const BlockConfig config = { .path = path, .format = "raw", .test = wrong[i] };
      g_autoptr (GError) error = NULL;
      g_assert_null (block_open (&config, &error));
      g_assert_nonnull (error);
    }
  Block *block = open_test ("words.img", "memory,fail=read:EIO:1:1,fail=flush:ENOSPC,partial");
  uint8_t byte = 7;
  g_autoptr (GError) error = NULL;
  g_assert_true (block_read_sync (block, 0, &byte, 1, &error));
  g_assert_cmpint (byte, ==, 0);
  g_assert_false (block_read_sync (block, 0, &byte, 1, NULL));
  g_assert_true (block_read_sync (block, 0, &byte, 1, &error));
  g_assert_false (block_flush_sync (block, NULL));
  g_test_expect_message ("block", G_LOG_LEVEL_CRITICAL, "*may not be on its disk*");
  block_close (block);
  g_test_assert_expected_messages ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("viv-queue-XXXXXX", NULL);
  g_test_add_func ("/queue/order", test_order);
  g_test_add_func ("/queue/cancel", test_cancel);
  g_test_add_func ("/queue/errors", test_errors);
  g_test_add_func ("/queue/two-threads", test_two_threads);
  g_test_add_func ("/queue/crash", test_crash);
  g_test_add_func ("/queue/flush-order", test_flush_order);
  g_test_add_func ("/queue/short-calls", test_short_calls);
  g_test_add_func ("/queue/words", test_words);
  g_test_add_func ("/queue/no-worker", test_no_worker);
  g_test_add_func ("/queue/submitter", test_submitter);
  g_test_add_func ("/queue/kinds", test_kinds);
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

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Queues: requests on their way to a driver and back.  See block.h.
 *
 * A request waits for a worker (on its image's list), is begun (a worker or the driver has it), has ended (on its queue's list, for
 * the context), or is parked.  Whoever takes it off a list, or clears `parked`, under the lock has it alone.
 */
#define G_LOG_DOMAIN "block"

#include "base/thread-kind.h"
#include "block/block-private.h"
#include "block/block-vector.h"

#include <errno.h>

#define WORKERS         4 /* an image, at most */
#define WORKER_PATIENCE (5 * G_TIME_SPAN_SECOND)
#define MOST_AT_ONCE    512u /* calls of done() */

struct BlockQueue
{
  gint refs;
  Block *block;
  GSource *source;
  BlockErrorFunc error_func;
  void *error_opaque;

  GMutex lock;
  GCond settled;
  unsigned settling; /* threads that wait for it: a broadcast costs a system call */
  unsigned begun;    /* those that wait for a worker, too: somebody may touch their memory */
  unsigned in_flight;
  BlockRequest *all;
  BlockRequest *ended, **ended_tail;
  gboolean batch;   /* whoever has begun one calls done() */
  unsigned retries; /* calls of block_retry() */
};

typedef struct
{
  GSource source;
  BlockQueue *queue;
} QueueSource;

static BlockQueue *
queue_ref (BlockQueue *queue)
{
  g_atomic_int_inc (&queue->refs);
  return queue;
}

static void
queue_unref (BlockQueue *queue)
{
  if (!g_atomic_int_dec_and_test (&queue->refs))
    return;
  g_mutex_clear (&queue->lock);
  g_cond_clear (&queue->settled);
  g_free (queue);
}

/* -- The queue's list of all: lock held ----------------------------------------------------------- */

static void
link_request (BlockQueue *queue, BlockRequest *request)
{
  request->previous = NULL;
  request->next = queue->all;
  if (queue->all != NULL)
    queue->all->previous = request;
  queue->all = request;
  queue->in_flight++;
}

static void
unlink_request (BlockQueue *queue, BlockRequest *request)
{
  if (request->previous != NULL)
    request->previous->next = request->next;
  else
    queue->all = request->next;
  if (request->next != NULL)
    request->next->previous = request->previous;
  queue->in_flight--;
}

static void
end_request (BlockQueue *queue, BlockRequest *request, int error)
{
  request->parked = FALSE;
  request->error = error;
  request->next_waiting = NULL;
  *queue->ended_tail = request;
  queue->ended_tail = &request->next_waiting;
  /* That costs the loop a turn, and wakes it by two system calls. */
  if (!queue->batch)
    g_source_set_ready_time (queue->source, 0);
}

/* -- Endings --------------------------------------------------------------------------------------- */

static void
count (Block *block, const BlockRequest *request)
{
  BlockStats *stats = &block->stats;

  g_mutex_lock (&block->lock);
  if (request->op == BLOCK_OP_READ)
    {
      stats->reads++;
      stats->read_bytes += request->length;
    }
  else if (request->op == BLOCK_OP_WRITE || request->op == BLOCK_OP_WRITE_ZEROES)
    {
      stats->writes++;
      stats->written_bytes += request->length;
    }
  else if (request->op == BLOCK_OP_FLUSH)
    stats->flushes++;
  g_mutex_unlock (&block->lock);
}

void
block_complete (BlockRequest *request, int error)
{
  /* Once the lock is let go of the request may be gone, and the queue with it. */
  BlockQueue *queue = queue_ref (request->queue);

  if (error == 0)
    count (queue->block, request);
  g_mutex_lock (&queue->lock);
  end_request (queue, request, error);
  if (--queue->begun == 0 && queue->settling > 0)
    g_cond_broadcast (&queue->settled);
  g_mutex_unlock (&queue->lock);
  queue_unref (queue);
}

static BlockRequest *
take_ended (BlockQueue *queue)
{
  g_mutex_lock (&queue->lock);
  BlockRequest *request = queue->ended;
  if (request != NULL)
    {
      queue->ended = request->next_waiting;
      if (queue->ended == NULL)
        queue->ended_tail = &queue->ended;
    }
  g_mutex_unlock (&queue->lock);
  return request;
}

static void push (BlockQueue *queue, BlockRequest *request);

/* TRUE: the request stays with the queue. */
static gboolean
park (BlockQueue *queue, BlockRequest *request)
{
  gboolean again = FALSE, parked = FALSE;

  g_mutex_lock (&queue->lock);
  unsigned retries = queue->retries;
  /* Who frees the queue on another thread takes them away. */
  BlockErrorFunc ask = !request->cancelled ? queue->error_func : NULL;
  void *opaque = queue->error_opaque;
  g_mutex_unlock (&queue->lock);
  if (ask == NULL || !ask (opaque, request, request->error))
    return FALSE;
  g_mutex_lock (&queue->lock);
  /* Meanwhile another thread may have cancelled it, or wished it tried again. */
  if (request->cancelled)
    request->error = ECANCELED;
  else if (queue->retries != retries)
    {
      again = TRUE;
      queue->begun++;
    }
  else
    {
      parked = request->parked = TRUE;
    }
  g_mutex_unlock (&queue->lock);
  if (again)
    push (queue, request);
  return parked || again;
}

static void
deliver (BlockQueue *queue)
{
  BlockRequest *request;

  for (unsigned i = 0; i < MOST_AT_ONCE && (request = take_ended (queue)) != NULL; i++)
    if (request->error == 0 || !park (queue, request))
      {
        BlockDone done = request->done;
        void *opaque = request->opaque;
        g_mutex_lock (&queue->lock);
        unlink_request (queue, request);
        int error = request->error;
        g_mutex_unlock (&queue->lock);
        done (opaque, error);
      }
}

/* Whose owner submits as fast as they end has the loop's next turn. */
static void
deliver_rest (BlockQueue *queue)
{
  g_mutex_lock (&queue->lock);
  if (queue->ended != NULL)
    g_source_set_ready_time (queue->source, 0);
  g_mutex_unlock (&queue->lock);
}

static gboolean
queue_dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  BlockQueue *queue = queue_ref (((QueueSource *)source)->queue);

  /* Before the list is looked at, so that what ends now wakes again. */
  g_source_set_ready_time (source, -1);
  deliver (queue);
  deliver_rest (queue);
  queue_unref (queue);
  return G_SOURCE_CONTINUE;
}

static void
queue_source_finalize (GSource *source)
{
  queue_unref (((QueueSource *)source)->queue);
}

static GSourceFuncs queue_source_funcs = { .dispatch = queue_dispatch, .finalize = queue_source_finalize };

/* -- Beginnings ------------------------------------------------------------------------------------ */

int
block_check_range (const Block *block, BlockOp op, uint64_t offset, uint64_t length)
{
  uint64_t size = block_size (block);

  if (op == BLOCK_OP_FLUSH)
    return 0;
  if (op >= BLOCK_N_OPS || offset > size || length > size - offset)
    return EINVAL;
  return op != BLOCK_OP_READ && block->read_only ? EROFS : 0;
}

/* The image's lock is held.  NULL: there was nothing to do for long and others are there, or the image is being closed. */
static BlockRequest *
next_work (Block *block)
{
  gint64 until = g_get_monotonic_time () + WORKER_PATIENCE;
  BlockRequest *request;

  block->n_idle++;
  while (block->waiting == NULL && !block->closing)
    if (block->n_workers == 1)
      g_cond_wait (&block->work, &block->lock);
    else if (!g_cond_wait_until (&block->work, &block->lock, until) && block->n_workers > 1)
      break;
  block->n_idle--;
  request = block->waiting;
  if (request != NULL)
    {
      block->waiting = request->next_waiting;
      if (block->waiting == NULL)
        block->waiting_tail = &block->waiting;
    }
  return request;
}

static void
join_all (GPtrArray *threads)
{
  for (unsigned i = 0; i < threads->len; i++)
    g_thread_join (threads->pdata[i]);
  g_ptr_array_set_size (threads, 0);
}

static gpointer run_worker (gpointer data);
static gpointer run_heir (gpointer data);

/* The image's lock is held. */
static void
start_worker (Block *block)
{
  GThread *thread;

  /* These have let go of the lock for the last time, and end. */
  join_all (block->exited);
  thread = g_thread_try_new ("block", thread_kind_done () ? run_heir : run_worker, block, NULL);
  if (thread == NULL)
    {
      g_warning ("The host gives no thread for “%s”", block->path);
      return;
    }
  block->n_workers++;
  g_ptr_array_add (block->threads, thread);
}

static gpointer
run_worker (gpointer data)
{
  Block *block = data;
  BlockRequest *request;

  g_mutex_lock (&block->lock);
  while ((request = next_work (block)) != NULL)
    {
      /* One is always there for what comes meanwhile.  Who submits may be a thread that may not make any, and what confines us is handed on. */
      if (block->n_idle == 0 && block->n_workers < WORKERS)
        start_worker (block);
      g_mutex_unlock (&block->lock);
      thread_kind_begin (THREAD_DISK);
      block_complete (request, block->driver->run (block->image, request));
      g_mutex_lock (&block->lock);
    }
  block->n_workers--;
  if (!block->closing)
    {
      g_ptr_array_remove_fast (block->threads, g_thread_self ());
      g_ptr_array_add (block->exited, g_thread_self ());
    }
  g_mutex_unlock (&block->lock);
  return NULL;
}

static gpointer
run_heir (gpointer data)
{
  thread_kind_inherit ();
  return run_worker (data);
}

/* The image's lock is held, and `waiting` has one more.  FALSE: nobody will ever take it. */
static gboolean
wake_worker (Block *block)
{
  if (block->n_workers == 0)
    start_worker (block);
  if (block->n_idle > 0)
    g_cond_signal (&block->work);
  return block->n_workers > 0;
}

void
block_workers_stop (Block *block)
{
  g_mutex_lock (&block->lock);
  block->closing = TRUE;
  g_cond_broadcast (&block->work);
  join_all (block->exited);
  g_mutex_unlock (&block->lock);
  /* Nobody changes it any more. */
  join_all (block->threads);
}

/* The request is counted in `begun`. */
static void
push (BlockQueue *queue, BlockRequest *request)
{
  Block *block = queue->block;
  int error = block_check_range (block, request->op, request->offset, request->length);
  gboolean taken;

  if (error != 0 || (request->length == 0 && request->op != BLOCK_OP_FLUSH))
    {
      block_complete (request, error);
      return;
    }
  if (block->driver->start != NULL && block->driver->start (block->image, request))
    return;
  g_mutex_lock (&block->lock);
  request->next_waiting = NULL;
  *block->waiting_tail = request;
  block->waiting_tail = &request->next_waiting;
  taken = wake_worker (block);
  if (!taken)
    {
      /* Without a worker there was nothing before it. */
      block->waiting = NULL;
      block->waiting_tail = &block->waiting;
    }
  g_mutex_unlock (&block->lock);
  if (!taken)
    block_complete (request, ENOMEM);
}

void
block_submit (BlockQueue *queue, BlockRequest *request)
{
  request->queue = queue;
  request->cancelled = FALSE;
  request->error = 0;
  request->driver_mark = 0;
  request->parked = FALSE;
  if (request->op == BLOCK_OP_READ || request->op == BLOCK_OP_WRITE)
    request->length = block_vector_length (request->iov, request->n_iov);
  else if (request->op == BLOCK_OP_FLUSH)
    request->length = 0;
  g_mutex_lock (&queue->lock);
  link_request (queue, request);
  queue->begun++;
  g_mutex_unlock (&queue->lock);
  push (queue, request);
}

void
block_begin_batch (BlockQueue *queue)
{
  g_mutex_lock (&queue->lock);
  queue->batch = TRUE;
  g_mutex_unlock (&queue->lock);
}

void
block_end_batch (BlockQueue *queue)
{
  queue_ref (queue);
  deliver (queue);
  g_mutex_lock (&queue->lock);
  queue->batch = FALSE;
  g_mutex_unlock (&queue->lock);
  deliver_rest (queue);
  queue_unref (queue);
}

/* -- Cancelling and waiting ------------------------------------------------------------------------ */

void
block_cancel_all (BlockQueue *queue)
{
  Block *block = queue->block;

  g_mutex_lock (&block->lock);
  g_mutex_lock (&queue->lock);
  for (BlockRequest **at = &block->waiting; *at != NULL;)
    {
      BlockRequest *request = *at;
      if (request->queue != queue)
        {
          at = &request->next_waiting;
          continue;
        }
      *at = request->next_waiting;
      end_request (queue, request, ECANCELED);
      queue->begun--;
    }
  block->waiting_tail = &block->waiting;
  while (*block->waiting_tail != NULL)
    block->waiting_tail = &(*block->waiting_tail)->next_waiting;
  for (BlockRequest *request = queue->all; request != NULL; request = request->next)
    {
      request->cancelled = TRUE;
      if (request->parked)
        end_request (queue, request, ECANCELED);
    }
  if (queue->begun == 0 && queue->settling > 0)
    g_cond_broadcast (&queue->settled);
  g_mutex_unlock (&queue->lock);
  g_mutex_unlock (&block->lock);
}

void
block_retry (BlockQueue *queue)
{
  BlockRequest *parked = NULL;

  g_mutex_lock (&queue->lock);
  queue->retries++;
  /* `all` has the newest first, so this turns them into the order in which they came. */
  for (BlockRequest *request = queue->all; request != NULL; request = request->next)
    if (request->parked)
      {
        request->parked = FALSE;
        request->next_waiting = parked;
        parked = request;
        queue->begun++;
      }
  g_mutex_unlock (&queue->lock);
  while (parked != NULL)
    {
      BlockRequest *request = parked;
      parked = request->next_waiting;
      push (queue, request);
    }
}

void
block_settle (BlockQueue *queue)
{
  g_mutex_lock (&queue->lock);
  queue->settling++;
  while (queue->begun > 0)
    g_cond_wait (&queue->settled, &queue->lock);
  queue->settling--;
  g_mutex_unlock (&queue->lock);
}

void
block_drain (BlockQueue *queue)
{
  gboolean more = TRUE;

  while (more)
    {
      block_settle (queue);
      deliver (queue);
      g_mutex_lock (&queue->lock);
      more = queue->begun > 0 || queue->ended != NULL;
      g_mutex_unlock (&queue->lock);
    }
}

unsigned
block_in_flight (BlockQueue *queue)
{
  g_mutex_lock (&queue->lock);
  unsigned n = queue->in_flight;
  g_mutex_unlock (&queue->lock);
  return n;
}

/* -- Life ------------------------------------------------------------------------------------------- */

BlockQueue *
block_queue_new (Block *block, GMainContext *context)
{
  BlockQueue *queue = g_new0 (BlockQueue, 1);

  queue->refs = 1;
  queue->block = block;
  queue->ended_tail = &queue->ended;
  g_mutex_init (&queue->lock);
  g_cond_init (&queue->settled);
  g_atomic_int_inc (&block->n_queues);
  queue->source = g_source_new (&queue_source_funcs, sizeof (QueueSource));
  ((QueueSource *)queue->source)->queue = queue_ref (queue);
  g_source_set_static_name (queue->source, "block completions");
  /* Interrupts to the guest go before drawing and housekeeping. */
  g_source_set_priority (queue->source, G_PRIORITY_HIGH);
  g_source_attach (queue->source, context);
  g_mutex_lock (&block->lock);
  if (block->n_workers == 0)
    start_worker (block);
  g_mutex_unlock (&block->lock);
  return queue;
}

void
block_queue_free (BlockQueue *queue)
{
  if (queue == NULL)
    return;
  block_set_error_func (queue, NULL, NULL);
  block_cancel_all (queue);
  block_drain (queue);
  g_source_destroy (queue->source);
  g_source_unref (queue->source);
  g_atomic_int_add (&queue->block->n_queues, -1);
  queue_unref (queue);
}

Block *
block_queue_image (const BlockQueue *queue)
{
  return queue->block;
}

void
block_set_error_func (BlockQueue *queue, BlockErrorFunc func, void *opaque)
{
  g_mutex_lock (&queue->lock);
  queue->error_func = func;
  queue->error_opaque = opaque;
  g_mutex_unlock (&queue->lock);
}

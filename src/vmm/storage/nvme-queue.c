/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rings of an NVMe controller, and its interrupts.  4.1, 7.5.
 */
#define G_LOG_DOMAIN "nvme"

#include "storage/nvme-private.h"

#include "base/ready-source.h"
#include "pci/msix.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The other side of the fence is the guest, which ThreadSanitizer doesn't see in any case. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* -- Interrupts --------------------------------------------------------------------------------------------- */

static gboolean
has_news (Nvme *nvme, unsigned n)
{
  const NvmeCompletion *cq = &nvme->cq[n];
  gboolean has;

  g_mutex_lock (&nvme->queues[n].completion_lock);
  has = cq->enabled && cq->interrupts && cq->head != cq->tail
        && !(__atomic_load_n (&nvme->mask, __ATOMIC_RELAXED) >> cq->vector & 1);
  g_mutex_unlock (&nvme->queues[n].completion_lock);
  return has;
}

/* 7.5.1: the pin is up while some queue has what wasn't taken from it.  Its vectors are masked by INTMS, which MSI-X leaves alone. */
void
nvme_update_intx (Nvme *nvme)
{
  gboolean level = FALSE;

  /* Who looks last has seen what all have changed before. */
  g_mutex_lock (&nvme->pin_lock);
  for (unsigned i = 0; i < nvme->n_queues && !level && !pci_msix_enabled (&nvme->pci); i++)
    level = has_news (nvme, i);
  pci_device_intx (&nvme->pci, level);
  g_mutex_unlock (&nvme->pin_lock);
}

void
nvme_fail (Nvme *nvme)
{
  __atomic_fetch_or (&nvme->csts, (uint32_t)CSTS_FATAL, __ATOMIC_RELAXED);
}

static gboolean
is_alive (const Nvme *nvme)
{
  return (__atomic_load_n (&nvme->csts, __ATOMIC_RELAXED) & (CSTS_READY | CSTS_FATAL)) == CSTS_READY
         && !__atomic_load_n (&nvme->paused, __ATOMIC_RELAXED);
}

/* -- Requests ----------------------------------------------------------------------------------------------- */

static void
put_unused (Nvme *nvme, NvmeRequest *request)
{
  request->next = nvme->unused;
  nvme->unused = request;
  nvme->n_unused++;
}

static void
put_first (NvmeQueue *queue, NvmeRequest *request)
{
  request->queue = queue;
  request->previous = NULL;
  request->next = queue->first;
  if (request->next != NULL)
    request->next->previous = request;
  queue->first = request;
}

static NvmeRequest *
take_request (NvmeQueue *queue)
{
  Nvme *nvme = queue->owner;
  NvmeRequest *request = NULL;

  g_mutex_lock (&nvme->pool_lock);
  if (nvme->n_unused > (queue->n == 0 ? 0 : NVME_RESERVED))
    {
      request = nvme->unused;
      nvme->unused = request->next;
      nvme->n_unused--;
    }
  else
    nvme->starving |= 1u << queue->n;
  g_mutex_unlock (&nvme->pool_lock);
  if (request == NULL)
    return NULL;
  request->sq = (uint16_t)queue->n;
  put_first (queue, request);
  return request;
}

void
nvme_free_request (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  NvmeQueue *queue = request->queue;
  uint32_t starving;

  dma_unmap_sg (&request->vector, FALSE);
  g_clear_pointer (&request->compared, g_free);
  request->parked = FALSE;
  request->state = NVME_FREE;
  if (request->previous != NULL)
    request->previous->next = request->next;
  else
    queue->first = request->next;
  if (request->next != NULL)
    request->next->previous = request->previous;
  g_mutex_lock (&nvme->pool_lock);
  put_unused (nvme, request);
  starving = nvme->n_unused > NVME_RESERVED ? nvme->starving : 0;
  nvme->starving &= ~starving;
  g_mutex_unlock (&nvme->pool_lock);
  for (unsigned i = 0; starving != 0; i++, starving >>= 1)
    if (starving & 1)
      nvme_wake (&nvme->queues[i]);
}

void
nvme_sort_requests (Nvme *nvme)
{
  for (unsigned i = 0; i < NVME_QUEUES; i++)
    nvme->queues[i].first = NULL;
  nvme->unused = NULL;
  nvme->n_unused = 0;
  for (unsigned i = NVME_REQUESTS; i-- > 0;)
    {
      NvmeRequest *request = &nvme->requests[i];

      /* What the image had before the load is nobody's command. */
      if (request->at_image)
        request->state = NVME_DEAD;
      if (request->state == NVME_FREE)
        put_unused (nvme, request);
      else
        put_first (&nvme->queues[request->sq], request);
    }
}

/* -- Completions -------------------------------------------------------------------------------------------- */

static gboolean
post (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  NvmeSubmission *sq = &nvme->sq[request->sq];
  NvmeCompletion *cq = &nvme->cq[sq->cq];
  NvmeQueue *to = &nvme->queues[sq->cq];
  /* Of an error: asking once more makes it no better. */
  const unsigned status = request->status | (request->status != NVME_OK ? 0x4000 : 0);
  gboolean interrupts;
  unsigned vector, next;
  uint8_t entry[12];
  uint64_t at;

  g_mutex_lock (&to->completion_lock);
  next = cq->tail + 1u < cq->size ? cq->tail + 1u : 0;
  if (!is_alive (nvme) || !cq->enabled || next == cq->head)
    {
      to->full = TRUE;
      g_mutex_unlock (&to->completion_lock);
      return FALSE;
    }
  at = cq->base + (uint64_t)cq->tail * NVME_COMPLETION;
  pci_set32 (entry, request->result);
  pci_set32 (entry + 4, 0);
  pci_set16 (entry + 8, sq->head);
  pci_set16 (entry + 10, request->sq);
  /* The phase is what the driver looks at: last. */
  if (!dma_write (&to->completion_dma, at, entry, sizeof entry)
      || (dma_order_writes (),
          !dma_write32 (&to->completion_dma, at + 12,
                        pci_get16 (request->command + 2) | (uint32_t)(status << 1 | cq->phase) << 16)))
    nvme_fail (nvme);
  cq->tail = (uint16_t)next;
  if (next == 0)
    cq->phase = !cq->phase;
  interrupts = cq->interrupts;
  vector = cq->vector;
  g_mutex_unlock (&to->completion_lock);
  nvme_free_request (request);
  if (interrupts && pci_msix_enabled (&nvme->pci))
    pci_msix_notify (&nvme->pci, vector);
  else if (interrupts)
    nvme_update_intx (nvme);
  return TRUE;
}

void
nvme_end (NvmeRequest *request, unsigned status)
{
  request->status = (uint16_t)status;
  request->state = NVME_DONE;
  post (request);
}

static void
post_waiting (NvmeQueue *queue)
{
  for (NvmeRequest *request = queue->first, *next; request != NULL; request = next)
    {
      next = request->next;
      if (request->state == NVME_DONE && !post (request))
        return;
    }
}

/* -- Submissions -------------------------------------------------------------------------------------------- */

void
nvme_begin (NvmeRequest *request)
{
  /* 4.2: neither fused commands nor scatter-gather lists. */
  const gboolean strange = (request->command[1] & 0xc3) != 0;
  unsigned status;

  request->state = NVME_RUNNING;
  request->result = 0;
  request->flush = FALSE;
  status = strange ? NVME_INVALID_FIELD : request->sq == 0 ? nvme_admin (request) : nvme_io (request);
  if (status != NVME_PENDING)
    nvme_end (request, status);
}

/* A driver that puts commands as fast as they are done doesn't keep the thread from its other work. */
static void
look (NvmeQueue *queue)
{
  Nvme *nvme = queue->owner;
  NvmeSubmission *sq = &nvme->sq[queue->n];

  /* A command may have its own queue deleted. */
  for (unsigned taken = 0;
       sq->enabled && sq->head != __atomic_load_n (&sq->tail, __ATOMIC_ACQUIRE) && is_alive (nvme); taken++)
    {
      NvmeRequest *request;

      if (taken >= 2 * NVME_REQUESTS && queue->n != 0)
        {
          nvme_wake (queue);
          return;
        }
      request = take_request (queue);
      if (request == NULL)
        return;
      if (!dma_read (&queue->dma, sq->base + (uint64_t)sq->head * NVME_COMMAND, request->command,
                     NVME_COMMAND))
        {
          nvme_free_request (request);
          nvme_fail (nvme);
          return;
        }
      sq->head = sq->head + 1u < sq->size ? (uint16_t)(sq->head + 1) : 0;
      nvme_begin (request);
    }
}

/* The lock is held. */
static void
serve (NvmeQueue *queue)
{
  post_waiting (queue);
  look (queue);
}

void
nvme_serve (NvmeQueue *queue)
{
  g_mutex_lock (&queue->lock);
  serve (queue);
  g_mutex_unlock (&queue->lock);
}

/* -- Doorbells ------------------------------------------------------------------------------------------------ */

/* Requests that it had none of have become free.  VM lock held. */
static void
on_admin_bell (int fd, GIOCondition condition, void *queue)
{
  uint64_t count;

  if (read (fd, &count, sizeof count) == (ssize_t)sizeof count)
    nvme_serve (queue);
}

static gboolean
on_bell (gint fd, GIOCondition condition, gpointer data)
{
  NvmeQueue *queue = data;
  uint64_t count;

  g_mutex_lock (&queue->lock);
  if (read (fd, &count, sizeof count) == (ssize_t)sizeof count)
    serve (queue);
  g_mutex_unlock (&queue->lock);
  return G_SOURCE_CONTINUE;
}

void
nvme_wake (NvmeQueue *queue)
{
  const uint64_t one = 1;

  if (queue->bell >= 0 && write (queue->bell, &one, sizeof one) < 0 && errno != EAGAIN)
    g_warning ("eventfd: %s", g_strerror (errno));
}

static void
rung (NvmeQueue *queue)
{
  if (queue->n == 0 || queue->owner->here)
    nvme_serve (queue);
  else
    nvme_wake (queue);
}

/* 3.1.16, 3.1.17, 5.2.1: a value that is none, of a queue that isn't there, is nobody's loss but the driver's, who may hear of it. */
static void
complain (Nvme *nvme, unsigned status, unsigned what)
{
  nvme_log_error (nvme, 0xffff, 0xffff, status, 0);
  g_mutex_lock (&nvme->queues[0].lock);
  nvme_tell (nvme, NVME_EVENT_ERROR, what);
  g_mutex_unlock (&nvme->queues[0].lock);
}

static void
taken (Nvme *nvme, unsigned n, uint32_t value)
{
  NvmeQueue *queue = &nvme->queues[n];
  gboolean full;

  g_mutex_lock (&queue->completion_lock);
  nvme->cq[n].head = (uint16_t)value;
  full = queue->full;
  queue->full = FALSE;
  g_mutex_unlock (&queue->completion_lock);
  for (unsigned i = 0; full && i < nvme->n_queues; i++)
    if (nvme->sq[i].enabled && nvme->sq[i].cq == n)
      rung (&nvme->queues[i]);
  if (!pci_msix_enabled (&nvme->pci))
    nvme_update_intx (nvme);
}

void
nvme_ring (Nvme *nvme, unsigned doorbell, uint32_t value)
{
  const unsigned n = doorbell / 2;
  const gboolean completions = doorbell & 1;

  if (n >= nvme->n_queues || (__atomic_load_n (&nvme->csts, __ATOMIC_RELAXED) & CSTS_READY) == 0)
    return;
  if (!(completions ? nvme->cq[n].enabled : nvme->sq[n].enabled))
    complain (nvme, NVME_INVALID_QUEUE, NVME_ERROR_DOORBELL);
  else if (value >= (completions ? nvme->cq[n].size : nvme->sq[n].size))
    complain (nvme, NVME_INVALID_FIELD, NVME_ERROR_DOORBELL_VALUE);
  else if (completions)
    taken (nvme, n, value);
  else
    {
      __atomic_store_n (&nvme->sq[n].tail, (uint16_t)value, __ATOMIC_RELEASE);
      rung (&nvme->queues[n]);
    }
}

/* -- Life ----------------------------------------------------------------------------------------------------- */

void
nvme_drop (Nvme *nvme, unsigned n)
{
  NvmeQueue *queue = &nvme->queues[n];

  if (queue->image == NULL)
    return;
  g_mutex_lock (&queue->lock);
  nvme->sq[n].enabled = FALSE;
  for (NvmeRequest *request = queue->first, *next; request != NULL; request = next)
    {
      next = request->next;
      if (request->at_image)
        request->state = NVME_DEAD;
      else
        nvme_free_request (request);
    }
  g_mutex_unlock (&queue->lock);
  block_cancel_all (queue->image);
  block_settle (queue->image);
}

gboolean
nvme_queue_init (Nvme *nvme, unsigned n, GError **error)
{
  Vm *vm = nvme->pci.device.vm;
  GMainContext *context = n == 0 ? vm->context : vm_io_context (vm, n - 1);
  NvmeQueue *queue = &nvme->queues[n];

  queue->image = block_queue_new (nvme->block, context);
  block_set_error_func (queue->image, nvme_on_error, nvme);
  /* Under the lock that its thread takes: GLib hands it over by locks that ThreadSanitizer doesn't see. */
  g_mutex_lock (&queue->lock);
  queue->bell = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  g_mutex_unlock (&queue->lock);
  if (queue->bell < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: no eventfd: %s",
                   nvme->pci.device.id, g_strerror (errno));
      return FALSE;
    }
  if (n == 0)
    {
      queue->source = vm_watch_fd (vm, queue->bell, G_IO_IN, on_admin_bell, queue);
      return TRUE;
    }
  queue->source = g_unix_fd_source_new (queue->bell, G_IO_IN);
  g_source_set_callback (queue->source, G_SOURCE_FUNC (on_bell), queue, NULL);
  source_stay_polled (queue->source);
  g_source_attach (queue->source, context);
  return TRUE;
}

/* On the thread that it belongs to. */
static void
end_queue (void *opaque)
{
  NvmeQueue *queue = opaque;

  if (queue->source != NULL)
    g_source_destroy (queue->source);
  g_clear_pointer (&queue->source, g_source_unref);
  g_clear_pointer (&queue->image, block_queue_free);
}

void
nvme_queue_clear (NvmeQueue *queue)
{
  if (queue->n == 0)
    end_queue (queue);
  else
    vm_io_call (queue->owner->pci.device.vm, queue->n - 1, end_queue, queue);
  if (queue->bell >= 0)
    close (queue->bell);
  queue->bell = -1;
}

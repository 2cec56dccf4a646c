/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Rings of an NVMe controller, and its interrupts.  4.1, 7.5.
 */
#define G_LOG_DOMAIN "nvme"

#include "storage/nvme-private.h"

#include "pci/msix.h"

#include <string.h>

/* The other side of the fence is the guest, which ThreadSanitizer doesn't see in any case. */
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* -- Interrupts --------------------------------------------------------------------------------------------- */

/* 7.5.1: the pin is up while some queue has what wasn't taken from it.  Its vectors are masked by INTMS, which MSI-X leaves alone. */
void
nvme_update_intx (Nvme *nvme)
{
  gboolean level = FALSE;

  for (unsigned i = 0; i < nvme->n_queues; i++)
    {
      const NvmeCompletion *cq = &nvme->cq[i];

      level |= cq->enabled && cq->interrupts && cq->head != cq->tail && !(nvme->mask >> cq->vector & 1);
    }
  pci_device_intx (&nvme->pci, level && !pci_msix_enabled (&nvme->pci));
}

static void
interrupt (Nvme *nvme, const NvmeCompletion *cq)
{
  if (!cq->interrupts)
    return;
  if (pci_msix_enabled (&nvme->pci))
    pci_msix_notify (&nvme->pci, cq->vector);
  else
    nvme_update_intx (nvme);
}

/* 9.5: the driver has to reset it. */
void
nvme_fail (Nvme *nvme)
{
  nvme->csts |= CSTS_FATAL;
}

static gboolean
is_alive (const Nvme *nvme)
{
  return (nvme->csts & (CSTS_READY | CSTS_FATAL)) == CSTS_READY && !nvme->paused;
}

/* -- Completions -------------------------------------------------------------------------------------------- */

static gboolean
post (NvmeRequest *request)
{
  Nvme *nvme = request->owner;
  NvmeSubmission *sq = &nvme->sq[request->sq];
  NvmeCompletion *cq = &nvme->cq[sq->cq];
  const uint64_t at = cq->base + (uint64_t)cq->tail * NVME_COMPLETION;
  const unsigned next = cq->tail + 1u < cq->size ? cq->tail + 1u : 0;
  /* Of an error: asking once more makes it no better. */
  const unsigned status = request->status | (request->status != NVME_OK ? 0x4000 : 0);
  uint8_t entry[12];

  if (!is_alive (nvme) || next == cq->head)
    return FALSE;
  pci_set32 (entry, request->result);
  pci_set32 (entry + 4, 0);
  pci_set16 (entry + 8, sq->head);
  pci_set16 (entry + 10, request->sq);
  /* The phase is what the driver looks at: last. */
  if (!dma_write (&nvme->pci.dma, at, entry, sizeof entry)
      || (dma_order_writes (),
          !dma_write32 (&nvme->pci.dma, at + 12,
                        pci_get16 (request->command + 2) | (uint32_t)(status << 1 | cq->phase) << 16)))
    nvme_fail (nvme);
  cq->tail = (uint16_t)next;
  if (next == 0)
    cq->phase = !cq->phase;
  nvme_free_request (request);
  interrupt (nvme, cq);
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
post_waiting (Nvme *nvme)
{
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    if (nvme->requests[i].state == NVME_DONE)
      post (&nvme->requests[i]);
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

static NvmeRequest *
take_request (Nvme *nvme)
{
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    if (nvme->requests[i].state == NVME_FREE)
      return &nvme->requests[i];
  return NULL;
}

void
nvme_look (Nvme *nvme, unsigned n)
{
  NvmeSubmission *sq = &nvme->sq[n];

  /* A command may have its own queue deleted. */
  while (sq->enabled && sq->head != sq->tail && is_alive (nvme))
    {
      NvmeRequest *request = take_request (nvme);

      if (request == NULL)
        return;
      if (!dma_read (&nvme->pci.dma, sq->base + (uint64_t)sq->head * NVME_COMMAND, request->command,
                     NVME_COMMAND))
        {
          nvme_fail (nvme);
          return;
        }
      sq->head = sq->head + 1u < sq->size ? (uint16_t)(sq->head + 1) : 0;
      request->sq = (uint16_t)n;
      nvme_begin (request);
    }
}

void
nvme_look_at_all (Nvme *nvme)
{
  post_waiting (nvme);
  for (unsigned i = 0; i < nvme->n_queues; i++)
    nvme_look (nvme, i);
}

void
nvme_ring (Nvme *nvme, unsigned doorbell, uint32_t value)
{
  const unsigned n = doorbell / 2;

  if (n >= nvme->n_queues || (nvme->csts & CSTS_READY) == 0)
    return;
  /* 3.1.16, 3.1.17, 5.2.1: a value that is none, of a queue that isn't there, is nobody's loss but the driver's, who may hear of it. */
  if (!(doorbell & 1 ? nvme->cq[n].enabled : nvme->sq[n].enabled))
    {
      nvme_log_error (nvme, 0xffff, 0xffff, NVME_INVALID_QUEUE, 0);
      nvme_tell (nvme, NVME_EVENT_ERROR, NVME_ERROR_DOORBELL);
    }
  else if (value >= (doorbell & 1 ? nvme->cq[n].size : nvme->sq[n].size))
    {
      nvme_log_error (nvme, 0xffff, 0xffff, NVME_INVALID_FIELD, 0);
      nvme_tell (nvme, NVME_EVENT_ERROR, NVME_ERROR_DOORBELL_VALUE);
    }
  else if ((doorbell & 1) == 0 && nvme->sq[n].enabled && value < nvme->sq[n].size)
    {
      nvme->sq[n].tail = (uint16_t)value;
      nvme_look (nvme, n);
    }
  else if ((doorbell & 1) != 0 && nvme->cq[n].enabled && value < nvme->cq[n].size)
    {
      nvme->cq[n].head = (uint16_t)value;
      nvme_look_at_all (nvme);
      nvme_update_intx (nvme);
    }
}

void
nvme_drop (Nvme *nvme, unsigned n)
{
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    {
      NvmeRequest *request = &nvme->requests[i];

      if (request->state == NVME_FREE || request->state == NVME_DEAD || request->sq != n)
        continue;
      if (request->state == NVME_RUNNING)
        request->state = NVME_DEAD;
      else
        nvme_free_request (request);
    }
  block_cancel_all (nvme->images[n]);
  block_settle (nvme->images[n]);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Reads and writes of an NVMe controller.  NVM Express Base Specification 1.4, 4.3 and 6.
 */
#define G_LOG_DOMAIN "nvme"

#include "storage/nvme-private.h"

#include "storage/host-error.h"

#include <string.h>

/* 6.1 */
enum
{
  OPCODE_FLUSH = 0x00,
  OPCODE_WRITE = 0x01,
  OPCODE_READ = 0x02,
  OPCODE_COMPARE = 0x05,
  OPCODE_WRITE_ZEROES = 0x08,
  OPCODE_DATASET = 0x09,
};
#define FUA         (1u << 30) /* dword 12 */
#define DEALLOCATE  (1u << 25)
#define DISCARD     (1u << 2) /* dword 11 */
#define RANGE       16u
#define LIST_ENTRY  8u
#define PAGE_OFFSET (NVME_PAGE - 1)

/* -- Memory ------------------------------------------------------------------------------------------------- */

/* 4.3: the first page may begin anywhere, others at their start; a list goes on in another page where its last entry isn't the transfer's. */
unsigned
nvme_map (NvmeRequest *request, uint32_t length, gboolean to_memory)
{
  Dma *dma = &request->queue->dma;
  const uint64_t first = nvme_qword (request, 6), second = nvme_qword (request, 8);
  uint32_t n = MIN (length, NVME_PAGE - (uint32_t)(first & PAGE_OFFSET));
  uint64_t list = second;

  if ((first & 3) != 0)
    return NVME_INVALID_PRP;
  if (!dma_map_sg (dma, &request->vector, first, n, to_memory))
    return NVME_TRANSFER_ERROR;
  length -= n;
  if (length == 0)
    return NVME_OK;
  if (length <= NVME_PAGE)
    {
      if ((second & PAGE_OFFSET) != 0)
        return NVME_INVALID_PRP;
      return dma_map_sg (dma, &request->vector, second, length, to_memory) ? NVME_OK : NVME_TRANSFER_ERROR;
    }
  if ((list & (LIST_ENTRY - 1)) != 0)
    return NVME_INVALID_PRP;
  while (length > 0)
    {
      uint64_t page = dma_read64 (dma, list);

      if ((list & PAGE_OFFSET) == NVME_PAGE - LIST_ENTRY && length > NVME_PAGE)
        {
          if ((page & PAGE_OFFSET) != 0)
            return NVME_INVALID_PRP;
          list = page;
          page = dma_read64 (dma, list);
        }
      if ((page & PAGE_OFFSET) != 0)
        return NVME_INVALID_PRP;
      n = MIN (length, NVME_PAGE);
      if (!dma_map_sg (dma, &request->vector, page, n, to_memory))
        return NVME_TRANSFER_ERROR;
      length -= n;
      list += LIST_ENTRY;
    }
  return NVME_OK;
}

unsigned
nvme_answer (NvmeRequest *request, const void *data, uint32_t length)
{
  const uint8_t *from = data;
  const unsigned status = nvme_map (request, length, TRUE);

  for (unsigned i = 0; status == NVME_OK && i < dma_vector_n (&request->vector); i++)
    {
      const struct iovec *piece = &dma_vector_iov (&request->vector)[i];

      memcpy (piece->iov_base, from, piece->iov_len);
      from += piece->iov_len;
    }
  dma_unmap_sg (&request->vector, TRUE);
  return status;
}

/* -- The image ---------------------------------------------------------------------------------------------- */

static void on_done (void *opaque, int error);

static unsigned
submit_vector (NvmeRequest *request, BlockOp op, uint64_t offset, const struct iovec *iov, unsigned n_iov,
               uint64_t length)
{
  NvmeQueue *queue = request->queue;
  BlockRequest *block = &request->block;

  block->op = op;
  block->offset = offset;
  block->length = length;
  block->iov = iov;
  block->n_iov = n_iov;
  block->done = on_done;
  block->opaque = request;
  request->at_image = TRUE;
  queue->n_running++;
  block_submit (queue->image, block);
  return NVME_PENDING;
}

static unsigned
submit (NvmeRequest *request, BlockOp op, uint64_t offset, uint64_t length)
{
  const unsigned n = dma_vector_n (&request->vector);

  return submit_vector (request, op, offset, n > 0 ? dma_vector_iov (&request->vector) : NULL, n, length);
}

/* The next range of a dataset command; TRUE: it is on its way. */
static gboolean
submit_range (NvmeRequest *request)
{
  const uint64_t sectors = block_size (request->owner->block) / BLOCK_SECTOR_SIZE;

  while (request->range < request->n_ranges)
    {
      const uint8_t *range = request->ranges + RANGE * request->range++;
      const uint64_t n = pci_get32 (range + 4),
                     at = pci_get32 (range + 8) | (uint64_t)pci_get32 (range + 12) << 32;

      if (n == 0 || at > sectors || n > sectors - at)
        continue;
      submit (request, BLOCK_OP_DISCARD, at * BLOCK_SECTOR_SIZE, n * BLOCK_SECTOR_SIZE);
      return TRUE;
    }
  return FALSE;
}

/* 6.6 */
static gboolean
is_same (const NvmeRequest *request)
{
  const uint8_t *ours = request->compared;

  for (unsigned i = 0; i < dma_vector_n (&request->vector); i++)
    {
      const struct iovec *piece = &dma_vector_iov (&request->vector)[i];

      if (memcmp (piece->iov_base, ours, piece->iov_len) != 0)
        return FALSE;
      ours += piece->iov_len;
    }
  return TRUE;
}

static void
ended (NvmeRequest *request, int error)
{
  Nvme *nvme = request->owner;
  NvmeQueue *queue = request->queue;
  const gboolean read = request->block.op == BLOCK_OP_READ;
  unsigned status = NVME_OK;

  request->at_image = FALSE;
  queue->n_running--;
  if (request->parked)
    queue->n_parked--;
  request->parked = FALSE;
  if (request->state == NVME_DEAD)
    {
      if (read)
        dma_unmap_sg (&request->vector, TRUE);
      nvme_free_request (request);
      return;
    }
  if (error == 0 && request->compared != NULL && !is_same (request))
    status = NVME_COMPARE_FAILURE;
  g_clear_pointer (&request->compared, g_free);
  dma_unmap_sg (&request->vector, read);
  if (error == 0 && request->flush)
    {
      request->flush = FALSE;
      submit (request, BLOCK_OP_FLUSH, 0, 0);
      return;
    }
  /* 6.7.1: a range that can't be given back stays as it is. */
  if (request->block.op == BLOCK_OP_DISCARD)
    {
      error = 0;
      if (submit_range (request))
        return;
    }
  if (error != 0)
    {
      status = read ? NVME_READ_ERROR : NVME_WRITE_FAULT;
      __atomic_fetch_add (&nvme->n_media_errors, 1, __ATOMIC_RELAXED);
      nvme_log_error (nvme, request->sq, pci_get16 (request->command + 2), status, nvme_qword (request, 10));
    }
  nvme_end (request, status);
}

/* The queue's thread, or whoever frees the image's queue. */
static void
on_done (void *opaque, int error)
{
  NvmeRequest *request = opaque;
  Nvme *nvme = request->owner;
  NvmeQueue *queue = request->queue;

  g_mutex_lock (&queue->lock);
  ended (request, error);
  g_mutex_unlock (&queue->lock);
  if (__atomic_load_n (&nvme->paused, __ATOMIC_SEQ_CST))
    g_main_context_wakeup (nvme->pci.device.vm->context);
}

gboolean
nvme_on_error (void *opaque, const BlockRequest *block, int error)
{
  Nvme *nvme = opaque;
  NvmeRequest *request = block->opaque;
  NvmeQueue *queue;
  gboolean ours;

  /* A shutdown isn't kept waiting. */
  if (block == &nvme->shutdown)
    return FALSE;
  queue = request->queue;
  g_mutex_lock (&queue->lock);
  ours = request->state == NVME_RUNNING;
  g_mutex_unlock (&queue->lock);
  if (!ours || !host_error_pauses (nvme->pci.device.vm, block_path (nvme->block), error))
    return FALSE;
  g_mutex_lock (&queue->lock);
  ours = request->state == NVME_RUNNING;
  if (ours)
    {
      request->parked = TRUE;
      queue->n_parked++;
    }
  g_mutex_unlock (&queue->lock);
  g_main_context_wakeup (nvme->pci.device.vm->context);
  return ours;
}

/* -- Commands ----------------------------------------------------------------------------------------------- */

static gboolean
is_within (const Nvme *nvme, uint64_t sector, uint64_t n)
{
  const uint64_t sectors = block_size (nvme->block) / BLOCK_SECTOR_SIZE;

  return sector <= sectors && n <= sectors - sector;
}

static gboolean
goes_through (const NvmeRequest *request)
{
  return (nvme_dword (request, 12) & FUA) != 0
         || __atomic_load_n (&request->owner->features[FEATURE_WRITE_CACHE], __ATOMIC_RELAXED) == 0;
}

static unsigned
transfer (NvmeRequest *request, gboolean write)
{
  Nvme *nvme = request->owner;
  const uint64_t sector = nvme_qword (request, 10);
  const uint32_t n = (nvme_dword (request, 12) & 0xffff) + 1;
  unsigned status;

  if (n > NVME_MOST_BYTES / BLOCK_SECTOR_SIZE)
    return NVME_INVALID_FIELD;
  if (!is_within (nvme, sector, n))
    return NVME_OUT_OF_RANGE;
  if (write && block_read_only (nvme->block))
    return NVME_READ_ONLY;
  status = nvme_map (request, n * BLOCK_SECTOR_SIZE, !write);
  if (status != NVME_OK)
    return status;
  __atomic_fetch_add (write ? &nvme->commands_written : &nvme->commands_read, 1, __ATOMIC_RELAXED);
  request->flush = write && goes_through (request);
  return submit (request, write ? BLOCK_OP_WRITE : BLOCK_OP_READ, sector * BLOCK_SECTOR_SIZE, 0);
}

static unsigned
compare (NvmeRequest *request)
{
  const uint64_t sector = nvme_qword (request, 10);
  const size_t bytes = ((nvme_dword (request, 12) & 0xffffu) + 1) * BLOCK_SECTOR_SIZE;
  unsigned status;

  if (bytes > NVME_MOST_BYTES)
    return NVME_INVALID_FIELD;
  if (!is_within (request->owner, sector, bytes / BLOCK_SECTOR_SIZE))
    return NVME_OUT_OF_RANGE;
  status = nvme_map (request, (uint32_t)bytes, FALSE);
  if (status != NVME_OK)
    return status;
  request->compared = g_malloc (bytes);
  request->compared_iov = (struct iovec){ .iov_base = request->compared, .iov_len = bytes };
  return submit_vector (request, BLOCK_OP_READ, sector * BLOCK_SECTOR_SIZE, &request->compared_iov, 1, 0);
}

static unsigned
write_zeroes (NvmeRequest *request)
{
  const uint64_t sector = nvme_qword (request, 10);
  const uint32_t n = (nvme_dword (request, 12) & 0xffff) + 1;

  if (!is_within (request->owner, sector, n))
    return NVME_OUT_OF_RANGE;
  if (block_read_only (request->owner->block))
    return NVME_READ_ONLY;
  request->flush = goes_through (request);
  request->block.flags = (nvme_dword (request, 12) & DEALLOCATE) != 0 ? BLOCK_REQUEST_UNMAP : 0;
  return submit (request, BLOCK_OP_WRITE_ZEROES, sector * BLOCK_SECTOR_SIZE, (uint64_t)n * BLOCK_SECTOR_SIZE);
}

static unsigned
manage_dataset (NvmeRequest *request)
{
  const unsigned n = (nvme_dword (request, 10) & 0xff) + 1;
  uint8_t *to = request->ranges;
  unsigned status = nvme_map (request, n * RANGE, FALSE);

  for (unsigned i = 0; status == NVME_OK && i < dma_vector_n (&request->vector); i++)
    {
      const struct iovec *piece = &dma_vector_iov (&request->vector)[i];

      memcpy (to, piece->iov_base, piece->iov_len);
      to += piece->iov_len;
    }
  dma_unmap_sg (&request->vector, FALSE);
  if (status != NVME_OK)
    return status;
  for (unsigned i = 0; i < n; i++)
    if (!is_within (request->owner,
                    pci_get32 (request->ranges + RANGE * i + 8)
                        | (uint64_t)pci_get32 (request->ranges + RANGE * i + 12) << 32,
                    pci_get32 (request->ranges + RANGE * i + 4)))
      return NVME_OUT_OF_RANGE;
  /* The rest of it are hints. */
  if ((nvme_dword (request, 11) & DISCARD) == 0)
    return NVME_OK;
  if (block_read_only (request->owner->block))
    return NVME_READ_ONLY;
  request->n_ranges = n;
  request->range = 0;
  return submit_range (request) ? NVME_PENDING : NVME_OK;
}

unsigned
nvme_io (NvmeRequest *request)
{
  const uint32_t space = nvme_dword (request, 1);
  const unsigned opcode = request->command[0];

  request->block.flags = 0;
  if (space != NVME_NAMESPACE && !(opcode == OPCODE_FLUSH && space == NVME_ALL))
    return NVME_INVALID_NAMESPACE;
  switch (opcode)
    {
    case OPCODE_FLUSH:
      return submit (request, BLOCK_OP_FLUSH, 0, 0);
    case OPCODE_WRITE:
    case OPCODE_READ:
      return transfer (request, opcode == OPCODE_WRITE);
    case OPCODE_COMPARE:
      return compare (request);
    case OPCODE_WRITE_ZEROES:
      return write_zeroes (request);
    case OPCODE_DATASET:
      return manage_dataset (request);
    default:
      return NVME_INVALID_OPCODE;
    }
}

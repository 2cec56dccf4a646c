/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Each virtqueue has a queue of the image, and as many requests as the ring has descriptors.  A request is taken and submitted under the virtqueue's lock and
 * ends on the queue's I/O thread under it; a reset gives the queue another generation first and then waits for the image, so nothing that ends later is
 * told to a driver that doesn't know it.
 */
#define G_LOG_DOMAIN "virtio-blk"

#include "virtio/blk.h"

#include "storage/host-error.h"

#include <errno.h>
#include <string.h>

/* 5.2.3 */
#define F_SEG_MAX      VIRT_FEATURE (2)
#define F_READ_ONLY    VIRT_FEATURE (5)
#define F_BLOCK_SIZE   VIRT_FEATURE (6)
#define F_FLUSH        VIRT_FEATURE (9)
#define F_TOPOLOGY     VIRT_FEATURE (10)
#define F_CONFIG_WCE   VIRT_FEATURE (11)
#define F_QUEUES       VIRT_FEATURE (12)
#define F_DISCARD      VIRT_FEATURE (13)
#define F_WRITE_ZEROES VIRT_FEATURE (14)
#define F_ALL                                                                                          \
  (F_SEG_MAX | F_READ_ONLY | F_BLOCK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE | F_QUEUES | F_DISCARD \
   | F_WRITE_ZEROES)

/* 5.2.4: offsets in the configuration. */
enum
{
  CONFIG_CAPACITY = 0,
  CONFIG_SEG_MAX = 12,
  CONFIG_BLOCK_SIZE = 20,
  CONFIG_PHYSICAL_EXPONENT = 24,
  CONFIG_MIN_IO = 26,
  CONFIG_WRITEBACK = 32,
  CONFIG_QUEUES = 34,
  CONFIG_DISCARD_SECTORS = 36,
  CONFIG_DISCARD_SEGMENTS = 40,
  CONFIG_DISCARD_ALIGN = 44,
  CONFIG_ZEROES_SECTORS = 48,
  CONFIG_ZEROES_SEGMENTS = 52,
  CONFIG_ZEROES_UNMAP = 56,
  CONFIG_SIZE = 60,
};

/* 5.2.6 */
enum
{
  TYPE_IN = 0,
  TYPE_OUT = 1,
  TYPE_FLUSH = 4,
  TYPE_GET_ID = 8,
  TYPE_DISCARD = 11,
  TYPE_WRITE_ZEROES = 13,
};
enum
{
  STATUS_OK,
  STATUS_IO_ERROR,
  STATUS_UNSUPPORTED,
};
typedef struct
{
  uint32_t type, reserved;
  uint64_t sector;
} Header;
typedef struct
{
  uint64_t sector;
  uint32_t n_sectors, flags;
} Segment;
#define SEGMENT_UNMAP 1

#define ID_SIZE     20
#define QUEUE_SIZE  256
#define MOST_PIECES (QUEUE_SIZE - 2)   /* and header and status */
#define MOST_ZEROES (UINT32_MAX / 512) /* sectors */
#define PAGE_SIZE   4096u

typedef struct VirtBlock VirtBlock;

typedef struct Request
{
  BlockRequest block;
  VirtChain chain;
  VirtBlock *owner;
  unsigned queue, generation;
  uint32_t written; /* bytes of `in`, the status besides */
  gboolean flush;   /* behind the write */
  struct iovec *iov;
  unsigned n_iov; /* room */
  struct Request *next;
} Request;

typedef struct
{
  BlockQueue *image;
  Request *unused;
  unsigned n_taken, n_parked;
  gboolean full; /* there was no request left: look again */
} Queue;

struct VirtBlock
{
  VirtDevice virt;
  Block *block;
  char serial[ID_SIZE + 1];
  gboolean writeback; /* atomic: a write is done when the host has it */
  gboolean loaded;    /* what is held was taken by another process */
  Queue queues[VIRT_BLOCK_MAX_QUEUES];
};

static const StateField virt_block_state[] = {
  STATE_STRUCT (VirtBlock, virt, virt_device_state),
  STATE_END,
};

/* -- Requests ---------------------------------------------------------------------------------------- */

static VirtChain *
block_room (VirtDevice *virt, unsigned n)
{
  VirtBlock *blk = (VirtBlock *)virt;
  Queue *queue = &blk->queues[n];
  Request *request = queue->unused;

  queue->full = request == NULL && queue->n_taken >= QUEUE_SIZE;
  if (queue->full)
    return NULL;
  if (request != NULL)
    queue->unused = request->next;
  else
    {
      request = g_new0 (Request, 1);
      virt_chain_init (&request->chain);
      request->owner = blk;
      request->queue = n;
    }
  queue->n_taken++;
  return &request->chain;
}

static Request *
request_of (VirtChain *chain)
{
  return (Request *)((char *)chain - G_STRUCT_OFFSET (Request, chain));
}

static void
block_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  Queue *queue = &((VirtBlock *)virt)->queues[n];
  Request *request = request_of (chain);

  virt_chain_clear (chain);
  request->next = queue->unused;
  queue->unused = request;
  queue->n_taken--;
}

/* The queue's lock is held; the chain goes back to the driver, if it is still that driver's. */
static void
end_request (Request *request, unsigned status)
{
  VirtDevice *virt = &request->owner->virt;
  VirtQueue *queue = &virt->queues[request->queue];
  const uint8_t byte = (uint8_t)status;
  gboolean interrupt = FALSE;

  if (request->generation == queue->generation && dma_enabled (&queue->dma))
    {
      virt_chain_write (&request->chain, request->chain.in.length - 1, &byte, 1);
      virt_chain_clear (&request->chain);
      interrupt
          = virt_queue_give (queue, request->chain.head, (status == STATUS_OK ? request->written : 0) + 1);
    }
  block_unused (virt, request->queue, &request->chain);
  if (interrupt)
    virt_interrupt_queue (virt, request->queue);
}

/* The queue's thread, no lock held. */
static void
on_done (void *opaque, int error)
{
  Request *request = opaque;
  VirtBlock *blk = request->owner;
  VirtQueue *queue = &blk->virt.queues[request->queue];
  Queue *own = &blk->queues[request->queue];

  if (error == 0 && request->flush)
    {
      request->flush = FALSE;
      request->block.op = BLOCK_OP_FLUSH;
      block_submit (own->image, &request->block);
      return;
    }
  g_mutex_lock (&queue->lock);
  end_request (request, error == 0 ? STATUS_OK : STATUS_IO_ERROR);
  if (own->full)
    virt_queue_look (&blk->virt, (unsigned)(own - blk->queues));
  g_mutex_unlock (&queue->lock);
  virt_ended (&blk->virt);
}

/* Likewise.  TRUE: it is parked until the machine goes on. */
static gboolean
on_error (void *opaque, const BlockRequest *block, int error)
{
  VirtBlock *blk = opaque;
  Request *request = block->opaque;
  VirtQueue *queue = &blk->virt.queues[request->queue];
  gboolean ours;

  g_mutex_lock (&queue->lock);
  ours = request->generation == queue->generation;
  g_mutex_unlock (&queue->lock);
  if (!ours || !host_error_pauses (blk->virt.pci.device.vm, block_path (blk->block), error))
    return FALSE;
  g_mutex_lock (&queue->lock);
  ours = request->generation == queue->generation;
  if (ours)
    {
      virt_queue_hold (queue, request->chain.head, TRUE);
      blk->queues[request->queue].n_parked++;
    }
  g_mutex_unlock (&queue->lock);
  virt_ended (&blk->virt);
  return ours;
}

static void
submit (Request *request, BlockOp op, uint64_t sector)
{
  request->block.op = op;
  request->block.offset = sector * BLOCK_SECTOR_SIZE;
  request->block.done = on_done;
  request->block.opaque = request;
  block_submit (request->owner->queues[request->queue].image, &request->block);
}

/* 512 bytes are the unit of everything, and nothing reaches behind the disk's end. */
static gboolean
is_within (const VirtBlock *blk, uint64_t sector, uint64_t length)
{
  const uint64_t size = block_size (blk->block);

  return length % BLOCK_SECTOR_SIZE == 0 && sector <= size / BLOCK_SECTOR_SIZE
         && length <= size - sector * BLOCK_SECTOR_SIZE;
}

static unsigned
transfer (Request *request, gboolean write, uint64_t sector)
{
  VirtBlock *blk = request->owner;
  const DmaVector *vector = write ? &request->chain.out : &request->chain.in;
  const size_t offset = write ? sizeof (Header) : 0, length = vector->length - (write ? sizeof (Header) : 1);

  if (!is_within (blk, sector, length) || (write && block_read_only (blk->block)))
    return STATUS_IO_ERROR;
  if (length == 0)
    return STATUS_OK;
  if (request->n_iov < dma_vector_n (vector))
    {
      g_free (request->iov);
      request->n_iov = dma_vector_n (vector);
      request->iov = g_new (struct iovec, request->n_iov);
    }
  request->block.iov = request->iov;
  request->block.n_iov = virt_vector_cut (vector, offset, length, request->iov, request->n_iov);
  request->written = write ? 0 : (uint32_t)length;
  request->flush = write && !__atomic_load_n (&blk->writeback, __ATOMIC_RELAXED);
  submit (request, write ? BLOCK_OP_WRITE : BLOCK_OP_READ, sector);
  return G_MAXUINT;
}

static unsigned
discard (Request *request, gboolean zeroes)
{
  VirtBlock *blk = request->owner;
  Segment segment;

  /* One segment, as the configuration says (5.2.6.2). */
  if (request->chain.out.length != sizeof (Header) + sizeof segment
      || virt_chain_read (&request->chain, sizeof (Header), &segment, sizeof segment) != sizeof segment)
    return STATUS_IO_ERROR;
  const uint64_t sector = GUINT64_FROM_LE (segment.sector);
  const uint32_t n = GUINT32_FROM_LE (segment.n_sectors), flags = GUINT32_FROM_LE (segment.flags);
  if ((flags & ~(uint32_t)SEGMENT_UNMAP) != 0 || (flags != 0 && !zeroes))
    return STATUS_UNSUPPORTED;
  if (n > MOST_ZEROES || !is_within (blk, sector, (uint64_t)n * BLOCK_SECTOR_SIZE)
      || block_read_only (blk->block))
    return STATUS_IO_ERROR;
  if (n == 0)
    return STATUS_OK;
  request->block.iov = NULL;
  request->block.n_iov = 0;
  request->block.length = (uint64_t)n * BLOCK_SECTOR_SIZE;
  request->block.flags = flags != 0 ? BLOCK_REQUEST_UNMAP : 0;
  request->flush = zeroes && !__atomic_load_n (&blk->writeback, __ATOMIC_RELAXED);
  submit (request, zeroes ? BLOCK_OP_WRITE_ZEROES : BLOCK_OP_DISCARD, sector);
  return G_MAXUINT;
}

/* A status, or G_MAXUINT: it is on its way. */
static unsigned
carry_out (Request *request)
{
  const VirtDevice *virt = &request->owner->virt;
  Header header;

  if (virt_chain_read (&request->chain, 0, &header, sizeof header) != sizeof header)
    return STATUS_IO_ERROR;
  switch (GUINT32_FROM_LE (header.type))
    {
    case TYPE_IN:
      return transfer (request, FALSE, GUINT64_FROM_LE (header.sector));
    case TYPE_OUT:
      return transfer (request, TRUE, GUINT64_FROM_LE (header.sector));
    case TYPE_FLUSH:
      request->block.iov = NULL;
      request->block.n_iov = 0;
      submit (request, BLOCK_OP_FLUSH, 0);
      return G_MAXUINT;
    case TYPE_GET_ID:
      request->written = (uint32_t)MIN (request->chain.in.length - 1, ID_SIZE);
      virt_chain_write (&request->chain, 0, request->owner->serial, request->written);
      return STATUS_OK;
    case TYPE_DISCARD:
      return virt_has (virt, F_DISCARD) ? discard (request, FALSE) : STATUS_UNSUPPORTED;
    case TYPE_WRITE_ZEROES:
      return virt_has (virt, F_WRITE_ZEROES) ? discard (request, TRUE) : STATUS_UNSUPPORTED;
    default:
      return STATUS_UNSUPPORTED;
    }
}

static void
block_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  Request *request = request_of (chain);
  unsigned status;

  request->generation = virt->queues[n].generation;
  request->written = 0;
  request->flush = FALSE;
  request->block.flags = 0;
  /* Without room for a status there is nothing to be told. */
  if (chain->in.length == 0)
    {
      gboolean interrupt = virt_queue_give (&virt->queues[n], chain->head, 0);
      block_unused (virt, n, chain);
      if (interrupt)
        virt_interrupt_queue (virt, n);
      return;
    }
  status = carry_out (request);
  if (status != G_MAXUINT)
    end_request (request, status);
}

/* -- Queues ----------------------------------------------------------------------------------------- */

static void
block_begin (VirtDevice *virt, unsigned n)
{
  BlockQueue *image = ((VirtBlock *)virt)->queues[n].image;

  if (image != NULL)
    block_begin_batch (image);
}

static void
block_end (VirtDevice *virt, unsigned n)
{
  BlockQueue *image = ((VirtBlock *)virt)->queues[n].image;

  if (image != NULL)
    block_end_batch (image);
}

/* The images' queues are gone where the device goes. */
static void
block_settle_queue (VirtDevice *virt, unsigned n)
{
  BlockQueue *image = ((VirtBlock *)virt)->queues[n].image;

  if (image != NULL)
    block_settle (image);
}

static void
block_stop (VirtDevice *virt, unsigned n)
{
  Queue *queue = &((VirtBlock *)virt)->queues[n];

  if (queue->image == NULL)
    return;
  block_cancel_all (queue->image);
  block_settle (queue->image);
  g_mutex_lock (&virt->queues[n].lock);
  queue->n_parked = 0;
  g_mutex_unlock (&virt->queues[n].lock);
}

static void
set_writeback (VirtBlock *blk)
{
  const VirtDevice *virt = &blk->virt;
  gboolean on
      = virt_has (virt, F_CONFIG_WCE) ? virt->config[CONFIG_WRITEBACK] != 0 : virt_has (virt, F_FLUSH);

  __atomic_store_n (&blk->writeback, on, __ATOMIC_RELAXED);
}

static void
block_configured (VirtDevice *virt, unsigned offset, unsigned size)
{
  set_writeback ((VirtBlock *)virt);
}

static void
block_started (VirtDevice *virt)
{
  set_writeback ((VirtBlock *)virt);
}

static const VirtClass virt_block_class = {
  .type = VIRT_TYPE_BLOCK,
  .transitional = 0x1001,
  .class_code = 0x010000, /* SCSI storage */
  .features = F_ALL,
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .threaded = TRUE,
  .room = block_room,
  .run = block_run,
  .unused = block_unused,
  .begin = block_begin,
  .end = block_end,
  .stop = block_stop,
  .settle = block_settle_queue,
  .configured = block_configured,
  .started = block_started,
};

/* -- Life ------------------------------------------------------------------------------------------- */

static void
fill_config (VirtBlock *blk, unsigned n_queues)
{
  uint8_t *config = blk->virt.config;
  const uint64_t sectors = block_size (blk->block) / BLOCK_SECTOR_SIZE;

  pci_set32 (config + CONFIG_CAPACITY, (uint32_t)sectors);
  pci_set32 (config + CONFIG_CAPACITY + 4, (uint32_t)(sectors >> 32));
  pci_set32 (config + CONFIG_SEG_MAX, MOST_PIECES);
  pci_set32 (config + CONFIG_BLOCK_SIZE, BLOCK_SECTOR_SIZE);
  config[CONFIG_PHYSICAL_EXPONENT] = 3; /* 4096 */
  pci_set16 (config + CONFIG_MIN_IO, PAGE_SIZE / BLOCK_SECTOR_SIZE);
  config[CONFIG_WRITEBACK] = 1;
  blk->virt.writable[CONFIG_WRITEBACK] = 0xff;
  pci_set16 (config + CONFIG_QUEUES, (uint16_t)n_queues);
  pci_set32 (config + CONFIG_DISCARD_SECTORS, MOST_ZEROES);
  pci_set32 (config + CONFIG_DISCARD_SEGMENTS, 1);
  pci_set32 (config + CONFIG_DISCARD_ALIGN, PAGE_SIZE / BLOCK_SECTOR_SIZE);
  pci_set32 (config + CONFIG_ZEROES_SECTORS, MOST_ZEROES);
  pci_set32 (config + CONFIG_ZEROES_SEGMENTS, 1);
  config[CONFIG_ZEROES_UNMAP] = 1;
}

static gboolean
virt_block_realize (Device *device, GError **error)
{
  VirtBlock *blk = (VirtBlock *)device;
  VirtDevice *virt = &blk->virt;
  const unsigned n = virt->n_queues; /* as virt_block_new() has it */
  const uint64_t features
      = block_read_only (blk->block) ? F_ALL & ~(F_DISCARD | F_WRITE_ZEROES) : F_ALL & ~F_READ_ONLY;

  virt->n_queues = 0;
  fill_config (blk, n);
  if (!virt_device_realize (virt, &virt_block_class, n, n > 1 ? features : features & ~F_QUEUES, error))
    return FALSE;
  for (unsigned i = 0; i < n; i++)
    {
      blk->queues[i].image = block_queue_new (blk->block, virt_queue_context (virt, i));
      block_set_error_func (blk->queues[i].image, on_error, blk);
    }
  return TRUE;
}

static void
virt_block_reset (Device *device)
{
  VirtBlock *blk = (VirtBlock *)device;

  virt_device_reset (&blk->virt);
  blk->virt.config[CONFIG_WRITEBACK] = 1;
  blk->loaded = FALSE;
}

static void
virt_block_pause (Device *device)
{
  virt_device_pause ((VirtDevice *)device);
}

static gboolean
virt_block_drained (Device *device)
{
  VirtBlock *blk = (VirtBlock *)device;

  for (unsigned i = 0; i < blk->virt.n_queues; i++)
    {
      gboolean busy;

      g_mutex_lock (&blk->virt.queues[i].lock);
      busy = blk->queues[i].n_taken > blk->queues[i].n_parked;
      g_mutex_unlock (&blk->virt.queues[i].lock);
      if (busy)
        return FALSE;
    }
  return TRUE;
}

/* What the machine was saved with is taken once more: it was never told to be done. */
static void
take_again (VirtBlock *blk, unsigned n)
{
  VirtDevice *virt = &blk->virt;
  VirtQueue *queue = &virt->queues[n];

  for (unsigned head = 0; head < queue->size; head++)
    {
      VirtChain *chain;

      if (!(queue->held[head / 8] >> head % 8 & 1))
        continue;
      chain = block_room (virt, n);
      if (chain == NULL)
        return;
      if (virt_queue_take_again (queue, head, chain) > 0)
        block_run (virt, n, chain);
      else
        block_unused (virt, n, chain);
    }
}

static void
virt_block_resume (Device *device)
{
  VirtBlock *blk = (VirtBlock *)device;
  VirtDevice *virt = &blk->virt;

  set_writeback (blk);
  for (unsigned i = 0; i < virt->n_queues; i++)
    {
      g_mutex_lock (&virt->queues[i].lock);
      blk->queues[i].n_parked = 0;
      if (blk->loaded && virt->queues[i].enabled)
        take_again (blk, i);
      memset (virt->queues[i].held, 0, sizeof virt->queues[i].held);
      g_mutex_unlock (&virt->queues[i].lock);
      block_retry (blk->queues[i].image);
    }
  blk->loaded = FALSE;
  virt_device_resume (virt);
}

static gboolean
virt_block_post_load (Device *device, GError **error)
{
  VirtBlock *blk = (VirtBlock *)device;
  const uint8_t writeback = blk->virt.config[CONFIG_WRITEBACK];

  /* The image is this one's. */
  fill_config (blk, blk->virt.n_queues);
  blk->virt.config[CONFIG_WRITEBACK] = writeback;
  blk->loaded = TRUE;
  return virt_device_post_load (&blk->virt, error);
}

/* On the thread where its requests end. */
static void
free_image_queue (void *opaque)
{
  BlockQueue **image = opaque;

  block_queue_free (*image); /* what ends there may want a flush yet */
  *image = NULL;
}

static void
virt_block_unrealize (Device *device)
{
  VirtBlock *blk = (VirtBlock *)device;

  virt_device_retire (&blk->virt);
  for (unsigned i = 0; i < VIRT_BLOCK_MAX_QUEUES; i++)
    {
      Queue *queue = &blk->queues[i];

      if (queue->image != NULL)
        virt_queue_call (&blk->virt, i, free_image_queue, &queue->image);
      for (Request *request = queue->unused, *next; request != NULL; request = next)
        {
          next = request->next;
          virt_chain_free (&request->chain);
          g_free (request->iov);
          g_free (request);
        }
      queue->unused = NULL;
    }
  virt_device_unrealize (&blk->virt);
  g_clear_pointer (&blk->block, block_close);
}

static const DeviceClass virt_block_device_class = {
  .name = "virtio-blk",
  .version = 1,
  .instance_size = sizeof (VirtBlock),
  .state = virt_block_state,
  .realize = virt_block_realize,
  .reset = virt_block_reset,
  .pause = virt_block_pause,
  .drained = virt_block_drained,
  .resume = virt_block_resume,
  .post_load = virt_block_post_load,
  .unrealize = virt_block_unrealize,
};

Device *
virt_block_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const VirtBlockConfig *config,
                GError **error)
{
  VirtBlock *blk = device_new (vm, &virt_block_device_class, id);

  blk->virt.pci.bus = bus;
  blk->virt.pci.devfn = (uint8_t)devfn;
  blk->virt.n_queues = config->n_queues;
  blk->block = config->block;
  g_strlcpy (blk->serial, config->serial, sizeof blk->serial);
  if (device_realize (&blk->virt.pci.device, error))
    return &blk->virt.pci.device;
  device_free (&blk->virt.pci.device);
  return NULL;
}

Block *
virt_block_image (Device *device)
{
  return ((VirtBlock *)device)->block;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Queued commands: READ and WRITE FPDMA QUEUED.  Serial ATA 2.6, 13.6.
 */
#define G_LOG_DOMAIN "ahci"

#include "storage/ahci-private.h"

#include "storage/host-error.h"

#define WRITE_QUEUED 0x61
#define FUA          0x80 /* device register */

/* What is at the image of a tag.  It outlives a tag that is dropped. */
struct AhciTransfer
{
  AhciPort *port;
  unsigned tag;
  gboolean dead, parked;
  uint32_t n; /* sectors; 0: a flush */
  IdePrd after;
  DmaVector vector;
  BlockRequest block;
};

static void on_done (void *opaque, int error);

gboolean
ahci_queued_any (const AhciPort *port)
{
  for (unsigned i = 0; i < AHCI_N_SLOTS; i++)
    if (port->tags[i].active)
      return TRUE;
  return FALSE;
}

static void
free_transfer (AhciTransfer *transfer, gboolean touched)
{
  dma_unmap_sg (&transfer->vector, touched);
  dma_vector_free (&transfer->vector);
  g_free (transfer);
}

/* -- Endings -------------------------------------------------------------------------------------- */

static void
forget_transfer (AhciTag *tag)
{
  free_transfer (tag->transfer, FALSE);
  tag->transfer = NULL;
}

static void
complete (AhciPort *port, unsigned n)
{
  forget_transfer (&port->tags[n]);
  port->tags[n].active = FALSE;
  ahci_send_device_bits (port, 1u << n, ATA_DRDY | ATA_DSC, 0);
}

/* 13.6.4.4: the drive gives up all of them and has a log of the one that failed. */
static void
fail (AhciPort *port, unsigned n, uint8_t error)
{
  IdeDrive *drive = &port->drive;

  drive->queued_failed = TRUE;
  drive->queued_tag = (uint8_t)n;
  drive->queued_error = error;
  drive->queued_lba = port->tags[n].lba;
  ahci_queued_drop (port);
  for (unsigned i = 0; i < AHCI_N_SLOTS; i++)
    port->tags[i].active = FALSE;
  port->halted = TRUE;
  ahci_send_device_bits (port, 0, ATA_DRDY | ATA_DSC | ATA_ERR, error);
}

/* -- The image ------------------------------------------------------------------------------------ */

static void
submit (AhciPort *port, AhciTransfer *transfer, BlockOp op, uint64_t offset)
{
  transfer->block
      = (BlockRequest){ .op = op,
                        .offset = offset,
                        .iov
                        = dma_vector_n (&transfer->vector) > 0 ? dma_vector_iov (&transfer->vector) : NULL,
                        .n_iov = dma_vector_n (&transfer->vector),
                        .done = on_done,
                        .opaque = transfer };
  port->n_transfers++;
  block_submit (port->queue, &transfer->block);
}

/* The memory of the next `n` sectors.  FALSE: it is none, or in too many pieces. */
static gboolean
map (AhciPort *port, AhciTag *tag, AhciTransfer *transfer, uint32_t n)
{
  uint64_t bytes = (uint64_t)n * BLOCK_SECTOR_SIZE;
  IdePrd prd = tag->place;

  while (bytes > 0)
    {
      uint32_t part;

      if (prd.left == 0 && (prd.last || !ahci_next_prd (port, tag->table, tag->n_prds, &prd)))
        break;
      part = (uint32_t)MIN (prd.left, bytes);
      if (!dma_map_sg (&port->cable.dma, &transfer->vector, prd.addr, part, !tag->write))
        break;
      prd.addr += part;
      prd.left -= part;
      bytes -= part;
    }
  if (bytes > 0)
    dma_unmap_sg (&transfer->vector, FALSE);
  transfer->after = prd;
  transfer->n = n;
  return bytes == 0;
}

/* The next piece of a tag, as large as its memory allows.  FALSE: there is no memory; the port stands. */
static gboolean
go_on (AhciPort *port, unsigned n)
{
  AhciTag *tag = &port->tags[n];
  uint32_t sectors = tag->left;

  if (tag->transfer == NULL)
    {
      tag->transfer = g_new0 (AhciTransfer, 1);
      tag->transfer->port = port;
      tag->transfer->tag = n;
      dma_vector_init (&tag->transfer->vector);
    }
  if (sectors == 0)
    {
      tag->transfer->n = 0;
      submit (port, tag->transfer, BLOCK_OP_FLUSH, 0);
      return TRUE;
    }
  while (!map (port, tag, tag->transfer, sectors))
    {
      sectors /= 2;
      if (sectors > 0)
        continue;
      forget_transfer (tag);
      ahci_fatal (port, IS_HBF);
      return FALSE;
    }
  submit (port, tag->transfer, tag->write ? BLOCK_OP_WRITE : BLOCK_OP_READ, tag->lba * BLOCK_SECTOR_SIZE);
  return TRUE;
}

static void
ended (AhciTransfer *transfer, int error)
{
  AhciPort *port = transfer->port;
  AhciTag *tag = &port->tags[transfer->tag];
  const gboolean read = transfer->block.op == BLOCK_OP_READ;

  port->n_transfers--;
  if (transfer->parked)
    port->n_parked--;
  transfer->parked = FALSE;
  if (transfer->dead)
    {
      free_transfer (transfer, read);
      return;
    }
  dma_unmap_sg (&transfer->vector, read);
  if (error != 0)
    {
      device_log (port->cable.device, "port %u: %s", port->cable.index, g_strerror (error));
      forget_transfer (tag);
      fail (port, transfer->tag, read ? ATA_UNC : ATA_ABRT);
      return;
    }
  tag->lba += transfer->n;
  tag->left -= MIN (transfer->n, tag->left);
  tag->place = transfer->after;
  if (tag->left == 0 && (!tag->flush || transfer->n == 0))
    complete (port, transfer->tag);
  else
    go_on (port, transfer->tag);
}

/* Device loop, or whoever frees the queue, who has the lock. */
static void
on_done (void *opaque, int error)
{
  AhciTransfer *transfer = opaque;
  AhciPort *port = transfer->port;
  Vm *vm = port->cable.device->vm;
  const gboolean held = vm_lock_held (vm);

  if (!held)
    vm_lock (vm);
  ended (transfer, error);
  ahci_look (port);
  if (!held)
    vm_unlock (vm);
}

static gboolean
on_error (void *opaque, const BlockRequest *block, int error)
{
  AhciPort *port = opaque;
  AhciTransfer *transfer = block->opaque;
  Vm *vm = port->cable.device->vm;
  const gboolean held = vm_lock_held (vm);
  gboolean keep;

  if (!held)
    vm_lock (vm);
  keep = !transfer->dead && host_error_pauses (vm, block_path (port->drive.port.block), error);
  if (keep)
    {
      transfer->parked = TRUE;
      port->n_parked++;
    }
  if (!held)
    vm_unlock (vm);
  return keep;
}

void
ahci_queued_open (AhciPort *port)
{
  port->queue = block_queue_new (port->drive.port.block, port->cable.device->vm->context);
  block_set_error_func (port->queue, on_error, port);
}

void
ahci_queued_drop (AhciPort *port)
{
  if (port->queue == NULL)
    return;
  for (unsigned i = 0; i < AHCI_N_SLOTS; i++)
    {
      AhciTransfer *transfer = g_steal_pointer (&port->tags[i].transfer);

      if (transfer != NULL)
        transfer->dead = TRUE;
    }
  block_cancel_all (port->queue);
  block_settle (port->queue);
}

void
ahci_queued_resume (AhciPort *port)
{
  /* The guest has taken its memory back. */
  if (!dma_enabled (&port->cable.dma))
    ahci_queued_drop (port);
  for (unsigned i = 0; i < AHCI_N_SLOTS && !port->halted; i++)
    if (port->tags[i].active && port->tags[i].transfer == NULL)
      go_on (port, i);
  for (unsigned i = 0; i < AHCI_N_SLOTS; i++)
    if (port->tags[i].transfer != NULL && port->tags[i].transfer->parked)
      {
        port->tags[i].transfer->parked = FALSE;
        port->n_parked--;
      }
  if (port->queue != NULL)
    block_retry (port->queue);
}

/* -- Beginnings ----------------------------------------------------------------------------------- */

/* The command list's slot is free as soon as the drive has taken the command; PxSACT says that it isn't over. */
void
ahci_queued_begin (AhciPort *port, unsigned slot, const uint8_t *fis)
{
  IdeDrive *drive = &port->drive;
  const unsigned n = fis[12] >> 3;
  AhciTag *tag = &port->tags[n];
  const uint64_t lba = fis[4] | (uint64_t)fis[5] << 8 | (uint64_t)fis[6] << 16 | (uint64_t)fis[8] << 24
                       | (uint64_t)fis[9] << 32 | (uint64_t)fis[10] << 40;
  const uint32_t count = fis[3] | (uint32_t)fis[11] << 8;
  const gboolean write = fis[2] == WRITE_QUEUED;
  const uint32_t sectors = count != 0 ? count : 65536;
  const gboolean again = tag->active;

  port->ci &= ~(1u << slot);
  drive->status = ATA_DRDY | ATA_DSC;
  drive->error = 0;
  drive->power = 0xff;
  ahci_send_registers (port, FALSE);
  if (!again)
    *tag = (AhciTag){ .active = TRUE,
                      .write = write,
                      .flush = write && ((fis[7] & FUA) != 0 || !drive->write_cache),
                      .table = port->table,
                      .n_prds = port->n_prds,
                      .place = { .last = port->n_prds == 0 },
                      .lba = lba,
                      .left = sectors };
  if (again || (port->sact >> n & 1) == 0 || (write && block_read_only (drive->port.block)))
    fail (port, n, ATA_ABRT);
  else if (lba >= drive->n_sectors || sectors > drive->n_sectors - lba)
    fail (port, n, ATA_IDNF);
  else
    go_on (port, n);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * As virtio/blk.c: a request is taken and submitted under its queue's lock and ends on the queue's I/O thread under it; a reset gives the queue another
 * generation and then waits for the images.  Each disk has a queue of its image for each queue of commands.
 * Functions are in scsi-control.c.
 */
#define G_LOG_DOMAIN "virtio-scsi"

#include "virtio/scsi-private.h"

#include "storage/host-error.h"

#include <string.h>

static const StateField virt_scsi_state[] = {
  STATE_STRUCT (VirtScsi, virt, virt_device_state),
  STATE_ADDED,
  STATE_STRUCTS (VirtScsi, targets, Target, virt_scsi_target_state),
  STATE_END,
};

/* -- Where a command goes ----------------------------------------------------------------------------- */

int
virt_scsi_find_target (const VirtScsi *scsi, const uint8_t *address, unsigned *lun)
{
  *lun = (address[2] & 0x3fu) << 8 | address[3];
  if (address[0] != 1 || address[1] >= scsi->n_targets)
    return -1;
  return address[1];
}

static uint32_t
config32 (const VirtScsi *scsi, unsigned at)
{
  return pci_get32 (scsi->virt.config + at);
}

/* Where the data begins, in what the device reads and in what it writes; the driver sets the sizes within. */
static uint64_t
out_offset (const VirtScsi *scsi)
{
  return sizeof (Header) + (uint64_t)config32 (scsi, CONFIG_CDB_SIZE);
}

static uint64_t
in_offset (const VirtScsi *scsi)
{
  return sizeof (Footer) + (uint64_t)config32 (scsi, CONFIG_SENSE_SIZE);
}

/* -- Requests: the queue's lock held -------------------------------------------------------------------- */

static Request *
request_of (VirtChain *chain)
{
  return (Request *)((char *)chain - G_STRUCT_OFFSET (Request, chain));
}

static VirtChain *
command_room (VirtScsi *scsi, unsigned n)
{
  Queue *queue = &scsi->queues[n - QUEUE_FIRST];
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
      request->owner = scsi;
      request->queue = n;
    }
  request->before = NULL;
  request->next = queue->taken;
  if (queue->taken != NULL)
    queue->taken->before = request;
  queue->taken = request;
  queue->n_taken++;
  /* Until it is known. */
  request->target = VIRT_SCSI_MAX_TARGETS;
  request->parked = FALSE;
  return &request->chain;
}

static void
command_unused (VirtScsi *scsi, unsigned n, VirtChain *chain)
{
  Queue *queue = &scsi->queues[n - QUEUE_FIRST];
  Request *request = request_of (chain);

  virt_chain_clear (chain);
  if (request->before != NULL)
    request->before->next = request->next;
  else
    queue->taken = request->next;
  if (request->next != NULL)
    request->next->before = request->before;
  request->next = queue->unused;
  queue->unused = request;
  queue->n_taken--;
}

/* The chain goes back to the driver, if it is still that driver's. */
static void
end_request (Request *request, uint8_t response, uint64_t transferred)
{
  VirtScsi *scsi = request->owner;
  VirtQueue *queue = &scsi->virt.queues[request->queue];
  const ScsiTask *task = &request->task;
  Footer footer = { .response = response };
  gboolean interrupt = FALSE;

  if (response == RESPONSE_OK)
    {
      footer.status = task->status;
      footer.sense_length = GUINT32_TO_LE (MIN (task->sense_length, config32 (scsi, CONFIG_SENSE_SIZE)));
      footer.residual
          = GUINT32_TO_LE ((uint32_t)(request->data_length - MIN (transferred, request->data_length)));
    }
  if (request->generation == queue->generation && dma_enabled (&queue->dma))
    {
      virt_chain_write (&request->chain, 0, &footer, sizeof footer);
      if (footer.sense_length != 0)
        virt_chain_write (&request->chain, sizeof footer, task->sense, GUINT32_FROM_LE (footer.sense_length));
      const uint64_t length = request->chain.in.length;
      virt_chain_clear (&request->chain);
      interrupt = virt_queue_give (queue, request->chain.head, (uint32_t)MIN (length, UINT32_MAX));
    }
  command_unused (scsi, request->queue, &request->chain);
  if (interrupt)
    virt_interrupt_queue (&scsi->virt, request->queue);
}

/* -- To the image ------------------------------------------------------------------------------------------- */

/* The queue's thread, no lock held. */
static void
on_done (void *opaque, int error)
{
  Request *request = opaque;
  VirtScsi *scsi = request->owner;
  VirtQueue *queue = &scsi->virt.queues[request->queue];
  Queue *own = &scsi->queues[request->queue - QUEUE_FIRST];
  const gboolean read = request->task.action == SCSI_READ, write = request->task.action == SCSI_WRITE;
  GSList *waiting;

  if (error == 0 && request->task.through)
    {
      request->task.through = FALSE;
      request->block.op = BLOCK_OP_FLUSH;
      request->block.iov = NULL;
      request->block.n_iov = 0;
      block_submit (scsi->targets[request->target].images[request->queue - QUEUE_FIRST], &request->block);
      return;
    }
  g_mutex_lock (&queue->lock);
  waiting = g_steal_pointer (&request->waiting);
  const uint64_t moved = error == 0 && (read || write) ? request->task.n * SCSI_BLOCK_SIZE : 0;
  if (error != 0)
    scsi_failed (&request->task, !read);
  else
    request->task.status = SCSI_STATUS_GOOD;
  end_request (request, waiting != NULL ? request->end_as : RESPONSE_OK,
               error == 0 && !read && !write ? request->data_length : moved);
  if (own->full)
    virt_queue_look (&scsi->virt, (unsigned)(own - scsi->queues) + QUEUE_FIRST);
  own->n_telling += waiting != NULL;
  g_mutex_unlock (&queue->lock);
  if (waiting != NULL)
    {
      virt_scsi_one_less (scsi, waiting);
      g_mutex_lock (&queue->lock);
      own->n_telling--;
      g_mutex_unlock (&queue->lock);
    }
  virt_ended (&scsi->virt);
}

/* Likewise.  TRUE: it is parked until the machine goes on. */
static gboolean
on_error (void *opaque, const BlockRequest *block, int error)
{
  VirtScsi *scsi = opaque;
  Request *request = block->opaque;
  VirtQueue *queue = &scsi->virt.queues[request->queue];
  gboolean ours;

  g_mutex_lock (&queue->lock);
  ours = request->generation == queue->generation;
  g_mutex_unlock (&queue->lock);
  if (!ours
      || !host_error_pauses (scsi->virt.pci.device.vm, block_path (block_queue_image (block->queue)), error))
    return FALSE;
  g_mutex_lock (&queue->lock);
  ours = request->generation == queue->generation;
  if (ours)
    {
      virt_queue_hold (queue, request->chain.head, TRUE);
      request->parked = TRUE;
    }
  g_mutex_unlock (&queue->lock);
  virt_ended (&scsi->virt);
  return ours;
}

static void
submit (Request *request, const DmaVector *vector, uint64_t offset)
{
  static const BlockOp ops[] = { [SCSI_READ] = BLOCK_OP_READ,
                                 [SCSI_WRITE] = BLOCK_OP_WRITE,
                                 [SCSI_FLUSH] = BLOCK_OP_FLUSH,
                                 [SCSI_DISCARD] = BLOCK_OP_DISCARD,
                                 [SCSI_ZEROES] = BLOCK_OP_WRITE_ZEROES };
  const ScsiTask *task = &request->task;

  request->block.op = ops[task->action];
  request->block.offset = task->lba * SCSI_BLOCK_SIZE;
  request->block.length = task->n * SCSI_BLOCK_SIZE;
  request->block.flags = task->unmap ? BLOCK_REQUEST_UNMAP : 0;
  request->block.iov = NULL;
  request->block.n_iov = 0;
  if (vector != NULL)
    {
      if (request->n_iov < dma_vector_n (vector))
        {
          g_free (request->iov);
          request->n_iov = dma_vector_n (vector);
          request->iov = g_new (struct iovec, request->n_iov);
        }
      request->block.iov = request->iov;
      request->block.n_iov
          = virt_vector_cut (vector, offset, task->n * SCSI_BLOCK_SIZE, request->iov, request->n_iov);
    }
  request->block.done = on_done;
  request->block.opaque = request;
  block_submit (request->owner->targets[request->target].images[request->queue - QUEUE_FIRST],
                &request->block);
}

/* What the unit has made of the command; the target's lock is held if it is a drive whose discs change.  A response, or -1: it is on its way. */
static int
finish (Request *request, uint64_t out_at, uint64_t in_at, uint64_t *transferred)
{
  VirtScsi *scsi = request->owner;
  VirtChain *chain = &request->chain;
  const uint64_t n_out = chain->out.length - out_at, n_in = chain->in.length - in_at;
  const unsigned target = request->target;
  const ScsiTask *task = &request->task;

  request->data_length = (uint32_t)MIN (n_out > 0 ? n_out : n_in, UINT32_MAX);
  switch (task->action)
    {
    case SCSI_ANSWERED:
      if (task->answer_length > n_in && n_in == 0 && task->status == SCSI_STATUS_GOOD)
        return RESPONSE_OVERRUN;
      *transferred = virt_chain_write (
          chain, (size_t)in_at, task->longer != NULL ? task->longer : task->answer, task->answer_length);
      if (n_out > 0 && task->status == SCSI_STATUS_GOOD)
        *transferred = request->data_length;
      return RESPONSE_OK;
    case SCSI_READ:
      if (scsi->targets[target].block == NULL)
        return RESPONSE_FAILURE;
      if (task->n > n_in / SCSI_BLOCK_SIZE)
        return RESPONSE_OVERRUN;
      request->data_length = (uint32_t)MIN (n_in, UINT32_MAX);
      submit (request, &chain->in, in_at);
      return -1;
    case SCSI_WRITE:
      if (task->n > n_out / SCSI_BLOCK_SIZE)
        return RESPONSE_OVERRUN;
      submit (request, &chain->out, out_at);
      return -1;
    default:
      if (scsi->targets[target].block == NULL)
        return RESPONSE_FAILURE;
      submit (request, NULL, 0);
      return -1;
    }
}

/* Likewise. */
static int
carry_out (Request *request, uint64_t *transferred)
{
  VirtScsi *scsi = request->owner;
  VirtChain *chain = &request->chain;
  const uint64_t out_at = out_offset (scsi), in_at = in_offset (scsi);
  uint8_t cdb[SCSI_CDB_SIZE] = { 0 }, parameters[SCSI_PARAMETERS_SIZE];
  ScsiUnit none = { .absent = TRUE };
  Header header;
  unsigned lun;
  int response;

  if (chain->out.length < out_at || chain->in.length < in_at)
    return RESPONSE_FAILURE;
  virt_chain_read (chain, 0, &header, sizeof header);
  virt_chain_read (chain, sizeof header, cdb, MIN (sizeof cdb, (size_t)(out_at - sizeof header)));
  const int number = virt_scsi_find_target (scsi, header.lun, &lun);
  if (number < 0)
    return RESPONSE_BAD_TARGET;
  Target *target = &scsi->targets[number];
  const gboolean disc = lun == 0 && target->unit.disc != NULL;
  request->target = (unsigned)number;
  request->tag = header.tag;
  const uint32_t length = (uint32_t)virt_chain_read (chain, (size_t)out_at, parameters, sizeof parameters);
  g_mutex_lock (&target->lock);
  scsi_command (lun == 0 ? &target->unit : &none, cdb, parameters, length, &request->task);
  if (disc)
    virt_scsi_look_at_tray (scsi, target);
  else
    g_mutex_unlock (&target->lock); /* queues go side by side */
  response = finish (request, out_at, in_at, transferred);
  if (disc)
    g_mutex_unlock (&target->lock);
  return response;
}

static void
run_command (VirtScsi *scsi, unsigned n, VirtChain *chain)
{
  Request *request = request_of (chain);
  uint64_t transferred = 0;
  int response;

  request->generation = scsi->virt.queues[n].generation;
  memset (&request->task, 0, sizeof request->task);
  request->data_length = 0;
  /* Without room for an answer there is nothing to be told. */
  if (chain->in.length < sizeof (Footer))
    {
      virt_give (&scsi->virt, n, chain, 0);
      command_unused (scsi, n, chain);
      return;
    }
  response = carry_out (request, &transferred);
  if (response >= 0)
    end_request (request, (uint8_t)response, transferred);
}

/* -- Queues --------------------------------------------------------------------------------------------------- */

static VirtChain *
scsi_room (VirtDevice *virt, unsigned n)
{
  VirtScsi *scsi = (VirtScsi *)virt;

  return n == QUEUE_EVENT     ? virt_scsi_event_room (scsi)
         : n == QUEUE_CONTROL ? virt_scsi_control_room (scsi)
                              : command_room (scsi, n);
}

static void
scsi_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  if (n < QUEUE_FIRST)
    virt_chain_clear (chain);
  else
    command_unused ((VirtScsi *)virt, n, chain);
}

static void
scsi_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  if (n == QUEUE_CONTROL)
    virt_scsi_run_control ((VirtScsi *)virt, chain);
  else if (n == QUEUE_EVENT)
    virt_scsi_run_event ((VirtScsi *)virt, chain);
  else
    run_command ((VirtScsi *)virt, n, chain);
}

/* A disc that is changed meanwhile takes its queue along, whose end calls done() for all. */
static void
for_images (VirtScsi *scsi, unsigned n, void (*func) (BlockQueue *image))
{
  for (unsigned i = 0; n >= QUEUE_FIRST && i < scsi->n_targets; i++)
    {
      g_mutex_lock (&scsi->targets[i].lock);
      BlockQueue *image = scsi->targets[i].images[n - QUEUE_FIRST];
      g_mutex_unlock (&scsi->targets[i].lock);
      if (image != NULL)
        func (image);
    }
}

static void
scsi_begin (VirtDevice *virt, unsigned n)
{
  for_images ((VirtScsi *)virt, n, block_begin_batch);
}

static void
scsi_end (VirtDevice *virt, unsigned n)
{
  for_images ((VirtScsi *)virt, n, block_end_batch);
}

static void
scsi_settle (VirtDevice *virt, unsigned n)
{
  VirtScsi *scsi = (VirtScsi *)virt;

  for (unsigned i = 0; n >= QUEUE_FIRST && i < scsi->n_targets; i++)
    if (scsi->targets[i].images[n - QUEUE_FIRST] != NULL)
      block_settle (scsi->targets[i].images[n - QUEUE_FIRST]);
}

static void
scsi_stop (VirtDevice *virt, unsigned n)
{
  VirtScsi *scsi = (VirtScsi *)virt;

  for (unsigned i = 0; n >= QUEUE_FIRST && i < scsi->n_targets; i++)
    if (scsi->targets[i].images[n - QUEUE_FIRST] != NULL)
      block_cancel_all (scsi->targets[i].images[n - QUEUE_FIRST]);
  scsi_settle (virt, n);
}

static const VirtClass virt_scsi_class = {
  .type = VIRT_TYPE_SCSI,
  .transitional = 0x1004,
  .class_code = 0x010000, /* SCSI storage */
  .features = VIRT_SCSI_F_CHANGE,
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .threaded = TRUE,
  .first_threaded = QUEUE_FIRST,
  .room = scsi_room,
  .run = scsi_run,
  .unused = scsi_unused,
  .begin = scsi_begin,
  .end = scsi_end,
  .stop = scsi_stop,
  .settle = scsi_settle,
};

/* -- Life --------------------------------------------------------------------------------------------------------- */

static void
fill_config (VirtScsi *scsi)
{
  uint8_t *config = scsi->virt.config;

  pci_set32 (config + CONFIG_QUEUES, scsi->virt.n_queues - QUEUE_FIRST);
  pci_set32 (config + CONFIG_SEG_MAX, MOST_PIECES);
  pci_set32 (config + CONFIG_MAX_SECTORS, MOST_BYTES / SCSI_BLOCK_SIZE);
  pci_set32 (config + CONFIG_PER_LUN, QUEUE_SIZE / 2);
  pci_set32 (config + CONFIG_EVENT_SIZE, 16);
  pci_set16 (config + CONFIG_MAX_TARGET, VIRT_SCSI_MAX_TARGETS - 1);
  pci_set32 (config + CONFIG_MAX_LUN, 0);
}

static void
default_sizes (VirtScsi *scsi)
{
  pci_set32 (scsi->virt.config + CONFIG_SENSE_SIZE, SENSE_SIZE);
  pci_set32 (scsi->virt.config + CONFIG_CDB_SIZE, CDB_SIZE);
}

static gboolean
virt_scsi_realize (Device *device, GError **error)
{
  VirtScsi *scsi = (VirtScsi *)device;
  const unsigned n = scsi->virt.n_queues; /* as virt_scsi_new() has it */

  memset (scsi->virt.writable + CONFIG_SENSE_SIZE, 0xff, 8);
  default_sizes (scsi);
  scsi->virt.n_queues = 0;
  virt_chain_init (&scsi->event);
  if (!virt_device_realize (&scsi->virt, &virt_scsi_class, n, VIRT_SCSI_F_CHANGE, error))
    return FALSE;
  fill_config (scsi);
  return TRUE;
}

static void
virt_scsi_reset (Device *device)
{
  VirtScsi *scsi = (VirtScsi *)device;

  virt_device_reset (&scsi->virt);
  default_sizes (scsi);
  for (unsigned i = 0; i < scsi->n_targets; i++)
    {
      Target *target = &scsi->targets[i];

      target->event_due = FALSE;
      g_mutex_lock (&target->lock);
      target->unit.attention = FALSE;
      /* As a drive's reset: it lets go. */
      target->mmc.tray_locked = FALSE;
      g_mutex_unlock (&target->lock);
    }
  scsi->loaded = FALSE;
}

static unsigned
n_parked (const Queue *queue)
{
  unsigned n = 0;

  for (const Request *request = queue->taken; request != NULL; request = request->next)
    n += request->parked;
  return n;
}

static gboolean
virt_scsi_drained (Device *device)
{
  VirtScsi *scsi = (VirtScsi *)device;

  for (unsigned n = QUEUE_FIRST; n < scsi->virt.n_queues; n++)
    {
      const Queue *queue = &scsi->queues[n - QUEUE_FIRST];
      gboolean busy;

      g_mutex_lock (&scsi->virt.queues[n].lock);
      busy = queue->n_taken > n_parked (queue) || queue->n_telling > 0;
      g_mutex_unlock (&scsi->virt.queues[n].lock);
      if (busy)
        return FALSE;
    }
  return TRUE;
}

/* What the machine was saved with is taken once more: it was never told to be done. */
static void
take_again (VirtScsi *scsi, unsigned n)
{
  VirtQueue *queue = &scsi->virt.queues[n];

  for (unsigned head = 0; head < queue->size; head++)
    {
      VirtChain *chain;

      if (!(queue->held[head / 8] >> head % 8 & 1))
        continue;
      chain = scsi_room (&scsi->virt, n);
      if (chain == NULL)
        return;
      if (virt_queue_take_again (queue, head, chain) > 0)
        scsi_run (&scsi->virt, n, chain);
      else
        scsi_unused (&scsi->virt, n, chain);
    }
}

/* Commands before the functions that are to end them. */
static void
virt_scsi_resume (Device *device)
{
  VirtScsi *scsi = (VirtScsi *)device;

  for (unsigned n = scsi->virt.n_queues; n-- > 0;)
    {
      VirtQueue *queue = &scsi->virt.queues[n];

      g_mutex_lock (&queue->lock);
      if (n >= QUEUE_FIRST)
        {
          for (Request *request = scsi->queues[n - QUEUE_FIRST].taken; request != NULL;
               request = request->next)
            request->parked = FALSE;
          if (scsi->loaded && queue->enabled)
            take_again (scsi, n);
          memset (queue->held, 0, sizeof queue->held);
        }
      else if (scsi->loaded && n == QUEUE_CONTROL && queue->enabled)
        take_again (scsi, n);
      g_mutex_unlock (&queue->lock);
      for (unsigned i = 0; n >= QUEUE_FIRST && i < scsi->n_targets; i++)
        if (scsi->targets[i].images[n - QUEUE_FIRST] != NULL)
          block_retry (scsi->targets[i].images[n - QUEUE_FIRST]);
    }
  scsi->loaded = FALSE;
  virt_device_resume (&scsi->virt);
}

static gboolean
virt_scsi_post_load (Device *device, GError **error)
{
  VirtScsi *scsi = (VirtScsi *)device;

  fill_config (scsi);
  scsi->loaded = TRUE;
  for (unsigned i = 0; i < scsi->n_targets; i++)
    if (scsi->targets[i].unit.disc != NULL)
      {
        g_atomic_int_set (&scsi->targets[i].tray, scsi->targets[i].mmc.tray_open);
        g_mutex_lock (&scsi->targets[i].lock);
        virt_scsi_look_at_disc (&scsi->targets[i]);
        g_mutex_unlock (&scsi->targets[i].lock);
      }
  return virt_device_post_load (&scsi->virt, error);
}

static void
virt_scsi_unrealize (Device *device)
{
  VirtScsi *scsi = (VirtScsi *)device;

  virt_device_retire (&scsi->virt);
  for (unsigned i = 0; i < scsi->n_targets; i++)
    virt_scsi_close_queues (scsi, scsi->targets[i].images);
  for (unsigned n = 0; n < VIRT_SCSI_MAX_QUEUES; n++)
    {
      Queue *queue = &scsi->queues[n];

      for (Request *request = queue->unused, *next; request != NULL; request = next)
        {
          next = request->next;
          virt_chain_free (&request->chain);
          g_free (request->iov);
          g_free (request);
        }
      queue->unused = NULL;
    }
  g_clear_pointer (&scsi->spare, virt_scsi_waiting_free);
  if (scsi->trays != NULL)
    g_source_destroy (scsi->trays);
  g_clear_pointer (&scsi->trays, g_source_unref);
  virt_device_unrealize (&scsi->virt);
  virt_chain_free (&scsi->event);
  for (unsigned i = 0; i < scsi->n_targets; i++)
    {
      g_clear_pointer (&scsi->targets[i].block, block_close);
      g_clear_pointer (&scsi->targets[i].answer, g_free);
      g_mutex_clear (&scsi->targets[i].lock);
    }
  scsi->n_targets = 0;
}

static const DeviceClass virt_scsi_device_class = {
  .name = "virtio-scsi",
  .version = 1,
  .instance_size = sizeof (VirtScsi),
  .state = virt_scsi_state,
  .realize = virt_scsi_realize,
  .reset = virt_scsi_reset,
  .pause = virt_plain_pause,
  .drained = virt_scsi_drained,
  .resume = virt_scsi_resume,
  .post_load = virt_scsi_post_load,
  .unrealize = virt_scsi_unrealize,
};

Device *
virt_scsi_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, unsigned n_queues, GError **error)
{
  VirtScsi *scsi = device_new (vm, &virt_scsi_device_class, id);

  scsi->virt.pci.bus = bus;
  scsi->virt.pci.devfn = (uint8_t)devfn;
  scsi->virt.n_queues = QUEUE_FIRST + n_queues;
  if (device_realize (&scsi->virt.pci.device, error))
    return &scsi->virt.pci.device;
  device_free (&scsi->virt.pci.device);
  return NULL;
}

void
virt_scsi_open_queues (VirtScsi *scsi, Target *target)
{
  for (unsigned n = 0; n + QUEUE_FIRST < scsi->virt.n_queues && target->block != NULL; n++)
    {
      target->images[n] = block_queue_new (target->block, virt_queue_context (&scsi->virt, n + QUEUE_FIRST));
      block_set_error_func (target->images[n], on_error, scsi);
    }
}

static void
free_image_queue (void *opaque)
{
  BlockQueue **image = opaque;

  block_queue_free (*image); /* what ends there may want a flush yet */
  *image = NULL;
}

void
virt_scsi_close_queues (VirtScsi *scsi, BlockQueue *images[VIRT_SCSI_MAX_QUEUES])
{
  for (unsigned n = 0; n < VIRT_SCSI_MAX_QUEUES; n++)
    if (images[n] != NULL)
      virt_queue_call (&scsi->virt, n + QUEUE_FIRST, free_image_queue, &images[n]);
}

int
virt_scsi_add_disk (Device *device, Block *block, const char *serial)
{
  VirtScsi *scsi = (VirtScsi *)device;
  Target *target = &scsi->targets[scsi->n_targets];

  if (scsi->n_targets == VIRT_SCSI_MAX_TARGETS)
    return -1;
  g_mutex_init (&target->lock);
  target->block = block;
  g_strlcpy (target->serial, serial, sizeof target->serial);
  target->unit = (ScsiUnit){ .serial = target->serial,
                             .n_blocks = block_size (block) / SCSI_BLOCK_SIZE,
                             .readonly = block_read_only (block) };
  virt_scsi_open_queues (scsi, target);
  return (int)scsi->n_targets++;
}

Block *
virt_scsi_image (Device *device, unsigned target)
{
  const VirtScsi *scsi = (const VirtScsi *)device;

  return target < scsi->n_targets ? scsi->targets[target].block : NULL;
}

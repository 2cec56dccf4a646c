/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Registers and life of an NVMe controller.  NVM Express Base Specification 1.4, 3 and 7.
 */
#define G_LOG_DOMAIN "nvme"

#include "storage/nvme-private.h"

#include "pci/express.h"
#include "pci/msix.h"
#include "pci/pm.h"

#include <gio/gio.h>
#include <string.h>

#define REGISTERS_SIZE 0x4000u
#define MSIX_BAR       4u

/* 3.1.1: queues of 1024 entries that are contiguous, 20 s to be ready, the NVM command set, pages of 4 KiB. */
#define CAPABILITIES ((NVME_MOST_ENTRIES - 1) | 1ull << 16 | 40ull << 24 | 1ull << 37)
#define VERSION      0x00010400u
#define AQA_BITS     0x0fff0fffu
#define ADDRESS_BITS (~(uint64_t)(NVME_PAGE - 1))

static const StateField submission_state[] = {
  STATE_BOOL (NvmeSubmission, enabled),
  STATE_U16_MAX (NvmeSubmission, size, NVME_PAGE),
  STATE_U16_MAX (NvmeSubmission, head, NVME_PAGE - 1),
  STATE_U16_MAX (NvmeSubmission, tail, NVME_PAGE - 1),
  STATE_U16_MAX (NvmeSubmission, cq, NVME_QUEUES - 1),
  STATE_U64 (NvmeSubmission, base),
  STATE_END,
};
static const StateField completion_state[] = {
  STATE_BOOL (NvmeCompletion, enabled),
  STATE_BOOL (NvmeCompletion, interrupts),
  STATE_BOOL (NvmeCompletion, phase),
  STATE_U16_MAX (NvmeCompletion, size, NVME_PAGE),
  STATE_U16_MAX (NvmeCompletion, head, NVME_PAGE - 1),
  STATE_U16_MAX (NvmeCompletion, tail, NVME_PAGE - 1),
  STATE_U16_MAX (NvmeCompletion, vector, NVME_QUEUES - 1),
  STATE_U64 (NvmeCompletion, base),
  STATE_END,
};
static const StateField request_state[] = {
  STATE_U8_MAX (NvmeRequest, state, NVME_LAST_STATE),
  STATE_U16_MAX (NvmeRequest, sq, NVME_QUEUES - 1),
  STATE_U16_MAX (NvmeRequest, status, 0x7ff),
  STATE_U32 (NvmeRequest, result),
  STATE_U8_ARRAY (NvmeRequest, command),
  STATE_END,
};
static const StateField nvme_state[] = {
  STATE_STRUCT (Nvme, pci, pci_device_state),
  STATE_U32 (Nvme, cc),
  STATE_U32 (Nvme, csts),
  STATE_U32 (Nvme, aqa),
  STATE_U32 (Nvme, mask),
  STATE_U64 (Nvme, asq),
  STATE_U64 (Nvme, acq),
  STATE_U64 (Nvme, commands_read),
  STATE_U64 (Nvme, commands_written),
  STATE_U32_ARRAY (Nvme, features),
  STATE_STRUCTS (Nvme, sq, NvmeSubmission, submission_state),
  STATE_STRUCTS (Nvme, cq, NvmeCompletion, completion_state),
  STATE_STRUCTS (Nvme, requests, NvmeRequest, request_state),
  STATE_ADDED,
  STATE_U64 (Nvme, n_errors),
  STATE_U64 (Nvme, n_media_errors),
  STATE_U8_ARRAY (Nvme, errors),
  STATE_U8_ARRAY (Nvme, events),
  STATE_U8 (Nvme, events_told),
  STATE_U8 (Nvme, warnings),
  STATE_U16 (Nvme, threshold_low),
  STATE_END,
};

/* -- Reset and shutdown --------------------------------------------------------------------------------------- */

/* I/O threads read it, and add that it fails. */
static void
set_status (Nvme *nvme, uint32_t csts)
{
  __atomic_store_n (&nvme->csts, csts, __ATOMIC_RELAXED);
}

static uint32_t
status_of (const Nvme *nvme)
{
  return __atomic_load_n (&nvme->csts, __ATOMIC_RELAXED);
}

/* The two bits of a shutdown. */
static void
set_shutdown (Nvme *nvme, uint32_t bits)
{
  __atomic_fetch_and (&nvme->csts, ~(uint32_t)CSTS_SHUTDOWN, __ATOMIC_RELAXED);
  __atomic_fetch_or (&nvme->csts, bits, __ATOMIC_RELAXED);
}

/* 7.3.2: of the controller; AQA, ASQ and ACQ stay. */
static void
reset_controller (Nvme *nvme)
{
  for (unsigned i = 0; i < nvme->n_queues; i++)
    nvme_drop (nvme, i);
  for (unsigned i = 0; i < nvme->n_queues; i++)
    {
      NvmeQueue *queue = &nvme->queues[i];

      g_mutex_lock (&queue->lock);
      nvme->sq[i] = (NvmeSubmission){ 0 };
      g_mutex_unlock (&queue->lock);
      g_mutex_lock (&queue->completion_lock);
      nvme->cq[i] = (NvmeCompletion){ 0 };
      queue->full = FALSE;
      g_mutex_unlock (&queue->completion_lock);
    }
  nvme->cc = 0;
  set_status (nvme, 0);
  __atomic_store_n (&nvme->mask, 0, __ATOMIC_RELAXED);
  nvme_reset_features (nvme);
  nvme_reset_events (nvme);
  nvme_update_intx (nvme);
}

/* 7.6.1 */
static void
enable (Nvme *nvme)
{
  const uint32_t sq_last = nvme->aqa & 0xfff, cq_last = nvme->aqa >> 16;

  set_status (nvme, 0);
  if ((nvme->cc & (CC_CSS | CC_MPS | CC_AMS)) != 0 || sq_last == 0 || cq_last == 0)
    {
      nvme_fail (nvme);
      return;
    }
  g_mutex_lock (&nvme->queues[0].lock);
  nvme->sq[0] = (NvmeSubmission){ .enabled = TRUE, .size = (uint16_t)(sq_last + 1), .base = nvme->asq };
  g_mutex_unlock (&nvme->queues[0].lock);
  g_mutex_lock (&nvme->queues[0].completion_lock);
  nvme->cq[0] = (NvmeCompletion){
    .enabled = TRUE, .interrupts = TRUE, .phase = TRUE, .size = (uint16_t)(cq_last + 1), .base = nvme->acq
  };
  g_mutex_unlock (&nvme->queues[0].completion_lock);
  set_status (nvme, CSTS_READY);
}

static void
on_shut (void *opaque, int error)
{
  Nvme *nvme = opaque;
  Vm *vm = nvme->pci.device.vm;
  const gboolean held = vm_lock_held (vm);

  if (!held)
    vm_lock (vm);
  if (error != 0)
    g_message ("%s: writing to the disk failed while the guest shut it down: %s", nvme->pci.device.id,
               g_strerror (error));
  nvme->shutdown_runs = FALSE;
  if ((status_of (nvme) & CSTS_SHUTDOWN) == CSTS_SHUTTING)
    set_shutdown (nvme, CSTS_SHUT);
  if (!held)
    vm_unlock (vm);
}

static void
shut_down (Nvme *nvme)
{
  set_shutdown (nvme, CSTS_SHUTTING);
  if (nvme->shutdown_runs)
    return;
  nvme->shutdown_runs = TRUE;
  nvme->shutdown = (BlockRequest){ .op = BLOCK_OP_FLUSH, .done = on_shut, .opaque = nvme };
  block_submit (nvme->queues[0].image, &nvme->shutdown);
}

/* Also in two steps: a driver may set the fields and the bit one after the other. */
static void
write_cc (Nvme *nvme, uint32_t value)
{
  const uint32_t old = nvme->cc;

  nvme->cc = value & CC_KEPT;
  if ((old & CC_ENABLE) != 0 && (value & CC_ENABLE) == 0)
    {
      reset_controller (nvme);
      nvme->cc = value & CC_KEPT;
    }
  else if ((old & CC_ENABLE) == 0 && (value & CC_ENABLE) != 0)
    enable (nvme);
  if ((value & CC_SHUTDOWN) != 0 && (old & CC_SHUTDOWN) == 0)
    shut_down (nvme);
  else if ((value & CC_SHUTDOWN) == 0)
    set_shutdown (nvme, 0);
}

/* -- Registers ------------------------------------------------------------------------------------------------ */

static uint32_t
half (uint64_t value, uint64_t addr)
{
  return (uint32_t)(value >> (addr & 4 ? 32 : 0));
}

static uint64_t
set_half (uint64_t old, uint64_t addr, uint32_t value)
{
  return (addr & 4 ? (old & 0xffffffff) | (uint64_t)value << 32 : (old & ~0xffffffffull) | value)
         & ADDRESS_BITS;
}

static uint64_t
registers_read (void *opaque, uint64_t addr, unsigned size)
{
  const Nvme *nvme = opaque;

  switch (addr)
    {
    case NVME_CAP:
    case NVME_CAP + 4:
      return half (CAPABILITIES, addr);
    case NVME_VS:
      return VERSION;
    case NVME_INTMS:
    case NVME_INTMC:
      return nvme->mask;
    case NVME_CC:
      return nvme->cc;
    case NVME_CSTS:
      return status_of (nvme);
    case NVME_AQA:
      return nvme->aqa;
    case NVME_ASQ:
    case NVME_ASQ + 4:
      return half (nvme->asq, addr);
    case NVME_ACQ:
    case NVME_ACQ + 4:
      return half (nvme->acq, addr);
    default:
      return 0;
    }
}

static void
registers_write (void *opaque, uint64_t addr, uint64_t wide, unsigned size)
{
  Nvme *nvme = opaque;
  const uint32_t value = (uint32_t)wide;

  switch (addr)
    {
    case NVME_INTMS:
      __atomic_fetch_or (&nvme->mask, value, __ATOMIC_RELAXED);
      nvme_update_intx (nvme);
      break;
    case NVME_INTMC:
      __atomic_fetch_and (&nvme->mask, ~value, __ATOMIC_RELAXED);
      nvme_update_intx (nvme);
      break;
    case NVME_CC:
      write_cc (nvme, value);
      break;
    case NVME_AQA:
      nvme->aqa = value & AQA_BITS;
      break;
    case NVME_ASQ:
    case NVME_ASQ + 4:
      nvme->asq = set_half (nvme->asq, addr, value);
      break;
    case NVME_ACQ:
    case NVME_ACQ + 4:
      nvme->acq = set_half (nvme->acq, addr, value);
      break;
    default:
      if (addr >= NVME_DOORBELLS)
        nvme_ring (nvme, (unsigned)(addr - NVME_DOORBELLS) / 4, value);
      break;
    }
}

static const IoOps registers_ops = {
  .read = registers_read,
  .write = registers_write,
  .impl_min = 4,
  .impl_max = 4,
  .valid_min = 4,
  .valid_max = 8,
};

/* -- Life ----------------------------------------------------------------------------------------------------- */

/* Whoever was at a queue isn't any more. */
static void
pass_queues (Nvme *nvme)
{
  for (unsigned i = 0; i < nvme->n_queues; i++)
    {
      g_mutex_lock (&nvme->queues[i].lock);
      g_mutex_unlock (&nvme->queues[i].lock);
    }
}

/* The device may not reach memory any more.  Where it goes, the image's queues are gone. */
static void
on_quiesce (void *opaque)
{
  Nvme *nvme = opaque;

  pass_queues (nvme);
  for (unsigned i = 0; i < nvme->n_queues; i++)
    if (nvme->queues[i].image != NULL)
      block_settle (nvme->queues[i].image);
}

/* A UUID of version 5 (RFC 4122, 4.3), but of the machine's UUID and the serial number. */
static void
make_uuid (Nvme *nvme)
{
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA1);
  uint8_t digest[20];
  gsize length = sizeof digest;

  if (nvme->machine != NULL)
    g_checksum_update (sum, (const guchar *)nvme->machine, -1);
  g_checksum_update (sum, (const guchar *)nvme->serial, -1);
  g_checksum_get_digest (sum, digest, &length);
  g_checksum_free (sum);
  memcpy (nvme->uuid, digest, sizeof nvme->uuid);
  nvme->uuid[6] = (nvme->uuid[6] & 0x0f) | 0x50;
  nvme->uuid[8] = (nvme->uuid[8] & 0x3f) | 0x80;
}

static gboolean
nvme_realize (Device *device, GError **error)
{
  static const PciIdentity identity = { .vendor = 0x1b36,
                                        .device = 0x0010,
                                        .subsystem_vendor = 0x1af4,
                                        .subsystem = 0x1100,
                                        .class_code = 0x010802, /* solid-state disk, NVM Express */
                                        .revision = 2,
                                        .interrupt_pin = 1 };
  Nvme *nvme = (Nvme *)device;

  make_uuid (nvme);
  if (!pci_device_init (&nvme->pci, nvme->pci.bus, nvme->pci.devfn, &identity, error))
    return FALSE;
  nvme->here = vm_io_context (device->vm, 0) == device->vm->context;
  for (unsigned i = 0; i < NVME_QUEUES; i++)
    {
      dma_init_queue (&nvme->queues[i].dma, &nvme->pci.dma);
      dma_init_queue (&nvme->queues[i].completion_dma, &nvme->pci.dma);
      if (i < nvme->n_queues && !nvme_queue_init (nvme, i, error))
        return FALSE;
    }
  nvme->pci.dma.quiesce = on_quiesce;
  nvme->pci.dma.opaque = nvme;
  nvme->registers = region_new_io ("nvme", REGISTERS_SIZE, &registers_ops, nvme);
  pci_device_add_bar (&nvme->pci, 0, nvme->registers, PCI_BAR_MEMORY64);
  pci_msix_add (&nvme->pci, nvme->n_queues, MSIX_BAR);
  pci_pm_add (&nvme->pci);
  pci_express_add_endpoint (&nvme->pci);
  nvme_reset_features (nvme);
  return TRUE;
}

static void
nvme_reset (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  pci_device_reset (&nvme->pci);
  reset_controller (nvme);
  nvme->aqa = 0;
  nvme->asq = nvme->acq = 0;
}

static void
nvme_pause (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  __atomic_store_n (&nvme->paused, TRUE, __ATOMIC_SEQ_CST);
  pass_queues (nvme);
}

static gboolean
nvme_drained (Device *device)
{
  Nvme *nvme = (Nvme *)device;
  gboolean busy = nvme->shutdown_runs;

  for (unsigned i = 0; i < nvme->n_queues && !busy; i++)
    {
      g_mutex_lock (&nvme->queues[i].lock);
      busy = nvme->queues[i].n_running > nvme->queues[i].n_parked;
      g_mutex_unlock (&nvme->queues[i].lock);
    }
  return !busy;
}

static void
resume_queue (NvmeQueue *queue)
{
  g_mutex_lock (&queue->lock);
  for (NvmeRequest *request = queue->first, *next; request != NULL; request = next)
    {
      next = request->next;
      /* What another process had parked; ours is submitted again by the image. */
      if (request->state == NVME_RUNNING && !request->at_image)
        nvme_begin (request);
      request->parked = FALSE;
    }
  queue->n_parked = 0;
  g_mutex_unlock (&queue->lock);
  block_retry (queue->image);
}

static void
nvme_resume (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  __atomic_store_n (&nvme->paused, FALSE, __ATOMIC_SEQ_CST);
  for (unsigned i = 0; i < nvme->n_queues; i++)
    resume_queue (&nvme->queues[i]);
  if ((status_of (nvme) & CSTS_SHUTDOWN) == CSTS_SHUTTING)
    shut_down (nvme);
  /* What rang meanwhile was forgotten. */
  for (unsigned i = 0; i < nvme->n_queues; i++)
    if (i == 0 || nvme->here)
      nvme_serve (&nvme->queues[i]);
    else
      nvme_wake (&nvme->queues[i]);
  nvme_update_intx (nvme);
}

static gboolean
is_ring (gboolean enabled, unsigned size, unsigned head, unsigned tail)
{
  return !enabled || (size >= 2 && head < size && tail < size);
}

static gboolean
nvme_post_load (Device *device, GError **error)
{
  Nvme *nvme = (Nvme *)device;
  gboolean good = TRUE;

  for (unsigned i = 0; i < NVME_QUEUES; i++)
    {
      const NvmeSubmission *sq = &nvme->sq[i];
      const NvmeCompletion *cq = &nvme->cq[i];

      good &= (i < nvme->n_queues || (!sq->enabled && !cq->enabled))
              && is_ring (sq->enabled, sq->size, sq->head, sq->tail)
              && is_ring (cq->enabled, cq->size, cq->head, cq->tail)
              && (!sq->enabled || nvme->cq[sq->cq].enabled) && cq->vector < nvme->n_queues;
    }
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    {
      NvmeRequest *request = &nvme->requests[i];

      if (request->state == NVME_DEAD)
        request->state = NVME_FREE;
      good &= request->state == NVME_FREE || nvme->sq[request->sq].enabled;
      /* Nothing of the administrator's ever runs, nor asks anybody else for events. */
      good &= request->sq == 0 ? request->state != NVME_RUNNING : request->state != NVME_EVENT;
    }
  nvme->cc &= CC_KEPT;
  nvme->csts &= CSTS_READY | CSTS_FATAL | CSTS_SHUTDOWN;
  nvme->aqa &= AQA_BITS;
  nvme->asq &= ADDRESS_BITS;
  nvme->acq &= ADDRESS_BITS;
  nvme_sort_requests (nvme);
  if (!good)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s: its queues make no sense", device->id);
      return FALSE;
    }
  return pci_device_post_load (&nvme->pci, error);
}

static void
nvme_unrealize (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  /* What ends now is told to nobody. */
  set_status (nvme, 0);
  pass_queues (nvme);
  for (unsigned i = 0; i < NVME_QUEUES; i++)
    nvme_drop (nvme, i);
  for (unsigned i = 0; i < NVME_QUEUES; i++)
    {
      NvmeQueue *queue = &nvme->queues[i];

      if (queue->image != NULL)
        nvme_queue_clear (queue);
      dma_clear (&queue->dma);
      dma_clear (&queue->completion_dma);
    }
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    dma_vector_free (&nvme->requests[i].vector);
  pci_device_exit (&nvme->pci);
  g_clear_pointer (&nvme->registers, region_unref);
  g_clear_pointer (&nvme->block, block_close);
  g_clear_pointer (&nvme->machine, g_free);
}

static const DeviceClass nvme_class = {
  .name = "nvme",
  .instance_size = sizeof (Nvme),
  .state = nvme_state,
  .realize = nvme_realize,
  .reset = nvme_reset,
  .pause = nvme_pause,
  .drained = nvme_drained,
  .resume = nvme_resume,
  .post_load = nvme_post_load,
  .unrealize = nvme_unrealize,
};

Device *
nvme_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, const NvmeConfig *config, GError **error)
{
  Nvme *nvme = device_new (vm, &nvme_class, id);

  nvme->pci.bus = bus;
  nvme->pci.devfn = (uint8_t)devfn;
  nvme->n_queues = config->n_queues + 1;
  g_mutex_init (&nvme->pin_lock);
  g_mutex_init (&nvme->pool_lock);
  g_mutex_init (&nvme->log_lock);
  for (unsigned i = 0; i < NVME_QUEUES; i++)
    {
      NvmeQueue *queue = &nvme->queues[i];

      queue->owner = nvme;
      queue->n = i;
      queue->bell = -1;
      g_mutex_init (&queue->lock);
      g_mutex_init (&queue->completion_lock);
    }
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    {
      nvme->requests[i].owner = nvme;
      dma_vector_init (&nvme->requests[i].vector);
    }
  nvme_sort_requests (nvme);
  nvme->block = config->block;
  nvme->machine = g_strdup (config->machine);
  g_strlcpy (nvme->serial, config->serial, sizeof nvme->serial);
  if (device_realize (&nvme->pci.device, error))
    return &nvme->pci.device;
  device_free (&nvme->pci.device);
  return NULL;
}

Block *
nvme_image (Device *device)
{
  return ((Nvme *)device)->block;
}

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

/* 7.3.2: of the controller; AQA, ASQ and ACQ stay. */
static void
reset_controller (Nvme *nvme)
{
  for (unsigned i = 0; i < nvme->n_queues; i++)
    {
      nvme->sq[i] = (NvmeSubmission){ 0 };
      nvme_drop (nvme, i);
      nvme->cq[i] = (NvmeCompletion){ 0 };
    }
  nvme->cc = nvme->csts = nvme->mask = 0;
  nvme_reset_features (nvme);
  nvme_reset_events (nvme);
  nvme_update_intx (nvme);
}

/* 7.6.1 */
static void
enable (Nvme *nvme)
{
  const uint32_t sq_last = nvme->aqa & 0xfff, cq_last = nvme->aqa >> 16;

  nvme->csts = 0;
  if ((nvme->cc & (CC_CSS | CC_MPS | CC_AMS)) != 0 || sq_last == 0 || cq_last == 0)
    {
      nvme_fail (nvme);
      return;
    }
  nvme->sq[0] = (NvmeSubmission){ .enabled = TRUE, .size = (uint16_t)(sq_last + 1), .base = nvme->asq };
  nvme->cq[0] = (NvmeCompletion){
    .enabled = TRUE, .interrupts = TRUE, .phase = TRUE, .size = (uint16_t)(cq_last + 1), .base = nvme->acq
  };
  nvme->csts = CSTS_READY;
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
  if ((nvme->csts & CSTS_SHUTDOWN) == CSTS_SHUTTING)
    nvme->csts ^= CSTS_SHUTDOWN;
  if (!held)
    vm_unlock (vm);
}

static void
shut_down (Nvme *nvme)
{
  nvme->csts = (nvme->csts & ~(uint32_t)CSTS_SHUTDOWN) | CSTS_SHUTTING;
  if (nvme->shutdown_runs)
    return;
  nvme->shutdown_runs = TRUE;
  nvme->shutdown = (BlockRequest){ .op = BLOCK_OP_FLUSH, .done = on_shut, .opaque = nvme };
  block_submit (nvme->images[0], &nvme->shutdown);
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
    nvme->csts &= ~(uint32_t)CSTS_SHUTDOWN;
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
      return nvme->csts;
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
      nvme->mask |= value;
      nvme_update_intx (nvme);
      break;
    case NVME_INTMC:
      nvme->mask &= ~value;
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

/* The device may not reach memory any more.  Where it goes, the image's queues are gone. */
static void
on_quiesce (void *opaque)
{
  Nvme *nvme = opaque;

  for (unsigned i = 0; i < nvme->n_queues && nvme->images[i] != NULL; i++)
    block_settle (nvme->images[i]);
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

  for (unsigned i = 0; i < nvme->n_queues; i++)
    {
      nvme->images[i] = block_queue_new (nvme->block, device->vm->context);
      block_set_error_func (nvme->images[i], nvme_on_error, nvme);
    }
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    {
      nvme->requests[i].owner = nvme;
      dma_vector_init (&nvme->requests[i].vector);
    }
  make_uuid (nvme);
  if (!pci_device_init (&nvme->pci, nvme->pci.bus, nvme->pci.devfn, &identity, error))
    return FALSE;
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
  ((Nvme *)device)->paused = TRUE;
}

static gboolean
nvme_drained (Device *device)
{
  const Nvme *nvme = (Nvme *)device;

  return nvme->n_running == nvme->n_parked && !nvme->shutdown_runs;
}

static void
nvme_resume (Device *device)
{
  Nvme *nvme = (Nvme *)device;

  nvme->paused = FALSE;
  /* What another process had parked; ours is submitted again by the image. */
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    if (nvme->requests[i].state == NVME_RUNNING && !nvme->requests[i].parked)
      nvme_begin (&nvme->requests[i]);
  for (unsigned i = 0; i < NVME_REQUESTS; i++)
    nvme->requests[i].parked = FALSE;
  nvme->n_parked = 0;
  for (unsigned i = 0; i < nvme->n_queues; i++)
    block_retry (nvme->images[i]);
  if ((nvme->csts & CSTS_SHUTDOWN) == CSTS_SHUTTING)
    shut_down (nvme);
  nvme_look_at_all (nvme);
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
    }
  nvme->cc &= CC_KEPT;
  nvme->csts &= CSTS_READY | CSTS_FATAL | CSTS_SHUTDOWN;
  nvme->aqa &= AQA_BITS;
  nvme->asq &= ADDRESS_BITS;
  nvme->acq &= ADDRESS_BITS;
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
  nvme->csts = 0;
  for (unsigned i = 0; i < NVME_QUEUES; i++)
    {
      nvme->sq[i].enabled = FALSE;
      if (nvme->images[i] != NULL)
        nvme_drop (nvme, i);
      g_clear_pointer (&nvme->images[i], block_queue_free);
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

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * CD-ROM drives of virtio-scsi: their discs, trays, and what the guest hears of them.  VIRTIO 1.2, 5.6.6.3.
 */
#define G_LOG_DOMAIN "virtio-scsi"

#include "virtio/scsi-private.h"

#include "base/context-call.h"
#include "base/ready-source.h"

#include <gio/gio.h>
#include <string.h>

/* 5.6.6.3 */
#define EVENT_PARAMETERS 3u
typedef struct __attribute__ ((packed))
{
  uint32_t event;
  uint8_t lun[8];
  uint32_t reason;
} Event;

const StateField virt_scsi_target_state[] = {
  STATE_BOOL (Target, mmc.tray_open),
  STATE_BOOL (Target, mmc.tray_locked),
  STATE_U8_MAX (Target, mmc.medium_change, 2),
  STATE_U8 (Target, mmc.media_event),
  STATE_U8_ARRAY (Target, mmc.error_page),
  STATE_BOOL (Target, event_due),
  STATE_END,
};

/* -- Events: device loop, the event queue's lock held ------------------------------------------------------ */

static Target *
first_due (VirtScsi *scsi)
{
  for (unsigned i = 0; i < scsi->n_targets && virt_has (&scsi->virt, VIRT_SCSI_F_CHANGE); i++)
    if (scsi->targets[i].event_due)
      return &scsi->targets[i];
  return NULL;
}

VirtChain *
virt_scsi_event_room (VirtScsi *scsi)
{
  return first_due (scsi) != NULL ? &scsi->event : NULL;
}

void
virt_scsi_run_event (VirtScsi *scsi, VirtChain *chain)
{
  Target *target = first_due (scsi);

  /* A driver that takes back what it has negotiated between room() and this. */
  if (target == NULL)
    {
      virt_give (&scsi->virt, QUEUE_EVENT, chain, 0);
      return;
    }
  /* LUN 0, by the flat method as drivers write it; the medium may have changed. */
  const Event event = { .event = GUINT32_TO_LE (EVENT_PARAMETERS),
                        .lun = { 1, (uint8_t)(target - scsi->targets), 0x40, 0 },
                        .reason = GUINT32_TO_LE (MMC_ASC_MEDIUM_CHANGED) };

  target->event_due = FALSE;
  virt_give (&scsi->virt, QUEUE_EVENT, chain, (uint32_t)virt_chain_write (chain, 0, &event, sizeof event));
}

/* -- Trays ----------------------------------------------------------------------------------------------- */

/* Device loop. */
static gboolean
on_tray (gpointer data)
{
  VirtScsi *scsi = data;
  Vm *vm = scsi->virt.pci.device.vm;

  vm_lock (vm);
  if (scsi->tray_moved != NULL)
    scsi->tray_moved (scsi->tray_opaque);
  vm_unlock (vm);
  return G_SOURCE_CONTINUE;
}

void
virt_scsi_look_at_tray (VirtScsi *scsi, Target *target)
{
  if (g_atomic_int_get (&target->tray) == target->mmc.tray_open)
    return;
  g_atomic_int_set (&target->tray, target->mmc.tray_open);
  virt_scsi_look_at_disc (target);
  if (scsi->trays != NULL)
    g_source_set_ready_time (scsi->trays, 0);
}

void
virt_scsi_set_tray_func (Device *device, void (*func) (void *opaque), void *opaque)
{
  VirtScsi *scsi = (VirtScsi *)device;

  scsi->tray_moved = func;
  scsi->tray_opaque = opaque;
  if (scsi->trays == NULL)
    scsi->trays = ready_source_new (device->vm->context, G_PRIORITY_DEFAULT, "scsi-tray", on_tray, scsi);
}

gboolean
virt_scsi_tray_open (Device *device, unsigned target)
{
  VirtScsi *scsi = (VirtScsi *)device;

  return target < scsi->n_targets && g_atomic_int_get (&scsi->targets[target].tray);
}

/* -- Discs ------------------------------------------------------------------------------------------------ */

void
virt_scsi_look_at_disc (Target *target)
{
  target->mmc.loaded = target->block != NULL;
  target->mmc.sectors = target->block != NULL && !target->mmc.tray_open
                            ? (uint32_t)MIN (block_size (target->block) / MMC_SECTOR_SIZE, G_MAXUINT32 - 1000)
                            : 0;
}

int
virt_scsi_add_cdrom (Device *device, Block *block, const char *serial)
{
  static const uint8_t error_page[8] = { 0x00, 0x05 }; /* five retries */
  VirtScsi *scsi = (VirtScsi *)device;
  Target *target = &scsi->targets[scsi->n_targets];

  if (scsi->n_targets == VIRT_SCSI_MAX_TARGETS)
    return -1;
  g_mutex_init (&target->lock);
  g_strlcpy (target->serial, serial, sizeof target->serial);
  target->block = block;
  target->answer = g_malloc0 (MMC_ANSWER_SIZE);
  target->unit = (ScsiUnit){
    .serial = target->serial, .readonly = TRUE, .disc = &target->mmc, .disc_answer = target->answer
  };
  target->mmc = (Mmc){ .serial = target->serial, .revision = "1" };
  memcpy (target->mmc.error_page, error_page, sizeof error_page);
  virt_scsi_look_at_disc (target);
  virt_scsi_open_queues (scsi, target);
  return (int)scsi->n_targets++;
}

typedef struct
{
  VirtScsi *scsi;
  Target *target;
  Block *block, **old;
  gboolean force, ok;
  GError **error;
} Change;

/* What is in flight ends, and what comes meanwhile finds no disc.  Device loop, VM lock held: nobody resets the device meanwhile. */
static void
change_locked (Change *c)
{
  BlockQueue *images[VIRT_SCSI_MAX_QUEUES];
  Target *target = c->target;
  Mmc *mmc = &target->mmc;

  g_mutex_lock (&target->lock);
  const gboolean had = target->block != NULL && !mmc->tray_open;
  c->ok = mmc_may_change (mmc, had, c->force, c->error);
  if (c->ok)
    {
      *c->old = g_steal_pointer (&target->block);
      memcpy (images, target->images, sizeof images);
      memset (target->images, 0, sizeof target->images);
      mmc->medium_change = 0;
      virt_scsi_look_at_disc (target);
    }
  g_mutex_unlock (&target->lock);
  if (!c->ok)
    return;
  virt_scsi_close_queues (c->scsi, images);
  g_mutex_lock (&target->lock);
  target->block = c->block;
  mmc_medium_changed (mmc, c->block != NULL, had);
  g_atomic_int_set (&target->tray, FALSE);
  virt_scsi_look_at_disc (target);
  virt_scsi_open_queues (c->scsi, target);
  g_mutex_unlock (&target->lock);
  target->event_due = TRUE;
  virt_ring (&c->scsi->virt, QUEUE_EVENT);
}

static void
change (void *opaque)
{
  Change *c = opaque;
  Vm *vm = c->scsi->virt.pci.device.vm;

  vm_lock (vm);
  change_locked (c);
  vm_unlock (vm);
}

gboolean
virt_scsi_change_media (Device *device, unsigned target, Block *block, gboolean force, Block **old,
                        GError **error)
{
  VirtScsi *scsi = (VirtScsi *)device;
  Change c = { .scsi = scsi, .block = block, .old = old, .force = force, .error = error };

  if (target >= scsi->n_targets || scsi->targets[target].unit.disc == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "SCSI target %u isn't a CD-ROM drive.", target);
      return FALSE;
    }
  if (block != NULL && block_size (block) < MMC_SECTOR_SIZE)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "The disc image “%s” is empty; was its download broken off? Choose another one.",
                   block_path (block));
      return FALSE;
    }
  c.target = &scsi->targets[target];
  context_call (device->vm->context, change, &c);
  return c.ok;
}

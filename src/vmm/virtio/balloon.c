/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Page numbers and free pages are done with before run() returns.  The one buffer with statistics is the device's until somebody wants them anew: no
 * more than its head is kept.
 *
 * Which queue is which: drivers count those that both sides have (so Linux), or by the specification's numbers, where free page reporting is 4.  As there is
 * no hinting (3), everything behind the statistics is reporting.
 */
#define G_LOG_DOMAIN "virtio-balloon"

#include "virtio/balloon.h"

#include "core/give-back.h"

#include <stdlib.h>
#include <string.h>

/* 5.5.3 */
#define F_STATS          VIRT_FEATURE (1)
#define F_DEFLATE_ON_OOM VIRT_FEATURE (2)
#define F_POISON         VIRT_FEATURE (4)
#define F_REPORTING      VIRT_FEATURE (5)
#define F_ALL            (F_STATS | F_DEFLATE_ON_OOM | F_POISON | F_REPORTING)

/* 5.5.4 */
enum
{
  CONFIG_PAGES = 0,
  CONFIG_ACTUAL = 4,
  CONFIG_POISON = 12,
  CONFIG_SIZE = 16,
};
enum
{
  QUEUE_INFLATE,
  QUEUE_DEFLATE,
  QUEUE_STATS, /* or reporting, if there are none */
  N_QUEUES = 5,
};

#define PAGE_SHIFT 12 /* the balloon's, on every machine */
#define QUEUE_SIZE 64
#define MOST_PAGES 1024u /* of one chain; no driver puts more than 256 */
#define STAT_SIZE  10u
#define MOST_STATS 32u

typedef struct
{
  VirtDevice virt;
  VirtChain chain;
  DmaVector pages; /* empty between two chains */
  uint64_t memory;
  uint64_t given_back;
  gboolean asks;       /* the device has a buffer of statistics: */
  uint16_t stats_head; /* this one */
  uint8_t known[BALLOON_N_STATS];
  uint64_t stats[BALLOON_N_STATS];
} VirtBalloon;

static const StateField virt_balloon_state[] = {
  STATE_STRUCT (VirtBalloon, virt, virt_device_state),
  STATE_BOOL (VirtBalloon, asks),
  STATE_U16 (VirtBalloon, stats_head),
  STATE_U8_ARRAY (VirtBalloon, known),
  STATE_U64_ARRAY (VirtBalloon, stats),
  STATE_END,
};

/* -- Pages -------------------------------------------------------------------------------------------- */

static int
compare_pages (const void *a, const void *b)
{
  const uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

  return (left > right) - (left < right);
}

/* What isn't the guest's own RAM (registers, ROM, a hole) is left alone: that is between the guest and itself. */
static void
give_back (VirtBalloon *balloon, Dma *dma, uint64_t page, uint64_t n)
{
  if (dma_map_sg (dma, &balloon->pages, page << PAGE_SHIFT, n << PAGE_SHIFT, TRUE))
    {
      balloon->given_back += dma_give_back_sg (&balloon->pages);
      return;
    }
  for (uint64_t i = 0; n > 1 && i < n; i++)
    give_back (balloon, dma, page + i, 1);
}

static void
inflate (VirtBalloon *balloon, unsigned n, VirtChain *chain)
{
  uint32_t pages[MOST_PAGES];
  const size_t length = virt_chain_read (chain, 0, pages, sizeof pages) / sizeof pages[0];

  for (size_t i = 0; i < length; i++)
    pages[i] = GUINT32_FROM_LE (pages[i]);
  /* Linux hands them out from the top: neighbours are one call to the host. */
  qsort (pages, length, sizeof pages[0], compare_pages);
  for (size_t i = 0, run; i < length; i += run)
    {
      for (run = 1; i + run < length && pages[i + run] - pages[i + run - 1] <= 1; run++)
        ;
      give_back (balloon, &balloon->virt.queues[n].dma, pages[i],
                 (uint64_t)pages[i + run - 1] - pages[i] + 1);
    }
}

/* 5.5.6.7: whole buffers that the guest doesn't use.  It finds zeroes there; where it expects its poison they stay as they are. */
static void
report (VirtBalloon *balloon, VirtChain *chain)
{
  if (!virt_has (&balloon->virt, F_POISON) || pci_get32 (balloon->virt.config + CONFIG_POISON) == 0)
    balloon->given_back += dma_give_back_sg (&chain->in);
}

static void
note_stats (VirtBalloon *balloon, VirtChain *chain)
{
  uint8_t bytes[STAT_SIZE * MOST_STATS];
  const size_t length = virt_chain_read (chain, 0, bytes, sizeof bytes);

  for (size_t at = 0; at + STAT_SIZE <= length; at += STAT_SIZE)
    {
      uint16_t tag;
      uint64_t value;

      memcpy (&tag, bytes + at, sizeof tag);
      memcpy (&value, bytes + at + 2, sizeof value);
      tag = GUINT16_FROM_LE (tag);
      if (tag >= BALLOON_N_STATS)
        continue;
      balloon->known[tag] = TRUE;
      balloon->stats[tag] = GUINT64_FROM_LE (value);
    }
}

/* -- Queues ------------------------------------------------------------------------------------------- */

static gboolean
is_stats (const VirtDevice *virt, unsigned n)
{
  return n == QUEUE_STATS && virt_has (virt, F_STATS);
}

static VirtChain *
balloon_room (VirtDevice *virt, unsigned n)
{
  VirtBalloon *balloon = (VirtBalloon *)virt;

  return is_stats (virt, n) && balloon->asks ? NULL : &balloon->chain;
}

static void
balloon_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  virt_chain_clear (chain);
}

static void
balloon_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  VirtBalloon *balloon = (VirtBalloon *)virt;

  if (is_stats (virt, n))
    {
      note_stats (balloon, chain);
      balloon->asks = TRUE;
      balloon->stats_head = chain->head;
      virt_chain_clear (chain);
      return;
    }
  if (n == QUEUE_INFLATE)
    inflate (balloon, n, chain);
  else if (n != QUEUE_DEFLATE)
    report (balloon, chain);
  virt_give (virt, n, chain, 0);
}

static void
balloon_stop (VirtDevice *virt, unsigned n)
{
  if (n == QUEUE_STATS)
    ((VirtBalloon *)virt)->asks = FALSE;
}

static const VirtClass virt_balloon_class = {
  .type = VIRT_TYPE_BALLOON,
  .transitional = 0x1002,
  .class_code = 0x00ff00, /* of no class */
  .features = F_ALL,
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .locked = TRUE,
  .room = balloon_room,
  .run = balloon_run,
  .unused = balloon_unused,
  .stop = balloon_stop,
};

/* -- For the person ------------------------------------------------------------------------------------- */

static uint32_t
pages_over (const VirtBalloon *balloon, uint64_t target)
{
  return target == 0 || target >= balloon->memory ? 0 : (uint32_t)((balloon->memory - target) >> PAGE_SHIFT);
}

void
virt_balloon_set_target (Device *device, uint64_t bytes)
{
  VirtBalloon *balloon = (VirtBalloon *)device;
  const uint32_t pages = pages_over (balloon, bytes);

  if (pages == pci_get32 (balloon->virt.config + CONFIG_PAGES))
    return;
  pci_set32 (balloon->virt.config + CONFIG_PAGES, pages);
  virt_config_changed (&balloon->virt);
}

static uint64_t
bytes_left (const VirtBalloon *balloon, unsigned at)
{
  const uint64_t given = (uint64_t)pci_get32 (balloon->virt.config + at) << PAGE_SHIFT;

  return given < balloon->memory ? balloon->memory - given : 0;
}

void
virt_balloon_look (Device *device, VirtBalloonInfo *info)
{
  VirtBalloon *balloon = (VirtBalloon *)device;
  VirtQueue *queue = &balloon->virt.queues[QUEUE_STATS];

  *info = (VirtBalloonInfo){ .target = bytes_left (balloon, CONFIG_PAGES),
                             .actual = bytes_left (balloon, CONFIG_ACTUAL),
                             .given_back = balloon->given_back };
  for (unsigned i = 0; i < BALLOON_N_STATS; i++)
    {
      info->known[i] = balloon->known[i] != 0;
      info->stats[i] = balloon->stats[i];
    }
  /* A machine that stands still keeps its memory as it is. */
  if (__atomic_load_n (&balloon->virt.paused, __ATOMIC_RELAXED))
    return;
  g_mutex_lock (&queue->lock);
  if (balloon->asks && dma_enabled (&queue->dma))
    {
      balloon->asks = FALSE;
      if (virt_queue_give (queue, balloon->stats_head, 0))
        virt_interrupt_queue (&balloon->virt, QUEUE_STATS);
    }
  g_mutex_unlock (&queue->lock);
  virt_ring (&balloon->virt, QUEUE_STATS);
}

/* -- Life ------------------------------------------------------------------------------------------------ */

static gboolean
virt_balloon_realize (Device *device, GError **error)
{
  VirtBalloon *balloon = (VirtBalloon *)device;

  virt_chain_init (&balloon->chain);
  dma_vector_init (&balloon->pages);
  memset (balloon->virt.writable + CONFIG_ACTUAL, 0xff, 4);
  memset (balloon->virt.writable + CONFIG_POISON, 0xff, 4);
  return virt_device_realize (&balloon->virt, &virt_balloon_class, N_QUEUES, F_ALL, error);
}

static void
virt_balloon_reset (Device *device)
{
  VirtBalloon *balloon = (VirtBalloon *)device;

  virt_device_reset (&balloon->virt);
  pci_set32 (balloon->virt.config + CONFIG_ACTUAL, 0);
  pci_set32 (balloon->virt.config + CONFIG_POISON, 0);
  memset (balloon->known, 0, sizeof balloon->known);
}

static void
virt_balloon_unrealize (Device *device)
{
  VirtBalloon *balloon = (VirtBalloon *)device;

  virt_device_unrealize (&balloon->virt);
  virt_chain_free (&balloon->chain);
  dma_vector_free (&balloon->pages);
}

static const DeviceClass virt_balloon_device_class = {
  .name = "virtio-balloon",
  .version = 1,
  .instance_size = sizeof (VirtBalloon),
  .state = virt_balloon_state,
  .realize = virt_balloon_realize,
  .reset = virt_balloon_reset,
  .pause = virt_plain_pause,
  .resume = virt_plain_resume,
  .post_load = virt_plain_post_load,
  .unrealize = virt_balloon_unrealize,
};

Device *
virt_balloon_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, uint64_t memory, uint64_t target,
                  GError **error)
{
  VirtBalloon *balloon = device_new (vm, &virt_balloon_device_class, id);

  balloon->virt.pci.bus = bus;
  balloon->virt.pci.devfn = (uint8_t)devfn;
  balloon->memory = memory;
  pci_set32 (balloon->virt.config + CONFIG_PAGES, pages_over (balloon, target));
  if (device_realize (&balloon->virt.pci.device, error))
    return &balloon->virt.pci.device;
  device_free (&balloon->virt.pci.device);
  return NULL;
}

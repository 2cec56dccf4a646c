/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * virtio-balloon: the guest gives memory up, for as long as it is asked to or because it needs it not, and the host has it.  VIRTIO 1.2, 5.5.
 *
 * Pages that it gives up read as zeroes when it takes them again.  VM lock held, everywhere.
 */
#pragma once

#include "virtio/virtio.h"

G_BEGIN_DECLS

/* 5.5.6.4: memory statistics, by their tags. */
enum
{
  BALLOON_SWAP_IN,
  BALLOON_SWAP_OUT,
  BALLOON_MAJOR_FAULTS,
  BALLOON_MINOR_FAULTS,
  BALLOON_FREE,
  BALLOON_TOTAL,
  BALLOON_AVAILABLE,
  BALLOON_CACHES,
  BALLOON_N_STATS,
};

typedef struct
{
  uint64_t target, actual;         /* bytes of memory that the guest is to have, and says to have */
  uint64_t given_back;             /* bytes that the host got, in all */
  gboolean known[BALLOON_N_STATS]; /* the guest has told */
  uint64_t stats[BALLOON_N_STATS]; /* bytes, or how often */
} VirtBalloonInfo;

/* `memory`: bytes that the machine has; `target`: of which the guest is to have so many (0: all). */
Device *virt_balloon_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, uint64_t memory,
                          uint64_t target, GError **error);
/* 0, or more than there is: all. */
void virt_balloon_set_target (Device *device, uint64_t bytes);
/* As far as it is known now; the guest is asked for news, which the next call has. */
void virt_balloon_look (Device *device, VirtBalloonInfo *info);

G_END_DECLS

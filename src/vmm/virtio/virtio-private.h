/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to virtio/: what the two sets of registers, modern (pci.c) and legacy (legacy.c), have in common.  VM lock held.
 */
#pragma once

#include "virtio/virtio.h"

G_BEGIN_DECLS

/* 2.1: device status. */
enum
{
  VIRT_STATUS_ACKNOWLEDGE = 1,
  VIRT_STATUS_DRIVER = 2,
  VIRT_STATUS_DRIVER_OK = 4,
  VIRT_STATUS_FEATURES_OK = 8,
  VIRT_STATUS_NEEDS_RESET = 64,
  VIRT_STATUS_FAILED = 128,
};

#define VIRT_NO_VECTOR 0xffff

/* What the driver takes of the features; nothing once it has said that it is done with that. */
void virt_write_features (VirtDevice *virt, uint64_t features);
void virt_write_status (VirtDevice *virt, uint8_t status);
uint8_t virt_read_isr (VirtDevice *virt);
/* The selected queue; NULL: there is none. */
VirtQueue *virt_selected (VirtDevice *virt);
/* On with the addresses that it has, or off as by a reset of the queue. */
void virt_enable_queue (VirtDevice *virt, unsigned n, gboolean on);
/* VIRT_NO_VECTOR for one that there isn't. */
uint16_t virt_vector (const VirtDevice *virt, uint64_t value);
uint64_t virt_config_read (VirtDevice *virt, uint64_t offset, unsigned size);
void virt_config_write (VirtDevice *virt, uint64_t offset, uint64_t value, unsigned size);

/* pci.c */
void virt_pci_add (VirtDevice *virt);
/* legacy.c */
void virt_legacy_add (VirtDevice *virt);

G_END_DECLS

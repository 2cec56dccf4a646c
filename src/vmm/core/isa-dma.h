/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a device on the ISA bus needs of the 8237 pair.  The board fills it in, so that a device knows the bus but not
 * the controller.  All calls under the VM lock.
 */
#pragma once

#include "core/device.h"

G_BEGIN_DECLS

typedef struct
{
  Device *dma; /* NULL: the machine has no DMA controller */
  /* The channel's DREQ wire. */
  void (*set_dreq) (Device *dma, unsigned channel, gboolean level);
  /* Moves at most `n` bytes; returns how many the channel took (0 while it is masked or its direction differs).  `to_memory` is
   * the direction that the device wants.  `tc` is set when the channel has reached its terminal count. */
  size_t (*transfer) (Device *dma, unsigned channel, void *buffer, size_t n, gboolean to_memory,
                      gboolean *tc);
} IsaDmaOps;

G_END_DECLS

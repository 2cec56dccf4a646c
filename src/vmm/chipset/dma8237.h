/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The two 8237A DMA controllers of a PC with their page registers: channels 0-3 move bytes, 5-7 words, 4 is the cascade.
 * Intel 8237A data sheet, order number 231466; IBM PC/AT technical reference for the pages.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

Device *dma8237_new (Vm *vm, GError **error);
/* DREQ of a channel, 0 to 7. */
void dma8237_set_dreq (Device *dma, unsigned channel, gboolean level);
/* TRUE if the controller would answer a request on the channel now: enabled, not masked, not in cascade mode. */
gboolean dma8237_ready (Device *dma, unsigned channel);
/* Moves up to n bytes between `buffer` and guest memory, as the channel is programmed: at most to its terminal count, after
 * which it is reloaded (autoinitialise) or masked.  `to_memory` is the direction that the device drives;
 * where the channel's mode is the other one, the result is 0, and where it is "verify", bytes are counted and not moved (a read gives
 * zeroes).  *tc (may be NULL) says that terminal
 * count was reached.  Returns the number of bytes counted; 0 if the channel isn't ready.  Addresses are limited to 16 MiB
 * and wrap inside 64 KiB (128 KiB for words) as the chip's counters do. */
size_t dma8237_transfer (Device *dma, unsigned channel, void *buffer, size_t n, gboolean to_memory,
                         gboolean *tc);

G_END_DECLS

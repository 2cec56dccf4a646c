/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory that a guest doesn't need goes back to the host.  It reads as zeroes from then on and counts as written: dirty logs have it, and code
 * that was translated from there is dropped.  Any thread.
 */
#pragma once

#include "core/dma.h"

G_BEGIN_DECLS

/* The whole pages of a part of a region.  How many bytes that was; 0: the host doesn't take them (memory of a RAM_SHARED region whose descriptor somebody
 * has), and they are as they were. */
uint64_t region_give_back (Region *region, uint64_t offset, uint64_t length);
/* Those of the pieces of a vector to memory, which is empty afterwards.  How many bytes that was. */
uint64_t dma_give_back_sg (DmaVector *vector);

G_END_DECLS

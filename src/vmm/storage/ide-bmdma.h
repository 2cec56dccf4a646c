/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The bus master of a channel.
 */
#pragma once

#include "storage/ide-channel.h"

G_BEGIN_DECLS

extern const IdeMaster ide_bus_master;
extern const IoOps ide_bmdma_ops;

void ide_bmdma_reset (IdeChannel *channel);
/* Returns when no request in flight touches guest memory any more. */
void ide_bmdma_settle (IdeChannel *channel);
/* Before requests that are parked are tried again: gives those up whose memory the guest has taken back meanwhile. */
void ide_bmdma_resume (IdeChannel *channel);

G_END_DECLS

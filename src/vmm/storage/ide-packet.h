/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Endings and answers of packet commands; big-endian fields of packets.
 */
#pragma once

#include "core/big-endian.h"
#include "storage/ide-core.h"

G_BEGIN_DECLS

void ide_packet_done (IdeDrive *drive);
void ide_packet_check (IdeDrive *drive, uint8_t key, uint8_t asc, uint8_t ascq);
void ide_packet_invalid_field (IdeDrive *drive);
/* Sends the first `length` bytes of the buffer, cut at the allocation length. */
void ide_packet_reply (IdeDrive *drive, uint32_t length, uint32_t allocation);

G_END_DECLS

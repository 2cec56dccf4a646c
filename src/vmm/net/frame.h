/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The frame check sequence, which cards of the real kind hand to their drivers.  IEEE 802.3, 3.2.9.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NET_FRAME_CRC 4u

/* Of a packet with so many zeroes behind it.  Stored with its least significant byte first. */
uint32_t net_frame_crc (const uint8_t *packet, size_t length, size_t zeroes);

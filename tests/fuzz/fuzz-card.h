/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the fuzz targets of network cards share: a driver that does as it likes, and a network that does, too.  Input: eight bytes a step, {what, small number,
 * 16 bits, 32 bits}.
 */
#pragma once

#include "fuzz.h"

#include "../unit/net/card-driver.h"

#include <stdlib.h>

enum
{
  CARD_MEMORY, /* a register in the memory BAR */
  CARD_PORT,   /* in the I/O BAR */
  CARD_READ,   /* of both */
  CARD_BYTES,  /* four of RAM, in the first 256 KiB */
  CARD_START,  /* what the target's driver does at first */
  CARD_STEP,   /* something of its own */
  CARD_OFFER,  /* a packet: kind, length */
  CARD_ADVANCE,
  CARD_LINK,
  CARD_FULL,
  CARD_RESET,
  CARD_LOAD,
  CARD_CONFIG,
  N_CARDS,
};

typedef struct
{
  Device *(*make) (Card *c);
  int memory, ports; /* BARs; -1: none */
  unsigned memory_size, ports_size;
  void (*start) (Card *c, unsigned small, uint32_t value);
  void (*step) (Card *c, unsigned small, unsigned middle, uint32_t value);
} FuzzCard;

static inline void
fuzz_card_offer (Card *c, unsigned kind, unsigned length, uint32_t value)
{
  static uint8_t packet[0x10000];

  length = CLAMP (length, 1, 0x4000);
  card_fill (packet, MAX (length, 60), kind & 1 ? (const uint8_t *)"\xff\xff\xff\xff\xff\xff" : NULL, value);
  if (kind & 2)
    memcpy (packet, "\x01\x00\x5e", 3);
  if (kind & 4)
    net_put16 (packet + 12, kind & 8 ? 0x8100 : 0x0800);
  if (kind & 16)
    memcpy (packet + 14, "\x45\x00\x00\x2e\x00\x00\x00\x00\x40\x06", 10);
  card_offer (c, packet, length);
}

static inline void
fuzz_card_step (const FuzzCard *target, Card *c, Device *device, unsigned what, unsigned small,
                unsigned middle, uint32_t value)
{
  const unsigned size = 1u << small % 3;

  switch (what % N_CARDS)
    {
    case CARD_MEMORY:
      card_write (c, ((uint32_t)middle | (small & 0x80 ? 0x10000u : 0)) % target->memory_size & ~(size - 1),
                  value, size);
      break;
    case CARD_PORT:
      card_out (c, middle % target->ports_size & ~(size - 1), value, size);
      break;
    case CARD_READ:
      card_read (c, middle % target->memory_size & ~(size - 1), size);
      card_in (c, middle % target->ports_size & ~(size - 1), size);
      card_config_read (c, middle & 0xff & ~(size - 1), size);
      break;
    case CARD_BYTES:
      card_put (c, (small & 3u) << 16 | (middle & 0xfffc), value, 4);
      break;
    case CARD_START:
      target->start (c, small, value);
      break;
    case CARD_STEP:
      target->step (c, small, middle, value);
      break;
    case CARD_OFFER:
      fuzz_card_offer (c, small, middle, value);
      break;
    case CARD_ADVANCE:
      card_advance (c, (int64_t)middle << (small & 15));
      break;
    case CARD_LINK:
      card_set_link (c, small & 1);
      break;
    case CARD_FULL:
      card_set_full (c, small & 1);
      break;
    case CARD_RESET:
      vm_lock (c->vm);
      device->klass->reset (device);
      vm_unlock (c->vm);
      card_map (c, target->memory, target->ports);
      break;
    case CARD_LOAD:
      if (!card_save_and_load (c, device))
        abort ();
      break;
    default:
      card_config (c, middle & 0xff & ~(size - 1), value, size);
      if (small & 0x80)
        card_map (c, target->memory, target->ports);
      break;
    }
  for (CardPacket *packet; (packet = card_sent (c)) != NULL;)
    g_free (packet);
}

static inline void
fuzz_card (const FuzzCard *target, const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  Device *device;
  Card c;

  card_open (&c, length & 8 ? NET_CAN_CHECKSUM | NET_CAN_TSO4 | NET_CAN_TSO6 : 0);
  vm_lock (c.vm);
  device = target->make (&c);
  device->klass->reset (device);
  vm_unlock (c.vm);
  card_map (&c, target->memory, target->ports);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes), small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);

      fuzz_card_step (target, &c, device, what, small, middle, fuzz_u32 (&bytes));
    }
  card_advance (&c, NS_PER_SECOND);
  card_close (&c);
}

#define STEP(what, small, middle, value)                                                                     \
  what, small, (middle)&0xff, (middle) >> 8 & 0xff, (value)&0xff, (value) >> 8 & 0xff, (value) >> 16 & 0xff, \
      (uint8_t)((value) >> 24)

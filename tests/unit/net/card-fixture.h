/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the tests of cards have in common beyond a driver's part (card-driver.h): a machine with one, whom packets are for, what wakes a machine.
 */
#pragma once

#include "card-driver.h"

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t stranger[6] = { 0x52, 0x54, 0x00, 0x99, 0x99, 0x99 };
static const uint8_t group[6] = { 0x01, 0x00, 0x5e, 0x12, 0x34, 0x56 };

typedef struct
{
  Device *(*make) (Vm *vm, const char *id, PciBus *bus, unsigned devfn, NetPort *port, GError **error);
  int memory, ports;               /* BARs, as for card_map() */
  unsigned takes;                  /* what the network does */
  const VmProcessorOps *processor; /* NULL: none */
} CardPlan;

/* It has been reset, and firmware has been there. */
static inline Device *
card_plug (Card *c, const CardPlan *plan)
{
  Device *device;

  card_open (c, plan->takes);
  vm_lock (c->vm);
  if (plan->processor != NULL)
    vm_set_processor (c->vm, plan->processor, NULL);
  device = plan->make (c->vm, "net0", pci_root_bus (c->root), CARD_DEVFN, c->net.port, NULL);
  g_assert_nonnull (device);
  device->klass->reset (device);
  vm_unlock (c->vm);
  card_map (c, plan->memory, plan->ports);
  return device;
}

/* -- What wakes the machine ---------------------------------------------------------------------------------- */

static unsigned card_n_wakes;

static inline void
card_on_wake (void *opaque, const char *reason)
{
  g_assert_nonnull (reason);
  card_n_wakes++;
}

/* The driver puts the card to D3hot with PME_En, `pm` being its capability, and the machine sleeps. */
static inline void
card_fall_asleep (Card *c, unsigned pm)
{
  card_config (c, pm + 4, 3 | 1 << 8, 2);
  vm_lock (c->vm);
  c->vm->wake = card_on_wake;
  c->vm->asleep = TRUE;
  vm_unlock (c->vm);
}

/* Of a card whose driver wants it: a magic packet, and no other, wakes the machine; the card then says so (PCI Power Management 1.2, 3.2.4).  `stop` has the driver want it no
 * more: then nothing wakes. */
static inline void
card_check_wake (Card *c, void (*stop) (Card *c))
{
  const unsigned pm = card_find (c, 1);
  uint8_t packet[200];

  g_assert_cmpuint (pm, !=, 0);
  g_assert_cmphex (card_config_read (c, pm + 2, 2) & 0xc800, ==, 0xc800);
  card_fill (packet, sizeof packet, NULL, 1);
  card_n_wakes = 0;
  card_fall_asleep (c, pm);
  card_offer (c, packet, sizeof packet);
  g_assert_cmpuint (card_n_wakes, ==, 0);
  memset (packet + 60, 0xff, 6);
  for (unsigned i = 1; i < 17; i++)
    memcpy (packet + 60 + 6 * i, net_fixture_mac.bytes, 6);
  packet[60 + 6 * 16]++;
  card_offer (c, packet, sizeof packet);
  g_assert_cmpuint (card_n_wakes, ==, 0);
  g_assert_cmphex (card_config_read (c, pm + 4, 2), ==, 3 | 1 << 8 | 1 << 3);
  packet[60 + 6 * 16]--;
  card_offer (c, packet, sizeof packet);
  g_assert_cmpuint (card_n_wakes, ==, 1);
  g_assert_cmphex (card_config_read (c, pm + 4, 2) & 0x8103, ==, 0x8103);
  /* The system clears it, and has the card again. */
  card_config (c, pm + 4, 1 << 15, 2);
  g_assert_cmphex (card_config_read (c, pm + 4, 2) & 0x8103, ==, 0);
  stop (c);
  card_fall_asleep (c, pm);
  card_offer (c, packet, sizeof packet);
  g_assert_cmpuint (card_n_wakes, ==, 1);
}

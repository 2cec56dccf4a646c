/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a driver of a network card and its cable do, without a processor: a machine of RAM and a PCI bus, a port whose network is the test.  For tests and
 * fuzzers.
 */
#pragma once

#include "net-fixture.h"

#include "net/packet.h"
#include "pci/pci.h"

#include <string.h>

#define CARD_RAM    0x800000u
#define CARD_BAR    0xf0000000u
#define CARD_PORTS  0xc000u
#define CARD_DEVFN  PCI_DEVFN (3, 0)
#define CARD_HEADER 10u /* before each packet on the wire: struct virtio_net_hdr */

typedef struct
{
  NetOffload offload;
  size_t length;
  uint8_t bytes[NET_MAX_PACKET];
} CardPacket;

typedef struct
{
  Vm *vm;
  PciRoot *root;
  Region *ram;
  AccessCache cache, ports;
  NetFixture net;
  gboolean level; /* of its interrupt */
  unsigned n_interrupts;
} Card;

/* -- The machine ------------------------------------------------------------------------------------------- */

static inline void
card_on_intx (void *opaque, unsigned wire, gboolean level)
{
  Card *c = opaque;

  c->n_interrupts += level && !c->level;
  c->level = level;
}

static inline void
card_pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* The network takes NET_CAN_… undone. */
static inline void
card_open (Card *c, unsigned takes)
{
  const NetPortConfig config = { .id = "net0",
                                 .mac = net_fixture_mac,
                                 .mtu = 16000,
                                 .network = TRUE,
                                 .form = { .header = TRUE },
                                 .takes = takes };

  *c = (Card){ .vm = vm_new (NULL, TRUE) };
  vm_lock (c->vm);
  c->ram = region_new_ram ("ram", CARD_RAM, RAM_DEFAULT, NULL);
  vm_add_ram (c->vm, c->ram);
  address_space_map (c->vm->memory, c->ram, 0, 0, CARD_RAM, 0);
  c->root = pci_root_new (c->vm, card_on_intx, NULL, c);
  net_fixture_open (&c->net, c->vm, &config);
  vm_clock_start (c->vm->clock);
  vm_unlock (c->vm);
  card_pump ();
}

static inline void
card_config (Card *c, unsigned offset, uint32_t value, unsigned size)
{
  vm_lock (c->vm);
  pci_root_config_write (c->root, 0, CARD_DEVFN, offset, value, size);
  vm_unlock (c->vm);
}

static inline uint32_t
card_config_read (Card *c, unsigned offset, unsigned size)
{
  vm_lock (c->vm);
  uint32_t value = pci_root_config_read (c->root, 0, CARD_DEVFN, offset, size);
  vm_unlock (c->vm);
  return value;
}

/* The firmware's part: memory at BAR `memory`, ports at BAR `ports`; -1: there is none. */
static inline void
card_map (Card *c, int memory, int ports)
{
  if (memory >= 0)
    card_config (c, PCI_BAR0 + 4 * (unsigned)memory, CARD_BAR, 4);
  if (ports >= 0)
    card_config (c, PCI_BAR0 + 4 * (unsigned)ports, CARD_PORTS, 4);
  card_config (c, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

/* Of a capability; 0: there is none. */
static inline unsigned
card_find (Card *c, uint8_t id)
{
  unsigned at = card_config_read (c, 0x34, 1);

  for (unsigned i = 0; i < 48 && at != 0; i++, at = card_config_read (c, at + 1, 1))
    if (card_config_read (c, at, 1) == id)
      return at;
  return 0;
}

static inline void
card_close (Card *c)
{
  vm_lock (c->vm);
  while (c->vm->devices->len > 0)
    device_free (c->vm->devices->pdata[c->vm->devices->len - 1]);
  pci_root_free (c->root);
  vm_unlock (c->vm);
  access_cache_clear (&c->cache);
  access_cache_clear (&c->ports);
  vm_free (c->vm);
  region_unref (c->ram);
  net_fixture_close (&c->net);
}

static inline uint32_t
card_read (Card *c, unsigned offset, unsigned size)
{
  return (uint32_t)address_space_load (c->vm->memory, &c->cache, CARD_BAR + offset, size, FALSE);
}

static inline void
card_write (Card *c, unsigned offset, uint32_t value, unsigned size)
{
  address_space_store (c->vm->memory, &c->cache, CARD_BAR + offset, value, size, FALSE);
}

static inline uint32_t
card_in (Card *c, unsigned port, unsigned size)
{
  return (uint32_t)address_space_load (c->vm->ports, &c->ports, CARD_PORTS + port, size, FALSE);
}

static inline void
card_out (Card *c, unsigned port, uint32_t value, unsigned size)
{
  address_space_store (c->vm->ports, &c->ports, CARD_PORTS + port, value, size, FALSE);
}

static inline uint8_t *
card_ram (Card *c, uint64_t address)
{
  return region_host (c->ram) + address;
}

static inline void
card_put (Card *c, uint64_t address, uint64_t value, unsigned size)
{
  memcpy (card_ram (c, address), &value, size);
}

static inline uint64_t
card_get (Card *c, uint64_t address, unsigned size)
{
  uint64_t value = 0;

  memcpy (&value, card_ram (c, address), size);
  return value;
}

static inline void
card_advance (Card *c, int64_t ns)
{
  vm_lock (c->vm);
  vm_clock_advance (c->vm->clock, ns);
  vm_unlock (c->vm);
  card_pump ();
}

/* -- The cable ---------------------------------------------------------------------------------------------- */

/* How many packets the card has taken, or the port dropped. */
static inline uint64_t
card_taken (Card *c)
{
  NetStatistics statistics;

  net_port_statistics (c->net.port, &statistics);
  return statistics.received.packets + statistics.received.dropped;
}

/* A packet comes.  FALSE: the card has no room; the port keeps it. */
static inline gboolean
card_offer (Card *c, const void *packet, size_t length)
{
  static uint8_t bytes[CARD_HEADER + NET_MAX_PACKET];
  const uint64_t before = card_taken (c);

  memcpy (bytes + CARD_HEADER, packet, length);
  net_fixture_give (&c->net, bytes, CARD_HEADER + length);
  card_pump ();
  return card_taken (c) != before;
}

/* What was sent first and not taken yet; NULL: nothing.  To be freed. */
static inline CardPacket *
card_sent (Card *c)
{
  static uint8_t bytes[CARD_HEADER + NET_MAX_PACKET];
  size_t length = net_fixture_take (&c->net, bytes, sizeof bytes);
  CardPacket *packet;

  if (length < CARD_HEADER)
    return NULL;
  packet = g_new0 (CardPacket, 1);
  packet->length = length - CARD_HEADER;
  packet->offload.flags = bytes[0];
  packet->offload.gso_type = bytes[1];
  memcpy (&packet->offload.header_length, bytes + 2, 8);
  memcpy (packet->bytes, bytes + CARD_HEADER, packet->length);
  return packet;
}

/* The network takes nothing. */
static inline void
card_set_full (Card *c, gboolean full)
{
  net_port_pause (c->net.port, full);
  card_pump ();
}

static inline void
card_set_link (Card *c, gboolean up)
{
  net_port_plug_cable (c->net.port, up);
  card_pump ();
}

/* -- Packets -------------------------------------------------------------------------------------------------- */

/* To `to`, or the card itself; a type that means nothing; the rest counts from `seed` on. */
static inline void
card_fill (uint8_t *packet, size_t length, const uint8_t *to, unsigned seed)
{
  static const uint8_t own[6] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };

  for (size_t i = 0; i < length; i++)
    packet[i] = (uint8_t)(seed + i * 7 + (i >> 8));
  memcpy (packet, to != NULL ? to : own, 6);
  memcpy (packet + 6, "\x02\x00\x00\x00\x00\x01", 6);
  packet[12] = 0x88;
  packet[13] = 0xb5;
}

/* The state of the card through its table, and again; the machine stands meanwhile. */
static inline gboolean
card_save_and_load (Card *c, Device *device)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  gboolean ok;

  vm_lock (c->vm);
  state_save (device->klass->state, device, state);
  device->klass->reset (device);
  ok = state_load (device->klass->state, device, state->data, state->len, NULL)
       && device->klass->post_load (device, NULL);
  vm_unlock (c->vm);
  return ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of virtio-net that does as it likes, see fuzz-virtio.h, and a network that does, too: a step whose first byte is 0xff is a packet from the wire, {0xff,
 * what is left undone, 16 bits of length, 32 bits of sizes}, or reads what the guest has sent.
 */
#include "fuzz-virtio.h"

#include "../unit/net/net-fixture.h"

#include "virtio/net.h"

#define N_PAIRS  2
#define N_QUEUES 5
#define PACKET   0xff
#define LONGEST  20000u
/* CSUM, GUEST_CSUM, CTRL_GUEST_OFFLOADS, MTU, MAC, GUEST_TSO4/6, HOST_TSO4/6, MRG_RXBUF to CTRL_MAC_ADDR, USO. */
#define FEATURES                                                                                 \
  (UINT64_C (0x2f) | VIRT_FEATURE (7) | VIRT_FEATURE (8) | VIRT_FEATURE (11) | VIRT_FEATURE (12) \
   | UINT64_C (0xff8000) | UINT64_C (7) << 54)

/* Over IPv4 or IPv6, TCP or UDP, with what the bytes say. */
static void
packet_from_wire (NetFixture *net, FuzzBytes *bytes)
{
  static uint8_t message[10 + LONGEST], got[NET_MAX_PACKET + 10];
  static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  fuzz_u8 (bytes);
  const unsigned small = fuzz_u8 (bytes), length = fuzz_u16 (bytes) % LONGEST;
  const uint32_t value = fuzz_u32 (bytes);
  const uint16_t size = (uint16_t)value, start = (uint16_t)(value >> 16 & 0xff);
  const gboolean ip6 = (small & 0x40) != 0, udp = (small & 0x20) != 0;
  uint8_t *packet = message + 10;

  memset (message, 0, sizeof message);
  message[0] = small & 3;
  message[1] = small >> 2 & 7;
  memcpy (message + 4, &size, 2);
  memcpy (message + 6, &start, 2);
  message[8] = (uint8_t)(value >> 24);
  net_fixture_frame (packet, everybody, ip6 ? 0x86dd : 0x0800, LONGEST, (uint8_t)small);
  packet[14] = ip6 ? 0x60 : 0x45;
  packet[ip6 ? 20 : 23] = udp ? 17 : 6;
  packet[14 + (ip6 ? 40 : 20) + 12] = 0x50;
  net_fixture_give (net, message, 10 + length);
  while (net_fixture_take (net, got, sizeof got) > 0)
    ;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  const NetPortConfig config = {
    .id = "net0", .mac = net_fixture_mac, .network = TRUE, .form = { .header = TRUE }, .takes = NET_CAN_TSO4
  };
  FuzzBytes bytes = { data, length };
  NetFixture net;
  Driver d;

  driver_open (&d);
  vm_lock (d.vm);
  net_fixture_open (&net, d.vm, &config);
  Device *card = virt_net_new (d.vm, "net0", pci_root_bus (d.root), DRIVER_DEVFN, N_PAIRS, net.port, NULL);
  card->klass->reset (card);
  vm_unlock (d.vm);
  driver_map (&d);
  driver_pump ();
  while (bytes.length > 0)
    if (bytes.data[0] == PACKET)
      packet_from_wire (&net, &bytes);
    else
      virt_step (&d, card, FEATURES, N_QUEUES, &bytes);
  driver_pump ();
  driver_close (&d);
  net_fixture_close (&net);
  return 0;
}

#define QUEUE(n) ((n) << 2)
#define DESCRIBE_OF(queue, i, where, offset, length, flags, next)       \
  STEP (WHAT_DESCRIBE, QUEUE (queue), (i) | (flags) << 8 | (next) << 4, \
        (uint32_t)(where) << 29 | (offset) << 16 | (length))
#define PUT(queue, head) STEP (WHAT_PUT, 0x80 | QUEUE (queue), head, 0), STEP (WHAT_PUMP, 0, 0, 0)
#define ROOM(i, length)  DESCRIBE_OF (0, i, 1, 0, length, DESC_WRITE, 0), PUT (0, i)

static void
make (void)
{
  static const uint8_t talk[] = { STEP (WHAT_START, 3, 0, 0),
                                  ROOM (0, 2048),
                                  STEP (PACKET, 0, 600, 0),
                                  STEP (WHAT_PUMP, 0, 0, 0),
                                  ROOM (1, 0xffff),
                                  STEP (PACKET, 1 | NET_GSO_TCP4 << 2, 6000, 1000 | 34u << 16 | 16u << 24),
                                  STEP (WHAT_PUMP, 0, 0, 0),
                                  DESCRIBE_OF (1, 0, 0, 0, 1500, 0, 0),
                                  PUT (1, 0),
                                  STEP (PACKET, 0, 0, 0) };
  static const uint8_t merged[] = { STEP (WHAT_START, 3, 0, 0),
                                    ROOM (0, 100),
                                    ROOM (1, 100),
                                    STEP (PACKET, 0, 250, 0),
                                    STEP (WHAT_PUMP, 0, 0, 0),
                                    ROOM (2, 100),
                                    STEP (WHAT_PAUSE, 1, 0, 0),
                                    STEP (PACKET, 0x40, 1400, 0),
                                    STEP (WHAT_PUMP, 0, 0, 0) };
  /* A segment: its header at 0x100000. */
  static const uint8_t segments[] = { STEP (WHAT_START, 3, 0, 0),
                                      STEP (WHAT_BYTES, 0, 0, 0x00360101),
                                      STEP (WHAT_BYTES, 0, 4, 0x002203e8),
                                      STEP (WHAT_BYTES, 0, 8, 0x10),
                                      STEP (WHAT_BYTES, 0, 24, 0x00450008),
                                      STEP (WHAT_BYTES, 0, 32, 0x06000000),
                                      STEP (WHAT_BYTES, 0, 56, 0x00500000),
                                      DESCRIBE_OF (1, 0, 0, 0, 6000, 0, 0),
                                      PUT (1, 0),
                                      STEP (PACKET, 0, 0, 0) };
  static const uint8_t commands[] = { STEP (WHAT_START, 3, 0, 0),
                                      STEP (WHAT_BYTES, 0, 0, 0x00000001),
                                      DESCRIBE_OF (2, 0, 0, 0, 10, DESC_NEXT, 1),
                                      DESCRIBE_OF (2, 1, 1, 0, 1, DESC_WRITE, 0),
                                      PUT (2, 0),
                                      STEP (WHAT_BYTES, 0, 0, 0x00000000),
                                      PUT (2, 0),
                                      STEP (WHAT_BYTES, 0, 0, 0x00070002),
                                      PUT (2, 0),
                                      STEP (WHAT_BYTES, 0, 0, 0x00010005),
                                      PUT (2, 0),
                                      STEP (PACKET, 0, 64, 0),
                                      STEP (WHAT_REGISTER, 1, 0x3a, 1),
                                      STEP (WHAT_RESET, 0, 0, 0) };
  static const uint8_t legacy[]
      = { STEP (WHAT_PORT, 0, 0x12, 3), STEP (WHAT_PORT, 0, 0x14, 0x22), STEP (WHAT_PORT, 1, 0x0e, 0),
          STEP (WHAT_PORT, 2, 8, 0x40), STEP (WHAT_PORT, 0, 0x12, 7),    STEP (PACKET, 0, 64, 0),
          STEP (WHAT_PUMP, 0, 0, 0),    STEP (WHAT_PORT, 1, 0x10, 0),    STEP (WHAT_PUMP, 0, 0, 0) };

  virt_seed (talk, sizeof talk, 0);
  virt_seed (merged, sizeof merged, 0);
  virt_seed (segments, sizeof segments, 0);
  virt_seed (commands, sizeof commands, 0);
  virt_seed (legacy, sizeof legacy, 0);
}

const FuzzTarget fuzz_target = { "vmm/virtio/net.c vmm/net/port.c vmm/net/offload.c", 800, make };

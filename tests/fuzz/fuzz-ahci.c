/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of an AHCI controller that does as it likes: an input is a list of steps of eight bytes.
 */
#include "fuzz.h"

#include "../unit/storage/ahci-driver.h"

#define DISK "memory=1048576"
#define DISC "memory=262144"

/* The first byte; the second says which port and slot; then a number of two bytes, and one of four. */
enum
{
  WHAT_REGISTER, /* of a port, or of the whole */
  WHAT_READ,
  WHAT_COMMAND, /* into a slot; the long number is the address */
  WHAT_QUEUED,
  WHAT_PACKET, /* the long number is the packet's second half, the short one its beginning */
  WHAT_BYTES,  /* a number into the slot's header or table */
  WHAT_PRD,
  WHAT_RING,
  WHAT_START,
  WHAT_STOP,
  WHAT_PUMP,
  WHAT_PAUSE,
  WHAT_RESET,
  WHAT_CONFIG,
  WHAT_PLUG,
  WHAT_SAVE, /* and load */
  N_WHATS,
};
#define STEP(what, where, number, value)                                                   \
  (what), (where), (number)&0xff, (number) >> 8 & 0xff, (value)&0xff, (value) >> 8 & 0xff, \
      (value) >> 16 & 0xff, (uint32_t)(value) >> 24 & 0xff
#define AT(port, slot) ((port) | (slot) << 2)

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* A state is a MiB in a thousand fields: more of them in an input are time and nothing new. */
#define MOST_LOADS 2
static unsigned n_loads;

static void
stand_still (Driver *d, gboolean load)
{
  const DeviceClass *klass = d->device->klass;
  g_autoptr (GByteArray) state = g_byte_array_new ();

  vm_lock (d->vm);
  klass->pause (d->device);
  for (gboolean drained = klass->drained (d->device); !drained; drained = klass->drained (d->device))
    {
      vm_unlock (d->vm);
      g_main_context_iteration (NULL, TRUE);
      vm_lock (d->vm);
    }
  if (load)
    {
      state_save (klass->state, d->device, state);
      if (!state_load (klass->state, d->device, state->data, state->len, NULL)
          || !klass->post_load (d->device, NULL))
        g_critical ("a state that was just saved can't be loaded");
    }
  klass->resume (d->device);
  vm_unlock (d->vm);
}

static void
put_packet (Driver *d, unsigned port, unsigned slot, unsigned number, uint32_t value)
{
  uint8_t packet[12] = { number & 0xff,      number >> 8,       0,           0, 0, value >> 24, 0,
                         value >> 16 & 0xff, value >> 8 & 0xff, value & 0xff };

  if (number & 0x80)
    packet[4] = (uint8_t)value;
  driver_put (d, port, slot, &(Order){ .command = 0xa0, .features = (uint8_t)(value & 1), .packet = packet },
              2);
}

static void
step (Driver *d, FuzzBytes *bytes)
{
  const unsigned what = fuzz_u8 (bytes) % N_WHATS, where = fuzz_u8 (bytes), number = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);
  const unsigned port = where & 1, slot = where >> 2 & 7;

  switch (what)
    {
    case WHAT_REGISTER:
      if (where & 2)
        driver_write (d, number & 0xffc, value);
      else
        port_write (d, port, number & 0x7c, value);
      break;
    case WHAT_READ:
      driver_read (d, number & 0xffc);
      break;
    case WHAT_COMMAND:
      driver_put (d, port, slot,
                  &(Order){ .command = (uint8_t)number,
                            .features = (uint8_t)(value >> 24),
                            .device = 0x40,
                            .lba = value & 0xffff,
                            .count = (uint16_t)(number >> 8),
                            .write = where >> 5 & 1,
                            .control = where >> 6 & 1,
                            .control_value = (uint8_t)(value >> 16) },
                  where >> 7 ? 2 : 200);
      break;
    case WHAT_QUEUED:
      {
        const Order order = queued (where >> 5 & 1, value & 0xfff, number & 0x1ff, number >> 9 & 31);

        driver_put (d, port, slot, &order, where >> 7 ? 2 : 200);
        break;
      }
    case WHAT_PACKET:
      put_packet (d, port, slot, number, value);
      break;
    case WHAT_BYTES:
      if (where & 2)
        memcpy (driver_ram (d, DRIVER_LIST + 0x400 * port + 32 * slot) + number % 29, &value, 4);
      else
        memcpy (driver_table (d, slot) + number % 0x200, &value, 4);
      break;
    case WHAT_PRD:
      driver_prd (d, slot, number & 0xff, value & (DRIVER_RAM * 2 - 1), (number >> 8 << (where & 3) * 4) + 1);
      break;
    case WHAT_RING:
      driver_ring (d, port, value & 0xff, number);
      break;
    case WHAT_START:
      port_start (d, port);
      break;
    case WHAT_STOP:
      port_write (d, port, P_CMD, 0x10);
      port_write (d, port, P_CMD, 0x18);
      port_write (d, port, P_SCTL, number & 1);
      port_write (d, port, P_SCTL, 0);
      break;
    case WHAT_PUMP:
      pump ();
      break;
    case WHAT_PAUSE:
    case WHAT_SAVE:
      stand_still (d, what == WHAT_SAVE && n_loads++ < MOST_LOADS);
      break;
    case WHAT_RESET:
      vm_lock (d->vm);
      d->device->klass->reset (d->device);
      vm_unlock (d->vm);
      driver_map (d);
      break;
    case WHAT_CONFIG:
      driver_config (d, where, value, 1u << number % 3);
      break;
    default:
      vm_lock (d->vm);
      ahci_plug (d->device, port, number & 1);
      vm_unlock (d->vm);
      break;
    }
}

static Block *
open_image (const char *words, BlockFlags flags)
{
  return block_open (&(BlockConfig){ .format = "raw", .test = words, .flags = flags }, NULL);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  Driver d;

  n_loads = 0;
  driver_open (&d, open_image (DISK, BLOCK_READ_WRITE), open_image (DISC, BLOCK_READ_ONLY));
  while (bytes.length > 0)
    step (&d, &bytes);
  pump ();
  driver_close (&d);
  return 0;
}

#define START(port) STEP (WHAT_START, port, 0, 0)
#define MEMORY(slot)                                                    \
  STEP (WHAT_PRD, AT (1, slot), 0x0f00, DRIVER_DATA + 0x2000 * (slot)), \
      STEP (WHAT_PRD, AT (2, slot), 0x1001, DRIVER_DATA + 0x1000 + 0x2000 * (slot))
#define DO(port, slot, command, lba)                                    \
  STEP (WHAT_COMMAND, AT (port, slot) | 0x80, (command) | 8 << 8, lba), \
      STEP (WHAT_RING, AT (port, slot), 0, 1 << (slot)), STEP (WHAT_PUMP, 0, 0, 0)

static void
make (void)
{
  static const uint8_t transfers[] = { START (0),
                                       MEMORY (0),
                                       DO (0, 0, 0x25, 8),
                                       DO (0, 0, 0x24, 8),
                                       DO (0, 0, 0x35, 8),
                                       DO (0, 0, 0x34, 8),
                                       DO (0, 0, 0xea, 0),
                                       DO (0, 0, 0xec, 0),
                                       DO (0, 0, 0xb0, 0xc24f | 0xd0u << 24),
                                       DO (0, 0, 0x2f, 0x10),
                                       DO (0, 0, 0x06, 1u << 24),
                                       DO (0, 0, 0x25, 0xffff),
                                       STEP (WHAT_STOP, 0, 0, 0),
                                       START (0),
                                       DO (0, 0, 0xef, 3u << 24) };
  static const uint8_t tags[] = { START (0),
                                  MEMORY (0),
                                  MEMORY (1),
                                  MEMORY (2),
                                  STEP (WHAT_QUEUED, AT (0, 0) | 0x80, 8, 0),
                                  STEP (WHAT_QUEUED, AT (0, 1) | 0xa0, 8 | 1 << 9, 8),
                                  STEP (WHAT_QUEUED, AT (0, 2) | 0x80, 8 | 2 << 9, 0xfff),
                                  STEP (WHAT_RING, 0, 7, 3),
                                  STEP (WHAT_SAVE, 0, 0, 0),
                                  STEP (WHAT_PUMP, 0, 0, 0),
                                  STEP (WHAT_RING, 0, 7, 3),
                                  STEP (WHAT_STOP, 0, 1, 0),
                                  START (0),
                                  STEP (WHAT_RING, 0, 7, 7),
                                  STEP (WHAT_PAUSE, 0, 0, 0),
                                  STEP (WHAT_CONFIG, 4, 1, 2),
                                  STEP (WHAT_PUMP, 0, 0, 0) };
  static const uint8_t discs[] = { START (1),
                                   MEMORY (0),
                                   STEP (WHAT_PACKET, AT (1, 0), 0x12, 36),
                                   STEP (WHAT_RING, 1, 0, 1),
                                   STEP (WHAT_PACKET, AT (1, 0), 0x28, 5u << 24 | 4 << 8 | 1),
                                   STEP (WHAT_RING, 1, 0, 1),
                                   STEP (WHAT_PUMP, 0, 0, 0),
                                   STEP (WHAT_PACKET, AT (1, 0), 0xbe, 5u << 24 | 1 << 8 | 0xf8),
                                   STEP (WHAT_RING, 1, 0, 1),
                                   STEP (WHAT_PUMP, 0, 0, 0),
                                   DO (1, 0, 0xa1, 0),
                                   DO (1, 0, 0x08, 0) };
  static const uint8_t resets[] = { START (0),
                                    MEMORY (0),
                                    STEP (WHAT_COMMAND, AT (0, 0) | 0x40, 0, 4 << 16),
                                    STEP (WHAT_COMMAND, AT (0, 1) | 0x40, 0, 0),
                                    STEP (WHAT_RING, 0, 0, 1),
                                    STEP (WHAT_RING, 0, 0, 2),
                                    STEP (WHAT_PLUG, 0, 0, 0),
                                    STEP (WHAT_PLUG, 0, 1, 0),
                                    STEP (WHAT_REGISTER, 2, 4, 1),
                                    STEP (WHAT_RESET, 0, 0, 0),
                                    STEP (WHAT_READ, 0, 0x120, 0) };

  fuzz_seed (transfers, sizeof transfers);
  fuzz_seed (tags, sizeof tags);
  fuzz_seed (discs, sizeof discs);
  fuzz_seed (resets, sizeof resets);
}

const FuzzTarget fuzz_target = {
  "vmm/storage/ahci.c vmm/storage/ahci-command.c vmm/storage/ahci-fis.c vmm/storage/ahci-port.c vmm/storage/ahci-queued.c",
  800, make
};

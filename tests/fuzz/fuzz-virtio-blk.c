/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of virtio-blk that does as it likes: registers of both kinds, rings and descriptors, resets, pauses, saves and loads in between.
 * Input: eight bytes a step, {what, small number, 16 bits, 32 bits}.
 */
#include "fuzz.h"

#include "../unit/virtio/virtio-driver.h"

#include "virtio/blk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define N_QUEUES 2
#define PLACES   8
#define MIB      (1u << 20)

enum
{
  WHAT_REGISTER,
  WHAT_PORT,
  WHAT_CONFIG,
  WHAT_DESCRIBE, /* a descriptor: address by number, length and flags */
  WHAT_BYTES,    /* of a request's header, a ring, an indirect table */
  WHAT_PUT,
  WHAT_RING,
  WHAT_START,
  WHAT_PUMP,
  WHAT_RESET,
  WHAT_PAUSE, /* and save, and load, and go on */
  WHAT_READ,
  N_WHATS,
};

static char *path;

static void
once (void)
{
  if (path != NULL)
    return;
  path = g_build_filename (fuzz_folder (), "disk.img", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate (fd, MIB) < 0)
    abort ();
  close (fd);
}

/* Where a driver's addresses lead: memory, its end, a hole, registers, the rings themselves. */
static uint64_t
place (unsigned n, unsigned offset)
{
  static const uint64_t places[PLACES] = { 0x100000,   0x110000,     DRIVER_RAM - 16, 0xfee00000,
                                           DRIVER_BAR, DRIVER_QUEUE, 0x130000,        UINT64_MAX - 4095 };

  return places[n % PLACES] + offset;
}

static void
pause_and_go_on (Driver *d, Device *disk, gboolean load)
{
  g_autoptr (GByteArray) state = g_byte_array_new ();
  gboolean drained = FALSE;

  vm_lock (d->vm);
  disk->klass->pause (disk);
  vm_unlock (d->vm);
  while (!drained)
    {
      driver_pump ();
      vm_lock (d->vm);
      drained = disk->klass->drained (disk);
      vm_unlock (d->vm);
    }
  vm_lock (d->vm);
  state_save (disk->klass->state, disk, state);
  if (load
      && (!state_load (disk->klass->state, disk, state->data, state->len, NULL)
          || !disk->klass->post_load (disk, NULL)))
    abort ();
  disk->klass->resume (disk);
  vm_unlock (d->vm);
}

static void
step (Driver *d, Device *disk, unsigned what, unsigned small, unsigned middle, uint32_t value)
{
  static const uint64_t features[4] = { VIRT_F_VERSION_1, VIRT_F_VERSION_1 | VIRT_F_INDIRECT,
                                        VIRT_F_VERSION_1 | VIRT_F_EVENT_INDEX | VIRT_F_INDIRECT,
                                        VIRT_F_VERSION_1 | VIRT_F_RING_RESET | VIRT_FEATURE (12)
                                            | VIRT_FEATURE (13) | VIRT_FEATURE (14) | VIRT_FEATURE (9) };
  const unsigned size = 1u << small % 3, queue = small / 4 % N_QUEUES;

  switch (what % N_WHATS)
    {
    case WHAT_REGISTER:
      driver_write (d, middle & 0x3fff & ~(size - 1), value, size);
      break;
    case WHAT_PORT:
      address_space_store (d->vm->ports, &d->ports, DRIVER_IO + (middle & 0x7f & ~(size - 1)), value, size,
                           FALSE);
      break;
    case WHAT_CONFIG:
      driver_config (d, middle & 0xff & ~(size - 1), value, size);
      if (small & 0x80)
        driver_map (d);
      break;
    case WHAT_DESCRIBE:
      driver_describe (d, small & 0x80 ? 0x130000 : driver_queue (queue), middle % DRIVER_SIZE,
                       place (value >> 29, value >> 16 & 0xfff), value & 0xffff, middle >> 8 & 7,
                       middle >> 4 & 15);
      break;
    case WHAT_BYTES:
      memcpy (driver_ram (d, small & 0x80 ? driver_queue (queue) + (middle & 0x3ffc)
                                          : 0x100000 + (middle & 0x1ffc)),
              &value, 4);
      break;
    case WHAT_PUT:
      driver_put (d, queue, middle);
      if (small & 0x80)
        driver_ring (d, queue);
      break;
    case WHAT_RING:
      driver_ring (d, middle % (N_QUEUES + 1));
      break;
    case WHAT_START:
      driver_start (d, features[small % 4], N_QUEUES);
      break;
    case WHAT_PUMP:
      driver_pump ();
      break;
    case WHAT_RESET:
      vm_lock (d->vm);
      disk->klass->reset (disk);
      vm_unlock (d->vm);
      driver_map (d);
      break;
    case WHAT_PAUSE:
      pause_and_go_on (d, disk, small & 1);
      break;
    default:
      driver_read (d, middle & 0x3fff & ~(size - 1), size);
      address_space_load (d->vm->ports, &d->ports, DRIVER_IO + (middle & 0x7f & ~(size - 1)), size, FALSE);
      driver_config_read (d, middle & 0xff & ~(size - 1), size);
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  const BlockConfig config = { .format = "raw", .flags = BLOCK_DISCARD_CHANGES };
  Driver d;

  once ();
  BlockConfig with_path = config;
  with_path.path = path;
  Block *image = block_open (&with_path, NULL);
  if (image == NULL)
    abort ();
  driver_open (&d);
  const VirtBlockConfig block = { image, "fuzz", N_QUEUES };
  vm_lock (d.vm);
  Device *disk = virt_block_new (d.vm, "disk0", pci_root_bus (d.root), DRIVER_DEVFN, &block, NULL);
  disk->klass->reset (disk);
  vm_unlock (d.vm);
  driver_map (&d);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes), small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);

      step (&d, disk, what, small, middle, fuzz_u32 (&bytes));
    }
  driver_pump ();
  driver_close (&d);
  return 0;
}

#define STEP(what, small, middle, value)                                                              \
  what, small, (middle)&0xff, (middle) >> 8, (value)&0xff, (value) >> 8 & 0xff, (value) >> 16 & 0xff, \
      (uint8_t)((value) >> 24)
#define DESCRIBE(i, where, offset, length, flags, next)     \
  STEP (WHAT_DESCRIBE, 0, (i) | (flags) << 8 | (next) << 4, \
        (uint32_t)(where) << 29 | (offset) << 16 | (length))
#define REQUEST(type, sector, length, flags)                                                            \
  STEP (WHAT_BYTES, 0, 0, type), STEP (WHAT_BYTES, 0, 8, sector), DESCRIBE (0, 0, 0, 16, DESC_NEXT, 1), \
      DESCRIBE (1, 1, 0, length, DESC_NEXT | (flags), 2), DESCRIBE (2, 0, 0x800, 1, DESC_WRITE, 0),     \
      STEP (WHAT_PUT, 0x80, 0, 0), STEP (WHAT_PUMP, 0, 0, 0)

static void
make (void)
{
  static const uint8_t talk[] = { STEP (WHAT_START, 3, 0, 0),      REQUEST (1, 3, 512, 0),
                                  REQUEST (0, 3, 512, DESC_WRITE), REQUEST (4, 0, 0, 0),
                                  REQUEST (8, 0, 20, DESC_WRITE),  REQUEST (13, 0, 16, 0),
                                  REQUEST (11, 0, 16, 0),          REQUEST (0, 99999, 512, DESC_WRITE),
                                  STEP (WHAT_READ, 2, 0x14, 0) };
  static const uint8_t indirect[] = { STEP (WHAT_START, 1, 0, 0),
                                      STEP (WHAT_BYTES, 0, 0, 0),
                                      STEP (WHAT_DESCRIBE, 0x80, 0 | DESC_NEXT << 8 | 1 << 4, 16),
                                      STEP (WHAT_DESCRIBE, 0x80, 1 | 3 << 8 | 2 << 4, 1u << 29 | 512),
                                      STEP (WHAT_DESCRIBE, 0x80, 2 | 2 << 8, 0x800u << 16 | 1),
                                      DESCRIBE (3, 6, 0, 48, DESC_INDIRECT, 0),
                                      STEP (WHAT_PUT, 0x80, 3, 0),
                                      STEP (WHAT_PUMP, 0, 0, 0) };
  static const uint8_t legacy[]
      = { STEP (WHAT_PORT, 0, 0x12, 3), STEP (WHAT_PORT, 1, 0x0e, 0), STEP (WHAT_PORT, 2, 8, 0x200),
          STEP (WHAT_PORT, 0, 0x12, 7), STEP (WHAT_PORT, 1, 0x10, 0), STEP (WHAT_PUMP, 0, 0, 0),
          STEP (WHAT_READ, 0, 0x13, 0) };
  static const uint8_t ends[]
      = { STEP (WHAT_START, 3, 0, 0),  REQUEST (0, 0, 512, DESC_WRITE),  STEP (WHAT_PAUSE, 1, 0, 0),
          REQUEST (1, 0, 512, 0),      STEP (WHAT_REGISTER, 1, 0x3a, 1), STEP (WHAT_RESET, 0, 0, 0),
          STEP (WHAT_CONFIG, 1, 4, 0), STEP (WHAT_RING, 0, 0, 0),        STEP (WHAT_PUMP, 0, 0, 0) };
  static const uint8_t wrong[] = { STEP (WHAT_START, 2, 0, 0),
                                   DESCRIBE (0, 3, 0, 16, DESC_NEXT, 0),
                                   STEP (WHAT_PUT, 0x80, 0, 0),
                                   STEP (WHAT_PUMP, 0, 0, 0),
                                   STEP (WHAT_REGISTER, 0, 0x14, 0),
                                   STEP (WHAT_START, 0, 0, 0),
                                   DESCRIBE (0, 2, 8, 16, DESC_WRITE, 0),
                                   STEP (WHAT_PUT, 0x80, 0xffff, 0),
                                   STEP (WHAT_PUMP, 0, 0, 0) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (indirect, sizeof indirect);
  fuzz_seed (legacy, sizeof legacy);
  fuzz_seed (ends, sizeof ends);
  fuzz_seed (wrong, sizeof wrong);
}

const FuzzTarget fuzz_target = { "vmm/virtio", 800, make };

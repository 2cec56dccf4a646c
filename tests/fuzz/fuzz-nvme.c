/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of an NVMe controller that does as it likes: an input is a list of steps of eight bytes.
 */
#include "fuzz.h"

#include "../unit/storage/nvme-driver.h"

#define N_QUEUES 2
#define DISK     "memory=1048576"

/* The first byte; the second says of which queue, or where; then a number of two bytes, and one of four. */
enum
{
  WHAT_REGISTER,
  WHAT_BELL,
  WHAT_READ,
  WHAT_COMMAND, /* puts one with this opcode; dword 10 is the long number */
  WHAT_BYTES,   /* a number into the last command, at a place */
  WHAT_MEMORY,  /* into the list of pages, or the ranges */
  WHAT_QUEUES,
  WHAT_ENABLE,
  WHAT_PUMP,
  WHAT_PAUSE,
  WHAT_RESET,
  WHAT_CONFIG,
  WHAT_TAKE,
  WHAT_SAVE, /* and load */
  N_WHATS,
};
#define STEP(what, where, number, value)                                                   \
  (what), (where), (number)&0xff, (number) >> 8 & 0xff, (value)&0xff, (value) >> 8 & 0xff, \
      (value) >> 16 & 0xff, (uint32_t)(value) >> 24 & 0xff

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
make_queues (Driver *d)
{
  for (unsigned n = 1; n <= N_QUEUES; n++)
    {
      driver_put (
          d, 0,
          &(Command){ .opcode = 5, .prp1 = driver_cq (n), .dword = { n | (DRIVER_SIZE - 1) << 16, 3 } });
      driver_put (d, 0,
                  &(Command){ .opcode = 1,
                              .prp1 = driver_sq (n),
                              .dword = { n | (DRIVER_SIZE - 1) << 16, 1 | n << 16 } });
    }
  driver_ring (d, 0);
}

/* More loads of an input are time and nothing new. */
#define MOST_LOADS 2
static unsigned n_loads;

static void
load_saved (Driver *d)
{
  const DeviceClass *klass = d->device->klass;
  g_autoptr (GByteArray) state = g_byte_array_new ();

  state_save (klass->state, d->device, state);
  if (!state_load (klass->state, d->device, state->data, state->len, NULL)
      || !klass->post_load (d->device, NULL))
    g_critical ("a state that was just saved can't be loaded");
}

static void
stand_still (Driver *d, gboolean load)
{
  const DeviceClass *klass = d->device->klass;

  vm_lock (d->vm);
  klass->pause (d->device);
  for (gboolean drained = klass->drained (d->device); !drained; drained = klass->drained (d->device))
    {
      vm_unlock (d->vm);
      g_main_context_iteration (NULL, TRUE);
      vm_lock (d->vm);
    }
  if (load)
    load_saved (d);
  klass->resume (d->device);
  vm_unlock (d->vm);
}

static void
step (Driver *d, FuzzBytes *bytes)
{
  const unsigned what = fuzz_u8 (bytes) % N_WHATS, where = fuzz_u8 (bytes), number = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);
  const unsigned queue = where % (N_QUEUES + 1);
  uint8_t *last = driver_ram (d, driver_sq (queue)) + (d->tail[queue] + DRIVER_SIZE - 1) % DRIVER_SIZE * 64;

  switch (what)
    {
    case WHAT_REGISTER:
      driver_write (d, number & 0x3ffc, value, where & 1 ? 8 : 4);
      break;
    case WHAT_BELL:
      driver_ring (d, queue);
      break;
    case WHAT_READ:
      driver_read (d, number & 0x3fff, 1u << (where & 3));
      break;
    case WHAT_COMMAND:
      driver_put (d, queue,
                  &(Command){ .opcode = (uint8_t)number,
                              .space = 1,
                              .prp1 = DRIVER_DATA,
                              .prp2 = DRIVER_LIST,
                              .dword = { value, number >> 8, where >> 2 } });
      break;
    case WHAT_BYTES:
      memcpy (last + number % 61, &value, 4);
      break;
    case WHAT_MEMORY:
      memcpy (driver_ram (d, (where & 1 ? DRIVER_LIST : DRIVER_DATA) + number % 8000), &value, 4);
      break;
    case WHAT_QUEUES:
      make_queues (d);
      break;
    case WHAT_ENABLE:
      driver_enable (d);
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
    case WHAT_TAKE:
    default:
      for (unsigned i = 0; i < DRIVER_SIZE && driver_next (d, queue) != NULL; i++)
        d->head[queue]++;
      driver_write (d, 0x1004 + 8 * queue, d->head[queue] % DRIVER_SIZE, 4);
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  Driver d;

  n_loads = 0;
  driver_open (&d,
               block_open (&(BlockConfig){ .format = "raw", .test = DISK, .flags = BLOCK_READ_WRITE }, NULL),
               N_QUEUES);
  while (bytes.length > 0)
    step (&d, &bytes);
  pump ();
  driver_close (&d);
  return 0;
}

#define BEGIN STEP (WHAT_ENABLE, 0, 0, 0), STEP (WHAT_QUEUES, 0, 0, 0), STEP (WHAT_TAKE, 0, 0, 0)
#define DO(queue, opcode, dword10)                                                                       \
  STEP (WHAT_COMMAND, queue, opcode, dword10), STEP (WHAT_BELL, queue, 0, 0), STEP (WHAT_PUMP, 0, 0, 0), \
      STEP (WHAT_TAKE, queue, 0, 0)

static void
make (void)
{
  static const uint8_t transfers[] = { BEGIN,
                                       DO (1, 1, 3),
                                       DO (1, 2, 3),
                                       DO (4, 0, 0),
                                       STEP (WHAT_MEMORY, 1, 0, DRIVER_DATA + 0x2000),
                                       STEP (WHAT_MEMORY, 1, 8, DRIVER_DATA + 0x3000),
                                       STEP (WHAT_MEMORY, 1, 16, DRIVER_DATA + 0x4000),
                                       DO (0x61, 2, 8),
                                       DO (0x7d, 1, 8),
                                       DO (1, 5, 3),
                                       DO (0x1d, 5, 8),
                                       DO (1, 8, 8) };
  static const uint8_t ranges[] = { BEGIN,
                                    STEP (WHAT_MEMORY, 0, 4, 8),
                                    STEP (WHAT_MEMORY, 0, 20, 16),
                                    STEP (WHAT_MEMORY, 0, 24, 100),
                                    STEP (WHAT_COMMAND, 1, 9, 1),
                                    STEP (WHAT_BYTES, 1, 44, 4),
                                    STEP (WHAT_BELL, 1, 0, 0),
                                    STEP (WHAT_PUMP, 0, 0, 0) };
  static const uint8_t admin[]
      = { BEGIN,         DO (0, 6, 0),       DO (0, 6, 1),        DO (0, 6, 2),        DO (0, 6, 3),
          DO (0, 9, 7),  DO (0, 10, 6),      DO (0, 2, 0x7f0002), DO (0, 2, 0x7f0001), DO (0, 2, 0x7f0003),
          DO (0, 12, 0), DO (0, 8, 0x60000), DO (0, 0, 1),        DO (0, 4, 1),        DO (0, 5, 0x70001) };
  static const uint8_t ends[] = { BEGIN,
                                  STEP (WHAT_COMMAND, 1, 2, 0),
                                  STEP (WHAT_COMMAND, 2, 1, 0),
                                  STEP (WHAT_BELL, 1, 0, 0),
                                  STEP (WHAT_BELL, 2, 0, 0),
                                  STEP (WHAT_PAUSE, 0, 0, 0),
                                  STEP (WHAT_SAVE, 0, 0, 0),
                                  STEP (WHAT_COMMAND, 1, 2, 0),
                                  STEP (WHAT_BELL, 1, 0, 0),
                                  STEP (WHAT_REGISTER, 0, 0x14, 1 | 1 << 14),
                                  STEP (WHAT_REGISTER, 0, 0x14, 0),
                                  BEGIN,
                                  STEP (WHAT_CONFIG, 4, 1, 2),
                                  STEP (WHAT_BELL, 1, 0, 0),
                                  STEP (WHAT_RESET, 0, 0, 0),
                                  STEP (WHAT_READ, 2, 0x1c, 0) };

  fuzz_seed (transfers, sizeof transfers);
  fuzz_seed (ranges, sizeof ranges);
  fuzz_seed (admin, sizeof admin);
  fuzz_seed (ends, sizeof ends);
}

const FuzzTarget fuzz_target
    = { "vmm/storage/nvme.c vmm/storage/nvme-admin.c vmm/storage/nvme-io.c vmm/storage/nvme-queue.c", 800,
        make };

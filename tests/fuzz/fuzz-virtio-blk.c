/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of virtio-blk that does as it likes, see fuzz-virtio.h.
 */
#include "fuzz-virtio.h"

#include "virtio/blk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define N_QUEUES 2
#define MIB      (1u << 20)
#define FEATURES (VIRT_FEATURE (12) | VIRT_FEATURE (13) | VIRT_FEATURE (14) | VIRT_FEATURE (9))

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
    virt_step (&d, disk, FEATURES, N_QUEUES, &bytes);
  driver_pump ();
  driver_close (&d);
  return 0;
}

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

  virt_seed (talk, sizeof talk, 0);
  virt_seed (indirect, sizeof indirect, 0);
  virt_seed (legacy, sizeof legacy, 0);
  virt_seed (ends, sizeof ends, 0);
  virt_seed (wrong, sizeof wrong, 0);
}

const FuzzTarget fuzz_target = { "vmm/virtio", 800, make };

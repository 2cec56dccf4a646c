/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of virtio-scsi that does as it likes, see fuzz-virtio.h, with a disk and a CD-ROM drive; at a step of 0x80 and more the user changes the disc.
 */
#include "fuzz-virtio.h"

#include "virtio/scsi.h"

#include <fcntl.h>
#include <unistd.h>

#define N_QUEUES 3
#define MIB      (1u << 20)

static char *path, *disc_path;

static Block *
open_disc (void)
{
  const BlockConfig config
      = { .path = disc_path, .format = "raw", .flags = BLOCK_READ_ONLY | BLOCK_SHARED_READ };
  Block *block = block_open (&config, NULL);

  if (block == NULL)
    abort ();
  return block;
}

static void
change_disc (Device *scsi, FuzzBytes *bytes)
{
  const unsigned what = fuzz_u8 (bytes), force = fuzz_u8 (bytes);
  Block *block = what & 1 ? open_disc () : NULL, *old = NULL;

  (void)fuzz_u16 (bytes);
  (void)fuzz_u32 (bytes);
  if (!virt_scsi_change_media (scsi, 1, block, force & 1, &old, NULL))
    old = block;
  if (old != NULL)
    block_close (old);
}

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
  disc_path = g_build_filename (fuzz_folder (), "disc.iso", NULL);
  fd = open (disc_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate (fd, MIB) < 0)
    abort ();
  close (fd);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  Driver d;

  once ();
  const BlockConfig config = { .path = path, .format = "raw", .flags = BLOCK_DISCARD_CHANGES };
  Block *image = block_open (&config, NULL);
  if (image == NULL)
    abort ();
  driver_open (&d);
  vm_lock (d.vm);
  Device *scsi = virt_scsi_new (d.vm, "scsi", pci_root_bus (d.root), DRIVER_DEVFN, 1, NULL);
  virt_scsi_add_disk (scsi, image, "fuzz");
  virt_scsi_add_cdrom (scsi, open_disc (), "disc");
  scsi->klass->reset (scsi);
  vm_unlock (d.vm);
  driver_map (&d);
  while (bytes.length > 0)
    if (*bytes.data >= 0x80)
      change_disc (scsi, &bytes);
    else
      virt_step (&d, scsi, VIRT_FEATURE (2), N_QUEUES, &bytes);
  driver_pump ();
  driver_close (&d);
  return 0;
}

#define QUEUE(n) ((n)*4)
/* The header lies at the first place: LUN, tag, three bytes, and from its 19th on the command, of which `first` has the opcode, the next three bytes, `second` the rest of
 * eight, `third` four more.  Steps write words, so a byte of each is the next word's. */
#define COMMAND(first, second, third, out_length, in_length) \
  COMMAND_TO (0, first, second, third, out_length, in_length)
#define DISC(first, second, third, in_length) COMMAND_TO (1, first, second, third, 0, in_length)
#define COMMAND_TO(target, first, second, third, out_length, in_length)                                 \
  STEP (WHAT_BYTES, 0, 0, 0x00400001 | (target) << 8), STEP (WHAT_BYTES, 0, 8, 5),                      \
      STEP (WHAT_BYTES, 0, 16, (first) << 24), STEP (WHAT_BYTES, 0, 20, (first) >> 8 | (second) << 24), \
      STEP (WHAT_BYTES, 0, 24, (second) >> 8 | (third) << 24), STEP (WHAT_BYTES, 0, 28, (third) >> 8),  \
      STEP (WHAT_DESCRIBE, QUEUE (2), 0 | DESC_NEXT << 8 | 1 << 4, 51 + (out_length)),                  \
      STEP (WHAT_DESCRIBE, QUEUE (2), 1 | DESC_WRITE << 8, 1u << 29 | (108 + (in_length))),             \
      STEP (WHAT_PUT, 0x80 | QUEUE (2), 0, 0), STEP (WHAT_PUMP, 0, 0, 0)
#define FUNCTION(what)                                                                            \
  STEP (WHAT_BYTES, 0, 0, 0), STEP (WHAT_BYTES, 0, 4, what), STEP (WHAT_BYTES, 0, 8, 0x00400001), \
      STEP (WHAT_BYTES, 0, 16, 5), STEP (WHAT_DESCRIBE, 0, 0 | DESC_NEXT << 8 | 1 << 4, 24),      \
      STEP (WHAT_DESCRIBE, 0, 1 | DESC_WRITE << 8, 1u << 29 | 1), STEP (WHAT_PUT, 0x80, 0, 0),    \
      STEP (WHAT_PUMP, 0, 0, 0)

static void
make (void)
{
  static const uint8_t looks[] = { STEP (WHAT_START, 0, 0, 0),
                                   COMMAND (0x00u, 0u, 0u, 0, 0),
                                   COMMAND (0x12u, 96u, 0u, 0, 96),
                                   COMMAND (0x00b00112u, 96u, 0u, 0, 96),
                                   COMMAND (0x25u, 0u, 0u, 0, 8),
                                   COMMAND (0x109eu, 0u, 0u, 0, 32),
                                   COMMAND (0xa0u, 0u, 64u, 0, 64),
                                   COMMAND (0x3f001au, 255u, 0u, 0, 255),
                                   COMMAND (0x8005au, 0xff0000u, 0u, 0, 255),
                                   COMMAND (0x03u, 18u, 0u, 0, 18),
                                   COMMAND (0xc3u, 0u, 0u, 0, 0) };
  static const uint8_t moves[] = { STEP (WHAT_START, 1, 0, 0),
                                   COMMAND (0x2au, 5u << 8, 1u, 512, 0),
                                   COMMAND (0x28u, 5u << 8, 1u, 0, 512),
                                   COMMAND (0x0500000au, 1u, 0u, 512, 0),
                                   COMMAND (0xa8u, 5u << 8, 1u << 8, 0, 512),
                                   COMMAND (0x35u, 0u, 0u, 0, 0),
                                   COMMAND (0x41u, 0u, 4u, 512, 0),
                                   COMMAND (0x42u, 0u, 24u, 24, 0),
                                   COMMAND (0x0193u, 0u, 0x04000000u, 0, 0),
                                   STEP (WHAT_PAUSE, 1, 0, 0),
                                   COMMAND (0x28u, 5u << 8, 1u, 0, 512),
                                   STEP (WHAT_RESET, 0, 0, 0) };
  static const uint8_t functions[] = { STEP (WHAT_START, 2, 0, 0),
                                       COMMAND (0x28u, 5u << 8, 1u, 0, 512),
                                       FUNCTION (0),
                                       FUNCTION (5),
                                       FUNCTION (6),
                                       FUNCTION (4),
                                       FUNCTION (1),
                                       FUNCTION (77),
                                       STEP (WHAT_REGISTER, 2, 0x2014, 7),
                                       COMMAND (0x00u, 0u, 0u, 0, 0),
                                       STEP (WHAT_REGISTER, 1, 0x3a, 1),
                                       STEP (WHAT_CONFIG, 1, 4, 0) };

  static const uint8_t discs[] = { STEP (WHAT_START, 3, 0, 0),
                                   DISC (0x12u, 96u, 0u, 96),
                                   DISC (0x25u, 0u, 0u, 8),
                                   DISC (0x28u, 5u << 8, 1u, 2048),
                                   DISC (0x43u, 0u, 20u, 20),
                                   DISC (0x2a005au, 0u, 64u, 64),
                                   DISC (0x0146u, 0u, 64u, 64),
                                   DISC (0x014au, 0x10u, 8u, 8),
                                   DISC (0xbeu, 5u << 8, 0x10000100u, 2352),
                                   DISC (0x1eu, 1u, 0u, 0),
                                   STEP (0x81, 0, 0, 0),
                                   DISC (0x1bu, 2u, 0u, 0),
                                   STEP (0x81, 1, 0, 0),
                                   DISC (0x00u, 0u, 0u, 0),
                                   DISC (0x1bu, 2u, 0u, 0),
                                   STEP (WHAT_PAUSE, 1, 0, 0),
                                   DISC (0x1bu, 3u, 0u, 0),
                                   STEP (WHAT_DESCRIBE, QUEUE (1), 0 | DESC_WRITE << 8, 1u << 29 | 16),
                                   STEP (WHAT_PUT, 0x80 | QUEUE (1), 0, 0),
                                   STEP (0x80, 1, 0, 0),
                                   DISC (0x28u, 5u << 8, 1u, 2048) };

  virt_seed (discs, sizeof discs, 0);
  virt_seed (looks, sizeof looks, 0);
  virt_seed (moves, sizeof moves, 0);
  virt_seed (functions, sizeof functions, 0);
}

const FuzzTarget fuzz_target = {
  "vmm/virtio/scsi.c vmm/storage/scsi-command.c vmm/storage/scsi-disc.c vmm/virtio/scsi-media.c vmm/storage/mmc.c vmm/storage/mmc-answers.c",
  1600, make
};

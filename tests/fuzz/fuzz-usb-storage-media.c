/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Drives of ours on USB with an image that fails, holds requests back, ends before its end, or is gone; under a driver that is as it should be.  See fuzz-usb-disk.h.
 */
#include "fuzz-usb-disk.h"

#include "block/block-testing.h"

#include <errno.h>

#define PAGE 4096u

enum
{
  WHAT_COMMAND,
  WHAT_BEGIN,
  WHAT_FAIL, /* which operation, which error; how many, behind how many */
  WHAT_HOLD,
  WHAT_RELEASE,
  WHAT_SIZE,   /* of the file, which somebody else has cut off or made longer */
  WHAT_DISC,   /* another one, or none */
  WHAT_PLUG,   /* out of its port, or into it */
  WHAT_SAVE,   /* and loaded, as a machine that goes on */
  WHAT_RESUME, /* the machine goes on from what has paused it */
  N_WHATS,
};

static const char *
path (void)
{
  static char *name;

  if (name == NULL)
    name = g_build_filename (fuzz_folder (), "media.img", NULL);
  return name;
}

static void
set_size (unsigned pages)
{
  if (truncate (path (), (off_t)pages * PAGE) < 0)
    abort ();
}

static Block *
image (unsigned pages, unsigned flags)
{
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents (path (), "", 0, NULL))
    abort ();
  set_size (MAX (pages, 1));
  Block *block
      = block_open (&(BlockConfig){ .path = path (), .format = "raw", .test = "", .flags = flags }, &error);
  if (block == NULL)
    g_error ("%s", error->message);
  return block;
}

static void
let_go (Block *block)
{
  BlockFaults *faults;

  if (block == NULL)
    return;
  faults = block_get_faults (block);
  block_faults_hold (faults, FALSE);
  block_faults_fail (faults, BLOCK_OP_FLUSH, EIO, 0, 0); /* or closing it says that something is lost */
  while (block_faults_release (faults, 0))
    ;
}

/* What isn't held back comes. */
static void
turn (FuzzUsbDriver *d, UsbDevice *device)
{
  usb_pump ();
  for (unsigned i = 0; i < 4; i++)
    {
      Block *block = usb_storage_image (device);

      vm_lock (d->usb->vm);
      const gboolean drained = device->device.klass->drained (&device->device);
      vm_unlock (d->usb->vm);
      if (drained || (block != NULL && block_faults_held (block_get_faults (block)) > 0))
        break;
      g_usleep (20);
      usb_pump ();
    }
}

static void
change_disc (FuzzUsbDriver *d, UsbDevice *device, unsigned small)
{
  Block *block, *old = NULL;

  let_go (usb_storage_image (device));
  turn (d, device);
  block = small & 1 ? image (small >> 2, BLOCK_SHARED_READ) : NULL;
  vm_lock (d->usb->vm);
  if (!usb_cdrom_change_media (device, block, small & 2, &old, NULL))
    old = block;
  vm_unlock (d->usb->vm);
  if (old != NULL)
    block_close (old);
}

static void
fail (Block *block, unsigned small, unsigned counts)
{
  static const BlockOp ops[]
      = { BLOCK_OP_READ, BLOCK_OP_WRITE, BLOCK_OP_FLUSH, BLOCK_OP_DISCARD, BLOCK_OP_WRITE_ZEROES };
  static const int errors[] = { EIO, ENOSPC, EINVAL, ENODEV, ETIMEDOUT, EROFS, ENOMEM, EDQUOT };

  if (block != NULL)
    block_faults_fail (block_get_faults (block), ops[small % G_N_ELEMENTS (ops)], errors[small >> 3 & 7],
                       counts & 15, counts >> 4);
}

/* As when a machine was saved: what is in flight has ended. */
static void
save (FuzzUsbDriver *d, UsbDevice *device)
{
  let_go (usb_storage_image (device));
  for (unsigned i = 0; i < 1000; i++)
    {
      vm_lock (d->usb->vm);
      const gboolean drained = device->device.klass->drained (&device->device);
      vm_unlock (d->usb->vm);
      if (drained)
        break;
      turn (d, device);
    }
  usb_save_and_load (d->usb);
}

int
LLVMFuzzerTestOneInput (const uint8_t *input, size_t length)
{
  static const FuzzUsbOps *const controllers[] = { &fuzz_usb_xhci, &fuzz_usb_ehci, &fuzz_usb_uhci };
  FuzzBytes bytes = { input, length };
  const unsigned how = fuzz_u8 (&bytes);
  const gboolean cdrom = (how & 0x60) == 0x60;
  FuzzUsbDriver *d = controllers[how % G_N_ELEMENTS (controllers)]->open ();
  FuzzDisk disk = { .driver = d };
  Block *block = image (fuzz_u8 (&bytes), cdrom        ? BLOCK_SHARED_READ
                                          : how & 0x10 ? BLOCK_READ_ONLY
                                                       : BLOCK_READ_WRITE);
  UsbDevice *device;

  vm_lock (d->usb->vm);
  device = cdrom ? usb_cdrom_new (d->usb->vm, "cdrom0", block, "fuzz", NULL)
                 : usb_storage_new (d->usb->vm, "disk0", block, "fuzz", how & 0x80, NULL);
  device->device.klass->reset (&device->device);
  usb_port_attach (d->port, device, NULL);
  vm_unlock (d->usb->vm);
  fuzz_disk_begin (&disk, how & 0x80);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes);
      Block *now = usb_storage_image (device);

      switch (what)
        {
        case WHAT_COMMAND:
          fuzz_disk_command (&disk, small, fuzz_u8 (&bytes));
          break;
        case WHAT_BEGIN:
          fuzz_disk_begin (&disk, small & 1);
          break;
        case WHAT_FAIL:
          fail (now, small, fuzz_u8 (&bytes));
          break;
        case WHAT_HOLD:
          if (now != NULL)
            block_faults_hold (block_get_faults (now), small & 1);
          break;
        case WHAT_RELEASE:
          if (now != NULL)
            block_faults_release (block_get_faults (now), small);
          break;
        case WHAT_SIZE:
          set_size (small);
          break;
        case WHAT_DISC:
          if (cdrom)
            change_disc (d, device, small);
          break;
        case WHAT_PLUG:
          vm_lock (d->usb->vm);
          if (device->port != NULL)
            usb_device_detach (device);
          else
            usb_port_attach (d->port, device, NULL);
          vm_unlock (d->usb->vm);
          fuzz_disk_begin (&disk, small & 1);
          break;
        case WHAT_SAVE:
          save (d, device);
          break;
        default:
          vm_lock (d->usb->vm);
          device->device.klass->resume (&device->device);
          vm_unlock (d->usb->vm);
          break;
        }
      turn (d, device);
    }
  let_go (usb_storage_image (device));
  turn (d, device);
  d->ops->close (d);
  usb_pump ();
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[] = { WHAT_COMMAND,
                                  1,
                                  0,
                                  WHAT_COMMAND,
                                  2,
                                  0,
                                  WHAT_COMMAND,
                                  5,
                                  3,
                                  WHAT_COMMAND,
                                  6,
                                  3,
                                  WHAT_COMMAND,
                                  7,
                                  0,
                                  WHAT_FAIL,
                                  0,
                                  1,
                                  WHAT_COMMAND,
                                  5,
                                  1,
                                  WHAT_COMMAND,
                                  4,
                                  0,
                                  WHAT_FAIL,
                                  9,
                                  1,
                                  WHAT_COMMAND,
                                  6,
                                  1,
                                  WHAT_RESUME,
                                  0,
                                  WHAT_COMMAND,
                                  4,
                                  0,
                                  WHAT_HOLD,
                                  1,
                                  WHAT_COMMAND,
                                  5,
                                  2,
                                  WHAT_RELEASE,
                                  0,
                                  WHAT_HOLD,
                                  0,
                                  WHAT_SIZE,
                                  1,
                                  WHAT_COMMAND,
                                  5,
                                  20,
                                  WHAT_COMMAND,
                                  6,
                                  40,
                                  WHAT_SAVE,
                                  0,
                                  WHAT_PLUG,
                                  0,
                                  WHAT_PLUG,
                                  1,
                                  WHAT_COMMAND,
                                  5,
                                  2,
                                  WHAT_DISC,
                                  0,
                                  WHAT_COMMAND,
                                  0,
                                  0,
                                  WHAT_DISC,
                                  0x41,
                                  WHAT_COMMAND,
                                  10,
                                  0,
                                  WHAT_COMMAND,
                                  15,
                                  1,
                                  0xff,
                                  WHAT_COMMAND,
                                  5,
                                  2 };

  /* Controllers; a stick, a disk with USB Attached SCSI, a drive of discs. */
  for (unsigned kind = 0; kind < 3; kind++)
    for (unsigned controller = 0; controller < 3; controller++)
      {
        static const uint8_t kinds[] = { 0, 0x80, 0x60 };
        uint8_t seed[2 + sizeof talk] = { kinds[kind], 64 };

        while (seed[0] % 3 != controller)
          seed[0]++;
        memcpy (seed + 2, talk, sizeof talk);
        fuzz_seed (seed, sizeof seed);
      }
}

const FuzzTarget fuzz_target
    = { "vmm/usb/storage.c vmm/usb/storage-uas.c vmm/usb/storage-disc.c vmm/storage/storage-port.c", 600,
        make };

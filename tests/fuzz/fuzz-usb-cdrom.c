/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A CD-ROM drive on USB, whose discs come and go.  See fuzz-usb-storage.h.
 */
#include "fuzz-usb-storage.h"

static void
on_tray (void *opaque)
{
}

/* The user changes the disc or takes it out. */
static void
change (FuzzDevice *f, unsigned small, unsigned middle)
{
  Block *block = small & 1 ? fuzz_usb_image () : NULL, *old = NULL;

  vm_lock (f->usb.vm);
  if (!usb_cdrom_change_media (f->device, block, small & 2, &old, NULL))
    old = block;
  vm_unlock (f->usb.vm);
  if (old != NULL)
    block_close (old);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  FuzzDevice f = { 0 };

  usb_open (&f.usb);
  vm_lock (f.usb.vm);
  f.device = usb_cdrom_new (f.usb.vm, "cdrom0", length & 4 ? NULL : fuzz_usb_image (), "fuzz", NULL);
  usb_cdrom_set_tray_func (f.device, on_tray, NULL);
  f.device->device.klass->reset (&f.device->device);
  vm_unlock (f.usb.vm);
  fuzz_device_begin (&f, (UsbSpeed)(USB_SPEED_FULL + length % 3));
  fuzz_device_setup (&f, 0, USB_SET_CONFIGURATION, 1, 0);
  fuzz_storage_run (&f, &bytes, change);
  usb_close (&f.usb);
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[] = { COMMAND (1, 36, 0x12, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 36, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  STEP (WHAT_OTHER, 1, 0, 0),
                                  COMMAND (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  COMMAND (1, 4096, 0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 4096, 0),
                                  STEP (WHAT_LOOP, 8, 0, 0),
                                  STEP (WHAT_OTHER, 2, 0, 0),
                                  STEP (WHAT_IN, 0, 4096, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  COMMAND (0, 0, 0x1b, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  STEP (WHAT_LOAD, 0, 0, 0) };
  static const uint8_t tables[] = { COMMAND (1, 804, 0x43, 2, 0, 0, 0, 0, 0, 3, 36, 0, 0, 0, 0, 0, 0, 0),
                                    STEP (WHAT_IN, 0, 804, 0),
                                    STEP (WHAT_IN, 0, 13, 0),
                                    COMMAND (1, 2352, 0xbe, 0, 0, 0, 0, 1, 0, 0, 1, 0xf8, 0, 0, 0, 0, 0, 0),
                                    STEP (WHAT_IN, 0, 2352, 0),
                                    STEP (WHAT_IN, 0, 13, 0),
                                    COMMAND (1, 8, 0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0),
                                    STEP (WHAT_IN, 0, 8, 0),
                                    COMMAND (1, 512, 0x46, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
                                    STEP (WHAT_IN, 0, 512, 0) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (tables, sizeof tables);
}

const FuzzTarget fuzz_target
    = { "vmm/usb/storage.c vmm/usb/storage-disc.c vmm/storage/scsi-disc.c vmm/storage/mmc.c", 800, make };

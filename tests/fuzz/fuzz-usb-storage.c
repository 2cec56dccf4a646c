/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A USB stick.  See fuzz-usb-storage.h.
 */
#include "fuzz-usb-storage.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  FuzzDevice f = { 0 };

  usb_open (&f.usb);
  f.device = fuzz_usb_stick (&f.usb);
  fuzz_device_begin (&f, (UsbSpeed)(USB_SPEED_FULL + length % 3));
  fuzz_device_setup (&f, 0, USB_SET_CONFIGURATION, 1, 0);
  fuzz_storage_run (&f, &bytes, NULL);
  usb_close (&f.usb);
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[] = { COMMAND (1, 36, 0x12, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 36, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  COMMAND (0, 1024, 0x2a, 0, 0, 0, 0, 5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_OUT, 0, 512, 0),
                                  STEP (WHAT_OUT, 0, 512, 0),
                                  STEP (WHAT_LOOP, 8, 0, 0),
                                  STEP (WHAT_LOAD, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  COMMAND (1, 1024, 0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 1024, 0),
                                  STEP (WHAT_LOOP, 8, 0, 0),
                                  STEP (WHAT_IN, 0, 1024, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  COMMAND (0, 0, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_LOOP, 8, 0, 0),
                                  STEP (WHAT_IN, 0, 13, 0) };
  static const uint8_t rest[] = { COMMAND (0, 24, 0x42, 0, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_OUT, 0, 24, 0),
                                  STEP (WHAT_IN, 0, 13, 0),
                                  COMMAND (1, 512, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                                  STEP (WHAT_IN, 0, 512, 0),
                                  STEP (WHAT_CLEAR, 0, 0, 0),
                                  STEP (WHAT_SETUP, 0xa1, 0xfe | 1 << 8, 0),
                                  STEP (WHAT_RAW, 30, 0, 0),
                                  STEP (WHAT_PORT, 0, 0, 0),
                                  STEP (WHAT_PORT, 1, 0, 0) };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (rest, sizeof rest);
}

const FuzzTarget fuzz_target = { "vmm/usb/storage.c", 800, make };

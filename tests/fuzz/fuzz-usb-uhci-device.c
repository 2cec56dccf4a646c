/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The UHCI before a device that answers whatever it likes.  See fuzz-usb-frames.h.
 */
#include "fuzz-usb-frames.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  fuzz_frames_run (&fuzz_usb_uhci, data, length);
  return 0;
}

static void
make (void)
{
  static const uint8_t iso[] = { WORD (WHAT_ISO, 3, 100 | 3u << 16),
                                 WORD (WHAT_ISO, 4, 100 | 4u << 16),
                                 WORD (WHAT_ADVANCE, 7, 0),
                                 0,
                                 0,
                                 0x40,
                                 7,
                                 0 };

  fuzz_frames_make ();
  fuzz_seed (iso, sizeof iso);
}

const FuzzTarget fuzz_target = { "vmm/usb/uhci-schedule.c vmm/usb/uhci.c", 600, make };

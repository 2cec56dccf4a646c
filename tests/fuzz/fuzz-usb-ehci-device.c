/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The EHCI before a device that answers whatever it likes.  See fuzz-usb-frames.h.
 */
#include "fuzz-usb-frames.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  fuzz_frames_run (&fuzz_usb_ehci, data, length);
  return 0;
}

static void
make (void)
{
  static const uint8_t iso[] = { WORD (WHAT_ISO, 1, 1u << 31 | 192u << 16),
                                 WORD (WHAT_ISO, 2, 1u << 31 | 192u << 16 | 1u << 12 | 4000),
                                 WORD (WHAT_ISO, 255, 1),
                                 WORD (WHAT_ADVANCE, 3, 0),
                                 0x40,
                                 7,
                                 0,
                                 WORD (WHAT_ISO, 67, 1u << 31 | 150u << 16),
                                 WORD (WHAT_ISO, 68, 0x40000 | 4000),
                                 WORD (WHAT_ISO, 69, 0x41000),
                                 WORD (WHAT_ISO, 255, 0),
                                 WORD (WHAT_ADVANCE, 3, 0) };

  fuzz_frames_make ();
  fuzz_seed (iso, sizeof iso);
}

const FuzzTarget fuzz_target = { "vmm/usb/ehci-iso.c vmm/usb/ehci-schedule.c", 600, make };

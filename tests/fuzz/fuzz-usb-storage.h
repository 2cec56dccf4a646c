/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A host that says to a drive by bulk-only transport whatever it likes.  See fuzz-usb-device.h.
 */
#pragma once

#include "fuzz-usb-device.h"

enum
{
  WHAT_COMMAND, /* direction, length; 16 bytes of the command come behind */
  WHAT_RAW,     /* 31 bytes that come behind */
  WHAT_IN,
  WHAT_OUT,
  WHAT_SETUP,
  WHAT_CLEAR,
  WHAT_LOOP,
  WHAT_PORT,
  WHAT_LOAD,
  WHAT_OTHER, /* the target's own */
  N_WHATS,
};

static inline void
fuzz_storage_command (FuzzDevice *f, unsigned small, uint32_t length, FuzzBytes *bytes)
{
  uint8_t cbw[31] = { 'U', 'S', 'B', 'C', 1 };

  pci_set32 (cbw + 8, length);
  cbw[12] = small & 1 ? 0x80 : 0;
  cbw[14] = 16;
  for (unsigned i = 15; i < sizeof cbw; i++)
    cbw[i] = fuzz_u8 (bytes);
  fuzz_device_transfer (f, USB_PID_OUT, 2, cbw, sizeof cbw);
}

/* All steps of the input; `other` (may be NULL) does what only this drive has. */
static inline void
fuzz_storage_run (FuzzDevice *f, FuzzBytes *bytes,
                  void (*other) (FuzzDevice *f, unsigned small, unsigned middle))
{
  while (bytes->length > 0)
    {
      const unsigned what = fuzz_u8 (bytes) % N_WHATS, small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
      const uint32_t value = fuzz_u32 (bytes);
      uint8_t raw[31];

      switch (what)
        {
        case WHAT_COMMAND:
          fuzz_storage_command (f, small, middle, bytes);
          break;
        case WHAT_RAW:
          for (unsigned i = 0; i < sizeof raw; i++)
            raw[i] = fuzz_u8 (bytes);
          fuzz_device_transfer (f, USB_PID_OUT, 2, raw, MIN (small, sizeof raw));
          break;
        case WHAT_IN:
          fuzz_device_transfer (f, USB_PID_IN, 1, NULL, middle);
          break;
        case WHAT_OUT:
          fuzz_device_transfer (f, USB_PID_OUT, 2, NULL, middle);
          break;
        case WHAT_SETUP:
          fuzz_device_setup (f, small, middle & 0xff, value & 0xffff, middle >> 8);
          break;
        case WHAT_CLEAR:
          fuzz_device_setup (f, 0x21, 0xff, 0, 0);
          vm_lock (f->usb.vm);
          f->device->halted_in = f->device->halted_out = 0;
          vm_unlock (f->usb.vm);
          break;
        case WHAT_LOOP:
          fuzz_device_loop (small & 15);
          break;
        case WHAT_PORT:
          if (small & 1)
            fuzz_usb_plug (&f->usb, f->device, &f->port);
          vm_lock (f->usb.vm);
          usb_port_reset (&f->port);
          vm_unlock (f->usb.vm);
          if (f->device->port != NULL)
            fuzz_device_setup (f, 0, USB_SET_CONFIGURATION, 1, 0);
          break;
        case WHAT_LOAD:
          fuzz_usb_load (&f->usb, small, middle, value);
          break;
        default:
          if (other != NULL)
            other (f, small, middle);
          break;
        }
    }
}

#define COMMAND(in, length, ...) STEP (WHAT_COMMAND, in, length, 0), __VA_ARGS__

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A host that says to a keyboard, mouse or tablet whatever it likes.  See fuzz-usb-device.h.
 */
#include "fuzz-usb-device.h"

enum
{
  WHAT_SETUP, /* type, request | length << 8, value */
  WHAT_IN,
  WHAT_OUT,
  WHAT_EVENT,
  WHAT_CONFIGURE,
  WHAT_PORT,
  WHAT_LOAD,
  N_WHATS,
};

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  FuzzDevice f = { 0 };
  UsbPort none = { .ops = &fuzz_port_ops, .speeds = 1u << USB_SPEED_FULL };

  usb_open (&f.usb);
  f.device = usb_plug_hid (&f.usb, &none, "hid0", (UsbHidKind)(fuzz_u8 (&bytes) % 3));
  fuzz_usb_plug (&f.usb, f.device, NULL);
  fuzz_device_begin (&f, length & 1 ? USB_SPEED_FULL : USB_SPEED_HIGH);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);
      const uint32_t value = fuzz_u32 (&bytes);
      const uint8_t some[4]
          = { (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24) };

      switch (what)
        {
        case WHAT_SETUP:
          fuzz_device_setup (&f, small, middle & 0xff, value & 0xffff,
                             value & 0x80000000 ? value >> 16 : middle >> 8);
          break;
        case WHAT_IN:
          fuzz_device_transfer (&f, USB_PID_IN, small & 15, NULL, middle % 1100);
          break;
        case WHAT_OUT:
          fuzz_device_transfer (&f, USB_PID_OUT, small & 15, some, middle % 5);
          break;
        case WHAT_EVENT:
          fuzz_usb_event (&f.usb, small, middle, value);
          break;
        case WHAT_CONFIGURE:
          fuzz_device_setup (&f, 0, USB_SET_CONFIGURATION, small & 1, 0);
          break;
        case WHAT_PORT:
          vm_lock (f.usb.vm);
          if (small & 1)
            usb_port_reset (&f.port);
          else
            usb_port_suspend (&f.port, small & 2);
          vm_unlock (f.usb.vm);
          break;
        default:
          fuzz_usb_load (&f.usb, small, middle, value);
          break;
        }
    }
  usb_close (&f.usb);
  return 0;
}

static void
make (void)
{
  for (uint8_t kind = 0; kind < 3; kind++)
    {
      const uint8_t seed[] = { kind,
                               STEP (WHAT_CONFIGURE, 1, 0, 0),
                               STEP (WHAT_IN, 1, 8, 0),
                               STEP (WHAT_EVENT, 0, KEY_A, 1),
                               STEP (WHAT_EVENT, 1, 0, 1),
                               STEP (WHAT_EVENT, 2 + (kind & 1), 100, 200),
                               STEP (WHAT_EVENT, 4, 1, 300),
                               STEP (WHAT_IN, 1, 8, 0),
                               STEP (WHAT_IN, 1, 8, 0),
                               STEP (WHAT_SETUP, 0x21, 9 | 1 << 8, 0x200),
                               STEP (WHAT_OUT, 0, 1, 7),
                               STEP (WHAT_IN, 0, 0, 0),
                               STEP (WHAT_SETUP, 0x21, 11, 0),
                               STEP (WHAT_SETUP, 0xa1, 1 | 8 << 8, 0x100),
                               STEP (WHAT_SETUP, 0x81, USB_GET_DESCRIPTOR | 80 << 8, 0x2200),
                               STEP (WHAT_IN, 0, 64, 0),
                               STEP (WHAT_LOAD, 0, 0, 0),
                               STEP (WHAT_IN, 1, 8, 0) };

      fuzz_seed (seed, sizeof seed);
    }
}

const FuzzTarget fuzz_target
    = { "vmm/usb/hid.c vmm/usb/hid-pointer.c vmm/usb/hid-keyboard.c vmm/usb/usb-device.c "
        "vmm/usb/usb-descriptors.c",
        600, make };

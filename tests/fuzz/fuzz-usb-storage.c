/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A host that says to a USB stick whatever it likes.  See fuzz-usb-device.h.
 */
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
  N_WHATS,
};

static void
send_command (FuzzDevice *f, unsigned small, uint32_t length, FuzzBytes *bytes)
{
  uint8_t cbw[31] = { 'U', 'S', 'B', 'C', 1 };

  pci_set32 (cbw + 8, length);
  cbw[12] = small & 1 ? 0x80 : 0;
  cbw[14] = 16;
  for (unsigned i = 15; i < sizeof cbw; i++)
    cbw[i] = fuzz_u8 (bytes);
  fuzz_device_transfer (f, USB_PID_OUT, 2, cbw, sizeof cbw);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  FuzzDevice f = { 0 };

  usb_open (&f.usb);
  f.device = fuzz_usb_stick (&f.usb);
  fuzz_device_begin (&f, (UsbSpeed)(USB_SPEED_FULL + length % 3));
  fuzz_device_setup (&f, 0, USB_SET_CONFIGURATION, 1, 0);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);
      const uint32_t value = fuzz_u32 (&bytes);
      uint8_t raw[31];

      switch (what)
        {
        case WHAT_COMMAND:
          send_command (&f, small, middle, &bytes);
          break;
        case WHAT_RAW:
          for (unsigned i = 0; i < sizeof raw; i++)
            raw[i] = fuzz_u8 (&bytes);
          fuzz_device_transfer (&f, USB_PID_OUT, 2, raw, MIN (small, sizeof raw));
          break;
        case WHAT_IN:
          fuzz_device_transfer (&f, USB_PID_IN, 1, NULL, middle);
          break;
        case WHAT_OUT:
          fuzz_device_transfer (&f, USB_PID_OUT, 2, NULL, middle);
          break;
        case WHAT_SETUP:
          fuzz_device_setup (&f, small, middle & 0xff, value & 0xffff, middle >> 8);
          break;
        case WHAT_CLEAR:
          fuzz_device_setup (&f, 0x21, 0xff, 0, 0);
          vm_lock (f.usb.vm);
          f.device->halted_in = f.device->halted_out = 0;
          vm_unlock (f.usb.vm);
          break;
        case WHAT_LOOP:
          for (unsigned i = 0; i < (small & 15); i++)
            {
              g_main_context_iteration (NULL, FALSE);
              g_usleep (20);
            }
          break;
        case WHAT_PORT:
          if (small & 1)
            fuzz_usb_plug (&f.usb, f.device, &f.port);
          vm_lock (f.usb.vm);
          usb_port_reset (&f.port);
          vm_unlock (f.usb.vm);
          if (f.device->port != NULL)
            fuzz_device_setup (&f, 0, USB_SET_CONFIGURATION, 1, 0);
          break;
        default:
          fuzz_usb_load (&f.usb, small, middle, value);
          break;
        }
    }
  usb_close (&f.usb);
  return 0;
}

#define COMMAND(in, length, ...) STEP (WHAT_COMMAND, in, length, 0), __VA_ARGS__

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

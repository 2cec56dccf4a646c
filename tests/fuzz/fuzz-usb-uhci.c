/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the UHCI that does as it likes.  See fuzz-usb.h.
 */
#include "fuzz-usb.h"

#include "../unit/usb/uhci-driver.h"

enum
{
  WHAT_WRITE,
  WHAT_READ,
  WHAT_BYTES,
  WHAT_START,
  WHAT_CONTROL,
  WHAT_TD,
  WHAT_EVENT,
  WHAT_ADVANCE,
  WHAT_PLUG,
  WHAT_LOAD,
  WHAT_RESET,
  N_WHATS,
};

static void
step (Uh *h, UsbDevice *const devices[2], FuzzBytes *bytes)
{
  static const uint32_t places[] = { UH_FRAMES, UH_QUEUE, UH_TDS, UH_BUFFERS };
  const unsigned what = fuzz_u8 (bytes) % N_WHATS, small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);

  switch (what)
    {
    case WHAT_WRITE:
      usb_out (&h->usb, middle % 0x20, value, 1u << small % 3);
      break;
    case WHAT_READ:
      usb_in (&h->usb, middle % 0x20, 1u << small % 3);
      break;
    case WHAT_BYTES:
      usb_put32 (&h->usb, places[small & 3] + middle % 0x1000, value);
      break;
    case WHAT_START:
      uh_start (h);
      break;
    case WHAT_CONTROL:
      h->address = small & 1 ? value >> 24 & 0x7f : 0;
      uh_control (h, small & 0xa3, middle & 0xff, value & 0xffff, middle >> 8);
      break;
    case WHAT_TD:
      {
        static const unsigned pids[] = { USB_PID_IN, USB_PID_OUT, USB_PID_SETUP, 0 };
        const uint32_t td = uh_td (h, pids[small & 3], small >> 2 & 3, UH_BUFFERS + 0x1000, middle & 0x7ff,
                                   value & 0x3f000000);

        if (small & 0x80)
          uh_go (h, td);
        break;
      }
    case WHAT_EVENT:
      fuzz_usb_event (&h->usb, small, middle, value);
      break;
    case WHAT_ADVANCE:
      usb_advance (&h->usb, (int64_t)(middle & 0xff) << (small & 23));
      break;
    case WHAT_PLUG:
      fuzz_usb_plug (&h->usb, devices[small & 1], uhci_port (h->usb.controller, middle & 1));
      break;
    case WHAT_LOAD:
      fuzz_usb_load (&h->usb, small, middle, value);
      break;
    default:
      vm_lock (h->usb.vm);
      h->usb.controller->klass->reset (h->usb.controller);
      vm_unlock (h->usb.vm);
      uh_map (h);
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  UsbDevice *devices[2];
  Uh h;

  uh_open (&h, USB_HID_TABLET, &devices[0]);
  devices[1] = fuzz_usb_stick (&h.usb);
  fuzz_usb_plug (&h.usb, devices[1], uhci_port (h.usb.controller, 1));
  uh_map (&h);
  while (bytes.length > 0)
    step (&h, devices, &bytes);
  usb_advance (&h.usb, NS_PER_SECOND / 10);
  usb_close (&h.usb);
  return 0;
}

static void
make (void)
{
  static const uint8_t tablet[] = { STEP (WHAT_START, 0, 0, 0),
                                    STEP (WHAT_CONTROL, 0, USB_SET_ADDRESS, 9),
                                    STEP (WHAT_CONTROL, 1, USB_SET_CONFIGURATION, 9u << 24 | 1),
                                    STEP (WHAT_TD, 0x84, 8, TD_IOC | TD_SHORT),
                                    STEP (WHAT_ADVANCE, 16, 40, 0),
                                    STEP (WHAT_EVENT, 2, 100, 200),
                                    STEP (WHAT_ADVANCE, 16, 40, 0),
                                    STEP (WHAT_LOAD, 0, 0, 0),
                                    STEP (WHAT_CONTROL, 0x81, USB_GET_DESCRIPTOR | 18 << 8, 9u << 24 | 0x100),
                                    STEP (WHAT_PLUG, 0, 0, 0),
                                    STEP (WHAT_WRITE, 1, 0x10, PORT_SUSPEND | PORT_ENABLED),
                                    STEP (WHAT_ADVANCE, 16, 40, 0) };

  fuzz_seed (tablet, sizeof tablet);
}

const FuzzTarget fuzz_target = { "vmm/usb/uhci.c vmm/usb/uhci-schedule.c", 800, make };

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the EHCI that does as it likes.  See fuzz-usb.h.
 */
#include "fuzz-usb.h"

#include "../unit/usb/ehci-driver.h"

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
step (Eh *h, UsbDevice *const devices[2], FuzzBytes *bytes)
{
  static const uint32_t places[] = { EH_FRAMES, EH_ASYNC, EH_PERIODIC, EH_TDS };
  const unsigned what = fuzz_u8 (bytes) % N_WHATS, small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);

  switch (what)
    {
    case WHAT_WRITE:
      usb_write (&h->usb, middle % 0x90, value, 1u << small % 4);
      break;
    case WHAT_READ:
      usb_read (&h->usb, middle % 0x90, 1u << small % 4);
      break;
    case WHAT_BYTES:
      usb_put32 (&h->usb, places[small & 3] + middle % 0x1000, value);
      break;
    case WHAT_START:
      eh_start (h);
      break;
    case WHAT_CONTROL:
      h->address = small & 1 ? value >> 24 & 0x7f : 0;
      eh_control (h, small & 0xa3, middle & 0xff, value & 0xffff, middle >> 8);
      break;
    case WHAT_TD:
      {
        const uint32_t head = small & 4 ? EH_ASYNC : EH_PERIODIC;
        uint32_t td;

        h->n_tds = 0;
        td = eh_td (h, small & 3, EH_BUFFERS + (value & 0xfff), middle & 0x7fff, value & 0x8000f000);
        eh_head (h, head, head == EH_ASYNC ? EH_ASYNC | LINK_QH << 1 : LINK_END, small >> 3 & 3, 64, 1);
        eh_go (h, head, td);
        usb_write (&h->usb, EH_OP, USBCMD_RS | USBCMD_ASYNC | USBCMD_PERIODIC, 4);
        break;
      }
    case WHAT_EVENT:
      fuzz_usb_event (&h->usb, small, middle, value);
      break;
    case WHAT_ADVANCE:
      usb_advance (&h->usb, (int64_t)(middle & 0xff) << (small & 23));
      break;
    case WHAT_PLUG:
      fuzz_usb_plug (&h->usb, devices[small & 1], ehci_free_port (h->usb.controller));
      break;
    case WHAT_LOAD:
      fuzz_usb_load (&h->usb, small, middle, value);
      break;
    default:
      vm_lock (h->usb.vm);
      h->usb.controller->klass->reset (h->usb.controller);
      vm_unlock (h->usb.vm);
      eh_map (h);
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  UsbDevice *devices[2];
  Eh h;

  eh_open (&h, USB_HID_TABLET, &devices[0]);
  devices[1] = fuzz_usb_stick (&h.usb);
  fuzz_usb_plug (&h.usb, devices[1], ehci_free_port (h.usb.controller));
  eh_map (&h);
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
                                    STEP (WHAT_TD, 0x09, 8, TOKEN_IOC),
                                    STEP (WHAT_ADVANCE, 16, 40, 0),
                                    STEP (WHAT_EVENT, 2, 100, 200),
                                    STEP (WHAT_ADVANCE, 16, 40, 0),
                                    STEP (WHAT_LOAD, 3, 0, 0),
                                    STEP (WHAT_CONTROL, 0x81, USB_GET_DESCRIPTOR | 18 << 8, 9u << 24 | 0x100),
                                    STEP (WHAT_WRITE, 2, 0x64, PORTSC_OWNER),
                                    STEP (WHAT_WRITE, 2, 0x64, PORTSC_POWER),
                                    STEP (WHAT_PLUG, 0, 0, 0),
                                    STEP (WHAT_ADVANCE, 16, 40, 0) };

  fuzz_seed (tablet, sizeof tablet);
}

const FuzzTarget fuzz_target = { "vmm/usb/ehci.c vmm/usb/ehci-schedule.c", 800, make };

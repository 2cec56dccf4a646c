/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the xHCI that does as it likes.  See fuzz-usb.h.
 */
#include "fuzz-usb.h"

#include "../unit/usb/xhci-driver.h"

enum
{
  WHAT_WRITE, /* a register: group, offset */
  WHAT_READ,
  WHAT_BYTES,   /* four of the memory where rings and contexts are */
  WHAT_START,   /* what a driver does at first */
  WHAT_ADDRESS, /* a device: port, route */
  WHAT_ENDPOINT,
  WHAT_COMMAND,
  WHAT_CONTROL,
  WHAT_TRB,
  WHAT_EVENT,
  WHAT_ADVANCE,
  WHAT_PLUG,
  WHAT_LOAD,
  WHAT_RESET,
  N_WHATS,
};

static void
step (Hc *hc, UsbDevice *const devices[2], FuzzBytes *bytes)
{
  static const unsigned groups[] = { 0, XHCI_OPERATIONAL, XHCI_PORTS, XHCI_RUNTIME, XHCI_DOORBELLS };
  static const uint64_t places[] = { HC_DCBAA, HC_COMMANDS, HC_ERST, HC_EVENTS, HC_INPUT, HC_CONTEXTS };
  const unsigned what = fuzz_u8 (bytes) % N_WHATS, small = fuzz_u8 (bytes), middle = fuzz_u16 (bytes);
  const uint32_t value = fuzz_u32 (bytes);
  const unsigned slot = 1 + small % 3, dci = 1 + (small >> 2) % 6;

  switch (what)
    {
    case WHAT_WRITE:
      usb_write (&hc->usb, groups[small % 5] + middle % 0x130, value, 1u << (small >> 6));
      break;
    case WHAT_READ:
      usb_read (&hc->usb, groups[small % 5] + middle % 0x130, 1u << (small >> 6));
      break;
    case WHAT_BYTES:
      usb_put32 (&hc->usb,
                 small & 0x80 ? hc_ring (slot, dci) + middle % (HC_RING_TRBS * 16 - 4)
                              : places[small % 6] + middle % 0x1000,
                 value);
      break;
    case WHAT_START:
      hc_start (hc, 16 + small % (HC_N_EVENTS - 15));
      break;
    case WHAT_ADDRESS:
      hc_address (hc, 1 + small % (2 * XHCI_N_PORTS + 1), middle & 1 ? value & 0xfffff : 0);
      break;
    case WHAT_ENDPOINT:
      hc_configure (hc, slot, dci, middle & 7, value & 0xffff);
      break;
    case WHAT_COMMAND:
      hc_command (hc, small & 63, middle & 0x8000 ? value : HC_INPUT,
                  (slot << 24) | (middle & 31) << 16 | (middle & 0x3e0), NULL);
      break;
    case WHAT_CONTROL:
      hc_control (hc, slot, small, middle & 0xff, value & 0xffff, value >> 16 & 0xff, middle >> 8);
      break;
    case WHAT_TRB:
      hc_put (hc, slot, dci, HC_BUFFERS + (value >> 20), value & 0x1ffff,
              (middle & 0xfffe) | (value >> 19 & 1) << 16);
      if (small & 0x80)
        hc_doorbell (hc, slot, dci);
      break;
    case WHAT_EVENT:
      fuzz_usb_event (&hc->usb, small, middle, value);
      break;
    case WHAT_ADVANCE:
      usb_advance (&hc->usb, (int64_t)middle << (small & 15));
      break;
    case WHAT_PLUG:
      fuzz_usb_plug (&hc->usb, devices[small & 1], xhci_port (hc->usb.controller, middle % XHCI_N_PORTS));
      break;
    case WHAT_LOAD:
      fuzz_usb_load (&hc->usb, small, middle, value);
      break;
    default:
      vm_lock (hc->usb.vm);
      hc->usb.controller->klass->reset (hc->usb.controller);
      vm_unlock (hc->usb.vm);
      hc_map (hc);
      break;
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  UsbDevice *devices[2];
  Hc hc;

  hc_open (&hc);
  devices[0] = usb_plug_hid (&hc.usb, xhci_port (hc.usb.controller, 0), "hid0", USB_HID_TABLET);
  devices[1] = fuzz_usb_stick (&hc.usb);
  fuzz_usb_plug (&hc.usb, devices[1], xhci_port (hc.usb.controller, 1));
  hc_map (&hc);
  while (bytes.length > 0)
    step (&hc, devices, &bytes);
  usb_advance (&hc.usb, NS_PER_SECOND);
  usb_close (&hc.usb);
  return 0;
}

static void
make (void)
{
  static const uint8_t tablet[] = { STEP (WHAT_START, 48, 0, 0),
                                    STEP (WHAT_ADDRESS, 0, 0, 0),
                                    STEP (WHAT_CONTROL, 0, USB_SET_CONFIGURATION, 1),
                                    STEP (WHAT_ENDPOINT, 8, 7, 8),
                                    STEP (WHAT_TRB, 0x88, TRB_NORMAL << 10 | TRB_IOC, 8),
                                    STEP (WHAT_EVENT, 2, 100, 200),
                                    STEP (WHAT_ADVANCE, 0, 100, 0),
                                    STEP (WHAT_LOAD, 0, 0, 0),
                                    STEP (WHAT_COMMAND, TRB_STOP_ENDPOINT, 3, 0),
                                    STEP (WHAT_PLUG, 0, 0, 0),
                                    STEP (WHAT_ADVANCE, 0, 100, 0) };
  static const uint8_t stick[] = { STEP (WHAT_START, 48, 0, 0),
                                   STEP (WHAT_ADDRESS, 9, 0, 0),
                                   STEP (WHAT_CONTROL, 0x80, USB_GET_DESCRIPTOR | 18 << 8, 0x100),
                                   STEP (WHAT_CONTROL, 0, USB_SET_CONFIGURATION, 1),
                                   STEP (WHAT_ENDPOINT, 12, 2, 1024),
                                   STEP (WHAT_ENDPOINT, 8, 6, 1024),
                                   STEP (WHAT_TRB, 0x8c, TRB_NORMAL << 10 | TRB_IOC, 31),
                                   STEP (WHAT_TRB, 0x88, TRB_NORMAL << 10 | TRB_IOC, 13),
                                   STEP (WHAT_LOAD, 2, 0, 0),
                                   STEP (WHAT_ADVANCE, 0, 100, 0) };

  fuzz_seed (tablet, sizeof tablet);
  fuzz_seed (stick, sizeof stick);
}

const FuzzTarget fuzz_target = {
  "vmm/usb/xhci.c vmm/usb/xhci-command.c vmm/usb/xhci-event.c vmm/usb/xhci-port.c vmm/usb/xhci-transfer.c",
  800, make
};

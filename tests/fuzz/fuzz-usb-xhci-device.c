/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the xHCI as it should be, and a device that answers whatever it likes.  See fuzz-usb-answers.h.
 */
#include "fuzz-usb-answers.h"

#include "../unit/usb/xhci-driver.h"

enum
{
  WHAT_TD, /* pipe, TRBs, their length */
  WHAT_CONTROL,
  WHAT_ADVANCE,
  WHAT_RESET_ENDPOINT,
  WHAT_STOP,
  WHAT_WAKE,
  WHAT_PLUG,
  WHAT_LOAD,
  N_WHATS,
};

static unsigned
begin (Hc *hc, UsbDevice *device)
{
  static const uint8_t types[32]
      = { [3] = 6, [4] = 2, [7] = 7, [9] = EP_TYPE_ISO_IN, [10] = EP_TYPE_ISO_OUT };
  unsigned slot;

  hc_start (hc, HC_N_EVENTS);
  if (device->port == NULL)
    return 0;
  slot = hc_address (hc, 1 + (device->speed == USB_SPEED_SUPER ? XHCI_N_PORTS : 0), 0);
  if (slot == 0)
    return 0;
  hc_control (hc, slot, 0, USB_SET_CONFIGURATION, 1, 0, 0);
  for (unsigned dci = 2; dci < 32; dci++)
    if (types[dci] != 0)
      hc_configure (hc, slot, dci, types[dci],
                    usb_device_packet_size (device, dci / 2 | (dci % 2 ? USB_DIR_IN : 0)));
  return slot;
}

static void
put_td (Hc *hc, unsigned slot, unsigned dci, unsigned n, uint32_t length)
{
  const unsigned first = dci >= 9 ? TRB_ISOCH : TRB_NORMAL;

  for (unsigned i = 0; i < n; i++)
    hc_put (hc, slot, dci, HC_BUFFERS + 0x1000 * i, length,
            (i == 0 ? first : (uint32_t)TRB_NORMAL) << TRB_TYPE_SHIFT | TRB_ISP
                | (i + 1 < n ? TRB_CHAIN : TRB_IOC));
  hc_doorbell (hc, slot, dci);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  static const uint8_t pipes[] = { 3, 4, 7, 9, 10 };
  FuzzBytes bytes = { data, length };
  const unsigned how = fuzz_u8 (&bytes);
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  hc_open (&hc);
  UsbPort *port = xhci_port (hc.usb.controller, 0);
  if (how & 1)
    port->speeds = 1u << USB_SPEED_HIGH;
  device = fuzz_answers_plug (&hc.usb, port, &bytes, how & 2);
  hc_map (&hc);
  unsigned slot = begin (&hc, device);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes);
      const uint32_t middle = fuzz_u16 (&bytes);
      const unsigned dci = pipes[small % G_N_ELEMENTS (pipes)];

      switch (what)
        {
        case WHAT_TD:
          if (slot != 0)
            put_td (&hc, slot, dci, 1 + (small >> 4), middle);
          break;
        case WHAT_CONTROL:
          if (slot != 0)
            hc_control (&hc, slot, small, middle & 0xff, middle >> 8, 0, middle & 0x3ff);
          break;
        case WHAT_ADVANCE:
          usb_advance (&hc.usb, (int64_t)middle * 1000);
          break;
        case WHAT_RESET_ENDPOINT:
          hc_command (&hc, TRB_RESET_ENDPOINT, 0, slot << 24 | dci << 16, NULL);
          hc_new_ring (&hc, slot, dci);
          hc_command (&hc, TRB_SET_DEQUEUE, hc_ring (slot, dci) | 1, slot << 24 | dci << 16, NULL);
          break;
        case WHAT_STOP:
          hc_command (&hc, TRB_STOP_ENDPOINT, 0, slot << 24 | dci << 16, NULL);
          break;
        case WHAT_WAKE:
          vm_lock (hc.usb.vm);
          usb_device_wake (device, small & 0x8f);
          vm_unlock (hc.usb.vm);
          break;
        case WHAT_PLUG:
          fuzz_usb_plug (&hc.usb, device, port);
          slot = begin (&hc, device);
          break;
        default:
          fuzz_usb_load (&hc.usb, 0, small, 0);
          break;
        }
      hc_run (&hc);
      while (hc_next_event (&hc, HC_N_EVENTS, &event))
        ;
    }
  usb_close (&hc.usb);
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[]
      = { 1,    WHAT_TD, 0x20, 0,       2, 0,   0, 0,    WHAT_TD, 1, 0,       8, 0x81, 0, 2, WHAT_TD,      2,
          8,    0,       0,    WHAT_TD, 3, 192, 0, 0x40, 7,       0, WHAT_TD, 4, 100,  0, 0, WHAT_ADVANCE, 0,
          0xff, 0xff,    0,    0 };
  static const uint8_t fails[]
      = { 2, WHAT_TD,   0x10, 0, 4,         0xc2, 0, 0, WHAT_RESET_ENDPOINT, 0, 0, 0, WHAT_CONTROL, 0xc0, 1,
          8, 1,         8,    0, WHAT_PLUG, 0,    0, 0, WHAT_PLUG,           0, 0, 0, WHAT_LOAD,    0,    0,
          0, WHAT_STOP, 3,    0, 0 };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (fails, sizeof fails);
}

const FuzzTarget fuzz_target
    = { "vmm/usb/xhci-iso.c vmm/usb/xhci-transfer.c vmm/usb/xhci.c vmm/usb/xhci-port.c", 600, make };

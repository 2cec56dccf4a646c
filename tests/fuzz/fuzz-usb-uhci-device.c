/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the UHCI as it should be, and a device that answers whatever it likes.  See fuzz-usb-answers.h.
 */
#include "fuzz-usb-answers.h"

#include "../unit/usb/uhci-driver.h"

enum
{
  WHAT_TD,    /* endpoint, length */
  WHAT_FRAME, /* the same in the frames, isochronous */
  WHAT_CONTROL,
  WHAT_ADVANCE,
  WHAT_PLUG,
  WHAT_LOAD,
  N_WHATS,
};

static void
begin (Uh *h)
{
  uh_start (h);
  uh_control (h, 0, USB_SET_ADDRESS, 9, 0);
  h->address = 9;
  uh_control (h, 0, USB_SET_CONFIGURATION, 1, 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  UsbDevice *hid, *device;
  UsbPort *port;
  Uh h;

  uh_open (&h, USB_HID_TABLET, &hid);
  port = hid->port;
  device = fuzz_answers_plug (&h.usb, port, &bytes, FALSE);
  uh_map (&h);
  begin (&h);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);
      const unsigned endpoint = 1 + small % 5;
      const unsigned pid = endpoint == 2 || endpoint == 5 ? USB_PID_OUT : USB_PID_IN;

      switch (what)
        {
        case WHAT_TD:
          h.n_tds = 0;
          uh_go (&h, uh_td (&h, pid, endpoint, UH_BUFFERS, middle & 0x7ff, middle & 0x8000 ? TD_IOC : 0));
          uh_td (&h, pid, endpoint, UH_BUFFERS + 0x400, small, 0);
          break;
        case WHAT_FRAME:
          h.n_tds = 0x700;
          usb_put32 (&h.usb, UH_FRAMES + 4 * (middle >> 8),
                     uh_td (&h, pid, endpoint, UH_BUFFERS, middle & 0x3ff, 1u << 25));
          break;
        case WHAT_CONTROL:
          uh_control (&h, small, middle & 0xff, middle >> 8, middle & 0xff);
          break;
        case WHAT_ADVANCE:
          uh_run (&h, 1 + small % 8);
          break;
        case WHAT_PLUG:
          fuzz_usb_plug (&h.usb, device, port);
          begin (&h);
          break;
        default:
          fuzz_usb_load (&h.usb, 0, small, 0);
          break;
        }
    }
  uh_run (&h, 4);
  usb_close (&h.usb);
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[] = { WHAT_TD,
                                  0,
                                  64,
                                  0,
                                  WHAT_ADVANCE,
                                  2,
                                  0,
                                  0,
                                  0,
                                  0x40,
                                  7,
                                  0,
                                  WHAT_FRAME,
                                  3,
                                  100,
                                  3,
                                  WHAT_FRAME,
                                  4,
                                  100,
                                  4,
                                  WHAT_ADVANCE,
                                  7,
                                  0,
                                  0,
                                  0,
                                  0,
                                  WHAT_CONTROL,
                                  0xc0,
                                  1,
                                  8,
                                  1,
                                  8,
                                  0,
                                  WHAT_PLUG,
                                  0,
                                  0,
                                  0,
                                  WHAT_PLUG,
                                  0,
                                  0,
                                  0,
                                  WHAT_LOAD,
                                  0,
                                  0,
                                  0 };

  fuzz_seed (talk, sizeof talk);
}

const FuzzTarget fuzz_target = { "vmm/usb/uhci-schedule.c vmm/usb/uhci.c", 600, make };

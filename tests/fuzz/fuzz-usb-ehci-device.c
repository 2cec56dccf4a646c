/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the EHCI as it should be but for its isochronous descriptors, and a device that answers whatever it likes.  See fuzz-usb-answers.h.
 */
#include "fuzz-usb-answers.h"

#include "../unit/usb/ehci-driver.h"

#define FUZZ_ITD  (EH_TDS + 0x8000u)
#define FUZZ_SITD (EH_TDS + 0x8100u)

enum
{
  WHAT_TD, /* endpoint, length */
  WHAT_CONTROL,
  WHAT_ADVANCE,
  WHAT_ITD,      /* a word of it */
  WHAT_PERIODIC, /* which descriptors the frames have */
  WHAT_PLUG,
  WHAT_LOAD,
  N_WHATS,
};

static void
begin (Eh *h)
{
  eh_start (h);
  eh_control (h, 0, USB_SET_ADDRESS, 9, 0);
  h->address = 9;
  eh_control (h, 0, USB_SET_CONFIGURATION, 1, 0);
  usb_put32 (&h->usb, FUZZ_ITD, LINK_END);
  usb_put32 (&h->usb, FUZZ_ITD + 36, EH_BUFFERS | 4u << 8 | h->address);
  usb_put32 (&h->usb, FUZZ_ITD + 40, (EH_BUFFERS + 0x1000) | 1u << 11 | 192);
  usb_put32 (&h->usb, FUZZ_SITD, LINK_END);
  usb_put32 (&h->usb, FUZZ_SITD + 4, 5u << 8 | h->address);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  UsbDevice *hid, *device;
  UsbPort *port;
  Eh h;

  eh_open (&h, USB_HID_TABLET, &hid);
  port = hid->port;
  device = fuzz_answers_plug (&h.usb, port, &bytes, FALSE);
  eh_map (&h);
  begin (&h);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes);
      const uint32_t value = fuzz_u32 (&bytes);

      switch (what)
        {
        case WHAT_TD:
          {
            const gboolean in = small & 1;

            h.n_tds = 0;
            const uint32_t td = eh_td (&h, in, EH_BUFFERS + (value & 0xfff), value >> 16 & 0x7fff, TOKEN_IOC);
            eh_head (&h, EH_ASYNC, EH_ASYNC | LINK_QH << 1, small & 2 ? 3 : in ? 1 : 2, 512, 0);
            eh_go (&h, EH_ASYNC, td);
            usb_write (&h.usb, EH_OP, USBCMD_RS | USBCMD_ASYNC | USBCMD_PERIODIC, 4);
            break;
          }
        case WHAT_CONTROL:
          eh_control (&h, small, value & 0xff, value >> 8 & 0xffff, value >> 24);
          break;
        case WHAT_ADVANCE:
          eh_run (&h, 1 + small % 8);
          break;
        case WHAT_ITD:
          usb_put32 (&h.usb, FUZZ_ITD + (small % 80) * 4, value);
          break;
        case WHAT_PERIODIC:
          for (unsigned i = 0; i < 1024; i++)
            usb_put32 (&h.usb, EH_FRAMES + 4 * i,
                       small & 1 ? FUZZ_ITD | LINK_ITD << 1 : FUZZ_SITD | LINK_SITD << 1);
          usb_write (&h.usb, EH_OP, USBCMD_RS | USBCMD_ASYNC | USBCMD_PERIODIC, 4);
          break;
        case WHAT_PLUG:
          fuzz_usb_plug (&h.usb, device, port);
          begin (&h);
          break;
        default:
          fuzz_usb_load (&h.usb, 4, small, 0);
          break;
        }
    }
  eh_run (&h, 4);
  usb_close (&h.usb);
  return 0;
}

#define WORD(what, small, value) \
  what, small, (value)&0xff, (value) >> 8 & 0xff, (value) >> 16 & 0xff, (uint8_t)((value) >> 24)

static void
make (void)
{
  static const uint8_t iso[] = { WORD (WHAT_ITD, 1, 1u << 31 | 192u << 16),
                                 WORD (WHAT_ITD, 2, 1u << 31 | 192u << 16 | 1u << 12 | 4000),
                                 WORD (WHAT_PERIODIC, 1, 0),
                                 WORD (WHAT_ADVANCE, 3, 0),
                                 0x40,
                                 7,
                                 0,
                                 WORD (WHAT_ITD, 67, 1u << 31 | 150u << 16),
                                 WORD (WHAT_ITD, 68, EH_BUFFERS | 4000),
                                 WORD (WHAT_ITD, 69, EH_BUFFERS + 0x1000),
                                 WORD (WHAT_PERIODIC, 0, 0),
                                 WORD (WHAT_ADVANCE, 3, 0) };
  static const uint8_t bulk[] = { WORD (WHAT_TD, 1, 0x20000010),
                                  WORD (WHAT_ADVANCE, 3, 0),
                                  0,
                                  WORD (WHAT_TD, 0, 0x10000000),
                                  WORD (WHAT_ADVANCE, 3, 0),
                                  0x81,
                                  WORD (WHAT_CONTROL, 0xc0, 0x08000001),
                                  1,
                                  8,
                                  0,
                                  WORD (WHAT_PLUG, 0, 0),
                                  WORD (WHAT_PLUG, 0, 0),
                                  WORD (WHAT_LOAD, 0, 0) };

  fuzz_seed (iso, sizeof iso);
  fuzz_seed (bulk, sizeof bulk);
}

const FuzzTarget fuzz_target = { "vmm/usb/ehci-iso.c vmm/usb/ehci-schedule.c", 600, make };

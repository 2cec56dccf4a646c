/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device that answers whatever it likes, behind a controller whose schedule is in frames; its driver is as it should be but for isochronous descriptors, which are the input's.
 */
#pragma once

#include "fuzz-usb-answers.h"
#include "usb-driver.h"

enum
{
  WHAT_TRANSFER, /* pipe, length */
  WHAT_CONTROL,  /* type, request, value, length */
  WHAT_ADVANCE,
  WHAT_ISO, /* see FuzzUsbOps.iso */
  WHAT_PLUG,
  WHAT_LOAD,
  N_WHATS,
};

static inline void
fuzz_frames_begin (FuzzUsbDriver *d)
{
  if (!d->ops->begin (d))
    return;
  d->ops->control (d, 0, USB_SET_CONFIGURATION, 1, 0, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (fuzz_pipes); i++)
    d->ops->pipe (d, fuzz_pipes[i].address, fuzz_pipes[i].attributes, 512);
}

static inline void
fuzz_frames_run (const FuzzUsbOps *ops, const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  FuzzUsbDriver *d = ops->open ();
  UsbPort *port = d->port;
  UsbDevice *device = fuzz_answers_plug (d->usb, port, &bytes, FALSE);

  fuzz_frames_begin (d);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes);
      const uint32_t value = fuzz_u32 (&bytes);

      switch (what)
        {
        case WHAT_TRANSFER:
          ops->transfer (d, fuzz_pipes[small % G_N_ELEMENTS (fuzz_pipes)].address, value % FUZZ_USB_MOST);
          break;
        case WHAT_CONTROL:
          ops->control (d, small, value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff,
                        (value >> 24) * 2); /* 512 at most */
          break;
        case WHAT_ADVANCE:
          for (unsigned i = 0; i <= small % 8; i++)
            usb_advance (d->usb, 1000000);
          break;
        case WHAT_ISO:
          ops->iso (d, small, value);
          break;
        case WHAT_PLUG:
          fuzz_usb_plug (d->usb, device, port);
          fuzz_frames_begin (d);
          break;
        default:
          fuzz_usb_load (d->usb, value, small, 0);
          break;
        }
    }
  for (unsigned i = 0; i < 4; i++)
    usb_advance (d->usb, 1000000);
  ops->close (d);
}

#define WORD(what, small, value) \
  what, small, (value)&0xff, (value) >> 8 & 0xff, (value) >> 16 & 0xff, (uint8_t)((value) >> 24)

static inline void
fuzz_frames_make (void)
{
  static const uint8_t talk[] = { WORD (WHAT_TRANSFER, 0, 512),
                                  0x40,
                                  7,
                                  0,
                                  WORD (WHAT_TRANSFER, 1, 512),
                                  0,
                                  WORD (WHAT_TRANSFER, 2, 64),
                                  0x81,
                                  WORD (WHAT_ADVANCE, 3, 0),
                                  WORD (WHAT_CONTROL, 0xc0, 0x08000001),
                                  1,
                                  8,
                                  0,
                                  WORD (WHAT_PLUG, 0, 0),
                                  WORD (WHAT_PLUG, 0, 0),
                                  WORD (WHAT_LOAD, 0, 0) };

  fuzz_seed (talk, sizeof talk);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "usb-driver.h"

#include "../unit/usb/uhci-driver.h"

#define TURNS  12u /* milliseconds */
#define PACKET 64u

typedef struct
{
  FuzzUsbDriver driver;
  Uh uh;
} UhciDriver;

static FuzzUsbDriver *
driver_open (void)
{
  UhciDriver *u = g_new0 (UhciDriver, 1);
  UsbDevice *device;

  uh_open (&u->uh, USB_HID_TABLET, &device);
  uh_map (&u->uh);
  u->driver = (FuzzUsbDriver){ .ops = &fuzz_usb_uhci,
                               .usb = &u->uh.usb,
                               .port = fuzz_usb_empty_port (&u->uh.usb, device),
                               .control_data = usb_ram (&u->uh.usb, UH_BUFFERS + 64),
                               .data = usb_ram (&u->uh.usb, UH_BUFFERS + 0x1000) };
  return &u->driver;
}

/* All of the queue; a short packet stops it where it is. */
static FuzzUsbEnd
go (UhciDriver *u, uint32_t first, uint32_t last)
{
  uh_go (&u->uh, first);
  for (unsigned i = 0; i < TURNS; i++)
    {
      const uint32_t at = usb_get32 (&u->uh.usb, UH_QUEUE + 4) & ~0xfu;

      uh_run (&u->uh, 1);
      if (at >= UH_TDS && at < UH_TDS + 0x8000 && !(uh_status (&u->uh, at) & TD_ACTIVE))
        return uh_status (&u->uh, at) & TD_STALLED ? FUZZ_USB_HALTED : FUZZ_USB_DONE;
      if (!(uh_status (&u->uh, last) & TD_ACTIVE))
        return uh_status (&u->uh, last) & TD_STALLED ? FUZZ_USB_HALTED : FUZZ_USB_DONE;
    }
  uh_go (&u->uh, LINK_END);
  return FUZZ_USB_WAITS;
}

static gboolean
driver_begin (FuzzUsbDriver *d)
{
  UhciDriver *u = (UhciDriver *)d;

  uh_start (&u->uh);
  if (d->ops->control (d, 0, USB_SET_ADDRESS, 9, 0, 0) != FUZZ_USB_DONE)
    return FALSE;
  u->uh.address = 9;
  return TRUE;
}

static void
driver_pipe (FuzzUsbDriver *d, unsigned address, unsigned type, unsigned packet)
{
}

static FuzzUsbEnd
driver_control (FuzzUsbDriver *d, unsigned type, unsigned request, unsigned value, unsigned index,
                unsigned length)
{
  UhciDriver *u = (UhciDriver *)d;
  const gboolean in = (type & USB_DIR_IN) != 0;
  uint32_t first, last;

  usb_put32 (&u->uh.usb, UH_BUFFERS, type | request << 8 | value << 16);
  usb_put32 (&u->uh.usb, UH_BUFFERS + 4, index | length << 16);
  u->uh.n_tds = 0;
  first = uh_td (&u->uh, USB_PID_SETUP, 0, UH_BUFFERS, 8, 0);
  for (unsigned at = 0; at < length; at += PACKET)
    uh_td (&u->uh, in ? USB_PID_IN : USB_PID_OUT, 0, UH_BUFFERS + 64 + at, MIN (PACKET, length - at), 0);
  last = uh_td (&u->uh, in && length > 0 ? USB_PID_OUT : USB_PID_IN, 0, 0, 0, TD_IOC);
  return go (u, first, last);
}

static FuzzUsbEnd
driver_transfer (FuzzUsbDriver *d, unsigned address, uint32_t length)
{
  UhciDriver *u = (UhciDriver *)d;
  const unsigned pid = address & USB_DIR_IN ? USB_PID_IN : USB_PID_OUT;
  uint32_t first = 0, last = 0;

  u->uh.n_tds = 0;
  for (unsigned at = 0; at < MAX (length, 1); at += PACKET)
    {
      last = uh_td (&u->uh, pid, address & 0xf, UH_BUFFERS + 0x1000 + at, MIN (PACKET, length - at),
                    pid == USB_PID_IN ? TD_SHORT : 0);
      if (at == 0)
        first = last;
    }
  return go (u, first, last);
}

/* A descriptor (pipe, length) in a frame. */
static void
driver_iso (FuzzUsbDriver *d, unsigned small, uint32_t value)
{
  UhciDriver *u = (UhciDriver *)d;
  const unsigned endpoint = 1 + small % 5, pid = endpoint == 2 || endpoint == 5 ? USB_PID_OUT : USB_PID_IN;

  u->uh.n_tds = 0x700;
  usb_put32 (d->usb, UH_FRAMES + 4 * (value >> 16 & 0x3ff),
             uh_td (&u->uh, pid, endpoint, UH_BUFFERS, value & 0x7ff, 1u << 25));
}

static void
driver_close (FuzzUsbDriver *d)
{
  usb_close (d->usb);
  g_free (d);
}

const FuzzUsbOps fuzz_usb_uhci = { 1u << USB_SPEED_LOW | 1u << USB_SPEED_FULL,
                                   driver_open,
                                   driver_begin,
                                   driver_pipe,
                                   driver_control,
                                   driver_transfer,
                                   driver_iso,
                                   driver_close };

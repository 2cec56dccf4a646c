/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "usb-driver.h"

#include "../unit/usb/ehci-driver.h"

#define TURNS 12u /* milliseconds */
#define ITD   (EH_TDS + 0x8000u)
#define SITD  (EH_TDS + 0x8100u)

typedef struct
{
  FuzzUsbDriver driver;
  Eh eh;
  uint16_t packets[32];
} EhciDriver;

static FuzzUsbDriver *
driver_open (void)
{
  EhciDriver *e = g_new0 (EhciDriver, 1);
  UsbDevice *device;

  eh_open (&e->eh, USB_HID_TABLET, &device);
  eh_map (&e->eh);
  e->driver = (FuzzUsbDriver){ .ops = &fuzz_usb_ehci,
                               .usb = &e->eh.usb,
                               .port = fuzz_usb_empty_port (&e->eh.usb, device),
                               .control_data = usb_ram (&e->eh.usb, EH_BUFFERS + 0x40),
                               .data = usb_ram (&e->eh.usb, EH_BUFFERS + 0xfc0) };
  return &e->driver;
}

static FuzzUsbEnd
wait_end (EhciDriver *e, uint32_t td)
{
  for (unsigned i = 0; i < TURNS; i++)
    {
      const uint32_t token = eh_token (&e->eh, td), head = usb_get32 (&e->eh.usb, EH_ASYNC + 24);

      if ((token | head) & TOKEN_HALTED)
        return FUZZ_USB_HALTED;
      if (!(token & TOKEN_ACTIVE))
        return FUZZ_USB_DONE;
      eh_run (&e->eh, 1);
    }
  return FUZZ_USB_WAITS;
}

static gboolean
driver_begin (FuzzUsbDriver *d)
{
  EhciDriver *e = (EhciDriver *)d;

  eh_start (&e->eh);
  if (d->ops->control (d, 0, USB_SET_ADDRESS, 9, 0, 0) != FUZZ_USB_DONE)
    return FALSE;
  e->eh.address = 9;
  /* Isochronous descriptors, for endpoints 4 and 5. */
  usb_put32 (d->usb, ITD, LINK_END);
  usb_put32 (d->usb, ITD + 36, EH_BUFFERS | 4u << 8 | e->eh.address);
  usb_put32 (d->usb, ITD + 40, (EH_BUFFERS + 0x1000) | 1u << 11 | 192);
  usb_put32 (d->usb, SITD, LINK_END);
  usb_put32 (d->usb, SITD + 4, 5u << 8 | e->eh.address);
  return TRUE;
}

static void
driver_pipe (FuzzUsbDriver *d, unsigned address, unsigned type, unsigned packet)
{
  ((EhciDriver *)d)->packets[(address & 0xf) | (address & USB_DIR_IN ? 16 : 0)]
      = (uint16_t)MIN (packet, 1024);
}

static FuzzUsbEnd
go (EhciDriver *e, uint32_t first, uint32_t last)
{
  eh_go (&e->eh, EH_ASYNC, first);
  usb_write (&e->eh.usb, EH_OP, USBCMD_RS | USBCMD_ASYNC, 4);
  return wait_end (e, last);
}

static FuzzUsbEnd
driver_control (FuzzUsbDriver *d, unsigned type, unsigned request, unsigned value, unsigned index,
                unsigned length)
{
  EhciDriver *e = (EhciDriver *)d;
  const gboolean in = (type & USB_DIR_IN) != 0;
  uint32_t first, last;

  eh_head (&e->eh, EH_ASYNC, EH_ASYNC | LINK_QH << 1, 0, 64, 0);
  usb_put32 (&e->eh.usb, EH_BUFFERS, type | request << 8 | value << 16);
  usb_put32 (&e->eh.usb, EH_BUFFERS + 4, index | length << 16);
  e->eh.n_tds = 0;
  first = eh_td (&e->eh, 2, EH_BUFFERS, 8, 0);
  if (length > 0)
    eh_td (&e->eh, in, EH_BUFFERS + 0x40, length, 0);
  last = eh_td (&e->eh, !(in && length > 0), 0, 0, TOKEN_IOC);
  return go (e, first, last);
}

static FuzzUsbEnd
driver_transfer (FuzzUsbDriver *d, unsigned address, uint32_t length)
{
  EhciDriver *e = (EhciDriver *)d;
  const gboolean in = (address & USB_DIR_IN) != 0;
  const unsigned packet = e->packets[(address & 0xf) | (in ? 16 : 0)];

  eh_head (&e->eh, EH_ASYNC, EH_ASYNC | LINK_QH << 1, address & 0xf, packet, 0);
  e->eh.n_tds = 0;
  const uint32_t td = eh_td (&e->eh, in, EH_BUFFERS + 0xfc0, length, TOKEN_IOC);
  return go (e, td, td);
}

/* One of the two descriptors' words; behind them, which of them the frames have. */
static void
driver_iso (FuzzUsbDriver *d, unsigned small, uint32_t value)
{
  if (small < 80)
    usb_put32 (d->usb, ITD + small * 4, value);
  else
    for (unsigned i = 0; i < 1024; i++)
      usb_put32 (d->usb, EH_FRAMES + 4 * i, value & 1 ? ITD | LINK_ITD << 1 : SITD | LINK_SITD << 1);
  usb_write (d->usb, EH_OP, USBCMD_RS | USBCMD_ASYNC | USBCMD_PERIODIC, 4);
}

static void
driver_close (FuzzUsbDriver *d)
{
  usb_close (d->usb);
  g_free (d);
}

const FuzzUsbOps fuzz_usb_ehci = { 1u << USB_SPEED_HIGH, driver_open,     driver_begin, driver_pipe,
                                   driver_control,       driver_transfer, driver_iso,   driver_close };

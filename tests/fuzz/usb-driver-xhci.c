/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "usb-driver.h"

#include "../unit/usb/xhci-driver.h"

#define TURNS 6u

typedef struct
{
  FuzzUsbDriver driver;
  Hc hc;
  unsigned slot;
} XhciDriver;

static FuzzUsbDriver *
driver_open (void)
{
  XhciDriver *x = g_new0 (XhciDriver, 1);

  hc_open (&x->hc);
  hc_map (&x->hc);
  x->driver = (FuzzUsbDriver){ .ops = &fuzz_usb_xhci,
                               .usb = &x->hc.usb,
                               .port = xhci_port (x->hc.usb.controller, 0),
                               .control_data = usb_ram (&x->hc.usb, HC_BUFFERS),
                               .data = usb_ram (&x->hc.usb, HC_BUFFERS + 0x1000) };
  return &x->driver;
}

static FuzzUsbEnd
wait_end (XhciDriver *x, unsigned dci)
{
  HcEvent event;

  for (unsigned i = 0; i < TURNS; i++)
    {
      hc_run (&x->hc);
      while (hc_next_event (&x->hc, HC_N_EVENTS, &event))
        if (event.type == TRB_EVENT_TRANSFER && event.slot == x->slot && event.dci == dci)
          return event.code == CC_SUCCESS || event.code == CC_SHORT_PACKET ? FUZZ_USB_DONE : FUZZ_USB_HALTED;
      usb_advance (&x->hc.usb, 1000000);
    }
  return FUZZ_USB_WAITS;
}

/* The ring is empty again, in whichever state the endpoint is. */
static void
begin_anew (XhciDriver *x, unsigned dci)
{
  hc_command (&x->hc, TRB_STOP_ENDPOINT, 0, x->slot << 24 | dci << 16, NULL);
  hc_command (&x->hc, TRB_RESET_ENDPOINT, 0, x->slot << 24 | dci << 16, NULL);
  hc_new_ring (&x->hc, x->slot, dci);
  hc_command (&x->hc, TRB_SET_DEQUEUE, hc_ring (x->slot, dci) | 1, x->slot << 24 | dci << 16, NULL);
}

static gboolean
driver_begin (FuzzUsbDriver *d)
{
  XhciDriver *x = (XhciDriver *)d;

  hc_start (&x->hc, HC_N_EVENTS);
  x->slot = 0;
  if (d->port->device == NULL)
    return FALSE;
  x->slot = hc_address (&x->hc, 1 + (d->port->device->speed == USB_SPEED_SUPER ? XHCI_N_PORTS : 0), 0);
  return x->slot != 0;
}

static void
driver_pipe (FuzzUsbDriver *d, unsigned address, unsigned type, unsigned packet)
{
  XhciDriver *x = (XhciDriver *)d;
  const gboolean in = (address & USB_DIR_IN) != 0;

  if (x->slot != 0)
    hc_configure (&x->hc, x->slot, (address & 0xf) * 2 + in, type + (in ? 4 : 0), packet);
}

static FuzzUsbEnd
driver_control (FuzzUsbDriver *d, unsigned type, unsigned request, unsigned value, unsigned index,
                unsigned length)
{
  XhciDriver *x = (XhciDriver *)d;
  const gboolean in = (type & USB_DIR_IN) != 0;
  FuzzUsbEnd end;

  if (x->slot == 0)
    return FUZZ_USB_HALTED;
  hc_put (&x->hc, x->slot, 1,
          type | request << 8 | value << 16 | (uint64_t)index << 32 | (uint64_t)length << 48, 8,
          TRB_SETUP << TRB_TYPE_SHIFT | TRB_IDT);
  if (length > 0)
    hc_put (&x->hc, x->slot, 1, HC_BUFFERS, length, TRB_DATA << TRB_TYPE_SHIFT | (in ? TRB_DIR_IN : 0));
  hc_put (&x->hc, x->slot, 1, 0, 0,
          TRB_STATUS << TRB_TYPE_SHIFT | TRB_IOC | (in && length > 0 ? 0 : TRB_DIR_IN));
  hc_doorbell (&x->hc, x->slot, 1);
  end = wait_end (x, 1);
  if (end != FUZZ_USB_DONE)
    begin_anew (x, 1);
  return end;
}

static FuzzUsbEnd
driver_transfer (FuzzUsbDriver *d, unsigned address, uint32_t length)
{
  XhciDriver *x = (XhciDriver *)d;
  const unsigned dci = (address & 0xf) * 2 + ((address & USB_DIR_IN) != 0);
  FuzzUsbEnd end;

  if (x->slot == 0)
    return FUZZ_USB_HALTED;
  hc_normal (&x->hc, x->slot, dci, HC_BUFFERS + 0x1000, length, TRB_IOC | TRB_ISP);
  hc_doorbell (&x->hc, x->slot, dci);
  end = wait_end (x, dci);
  if (end != FUZZ_USB_DONE)
    begin_anew (x, dci);
  return end;
}

static void
driver_close (FuzzUsbDriver *d)
{
  usb_close (d->usb);
  g_free (d);
}

const FuzzUsbOps fuzz_usb_xhci
    = { 1u << USB_SPEED_LOW | 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH | 1u << USB_SPEED_SUPER,
        driver_open,
        driver_begin,
        driver_pipe,
        driver_control,
        driver_transfer,
        NULL,
        driver_close };

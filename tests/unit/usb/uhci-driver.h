/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the UHCI, as a guest has one: one queue in all frames.  For tests and fuzzers.
 */
#pragma once

#include "usb-machine.h"

#include "usb/uhci-private.h"

#define UH_FRAMES  0x10000u
#define UH_QUEUE   0x12000u
#define UH_TDS     0x14000u /* 16 bytes each */
#define UH_BUFFERS 0x20000u

typedef struct
{
  Usb usb;
  unsigned n_tds, address;
} Uh;

static inline void
uh_open (Uh *h, UsbHidKind kind, UsbDevice **device)
{
  g_autoptr (GError) error = NULL;

  *h = (Uh){ 0 };
  usb_open (&h->usb);
  vm_lock (h->usb.vm);
  h->usb.controller = uhci_new (h->usb.vm, "usb0", pci_root_bus (h->usb.root), USB_DEVFN, UHCI_PIIX3, &error);
  g_assert_no_error (error);
  h->usb.controller->klass->reset (h->usb.controller);
  vm_unlock (h->usb.vm);
  *device = usb_plug_hid (&h->usb, uhci_port (h->usb.controller, 0), "hid0", kind);
}

static inline void
uh_map (Uh *h)
{
  usb_config (&h->usb, USB_DEVFN, PCI_BAR0 + 16, USB_PORTS, 4);
  usb_config (&h->usb, USB_DEVFN, PCI_COMMAND, PCI_COMMAND_IO | PCI_COMMAND_MASTER, 2);
}

/* The queue is empty, and the port is on. */
static inline void
uh_start (Uh *h)
{
  usb_out (&h->usb, 0, USBCMD_HCRESET, 2);
  for (unsigned i = 0; i < 1024; i++)
    usb_put32 (&h->usb, UH_FRAMES + 4 * i, UH_QUEUE | LINK_QH);
  usb_put32 (&h->usb, UH_QUEUE, LINK_END);
  usb_put32 (&h->usb, UH_QUEUE + 4, LINK_END);
  usb_out (&h->usb, 8, UH_FRAMES, 4);
  usb_out (&h->usb, 4, 0xf, 2);
  usb_out (&h->usb, 0x10, PORT_RESET, 2);
  usb_out (&h->usb, 0x10, 0, 2);
  usb_out (&h->usb, 0x10, PORT_ENABLED | PORT_CSC, 2);
  usb_out (&h->usb, 0, USBCMD_RS, 2);
  h->n_tds = h->address = 0;
}

/* One more TD behind the others; where it is. */
static inline uint32_t
uh_td (Uh *h, unsigned pid, unsigned endpoint, uint32_t buffer, unsigned length, uint32_t flags)
{
  const uint32_t at = UH_TDS + 16 * (h->n_tds % 0x800);

  usb_put32 (&h->usb, at, LINK_END);
  usb_put32 (&h->usb, at + 4, TD_ACTIVE | 3u << 27 | flags);
  usb_put32 (&h->usb, at + 8, ((length - 1) & 0x7ff) << 21 | endpoint << 15 | h->address << 8 | pid);
  usb_put32 (&h->usb, at + 12, buffer);
  if (h->n_tds > 0)
    usb_put32 (&h->usb, at - 16, at | LINK_DEPTH);
  h->n_tds++;
  return at;
}

/* From this one on. */
static inline void
uh_go (Uh *h, uint32_t first)
{
  usb_put32 (&h->usb, UH_QUEUE + 4, first);
}

static inline void
uh_run (Uh *h, unsigned ms)
{
  for (unsigned i = 0; i < ms; i++)
    usb_advance (&h->usb, 1000000);
}

static inline uint32_t
uh_status (Uh *h, uint32_t td)
{
  return usb_get32 (&h->usb, td + 4);
}

/* A whole request, data at UH_BUFFERS + 64 in pieces of 64.  FALSE: it was refused. */
static inline gboolean
uh_control (Uh *h, unsigned type, unsigned request, unsigned value, unsigned length)
{
  const gboolean in = (type & 0x80) != 0;
  uint32_t first, last;

  usb_put32 (&h->usb, UH_BUFFERS, type | request << 8 | value << 16);
  usb_put32 (&h->usb, UH_BUFFERS + 4, length << 16);
  h->n_tds = 0;
  first = uh_td (h, USB_PID_SETUP, 0, UH_BUFFERS, 8, 0);
  for (unsigned at = 0; at < length; at += 64)
    uh_td (h, in ? USB_PID_IN : USB_PID_OUT, 0, UH_BUFFERS + 64 + at, MIN (64, length - at), 0);
  last = uh_td (h, in && length > 0 ? USB_PID_OUT : USB_PID_IN, 0, 0, 0, TD_IOC);
  uh_go (h, first);
  uh_run (h, 40);
  return (uh_status (h, last) & (TD_ACTIVE | TD_STALLED)) == 0;
}

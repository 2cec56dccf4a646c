/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Isochronous endpoints: 4.10.3 and 6.2.3.6.  A TD an interval, by the machine's clock; the frame that a TD names isn't looked at, as what comes from
 * this computer's devices has its own time anyway.  They are looked at once a millisecond, so that intervals of 125 µs come in bundles.
 */
#define G_LOG_DOMAIN "usb-xhci"

#include "usb/xhci-private.h"

#define MICROFRAME_NS 125000
#define FRAME_NS      1000000
#define LATE_NS       (20 * FRAME_NS) /* who is so far behind begins anew */
#define MOST_INTERVAL 15u             /* as a power of two of microframes */

/* The context's interval. */
static int64_t
read_interval (Xhci *x, const XhciSlot *slot, unsigned dci)
{
  const uint32_t word = dma_read32 (&x->pci.dma, slot->context + (uint64_t)dci * XHCI_CONTEXT);

  return (int64_t)MICROFRAME_NS << MIN (word >> 16 & 0xff, MOST_INTERVAL);
}

gboolean
xhci_iso_due (Xhci *x, const XhciSlot *slot, unsigned dci)
{
  XhciEndpoint *ep = (XhciEndpoint *)&slot->endpoints[dci - 1];
  const int64_t now = vm_clock_now (x->pci.device.vm->clock);

  if (ep->interval == 0)
    ep->interval = read_interval (x, slot, dci);
  if (ep->due == 0 || now - ep->due > LATE_NS)
    ep->due = now;
  if (now >= ep->due)
    return TRUE;
  if (!vm_timer_armed (&x->iso))
    vm_timer_arm (&x->iso, MAX (ep->due, now + FRAME_NS));
  return FALSE;
}

void
xhci_iso_done (XhciEndpoint *ep)
{
  ep->due += ep->interval;
}

static void
on_iso (void *opaque)
{
  Xhci *x = opaque;

  for (unsigned i = 0; i < XHCI_SLOTS; i++)
    for (unsigned dci = 2; x->slots[i].enabled && dci <= XHCI_ENDPOINTS; dci++)
      if (x->slots[i].endpoints[dci - 1].state == EP_RUNNING && xhci_is_iso (&x->slots[i].endpoints[dci - 1])
          && x->slots[i].endpoints[dci - 1].due != 0)
        x->slots[i].pending |= 1u << dci;
  xhci_kick (x);
}

void
xhci_iso_init (Xhci *x)
{
  vm_timer_init (&x->iso, x->pci.device.vm->clock, on_iso, x);
}

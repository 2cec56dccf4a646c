/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Event rings and interrupters: 4.9.4, 4.17, 5.5.2.  A ring has one segment (HCSPARAMS2 says so).  What it has no room for waits in a queue of ours, and
 * while much does nothing is begun, so no event is lost.
 */
#define G_LOG_DOMAIN "usb-xhci"

#include "usb/xhci-private.h"

#include "pci/msix.h"

#include <string.h>

#define LEAST_RING 16u
#define MOST_RING  4096u

void
xhci_update_line (Xhci *x)
{
  gboolean level = FALSE;

  for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++)
    level |= (x->interrupters[i].iman & (IMAN_IP | IMAN_IE)) == (IMAN_IP | IMAN_IE);
  pci_device_intx (&x->pci, level && (x->usbcmd & USBCMD_INTE) && !pci_msix_enabled (&x->pci));
}

/* 4.17.5 */
static void
interrupt (Xhci *x, unsigned n)
{
  XhciInterrupter *in = &x->interrupters[n];

  if (in->erdp & ERDP_EHB)
    return;
  in->erdp |= ERDP_EHB;
  in->iman |= IMAN_IP;
  x->usbsts |= USBSTS_EINT;
  if (pci_msix_enabled (&x->pci))
    {
      if (!(in->iman & IMAN_IE) || !(x->usbcmd & USBCMD_INTE))
        return;
      in->iman &= ~(uint32_t)IMAN_IP;
      pci_msix_notify (&x->pci, n);
    }
  else
    xhci_update_line (x);
}

/* TRBs that can be written; -1: the guest's pointer is nowhere in the ring. */
static int
room (const XhciInterrupter *in)
{
  const uint64_t dequeue = in->erdp & ~0xfull;
  const uint64_t at = (dequeue - in->ring) / XHCI_TRB_SIZE;

  if (in->ring_size == 0 || dequeue < in->ring || at >= in->ring_size)
    return -1;
  return (int)((at + in->ring_size - in->enqueue - 1) % in->ring_size);
}

static gboolean
put (Xhci *x, XhciInterrupter *in, const XhciEvent *event)
{
  uint8_t bytes[XHCI_TRB_SIZE];
  const uint32_t control = (event->control & ~TRB_CYCLE) | in->cycle;

  pci_set32 (bytes, (uint32_t)event->parameter);
  pci_set32 (bytes + 4, (uint32_t)(event->parameter >> 32));
  pci_set32 (bytes + 8, event->status);
  pci_set32 (bytes + 12, control);
  /* The cycle bit is what the guest looks at: it comes last. */
  if (!dma_write (&x->pci.dma, in->ring + in->enqueue * (uint64_t)XHCI_TRB_SIZE, bytes, 12)
      || !dma_write (&x->pci.dma, in->ring + in->enqueue * (uint64_t)XHCI_TRB_SIZE + 12, bytes + 12, 4))
    {
      xhci_die (x, "an event ring");
      return FALSE;
    }
  in->enqueue++;
  if (in->enqueue == in->ring_size)
    {
      in->enqueue = 0;
      in->cycle ^= 1;
    }
  return TRUE;
}

/* As much of the queue as there is room for.  The last place is for saying that there is none. */
static gboolean
flush (Xhci *x, XhciInterrupter *in)
{
  const XhciEvent full
      = { .status = (uint32_t)CC_RING_FULL << 24, .control = (uint32_t)TRB_EVENT_HOST << TRB_TYPE_SHIFT };
  gboolean written = FALSE;

  while (in->n > 0)
    {
      const int free = room (in);

      if (free <= 0)
        break;
      if (free == 1)
        {
          if (!in->full)
            written |= put (x, in, &full);
          in->full = TRUE;
          break;
        }
      in->full = FALSE;
      const XhciEvent event = { .parameter = in->queue[2 * in->first],
                                .status = (uint32_t)in->queue[2 * in->first + 1],
                                .control = (uint32_t)(in->queue[2 * in->first + 1] >> 32) };
      if (!put (x, in, &event))
        break;
      written = TRUE;
      in->first = (in->first + 1) % XHCI_QUEUE;
      in->n--;
    }
  return written;
}

void
xhci_event (Xhci *x, unsigned interrupter, const XhciEvent *event, gboolean quiet)
{
  const unsigned n = interrupter < XHCI_INTERRUPTERS ? interrupter : 0;
  XhciInterrupter *in = &x->interrupters[n];

  /* Nobody has given it a ring, or what its steps make is more than there may be. */
  if (in->ring_size == 0 || in->n == XHCI_QUEUE)
    return;
  const unsigned at = (in->first + in->n) % XHCI_QUEUE;
  in->queue[2 * at] = event->parameter;
  in->queue[2 * at + 1] = event->status | (uint64_t)event->control << 32;
  in->n++;
  if (flush (x, in) && !quiet)
    interrupt (x, n);
}

gboolean
xhci_gated (const Xhci *x)
{
  for (unsigned i = 0; i < XHCI_INTERRUPTERS; i++)
    if (x->interrupters[i].n > XHCI_GATE)
      return TRUE;
  return FALSE;
}

/* 6.5 */
void
xhci_load_ring (Xhci *x, unsigned n)
{
  XhciInterrupter *in = &x->interrupters[n];
  uint8_t entry[XHCI_TRB_SIZE];

  in->ring_size = 0;
  in->first = in->n = 0;
  in->full = FALSE;
  if (in->erstsz == 0 || in->erstba == 0)
    return;
  /* Also between the two halves of the address: what isn't there gives no ring. */
  if (!dma_read (&x->pci.dma, in->erstba, entry, sizeof entry))
    return;
  const uint32_t size = pci_get32 (entry + 8) & 0xffff;
  if (size < LEAST_RING || size > MOST_RING)
    return;
  in->ring = (pci_get32 (entry) & ~0x3full) | (uint64_t)pci_get32 (entry + 4) << 32;
  in->ring_size = size;
  in->enqueue = 0;
  in->cycle = 1;
}

void
xhci_dequeued (Xhci *x, unsigned n, uint32_t value)
{
  XhciInterrupter *in = &x->interrupters[n];
  const gboolean was_gated = xhci_gated (x);
  int free;

  if (value & ERDP_EHB)
    in->erdp &= ~(uint64_t)ERDP_EHB;
  free = room (in);
  if (free > 1)
    in->full = FALSE;
  flush (x, in);
  /* The guest hasn't seen them all. */
  free = room (in);
  if (free >= 0 && (unsigned)free != in->ring_size - 1)
    interrupt (x, n);
  if (was_gated && !xhci_gated (x))
    xhci_kick (x);
}

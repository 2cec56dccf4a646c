/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Streams: 4.12, 6.2.4.  One linear array of primary streams an endpoint; its contexts are in the guest's memory, and the ring of the one that moves is
 * the endpoint's, from a TD's beginning to its end.  Which one that is, the device says.
 */
#define G_LOG_DOMAIN "usb-xhci"

#include "usb/xhci-private.h"

#define STREAM_CONTEXT 16u
#define PRIMARY_RING   1u /* 6.2.4.1, as it stands in the context */
#define TYPE_SHIFT     1
#define TYPE_MASK      (7u << TYPE_SHIFT)

unsigned
xhci_n_streams (const XhciEndpoint *ep)
{
  return ep->streams != 0 ? 2u << ep->streams : 0;
}

static uint64_t
context_at (const XhciEndpoint *ep, unsigned stream)
{
  return ep->stream_contexts + (uint64_t)stream * STREAM_CONTEXT;
}

void
xhci_stream_store (Xhci *x, XhciEndpoint *ep)
{
  uint8_t context[8];

  if (ep->stream == 0)
    return;
  pci_set32 (context, (uint32_t)ep->dequeue | PRIMARY_RING << TYPE_SHIFT | ep->cycle);
  pci_set32 (context + 4, (uint32_t)(ep->dequeue >> 32));
  dma_write (&x->pci.dma, context_at (ep, ep->stream), context, sizeof context);
}

/* FALSE: there is no ring. */
static gboolean
load (Xhci *x, XhciEndpoint *ep, unsigned stream)
{
  uint8_t context[8];

  if (!dma_read (&x->pci.dma, context_at (ep, stream), context, sizeof context)
      || (pci_get32 (context) & TYPE_MASK) != PRIMARY_RING << TYPE_SHIFT)
    return FALSE;
  ep->dequeue = (pci_get32 (context) & ~0xfull) | (uint64_t)pci_get32 (context + 4) << 32;
  ep->cycle = pci_get32 (context) & 1;
  ep->offset = ep->moved = 0;
  ep->in_td = FALSE;
  ep->stream = (uint8_t)stream;
  return TRUE;
}

void
xhci_stream_ring (XhciEndpoint *ep, unsigned stream)
{
  if (stream > 0 && stream < xhci_n_streams (ep))
    ep->ready |= (uint16_t)(1u << stream);
}

gboolean
xhci_stream_choose (Xhci *x, UsbDevice *device, XhciEndpoint *ep, unsigned dci)
{
  const unsigned endpoint = dci / 2 | (dci % 2 ? USB_DIR_IN : 0);

  if (device == NULL || device->model->wants_stream == NULL)
    return FALSE;
  if (ep->stream != 0 && ep->in_td)
    return device->model->wants_stream (device, endpoint, ep->stream);
  for (unsigned i = 1; i <= xhci_n_streams (ep); i++)
    {
      const unsigned stream = (ep->stream + i) % xhci_n_streams (ep);

      if (stream == 0 || !(ep->ready >> stream & 1)
          || !device->model->wants_stream (device, endpoint, stream))
        continue;
      if (load (x, ep, stream))
        return TRUE;
      ep->ready &= (uint16_t) ~(1u << stream);
    }
  return FALSE;
}

void
xhci_stream_empty (XhciEndpoint *ep)
{
  ep->ready &= (uint16_t) ~(1u << ep->stream);
}

gboolean
xhci_stream_dequeue (Xhci *x, XhciEndpoint *ep, unsigned stream, uint64_t where)
{
  if (stream == 0 || stream >= xhci_n_streams (ep) || (where & TYPE_MASK) != PRIMARY_RING << TYPE_SHIFT)
    return FALSE;
  ep->stream = (uint8_t)stream;
  ep->dequeue = where & ~0xfull;
  ep->cycle = where & 1;
  ep->offset = ep->moved = 0;
  ep->in_td = FALSE;
  xhci_stream_store (x, ep);
  return TRUE;
}

gboolean
xhci_stream_check (const XhciEndpoint *ep)
{
  return ep->stream == 0 || ep->stream < xhci_n_streams (ep);
}

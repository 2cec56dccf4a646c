/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Transfers: 4.10, 4.11.  A step gathers up to XHCI_CHUNK bytes of a TD in whole packets, asks the device once, and tells what came of it TRB by TRB.  A device
 * that has nothing (NAK) leaves the ring where it is; its wake rings for it.
 */
#define G_LOG_DOMAIN "usb-xhci"

#include "usb/xhci-private.h"

#include <string.h>

#define MOST_TRBS  128u /* of a step; each makes one event at most */
#define MOST_LINKS 8u   /* one after the other */
#define MOST_SKIP  4096u

typedef struct
{
  XhciTrb trb;
  uint8_t cycle;   /* as the ring's was there */
  uint32_t offset; /* bytes of it that were moved before */
  uint32_t length; /* that are still to be moved */
} Piece;

typedef struct
{
  Piece pieces[MOST_TRBS];
  unsigned n;
  uint32_t length;  /* of all */
  gboolean ends;    /* with the TD */
  gboolean waiting; /* the guest hasn't put the rest there yet */
  gboolean bad;     /* a ring that makes no sense */
  uint64_t next;    /* behind the last piece */
  uint8_t next_cycle;
} Gathered;

static void
post (Xhci *x, unsigned slot, unsigned dci, const XhciTrb *trb, unsigned code, uint32_t residual)
{
  const gboolean data = trb_type (trb) == TRB_EVENT_DATA;
  const XhciEvent event = { .parameter = data ? trb->parameter : trb->address,
                            .status = code << 24 | (residual & 0xffffff),
                            .control = (uint32_t)TRB_EVENT_TRANSFER << TRB_TYPE_SHIFT | (slot + 1) << 24
                                       | dci << 16 | (data ? TRB_EVENT_ED : 0) };

  xhci_event (x, trb->status >> 22, &event, (trb->control & TRB_BEI) != 0 && code == CC_SUCCESS);
}

/* The next TRB of the ring that is no link.  FALSE: there is none (yet), or `bad`. */
static gboolean
next_trb (Xhci *x, uint64_t *at, uint8_t *cycle, XhciTrb *trb, gboolean *bad)
{
  for (unsigned links = 0; links < MOST_LINKS; links++)
    {
      if (!xhci_read_trb (x, *at, trb))
        {
          *bad = TRUE;
          return FALSE;
        }
      if ((trb->control & TRB_CYCLE) != *cycle)
        return FALSE;
      if (trb_type (trb) != TRB_LINK)
        return TRUE;
      *at = trb->parameter & ~0xfull;
      if (trb->control & TRB_TOGGLE)
        *cycle ^= 1;
    }
  *bad = TRUE;
  return FALSE;
}

static gboolean
has_data (const XhciTrb *trb)
{
  const unsigned type = trb_type (trb);

  return type == TRB_NORMAL || type == TRB_DATA || type == TRB_SETUP || type == TRB_ISOCH;
}

static void
gather (Xhci *x, const XhciEndpoint *ep, Gathered *g)
{
  uint64_t at = ep->dequeue;
  uint8_t cycle = ep->cycle;
  uint32_t offset = ep->offset;

  g->n = 0;
  g->length = 0;
  g->ends = g->waiting = g->bad = FALSE;
  while (g->n < MOST_TRBS && g->length < XHCI_CHUNK)
    {
      Piece *piece = &g->pieces[g->n];

      if (!next_trb (x, &at, &cycle, &piece->trb, &g->bad))
        {
          g->waiting = !g->bad;
          break;
        }
      const uint32_t length = has_data (&piece->trb) ? piece->trb.status & TRB_LENGTH : 0;
      piece->cycle = cycle;
      piece->offset = MIN (offset, length);
      piece->length = MIN (length - piece->offset, XHCI_CHUNK - g->length);
      offset = 0;
      g->length += piece->length;
      g->n++;
      if (piece->offset + piece->length < length)
        break;
      at += XHCI_TRB_SIZE;
      if (!(piece->trb.control & TRB_CHAIN))
        {
          g->ends = TRUE;
          break;
        }
    }
  g->next = at;
  g->next_cycle = cycle;
}

/* Data between the guest and `x->buffer`. */
static gboolean
copy (Xhci *x, const Gathered *g, gboolean to_guest, uint32_t length)
{
  uint32_t at = 0;

  for (unsigned i = 0; i < g->n && at < length; i++)
    {
      const Piece *piece = &g->pieces[i];
      const uint32_t n = MIN (piece->length, length - at);

      if (piece->trb.control & TRB_IDT && has_data (&piece->trb))
        {
          uint8_t immediate[8];

          pci_set32 (immediate, (uint32_t)piece->trb.parameter);
          pci_set32 (immediate + 4, (uint32_t)(piece->trb.parameter >> 32));
          if (to_guest || piece->offset + n > sizeof immediate)
            return FALSE;
          memcpy (x->buffer + at, immediate + piece->offset, n);
        }
      else if (n > 0
               && !(to_guest
                        ? dma_write (&x->pci.dma, piece->trb.parameter + piece->offset, x->buffer + at, n)
                        : dma_read (&x->pci.dma, piece->trb.parameter + piece->offset, x->buffer + at, n)))
        return FALSE;
      at += n;
    }
  return TRUE;
}

/* What of a TD's first TRB says who sends what.  0: nonsense. */
static unsigned
pid_of (const XhciEndpoint *ep, unsigned dci, const XhciTrb *trb)
{
  const unsigned type = trb_type (trb);

  if (dci != 1)
    return type == (xhci_is_iso (ep) ? TRB_ISOCH : TRB_NORMAL) ? (dci % 2 ? USB_PID_IN : USB_PID_OUT) : 0;
  switch (type)
    {
    case TRB_SETUP:
      return (trb->control & TRB_IDT) && (trb->status & TRB_LENGTH) == USB_SETUP_SIZE ? USB_PID_SETUP : 0;
    case TRB_DATA:
    case TRB_STATUS:
      return trb->control & TRB_DIR_IN ? USB_PID_IN : USB_PID_OUT;
    default:
      return 0;
    }
}

static void
advance (Xhci *x, XhciEndpoint *ep, uint64_t dequeue, uint8_t cycle, gboolean in_td)
{
  ep->dequeue = dequeue;
  ep->cycle = cycle;
  ep->offset = 0;
  ep->in_td = in_td;
  if (in_td)
    return;
  ep->moved = 0;
  xhci_stream_store (x, ep);
}

static void
halt (Xhci *x, unsigned n, unsigned dci, const Piece *piece, unsigned code, uint32_t residual)
{
  XhciSlot *slot = &x->slots[n];
  XhciEndpoint *ep = &slot->endpoints[dci - 1];

  /* 4.10.2.1: it stands at the TRB that failed. */
  advance (x, ep, piece->trb.address, piece->cycle, FALSE);
  ep->state = code == CC_TRB ? EP_ERROR : EP_HALTED;
  post (x, n, dci, &piece->trb, code, residual);
  xhci_write_endpoint (x, slot, dci);
}

/* Behind a short packet nothing of the TD is carried out; event data tell of it.  4.10.1.1, 4.11.5.2. */
static gboolean
skip_td (Xhci *x, unsigned n, unsigned dci, uint64_t at, uint8_t cycle)
{
  XhciEndpoint *ep = &x->slots[n].endpoints[dci - 1];
  gboolean bad = FALSE;
  XhciTrb trb;

  for (unsigned i = 0; i < MOST_SKIP; i++)
    {
      if (!next_trb (x, &at, &cycle, &trb, &bad))
        break;
      if (trb_type (&trb) == TRB_EVENT_DATA && (trb.control & TRB_IOC) && !xhci_gated (x))
        post (x, n, dci, &trb, CC_SHORT_PACKET, ep->moved);
      at += XHCI_TRB_SIZE;
      if (!(trb.control & TRB_CHAIN))
        break;
    }
  advance (x, ep, at, cycle, FALSE);
  return !bad;
}

/* What the device has made of it, TRB by TRB. */
static XhciStep
tell (Xhci *x, unsigned n, unsigned dci, const Gathered *g, uint32_t asked, UsbStatus status, uint32_t actual)
{
  static const uint8_t codes[]
      = { [USB_STALL] = CC_STALL, [USB_BABBLE] = CC_BABBLE, [USB_GONE] = CC_TRANSACTION };
  XhciEndpoint *ep = &x->slots[n].endpoints[dci - 1];
  const gboolean is_short = status == USB_OK && actual < asked;
  uint32_t left = actual;

  for (unsigned i = 0; i < g->n; i++)
    {
      const Piece *piece = &g->pieces[i];
      const uint32_t got = MIN (left, piece->length);
      const uint32_t length = has_data (&piece->trb) ? piece->trb.status & TRB_LENGTH : 0;
      const uint32_t residual = length - piece->offset - got;
      const gboolean whole = residual == 0, data = trb_type (&piece->trb) == TRB_EVENT_DATA;
      const gboolean last = i + 1 == g->n;

      ep->moved = (ep->moved + got) & 0xffffff;
      if (status > USB_NAK && (!whole || last || (left == 0 && got == 0 && !data)))
        {
          halt (x, n, dci, piece, codes[status], residual);
          return XHCI_STEP_IDLE;
        }
      if (status == USB_NAK && (!whole || (left == 0 && got == 0 && !data)))
        {
          const gboolean in_td = ep->in_td || i > 0 || got > 0;

          advance (x, ep, piece->trb.address, piece->cycle, in_td);
          ep->offset = piece->offset + got;
          ep->parked = TRUE;
          return XHCI_STEP_IDLE;
        }
      left -= got;
      if (!whole && is_short)
        {
          if (piece->trb.control & (TRB_ISP | TRB_IOC))
            post (x, n, dci, &piece->trb, CC_SHORT_PACKET, residual);
          if (piece->trb.control & TRB_CHAIN)
            return skip_td (x, n, dci, piece->trb.address + XHCI_TRB_SIZE, piece->cycle) ? XHCI_STEP_MORE
                                                                                         : XHCI_STEP_IDLE;
          advance (x, ep, piece->trb.address + XHCI_TRB_SIZE, piece->cycle, FALSE);
          return XHCI_STEP_MORE;
        }
      if (!whole) /* the step ends here */
        {
          advance (x, ep, piece->trb.address, piece->cycle, TRUE);
          ep->offset = piece->offset + got;
          return XHCI_STEP_MORE;
        }
      if (piece->trb.control & TRB_IOC)
        post (x, n, dci, &piece->trb, CC_SUCCESS, data ? ep->moved : 0);
      if (data)
        ep->moved = 0;
    }
  advance (x, ep, g->next, g->next_cycle, !g->ends);
  return XHCI_STEP_MORE;
}

XhciStep
xhci_transfer (Xhci *x, unsigned n, unsigned dci)
{
  XhciEndpoint *ep = &x->slots[n].endpoints[dci - 1];
  UsbDevice *device;
  UsbStatus status = USB_GONE;
  uint32_t asked, actual = 0;
  Gathered g;

  const gboolean iso = xhci_is_iso (ep);

  if (ep->state != EP_RUNNING || (iso && !xhci_iso_due (x, &x->slots[n], dci)))
    return XHCI_STEP_IDLE;
  device = xhci_slot_device (x, &x->slots[n]);
  if (ep->streams != 0 && !xhci_stream_choose (x, device, ep, dci))
    {
      ep->parked = TRUE;
      return XHCI_STEP_IDLE;
    }
  ep->parked = FALSE;
  gather (x, ep, &g);
  if (g.bad && g.n == 0)
    {
      ep->state = EP_ERROR;
      xhci_write_endpoint (x, &x->slots[n], dci);
      return XHCI_STEP_IDLE;
    }
  /* 4.9.2: the ring is empty, or the rest of the TD isn't there yet. */
  if (g.n == 0 || (g.waiting && !g.ends))
    {
      ep->due = 0;
      if (ep->streams == 0 || ep->in_td)
        return XHCI_STEP_IDLE;
      xhci_stream_empty (ep);
      return XHCI_STEP_MORE;
    }
  if (!ep->in_td)
    {
      if (trb_type (&g.pieces[0].trb) == TRB_NO_OP || trb_type (&g.pieces[0].trb) == TRB_EVENT_DATA)
        return tell (x, n, dci, &g, g.length, USB_OK, g.length);
      ep->pid = (uint8_t)pid_of (ep, dci, &g.pieces[0].trb);
    }
  asked = g.length;
  if (!g.ends)
    asked -= asked % MAX (ep->max_packet, 1);
  if (ep->pid == 0 || (!g.ends && (asked == 0 || iso)))
    {
      halt (x, n, dci, &g.pieces[0], CC_TRB, 0);
      return XHCI_STEP_IDLE;
    }
  if (ep->pid != USB_PID_IN && !copy (x, &g, FALSE, asked))
    {
      halt (x, n, dci, &g.pieces[0], CC_TRB, 0);
      return XHCI_STEP_IDLE;
    }
  if (device != NULL)
    {
      device->stream = ep->stream;
      status = usb_device_transfer (device, (UsbPid)ep->pid, dci / 2, x->buffer, asked, &actual);
    }
  actual = MIN (actual, asked);
  if (iso) /* nothing is asked twice, and nothing halts: 4.10.3.1 */
    {
      status = USB_OK;
      xhci_iso_done (ep);
    }
  if (ep->pid == USB_PID_IN && !copy (x, &g, TRUE, actual))
    {
      halt (x, n, dci, &g.pieces[0], CC_TRB, 0);
      return XHCI_STEP_IDLE;
    }
  return tell (x, n, dci, &g, asked, status, actual);
}

void
xhci_transfer_stopped (Xhci *x, unsigned n, unsigned dci)
{
  XhciEndpoint *ep = &x->slots[n].endpoints[dci - 1];
  uint64_t at = ep->dequeue;
  uint8_t cycle = ep->cycle;
  gboolean bad = FALSE;
  XhciTrb trb;

  if ((ep->streams != 0 && !ep->in_td) || !next_trb (x, &at, &cycle, &trb, &bad))
    return;
  post (x, n, dci, &trb, CC_STOPPED,
        has_data (&trb) ? (trb.status & TRB_LENGTH) - MIN (ep->offset, trb.status & TRB_LENGTH) : 0);
}

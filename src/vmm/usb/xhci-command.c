/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Commands: 4.6, 6.4.3.
 */
#define G_LOG_DOMAIN "usb-xhci"

#include "usb/xhci-private.h"

#include <string.h>

#define MOST_LINKS 8u

/* 6.2.2, 6.2.3: double words of contexts. */
#define SLOT_ENTRIES_SHIFT 27
#define SLOT_STATE_SHIFT   27
#define SLOT_ROUTE         0xfffffu
#define SLOT_TARGET        0xffc00000u
#define SLOT_LATENCY       0xffffu
#define EP_STATE           7u
#define EP_TYPE_SHIFT      3
#define EP_STREAMS_SHIFT   10
#define EP_STREAMS         0x1fu
#define EP_LINEAR_STREAMS  0x8000u
#define EP_MAX_PACKET      0xffff0000u

typedef struct
{
  uint32_t word[XHCI_CONTEXT / 4];
} Context;

static gboolean
read_context (Xhci *x, uint64_t address, Context *context)
{
  uint8_t bytes[XHCI_CONTEXT];

  if (!dma_read (&x->pci.dma, address, bytes, sizeof bytes))
    return FALSE;
  for (unsigned i = 0; i < G_N_ELEMENTS (context->word); i++)
    context->word[i] = pci_get32 (bytes + 4 * i);
  return TRUE;
}

static gboolean
write_context (Xhci *x, uint64_t address, const Context *context)
{
  uint8_t bytes[XHCI_CONTEXT];

  for (unsigned i = 0; i < G_N_ELEMENTS (context->word); i++)
    pci_set32 (bytes + 4 * i, context->word[i]);
  return dma_write (&x->pci.dma, address, bytes, sizeof bytes);
}

/* The slot's state (and its device's address) in the guest's context. */
static gboolean
write_slot (Xhci *x, unsigned n, Context *context)
{
  const XhciSlot *slot = &x->slots[n];

  context->word[3] = (uint32_t)slot->state << SLOT_STATE_SHIFT | (slot->state >= SLOT_ADDRESSED ? n + 1 : 0);
  return write_context (x, slot->context, context);
}

void
xhci_write_endpoint (Xhci *x, const XhciSlot *slot, unsigned dci)
{
  const XhciEndpoint *ep = &slot->endpoints[dci - 1];
  const uint64_t at = slot->context + (uint64_t)dci * XHCI_CONTEXT;
  Context context;

  if (!read_context (x, at, &context))
    return;
  context.word[0] = (context.word[0] & ~EP_STATE) | ep->state;
  if (ep->streams == 0) /* else the array is there */
    {
      context.word[2] = (uint32_t)ep->dequeue | ep->cycle;
      context.word[3] = (uint32_t)(ep->dequeue >> 32);
    }
  write_context (x, at, &context);
}

/* -- Endpoints --------------------------------------------------------------------------------------------- */

static void
disable_endpoint (XhciSlot *slot, unsigned dci)
{
  memset (&slot->endpoints[dci - 1], 0, sizeof slot->endpoints[dci - 1]);
  slot->pending &= ~(1u << dci);
}

/* From the guest's input context to ours and to its own. */
static unsigned
enable_endpoint (Xhci *x, XhciSlot *slot, unsigned dci, Context *context)
{
  XhciEndpoint *ep = &slot->endpoints[dci - 1];
  const unsigned type = context->word[1] >> EP_TYPE_SHIFT & 7;

  /* 6.2.3: the direction is the index's. */
  if (type == 0 || (type == EP_TYPE_CONTROL) != (dci == 1)
      || (type != EP_TYPE_CONTROL && (type > EP_TYPE_CONTROL) != (dci % 2 == 1))
      || context->word[1] >> 16 == 0)
    return CC_PARAMETER;
  /* 6.2.3.4: those of bulk endpoints, without a second level. */
  const unsigned streams = context->word[0] >> EP_STREAMS_SHIFT & EP_STREAMS;
  if (streams > XHCI_STREAMS
      || (streams != 0
          && (!(context->word[0] & EP_LINEAR_STREAMS)
              || (type != EP_TYPE_BULK_OUT && type != EP_TYPE_BULK_IN))))
    return CC_PARAMETER;
  disable_endpoint (slot, dci);
  ep->state = EP_RUNNING;
  ep->type = (uint8_t)type;
  ep->max_packet = (uint16_t)(context->word[1] >> 16);
  ep->dequeue = (context->word[2] & ~0xfull) | (uint64_t)context->word[3] << 32;
  ep->cycle = context->word[2] & 1;
  ep->streams = (uint8_t)streams;
  ep->stream_contexts = ep->dequeue;
  context->word[0] = (context->word[0] & ~EP_STATE) | EP_RUNNING;
  return write_context (x, slot->context + (uint64_t)dci * XHCI_CONTEXT, context) ? CC_SUCCESS : CC_PARAMETER;
}

/* -- Commands: each gives a completion code ------------------------------------------------------------------ */

static unsigned
enable_slot (Xhci *x, unsigned *n)
{
  for (unsigned i = 0; i < MIN (x->config, XHCI_SLOTS); i++)
    if (!x->slots[i].enabled)
      {
        memset (&x->slots[i], 0, sizeof x->slots[i]);
        x->slots[i].enabled = TRUE;
        *n = i + 1;
        return CC_SUCCESS;
      }
  return CC_NO_SLOTS;
}

static unsigned
disable_slot (Xhci *x, unsigned n)
{
  XhciSlot *slot = &x->slots[n];
  Context context;

  slot->state = SLOT_DISABLED;
  if (slot->context != 0 && read_context (x, slot->context, &context))
    {
      context.word[3] = 0;
      write_context (x, slot->context, &context);
    }
  memset (slot, 0, sizeof *slot);
  return CC_SUCCESS;
}

/* Another slot has this device already. */
static gboolean
is_taken (Xhci *x, unsigned n, const UsbDevice *device)
{
  for (unsigned i = 0; i < XHCI_SLOTS; i++)
    if (i != n && x->slots[i].enabled && x->slots[i].state >= SLOT_DEFAULT
        && xhci_slot_device (x, &x->slots[i]) == device)
      return TRUE;
  return FALSE;
}

static gboolean
set_address (UsbDevice *device, unsigned address)
{
  uint8_t setup[USB_SETUP_SIZE] = { 0, USB_SET_ADDRESS, (uint8_t)address };
  uint32_t actual;

  return usb_device_transfer (device, USB_PID_SETUP, 0, setup, sizeof setup, &actual) == USB_OK
         && usb_device_transfer (device, USB_PID_IN, 0, setup, 0, &actual) == USB_OK;
}

/* 4.6.5 */
static unsigned
address_device (Xhci *x, unsigned n, const XhciTrb *trb)
{
  const uint64_t input = trb->parameter & ~0xfull;
  const gboolean block = (trb->control & TRB_BSR) != 0;
  XhciSlot *slot = &x->slots[n];
  Context control, in, ep0;
  uint8_t pointer[8];
  UsbDevice *device;
  XhciSlot where;
  unsigned code;

  if (!read_context (x, input, &control) || !read_context (x, input + XHCI_CONTEXT, &in)
      || !read_context (x, input + 2 * XHCI_CONTEXT, &ep0)
      || !dma_read (&x->pci.dma, x->dcbaap + 8ull * (n + 1), pointer, sizeof pointer))
    return CC_TRB;
  if (control.word[0] != 0 || (control.word[1] & 3) != 3)
    return CC_TRB;
  if (slot->state > (block ? SLOT_DISABLED : SLOT_DEFAULT))
    return CC_CONTEXT_STATE;
  const unsigned port = in.word[1] >> 16 & 0xff;
  if (port < 1 || port > XHCI_N_REGS)
    return CC_TRB;
  where = (XhciSlot){ .port = (uint8_t)(port - 1), .route = in.word[0] & SLOT_ROUTE };
  device = xhci_slot_device (x, &where);
  if (device == NULL)
    return CC_TRANSACTION;
  if (is_taken (x, n, device))
    return CC_TRB;
  slot->port = where.port;
  slot->route = where.route;
  slot->context = (pci_get32 (pointer) & ~0x3full) | (uint64_t)pci_get32 (pointer + 4) << 32;
  if (!block && !set_address (device, n + 1))
    return CC_TRANSACTION;
  code = enable_endpoint (x, slot, 1, &ep0);
  if (code != CC_SUCCESS)
    return code;
  slot->state = block ? SLOT_DEFAULT : SLOT_ADDRESSED;
  return write_slot (x, n, &in) ? CC_SUCCESS : CC_TRB;
}

/* 4.6.6 */
static unsigned
deconfigure (Xhci *x, unsigned n)
{
  XhciSlot *slot = &x->slots[n];
  Context out;

  for (unsigned dci = 2; dci <= XHCI_ENDPOINTS; dci++)
    if (slot->endpoints[dci - 1].state != EP_DISABLED)
      {
        disable_endpoint (slot, dci);
        xhci_write_endpoint (x, slot, dci);
      }
  slot->state = SLOT_ADDRESSED;
  if (!read_context (x, slot->context, &out))
    return CC_TRB;
  out.word[0] = (out.word[0] & ~(0x1fu << SLOT_ENTRIES_SHIFT)) | 1u << SLOT_ENTRIES_SHIFT;
  return write_slot (x, n, &out) ? CC_SUCCESS : CC_TRB;
}

static unsigned
configure (Xhci *x, unsigned n, const XhciTrb *trb)
{
  const uint64_t input = trb->parameter & ~0xfull;
  XhciSlot *slot = &x->slots[n];
  Context control, in, out;
  unsigned code = CC_SUCCESS;

  if (slot->state < SLOT_ADDRESSED)
    return CC_CONTEXT_STATE;
  if (trb->control & TRB_BSR) /* here: deconfigure */
    return deconfigure (x, n);
  if (!read_context (x, input, &control) || !read_context (x, input + XHCI_CONTEXT, &in)
      || !read_context (x, slot->context, &out))
    return CC_TRB;
  if ((control.word[0] & 3) != 0 || (control.word[1] & 3) != 1)
    return CC_TRB;
  for (unsigned dci = 2; dci <= XHCI_ENDPOINTS; dci++)
    {
      if (control.word[0] >> dci & 1)
        {
          disable_endpoint (slot, dci);
          xhci_write_endpoint (x, slot, dci);
        }
      if (code == CC_SUCCESS && control.word[1] >> dci & 1)
        {
          Context ep;

          code = read_context (x, input + (uint64_t)(dci + 1) * XHCI_CONTEXT, &ep)
                     ? enable_endpoint (x, slot, dci, &ep)
                     : CC_TRB;
        }
    }
  if (code != CC_SUCCESS)
    return code;
  slot->state = SLOT_CONFIGURED;
  /* Entries, and what makes it a hub. */
  out.word[0] = (out.word[0] & ~0xfe000000u) | (in.word[0] & 0xfe000000u);
  out.word[1] = (out.word[1] & ~0xff000000u) | (in.word[1] & 0xff000000u);
  out.word[2] = (out.word[2] & ~0x30000u) | (in.word[2] & 0x30000u);
  return write_slot (x, n, &out) ? CC_SUCCESS : CC_TRB;
}

/* 4.6.7 */
static unsigned
evaluate (Xhci *x, unsigned n, const XhciTrb *trb)
{
  const uint64_t input = trb->parameter & ~0xfull;
  XhciSlot *slot = &x->slots[n];
  Context control, in, out;

  if (slot->state < SLOT_DEFAULT)
    return CC_CONTEXT_STATE;
  if (!read_context (x, input, &control))
    return CC_TRB;
  if (control.word[0] != 0 || (control.word[1] & ~3u) != 0)
    return CC_TRB;
  if (control.word[1] & 1)
    {
      if (!read_context (x, input + XHCI_CONTEXT, &in) || !read_context (x, slot->context, &out))
        return CC_TRB;
      out.word[1] = (out.word[1] & ~SLOT_LATENCY) | (in.word[1] & SLOT_LATENCY);
      out.word[2] = (out.word[2] & ~SLOT_TARGET) | (in.word[2] & SLOT_TARGET);
      if (!write_slot (x, n, &out))
        return CC_TRB;
    }
  if (control.word[1] & 2)
    {
      if (!read_context (x, input + 2 * XHCI_CONTEXT, &in)
          || !read_context (x, slot->context + XHCI_CONTEXT, &out) || in.word[1] >> 16 == 0)
        return CC_TRB;
      slot->endpoints[0].max_packet = (uint16_t)(in.word[1] >> 16);
      out.word[1] = (out.word[1] & ~EP_MAX_PACKET) | (in.word[1] & EP_MAX_PACKET);
      if (!write_context (x, slot->context + XHCI_CONTEXT, &out))
        return CC_TRB;
    }
  return CC_SUCCESS;
}

static XhciEndpoint *
find_endpoint (XhciSlot *slot, const XhciTrb *trb, unsigned *dci)
{
  *dci = trb->control >> 16 & 0x1f;
  return *dci > 0 ? &slot->endpoints[*dci - 1] : NULL;
}

/* 4.6.8 */
static unsigned
reset_endpoint (Xhci *x, XhciSlot *slot, const XhciTrb *trb)
{
  unsigned dci;
  XhciEndpoint *ep = find_endpoint (slot, trb, &dci);

  if (ep == NULL)
    return CC_TRB;
  if (ep->state != EP_HALTED)
    return CC_CONTEXT_STATE;
  ep->state = EP_STOPPED;
  xhci_write_endpoint (x, slot, dci);
  return CC_SUCCESS;
}

/* 4.6.9 */
static unsigned
stop_endpoint (Xhci *x, unsigned n, const XhciTrb *trb)
{
  XhciSlot *slot = &x->slots[n];
  UsbDevice *device;
  unsigned dci;
  XhciEndpoint *ep = find_endpoint (slot, trb, &dci);

  if (ep == NULL)
    return CC_TRB;
  if (ep->state != EP_RUNNING)
    return CC_CONTEXT_STATE;
  xhci_transfer_stopped (x, n, dci);
  if (ep->parked && (device = xhci_slot_device (x, slot)) != NULL)
    usb_device_cancel (device, dci / 2 | (dci % 2 ? USB_DIR_IN : 0));
  ep->state = EP_STOPPED;
  ep->parked = FALSE;
  ep->ready = 0;
  xhci_stream_store (x, ep);
  slot->pending &= ~(1u << dci);
  xhci_write_endpoint (x, slot, dci);
  return CC_SUCCESS;
}

/* 4.6.10 */
static unsigned
set_dequeue (Xhci *x, XhciSlot *slot, const XhciTrb *trb)
{
  unsigned dci;
  XhciEndpoint *ep = find_endpoint (slot, trb, &dci);

  if (ep == NULL || (ep->streams == 0 && trb->status >> 16 != 0))
    return CC_TRB;
  if (ep->state != EP_STOPPED && ep->state != EP_ERROR)
    return CC_CONTEXT_STATE;
  if (ep->streams != 0)
    {
      if (!xhci_stream_dequeue (x, ep, trb->status >> 16, trb->parameter))
        return CC_TRB;
      ep->state = EP_STOPPED;
      xhci_write_endpoint (x, slot, dci);
      return CC_SUCCESS;
    }
  ep->state = EP_STOPPED;
  ep->dequeue = trb->parameter & ~0xfull;
  ep->cycle = trb->parameter & 1;
  ep->offset = ep->moved = 0;
  ep->in_td = FALSE;
  xhci_write_endpoint (x, slot, dci);
  return CC_SUCCESS;
}

/* 4.6.11 */
static unsigned
reset_device (Xhci *x, unsigned n)
{
  XhciSlot *slot = &x->slots[n];
  Context out;

  if (slot->state < SLOT_DEFAULT)
    return CC_CONTEXT_STATE;
  for (unsigned dci = 2; dci <= XHCI_ENDPOINTS; dci++)
    if (slot->endpoints[dci - 1].state != EP_DISABLED)
      {
        disable_endpoint (slot, dci);
        xhci_write_endpoint (x, slot, dci);
      }
  slot->state = SLOT_DEFAULT;
  if (!read_context (x, slot->context, &out))
    return CC_TRB;
  out.word[0] = (out.word[0] & ~(0x1fu << SLOT_ENTRIES_SHIFT)) | 1u << SLOT_ENTRIES_SHIFT;
  return write_slot (x, n, &out) ? CC_SUCCESS : CC_TRB;
}

/* 4.6.13: percentages, one byte a port. */
static unsigned
bandwidth (Xhci *x, const XhciTrb *trb)
{
  uint8_t ports[1 + XHCI_N_REGS];

  memset (ports, 80, sizeof ports);
  ports[0] = 0;
  return dma_write (&x->pci.dma, trb->parameter & ~0xfull, ports, sizeof ports) ? CC_SUCCESS : CC_TRB;
}

static unsigned
run (Xhci *x, const XhciTrb *trb, unsigned *n)
{
  const unsigned type = trb_type (trb);

  *n = trb->control >> 24;
  switch (type)
    {
    case TRB_ENABLE_SLOT:
      *n = 0;
      return enable_slot (x, n);
    case TRB_COMMAND_NO_OP:
      return CC_SUCCESS;
    case TRB_BANDWIDTH:
      return bandwidth (x, trb);
    default:
      break;
    }
  if (type < TRB_DISABLE_SLOT || type > TRB_RESET_DEVICE)
    return CC_TRB;
  if (*n < 1 || *n > XHCI_SLOTS || !x->slots[*n - 1].enabled)
    return CC_SLOT_NOT_ENABLED;
  switch (type)
    {
    case TRB_DISABLE_SLOT:
      return disable_slot (x, *n - 1);
    case TRB_ADDRESS_DEVICE:
      return address_device (x, *n - 1, trb);
    case TRB_CONFIGURE:
      return configure (x, *n - 1, trb);
    case TRB_EVALUATE:
      return evaluate (x, *n - 1, trb);
    case TRB_RESET_ENDPOINT:
      return reset_endpoint (x, &x->slots[*n - 1], trb);
    case TRB_STOP_ENDPOINT:
      return stop_endpoint (x, *n - 1, trb);
    case TRB_SET_DEQUEUE:
      return set_dequeue (x, &x->slots[*n - 1], trb);
    default:
      return reset_device (x, *n - 1);
    }
}

static void
complete (Xhci *x, uint64_t address, unsigned code, unsigned slot)
{
  const XhciEvent event = { .parameter = address,
                            .status = code << 24,
                            .control = (uint32_t)TRB_EVENT_COMMAND << TRB_TYPE_SHIFT | slot << 24 };

  xhci_event (x, 0, &event, FALSE);
}

void
xhci_command_stopped (Xhci *x)
{
  complete (x, x->command_dequeue, CC_COMMAND_STOPPED, 0);
}

gboolean
xhci_command (Xhci *x)
{
  XhciTrb trb;
  unsigned slot, code;

  for (unsigned links = 0;; links++)
    {
      if (!xhci_read_trb (x, x->command_dequeue, &trb))
        {
          xhci_die (x, "the command ring");
          return FALSE;
        }
      if ((trb.control & TRB_CYCLE) != x->command_cycle)
        return FALSE;
      if (trb_type (&trb) != TRB_LINK)
        break;
      x->command_dequeue = trb.parameter & ~0xfull;
      if (trb.control & TRB_TOGGLE)
        x->command_cycle ^= 1;
      if (links == MOST_LINKS)
        return FALSE;
    }
  x->command_dequeue += XHCI_TRB_SIZE;
  code = run (x, &trb, &slot);
  if (!xhci_running (x))
    return FALSE;
  complete (x, trb.address, code, slot);
  return TRUE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A frame of the UHCI: queue heads and transfer descriptors.  Design guide, 1.4 and 3.  Whatever is read there may change while it is carried out: it is
 * copied first, and a frame has a limited number of steps.
 */
#define G_LOG_DOMAIN "usb-uhci"

#include "usb/uhci-private.h"

#define MOST_STEPS 1024u
#define MOST_HEADS 64u
#define MOST_BYTES 8192u /* a frame on the wire has 1280 */

typedef struct
{
  uint32_t link, control, token, buffer;
} Td;

typedef enum
{
  TD_DONE,    /* its queue goes on */
  TD_STOPPED, /* it is over, and its queue stands */
  TD_WAITS,   /* the device has nothing */
  TD_IDLE,    /* there is nothing to do */
  TD_WRONG,   /* the controller has stopped */
} TdResult;

static gboolean
read_td (Uhci *u, uint32_t address, Td *td)
{
  uint8_t bytes[16];

  if (!dma_read (&u->pci.dma, address, bytes, sizeof bytes))
    return FALSE;
  td->link = pci_get32 (bytes);
  td->control = pci_get32 (bytes + 4);
  td->token = pci_get32 (bytes + 8);
  td->buffer = pci_get32 (bytes + 12);
  return TRUE;
}

static UsbDevice *
find_device (Uhci *u, unsigned address)
{
  UsbDevice *device = NULL;

  for (unsigned i = 0; device == NULL && i < UHCI_N_PORTS; i++)
    device = usb_port_find (&u->ports[i], address);
  return device;
}

/* 3.2.2: what the guest finds. */
static TdResult
finish (Uhci *u, uint32_t address, const Td *td, uint32_t status, uint32_t actual)
{
  uint32_t control = (td->control & ~(TD_LENGTH | TD_ACTIVE | TD_NAK)) | ((actual - 1) & TD_LENGTH) | status;
  const unsigned pid = td->token & 0xff;
  const uint32_t length = ((td->token >> 21) + 1) & 0x7ff;
  const gboolean is_short = status == 0 && pid == USB_PID_IN && (td->control & TD_SHORT) && actual < length;

  if (status != 0)
    {
      control &= ~TD_ERRORS;
      u->usbsts |= USBSTS_ERROR;
    }
  if (!dma_write32 (&u->pci.dma, address + 4, control))
    {
      uhci_halt (u, USBSTS_HSE);
      return TD_WRONG;
    }
  if (is_short)
    {
      u->usbsts |= USBSTS_USBINT;
      u->causes |= 2;
    }
  if (td->control & TD_IOC)
    {
      u->usbsts |= USBSTS_USBINT;
      u->causes |= 1;
    }
  return status != 0 || is_short ? TD_STOPPED : TD_DONE;
}

static TdResult
run_td (Uhci *u, uint32_t address, const Td *td, uint32_t *moved)
{
  static const uint32_t codes[] = {
    [USB_STALL] = TD_STALLED, [USB_BABBLE] = TD_BABBLE | TD_STALLED, [USB_GONE] = TD_TIMEOUT | TD_STALLED
  };
  const unsigned pid = td->token & 0xff, endpoint = td->token >> 15 & 0xf;
  const uint32_t length = ((td->token >> 21) + 1) & 0x7ff;
  uint8_t data[TD_MAX];
  UsbStatus status = USB_GONE;
  UsbDevice *device;
  uint32_t actual = 0;

  if (!(td->control & TD_ACTIVE))
    return TD_IDLE;
  if ((pid != USB_PID_IN && pid != USB_PID_OUT && pid != USB_PID_SETUP) || length > TD_MAX)
    {
      uhci_halt (u, USBSTS_HCPE);
      return TD_WRONG;
    }
  device = find_device (u, td->token >> 8 & 0x7f);
  if (pid != USB_PID_IN && !dma_read (&u->pci.dma, td->buffer, data, length))
    return finish (u, address, td, TD_BUFFER | TD_STALLED, 0);
  if (device != NULL)
    status = usb_device_transfer (device, (UsbPid)pid, endpoint, data, length, &actual);
  if (status == USB_NAK)
    {
      if (!(td->control & TD_NAK))
        dma_write32 (&u->pci.dma, address + 4, td->control | TD_NAK);
      return TD_WAITS;
    }
  actual = MIN (actual, length);
  *moved += actual + 1;
  if (pid == USB_PID_IN && !dma_write (&u->pci.dma, td->buffer, data, actual))
    return finish (u, address, td, TD_BUFFER | TD_STALLED, 0);
  return finish (u, address, td, status == USB_OK ? 0 : codes[status], actual);
}

/* Heads that were passed since something was moved: a ring of them is left when it has gone round for nothing. */
typedef struct
{
  uint32_t heads[MOST_HEADS];
  unsigned n;
} Seen;

static gboolean
was_seen (Seen *seen, uint32_t head)
{
  for (unsigned i = 0; i < seen->n; i++)
    if (seen->heads[i] == head)
      return TRUE;
  if (seen->n == MOST_HEADS)
    return TRUE;
  seen->heads[seen->n++] = head;
  return FALSE;
}

/* One TD of a queue.  FALSE: the frame is over. */
static gboolean
run_queue (Uhci *u, uint32_t head, uint32_t *link, Seen *seen, uint32_t *moved)
{
  uint8_t bytes[8];
  uint32_t element;
  Td td;

  if (was_seen (seen, head))
    return FALSE;
  if (!dma_read (&u->pci.dma, head, bytes, sizeof bytes))
    {
      uhci_halt (u, USBSTS_HSE);
      return FALSE;
    }
  *link = pci_get32 (bytes);
  element = pci_get32 (bytes + 4);
  for (unsigned i = 0; i < MOST_STEPS && !(element & LINK_END) && *moved < MOST_BYTES; i++)
    {
      TdResult result;

      if (element & LINK_QH) /* a queue of queues */
        {
          *link = element;
          return TRUE;
        }
      if (!read_td (u, element & ~0xfu, &td))
        {
          uhci_halt (u, USBSTS_HSE);
          return FALSE;
        }
      result = run_td (u, element & ~0xfu, &td, moved);
      if (result == TD_WRONG)
        return FALSE;
      if (result != TD_DONE)
        return TRUE;
      seen->n = 0;
      element = td.link;
      if (!dma_write32 (&u->pci.dma, head + 4, element))
        return FALSE;
      if (!(element & LINK_DEPTH))
        break;
    }
  return TRUE;
}

gboolean
uhci_frame (Uhci *u, uint32_t number)
{
  uint32_t link = dma_read32 (&u->pci.dma, u->frame_base + 4 * (number & 0x3ff)), moved = 0;
  Seen seen = { .n = 0 };

  for (unsigned i = 0; i < MOST_STEPS && !(link & LINK_END) && moved < MOST_BYTES; i++)
    {
      const uint32_t address = link & ~0xfu;
      Td td;

      if (link & LINK_QH)
        {
          if (!run_queue (u, address, &link, &seen, &moved))
            break;
          continue;
        }
      if (!read_td (u, address, &td))
        {
          uhci_halt (u, USBSTS_HSE);
          break;
        }
      if (run_td (u, address, &td, &moved) == TD_WRONG)
        break;
      link = td.link;
    }
  return moved > 0;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The EHCI's schedules: queue heads and transfer descriptors.  EHCI 1.0, 3.5, 3.6 and 4.8 to 4.10.  What is read there is copied first, and each look has a
 * limited number of steps.
 */
#define G_LOG_DOMAIN "usb-ehci"

#include "usb/ehci-private.h"

#include <string.h>

#define MOST_HEADS 128u /* of a look */
#define MOST_TDS   32u  /* of a queue in a look */
#define QH_WORDS   12u
#define TD_WORDS   8u

/* Where in a queue head the copy of the descriptor lies. */
enum
{
  QH_LINK = 0,
  QH_CHARACTERISTICS = 1,
  QH_CAPABILITIES = 2,
  QH_CURRENT = 3,
  QH_NEXT = 4,
  QH_ALTERNATE = 5,
  QH_TOKEN = 6,
  QH_BUFFER = 7,
};

typedef struct
{
  uint32_t address;
  uint32_t word[QH_WORDS];
} Head;

static gboolean
read_words (Ehci *e, uint32_t address, uint32_t *words, unsigned n)
{
  uint8_t bytes[4 * QH_WORDS];

  if (!dma_read (&e->pci.dma, address, bytes, 4 * n))
    return FALSE;
  for (unsigned i = 0; i < n; i++)
    words[i] = pci_get32 (bytes + 4 * i);
  return TRUE;
}

static gboolean
write_words (Ehci *e, uint32_t address, const uint32_t *words, unsigned n)
{
  uint8_t bytes[4 * QH_WORDS];

  for (unsigned i = 0; i < n; i++)
    pci_set32 (bytes + 4 * i, words[i]);
  return dma_write (&e->pci.dma, address, bytes, 4 * n);
}

static uint32_t
bytes_left (const Head *head)
{
  return head->word[QH_TOKEN] >> 16 & 0x7fff;
}

/* 4.10.2: the next descriptor into the queue head.  FALSE: there is none to be done. */
static gboolean
advance (Ehci *e, Head *head)
{
  uint32_t next = head->word[QH_NEXT], td[TD_WORDS];

  if (bytes_left (head) != 0 && !(head->word[QH_ALTERNATE] & LINK_END))
    next = head->word[QH_ALTERNATE];
  if (next & LINK_END)
    return FALSE;
  next &= ~0x1fu;
  if (!read_words (e, next, td, TD_WORDS))
    {
      ehci_halt (e);
      return FALSE;
    }
  if (!(td[2] & TOKEN_ACTIVE))
    return FALSE;
  head->word[QH_CURRENT] = next;
  /* The toggle is the queue's, unless it says that descriptors have it (DTC). */
  if (!(head->word[QH_CHARACTERISTICS] & 1u << 14))
    td[2] = (td[2] & ~TOKEN_TOGGLE) | (head->word[QH_TOKEN] & TOKEN_TOGGLE);
  memcpy (&head->word[QH_NEXT], td, sizeof td);
  return write_words (e, head->address + 4 * QH_CURRENT, &head->word[QH_CURRENT], QH_WORDS - QH_CURRENT);
}

/* 3.5.4: five pages, the first from an offset on. */
static gboolean
copy (Ehci *e, const Head *head, gboolean to_guest, uint32_t length)
{
  unsigned page = head->word[QH_TOKEN] >> 12 & 7;
  uint32_t offset = head->word[QH_BUFFER] & 0xfff;

  for (uint32_t at = 0; at < length; page++, offset = 0)
    {
      const uint32_t n = MIN (4096 - offset, length - at);
      uint32_t address;

      if (page >= EHCI_PAGES)
        return FALSE;
      address = (head->word[QH_BUFFER + page] & ~0xfffu) + offset;
      if (!(to_guest ? dma_write (&e->pci.dma, address, e->buffer + at, n)
                     : dma_read (&e->pci.dma, address, e->buffer + at, n)))
        return FALSE;
      at += n;
    }
  return TRUE;
}

/* So many bytes were moved. */
static void
account (Head *head, uint32_t actual)
{
  const uint32_t packet = MAX (head->word[QH_CHARACTERISTICS] >> 16 & 0x7ff, 1);
  const uint32_t offset = (head->word[QH_BUFFER] & 0xfff) + actual;
  const uint32_t page = MIN ((head->word[QH_TOKEN] >> 12 & 7) + (offset >> 12), 7);
  uint32_t *token = &head->word[QH_TOKEN];

  *token = (*token & ~(0x7fffu << 16 | 7u << 12)) | (bytes_left (head) - actual) << 16 | page << 12;
  if (MAX ((actual + packet - 1) / packet, 1) & 1)
    *token ^= TOKEN_TOGGLE;
  head->word[QH_BUFFER] = (head->word[QH_BUFFER] & ~0xfffu) | (offset & 0xfff);
}

UsbDevice *
ehci_find_device (Ehci *e, unsigned address)
{
  UsbDevice *device = NULL;

  for (unsigned i = 0; device == NULL && i < EHCI_N_PORTS; i++)
    device = usb_port_find (&e->ports[i], address);
  return device;
}

/* The queue head's descriptor as it is now, and if it is over the guest's own, too. */
static gboolean
write_back (Ehci *e, const Head *head)
{
  const gboolean over = !(head->word[QH_TOKEN] & TOKEN_ACTIVE);

  return write_words (e, head->address + 4 * QH_TOKEN, &head->word[QH_TOKEN], 2)
         && (!over || dma_write32 (&e->pci.dma, (head->word[QH_CURRENT] & ~0x1fu) + 8, head->word[QH_TOKEN]));
}

/* 4.10.3: TRUE: it is over, and well. */
static gboolean
execute (Ehci *e, Head *head, gboolean *moved)
{
  static const UsbPid pids[] = { USB_PID_OUT, USB_PID_IN, USB_PID_SETUP, USB_PID_OUT };
  static const uint32_t codes[] = { [USB_STALL] = TOKEN_HALTED,
                                    [USB_BABBLE] = TOKEN_HALTED | TOKEN_BABBLE,
                                    [USB_GONE] = TOKEN_HALTED | TOKEN_XACT };
  const UsbPid pid = pids[head->word[QH_TOKEN] >> 8 & 3];
  const uint32_t length = MIN (bytes_left (head), EHCI_TD_BYTES);
  UsbDevice *device = ehci_find_device (e, head->word[QH_CHARACTERISTICS] & 0x7f);
  UsbStatus status = USB_GONE;
  uint32_t actual = 0, error = 0;

  if (pid != USB_PID_IN && !copy (e, head, FALSE, length))
    error = TOKEN_HALTED | TOKEN_BUFFER;
  else if (device != NULL)
    status = usb_device_transfer (device, pid, head->word[QH_CHARACTERISTICS] >> 8 & 0xf, e->buffer, length,
                                  &actual);
  actual = MIN (actual, length);
  if (pid == USB_PID_IN && !copy (e, head, TRUE, actual))
    error = TOKEN_HALTED | TOKEN_BUFFER;
  if (status == USB_NAK && error == 0 && actual == 0)
    return FALSE;
  *moved = TRUE;
  account (head, actual);
  if (error == 0 && status != USB_OK && status != USB_NAK)
    error = codes[status];
  if (error != 0)
    {
      head->word[QH_TOKEN] = (head->word[QH_TOKEN] & ~(TOKEN_ACTIVE | TOKEN_ERRORS)) | error;
      e->usbsts |= USBSTS_ERROR;
    }
  else if (status == USB_OK)
    {
      head->word[QH_TOKEN] &= ~TOKEN_ACTIVE;
      if ((head->word[QH_TOKEN] & TOKEN_IOC) || (pid == USB_PID_IN && actual < length))
        e->usbsts |= USBSTS_INT;
    }
  if (!write_back (e, head))
    ehci_halt (e);
  return error == 0 && status == USB_OK;
}

static gboolean
run_queue (Ehci *e, Head *head)
{
  gboolean moved = FALSE;

  for (unsigned i = 0; i < MOST_TDS && !(e->usbsts & USBSTS_HALTED); i++)
    {
      if (head->word[QH_TOKEN] & TOKEN_HALTED)
        break;
      if (!(head->word[QH_TOKEN] & TOKEN_ACTIVE) && !advance (e, head))
        break;
      if (!execute (e, head, &moved))
        break;
    }
  return moved;
}

static gboolean
read_head (Ehci *e, uint32_t link, Head *head)
{
  head->address = link & ~0x1fu;
  if (read_words (e, head->address, head->word, QH_WORDS))
    return TRUE;
  ehci_halt (e);
  return FALSE;
}

/* 4.8: a ring. */
gboolean
ehci_async (Ehci *e)
{
  uint32_t link = e->async_base;
  gboolean moved = FALSE;
  Head head;

  for (unsigned i = 0; i < MOST_HEADS && !(e->usbsts & USBSTS_HALTED); i++)
    {
      if ((link & LINK_END) || !read_head (e, link, &head))
        break;
      link = head.word[QH_LINK];
      moved |= run_queue (e, &head);
      if ((link & ~0x1fu) == e->async_base)
        break;
    }
  return moved;
}

/* 4.6 */
gboolean
ehci_periodic (Ehci *e, uint32_t frame)
{
  const uint32_t size = 1024u >> MIN ((e->usbcmd & USBCMD_SIZE) >> 2, 2);
  uint32_t link = dma_read32 (&e->pci.dma, e->periodic_base + 4 * (frame % size));
  gboolean moved = FALSE;
  Head head;

  for (unsigned i = 0; i < MOST_HEADS && !(link & LINK_END) && !(e->usbsts & USBSTS_HALTED); i++)
    switch (link >> LINK_TYPE_SHIFT & 3)
      {
      case LINK_QH:
        if (!read_head (e, link, &head))
          return moved;
        link = head.word[QH_LINK];
        if (head.word[QH_CAPABILITIES] & 0xff)
          moved |= run_queue (e, &head);
        break;
      case LINK_ITD:
        moved |= ehci_iso (e, link & ~0x1fu, &link);
        break;
      case LINK_SITD:
        moved |= ehci_split_iso (e, link & ~0x1fu, &link);
        break;
      default: /* ways back from splits, which are whole here */
        link = dma_read32 (&e->pci.dma, link & ~0x1fu);
        break;
      }
  return moved;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The EHCI's isochronous descriptors: 3.3 and 4.7 (high speed), 3.4 and 4.12.3 (full speed, by a hub).  A frame's are carried out at once; nothing is asked twice.
 */
#define G_LOG_DOMAIN "usb-ehci"

#include "usb/ehci-private.h"

#define ITD_WORDS   16u
#define ITD_SLOTS   8u
#define ITD_PAGES   7u
#define ITD_ACTIVE  (1u << 31)
#define ITD_XACT    (1u << 28)
#define ITD_BABBLE  (1u << 29)
#define ITD_BUFFER  (1u << 30)
#define ITD_IOC     (1u << 15)
#define ITD_MOST    3072u /* of a microframe */
#define SITD_WORDS  7u
#define SITD_IOC    (1u << 31)
#define SITD_PAGE   (1u << 30)
#define SITD_ACTIVE (1u << 7)
#define SITD_BUFFER (1u << 5)
#define SITD_BABBLE (1u << 4)
#define SITD_MOST   1023u

static gboolean
read_words (Ehci *e, uint32_t address, uint32_t *words, unsigned n)
{
  uint8_t bytes[4 * ITD_WORDS];

  if (!dma_read (&e->pci.dma, address, bytes, 4 * n))
    return FALSE;
  for (unsigned i = 0; i < n; i++)
    words[i] = pci_get32 (bytes + 4 * i);
  return TRUE;
}

/* Between the guest's pages, from `offset` of `pages[0]` on, and e->buffer. */
static gboolean
copy (Ehci *e, const uint32_t *pages, unsigned n_pages, uint32_t offset, gboolean to_guest, uint32_t length)
{
  for (uint32_t at = 0, page = 0; at < length; page++, offset = 0)
    {
      const uint32_t n = MIN (4096 - offset, length - at);

      if (page >= n_pages)
        return FALSE;
      const uint32_t address = (pages[page] & ~0xfffu) + offset;
      if (!(to_guest ? dma_write (&e->pci.dma, address, e->buffer + at, n)
                     : dma_read (&e->pci.dma, address, e->buffer + at, n)))
        return FALSE;
      at += n;
    }
  return TRUE;
}

/* A packet of an endpoint.  FALSE: no memory is there.  `*status` isn't USB_NAK. */
static gboolean
carry_out (Ehci *e, unsigned address, unsigned endpoint, gboolean in, const uint32_t *pages, unsigned n_pages,
           uint32_t offset, uint32_t length, uint32_t *actual, UsbStatus *status)
{
  UsbDevice *device = ehci_find_device (e, address);

  *actual = 0;
  *status = USB_GONE;
  if (!in && !copy (e, pages, n_pages, offset, FALSE, length))
    return FALSE;
  if (device != NULL)
    *status
        = usb_device_transfer (device, in ? USB_PID_IN : USB_PID_OUT, endpoint, e->buffer, length, actual);
  *actual = MIN (*actual, length);
  if (*status == USB_NAK)
    *status = USB_OK;
  return !in || copy (e, pages, n_pages, offset, TRUE, *actual);
}

gboolean
ehci_iso (Ehci *e, uint32_t address, uint32_t *next)
{
  uint32_t word[ITD_WORDS];
  gboolean moved = FALSE;

  *next = LINK_END;
  if (!read_words (e, address, word, ITD_WORDS))
    {
      ehci_halt (e);
      return FALSE;
    }
  *next = word[0];
  for (unsigned i = 0; i < ITD_SLOTS; i++)
    {
      uint32_t *slot = &word[1 + i];
      const unsigned page = *slot >> 12 & 7;
      const gboolean in = (word[10] & 1u << 11) != 0;
      const uint32_t length = MIN (*slot >> 16 & 0xfff, ITD_MOST);
      uint32_t actual, error = 0;
      UsbStatus status;

      if (!(*slot & ITD_ACTIVE))
        continue;
      moved = TRUE;
      if (page >= ITD_PAGES
          || !carry_out (e, word[9] & 0x7f, word[9] >> 8 & 0xf, in, &word[9 + page], ITD_PAGES - page,
                         *slot & 0xfff, length, &actual, &status))
        {
          error = ITD_BUFFER;
          actual = 0;
        }
      else if (status != USB_OK)
        error = status == USB_BABBLE ? ITD_BABBLE : ITD_XACT;
      *slot = (*slot & 0x0000ffffu) | (in ? actual : length) << 16 | error;
      if (!dma_write32 (&e->pci.dma, address + 4 + 4 * i, *slot))
        ehci_halt (e);
      if (*slot & ITD_IOC)
        e->usbsts |= USBSTS_INT;
      if (error != 0)
        e->usbsts |= USBSTS_ERROR;
    }
  return moved;
}

gboolean
ehci_split_iso (Ehci *e, uint32_t address, uint32_t *next)
{
  uint32_t word[SITD_WORDS], actual = 0, error = 0;
  UsbStatus status = USB_OK;

  *next = LINK_END;
  if (!read_words (e, address, word, SITD_WORDS))
    {
      ehci_halt (e);
      return FALSE;
    }
  *next = word[0];
  if (!(word[3] & SITD_ACTIVE))
    return FALSE;
  const uint32_t length = MIN (word[3] >> 16 & 0x3ff, SITD_MOST);
  const unsigned page = word[3] & SITD_PAGE ? 1 : 0;
  if (!carry_out (e, word[1] & 0x7f, word[1] >> 8 & 0xf, (word[1] & 1u << 31) != 0, &word[4 + page], 2 - page,
                  word[4] & 0xfff, length, &actual, &status))
    error = SITD_BUFFER;
  else if (status != USB_OK)
    error = status == USB_BABBLE ? SITD_BABBLE : 1u << 3;
  word[3] = (word[3] & ~(0x3ffu << 16 | 0xffu)) | (length - actual) << 16 | error;
  if (!dma_write32 (&e->pci.dma, address + 12, word[3]))
    ehci_halt (e);
  if (word[3] & SITD_IOC)
    e->usbsts |= USBSTS_INT;
  if (error != 0)
    e->usbsts |= USBSTS_ERROR;
  return TRUE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the EHCI, as a guest has one: one queue in the asynchronous schedule, one in all frames of the periodic one.  For tests and fuzzers.
 */
#pragma once

#include "usb-machine.h"

#include "usb/ehci-private.h"
#include "usb/uhci.h"

#define EH_FRAMES   0x10000u
#define EH_ASYNC    0x12000u
#define EH_PERIODIC 0x13000u
#define EH_TDS      0x14000u /* 32 bytes each */
#define EH_BUFFERS  0x40000u
#define EH_OP       0x20u
#define EH_PORT     (EH_OP + 0x44u)

typedef struct
{
  Usb usb;
  Device *companions[EHCI_N_COMPANIONS];
  unsigned n_tds, address;
} Eh;

static inline void
eh_open (Eh *h, UsbHidKind kind, UsbDevice **device)
{
  g_autoptr (GError) error = NULL;

  *h = (Eh){ 0 };
  usb_open (&h->usb);
  vm_lock (h->usb.vm);
  for (unsigned i = 0; i < EHCI_N_COMPANIONS; i++)
    {
      h->companions[i] = uhci_new (h->usb.vm, "companion", pci_root_bus (h->usb.root), USB_DEVFN + i,
                                   (UhciModel)(UHCI_ICH9_1 + i), &error);
      g_assert_no_error (error);
    }
  h->usb.controller
      = ehci_new (h->usb.vm, "usb0", pci_root_bus (h->usb.root), USB_DEVFN + 7, h->companions, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < h->usb.vm->devices->len; i++)
    {
      Device *each = g_ptr_array_index (h->usb.vm->devices, i);

      each->klass->reset (each);
    }
  vm_unlock (h->usb.vm);
  *device = usb_plug_hid (&h->usb, ehci_free_port (h->usb.controller), "hid0", kind);
}

static inline void
eh_map (Eh *h)
{
  usb_config (&h->usb, USB_DEVFN + 7, PCI_BAR0, USB_BAR, 4);
  usb_config (&h->usb, USB_DEVFN + 7, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static inline void
eh_head (Eh *h, uint32_t at, uint32_t link, unsigned endpoint, unsigned packet, unsigned mask)
{
  memset (usb_ram (&h->usb, at), 0, 64);
  usb_put32 (&h->usb, at, link);
  usb_put32 (&h->usb, at + 4, packet << 16 | 1u << 15 | 1u << 14 | 2u << 12 | endpoint << 8 | h->address);
  usb_put32 (&h->usb, at + 8, 1u << 30 | mask);
  usb_put32 (&h->usb, at + 16, LINK_END);
  usb_put32 (&h->usb, at + 20, LINK_END);
}

static inline void
eh_start (Eh *h)
{
  usb_write (&h->usb, EH_OP, USBCMD_RESET, 4);
  h->n_tds = h->address = 0;
  eh_head (h, EH_ASYNC, EH_ASYNC | LINK_QH << 1, 0, 64, 0);
  eh_head (h, EH_PERIODIC, LINK_END, 1, 8, 1);
  for (unsigned i = 0; i < 1024; i++)
    usb_put32 (&h->usb, EH_FRAMES + 4 * i, EH_PERIODIC | LINK_QH << 1);
  usb_write (&h->usb, EH_OP + 0x08, 0x37, 4);
  usb_write (&h->usb, EH_OP + 0x14, EH_FRAMES, 4);
  usb_write (&h->usb, EH_OP + 0x18, EH_ASYNC, 4);
  usb_write (&h->usb, EH_OP, USBCMD_RS, 4);
  usb_write (&h->usb, EH_OP + 0x40, 1, 4);
  usb_write (&h->usb, EH_PORT, PORTSC_POWER | PORTSC_RESET, 4);
  usb_write (&h->usb, EH_PORT, PORTSC_POWER, 4);
}

static inline uint32_t
eh_td (Eh *h, unsigned pid, uint32_t buffer, unsigned length, uint32_t flags)
{
  const uint32_t at = EH_TDS + 64 * (h->n_tds % 0x200);

  memset (usb_ram (&h->usb, at), 0, 32);
  usb_put32 (&h->usb, at, LINK_END);
  usb_put32 (&h->usb, at + 4, LINK_END);
  usb_put32 (&h->usb, at + 8, length << 16 | 3u << 10 | pid << 8 | TOKEN_ACTIVE | flags);
  for (unsigned i = 0; i < EHCI_PAGES; i++)
    usb_put32 (&h->usb, at + 12 + 4 * i, i == 0 ? buffer : (buffer & ~0xfffu) + 4096 * i);
  if (h->n_tds > 0)
    usb_put32 (&h->usb, at - 64, at);
  h->n_tds++;
  return at;
}

/* The head takes this one next. */
static inline void
eh_go (Eh *h, uint32_t head, uint32_t first)
{
  usb_put32 (&h->usb, head + 24, 0);
  usb_put32 (&h->usb, head + 16, first);
}

static inline void
eh_run (Eh *h, unsigned ms)
{
  for (unsigned i = 0; i < ms; i++)
    usb_advance (&h->usb, 1000000);
}

static inline uint32_t
eh_token (Eh *h, uint32_t td)
{
  return usb_get32 (&h->usb, td + 8);
}

static inline gboolean
eh_control (Eh *h, unsigned type, unsigned request, unsigned value, unsigned length)
{
  const gboolean in = (type & 0x80) != 0;
  uint32_t first, last;

  eh_head (h, EH_ASYNC, EH_ASYNC | LINK_QH << 1, 0, 64, 0);
  usb_put32 (&h->usb, EH_BUFFERS, type | request << 8 | value << 16);
  usb_put32 (&h->usb, EH_BUFFERS + 4, length << 16);
  h->n_tds = 0;
  first = eh_td (h, 2, EH_BUFFERS, 8, 0);
  if (length > 0)
    eh_td (h, in, EH_BUFFERS + 0xfc0, length, 0); /* over a page */
  last = eh_td (h, !(in && length > 0), 0, 0, TOKEN_IOC);
  eh_go (h, EH_ASYNC, first);
  usb_write (&h->usb, EH_OP, USBCMD_RS | USBCMD_ASYNC, 4);
  eh_run (h, 40);
  return (eh_token (h, last) & (TOKEN_ACTIVE | TOKEN_HALTED)) == 0;
}

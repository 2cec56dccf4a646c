/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A driver of the xHCI, as a guest has one.  For tests and fuzzers.
 */
#pragma once

#include "usb-machine.h"

#include "usb/xhci-private.h"

#define HC_DCBAA      0x1000u
#define HC_COMMANDS   0x2000u
#define HC_N_COMMANDS 64u /* the last is a link */
#define HC_ERST       0x3000u
#define HC_EVENTS     0x4000u
#define HC_N_EVENTS   64u
#define HC_INPUT      0x6000u
#define HC_CONTEXTS   0x10000u
#define HC_RINGS      0x40000u
#define HC_RING_TRBS  64u /* the last is a link */
#define HC_BUFFERS    0x500000u

typedef struct
{
  Usb usb;
  unsigned command, event; /* where the driver is in its rings */
  uint32_t command_cycle, event_cycle;
  unsigned ring[XHCI_SLOTS + 1][32];
  uint32_t ring_cycle[XHCI_SLOTS + 1][32];
} Hc;

typedef struct
{
  uint64_t parameter;
  uint32_t status, control;
  unsigned type, code, slot, dci;
} HcEvent;

static inline void
hc_trb (Hc *hc, uint64_t at, uint64_t parameter, uint32_t status, uint32_t control)
{
  usb_put32 (&hc->usb, at, (uint32_t)parameter);
  usb_put32 (&hc->usb, at + 4, (uint32_t)(parameter >> 32));
  usb_put32 (&hc->usb, at + 8, status);
  usb_put32 (&hc->usb, at + 12, control);
}

static inline void
hc_open (Hc *hc)
{
  g_autoptr (GError) error = NULL;

  memset (hc, 0, sizeof *hc);
  usb_open (&hc->usb);
  vm_lock (hc->usb.vm);
  hc->usb.controller = xhci_new (hc->usb.vm, "usb0", pci_root_bus (hc->usb.root), USB_DEVFN, &error);
  g_assert_no_error (error);
  hc->usb.controller->klass->reset (hc->usb.controller);
  vm_unlock (hc->usb.vm);
}

static inline void
hc_map (Hc *hc)
{
  usb_config (&hc->usb, USB_DEVFN, PCI_BAR0, USB_BAR, 4);
  usb_config (&hc->usb, USB_DEVFN, PCI_BAR0 + 4, 0, 4);
  usb_config (&hc->usb, USB_DEVFN, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 2);
}

static inline void
hc_write64 (Hc *hc, unsigned offset, uint64_t value)
{
  usb_write (&hc->usb, offset, (uint32_t)value, 4);
  usb_write (&hc->usb, offset + 4, value >> 32, 4);
}

static inline void
hc_events (Hc *hc, unsigned n_events)
{
  const unsigned ir = XHCI_RUNTIME + 0x20;

  memset (usb_ram (&hc->usb, HC_EVENTS), 0, HC_N_EVENTS * 16);
  hc_trb (hc, HC_ERST, HC_EVENTS, n_events, 0);
  hc->event = 0;
  hc->event_cycle = 1;
  usb_write (&hc->usb, ir + 0x08, 1, 4);
  hc_write64 (hc, ir + 0x18, HC_EVENTS);
  hc_write64 (hc, ir + 0x10, HC_ERST);
  usb_write (&hc->usb, ir, IMAN_IE, 4);
}

/* 4.2, with `n_events` in the ring. */
static inline void
hc_start (Hc *hc, unsigned n_events)
{
  usb_write (&hc->usb, XHCI_OPERATIONAL, USBCMD_RESET, 4);
  memset (usb_ram (&hc->usb, HC_DCBAA), 0, 0x1000);
  memset (usb_ram (&hc->usb, HC_COMMANDS), 0, HC_N_COMMANDS * 16);
  memset (usb_ram (&hc->usb, HC_RINGS), 0, 8 * 32 * HC_RING_TRBS * 16);
  hc_trb (hc, HC_COMMANDS + (HC_N_COMMANDS - 1) * 16, HC_COMMANDS, 0, 0);
  hc->command = 0;
  hc->command_cycle = 1;
  memset (hc->ring, 0, sizeof hc->ring);
  usb_write (&hc->usb, XHCI_OPERATIONAL + 0x38, XHCI_SLOTS, 4);
  hc_write64 (hc, XHCI_OPERATIONAL + 0x30, HC_DCBAA);
  hc_write64 (hc, XHCI_OPERATIONAL + 0x18, HC_COMMANDS | 1);
  hc_events (hc, n_events);
  usb_write (&hc->usb, XHCI_OPERATIONAL, USBCMD_RUN | USBCMD_INTE, 4);
}

/* The machine's time goes on, a little. */
static inline void
hc_run (Hc *hc)
{
  for (unsigned i = 0; i < 4; i++)
    usb_advance (&hc->usb, 1000);
}

/* FALSE: there is none.  Otherwise the guest has taken it. */
static inline gboolean
hc_next_event (Hc *hc, unsigned n_events, HcEvent *event)
{
  const uint64_t at = HC_EVENTS + hc->event * 16ull;

  event->control = usb_get32 (&hc->usb, at + 12);
  if ((event->control & 1) != hc->event_cycle)
    return FALSE;
  event->parameter = usb_get32 (&hc->usb, at) | (uint64_t)usb_get32 (&hc->usb, at + 4) << 32;
  event->status = usb_get32 (&hc->usb, at + 8);
  event->type = event->control >> 10 & 0x3f;
  event->code = event->status >> 24;
  event->slot = event->control >> 24;
  event->dci = event->control >> 16 & 0x1f;
  if (++hc->event == n_events)
    {
      hc->event = 0;
      hc->event_cycle ^= 1;
    }
  hc_write64 (hc, XHCI_RUNTIME + 0x20 + 0x18, (HC_EVENTS + hc->event * 16ull) | ERDP_EHB);
  return TRUE;
}

/* The next one of this type; others are passed over. */
static inline HcEvent
hc_wait (Hc *hc, unsigned type)
{
  HcEvent event = { 0 };

  hc_run (hc);
  while (hc_next_event (hc, HC_N_EVENTS, &event))
    if (event.type == type)
      return event;
  return (HcEvent){ 0 };
}

static inline void
hc_put_command (Hc *hc, uint64_t parameter, uint32_t status, uint32_t control)
{
  hc_trb (hc, HC_COMMANDS + hc->command * 16ull, parameter, status, control | hc->command_cycle);
  if (++hc->command == HC_N_COMMANDS - 1)
    {
      hc_trb (hc, HC_COMMANDS + hc->command * 16ull, HC_COMMANDS, 0,
              TRB_LINK << TRB_TYPE_SHIFT | TRB_TOGGLE | hc->command_cycle);
      hc->command = 0;
      hc->command_cycle ^= 1;
    }
  usb_write (&hc->usb, XHCI_DOORBELLS, 0, 4);
}

/* Its completion code; the event in `*event` (may be NULL). */
static inline unsigned
hc_command (Hc *hc, unsigned type, uint64_t parameter, uint32_t control, HcEvent *event)
{
  HcEvent got;

  hc_put_command (hc, parameter, 0, type << TRB_TYPE_SHIFT | control);
  got = hc_wait (hc, TRB_EVENT_COMMAND);
  if (event != NULL)
    *event = got;
  return got.code;
}

static inline uint64_t
hc_ring (unsigned slot, unsigned dci)
{
  return HC_RINGS + ((slot % 8) * 32ull + dci) * HC_RING_TRBS * 16;
}

static inline uint64_t
hc_context (unsigned slot)
{
  return HC_CONTEXTS + (slot % 8) * 0x1000ull;
}

static inline void
hc_clear_input (Hc *hc, uint32_t drop, uint32_t add)
{
  memset (usb_ram (&hc->usb, HC_INPUT), 0, 33 * 32);
  usb_put32 (&hc->usb, HC_INPUT, drop);
  usb_put32 (&hc->usb, HC_INPUT + 4, add);
}

static inline void
hc_new_ring (Hc *hc, unsigned slot, unsigned dci)
{
  memset (usb_ram (&hc->usb, hc_ring (slot, dci)), 0, HC_RING_TRBS * 16);
  hc->ring[slot][dci] = 0;
  hc->ring_cycle[slot][dci] = 1;
}

static inline void
hc_input_endpoint (Hc *hc, unsigned slot, unsigned dci, unsigned type, unsigned packet)
{
  const uint64_t at = HC_INPUT + (dci + 1) * 32ull;

  hc_new_ring (hc, slot, dci);
  usb_put32 (&hc->usb, at + 4, packet << 16 | type << 3 | 3 << 1);
  usb_put32 (&hc->usb, at + 8, (uint32_t)hc_ring (slot, dci) | 1);
}

/* Resets a port (from 1), enables a slot and gives the device there an address.  The slot; 0: that failed. */
static inline unsigned
hc_address (Hc *hc, unsigned port, uint32_t route)
{
  HcEvent event;
  unsigned slot;

  if (route == 0) /* else a hub's is reset */
    usb_write (&hc->usb, XHCI_PORTS + 16 * (port - 1), PORTSC_PP | PORTSC_PR, 4);
  if (hc_command (hc, TRB_ENABLE_SLOT, 0, 0, &event) != CC_SUCCESS)
    return 0;
  slot = event.slot;
  if (slot > XHCI_SLOTS) /* memory that somebody else has written */
    return 0;
  usb_put32 (&hc->usb, HC_DCBAA + 8 * slot, (uint32_t)hc_context (slot));
  hc_clear_input (hc, 0, 3);
  usb_put32 (&hc->usb, HC_INPUT + 32, 1u << 27 | route);
  usb_put32 (&hc->usb, HC_INPUT + 36, port << 16);
  hc_input_endpoint (hc, slot, 1, EP_TYPE_CONTROL, 64);
  return hc_command (hc, TRB_ADDRESS_DEVICE, HC_INPUT, slot << 24, NULL) == CC_SUCCESS ? slot : 0;
}

/* One endpoint more.  `type` as 6.2.3 has it: 2 bulk OUT, 6 bulk IN, 7 interrupt IN. */
static inline unsigned
hc_configure (Hc *hc, unsigned slot, unsigned dci, unsigned type, unsigned packet)
{
  hc_clear_input (hc, 0, 1u | 1u << dci);
  usb_put32 (&hc->usb, HC_INPUT + 32, 31u << 27);
  hc_input_endpoint (hc, slot, dci, type, packet);
  return hc_command (hc, TRB_CONFIGURE, HC_INPUT, slot << 24, NULL);
}

/* Where it was put. */
static inline uint64_t
hc_put (Hc *hc, unsigned slot, unsigned dci, uint64_t parameter, uint32_t status, uint32_t control)
{
  unsigned *at = &hc->ring[slot][dci];
  const uint64_t address = hc_ring (slot, dci) + *at * 16ull;

  hc_trb (hc, address, parameter, status, control | hc->ring_cycle[slot][dci]);
  if (++*at == HC_RING_TRBS - 1)
    {
      hc_trb (hc, hc_ring (slot, dci) + *at * 16ull, hc_ring (slot, dci), 0,
              TRB_LINK << TRB_TYPE_SHIFT | TRB_TOGGLE | (control & TRB_CHAIN) | hc->ring_cycle[slot][dci]);
      *at = 0;
      hc->ring_cycle[slot][dci] ^= 1;
    }
  return address;
}

static inline void
hc_doorbell (Hc *hc, unsigned slot, unsigned dci)
{
  usb_write (&hc->usb, XHCI_DOORBELLS + 4 * slot, dci, 4);
}

/* A whole control transfer with its data at HC_BUFFERS.  The completion code of its status stage, or of what failed. */
static inline unsigned
hc_control (Hc *hc, unsigned slot, unsigned type, unsigned request, unsigned value, unsigned index,
            unsigned length)
{
  const gboolean in = (type & 0x80) != 0;

  hc_put (hc, slot, 1, type | request << 8 | value << 16 | (uint64_t)index << 32 | (uint64_t)length << 48, 8,
          TRB_SETUP << TRB_TYPE_SHIFT | TRB_IDT);
  if (length > 0)
    hc_put (hc, slot, 1, HC_BUFFERS, length, TRB_DATA << TRB_TYPE_SHIFT | (in ? TRB_DIR_IN : 0));
  hc_put (hc, slot, 1, 0, 0, TRB_STATUS << TRB_TYPE_SHIFT | TRB_IOC | (in && length > 0 ? 0 : TRB_DIR_IN));
  hc_doorbell (hc, slot, 1);
  return hc_wait (hc, TRB_EVENT_TRANSFER).code;
}

static inline uint64_t
hc_normal (Hc *hc, unsigned slot, unsigned dci, uint64_t buffer, uint32_t length, uint32_t flags)
{
  return hc_put (hc, slot, dci, buffer, length, TRB_NORMAL << TRB_TYPE_SHIFT | flags);
}

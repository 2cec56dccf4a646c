/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The xHCI with devices in its ports: rings, commands, events, sleep, saved machines, and drivers that do what none does.
 */
#include "iso-device.h"
#include "xhci-driver.h"

#include "pci/msix.h"

#include <linux/input-event-codes.h>

#define TABLET_PORT 3u /* as the guest counts */

static unsigned
portsc (Hc *hc, unsigned port)
{
  return usb_read (&hc->usb, XHCI_PORTS + 16 * (port - 1), 4);
}

/* A tablet, addressed and configured; its slot. */
static unsigned
begin (Hc *hc, UsbHidKind kind, UsbDevice **device)
{
  hc_open (hc);
  *device = usb_plug_hid (&hc->usb, xhci_port (hc->usb.controller, TABLET_PORT - 1), "hid0", kind);
  hc_map (hc);
  hc_start (hc, HC_N_EVENTS);
  const unsigned slot = hc_address (hc, TABLET_PORT, 0);
  g_assert_cmpuint (slot, ==, 1);
  g_assert_cmpint ((*device)->address, ==, 1);
  g_assert_cmpuint (hc_control (hc, slot, 0, USB_SET_CONFIGURATION, 1, 0, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (hc, slot, 3, 7, 8), ==, CC_SUCCESS);
  return slot;
}

static uint64_t
turns (Hc *hc)
{
  return xhci_turns (hc->usb.controller);
}

/* -- What works ------------------------------------------------------------------------------------------ */

static void
test_ports (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  hc_open (&hc);
  hc_map (&hc);
  hc_start (&hc, HC_N_EVENTS);
  g_assert_cmphex (portsc (&hc, TABLET_PORT) & (PORTSC_CCS | PORTSC_PP), ==, PORTSC_PP);
  device = usb_plug_hid (&hc.usb, xhci_port (hc.usb.controller, TABLET_PORT - 1), "hid0", USB_HID_TABLET);
  event = hc_wait (&hc, TRB_EVENT_PORT);
  g_assert_cmpuint (event.parameter >> 24, ==, TABLET_PORT);
  g_assert_cmphex (portsc (&hc, TABLET_PORT) & 0x20003, ==, PORTSC_CCS | PORTSC_CSC);
  /* High speed, on the USB 2 port; nothing on its other half. */
  g_assert_cmphex (portsc (&hc, TABLET_PORT) >> PORTSC_SPEED & 0xf, ==, 3);
  g_assert_cmphex (portsc (&hc, TABLET_PORT + XHCI_N_PORTS) & PORTSC_CCS, ==, 0);
  usb_write (&hc.usb, XHCI_PORTS + 16 * (TABLET_PORT - 1), PORTSC_PP | PORTSC_CSC, 4);
  g_assert_cmphex (portsc (&hc, TABLET_PORT) & PORTSC_CSC, ==, 0);
  usb_write (&hc.usb, XHCI_PORTS + 16 * (TABLET_PORT - 1), PORTSC_PP | PORTSC_PR, 4);
  event = hc_wait (&hc, TRB_EVENT_PORT);
  g_assert_cmpuint (event.parameter >> 24, ==, TABLET_PORT);
  g_assert_cmphex (portsc (&hc, TABLET_PORT) & (PORTSC_PED | PORTSC_PRC), ==, PORTSC_PED | PORTSC_PRC);
  vm_lock (hc.usb.vm);
  device_free (&device->device);
  vm_unlock (hc.usb.vm);
  event = hc_wait (&hc, TRB_EVENT_PORT);
  g_assert_cmpuint (event.parameter >> 24, ==, TABLET_PORT);
  g_assert_cmphex (portsc (&hc, TABLET_PORT) & (PORTSC_CCS | PORTSC_PED), ==, 0);
  usb_close (&hc.usb);
}

static void
test_control (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  memset (usb_ram (&hc.usb, HC_BUFFERS), 0xee, 64);
  g_assert_cmpuint (hc_control (&hc, slot, 0x80, USB_GET_DESCRIPTOR, 0x100, 0, 18), ==, CC_SUCCESS);
  g_assert_cmphex (usb_get32 (&hc.usb, HC_BUFFERS) & 0xffff, ==, 0x0112);
  /* What isn't there stalls its data stage and halts the endpoint. */
  g_assert_cmpuint (hc_control (&hc, slot, 0x80, USB_GET_DESCRIPTOR, 0x900, 0, 18), ==, CC_STALL);
  g_assert_cmphex (usb_get32 (&hc.usb, hc_context (slot) + 32) & 7, ==, EP_HALTED);
  g_assert_cmpuint (hc_command (&hc, TRB_RESET_ENDPOINT, 0, slot << 24 | 1 << 16, NULL), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_command (&hc, TRB_SET_DEQUEUE, (hc_ring (slot, 1) + hc.ring[slot][1] * 16) | 1,
                                slot << 24 | 1 << 16, NULL),
                    ==, CC_SUCCESS);
  g_assert_cmpuint (hc_control (&hc, slot, 0x80, USB_GET_STATUS, 0, 0, 2), ==, CC_SUCCESS);
  /* A short packet is told of where it came, and again by event data; the residual is what was left. */
  hc_put (&hc, slot, 1, 0x80 | USB_GET_DESCRIPTOR << 8 | 0x100ull << 16 | 64ull << 48, 8,
          TRB_SETUP << TRB_TYPE_SHIFT | TRB_IDT);
  uint64_t at
      = hc_put (&hc, slot, 1, HC_BUFFERS, 60, TRB_DATA << TRB_TYPE_SHIFT | TRB_DIR_IN | TRB_CHAIN | TRB_ISP);
  hc_put (&hc, slot, 1, HC_BUFFERS + 60, 4, TRB_NORMAL << TRB_TYPE_SHIFT | TRB_CHAIN | TRB_ISP);
  hc_put (&hc, slot, 1, 0x123456789abcull, 0, TRB_EVENT_DATA << TRB_TYPE_SHIFT | TRB_IOC);
  hc_put (&hc, slot, 1, 0, 0, TRB_STATUS << TRB_TYPE_SHIFT | TRB_IOC);
  hc_doorbell (&hc, slot, 1);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  g_assert_cmphex (event.parameter, ==, at);
  g_assert_cmpuint (event.status & 0xffffff, ==, 60 - 18);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  g_assert_cmphex (event.parameter, ==, 0x123456789abcull);
  g_assert_cmphex (event.control & TRB_EVENT_ED, ==, TRB_EVENT_ED);
  g_assert_cmpuint (event.status & 0xffffff, ==, 18);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SUCCESS);
  usb_close (&hc.usb);
}

/* A question waits without waking anybody until there is something to say. */
static void
test_interrupt (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  uint64_t at = hc_normal (&hc, slot, 3, HC_BUFFERS, 8, TRB_IOC | TRB_ISP);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  g_assert_true (input_router_is_absolute (hc.usb.router));
  const uint64_t before = turns (&hc);
  usb_advance (&hc.usb, 10 * NS_PER_SECOND);
  g_assert_cmpuint (turns (&hc), ==, before);
  vm_lock (hc.usb.vm);
  g_assert_cmpint (vm_clock_next_deadline (hc.usb.vm->clock), ==, -1);
  vm_unlock (hc.usb.vm);
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x1234, 0x4567);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  g_assert_cmphex (event.parameter, ==, at);
  g_assert_cmpuint (event.dci, ==, 3);
  g_assert_cmpuint (event.status & 0xffffff, ==, 1);
  g_assert_cmpmem (usb_ram (&hc.usb, HC_BUFFERS), 5, "\0\x34\x12\x67\x45", 5);
  /* More of them than the ring is long. */
  for (int i = 0; i < 300; i++)
    {
      hc_normal (&hc, slot, 3, HC_BUFFERS, 7, TRB_IOC);
      hc_doorbell (&hc, slot, 3);
      hc_run (&hc);
      usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, i, 0);
      event = hc_wait (&hc, TRB_EVENT_TRANSFER);
      g_assert_cmpuint (event.code, ==, CC_SUCCESS);
      g_assert_cmpuint (usb_get32 (&hc.usb, HC_BUFFERS + 1) & 0xffff, ==, (unsigned)i);
    }
  usb_close (&hc.usb);
}

/* A report in pieces of memory, a buffer that is too small for one, and immediate data. */
static void
test_pieces (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  hc_normal (&hc, slot, 3, HC_BUFFERS, 1, TRB_CHAIN);
  hc_normal (&hc, slot, 3, HC_BUFFERS + 0x100, 2, TRB_CHAIN);
  hc_put (&hc, slot, 3, 0, 0, TRB_NO_OP << TRB_TYPE_SHIFT | TRB_CHAIN);
  hc_normal (&hc, slot, 3, HC_BUFFERS + 0x200, 4, TRB_IOC);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x1234, 0x4567);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SUCCESS);
  g_assert_cmpmem (usb_ram (&hc.usb, HC_BUFFERS + 0x100), 2, "\x34\x12", 2);
  g_assert_cmpmem (usb_ram (&hc.usb, HC_BUFFERS + 0x200), 2, "\x67\x45", 2);
  /* The rest of the TD isn't there yet: nothing is asked. */
  hc_normal (&hc, slot, 3, HC_BUFFERS, 4, TRB_CHAIN);
  hc_doorbell (&hc, slot, 3);
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 7, 8);
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_TRANSFER).code, ==, 0);
  hc_normal (&hc, slot, 3, HC_BUFFERS + 4, 4, TRB_IOC | TRB_ISP);
  hc_doorbell (&hc, slot, 3);
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_TRANSFER).code, ==, CC_SHORT_PACKET);
  hc_normal (&hc, slot, 3, HC_BUFFERS, 3, TRB_IOC);
  hc_doorbell (&hc, slot, 3);
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 1, 2);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_BABBLE);
  g_assert_cmphex (usb_get32 (&hc.usb, hc_context (slot) + 3 * 32) & 7, ==, EP_HALTED);
  usb_close (&hc.usb);
}

static void
test_stop (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  uint64_t first = hc_normal (&hc, slot, 3, HC_BUFFERS, 8, TRB_IOC | TRB_ISP);
  uint64_t second = hc_normal (&hc, slot, 3, HC_BUFFERS + 64, 8, TRB_IOC | TRB_ISP);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  /* The transfer that waits is told of before the command's end. */
  hc_put_command (&hc, 0, 0, TRB_STOP_ENDPOINT << TRB_TYPE_SHIFT | slot << 24 | 3 << 16);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_STOPPED);
  g_assert_cmphex (event.parameter, ==, first);
  g_assert_cmpuint (event.status & 0xffffff, ==, 8);
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_COMMAND).code, ==, CC_SUCCESS);
  g_assert_cmphex (usb_get32 (&hc.usb, hc_context (slot) + 3 * 32) & 7, ==, EP_STOPPED);
  g_assert_cmphex (usb_get32 (&hc.usb, hc_context (slot) + 3 * 32 + 8), ==, first | 1);
  g_assert_cmpuint (hc_command (&hc, TRB_STOP_ENDPOINT, 0, slot << 24 | 3 << 16, NULL), ==, CC_CONTEXT_STATE);
  /* It is stopped: nothing is sent. */
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 5, 6);
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_TRANSFER).code, ==, 0);
  g_assert_cmpuint (hc_command (&hc, TRB_SET_DEQUEUE, second | 1, slot << 24 | 3 << 16, NULL), ==,
                    CC_SUCCESS);
  hc_doorbell (&hc, slot, 3);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmphex (event.parameter, ==, second);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  /* The command ring stops and goes on, too. */
  g_assert_cmphex (usb_read (&hc.usb, XHCI_OPERATIONAL + 0x18, 4) & CRCR_RUNNING, ==, CRCR_RUNNING);
  usb_write (&hc.usb, XHCI_OPERATIONAL + 0x18, CRCR_STOP, 4);
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_COMMAND).code, ==, CC_COMMAND_STOPPED);
  g_assert_cmphex (usb_read (&hc.usb, XHCI_OPERATIONAL + 0x18, 4) & CRCR_RUNNING, ==, 0);
  g_assert_cmpuint (hc_command (&hc, TRB_COMMAND_NO_OP, 0, 0, NULL), ==, CC_SUCCESS);
  usb_close (&hc.usb);
}

/* A guest that looks late loses no event, and is told that its ring is full. */
static void
test_full_ring (void)
{
  const unsigned small = 16;
  unsigned n = 0, full = 0;
  HcEvent event;
  Hc hc;

  hc_open (&hc);
  hc_map (&hc);
  hc_start (&hc, small);
  for (unsigned i = 0; i < 200; i++)
    {
      hc_put_command (&hc, 0, 0, TRB_COMMAND_NO_OP << TRB_TYPE_SHIFT);
      if (i % 50 == 49) /* the ring has 63 places */
        for (unsigned round = 0; round < 40; round++)
          {
            hc_run (&hc);
            while (hc_next_event (&hc, small, &event))
              {
                n += event.type == TRB_EVENT_COMMAND;
                full += event.type == TRB_EVENT_HOST && event.code == CC_RING_FULL;
              }
          }
    }
  g_assert_cmpuint (n, ==, 200);
  g_assert_cmpuint (full, >, 0);
  usb_close (&hc.usb);
}

static void
test_interrupts (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_KEYBOARD, &device);
  while (hc_next_event (&hc, HC_N_EVENTS, &event))
    ;
  usb_write (&hc.usb, XHCI_RUNTIME + 0x20, IMAN_IP | IMAN_IE, 4);
  g_assert_false (hc.usb.level);
  hc_normal (&hc, slot, 3, HC_BUFFERS, 8, TRB_IOC);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  usb_event (&hc.usb, INPUT_EVENT_KEY, KEY_A, 1, 0, 0);
  hc_run (&hc);
  g_assert_true (hc.usb.level);
  g_assert_cmphex (usb_read (&hc.usb, XHCI_OPERATIONAL + 4, 4) & USBSTS_EINT, ==, USBSTS_EINT);
  usb_write (&hc.usb, XHCI_RUNTIME + 0x20, IMAN_IP | IMAN_IE, 4);
  g_assert_false (hc.usb.level);
  /* The handler takes the one event and says that it has done: silence.  It leaves one: it is called again. */
  const unsigned before = hc.usb.n_interrupts;
  g_assert_true (hc_next_event (&hc, HC_N_EVENTS, &event));
  g_assert_cmpuint (hc.usb.n_interrupts, ==, before);
  hc_put_command (&hc, 0, 0, TRB_COMMAND_NO_OP << TRB_TYPE_SHIFT);
  hc_put_command (&hc, 0, 0, TRB_COMMAND_NO_OP << TRB_TYPE_SHIFT);
  hc_run (&hc);
  usb_write (&hc.usb, XHCI_RUNTIME + 0x20, IMAN_IP | IMAN_IE, 4);
  g_assert_cmpuint (hc.usb.n_interrupts, ==, before + 1);
  g_assert_true (hc_next_event (&hc, HC_N_EVENTS, &event));
  g_assert_true (hc.usb.level);
  g_assert_cmpuint (hc.usb.n_interrupts, ==, before + 2);
  usb_close (&hc.usb);
}

/* -- Sleep and plugging ----------------------------------------------------------------------------------- */

static void
test_wake (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_KEYBOARD, &device);
  hc_normal (&hc, slot, 3, HC_BUFFERS, 8, TRB_IOC);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  g_assert_cmpuint (hc_control (&hc, slot, 0, USB_SET_FEATURE, 1, 0, 0), ==, CC_SUCCESS);
  usb_write (&hc.usb, XHCI_PORTS + 16 * (TABLET_PORT - 1), PORTSC_PP | PORTSC_CHANGES, 4);
  usb_write (&hc.usb, XHCI_PORTS + 16 * (TABLET_PORT - 1), PORTSC_PP | PORTSC_LWS | PLS_U3 << 5, 4);
  g_assert_true (device->suspended);
  usb_event (&hc.usb, INPUT_EVENT_KEY, KEY_A, 1, 0, 0);
  event = hc_wait (&hc, TRB_EVENT_PORT);
  g_assert_cmpuint (event.parameter >> 24, ==, TABLET_PORT);
  g_assert_cmpuint (portsc (&hc, TABLET_PORT) >> 5 & 0xf, ==, PLS_RESUME);
  g_assert_cmphex (portsc (&hc, TABLET_PORT) & PORTSC_PLC, ==, PORTSC_PLC);
  usb_write (&hc.usb, XHCI_PORTS + 16 * (TABLET_PORT - 1), PORTSC_PP | PORTSC_LWS | PORTSC_PLC, 4);
  g_assert_false (device->suspended);
  hc_doorbell (&hc, slot, 3);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SUCCESS);
  g_assert_cmpuint (usb_ram (&hc.usb, HC_BUFFERS)[2], ==, 4);
  usb_close (&hc.usb);
}

/* Pulled out while a question waits: it fails, and a new device in the same port is found. */
static void
test_pulled (void)
{
  UsbDevice *device;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  hc_normal (&hc, slot, 3, HC_BUFFERS, 8, TRB_IOC);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  vm_lock (hc.usb.vm);
  device_free (&device->device);
  vm_unlock (hc.usb.vm);
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_TRANSFER).code, ==, CC_TRANSACTION);
  g_assert_false (input_router_is_absolute (hc.usb.router));
  device = usb_plug_hid (&hc.usb, xhci_port (hc.usb.controller, TABLET_PORT - 1), "hid1", USB_HID_MOUSE);
  g_assert_cmpuint (hc_command (&hc, TRB_DISABLE_SLOT, 0, slot << 24, NULL), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_address (&hc, TABLET_PORT, 0), ==, 1);
  g_assert_cmpint (device->address, ==, 1);
  usb_close (&hc.usb);
}

static void
test_saved (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  /* One report that waits, one in pieces, and an event ring that the guest has not looked at. */
  hc_normal (&hc, slot, 3, HC_BUFFERS, 4, TRB_CHAIN);
  hc_normal (&hc, slot, 3, HC_BUFFERS + 4, 3, TRB_IOC);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  hc_put_command (&hc, 0, 0, TRB_COMMAND_NO_OP << TRB_TYPE_SHIFT);
  g_assert_true (usb_save_and_load (&hc.usb));
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_COMMAND).code, ==, CC_SUCCESS);
  g_assert_cmpint (device->address, ==, 1);
  /* The first report says that nothing is held any more. */
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  if (event.code == 0)
    {
      usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 3, 4);
      event = hc_wait (&hc, TRB_EVENT_TRANSFER);
    }
  g_assert_cmpuint (event.code, ==, CC_SUCCESS);
  g_assert_true (input_router_is_absolute (hc.usb.router));
  hc_normal (&hc, slot, 3, HC_BUFFERS, 8, TRB_IOC | TRB_ISP);
  hc_doorbell (&hc, slot, 3);
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x111, 0x222);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  g_assert_cmpmem (usb_ram (&hc.usb, HC_BUFFERS), 5, "\0\x11\x01\x22\x02", 5);
  usb_close (&hc.usb);
}

/* -- What no driver does ------------------------------------------------------------------------------------ */

static void
test_wrong_commands (void)
{
  UsbDevice *device;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  for (unsigned type = 0; type < 64; type++)
    for (unsigned s = 0; s < 256; s += type == TRB_LINK ? 256 : 51)
      {
        if (type == TRB_LINK)
          continue;
        g_assert_cmpuint (hc_command (&hc, type, 0xfee00000u, s << 24 | (s & 31) << 16, NULL), !=, 0);
      }
  /* No endpoint index beyond the last, or 0. */
  for (unsigned dci = 0; dci < 32; dci++)
    {
      hc_command (&hc, TRB_STOP_ENDPOINT, 0, slot << 24 | dci << 16, NULL);
      hc_command (&hc, TRB_RESET_ENDPOINT, 0, slot << 24 | dci << 16, NULL);
      hc_command (&hc, TRB_SET_DEQUEUE, UINT64_MAX, slot << 24 | dci << 16, NULL);
      hc_doorbell (&hc, slot, dci);
      hc_doorbell (&hc, slot, 0xff);
    }
  hc_run (&hc);
  /* It goes on with who means well. */
  hc_start (&hc, HC_N_EVENTS);
  g_assert_cmpuint (hc_address (&hc, TABLET_PORT, 0), ==, 1);
  /* The same device a second time, a port that there isn't, and a hub where there is none. */
  g_assert_cmpuint (hc_address (&hc, TABLET_PORT, 0), ==, 0);
  g_assert_cmpuint (hc_address (&hc, TABLET_PORT, 0x11111), ==, 0);
  hc_clear_input (&hc, 0, 3);
  for (unsigned port = 0; port < 256; port += 5)
    {
      usb_put32 (&hc.usb, HC_INPUT + 36, port << 16);
      g_assert_cmpuint (hc_command (&hc, TRB_ADDRESS_DEVICE, HC_INPUT, 2 << 24, NULL), !=, CC_SUCCESS);
    }
  usb_close (&hc.usb);
}

static void
test_wrong_rings (void)
{
  static const uint64_t places[]
      = { 0xfee00000u, USB_BAR, USB_RAM - 8, UINT64_MAX - 15, 0xfffffffffffffff0ull, HC_RINGS };

  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    for (unsigned what = 0; what < 6; what++)
      {
        UsbDevice *device;
        Hc hc;

        const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
        switch (what)
          {
          case 0: /* the event ring's table, and its ring */
            hc_write64 (&hc, XHCI_RUNTIME + 0x30, places[i]);
            break;
          case 1:
            hc_trb (&hc, HC_ERST, places[i], 64, 0);
            hc_write64 (&hc, XHCI_RUNTIME + 0x30, HC_ERST);
            hc_write64 (&hc, XHCI_RUNTIME + 0x38, places[i]);
            break;
          case 2: /* commands */
            usb_write (&hc.usb, XHCI_OPERATIONAL, 0, 4);
            hc_write64 (&hc, XHCI_OPERATIONAL + 0x18, places[i] | 1);
            usb_write (&hc.usb, XHCI_OPERATIONAL, USBCMD_RUN, 4);
            break;
          case 3: /* contexts */
            hc_write64 (&hc, XHCI_OPERATIONAL + 0x30, places[i]);
            break;
          case 4: /* a link to itself, or to nowhere */
            hc_put (&hc, slot, 3, i == 5 ? hc_ring (slot, 3) : places[i], 0, TRB_LINK << TRB_TYPE_SHIFT);
            break;
          default: /* a buffer */
            hc_normal (&hc, slot, 3, places[i], 0x1ffff, TRB_IOC | TRB_ISP | TRB_CHAIN);
            hc_normal (&hc, slot, 3, places[i], 0x1ffff, TRB_IOC | TRB_ISP);
            break;
          }
        hc_put_command (&hc, 0, 0, TRB_ENABLE_SLOT << TRB_TYPE_SHIFT);
        hc_put_command (&hc, HC_INPUT, 0, TRB_ADDRESS_DEVICE << TRB_TYPE_SHIFT | 2 << 24);
        hc_doorbell (&hc, slot, 3);
        usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 1, 2);
        hc_run (&hc);
        g_assert_true (usb_save_and_load (&hc.usb));
        hc_run (&hc);
        hc_start (&hc, HC_N_EVENTS);
        g_assert_cmpuint (hc_address (&hc, TABLET_PORT, 0), ==, 1);
        usb_close (&hc.usb);
      }
}

/* A chain without an end, and one that goes in a circle: it takes a bounded time a turn. */
static void
test_endless (void)
{
  UsbDevice *device;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  for (unsigned i = 0; i < HC_RING_TRBS - 1; i++)
    hc_trb (&hc, hc_ring (slot, 3) + i * 16, HC_BUFFERS, 0,
            TRB_NORMAL << TRB_TYPE_SHIFT | TRB_CHAIN | TRB_CYCLE);
  hc_trb (&hc, hc_ring (slot, 3) + (HC_RING_TRBS - 1) * 16, hc_ring (slot, 3), 0,
          TRB_LINK << TRB_TYPE_SHIFT | TRB_CHAIN | TRB_CYCLE);
  hc_doorbell (&hc, slot, 3);
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 1, 2);
  g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_TRANSFER).code, ==, CC_TRB);
  /* A short packet in front of such a chain. */
  hc_new_ring (&hc, slot, 3);
  hc_command (&hc, TRB_SET_DEQUEUE, hc_ring (slot, 3) | 1, slot << 24 | 3 << 16, NULL);
  for (unsigned i = 0; i < HC_RING_TRBS - 1; i++)
    hc_trb (&hc, hc_ring (slot, 3) + i * 16, HC_BUFFERS, 64,
            (i == 5 ? TRB_EVENT_DATA : TRB_NORMAL) << TRB_TYPE_SHIFT | TRB_CHAIN | TRB_CYCLE | TRB_IOC);
  hc_trb (&hc, hc_ring (slot, 3) + (HC_RING_TRBS - 1) * 16, hc_ring (slot, 3), 0,
          TRB_LINK << TRB_TYPE_SHIFT | TRB_CHAIN | TRB_CYCLE);
  hc_doorbell (&hc, slot, 3);
  usb_event (&hc.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 1, 2);
  hc_run (&hc);
  hc_start (&hc, HC_N_EVENTS);
  g_assert_cmpuint (hc_address (&hc, TABLET_PORT, 0), ==, 1);
  usb_close (&hc.usb);
}

/* More TRBs than a turn has steps, or more commands, of which the last is told of: who has little to say is heard before. */
static void
test_turns (void)
{
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  const unsigned slot = begin (&hc, USB_HID_TABLET, &device);
  usb_plug_hid (&hc.usb, xhci_port (hc.usb.controller, TABLET_PORT), "hid1", USB_HID_TABLET);
  const unsigned other = hc_address (&hc, TABLET_PORT + 1, 0);
  g_assert_cmpuint (other, ==, 2);
  for (unsigned round = 0; round < 3; round++)
    {
      const unsigned busy = round == 2 ? 1 : 3, asks = round == 0 ? other : slot, dci = round == 2 ? 3 : 1;

      for (unsigned i = 0; i < HC_RING_TRBS - 2; i++)
        hc_put (&hc, slot, busy, 0, 0,
                TRB_NO_OP << TRB_TYPE_SHIFT | (i == HC_RING_TRBS - 3 ? (uint32_t)TRB_IOC : 0));
      hc_put (&hc, asks, dci, 0, 0, TRB_NO_OP << TRB_TYPE_SHIFT);
      hc_put (&hc, asks, dci, 0, 0, TRB_NO_OP << TRB_TYPE_SHIFT | TRB_IOC);
      hc_doorbell (&hc, slot, busy);
      hc_doorbell (&hc, asks, dci);
      hc_run (&hc);
      g_assert_true (hc_next_event (&hc, HC_N_EVENTS, &event));
      g_assert_cmpuint (event.slot, ==, asks);
      g_assert_cmpuint (event.dci, ==, dci);
      g_assert_true (hc_next_event (&hc, HC_N_EVENTS, &event));
      g_assert_cmpuint (event.dci, ==, busy);
    }
  for (unsigned i = 0; i < 40; i++)
    hc_put_command (&hc, 0, 0, TRB_COMMAND_NO_OP << TRB_TYPE_SHIFT);
  hc_put (&hc, other, 1, 0, 0, TRB_NO_OP << TRB_TYPE_SHIFT | TRB_IOC);
  hc_doorbell (&hc, other, 1);
  hc_run (&hc);
  unsigned before = 0;
  while (hc_next_event (&hc, HC_N_EVENTS, &event) && event.type == TRB_EVENT_COMMAND)
    before++;
  g_assert_cmpuint (event.slot, ==, other);
  g_assert_cmpuint (before, <, 32);
  usb_close (&hc.usb);
}

/* Any register, any width. */
static void
test_any_register (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2019);
  UsbDevice *device;
  Hc hc;

  begin (&hc, USB_HID_TABLET, &device);
  for (unsigned i = 0; i < 100000; i++)
    {
      static const unsigned bases[]
          = { 0, XHCI_OPERATIONAL, XHCI_PORTS, XHCI_RUNTIME, XHCI_DOORBELLS, 0x3f80 };
      const unsigned size = 1u << g_rand_int_range (rand, 0, 4);
      const unsigned at = bases[g_rand_int_range (rand, 0, 6)] + (unsigned)g_rand_int_range (rand, 0, 0x78);

      if (g_rand_boolean (rand))
        usb_read (&hc.usb, at, size);
      else
        usb_write (&hc.usb, at, g_rand_int (rand) & g_rand_int (rand), size);
      if (i % 64 == 0)
        hc_run (&hc);
      if (i % 4096 == 0)
        g_assert_true (usb_save_and_load (&hc.usb));
    }
  hc_start (&hc, HC_N_EVENTS);
  g_assert_cmpuint (hc_address (&hc, TABLET_PORT, 0), ==, 1);
  usb_close (&hc.usb);
}

/* Isochronous: a TD an interval and no sooner, short packets told of, and neither halts nor waits. */
static void
test_isochronous (void)
{
  unsigned n_short = 0;
  IsoDevice *iso;
  HcEvent event;
  Hc hc;

  hc_open (&hc);
  iso = iso_plug (&hc.usb, xhci_port (hc.usb.controller, TABLET_PORT - 1));
  hc_map (&hc);
  hc_start (&hc, HC_N_EVENTS);
  const unsigned slot = hc_address (&hc, TABLET_PORT, 0);
  g_assert_cmpuint (slot, ==, 1);
  g_assert_cmpuint (hc_control (&hc, slot, 0, USB_SET_CONFIGURATION, 1, 0, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (&hc, slot, 3, EP_TYPE_ISO_OUT, ISO_SIZE), ==, CC_PARAMETER);
  g_assert_cmpuint (hc_configure (&hc, slot, 3, EP_TYPE_ISO_IN, ISO_SIZE), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (&hc, slot, 4, EP_TYPE_ISO_OUT, ISO_SIZE), ==, CC_SUCCESS);
  for (unsigned i = 0; i < 16; i++)
    hc_put (&hc, slot, 3, HC_BUFFERS + 0x1000 * i, ISO_SIZE,
            TRB_ISOCH << TRB_TYPE_SHIFT | TRB_IOC | TRB_ISP | 1u << 31);
  hc_doorbell (&hc, slot, 3);
  hc_run (&hc);
  g_assert_cmpuint (iso->n_in, ==, 1);
  usb_advance (&hc.usb, 1000000);
  g_assert_cmpuint (iso->n_in, >, 1);
  g_assert_cmpuint (iso->n_in, <, 16);
  for (unsigned i = 0; i < 4; i++)
    usb_advance (&hc.usb, 1000000);
  g_assert_cmpuint (iso->n_in, ==, 16);
  while (hc_next_event (&hc, HC_N_EVENTS, &event))
    if (event.type == TRB_EVENT_TRANSFER && event.dci == 3)
      {
        n_short++;
        g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
        g_assert_cmpuint (event.status & 0xffffff, ==, ISO_SIZE - n_short);
        g_assert_cmpuint (usb_ram (&hc.usb, HC_BUFFERS + 0x1000 * (n_short - 1))[0], ==, n_short);
      }
  g_assert_cmpuint (n_short, ==, 16);
  /* Out; a TRB that has no business there is told of and ends the endpoint. */
  memset (usb_ram (&hc.usb, HC_BUFFERS), 3, 0x1000);
  for (unsigned i = 0; i < 8; i++)
    hc_put (&hc, slot, 4, HC_BUFFERS, 100 + i, TRB_ISOCH << TRB_TYPE_SHIFT | TRB_IOC | 1u << 31);
  hc_doorbell (&hc, slot, 4);
  for (unsigned i = 0; i < 4; i++)
    usb_advance (&hc.usb, 1000000);
  g_assert_cmpuint (iso->n_out, ==, 8);
  g_assert_cmpuint (iso->bytes_out, ==, 828);
  g_assert_cmpuint (iso->sum_out, ==, 3 * 828);
  while (hc_next_event (&hc, HC_N_EVENTS, &event))
    ;
  hc_normal (&hc, slot, 4, HC_BUFFERS, 8, TRB_IOC);
  hc_doorbell (&hc, slot, 4);
  usb_advance (&hc.usb, 1000000);
  event = hc_wait (&hc, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_TRB);
  g_assert_true (usb_save_and_load (&hc.usb));
  usb_close (&hc.usb);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/xhci/ports", test_ports);
  g_test_add_func ("/xhci/control", test_control);
  g_test_add_func ("/xhci/interrupt", test_interrupt);
  g_test_add_func ("/xhci/pieces", test_pieces);
  g_test_add_func ("/xhci/stop", test_stop);
  g_test_add_func ("/xhci/full-ring", test_full_ring);
  g_test_add_func ("/xhci/interrupts", test_interrupts);
  g_test_add_func ("/xhci/wake", test_wake);
  g_test_add_func ("/xhci/pulled", test_pulled);
  g_test_add_func ("/xhci/saved", test_saved);
  g_test_add_func ("/xhci/wrong-commands", test_wrong_commands);
  g_test_add_func ("/xhci/wrong-rings", test_wrong_rings);
  g_test_add_func ("/xhci/endless", test_endless);
  g_test_add_func ("/xhci/turns", test_turns);
  g_test_add_func ("/xhci/any-register", test_any_register);
  g_test_add_func ("/xhci/isochronous", test_isochronous);
  return g_test_run ();
}

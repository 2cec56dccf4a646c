/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The UHCI: requests, reports, its pace, sleep, saved machines, and schedules that make no sense.
 */
#include "iso-device.h"
#include "uhci-driver.h"

#include <linux/input-event-codes.h>

static void
begin (Uh *h, UsbHidKind kind, UsbDevice **device)
{
  uh_open (h, kind, device);
  uh_map (h);
  g_assert_cmphex (usb_in (&h->usb, 0x10, 2) & (PORT_CCS | PORT_CSC | PORT_LOW_SPEED), ==,
                   PORT_CCS | PORT_CSC);
  uh_start (h);
  g_assert_true (uh_control (h, 0, USB_SET_ADDRESS, 9, 0));
  h->address = 9;
  g_assert_true (uh_control (h, 0, USB_SET_CONFIGURATION, 1, 0));
}

/* A question for a report waits in the queue. */
static uint32_t
ask (Uh *h)
{
  uint32_t td;

  h->n_tds = 0;
  td = uh_td (h, USB_PID_IN, 1, UH_BUFFERS + 0x1000, 8, TD_IOC | TD_SHORT);
  uh_go (h, td);
  uh_run (h, 40);
  return td;
}

static void
test_requests (void)
{
  UsbDevice *device;
  Uh h;

  begin (&h, USB_HID_TABLET, &device);
  g_assert_true (uh_control (&h, 0x80, USB_GET_DESCRIPTOR, 0x200, 34));
  g_assert_cmphex (usb_get32 (&h.usb, UH_BUFFERS + 64), ==, 0x00220209);
  g_assert_true (uh_control (&h, 0x80, USB_GET_DESCRIPTOR, 0x100, 18));
  g_assert_cmphex (usb_get32 (&h.usb, UH_BUFFERS + 64), ==, 0x01100112);
  g_assert_true (h.usb.level);
  usb_out (&h.usb, 2, 0x1f, 2);
  g_assert_false (h.usb.level);
  g_assert_false (uh_control (&h, 0x80, USB_GET_DESCRIPTOR, 0x900, 18));
  g_assert_cmphex (usb_in (&h.usb, 2, 2) & USBSTS_ERROR, ==, USBSTS_ERROR);
  /* Nobody is at this address. */
  h.address = 77;
  g_assert_false (uh_control (&h, 0x80, USB_GET_DESCRIPTOR, 0x100, 18));
  g_assert_cmphex (uh_status (&h, UH_TDS) & (TD_TIMEOUT | TD_STALLED | TD_ACTIVE), ==,
                   TD_TIMEOUT | TD_STALLED);
  usb_close (&h.usb);
}

static void
test_reports (void)
{
  UsbDevice *device;
  Uh h;

  begin (&h, USB_HID_TABLET, &device);
  uint32_t td = ask (&h);
  g_assert_cmphex (uh_status (&h, td) & (TD_ACTIVE | TD_NAK), ==, TD_ACTIVE | TD_NAK);
  g_assert_true (input_router_is_absolute (h.usb.router));
  usb_out (&h.usb, 2, 0x1f, 2);
  usb_event (&h.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x123, 0x456);
  uh_run (&h, 2);
  g_assert_cmphex (uh_status (&h, td) & (TD_ACTIVE | TD_LENGTH), ==, 6);
  g_assert_cmpmem (usb_ram (&h.usb, UH_BUFFERS + 0x1000), 5, "\0\x23\x01\x56\x04", 5);
  g_assert_true (h.usb.level);
  /* A short packet leaves its queue where it was. */
  g_assert_cmphex (usb_get32 (&h.usb, UH_QUEUE + 4), ==, td);
  usb_close (&h.usb);
}

/* A guest that has the schedule on and asks for reports all the time costs little while nothing comes, and a device's news is seen at once. */
static void
test_pace (void)
{
  UsbDevice *device;
  Uh h;

  begin (&h, USB_HID_TABLET, &device);
  uint32_t td = ask (&h);
  uh_run (&h, 2000);
  const uint64_t before = uhci_turns (h.usb.controller);
  uh_run (&h, 1000);
  g_assert_cmpuint (uhci_turns (h.usb.controller) - before, <=, 32);
  g_assert_cmpuint (uhci_turns (h.usb.controller) - before, >, 0);
  const unsigned frame = usb_in (&h.usb, 6, 2);
  uh_run (&h, 100);
  g_assert_cmpuint ((usb_in (&h.usb, 6, 2) - frame) & 0x7ff, ==, 100);
  usb_event (&h.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 1, 2);
  uh_run (&h, 2);
  g_assert_cmphex (uh_status (&h, td) & TD_ACTIVE, ==, 0);
  /* What the guest puts there by itself is seen in a while. */
  td = ask (&h);
  g_assert_cmphex (uh_status (&h, td) & TD_NAK, ==, TD_NAK);
  /* It stands: nothing runs. */
  usb_out (&h.usb, 0, 0, 2);
  vm_lock (h.usb.vm);
  g_assert_cmpint (vm_clock_next_deadline (h.usb.vm->clock), ==, -1);
  vm_unlock (h.usb.vm);
  usb_close (&h.usb);
}

static void
test_sleep (void)
{
  UsbDevice *device;
  Uh h;

  begin (&h, USB_HID_KEYBOARD, &device);
  uint32_t td = ask (&h);
  usb_put32 (&h.usb, UH_QUEUE + 4, LINK_END);
  g_assert_true (uh_control (&h, 0, USB_SET_FEATURE, 1, 0));
  td = ask (&h);
  usb_out (&h.usb, 2, 0x1f, 2);
  usb_out (&h.usb, 0x10, PORT_ENABLED | PORT_SUSPEND, 2);
  g_assert_true (device->suspended);
  usb_event (&h.usb, INPUT_EVENT_KEY, KEY_A, 1, 0, 0);
  g_assert_cmphex (usb_in (&h.usb, 0x10, 2) & PORT_RESUME, ==, PORT_RESUME);
  g_assert_cmphex (usb_in (&h.usb, 2, 2) & USBSTS_RESUME, ==, USBSTS_RESUME);
  usb_out (&h.usb, 0x10, PORT_ENABLED, 2);
  g_assert_false (device->suspended);
  uh_run (&h, 40);
  g_assert_cmphex (uh_status (&h, td) & TD_ACTIVE, ==, 0);
  g_assert_cmpuint (usb_ram (&h.usb, UH_BUFFERS + 0x1000)[2], ==, 4);
  usb_close (&h.usb);
}

static void
test_pulled (void)
{
  UsbDevice *device;
  Uh h;

  begin (&h, USB_HID_TABLET, &device);
  uint32_t td = ask (&h);
  vm_lock (h.usb.vm);
  device_free (&device->device);
  vm_unlock (h.usb.vm);
  uh_run (&h, 2);
  g_assert_cmphex (uh_status (&h, td) & (TD_ACTIVE | TD_TIMEOUT), ==, TD_TIMEOUT);
  g_assert_cmphex (usb_in (&h.usb, 0x10, 2) & (PORT_CCS | PORT_CSC | PORT_ENABLED | PORT_PEC), ==,
                   PORT_CSC | PORT_PEC);
  usb_close (&h.usb);
}

static void
test_saved (void)
{
  UsbDevice *device;
  Uh h;

  begin (&h, USB_HID_TABLET, &device);
  uint32_t td = ask (&h);
  const unsigned frame = usb_in (&h.usb, 6, 2);
  g_assert_true (usb_save_and_load (&h.usb));
  g_assert_cmpuint (usb_in (&h.usb, 6, 2), ==, frame);
  g_assert_cmpint (device->address, ==, 9);
  uh_run (&h, 2);
  if (!(uh_status (&h, td) & TD_ACTIVE))
    td = ask (&h);
  g_assert_true (input_router_is_absolute (h.usb.router));
  usb_event (&h.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x123, 0x456);
  uh_run (&h, 2);
  g_assert_cmphex (uh_status (&h, td) & TD_ACTIVE, ==, 0);
  g_assert_cmpmem (usb_ram (&h.usb, UH_BUFFERS + 0x1000), 5, "\0\x23\x01\x56\x04", 5);
  usb_close (&h.usb);
}

/* Rings of queues and of descriptors, places where there is no memory, tokens that are none. */
static void
test_wrong (void)
{
  static const struct
  {
    uint32_t frame, queue, element, link, token, buffer;
    gboolean stops;
  } wrongs[] = {
    { UH_QUEUE | LINK_QH, UH_QUEUE | LINK_QH, LINK_END, 0, 0, 0, FALSE },             /* a ring of one */
    { UH_QUEUE | LINK_QH, UH_QUEUE | LINK_QH, UH_TDS, UH_TDS, 0x00e00069, 0, FALSE }, /* */
    { UH_QUEUE | LINK_QH, LINK_END, UH_QUEUE | LINK_QH, 0, 0, 0, FALSE },             /* a queue in itself */
    { UH_TDS, 0, 0, UH_TDS, 0x00e00069, 0, FALSE },               /* a descriptor behind itself */
    { 0xfee00000u, 0, 0, 0, 0, 0, TRUE },                         /* */
    { 0xfee00000u | LINK_QH, 0, 0, 0, 0, 0, TRUE },               /* */
    { UH_QUEUE | LINK_QH, LINK_END, 0xfffffff0u, 0, 0, 0, TRUE }, /* */
    { UH_TDS, 0, 0, LINK_END, 0x00e00000, 0, TRUE },              /* no PID */
    { UH_TDS, 0, 0, LINK_END, 0xffc00069, 0, TRUE },              /* too long */
    { UH_TDS, 0, 0, LINK_END, 0x9fe000e1, 0xfffffff0u, FALSE },   /* a buffer that isn't there */
    { UH_TDS, 0, 0, LINK_END, 0x9fe00069, USB_RAM - 4, FALSE },   /* */
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (wrongs); i++)
    {
      UsbDevice *device;
      Uh h;

      begin (&h, USB_HID_TABLET, &device);
      for (unsigned f = 0; f < 1024; f++)
        usb_put32 (&h.usb, UH_FRAMES + 4 * f, wrongs[i].frame);
      usb_put32 (&h.usb, UH_QUEUE, wrongs[i].queue);
      usb_put32 (&h.usb, UH_TDS, wrongs[i].link);
      usb_put32 (&h.usb, UH_TDS + 4, TD_ACTIVE | TD_IOC);
      usb_put32 (&h.usb, UH_TDS + 8, wrongs[i].token);
      usb_put32 (&h.usb, UH_TDS + 12, wrongs[i].buffer);
      usb_put32 (&h.usb, UH_QUEUE + 4, wrongs[i].element);
      uh_run (&h, 100);
      g_assert_cmpuint (usb_in (&h.usb, 2, 2) >> 5 & 1, ==, (unsigned)wrongs[i].stops);
      g_assert_true (usb_save_and_load (&h.usb));
      uh_run (&h, 40);
      uh_start (&h);
      g_assert_true (uh_control (&h, 0, USB_SET_ADDRESS, 3, 0));
      usb_close (&h.usb);
    }
}

static void
test_any_register (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7020);
  UsbDevice *device;
  Uh h;

  begin (&h, USB_HID_TABLET, &device);
  for (unsigned i = 0; i < 50000; i++)
    {
      const unsigned size = 1u << g_rand_int_range (rand, 0, 3),
                     at = (unsigned)g_rand_int_range (rand, 0, 0x20);

      if (g_rand_boolean (rand))
        usb_in (&h.usb, at, size);
      else
        usb_out (&h.usb, at, g_rand_int (rand) & g_rand_int (rand), size);
      if (i % 32 == 0)
        usb_advance (&h.usb, g_rand_int_range (rand, 0, 3000000));
      if (i % 1024 == 0)
        g_assert_true (usb_save_and_load (&h.usb));
    }
  uh_start (&h);
  g_assert_true (uh_control (&h, 0, USB_SET_ADDRESS, 3, 0));
  usb_close (&h.usb);
}

/* Isochronous: descriptors in the frame list itself, each done once in its frame. */
static void
test_isochronous (void)
{
  const uint32_t td = UH_TDS + 0x4000;
  UsbDevice *device;
  IsoDevice *iso;
  Uh h;

  uh_open (&h, USB_HID_TABLET, &device);
  iso = iso_plug (&h.usb, device->port);
  uh_map (&h);
  uh_start (&h);
  g_assert_true (uh_control (&h, 0, USB_SET_CONFIGURATION, 1, 0));
  for (unsigned i = 0; i < 1024; i++)
    {
      const uint32_t at = td + 16 * i;

      usb_put32 (&h.usb, at, UH_QUEUE | LINK_QH);
      usb_put32 (&h.usb, at + 4, TD_ACTIVE | 1u << 25);
      usb_put32 (&h.usb, at + 8, (ISO_SIZE - 1) << 21 | 1u << 15 | h.address << 8 | USB_PID_IN);
      usb_put32 (&h.usb, at + 12, UH_BUFFERS + 0x1000);
      usb_put32 (&h.usb, UH_FRAMES + 4 * i, at);
    }
  uh_run (&h, 300);
  g_assert_cmpuint (iso->n_in, >, 200);
  g_assert_cmpuint (iso->n_in, <=, 301);
  for (unsigned i = 0, n = 0; i < 1024; i++)
    if (!(uh_status (&h, td + 16 * i) & TD_ACTIVE))
      g_assert_cmpuint (++n, <=, iso->n_in);
  usb_close (&h.usb);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/uhci/requests", test_requests);
  g_test_add_func ("/uhci/reports", test_reports);
  g_test_add_func ("/uhci/pace", test_pace);
  g_test_add_func ("/uhci/sleep", test_sleep);
  g_test_add_func ("/uhci/pulled", test_pulled);
  g_test_add_func ("/uhci/saved", test_saved);
  g_test_add_func ("/uhci/wrong", test_wrong);
  g_test_add_func ("/uhci/any-register", test_any_register);
  g_test_add_func ("/usb/uhci/isochronous", test_isochronous);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The EHCI with its companions: who has the port, requests, reports, its pace, saved machines, and schedules that make no sense.
 */
#include "ehci-driver.h"
#include "iso-device.h"

#include <linux/input-event-codes.h>

static void
begin (Eh *h, UsbDevice **device)
{
  eh_open (h, USB_HID_TABLET, device);
  eh_map (h);
  eh_start (h);
  g_assert_true (eh_control (h, 0, USB_SET_ADDRESS, 9, 0));
  h->address = 9;
  g_assert_true (eh_control (h, 0, USB_SET_CONFIGURATION, 1, 0));
}

static uint32_t
ask (Eh *h)
{
  uint32_t td;

  h->n_tds = 0;
  eh_head (h, EH_PERIODIC, LINK_END, 1, 8, 1);
  td = eh_td (h, 1, EH_BUFFERS + 0x2000, 8, TOKEN_IOC);
  eh_go (h, EH_PERIODIC, td);
  usb_write (&h->usb, EH_OP, USBCMD_RS | USBCMD_PERIODIC, 4);
  eh_run (h, 40);
  return td;
}

/* Until a guest says that it knows the EHCI the port is the companion's. */
static void
test_owner (void)
{
  UsbDevice *device;
  Eh h;

  eh_open (&h, USB_HID_TABLET, &device);
  eh_map (&h);
  g_assert_true (device->port == uhci_port (h.companions[0], 0));
  g_assert_cmpint (device->speed, ==, USB_SPEED_FULL);
  g_assert_cmphex (usb_read (&h.usb, EH_PORT, 4) & PORTSC_CCS, ==, 0);
  eh_start (&h);
  g_assert_null (uhci_port (h.companions[0], 0)->device);
  g_assert_cmpint (device->speed, ==, USB_SPEED_HIGH);
  g_assert_cmphex (usb_read (&h.usb, EH_PORT, 4) & (PORTSC_CCS | PORTSC_PED), ==, PORTSC_CCS | PORTSC_PED);
  usb_write (&h.usb, EH_PORT, PORTSC_POWER | PORTSC_OWNER, 4);
  g_assert_true (device->port == uhci_port (h.companions[0], 0));
  g_assert_cmpint (device->speed, ==, USB_SPEED_FULL);
  usb_write (&h.usb, EH_PORT, PORTSC_POWER, 4);
  g_assert_cmpint (device->speed, ==, USB_SPEED_HIGH);
  usb_write (&h.usb, EH_OP + 0x40, 0, 4);
  g_assert_true (device->port == uhci_port (h.companions[0], 0));
  usb_write (&h.usb, EH_OP + 0x40, 1, 4);
  g_assert_true (usb_save_and_load (&h.usb));
  g_assert_cmpint (device->speed, ==, USB_SPEED_HIGH);
  usb_close (&h.usb);
}

static void
test_requests (void)
{
  UsbDevice *device;
  Eh h;

  begin (&h, &device);
  g_assert_true (eh_control (&h, 0x80, USB_GET_DESCRIPTOR, 0x200, 34));
  g_assert_cmphex (usb_get32 (&h.usb, EH_BUFFERS + 0xfc0), ==, 0x00220209);
  g_assert_cmphex (eh_token (&h, EH_TDS + 64) >> 16 & 0x7fff, ==, 0);
  /* A short packet goes by the alternate pointer, where there is one. */
  eh_head (&h, EH_ASYNC, EH_ASYNC | LINK_QH << 1, 0, 64, 0);
  usb_put32 (&h.usb, EH_BUFFERS, 0x01000680);
  usb_put32 (&h.usb, EH_BUFFERS + 4, 64u << 16);
  h.n_tds = 0;
  const uint32_t first = eh_td (&h, 2, EH_BUFFERS, 8, 0), data = eh_td (&h, 1, EH_BUFFERS + 0x3000, 40, 0);
  const uint32_t more = eh_td (&h, 1, EH_BUFFERS + 0x4000, 24, 0), last = eh_td (&h, 0, 0, 0, TOKEN_IOC);
  usb_put32 (&h.usb, data + 4, last);
  eh_go (&h, EH_ASYNC, first);
  eh_run (&h, 40);
  g_assert_cmphex (eh_token (&h, data) >> 16 & 0x7fff, ==, 40 - 18);
  g_assert_cmphex (eh_token (&h, more) & TOKEN_ACTIVE, ==, TOKEN_ACTIVE);
  g_assert_cmphex (eh_token (&h, last) & TOKEN_ACTIVE, ==, 0);
  g_assert_true (h.usb.level);
  usb_write (&h.usb, EH_OP + 4, 0x3f, 4);
  g_assert_false (h.usb.level);
  g_assert_false (eh_control (&h, 0x80, USB_GET_DESCRIPTOR, 0x900, 18));
  g_assert_cmphex (usb_get32 (&h.usb, EH_ASYNC + 24) & TOKEN_HALTED, ==, TOKEN_HALTED);
  /* The doorbell is answered. */
  usb_write (&h.usb, EH_OP, USBCMD_RS | USBCMD_ASYNC | USBCMD_DOORBELL, 4);
  eh_run (&h, 2);
  g_assert_cmphex (usb_read (&h.usb, EH_OP, 4) & USBCMD_DOORBELL, ==, 0);
  g_assert_cmphex (usb_read (&h.usb, EH_OP + 4, 4) & USBSTS_ADVANCE, ==, USBSTS_ADVANCE);
  usb_close (&h.usb);
}

static void
test_reports (void)
{
  UsbDevice *device;
  Eh h;

  begin (&h, &device);
  uint32_t td = ask (&h);
  g_assert_cmphex (eh_token (&h, td) & TOKEN_ACTIVE, ==, TOKEN_ACTIVE);
  g_assert_true (input_router_is_absolute (h.usb.router));
  usb_event (&h.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x123, 0x456);
  eh_run (&h, 2);
  g_assert_cmphex (eh_token (&h, td) & (TOKEN_ACTIVE | 0x7fff0000), ==, 1u << 16);
  g_assert_cmpmem (usb_ram (&h.usb, EH_BUFFERS + 0x2000), 5, "\0\x23\x01\x56\x04", 5);
  /* While nothing comes it is looked at seldom. */
  ask (&h);
  eh_run (&h, 2000);
  const uint64_t before = ehci_turns (h.usb.controller);
  eh_run (&h, 1000);
  g_assert_cmpuint (ehci_turns (h.usb.controller) - before, <=, 33);
  usb_write (&h.usb, EH_OP, USBCMD_RS, 4);
  eh_run (&h, 40);
  const uint64_t off = ehci_turns (h.usb.controller);
  eh_run (&h, 1000);
  g_assert_cmpuint (ehci_turns (h.usb.controller), ==, off);
  usb_close (&h.usb);
}

/* Hardware asks a queue that has NAK all the time: what the device has to say it says at once, with however little left of the microframe. */
static void
test_wake (void)
{
  UsbDevice *device;
  Eh h;

  begin (&h, &device);
  h.n_tds = 0;
  eh_head (&h, EH_ASYNC, EH_ASYNC | LINK_QH << 1, 1, 8, 0);
  const uint32_t td = eh_td (&h, 1, EH_BUFFERS + 0x2000, 8, TOKEN_IOC);
  eh_go (&h, EH_ASYNC, td);
  usb_write (&h.usb, EH_OP, USBCMD_RS | USBCMD_ASYNC, 4);
  eh_run (&h, 100);
  g_assert_cmphex (eh_token (&h, td) & TOKEN_ACTIVE, ==, TOKEN_ACTIVE);
  usb_event (&h.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x123, 0x456);
  usb_advance (&h.usb, 1);
  g_assert_cmphex (eh_token (&h, td) & (TOKEN_ACTIVE | TOKEN_HALTED), ==, 0);
  g_assert_true (h.usb.level);
  usb_close (&h.usb);
}

static void
test_saved (void)
{
  UsbDevice *device;
  Eh h;

  begin (&h, &device);
  uint32_t td = ask (&h);
  g_assert_true (usb_save_and_load (&h.usb));
  g_assert_cmpint (device->address, ==, 9);
  eh_run (&h, 2);
  if (!(eh_token (&h, td) & TOKEN_ACTIVE))
    td = ask (&h);
  usb_event (&h.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x123, 0x456);
  eh_run (&h, 2);
  g_assert_cmphex (eh_token (&h, td) & TOKEN_ACTIVE, ==, 0);
  g_assert_cmpmem (usb_ram (&h.usb, EH_BUFFERS + 0x2000), 5, "\0\x23\x01\x56\x04", 5);
  usb_close (&h.usb);
}

static void
test_sleep (void)
{
  UsbDevice *device;
  Eh h;

  begin (&h, &device);
  ask (&h);
  g_assert_true (eh_control (&h, 0, USB_SET_FEATURE, 1, 0));
  usb_write (&h.usb, EH_PORT, PORTSC_POWER | PORTSC_PED | PORTSC_SUSPEND, 4);
  g_assert_true (device->suspended);
  usb_write (&h.usb, EH_OP + 4, 0x3f, 4);
  usb_event (&h.usb, INPUT_EVENT_BUTTON, BTN_LEFT, 1, 0, 0);
  g_assert_cmphex (usb_read (&h.usb, EH_OP + 4, 4) & USBSTS_PORT, ==, USBSTS_PORT);
  g_assert_cmphex (usb_read (&h.usb, EH_PORT, 4) & PORTSC_RESUME, ==, PORTSC_RESUME);
  usb_write (&h.usb, EH_PORT, PORTSC_POWER | PORTSC_PED, 4);
  g_assert_false (device->suspended);
  g_assert_cmphex (usb_read (&h.usb, EH_PORT, 4) & (PORTSC_SUSPEND | PORTSC_RESUME), ==, 0);
  usb_close (&h.usb);
}

static void
test_wrong (void)
{
  static const uint32_t places[] = { 0xfee00000u, 0xffffffe0u, USB_RAM - 16, EH_ASYNC, EH_TDS };

  for (unsigned i = 0; i < G_N_ELEMENTS (places); i++)
    for (unsigned what = 0; what < 6; what++)
      {
        UsbDevice *device;
        Eh h;

        begin (&h, &device);
        h.n_tds = 0;
        const uint32_t td = eh_td (&h, 1, EH_BUFFERS, 0x7fff, TOKEN_IOC);
        eh_head (&h, EH_ASYNC, EH_ASYNC | LINK_QH << 1, 1, 8, 0);
        eh_go (&h, EH_ASYNC, td);
        switch (what)
          {
          case 0:
            usb_put32 (&h.usb, EH_ASYNC, places[i] | LINK_QH << 1);
            break;
          case 1:
            usb_put32 (&h.usb, EH_ASYNC + 16, places[i]);
            break;
          case 2:
            for (unsigned f = 0; f < 1024; f++)
              usb_put32 (&h.usb, EH_FRAMES + 4 * f, places[i] | (f & 3) << 1);
            break;
          case 3: /* a descriptor behind itself */
            usb_put32 (&h.usb, td, td);
            usb_put32 (&h.usb, td + 4, td);
            break;
          case 4:
            for (unsigned b = 0; b < 5; b++)
              usb_put32 (&h.usb, td + 12 + 4 * b, places[i]);
            break;
          default: /* from the last page on */
            usb_put32 (&h.usb, td + 8, 0x7fffu << 16 | 7u << 12 | TOKEN_ACTIVE | i % 4 << 8);
            break;
          }
        usb_event (&h.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 1, 2);
        usb_write (&h.usb, EH_OP, USBCMD_RS | USBCMD_ASYNC | USBCMD_PERIODIC, 4);
        eh_run (&h, 100);
        g_assert_true (usb_save_and_load (&h.usb));
        eh_run (&h, 40);
        usb_write (&h.usb, EH_OP + 0x40, 0, 4);
        eh_start (&h);
        g_assert_true (eh_control (&h, 0, USB_SET_ADDRESS, 3, 0));
        usb_close (&h.usb);
      }
}

static void
test_any_register (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (293);
  UsbDevice *device;
  Eh h;

  begin (&h, &device);
  for (unsigned i = 0; i < 50000; i++)
    {
      const unsigned size = 1u << g_rand_int_range (rand, 0, 4),
                     at = (unsigned)g_rand_int_range (rand, 0, 0x90);

      if (g_rand_boolean (rand))
        usb_read (&h.usb, at, size);
      else
        usb_write (&h.usb, at, g_rand_int (rand) & g_rand_int (rand), size);
      if (i % 32 == 0)
        usb_advance (&h.usb, g_rand_int_range (rand, 0, 3000000));
      if (i % 1024 == 0)
        g_assert_true (usb_save_and_load (&h.usb));
    }
  usb_write (&h.usb, EH_OP + 0x40, 0, 4);
  eh_start (&h);
  g_assert_true (eh_control (&h, 0, USB_SET_ADDRESS, 3, 0));
  usb_close (&h.usb);
}

/* Isochronous descriptors of both kinds: each microframe a packet, over pages, once. */
static void
test_isochronous (void)
{
  const uint32_t itd = EH_TDS + 0x1000, sitd = EH_TDS + 0x2000;
  UsbDevice *device;
  IsoDevice *iso;
  Eh h;

  eh_open (&h, USB_HID_TABLET, &device);
  iso = iso_plug (&h.usb, device->port);
  eh_map (&h);
  eh_start (&h);
  g_assert_true (eh_control (&h, 0, USB_SET_CONFIGURATION, 1, 0));
  memset (usb_ram (&h.usb, itd), 0, 64);
  usb_put32 (&h.usb, itd, LINK_END);
  for (unsigned i = 0; i < 8; i++) /* the sixth goes over the end of its page */
    usb_put32 (&h.usb, itd + 4 + 4 * i,
               1u << 31 | ISO_SIZE << 16 | (i == 7 ? 1u << 15 : 0) | (i == 5 ? 4094 : 256 * i));
  usb_put32 (&h.usb, itd + 36, EH_BUFFERS | 1u << 8 | h.address);
  usb_put32 (&h.usb, itd + 40, (EH_BUFFERS + 0x1000) | 1u << 11 | ISO_SIZE);
  for (unsigned i = 0; i < 1024; i++)
    usb_put32 (&h.usb, EH_FRAMES + 4 * i, itd | LINK_ITD << 1);
  usb_write (&h.usb, EH_OP + 4, 0x3f, 4);
  usb_write (&h.usb, EH_OP, USBCMD_RS | USBCMD_PERIODIC, 4);
  eh_run (&h, 4);
  g_assert_cmpuint (iso->n_in, ==, 8);
  for (unsigned i = 0; i < 8; i++)
    g_assert_cmphex (usb_get32 (&h.usb, itd + 4 + 4 * i) >> 16, ==, i + 1);
  g_assert_cmpuint (usb_ram (&h.usb, EH_BUFFERS + 256)[0], ==, 2);
  g_assert_cmphex (usb_get32 (&h.usb, EH_BUFFERS + 4094), ==, 0x06060606);
  g_assert_cmphex (usb_read (&h.usb, EH_OP + 4, 4) & USBSTS_INT, ==, USBSTS_INT);
  /* A page beyond the last, and a device that isn't there: errors, and no more. */
  usb_put32 (&h.usb, itd + 4, 1u << 31 | 100u << 16 | 7u << 12);
  usb_put32 (&h.usb, itd + 40, (EH_BUFFERS + 0x1000) | ISO_SIZE);
  eh_run (&h, 3);
  g_assert_cmphex (usb_get32 (&h.usb, itd + 4) >> 28, ==, 4);
  usb_put32 (&h.usb, itd + 36, EH_BUFFERS | 1u << 8 | 77);
  usb_put32 (&h.usb, itd + 4, 1u << 31 | 100u << 16);
  eh_run (&h, 3);
  g_assert_cmphex (usb_get32 (&h.usb, itd + 4) >> 28, ==, 1);
  /* By a hub, to the device. */
  memset (usb_ram (&h.usb, EH_BUFFERS), 5, 0x2000);
  memset (usb_ram (&h.usb, sitd), 0, 28);
  usb_put32 (&h.usb, sitd, LINK_END);
  usb_put32 (&h.usb, sitd + 4, 2u << 8 | h.address);
  usb_put32 (&h.usb, sitd + 12, 1u << 31 | 150u << 16 | 1u << 7);
  usb_put32 (&h.usb, sitd + 16, EH_BUFFERS | 4000);
  usb_put32 (&h.usb, sitd + 20, EH_BUFFERS + 0x1000);
  for (unsigned i = 0; i < 1024; i++)
    usb_put32 (&h.usb, EH_FRAMES + 4 * i, sitd | LINK_SITD << 1);
  eh_run (&h, 3);
  g_assert_cmpuint (iso->n_out, ==, 1);
  g_assert_cmpuint (iso->bytes_out, ==, 150);
  g_assert_cmpuint (iso->sum_out, ==, 750);
  g_assert_cmphex (usb_get32 (&h.usb, sitd + 12), ==, 1u << 31);
  usb_close (&h.usb);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ehci/owner", test_owner);
  g_test_add_func ("/ehci/requests", test_requests);
  g_test_add_func ("/ehci/reports", test_reports);
  g_test_add_func ("/ehci/wake", test_wake);
  g_test_add_func ("/ehci/saved", test_saved);
  g_test_add_func ("/ehci/sleep", test_sleep);
  g_test_add_func ("/ehci/wrong", test_wrong);
  g_test_add_func ("/ehci/any-register", test_any_register);
  g_test_add_func ("/usb/ehci/isochronous", test_isochronous);
  return g_test_run ();
}

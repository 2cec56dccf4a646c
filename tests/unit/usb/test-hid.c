/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Chapter 9 on endpoint 0, and keyboard, mouse and tablet by what their own descriptors say of reports; in a port of the test's.
 */
#include "hid-report.h"
#include "usb-machine.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>

#define DESKTOP(usage_) (0x010000u | (usage_))
#define BUTTON(n_)      (0x090000u | (n_))
#define KEY(usage_)     (0x070000u | (usage_))
#define AC_PAN          0x0c0238u
#define X               DESKTOP (0x30)
#define Y               DESKTOP (0x31)
#define WHEEL           DESKTOP (0x38)

static unsigned n_wakes, n_resumes;

static void
on_nothing (UsbPort *port)
{
}

static void
on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
  g_assert_true (port->device == device);
  g_assert_cmphex (endpoint, ==, 0x81);
  n_wakes++;
}

static void
on_resume (UsbPort *port)
{
  n_resumes++;
}

static const UsbPortOps ops
    = { .attach = on_nothing, .detach = on_nothing, .wake = on_wake, .resume = on_resume };

typedef struct
{
  Usb usb;
  UsbPort port;
  UsbDevice *device;
  HidReport report;
} Fixture;

static void
open_hid (Fixture *f, UsbHidKind kind, unsigned speeds)
{
  unsigned length;
  const uint8_t *descriptor = usb_hid_report_descriptor (kind, &length);

  n_wakes = n_resumes = 0;
  usb_open (&f->usb);
  f->port = (UsbPort){ .ops = &ops, .speeds = speeds, .enabled = TRUE };
  f->device = usb_plug_hid (&f->usb, &f->port, "hid0", kind);
  g_assert_true (hid_report_parse (&f->report, descriptor, length));
  g_assert_cmpuint (f->report.input_bits % 8, ==, 0);
}

/* A whole control transfer in pieces of `piece` bytes; -1: stalled. */
static int
control (Fixture *f, unsigned type, unsigned request, unsigned value, unsigned index, unsigned length,
         uint8_t *data, unsigned piece)
{
  uint8_t setup[8] = { (uint8_t)type,  (uint8_t)request,      (uint8_t)value,  (uint8_t)(value >> 8),
                       (uint8_t)index, (uint8_t)(index >> 8), (uint8_t)length, (uint8_t)(length >> 8) };
  const gboolean in = (type & 0x80) != 0;
  uint32_t moved = 0, actual;
  UsbStatus status;

  vm_lock (f->usb.vm);
  status = usb_device_transfer (f->device, USB_PID_SETUP, 0, setup, sizeof setup, &actual);
  g_assert_cmpint (status, ==, USB_OK);
  while (status == USB_OK && moved < length)
    {
      const unsigned n = MIN (piece, length - moved);

      status = usb_device_transfer (f->device, in ? USB_PID_IN : USB_PID_OUT, 0, data + moved, n, &actual);
      g_assert_cmpuint (actual, <=, n);
      moved += actual;
      if (in && actual < n)
        break;
    }
  if (status == USB_OK)
    status
        = usb_device_transfer (f->device, in && length > 0 ? USB_PID_OUT : USB_PID_IN, 0, NULL, 0, &actual);
  vm_unlock (f->usb.vm);
  return status == USB_OK ? (int)moved : -1;
}

static UsbStatus
poll_report (Fixture *f, uint8_t *data, uint32_t length, uint32_t *actual)
{
  UsbStatus status;

  vm_lock (f->usb.vm);
  status = usb_device_transfer (f->device, USB_PID_IN, 1, data, length, actual);
  vm_unlock (f->usb.vm);
  return status;
}

/* Its driver is there. */
static void
configure (Fixture *f)
{
  uint8_t report[8];
  uint32_t actual;

  g_assert_cmpint (control (f, 0, USB_SET_ADDRESS, 5, 0, 0, NULL, 64), ==, 0);
  g_assert_cmpint (f->device->address, ==, 5);
  g_assert_cmpint (control (f, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL, 64), ==, 0);
  g_assert_cmpint (poll_report (f, report, sizeof report, &actual), ==, USB_NAK);
}

/* A report, which there is. */
static void
take (Fixture *f, uint8_t *data)
{
  uint32_t actual;

  g_assert_cmpint (poll_report (f, data, 8, &actual), ==, USB_OK);
  g_assert_cmpuint (actual, ==, f->report.input_bits / 8);
}

/* -- Chapter 9 ---------------------------------------------------------------------------------------------- */

static void
test_descriptors (void)
{
  static const unsigned speeds[] = { 1u << USB_SPEED_FULL, 1u << USB_SPEED_HIGH };
  static const unsigned piece[] = { 8, 64 };

  for (unsigned kind = 0; kind <= USB_HID_TABLET; kind++)
    for (unsigned s = 0; s < 2; s++)
      {
        Fixture f;
        uint8_t d[1024], report[256];
        unsigned length;

        open_hid (&f, (UsbHidKind)kind, speeds[s]);
        g_assert_cmpint (control (&f, 0x80, USB_GET_DESCRIPTOR, 0x100, 0, 8, d, piece[s]), ==, 8);
        g_assert_cmpint (control (&f, 0x80, USB_GET_DESCRIPTOR, 0x100, 0, 255, d, piece[s]), ==, 18);
        g_assert_cmpuint (d[0], ==, 18);
        g_assert_cmpuint (d[17], ==, 1);
        /* The configuration is as long as it says, and its parts are too. */
        int n = control (&f, 0x80, USB_GET_DESCRIPTOR, 0x200, 0, sizeof d, d, piece[s]);
        g_assert_cmpint (n, ==, usb_get16 (d + 2));
        unsigned endpoints = 0, hid = 0;
        int at = 0;
        for (; at < n; at += d[at])
          {
            g_assert_cmpuint (d[at], >, 0);
            endpoints += d[at + 1] == USB_DESCRIPTOR_ENDPOINT;
            if (d[at + 1] == 0x21)
              {
                hid++;
                usb_hid_report_descriptor ((UsbHidKind)kind, &length);
                g_assert_cmpuint (usb_get16 (d + at + 7), ==, length);
              }
          }
        g_assert_cmpint (at, ==, n);
        g_assert_cmpuint (endpoints, ==, 1);
        g_assert_cmpuint (hid, ==, 1);
        n = control (&f, 0x81, USB_GET_DESCRIPTOR, 0x2200, 0, sizeof report, report, piece[s]);
        g_assert_cmpmem (report, n, usb_hid_report_descriptor ((UsbHidKind)kind, &length), (int)length);
        /* Only what has two speeds says what it would be at the other. */
        g_assert_cmpint (control (&f, 0x80, USB_GET_DESCRIPTOR, 0x600, 0, 10, d, 64), ==, s ? 10 : -1);
        g_assert_cmpint (control (&f, 0x80, USB_GET_DESCRIPTOR, 0x300, 0, 255, d, 64), ==, 4);
        g_assert_cmpint (control (&f, 0x80, USB_GET_DESCRIPTOR, 0x302, 0x409, 255, d, 64), >, 10);
        g_assert_cmpint (control (&f, 0x80, USB_GET_DESCRIPTOR, 0x3ff, 0x409, 255, d, 64), ==, -1);
        g_assert_cmpint (control (&f, 0x80, USB_GET_DESCRIPTOR, 0xf00, 0, 255, d, 64), ==, -1);
        usb_close (&f.usb);
      }
}

static void
test_requests (void)
{
  uint8_t d[1024] = { 0 };
  Fixture f;

  open_hid (&f, USB_HID_KEYBOARD, 1u << USB_SPEED_FULL);
  /* Nothing but endpoint 0 answers before it is configured. */
  uint32_t actual;
  g_assert_cmpint (poll_report (&f, d, 8, &actual), ==, USB_STALL);
  configure (&f);
  g_assert_cmpint (control (&f, 0x80, USB_GET_CONFIGURATION, 0, 0, 1, d, 64), ==, 1);
  g_assert_cmpuint (d[0], ==, 1);
  g_assert_cmpint (control (&f, 0, USB_SET_CONFIGURATION, 2, 0, 0, NULL, 64), ==, -1);
  g_assert_cmpint (control (&f, 0x80, USB_GET_STATUS, 0, 0, 2, d, 64), ==, 2);
  g_assert_cmpuint (d[0], ==, 0);
  g_assert_cmpint (control (&f, 0, USB_SET_FEATURE, 1, 0, 0, NULL, 64), ==, 0);
  g_assert_cmpint (control (&f, 0x80, USB_GET_STATUS, 0, 0, 2, d, 64), ==, 2);
  g_assert_cmpuint (d[0], ==, 2);
  /* Halted by the host, and again not. */
  g_assert_cmpint (control (&f, 2, USB_SET_FEATURE, 0, 0x81, 0, NULL, 64), ==, 0);
  g_assert_cmpint (poll_report (&f, d, 8, &actual), ==, USB_STALL);
  g_assert_cmpint (control (&f, 0x82, USB_GET_STATUS, 0, 0x81, 2, d, 64), ==, 2);
  g_assert_cmpuint (d[0], ==, 1);
  g_assert_cmpint (control (&f, 2, USB_CLEAR_FEATURE, 0, 0x81, 0, NULL, 64), ==, 0);
  g_assert_cmpint (poll_report (&f, d, 8, &actual), ==, USB_NAK);
  g_assert_cmpint (control (&f, 2, USB_SET_FEATURE, 0, 0x82, 0, NULL, 64), ==, -1);
  /* More data than any request has (and than there is room for). */
  g_assert_cmpint (control (&f, 0x21, 9, 0x200, 0, 0xffff, d, 64), ==, -1);
  g_assert_cmpint (control (&f, 0x40, 0x55, 0, 0, 1024, d, 64), ==, -1);
  /* Data that wasn't announced. */
  uint8_t setup[8] = { 0x21, 9, 0, 2, 0, 0, 1, 0 };
  vm_lock (f.usb.vm);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_SETUP, 0, setup, 7, &actual), ==, USB_STALL);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_SETUP, 0, setup, 8, &actual), ==, USB_OK);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_OUT, 0, d, 64, &actual), ==, USB_STALL);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_IN, 0, d, 0, &actual), ==, USB_STALL);
  vm_unlock (f.usb.vm);
  usb_close (&f.usb);
}

/* Any setup packet, any stages. */
static void
test_any_setup (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (1402);
  uint8_t *data = g_malloc0 (0x10000);
  Fixture f;

  open_hid (&f, USB_HID_KEYBOARD, 1u << USB_SPEED_HIGH);
  for (unsigned i = 0; i < 200000; i++)
    {
      static const UsbPid pids[] = { USB_PID_SETUP, USB_PID_IN, USB_PID_OUT };
      const UsbPid pid = pids[g_rand_int_range (rand, 0, 3)];
      const uint32_t length = pid == USB_PID_SETUP ? 8 : (uint32_t)g_rand_int_range (rand, 0, 1100);
      uint32_t actual = 0;

      for (unsigned b = 0; b < 8; b++)
        data[b] = (uint8_t)g_rand_int_range (rand, 0, g_rand_boolean (rand) ? 12 : 256);
      data[0] &= 0xa3;
      vm_lock (f.usb.vm);
      usb_device_transfer (f.device, pid, g_rand_int_range (rand, 0, 8) == 0 ? 1 : 0, data, length, &actual);
      vm_unlock (f.usb.vm);
      g_assert_cmpuint (actual, <=, length);
    }
  g_free (data);
  usb_close (&f.usb);
}

/* -- Pointers ------------------------------------------------------------------------------------------------- */

static void
test_tablet (void)
{
  uint8_t data[8];
  uint32_t actual;
  Fixture f;

  open_hid (&f, USB_HID_TABLET, 1u << USB_SPEED_FULL);
  g_assert_false (input_router_is_absolute (f.usb.router));
  configure (&f);
  g_assert_true (input_router_is_absolute (f.usb.router));
  g_assert_cmpuint (n_wakes, ==, 0);
  /* Movement is one report, whatever came before the driver looked. */
  for (int i = 0; i <= 100; i++)
    usb_event (&f.usb, INPUT_EVENT_ABSOLUTE, 0, 0, i * 327, 32767 - i);
  g_assert_cmpuint (n_wakes, >, 0);
  take (&f, data);
  g_assert_cmpint (hid_report_value (&f.report, X, data), ==, 32700);
  g_assert_cmpint (hid_report_value (&f.report, Y, data), ==, 32667);
  g_assert_cmpint (poll_report (&f, data, 8, &actual), ==, USB_NAK);
  /* A click is where it was made. */
  usb_event (&f.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 10, 20);
  usb_event (&f.usb, INPUT_EVENT_BUTTON, BTN_EXTRA, 1, 0, 0);
  usb_event (&f.usb, INPUT_EVENT_BUTTON, BTN_EXTRA, 0, 0, 0);
  usb_event (&f.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 30, 40);
  unsigned presses = 0;
  int32_t pressed_x = -1, x = -1;
  while (poll_report (&f, data, 8, &actual) == USB_OK)
    {
      x = hid_report_value (&f.report, X, data);
      if (hid_report_value (&f.report, BUTTON (5), data))
        {
          presses++;
          pressed_x = x;
        }
    }
  g_assert_cmpuint (presses, ==, 1);
  g_assert_cmpint (pressed_x, ==, 10);
  g_assert_cmpint (x, ==, 30);
  /* The wheel: towards the person is down, HID's negative; 300 clicks are more than one report holds. */
  usb_event (&f.usb, INPUT_EVENT_WHEEL, 0, 0, 2, 300);
  int32_t wheel = 0, side = 0;
  while (poll_report (&f, data, 8, &actual) == USB_OK)
    {
      wheel += hid_report_value (&f.report, WHEEL, data);
      side += hid_report_value (&f.report, AC_PAN, data);
      g_assert_cmpint (hid_report_value (&f.report, X, data), ==, 30);
    }
  g_assert_cmpint (wheel, ==, -300);
  g_assert_cmpint (side, ==, 2);
  /* A buffer that is too short for a report. */
  usb_event (&f.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 1, 2);
  g_assert_cmpint (poll_report (&f, data, 3, &actual), ==, USB_BABBLE);
  g_assert_cmpuint (actual, ==, 3);
  /* The driver goes: others have the pointer. */
  g_assert_cmpint (control (&f, 0, USB_SET_CONFIGURATION, 0, 0, 0, NULL, 64), ==, 0);
  g_assert_false (input_router_is_absolute (f.usb.router));
  usb_close (&f.usb);
}

static void
test_mouse (void)
{
  uint8_t data[8];
  uint32_t actual;
  Fixture f;

  open_hid (&f, USB_HID_MOUSE, 1u << USB_SPEED_FULL);
  configure (&f);
  g_assert_false (input_router_is_absolute (f.usb.router));
  usb_event (&f.usb, INPUT_EVENT_RELATIVE, 0, 0, 1000, -5);
  usb_event (&f.usb, INPUT_EVENT_WHEEL, 0, 0, 0, -1);
  int32_t x = 0, y = 0, wheel = 0;
  while (poll_report (&f, data, 8, &actual) == USB_OK)
    {
      x += hid_report_value (&f.report, X, data);
      y += hid_report_value (&f.report, Y, data);
      wheel += hid_report_value (&f.report, WHEEL, data);
    }
  g_assert_cmpint (x, ==, 1000);
  g_assert_cmpint (y, ==, -5);
  g_assert_cmpint (wheel, ==, 1);
  for (unsigned i = 0; i < 5; i++)
    {
      usb_event (&f.usb, INPUT_EVENT_BUTTON, BTN_LEFT + i, 1, 0, 0);
      take (&f, data);
      for (unsigned b = 0; b < 5; b++)
        g_assert_cmpint (hid_report_value (&f.report, BUTTON (1 + b), data), ==, b <= i);
    }
  /* Firmware's protocol has three buttons and two movements. */
  g_assert_cmpint (control (&f, 0x21, 11, 0, 0, 0, NULL, 64), ==, 0);
  usb_event (&f.usb, INPUT_EVENT_RELATIVE, 0, 0, -3, 4);
  g_assert_cmpint (poll_report (&f, data, 8, &actual), ==, USB_OK);
  g_assert_cmpuint (actual, ==, 3);
  g_assert_cmpmem (data, 3, "\x07\xfd\x04", 3);
  usb_close (&f.usb);
}

/* -- Keyboard --------------------------------------------------------------------------------------------------- */

static void
test_keyboard (void)
{
  static const unsigned many[]
      = { KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G }; /* one more than a report has */
  uint8_t data[8];
  uint32_t actual;
  Fixture f;

  open_hid (&f, USB_HID_KEYBOARD, 1u << USB_SPEED_FULL);
  configure (&f);
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_RIGHTSHIFT, 1, 0, 0);
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_Z, 1, 0, 0);
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_Z, 0, 0, 0);
  take (&f, data);
  g_assert_cmpint (hid_report_value (&f.report, KEY (0xe5), data), ==, 1);
  g_assert_false (hid_report_has (&f.report, KEY (0x1d), data));
  take (&f, data);
  g_assert_true (hid_report_has (&f.report, KEY (0x1d), data));
  take (&f, data);
  g_assert_false (hid_report_has (&f.report, KEY (0x1d), data));
  g_assert_cmpint (hid_report_value (&f.report, KEY (0xe5), data), ==, 1);
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_RIGHTSHIFT, 0, 0, 0);
  take (&f, data);
  g_assert_cmpint (hid_report_value (&f.report, KEY (0xe5), data), ==, 0);
  /* More keys than there is room for, and one less again. */
  for (unsigned i = 0; i < G_N_ELEMENTS (many); i++)
    {
      usb_event (&f.usb, INPUT_EVENT_KEY, many[i], 1, 0, 0);
      take (&f, data);
    }
  g_assert_cmpmem (data + 2, 6, "\1\1\1\1\1\1", 6);
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_A, 0, 0, 0);
  take (&f, data);
  g_assert_cmpmem (data + 2, 6, "\5\6\7\x08\x09\x0a", 6);
  /* Lamps: HID's bit 0 is Num Lock, the router's bit 1. */
  data[0] = 1;
  g_assert_cmpint (control (&f, 0x21, 9, 0x200, 0, 1, data, 64), ==, 1);
  g_assert_cmpuint (input_router_leds (f.usb.router), ==, 2);
  data[0] = 6;
  g_assert_cmpint (control (&f, 0x21, 9, 0x200, 0, 1, data, 64), ==, 1);
  g_assert_cmpuint (input_router_leds (f.usb.router), ==, 5);
  g_assert_cmpint (control (&f, 0xa1, 1, 0x200, 0, 1, data, 64), ==, 1);
  g_assert_cmpuint (data[0], ==, 6);
  /* What is held ends with the driver, and doesn't come back with the next one. */
  vm_lock (f.usb.vm);
  usb_port_reset (&f.port);
  vm_unlock (f.usb.vm);
  configure (&f);
  g_assert_cmpint (poll_report (&f, data, 8, &actual), ==, USB_NAK);
  usb_close (&f.usb);
}

/* Every key that the router can send has one usage, which is within what the descriptor allows. */
static void
test_all_keys (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  uint8_t data[8];
  uint32_t actual;
  unsigned n = 0;
  Fixture f;

  open_hid (&f, USB_HID_KEYBOARD, 1u << USB_SPEED_FULL);
  configure (&f);
  for (unsigned code = 1; code < 0x100; code++)
    {
      usb_event (&f.usb, INPUT_EVENT_KEY, code, 1, 0, 0);
      if (poll_report (&f, data, 8, &actual) != USB_OK)
        continue;
      unsigned usage = 0;
      for (unsigned u = 4; u <= 0xe7; u++)
        if (u >= 0xe0 ? hid_report_value (&f.report, KEY (u), data)
                      : hid_report_has (&f.report, KEY (u), data))
          {
            g_assert_cmpuint (usage, ==, 0);
            usage = u;
          }
      g_assert_cmpuint (usage, !=, 0);
      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (usage)));
      n++;
      usb_event (&f.usb, INPUT_EVENT_KEY, code, 0, 0, 0);
      take (&f, data);
      g_assert_cmpmem (data, 8, "\0\0\0\0\0\0\0\0", 8);
    }
  g_assert_cmpuint (n, >, 130);
  usb_close (&f.usb);
}

/* A guest that doesn't look: presses wait at the router, and nothing is lost or held for ever. */
static void
test_full (void)
{
  uint8_t data[8];
  uint32_t actual;
  Fixture f;

  open_hid (&f, USB_HID_KEYBOARD, 1u << USB_SPEED_FULL);
  configure (&f);
  for (unsigned i = 0; i < 500; i++)
    {
      usb_event (&f.usb, INPUT_EVENT_KEY, KEY_A, 1, 0, 0);
      usb_event (&f.usb, INPUT_EVENT_KEY, KEY_A, 0, 0, 0);
    }
  unsigned presses = 0;
  while (poll_report (&f, data, 8, &actual) == USB_OK)
    presses += data[2] == 4;
  g_assert_cmpuint (presses, ==, 500);
  g_assert_cmpmem (data, 8, "\0\0\0\0\0\0\0\0", 8);
  usb_close (&f.usb);
}

/* -- Sleep, and saved machines ------------------------------------------------------------------------------------- */

static void
test_suspend (void)
{
  uint8_t data[8];
  uint32_t actual;
  Fixture f;

  open_hid (&f, USB_HID_KEYBOARD, 1u << USB_SPEED_HIGH);
  configure (&f);
  vm_lock (f.usb.vm);
  usb_port_suspend (&f.port, TRUE);
  vm_unlock (f.usb.vm);
  g_assert_cmpint (poll_report (&f, data, 8, &actual), ==, USB_GONE);
  /* Only a device that may wakes the host. */
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_A, 1, 0, 0);
  g_assert_cmpuint (n_resumes, ==, 0);
  vm_lock (f.usb.vm);
  usb_port_suspend (&f.port, FALSE);
  vm_unlock (f.usb.vm);
  g_assert_cmpint (control (&f, 0, USB_SET_FEATURE, 1, 0, 0, NULL, 64), ==, 0);
  vm_lock (f.usb.vm);
  usb_port_suspend (&f.port, TRUE);
  vm_unlock (f.usb.vm);
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_A, 0, 0, 0);
  g_assert_cmpuint (n_resumes, ==, 1);
  g_assert_cmpuint (n_wakes, ==, 0);
  usb_close (&f.usb);
}

static void
test_saved (void)
{
  uint8_t data[8];
  uint32_t actual;
  Fixture f;

  open_hid (&f, USB_HID_KEYBOARD, 1u << USB_SPEED_FULL);
  configure (&f);
  data[0] = 2;
  g_assert_cmpint (control (&f, 0x21, 9, 0x200, 0, 1, data, 64), ==, 1);
  usb_event (&f.usb, INPUT_EVENT_KEY, KEY_LEFTCTRL, 1, 0, 0);
  take (&f, data);
  /* In the middle of a control transfer. */
  uint8_t setup[8] = { 0x80, USB_GET_DESCRIPTOR, 0, 1, 0, 0, 18, 0 }, descriptor[18];
  vm_lock (f.usb.vm);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_SETUP, 0, setup, 8, &actual), ==, USB_OK);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_IN, 0, descriptor, 8, &actual), ==, USB_OK);
  vm_unlock (f.usb.vm);
  n_wakes = 0;
  g_assert_true (usb_save_and_load (&f.usb));
  vm_lock (f.usb.vm);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_IN, 0, descriptor + 8, 64, &actual), ==, USB_OK);
  g_assert_cmpuint (actual, ==, 10);
  g_assert_cmpuint (descriptor[17], ==, 1);
  g_assert_cmpint (usb_device_transfer (f.device, USB_PID_OUT, 0, NULL, 0, &actual), ==, USB_OK);
  vm_unlock (f.usb.vm);
  g_assert_cmpuint (input_router_leds (f.usb.router), ==, 4);
  g_assert_cmpint (f.device->address, ==, 5);
  /* The key that was held when it was saved is nobody's. */
  g_assert_cmpuint (n_wakes, >, 0);
  take (&f, data);
  g_assert_cmpmem (data, 8, "\0\0\0\0\0\0\0\0", 8);
  g_assert_cmpint (poll_report (&f, data, 8, &actual), ==, USB_NAK);
  usb_close (&f.usb);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/usb/descriptors", test_descriptors);
  g_test_add_func ("/usb/requests", test_requests);
  g_test_add_func ("/usb/any-setup", test_any_setup);
  g_test_add_func ("/usb/hid/tablet", test_tablet);
  g_test_add_func ("/usb/hid/mouse", test_mouse);
  g_test_add_func ("/usb/hid/keyboard", test_keyboard);
  g_test_add_func ("/usb/hid/all-keys", test_all_keys);
  g_test_add_func ("/usb/hid/full", test_full);
  g_test_add_func ("/usb/hid/suspend", test_suspend);
  g_test_add_func ("/usb/hid/saved", test_saved);
  return g_test_run ();
}

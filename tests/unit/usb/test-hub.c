/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Hubs, five deep, in a port of the test's: power, resets, changes, what wakes through them, plugging, saved machines.
 */
#include "usb-machine.h"

#include "usb/hub.h"

#include <linux/input-event-codes.h>

#define DEPTH 5u

typedef struct
{
  Usb usb;
  UsbPort port;
  UsbDevice *hubs[DEPTH], *tablet;
  unsigned n_wakes, n_resumes;
  UsbDevice *woken;
} Tree;

static void
on_nothing (UsbPort *port)
{
}

static void
on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
  Tree *t = port->opaque;

  t->n_wakes++;
  t->woken = device;
}

static void
on_resume (UsbPort *port)
{
  ((Tree *)port->opaque)->n_resumes++;
}

static const UsbPortOps ops
    = { .attach = on_nothing, .detach = on_nothing, .wake = on_wake, .resume = on_resume };

static void
open_tree (Tree *t, UsbSpeed speed)
{
  g_autoptr (GError) error = NULL;
  UsbPort *port = &t->port;

  *t = (Tree){ 0 };
  usb_open (&t->usb);
  t->port = (UsbPort){ .ops = &ops, .opaque = t, .speeds = 1u << speed, .enabled = TRUE };
  vm_lock (t->usb.vm);
  for (unsigned i = 0; i < DEPTH; i++)
    {
      t->hubs[i] = usb_hub_new (t->usb.vm, "hub", &error);
      g_assert_no_error (error);
      t->hubs[i]->device.klass->reset (&t->hubs[i]->device);
      g_assert_true (usb_port_attach (port, t->hubs[i], &error));
      port = usb_hub_port (t->hubs[i], i);
    }
  vm_unlock (t->usb.vm);
  t->tablet = usb_plug_hid (&t->usb, port, "hid0", USB_HID_TABLET);
}

static int
request (Tree *t, UsbDevice *device, unsigned type, unsigned code, unsigned value, unsigned index,
         unsigned length, uint8_t *data)
{
  uint8_t setup[8] = {
    (uint8_t)type, (uint8_t)code, (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)index, 0, (uint8_t)length, 0
  };
  uint32_t actual = 0, status_length;
  UsbStatus status;

  vm_lock (t->usb.vm);
  status = usb_device_transfer (device, USB_PID_SETUP, 0, setup, 8, &actual);
  actual = 0;
  if (status == USB_OK && length > 0)
    status = usb_device_transfer (device, USB_PID_IN, 0, data, length, &actual);
  if (status == USB_OK)
    status = usb_device_transfer (device, length > 0 ? USB_PID_OUT : USB_PID_IN, 0, NULL, 0, &status_length);
  vm_unlock (t->usb.vm);
  return status == USB_OK ? (int)actual : -1;
}

static UsbDevice *
find (Tree *t, unsigned address)
{
  vm_lock (t->usb.vm);
  UsbDevice *device = usb_port_find (&t->port, address);
  vm_unlock (t->usb.vm);
  return device;
}

/* As a driver does, from the root down. */
static void
enumerate (Tree *t)
{
  uint8_t data[16];

  for (unsigned i = 0; i <= DEPTH; i++)
    {
      UsbDevice *device = find (t, 0);

      g_assert_true (device == (i < DEPTH ? t->hubs[i] : t->tablet));
      g_assert_cmpint (request (t, device, 0, USB_SET_ADDRESS, 10 + i, 0, 0, NULL), ==, 0);
      g_assert_true (find (t, 10 + i) == device);
      g_assert_cmpint (request (t, device, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL), ==, 0);
      if (i == DEPTH)
        break;
      g_assert_cmpint (request (t, device, 0xa0, USB_GET_DESCRIPTOR, 0x2900, 0, 15, data), ==, 9);
      g_assert_cmpuint (data[2], ==, USB_HUB_N_PORTS);
      g_assert_cmpint (request (t, device, 0x23, USB_SET_FEATURE, 8, i + 1, 0, NULL), ==, 0);
      g_assert_cmpint (request (t, device, 0xa3, USB_GET_STATUS, 0, i + 1, 4, data), ==, 4);
      g_assert_cmphex (data[0], ==, 1);
      g_assert_cmphex (data[2], ==, 1);
      g_assert_cmpint (request (t, device, 0x23, USB_SET_FEATURE, 4, i + 1, 0, NULL), ==, 0);
      g_assert_cmpint (request (t, device, 0x23, USB_CLEAR_FEATURE, 16, i + 1, 0, NULL), ==, 0);
      g_assert_cmpint (request (t, device, 0x23, USB_CLEAR_FEATURE, 20, i + 1, 0, NULL), ==, 0);
      g_assert_cmpint (request (t, device, 0xa3, USB_GET_STATUS, 0, i + 1, 4, data), ==, 4);
      g_assert_cmphex (data[0], ==, 3);
      g_assert_cmphex (data[2], ==, 0);
      /* There is no eighth port. */
      g_assert_cmpint (request (t, device, 0xa3, USB_GET_STATUS, 0, USB_HUB_N_PORTS + 1, 4, data), ==, -1);
      g_assert_cmpint (request (t, device, 0xa3, USB_GET_STATUS, 0, 0, 4, data), ==, -1);
    }
}

static UsbStatus
poll_one (Tree *t, UsbDevice *device, uint8_t *data, uint32_t length)
{
  uint32_t actual;

  vm_lock (t->usb.vm);
  UsbStatus status = usb_device_transfer (device, USB_PID_IN, 1, data, length, &actual);
  vm_unlock (t->usb.vm);
  return status;
}

static void
test_deep (void)
{
  static const UsbSpeed speeds[] = { USB_SPEED_FULL, USB_SPEED_HIGH };

  for (unsigned s = 0; s < G_N_ELEMENTS (speeds); s++)
    {
      uint8_t data[8];
      Tree t;

      open_tree (&t, speeds[s]);
      enumerate (&t);
      g_assert_cmpint (t.tablet->speed, ==, speeds[s]);
      g_autofree char *path = usb_device_path (t.tablet);
      g_assert_cmpstr (path, ==, "1.1.2.3.4.5");
      /* It wakes who is above. */
      g_assert_cmpint (poll_one (&t, t.tablet, data, 8), ==, USB_NAK);
      t.n_wakes = 0;
      usb_event (&t.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 5, 6);
      g_assert_cmpuint (t.n_wakes, ==, 1);
      g_assert_true (t.woken == t.tablet);
      g_assert_cmpint (poll_one (&t, t.tablet, data, 8), ==, USB_OK);
      /* Off on the way: nothing below is there. */
      g_assert_cmpint (request (&t, t.hubs[2], 0x23, USB_CLEAR_FEATURE, 1, 3, 0, NULL), ==, 0);
      g_assert_null (find (&t, 10 + DEPTH));
      g_assert_nonnull (find (&t, 12));
      usb_close (&t.usb);
    }
}

static void
test_changes (void)
{
  uint8_t data[8];
  Tree t;

  open_tree (&t, USB_SPEED_HIGH);
  enumerate (&t);
  g_assert_cmpint (poll_one (&t, t.hubs[4], data, 1), ==, USB_NAK);
  t.n_wakes = 0;
  vm_lock (t.usb.vm);
  usb_device_detach (t.tablet);
  vm_unlock (t.usb.vm);
  g_assert_cmpuint (t.n_wakes, ==, 1);
  g_assert_true (t.woken == t.hubs[4]);
  g_assert_cmpint (poll_one (&t, t.hubs[4], data, 1), ==, USB_OK);
  g_assert_cmphex (data[0], ==, 1u << 5);
  g_assert_cmpint (request (&t, t.hubs[4], 0x23, USB_CLEAR_FEATURE, 16, 5, 0, NULL), ==, 0);
  g_assert_cmpint (poll_one (&t, t.hubs[4], data, 1), ==, USB_NAK);
  vm_lock (t.usb.vm);
  g_assert_true (usb_port_attach (usb_hub_port (t.hubs[4], 0), t.tablet, NULL));
  vm_unlock (t.usb.vm);
  /* A port without power tells nothing. */
  g_assert_cmpint (poll_one (&t, t.hubs[4], data, 1), ==, USB_NAK);
  g_assert_cmpint (request (&t, t.hubs[4], 0x23, USB_SET_FEATURE, 8, 1, 0, NULL), ==, 0);
  g_assert_cmpint (poll_one (&t, t.hubs[4], data, 1), ==, USB_OK);
  g_assert_cmphex (data[0], ==, 1u << 1);
  usb_close (&t.usb);
}

static void
test_sleep (void)
{
  uint8_t data[8];
  Tree t;

  open_tree (&t, USB_SPEED_HIGH);
  enumerate (&t);
  g_assert_cmpint (poll_one (&t, t.tablet, data, 8), ==, USB_NAK);
  g_assert_cmpint (request (&t, t.tablet, 0, USB_SET_FEATURE, 1, 0, 0, NULL), ==, 0);
  g_assert_cmpint (request (&t, t.hubs[4], 0x23, USB_SET_FEATURE, 2, 5, 0, NULL), ==, 0);
  g_assert_true (t.tablet->suspended);
  t.n_wakes = 0;
  usb_event (&t.usb, INPUT_EVENT_BUTTON, BTN_LEFT, 1, 0, 0);
  /* The hub says that the port goes on. */
  g_assert_false (t.tablet->suspended);
  g_assert_cmpint (poll_one (&t, t.hubs[4], data, 1), ==, USB_OK);
  g_assert_cmpint (request (&t, t.hubs[4], 0xa3, USB_GET_STATUS, 0, 5, 4, data), ==, 4);
  g_assert_cmphex (data[2], ==, 4);
  /* The whole tree sleeps: the root is woken. */
  g_assert_cmpint (request (&t, t.hubs[0], 0, USB_SET_FEATURE, 1, 0, 0, NULL), ==, 0);
  vm_lock (t.usb.vm);
  usb_port_suspend (&t.port, TRUE);
  vm_unlock (t.usb.vm);
  usb_event (&t.usb, INPUT_EVENT_BUTTON, BTN_LEFT, 0, 0, 0);
  g_assert_cmpuint (t.n_resumes, >, 0);
  usb_close (&t.usb);
}

static void
test_saved (void)
{
  uint8_t data[8];
  Tree t;

  open_tree (&t, USB_SPEED_HIGH);
  enumerate (&t);
  g_assert_true (usb_save_and_load (&t.usb));
  g_assert_true (find (&t, 10 + DEPTH) == t.tablet);
  g_assert_cmpint (poll_one (&t, t.tablet, data, 8), ==, USB_OK); /* nothing is held any more */
  g_assert_cmpint (poll_one (&t, t.tablet, data, 8), ==, USB_NAK);
  usb_event (&t.usb, INPUT_EVENT_ABSOLUTE, 0, 0, 0x1234, 6);
  g_assert_cmpint (poll_one (&t, t.tablet, data, 8), ==, USB_OK);
  g_assert_cmphex (data[1], ==, 0x34);
  usb_close (&t.usb);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/usb-hub/deep", test_deep);
  g_test_add_func ("/usb-hub/changes", test_changes);
  g_test_add_func ("/usb-hub/sleep", test_sleep);
  g_test_add_func ("/usb-hub/saved", test_saved);
  return g_test_run ();
}

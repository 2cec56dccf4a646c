/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The serial port on USB: its line, both ways, a far end that is slow, and a machine that is saved with bytes on the way.
 */
#include "usb-machine.h"

#include "usb/cdc.h"

typedef struct
{
  Usb usb;
  UsbDevice *device;
  UsbPort port;
  GByteArray *sent; /* by the guest */
  size_t room;
  unsigned n_ready, n_wakes;
} Case;

static size_t
on_room (void *opaque)
{
  return ((Case *)opaque)->room;
}

static void
on_write (void *opaque, const uint8_t *data, size_t length)
{
  Case *c = opaque;

  g_assert_cmpuint (length, <=, c->room);
  c->room -= length;
  g_byte_array_append (c->sent, data, (guint)length);
}

static void
on_ready (void *opaque)
{
  ((Case *)opaque)->n_ready++;
}

static void
on_port (UsbPort *port)
{
}

static void
on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
  ((Case *)port->opaque)->n_wakes++;
}

static const UsbPortOps ops = { .attach = on_port, .detach = on_port, .wake = on_wake, .resume = on_port };

/* The length of its data, or -1: stalled. */
static int
control (Case *c, unsigned type, unsigned request, unsigned value, unsigned index, uint8_t *data,
         unsigned length)
{
  uint8_t setup[8]
      = { (uint8_t)type,   (uint8_t)request,      (uint8_t)value, (uint8_t)(value >> 8), (uint8_t)index, 0,
          (uint8_t)length, (uint8_t)(length >> 8) };
  uint32_t actual = 0, none;

  g_assert_cmpint (usb_device_transfer (c->device, USB_PID_SETUP, 0, setup, 8, &none), ==, USB_OK);
  if (length > 0
      && usb_device_transfer (c->device, type & USB_DIR_IN ? USB_PID_IN : USB_PID_OUT, 0, data, length,
                              &actual)
             != USB_OK)
    return -1;
  return usb_device_transfer (c->device, type & USB_DIR_IN ? USB_PID_OUT : USB_PID_IN, 0, data, 0, &none)
                 == USB_OK
             ? (int)actual
             : -1;
}

static void
open_case (Case *c)
{
  const UsbCdcEnd end = { on_room, on_write, on_ready, c };
  g_autoptr (GError) error = NULL;

  memset (c, 0, sizeof *c);
  usb_open (&c->usb);
  c->room = 100000;
  c->sent = g_byte_array_new ();
  c->port = (UsbPort){ .ops = &ops, .opaque = c, .speeds = 1u << USB_SPEED_HIGH, .enabled = TRUE };
  vm_lock (c->usb.vm);
  c->device = usb_cdc_new (c->usb.vm, "serial0", &end, &error);
  g_assert_no_error (error);
  c->device->device.klass->reset (&c->device->device);
  g_assert_true (usb_port_attach (&c->port, c->device, &error));
  /* Nobody has asked for it: it stays outside. */
  g_assert_cmpuint (usb_cdc_receive (c->device, (const uint8_t *)"x", 1), ==, 0);
  c->n_ready = 0;
  g_assert_cmpint (control (c, 0, USB_SET_CONFIGURATION, 1, 0, NULL, 0), ==, 0);
  g_assert_cmpuint (c->n_ready, ==, 1);
}

static void
close_case (Case *c)
{
  vm_unlock (c->usb.vm);
  usb_close (&c->usb);
  g_byte_array_unref (c->sent);
}

static void
test_line (void)
{
  static const uint8_t slow[7] = { 0x80, 0x25, 0, 0, 2, 1, 7 };
  uint8_t data[64];
  uint32_t actual;
  Case c;

  open_case (&c);
  g_assert_cmpint (control (&c, 0xa1, 0x21, 0, 0, data, 7), ==, 7);
  g_assert_cmpuint (usb_read32 (data), ==, 115200);
  memcpy (data, slow, 7);
  g_assert_cmpint (control (&c, 0x21, 0x20, 0, 0, data, 7), ==, 7);
  memset (data, 0, 7);
  g_assert_cmpint (control (&c, 0xa1, 0x21, 0, 0, data, 7), ==, 7);
  g_assert_cmpmem (data, 7, slow, 7);
  /* Another length, another interface, another request. */
  g_assert_cmpint (control (&c, 0x21, 0x20, 0, 0, data, 6), ==, -1);
  g_assert_cmpint (control (&c, 0xa1, 0x21, 0, 1, data, 7), ==, -1);
  g_assert_cmpint (control (&c, 0x21, 0x30, 0, 0, NULL, 0), ==, -1);
  /* Who opens it hears that there is somebody: once. */
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_IN, 3, data, 16, &actual), ==, USB_NAK);
  g_assert_cmpint (control (&c, 0x21, 0x22, 3, 0, NULL, 0), ==, 0);
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_IN, 3, data, 16, &actual), ==, USB_OK);
  g_assert_cmpuint (actual, ==, 10);
  g_assert_cmphex (data[8], ==, 3);
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_IN, 3, data, 16, &actual), ==, USB_NAK);
  close_case (&c);
}

static void
test_data (void)
{
  uint8_t data[8192];
  uint32_t actual;
  Case c;

  open_case (&c);
  memset (data, 'a', sizeof data);
  c.room = 1300;
  /* Whole packets of what there is room for, and the rest later. */
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_OUT, 2, data, 2000, &actual), ==, USB_NAK);
  g_assert_cmpuint (actual, ==, 1024);
  c.room = 5000;
  c.n_wakes = 0;
  usb_cdc_room (c.device);
  g_assert_cmpuint (c.n_wakes, ==, 1);
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_OUT, 2, data + 1024, 2000 - 1024, &actual), ==,
                   USB_OK);
  g_assert_cmpuint (c.sent->len, ==, 2000);
  /* The other way: no more than it can keep, and it says when it can again. */
  g_assert_cmpuint (usb_cdc_receive (c.device, data, sizeof data), ==, 4096);
  g_assert_cmpuint (usb_cdc_receive (c.device, data, 1), ==, 0);
  c.n_ready = 0;
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_IN, 1, data, 512, &actual), ==, USB_OK);
  g_assert_cmpuint (actual, ==, 512);
  g_assert_cmpuint (c.n_ready, ==, 1);
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_IN, 1, data, sizeof data, &actual), ==, USB_OK);
  g_assert_cmpuint (actual, ==, 4096 - 512);
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_IN, 1, data, 512, &actual), ==, USB_NAK);
  close_case (&c);
}

static void
test_saved (void)
{
  uint8_t data[64];
  uint32_t actual;
  Case c;

  open_case (&c);
  g_assert_cmpuint (usb_cdc_receive (c.device, (const uint8_t *)"on the way", 10), ==, 10);
  vm_unlock (c.usb.vm);
  g_assert_true (usb_save_and_load (&c.usb));
  vm_lock (c.usb.vm);
  g_assert_cmpint (usb_device_transfer (c.device, USB_PID_IN, 1, data, 64, &actual), ==, USB_OK);
  g_assert_cmpmem (data, actual, "on the way", 10);
  close_case (&c);
}

/* A driver that does what none does. */
static void
test_hostile (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  uint8_t data[1024] = { 0 };
  uint32_t actual;
  Case c;

  open_case (&c);
  for (unsigned i = 0; i < 20000; i++)
    {
      static const UsbPid pids[] = { USB_PID_IN, USB_PID_OUT, USB_PID_SETUP };
      const unsigned n = g_rand_int_range (rand, 0, 4);
      const UsbPid pid = pids[g_rand_int_range (rand, 0, 3)];
      const uint32_t length
          = pid == USB_PID_SETUP && g_rand_int_range (rand, 0, 8) > 0 ? 8 : g_rand_int_range (rand, 0, 1024);

      for (unsigned at = 0; at < 8; at++)
        data[at]
            = (uint8_t)(g_rand_int_range (rand, 0, 3) ? g_rand_int_range (rand, 0, 4) : g_rand_int (rand));
      if (g_rand_boolean (rand))
        data[0] = g_rand_boolean (rand) ? 0x21 : 0xa1, data[1] = (uint8_t)(0x20 + (data[1] & 3));
      c.room = g_rand_int_range (rand, 0, 3000);
      usb_device_transfer (c.device, pid, n, data, length, &actual);
      g_assert_cmpuint (actual, <=, length);
      usb_cdc_receive (c.device, data, g_rand_int_range (rand, 0, 1024));
      if (c.sent->len > 100000)
        g_byte_array_set_size (c.sent, 0);
    }
  close_case (&c);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/usb/cdc/line", test_line);
  g_test_add_func ("/usb/cdc/data", test_data);
  g_test_add_func ("/usb/cdc/saved", test_saved);
  g_test_add_func ("/usb/cdc/hostile", test_hostile);
  return g_test_run ();
}

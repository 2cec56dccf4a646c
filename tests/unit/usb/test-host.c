/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device of this computer behind each controller: the guest's drivers, the monitor's device, the helper and, in the library's place, a recorded device.
 */
#include "fake-usb.h"
#include "xhci-driver.h"

#include "usb/host.h"

#define PORT       1u
#define MOST_TURNS 5000u /* of a millisecond or more, which is the machine's patience */

typedef struct
{
  Hc hc;
  UsbDevice *host;
  UsbPort *port;
  GString *notices;
} Case;

static gboolean
on_plug (void *opaque, UsbDevice *device, GError **error)
{
  Case *c = opaque;

  return usb_port_attach (c->port, device, error);
}

static void
on_notice (void *opaque, UsbDevice *device, const char *sentence)
{
  Case *c = opaque;

  g_string_append_printf (c->notices, "%s\n", sentence);
}

static void
turn (Case *c)
{
  usb_advance (&c->hc.usb, 1000);
  usb_pump ();
  g_usleep (200);
}

/* Until it is true; the test's own time limit is what ends it otherwise.  What the fake's thread writes is read under its lock. */
#define UNTIL(c, condition)                                 \
  do                                                        \
    {                                                       \
      gboolean is_ = FALSE;                                 \
      for (unsigned n_ = 0; n_ <= MOST_TURNS && !is_; n_++) \
        {                                                   \
          if (n_ > 0)                                       \
            turn (c);                                       \
          g_mutex_lock (&fake.lock);                        \
          is_ = (condition);                                \
          g_mutex_unlock (&fake.lock);                      \
        }                                                   \
      g_assert_true (is_);                                  \
    }                                                       \
  while (0)

static void
plug (Case *c)
{
  const UsbHostConfig config = { on_plug, on_notice, c };
  g_autoptr (GError) error = NULL;
  int node = dup (0);

  c->notices = g_string_new ("");
  vm_lock (c->hc.usb.vm);
  c->host = usb_host_new (c->hc.usb.vm, "usb1", &config, &error);
  g_assert_no_error (error);
  usb_host_connect (c->host, "Echo", fake_start (), node);
  vm_unlock (c->hc.usb.vm);
  close (node);
}

static void
open_case (Case *c, unsigned speed)
{
  memset (c, 0, sizeof *c);
  fake_init (speed);
  hc_open (&c->hc);
  hc_map (&c->hc);
  hc_start (&c->hc, HC_N_EVENTS);
  c->port = xhci_port (c->hc.usb.controller, PORT - 1);
  plug (c);
}

static void
close_case (Case *c)
{
  usb_close (&c->hc.usb);
  fake_end ();
  g_string_free (c->notices, TRUE);
}

static HcEvent
wait_event (Case *c, unsigned type)
{
  HcEvent event = { 0 };

  for (unsigned i = 0; i < MOST_TURNS; i++)
    {
      turn (c);
      while (hc_next_event (&c->hc, HC_N_EVENTS, &event))
        if (event.type == type)
          return event;
    }
  g_assert_not_reached ();
}

static unsigned
control (Case *c, unsigned slot, unsigned type, unsigned request, unsigned value, unsigned index,
         unsigned length)
{
  unsigned code = hc_control (&c->hc, slot, type, request, value, index, length);

  return code != 0 ? code : wait_event (c, TRB_EVENT_TRANSFER).code;
}

/* Addressed and configured, as a driver does it. */
static unsigned
begin (Case *c)
{
  UNTIL (c, c->host->port != NULL);
  const unsigned slot = hc_address (&c->hc, PORT, 0);
  g_assert_cmpuint (slot, ==, 1);
  g_assert_cmpuint (control (c, slot, 0x80, USB_GET_DESCRIPTOR, 0x100, 0, 18), ==, CC_SUCCESS);
  g_assert_cmpmem (usb_ram (&c->hc.usb, HC_BUFFERS), 18, fake_device, 18);
  g_assert_cmpuint (control (c, slot, 0, USB_SET_CONFIGURATION, 1, 0, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (fake.configuration, ==, 1);
  g_assert_cmpuint (hc_configure (&c->hc, slot, 3, 6, 512), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (&c->hc, slot, 4, 2, 512), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (&c->hc, slot, 7, 7, 8), ==, CC_SUCCESS);
  return slot;
}

/* -- What works ----------------------------------------------------------------------------------------- */

static void
test_transfers (void)
{
  HcEvent event;
  Case c;

  open_case (&c, USB_SPEED_HIGH);
  const unsigned slot = begin (&c);
  g_assert_nonnull (strstr (c.notices->str, "Echo (usb1): the machine has it"));
  /* A vendor's request, out and in, and one that it doesn't know. */
  memset (usb_ram (&c.hc.usb, HC_BUFFERS), 0x5a, 16);
  g_assert_cmpuint (control (&c, slot, 0x40, 0x42, 0, 0, 16), ==, CC_SUCCESS);
  memset (usb_ram (&c.hc.usb, HC_BUFFERS), 0, 16);
  g_assert_cmpuint (control (&c, slot, 0xc0, 0x42, 0, 0, 16), ==, CC_SUCCESS);
  g_assert_cmphex (usb_get32 (&c.hc.usb, HC_BUFFERS + 12), ==, 0x5a5a5a5a);
  g_assert_cmpuint (control (&c, slot, 0xc0, 0x43, 0, 0, 16), ==, CC_STALL);
  /* Three packets out, which come back as one short transfer. */
  for (unsigned i = 0; i < 1100; i++)
    usb_ram (&c.hc.usb, HC_BUFFERS)[i] = (uint8_t)(i * 7);
  hc_normal (&c.hc, slot, 4, HC_BUFFERS, 1100, TRB_IOC);
  hc_doorbell (&c.hc, slot, 4);
  event = wait_event (&c, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SUCCESS);
  hc_normal (&c.hc, slot, 3, HC_BUFFERS + 0x2000, 4096, TRB_IOC | TRB_ISP);
  hc_doorbell (&c.hc, slot, 3);
  event = wait_event (&c, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  g_assert_cmpuint (event.status & 0xffffff, ==, 4096 - 1100);
  g_assert_cmpmem (usb_ram (&c.hc.usb, HC_BUFFERS), 1100, usb_ram (&c.hc.usb, HC_BUFFERS + 0x2000), 1100);
  /* A question waits at the device, and wakes nobody until there is something. */
  hc_normal (&c.hc, slot, 7, HC_BUFFERS, 8, TRB_IOC | TRB_ISP);
  hc_doorbell (&c.hc, slot, 7);
  hc_run (&c.hc);
  const uint64_t turns = xhci_turns (c.hc.usb.controller);
  for (unsigned i = 0; i < 20; i++)
    turn (&c);
  g_assert_cmpuint (xhci_turns (c.hc.usb.controller), ==, turns);
  g_mutex_lock (&fake.lock);
  g_byte_array_append (fake.pressed, (const uint8_t *)"abc", 3);
  g_mutex_unlock (&fake.lock);
  fake_ring ();
  event = wait_event (&c, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  g_assert_cmpmem (usb_ram (&c.hc.usb, HC_BUFFERS), 3, "abc", 3);
  g_assert_cmpuint (fake.n_resets, ==, 0);
  close_case (&c);
  g_assert_cmpuint (fake.n_closed, ==, 1);
}

/* A driver that stops an endpoint loses nothing that came meanwhile, and goes on. */
static void
test_cancel (void)
{
  HcEvent event;
  Case c;

  open_case (&c, USB_SPEED_HIGH);
  const unsigned slot = begin (&c);
  hc_normal (&c.hc, slot, 3, HC_BUFFERS, 512, TRB_IOC | TRB_ISP);
  hc_doorbell (&c.hc, slot, 3);
  UNTIL (&c, fake.waits->len == 1);
  g_assert_cmpuint (hc_command (&c.hc, TRB_STOP_ENDPOINT, 0, slot << 24 | 3 << 16, NULL), ==, CC_SUCCESS);
  UNTIL (&c, fake.n_cancelled == 1 && fake.waits->len == 0);
  g_mutex_lock (&fake.lock);
  g_byte_array_append (fake.echo, (const uint8_t *)"later", 5);
  g_mutex_unlock (&fake.lock);
  hc_doorbell (&c.hc, slot, 3);
  event = wait_event (&c, TRB_EVENT_TRANSFER);
  while (event.code == CC_STOPPED)
    event = wait_event (&c, TRB_EVENT_TRANSFER);
  g_assert_cmpuint (event.code, ==, CC_SHORT_PACKET);
  g_assert_cmpmem (usb_ram (&c.hc.usb, HC_BUFFERS), 5, "later", 5);
  close_case (&c);
}

static void
test_halt (void)
{
  Case c;

  open_case (&c, USB_SPEED_HIGH);
  const unsigned slot = begin (&c);
  fake.status = USB_WIRE_STALLED;
  hc_normal (&c.hc, slot, 4, HC_BUFFERS, 31, TRB_IOC);
  hc_doorbell (&c.hc, slot, 4);
  g_assert_cmpuint (wait_event (&c, TRB_EVENT_TRANSFER).code, ==, CC_STALL);
  fake.status = USB_WIRE_OK;
  /* It is halted until the driver says that it isn't, and the host's kernel hears of that. */
  g_assert_cmpuint (hc_command (&c.hc, TRB_RESET_ENDPOINT, 0, slot << 24 | 4 << 16, NULL), ==, CC_SUCCESS);
  g_assert_cmpuint (control (&c, slot, 2, USB_CLEAR_FEATURE, 0, 2, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (fake.n_cleared, ==, 1);
  g_assert_cmpuint (hc_command (&c.hc, TRB_SET_DEQUEUE, (hc_ring (slot, 4) + c.hc.ring[slot][4] * 16) | 1,
                                slot << 24 | 4 << 16, NULL),
                    ==, CC_SUCCESS);
  hc_normal (&c.hc, slot, 4, HC_BUFFERS, 31, TRB_IOC);
  hc_doorbell (&c.hc, slot, 4);
  g_assert_cmpuint (wait_event (&c, TRB_EVENT_TRANSFER).code, ==, CC_SUCCESS);
  /* A reset of the port goes to the device, as the guest has used it. */
  usb_write (&c.hc.usb, XHCI_PORTS + 16 * (PORT - 1), PORTSC_PP | PORTSC_PR, 4);
  UNTIL (&c, fake.n_resets == 1);
  g_assert_cmpint (c.host->configuration, ==, 0);
  close_case (&c);
}

static void
test_isochronous (void)
{
  Case c;

  open_case (&c, USB_SPEED_FULL);
  const unsigned slot = begin (&c);
  uint8_t data[FAKE_ISO_SIZE], out[32];
  uint32_t actual;
  unsigned next = 0;

  vm_lock (c.hc.usb.vm);
  g_assert_cmpint (usb_device_transfer (c.host, USB_PID_IN, 4, data, sizeof data, &actual), ==, USB_STALL);
  vm_unlock (c.hc.usb.vm);
  g_assert_cmpuint (control (&c, slot, 1, USB_SET_INTERFACE, 1, 1, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (fake.alternate, ==, 1);
  /* Never NAK: what isn't here yet is an empty packet.  All that the device has sent comes in its order. */
  for (unsigned i = 0; i < MOST_TURNS && next < 200; i++)
    {
      vm_lock (c.hc.usb.vm);
      g_assert_cmpint (usb_device_transfer (c.host, USB_PID_IN, 4, data, sizeof data, &actual), ==, USB_OK);
      vm_unlock (c.hc.usb.vm);
      if (actual > 0 && next % 50 == 0) /* the empty one of the device's was this */
        next++;
      if (actual > 0)
        {
          g_assert_cmpuint (actual, ==, next % 50);
          g_assert_cmpuint (data[actual - 1], ==, next % 50);
          next++;
        }
      turn (&c);
    }
  g_assert_cmpuint (next, >=, 200);
  for (unsigned i = 0; i < 16; i++)
    {
      memset (out, (int)i, sizeof out);
      vm_lock (c.hc.usb.vm);
      g_assert_cmpint (usb_device_transfer (c.host, USB_PID_OUT, 5, out, sizeof out, &actual), ==, USB_OK);
      g_assert_cmpuint (actual, ==, sizeof out);
      vm_unlock (c.hc.usb.vm);
    }
  UNTIL (&c, fake.heard->len == 16 * sizeof out);
  for (unsigned i = 0; i < 16; i++)
    g_assert_cmpuint (fake.heard->data[i * sizeof out], ==, i);
  close_case (&c);
}

/* -- What goes wrong --------------------------------------------------------------------------------------- */

static void
test_pulled (void)
{
  HcEvent event;
  Case c;

  open_case (&c, USB_SPEED_HIGH);
  const unsigned slot = begin (&c);
  hc_normal (&c.hc, slot, 3, HC_BUFFERS, 512, TRB_IOC);
  hc_doorbell (&c.hc, slot, 3);
  usb_write (&c.hc.usb, XHCI_PORTS + 16 * (PORT - 1), PORTSC_PP | PORTSC_CHANGES, 4);
  UNTIL (&c, fake.waits->len == 1);
  g_mutex_lock (&fake.lock);
  fake.gone = TRUE;
  g_mutex_unlock (&fake.lock);
  fake_ring ();
  UNTIL (&c, c.host->port == NULL);
  g_assert_nonnull (strstr (c.notices->str, "Echo (usb1): it was pulled out of this computer"));
  event = wait_event (&c, TRB_EVENT_PORT);
  g_assert_cmpuint (event.parameter >> 24, ==, PORT);
  g_assert_null (usb_host_name (c.host));
  /* And put in again. */
  g_thread_join (fake.thread);
  fake.gone = FALSE;
  g_ptr_array_set_size (fake.waits, 0);
  vm_lock (c.hc.usb.vm);
  usb_host_connect (c.host, "Echo again", fake_start (), -1);
  vm_unlock (c.hc.usb.vm);
  g_usleep (1000);
  close_case (&c);
}

static void
test_failures (void)
{
  static const struct
  {
    UsbWireFailure failure;
    const char *words;
  } rows[] = { { USB_FAILURE_GONE, "pulled out" },
               { USB_FAILURE_RIGHTS, "may not open" },
               { USB_FAILURE_BUSY, "another program" },
               { USB_FAILURE_DEVICE, "as a USB device should" },
               { USB_FAILURE_LIBRARY, "libusb" } };

  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Case c;

      memset (&c, 0, sizeof c);
      fake_init (USB_SPEED_HIGH);
      fake.failure = rows[i].failure;
      fake.code = 1;
      hc_open (&c.hc);
      c.port = xhci_port (c.hc.usb.controller, PORT - 1);
      plug (&c);
      UNTIL (&c, c.notices->len > 0);
      g_assert_nonnull (strstr (c.notices->str, rows[i].words));
      g_assert_null (c.host->port);
      close_case (&c);
    }
}

/* A port that is too slow for it. */
static void
test_speed (void)
{
  Case c;

  open_case (&c, USB_SPEED_SUPER);
  c.port->speeds = 1u << USB_SPEED_FULL;
  UNTIL (&c, c.notices->len > 0);
  g_assert_nonnull (strstr (c.notices->str, "too slow or too fast"));
  close_case (&c);
}

/* A machine that is loaded finds it plugged in anew. */
static void
test_loaded (void)
{
  HcEvent event;
  Case c;

  open_case (&c, USB_SPEED_HIGH);
  begin (&c);
  while (hc_next_event (&c.hc, HC_N_EVENTS, &event))
    ;
  usb_write (&c.hc.usb, XHCI_PORTS + 16 * (PORT - 1), PORTSC_PP | PORTSC_CHANGES, 4);
  g_assert_true (usb_save_and_load (&c.hc.usb));
  g_assert_cmphex (usb_read (&c.hc.usb, XHCI_PORTS + 16 * (PORT - 1), 4) & PORTSC_CSC, ==, PORTSC_CSC);
  g_assert_cmpint (c.host->configuration, ==, 0);
  g_assert_cmpuint (hc_command (&c.hc, TRB_DISABLE_SLOT, 0, 1 << 24, NULL), ==, CC_SUCCESS);
  begin (&c);
  close_case (&c);
}

/* Descriptors that say anything: no endpoint outside of what is there. */
static void
test_descriptors (void)
{
  for (unsigned at = 0; at < sizeof fake_config; at++)
    for (unsigned i = 0; i < 3; i++)
      {
        static const uint8_t values[] = { 0, 0x7f, 0xff };
        uint8_t data[64];
        uint32_t actual;
        Case c;

        if (at % 5 != i) /* the others are another turn's */
          continue;
        memset (&c, 0, sizeof c);
        fake_init (USB_SPEED_HIGH);
        fake.config = g_byte_array_new ();
        g_byte_array_append (fake.config, fake_config, sizeof fake_config);
        fake.config->data[at] = values[i];
        hc_open (&c.hc);
        c.port = xhci_port (c.hc.usb.controller, PORT - 1);
        plug (&c);
        UNTIL (&c, c.host->port != NULL);
        vm_lock (c.hc.usb.vm);
        for (unsigned n = 1; n < 16; n++)
          usb_device_transfer (c.host, USB_PID_IN, n, data, sizeof data, &actual);
        vm_unlock (c.hc.usb.vm);
        close_case (&c);
      }
}

/* A helper that lies: messages of any kind and length, in any state. */
static void
test_liar (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (12);

  for (unsigned i = 0; i < 300; i++)
    {
      UsbWireHeader header = { .op = USB_WIRE_READY, .value = g_rand_int_range (rand, 0, 5) };
      g_autofree uint8_t *data = g_malloc (USB_WIRE_DATA);
      int ends[2], node = -1;
      Case c = { 0 };

      fake_init (USB_SPEED_HIGH);
      hc_open (&c.hc);
      c.port = xhci_port (c.hc.usb.controller, PORT - 1);
      const UsbHostConfig config = { on_plug, on_notice, &c };
      c.notices = g_string_new ("");
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
      vm_lock (c.hc.usb.vm);
      c.host = usb_host_new (c.hc.usb.vm, "usb1", &config, NULL);
      usb_host_connect (c.host, "Liar", ends[0], node);
      vm_unlock (c.hc.usb.vm);
      memset (data, 0xff, USB_WIRE_DATA);
      memcpy (data, fake_device, sizeof fake_device);
      memcpy (data + sizeof fake_device, fake_config, sizeof fake_config);
      usb_wire_send (ends[1], &header, data, sizeof fake_device + sizeof fake_config, -1, FALSE);
      usb_pump ();
      for (unsigned n = 0; n < 20; n++)
        {
          uint8_t got[600];
          uint32_t actual;

          vm_lock (c.hc.usb.vm);
          c.host->configuration = 1;
          usb_device_transfer (c.host, USB_PID_SETUP, 0, (uint8_t *)"\200\006\000\001\000\000\022", 8,
                               &actual);
          usb_device_transfer (c.host, g_rand_boolean (rand) ? USB_PID_IN : USB_PID_OUT,
                               g_rand_int_range (rand, 0, 16), got, sizeof got, &actual);
          vm_unlock (c.hc.usb.vm);
          header.op = (uint16_t)(g_rand_int_range (rand, 0, 4) > 0 ? USB_WIRE_DONE
                                                                   : g_rand_int_range (rand, 0, 16));
          header.status = (uint8_t)g_rand_int_range (rand, 0, 7);
          header.serial = (uint32_t)(g_rand_int_range (rand, 0, 8) << 8 | g_rand_int_range (rand, 0, 34));
          header.length = (uint32_t)g_rand_int_range (rand, 0, 70);
          header.value = (uint32_t)g_rand_int_range (rand, 0, 40);
          usb_wire_send (ends[1], &header, data, g_rand_int_range (rand, 0, 70), -1, FALSE);
          usb_pump ();
        }
      close (ends[1]);
      usb_pump ();
      g_assert_null (c.host->port);
      close_case (&c);
    }
}

/* A monitor that lies to the helper: it ends, and gives the device back. */
static void
test_monitor_lies (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (13);

  for (unsigned i = 0; i < 200; i++)
    {
      const UsbWireHeader first = { .op = USB_WIRE_OPEN };
      g_autofree uint8_t *data = g_malloc0 (USB_WIRE_DATA);
      int node = dup (0);

      fake_init (USB_SPEED_HIGH);
      int socket = fake_start ();
      g_assert_cmpint (usb_wire_send (socket, &first, NULL, 0, node, TRUE), ==, 0);
      close (node);
      for (unsigned n = 0; n < 8; n++)
        {
          const UsbWireHeader header = { .op = (uint16_t)g_rand_int_range (rand, 0, 14),
                                         .endpoint = (uint8_t)g_rand_int (rand),
                                         .length = (uint32_t)g_rand_int_range (rand, 0, 70000),
                                         .value = (uint32_t)g_rand_int_range (rand, 0, 70),
                                         .serial = n };

          memset (data, g_rand_int_range (rand, 0, 256), 64);
          if (usb_wire_send (socket, &header, data, g_rand_int_range (rand, 0, 300), -1, FALSE) != 0)
            break;
        }
      close (socket);
      fake_end ();
      g_assert_cmpuint (fake.n_closed, ==, 1);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/usb/host/transfers", test_transfers);
  g_test_add_func ("/usb/host/cancel", test_cancel);
  g_test_add_func ("/usb/host/halt", test_halt);
  g_test_add_func ("/usb/host/isochronous", test_isochronous);
  g_test_add_func ("/usb/host/pulled", test_pulled);
  g_test_add_func ("/usb/host/failures", test_failures);
  g_test_add_func ("/usb/host/speed", test_speed);
  g_test_add_func ("/usb/host/loaded", test_loaded);
  g_test_add_func ("/usb/host/descriptors", test_descriptors);
  g_test_add_func ("/usb/host/liar", test_liar);
  g_test_add_func ("/usb/host/monitor-lies", test_monitor_lies);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB Attached SCSI: settings, commands beside each other, what fails, functions, saved machines, hosts that do what none does; in a port of the test's, and by the xHCI's streams.
 */
#include "stick.h"
#include "xhci-driver.h"

#include "usb/storage-private.h"

#define IU_SIZE 64u

enum
{
  COMMAND = 4,
  STATUS = 3,
  IN = 1,
  OUT = 2,
};

static const uint8_t ready[6] = { 0 };

static void
open_uas (Stick *s, unsigned flags)
{
  stick_open (s, USB_SPEED_HIGH, flags, TRUE);
  stick_request (s, 1, USB_SET_INTERFACE, 1, 0, 0, NULL);
}

static void
put_command (uint8_t *iu, unsigned tag, const uint8_t *cdb, unsigned n)
{
  memset (iu, 0, 32);
  iu[0] = 1;
  iu[2] = (uint8_t)(tag >> 8);
  iu[3] = (uint8_t)tag;
  memcpy (iu + 16, cdb, n);
}

static void
send (Stick *s, unsigned tag, const uint8_t *cdb, unsigned n)
{
  uint8_t iu[32];

  put_command (iu, tag, cdb, n);
  g_assert_cmpint (stick_transfer (s, USB_PID_OUT, COMMAND, iu, sizeof iu), ==, 32);
}

static void
manage (Stick *s, unsigned tag, unsigned function, unsigned other)
{
  uint8_t iu[16] = { 5, 0, 0, (uint8_t)tag, (uint8_t)function, 0, 0, (uint8_t)other };

  g_assert_cmpint (stick_transfer (s, USB_PID_OUT, COMMAND, iu, sizeof iu), ==, 16);
}

/* The next unit of the status pipe: its id, and its tag. */
static unsigned
listen (Stick *s, uint8_t *iu, unsigned *tag)
{
  memset (iu, 0, IU_SIZE);
  const int n = stick_transfer (s, USB_PID_IN, STATUS, iu, IU_SIZE);

  g_assert_cmpint (n, >=, 4);
  *tag = (unsigned)iu[2] << 8 | iu[3];
  switch (iu[0])
    {
    case 3:
      g_assert_cmpint (n, ==, 16 + iu[15]);
      break;
    case 4:
      g_assert_cmpint (n, ==, 8);
      break;
    default:
      g_assert_cmpint (n, ==, 4);
      break;
    }
  return iu[0];
}

static gboolean
is_silent (Stick *s)
{
  uint8_t iu[IU_SIZE];
  uint32_t actual;

  vm_lock (s->usb.vm);
  const UsbStatus status = usb_device_transfer (s->device, USB_PID_IN, STATUS, iu, IU_SIZE, &actual);
  vm_unlock (s->usb.vm);
  return status == USB_NAK;
}

/* The status of this tag comes next; its sense, or 0. */
static uint32_t
ended (Stick *s, unsigned wanted)
{
  uint8_t iu[IU_SIZE];
  unsigned tag;

  g_assert_cmpuint (listen (s, iu, &tag), ==, 3);
  g_assert_cmpuint (tag, ==, wanted);
  g_assert_cmpuint (iu[6], ==, iu[15] != 0 ? SCSI_STATUS_CHECK : SCSI_STATUS_GOOD);
  return iu[15] != 0 ? (uint32_t)iu[18] << 16 | (uint32_t)iu[28] << 8 | iu[29] : 0;
}

static unsigned
responded (Stick *s, unsigned wanted)
{
  uint8_t iu[IU_SIZE];
  unsigned tag;

  g_assert_cmpuint (listen (s, iu, &tag), ==, 4);
  g_assert_cmpuint (tag, ==, wanted);
  return iu[7];
}

static void
told (Stick *s, gboolean in, unsigned wanted)
{
  uint8_t iu[IU_SIZE];
  unsigned tag;

  g_assert_cmpuint (listen (s, iu, &tag), ==, in ? 6 : 7);
  g_assert_cmpuint (tag, ==, wanted);
}

static void
send_move (Stick *s, unsigned tag, gboolean write, uint32_t lba, unsigned n)
{
  const uint8_t cdb[10]
      = { write ? 0x2a : 0x28, 0, (uint8_t)(lba >> 24), (uint8_t)(lba >> 16), (uint8_t)(lba >> 8),
          (uint8_t)lba,        0, (uint8_t)(n >> 8),    (uint8_t)n,           0 };

  send (s, tag, cdb, sizeof cdb);
}

/* -- What works ------------------------------------------------------------------------------------------------- */

/* Bulk-only comes first, so that whoever knows no settings has that; the other is there from high speed on. */
static void
test_settings (void)
{
  for (UsbSpeed speed = USB_SPEED_FULL; speed <= USB_SPEED_SUPER; speed++)
    {
      const gboolean offered = speed >= USB_SPEED_HIGH;
      unsigned protocols[4] = { 0 }, n_interfaces = 0, n_pipes = 0, n_streams = 0;
      uint8_t data[256], setting = 9;
      Stick s;

      stick_open (&s, speed, BLOCK_READ_WRITE, TRUE);
      vm_lock (s.usb.vm);
      const uint32_t length = usb_descriptor (s.device, USB_DESCRIPTOR_CONFIGURATION, 0, data);
      vm_unlock (s.usb.vm);
      g_assert_cmpuint (usb_get16 (data + 2), ==, length);
      for (uint32_t at = 0; at < length; at += data[at])
        switch (data[at + 1])
          {
          case USB_DESCRIPTOR_INTERFACE:
            g_assert_cmpuint (data[at + 3], ==, n_interfaces);
            protocols[n_interfaces++] = data[at + 7];
            break;
          case USB_DESCRIPTOR_PIPE_USAGE:
            g_assert_cmpuint (data[at + 2], ==, ++n_pipes);
            break;
          case USB_DESCRIPTOR_SS_COMPANION:
            n_streams += data[at + 3] == 4;
            break;
          default:
            break;
          }
      g_assert_cmpuint (n_interfaces, ==, offered ? 2 : 1);
      g_assert_cmphex (protocols[0], ==, 0x50);
      g_assert_cmphex (protocols[1], ==, offered ? 0x62 : 0);
      g_assert_cmpuint (n_pipes, ==, offered ? 4 : 0);
      g_assert_cmpuint (n_streams, ==, speed == USB_SPEED_SUPER ? 3 : 0);
      uint8_t setup[8] = { 1, USB_SET_INTERFACE, 1 };
      g_assert_cmpint (stick_transfer (&s, USB_PID_SETUP, 0, setup, 8), ==, 8);
      g_assert_cmpint (stick_transfer (&s, USB_PID_IN, 0, NULL, 0), ==, offered ? 0 : STICK_STALLED);
      stick_request (&s, 0x81, USB_GET_INTERFACE, 0, 0, 1, &setting);
      g_assert_cmpuint (setting, ==, offered);
      /* Whoever configures it anew has the first one. */
      stick_request (&s, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL);
      stick_request (&s, 0x81, USB_GET_INTERFACE, 0, 0, 1, &setting);
      g_assert_cmpuint (setting, ==, 0);
      g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, COMMAND, data, 32), ==, STICK_STALLED);
      usb_close (&s.usb);
    }
}

static void
test_talk (void)
{
  static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 96 }, flush[10] = { 0x35 };
  static const uint8_t unmap[10] = { 0x42, 0, 0, 0, 0, 0, 0, 0, 24 };
  uint8_t extent[24] = { 0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 0, 0, 8 };
  g_autofree uint8_t *out = g_malloc (0x40000), *in = g_malloc0 (0x40000), *zeroes = g_malloc0 (4096);
  Stick s;

  open_uas (&s, BLOCK_READ_WRITE);
  send (&s, 1, ready, 6);
  g_assert_cmphex (ended (&s, 1), ==, 0);
  send (&s, 2, inquiry, 6);
  told (&s, TRUE, 2);
  g_assert_cmpint (stick_transfer (&s, USB_PID_IN, IN, in, 96), >=, 36);
  g_assert_cmphex (in[1], ==, 0x80);
  g_assert_cmphex (ended (&s, 2), ==, 0);
  stick_fill (out, 0x40000, 5);
  send_move (&s, 0x1234, TRUE, 40, 512);
  send (&s, 4, flush, 10);
  send_move (&s, 5, FALSE, 40, 512);
  told (&s, FALSE, 0x1234);
  g_assert_true (is_silent (&s));
  /* In packets and in the whole. */
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, OUT, out, 512), ==, 512);
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, OUT, out + 512, 0x40000 - 512), ==, 0x40000 - 512);
  g_assert_cmphex (ended (&s, 0x1234), ==, 0);
  g_assert_cmphex (ended (&s, 4), ==, 0);
  told (&s, TRUE, 5);
  g_assert_cmpint (stick_transfer (&s, USB_PID_IN, IN, in, 0x40000), ==, 0x40000);
  g_assert_cmphex (ended (&s, 5), ==, 0);
  g_assert_cmpmem (in, 0x40000, out, 0x40000);
  /* What comes along with a command. */
  send (&s, 6, unmap, 10);
  told (&s, FALSE, 6);
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, OUT, extent, 24), ==, 24);
  g_assert_cmphex (ended (&s, 6), ==, 0);
  send_move (&s, 7, FALSE, 40, 8);
  told (&s, TRUE, 7);
  g_assert_cmpint (stick_transfer (&s, USB_PID_IN, IN, in, 4096), ==, 4096);
  g_assert_cmphex (ended (&s, 7), ==, 0);
  g_assert_cmpmem (in, 4096, zeroes, 4096);
  g_assert_true (is_silent (&s));
  usb_close (&s.usb);
}

/* -- What doesn't --------------------------------------------------------------------------------------------------- */

static void
test_wrong (void)
{
  static const uint8_t unknown[6] = { 0xff }, huge[16] = { 0x88, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80 };
  uint8_t iu[IU_SIZE], data[1024] = { 0 };
  unsigned tag;
  Stick s;

  open_uas (&s, BLOCK_READ_ONLY);
  send (&s, 1, unknown, 6);
  g_assert_cmphex (ended (&s, 1), ==, 0x052000);
  send_move (&s, 2, TRUE, 0, 1);
  g_assert_cmphex (ended (&s, 2), ==, 0x072700);
  send_move (&s, 3, FALSE, STICK_SECTORS - 1, 2);
  g_assert_cmphex (ended (&s, 3), ==, 0x052100);
  send (&s, 4, huge, 16);
  g_assert_cmphex (ended (&s, 4) >> 16, ==, 5);
  /* A unit that isn't there. */
  put_command (iu, 5, ready, 6);
  iu[9] = 1;
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, COMMAND, iu, 32), ==, 32);
  g_assert_cmphex (ended (&s, 5), ==, 0x052500);
  /* Units that are cut short, that nobody knows, and whose command goes on behind their end. */
  for (unsigned i = 0; i < 4; i++)
    {
      put_command (iu, 6, ready, 6);
      iu[0] = i == 0 ? 1 : i == 1 ? 5 : i == 2 ? 2 : 1;
      iu[6] = i == 3 ? 0x04 : 0;
      g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, COMMAND, iu, i == 0 ? 31 : i == 1 ? 15 : 32), >, 0);
      g_assert_cmphex (responded (&s, 6), ==, 2);
    }
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, COMMAND, iu, 3), ==, STICK_STALLED);
  stick_request (&s, 2, USB_CLEAR_FEATURE, 0, COMMAND, 0, NULL);
  /* A tag that is under way: all that is goes. */
  send_move (&s, 7, FALSE, 0, 2);
  send_move (&s, 8, FALSE, 0, 2);
  send (&s, 7, ready, 6);
  g_assert_cmphex (responded (&s, 7), ==, 0x0a);
  g_assert_true (is_silent (&s));
  send (&s, 8, ready, 6);
  g_assert_cmphex (ended (&s, 8), ==, 0);
  /* More than it keeps: said at first, and then nothing more is taken until the host listens. */
  for (unsigned i = 0; i < UAS_MOST; i++)
    send_move (&s, 100 + i, FALSE, 0, 2);
  put_command (iu, 99, ready, 6);
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, COMMAND, iu, 32), ==, STICK_NAKED);
  for (unsigned i = UAS_QUEUE; i < UAS_MOST; i++)
    {
      g_assert_cmpuint (listen (&s, iu, &tag), ==, 3);
      g_assert_cmpuint (tag, ==, 100 + i);
      g_assert_cmphex (iu[6], ==, 0x28);
    }
  for (unsigned i = 0; i < UAS_QUEUE; i++)
    {
      told (&s, TRUE, 100 + i);
      g_assert_cmpint (stick_transfer (&s, USB_PID_IN, IN, data, 1024), ==, 1024);
      g_assert_cmphex (ended (&s, 100 + i), ==, 0);
    }
  g_assert_true (is_silent (&s));
  usb_close (&s.usb);
}

static void
test_functions (void)
{
  g_autofree uint8_t *data = g_malloc0 (0x20000), *back = g_malloc0 (0x20000);
  uint32_t actual;
  Stick s;

  open_uas (&s, BLOCK_READ_WRITE);
  manage (&s, 1, 0x80, 9);
  g_assert_cmphex (responded (&s, 1), ==, 0);
  manage (&s, 1, 0x77, 0);
  g_assert_cmphex (responded (&s, 1), ==, 4);
  /* One that waits, and one that is half written, with the image at it. */
  send_move (&s, 2, TRUE, 100, 256);
  send_move (&s, 3, FALSE, 0, 2);
  told (&s, FALSE, 2);
  vm_lock (s.usb.vm);
  g_assert_cmpint (usb_device_transfer (s.device, USB_PID_OUT, OUT, data, 0x20000, &actual), ==, USB_NAK);
  vm_unlock (s.usb.vm);
  manage (&s, 4, 0x80, 3);
  g_assert_cmphex (responded (&s, 4), ==, 8);
  manage (&s, 4, 0x01, 3);
  g_assert_cmphex (responded (&s, 4), ==, 0);
  manage (&s, 4, 0x01, 2);
  g_assert_cmphex (responded (&s, 4), ==, 0);
  manage (&s, 4, 0x81, 0);
  g_assert_cmphex (responded (&s, 4), ==, 0);
  g_assert_true (is_silent (&s));
  /* A newer write wins over the one that was taken back. */
  stick_fill (data, 0x20000, 9);
  send_move (&s, 5, TRUE, 100, 256);
  told (&s, FALSE, 5);
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, OUT, data, 0x20000), ==, 0x20000);
  g_assert_cmphex (ended (&s, 5), ==, 0);
  send_move (&s, 6, FALSE, 100, 256);
  told (&s, TRUE, 6);
  g_assert_cmpint (stick_transfer (&s, USB_PID_IN, IN, back, 0x20000), ==, 0x20000);
  g_assert_cmphex (ended (&s, 6), ==, 0);
  g_assert_cmpmem (data, 0x20000, back, 0x20000);
  /* All of them, and the unit says that it was reset. */
  for (unsigned i = 0; i < 5; i++)
    send_move (&s, 10 + i, FALSE, 0, 2);
  manage (&s, 4, 0x08, 0);
  g_assert_cmphex (responded (&s, 4), ==, 0);
  g_assert_true (is_silent (&s));
  send (&s, 7, ready, 6);
  g_assert_cmphex (ended (&s, 7), ==, 0x062900);
  send (&s, 7, ready, 6);
  g_assert_cmphex (ended (&s, 7), ==, 0);
  usb_close (&s.usb);
}

/* Any units and pieces, with functions, resets, other settings and loaded states in between. */
static void
test_any (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (2095);
  g_autofree uint8_t *data = g_malloc0 (0x20000);
  static const uint8_t codes[] = { 0x00, 0x12, 0x25, 0x28, 0x2a, 0x35, 0x41, 0x42, 0x88, 0x8a, 0x93, 0x9e };
  uint8_t iu[64];
  uint32_t actual;
  Stick s;

  open_uas (&s, BLOCK_DISCARD_CHANGES);
  for (unsigned i = 0; i < 4000; i++)
    {
      uint8_t cdb[16];

      for (unsigned b = 0; b < 16; b++)
        cdb[b] = g_rand_int_range (rand, 0, 4) == 0 ? (uint8_t)g_rand_int (rand) : 0;
      cdb[0] = codes[g_rand_int_range (rand, 0, G_N_ELEMENTS (codes))];
      memset (iu, 0, sizeof iu);
      put_command (iu, (unsigned)g_rand_int_range (rand, 0, 20), cdb, 16);
      if (g_rand_int_range (rand, 0, 4) == 0)
        iu[g_rand_int_range (rand, 0, 16)] = (uint8_t)g_rand_int (rand);
      if (g_rand_int_range (rand, 0, 6) == 0)
        {
          iu[0] = 5;
          iu[4] = (uint8_t)(1u << g_rand_int_range (rand, 0, 8));
        }
      vm_lock (s.usb.vm);
      usb_device_transfer (s.device, USB_PID_OUT, COMMAND, iu, (uint32_t)g_rand_int_range (rand, 12, 48),
                           &actual);
      for (unsigned j = 0; j < 8; j++)
        {
          const unsigned pipe = (unsigned)g_rand_int_range (rand, 1, 4);

          usb_device_transfer (s.device, pipe == OUT ? USB_PID_OUT : USB_PID_IN, pipe, data,
                               (uint32_t)g_rand_int_range (rand, 0, 0x20000), &actual);
        }
      vm_unlock (s.usb.vm);
      if (i % 3 == 0)
        g_main_context_iteration (NULL, FALSE);
      if (i % 50 == 0)
        stick_request (&s, 1, USB_SET_INTERFACE, i % 200 != 0, 0, 0, NULL);
      if (i % 400 == 0)
        {
          stick_drain (&s);
          g_assert_true (usb_save_and_load (&s.usb));
        }
      for (unsigned pipe = 1; pipe <= 4; pipe++)
        if (i % 10 == 0 && (pipe <= 2 || s.device->alternate != 0))
          stick_request (&s, 2, USB_CLEAR_FEATURE, 0, pipe | (pipe % 2 ? 0x80 : 0), 0, NULL);
    }
  stick_request (&s, 1, USB_SET_INTERFACE, 1, 0, 0, NULL);
  send (&s, 1, ready, 6);
  if (ended (&s, 1) != 0) /* it was reset */
    {
      send (&s, 1, ready, 6);
      g_assert_cmphex (ended (&s, 1), ==, 0);
    }
  usb_close (&s.usb);
}

/* -- Saved, pulled, by streams ------------------------------------------------------------------------------------------ */

static void
test_saved (void)
{
  g_autofree uint8_t *out = g_malloc (0x20000), *in = g_malloc0 (0x20000);
  uint32_t actual;
  Stick s;

  open_uas (&s, BLOCK_READ_WRITE);
  stick_fill (out, 0x20000, 77);
  send_move (&s, 5, TRUE, 40, 256);
  send_move (&s, 6, FALSE, 40, 256);
  told (&s, FALSE, 5);
  vm_lock (s.usb.vm);
  g_assert_cmpint (usb_device_transfer (s.device, USB_PID_OUT, OUT, out, 0x20000, &actual), ==, USB_NAK);
  vm_unlock (s.usb.vm);
  g_assert_cmpuint (actual, ==, 0x10000);
  stick_drain (&s);
  g_assert_true (usb_save_and_load (&s.usb));
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, OUT, out + actual, 0x20000 - actual), ==, 0x10000);
  g_assert_cmphex (ended (&s, 5), ==, 0);
  stick_drain (&s);
  g_assert_true (usb_save_and_load (&s.usb)); /* what is to be told is, afterwards */
  told (&s, TRUE, 6);
  g_assert_cmpint (stick_transfer (&s, USB_PID_IN, IN, in, 0x20000), ==, 0x20000);
  g_assert_cmphex (ended (&s, 6), ==, 0);
  g_assert_cmpmem (in, 0x20000, out, 0x20000);
  usb_close (&s.usb);
}

/* Out in the middle of a write with others behind it, and in again. */
static void
test_pulled (void)
{
  g_autofree uint8_t *data = g_malloc0 (0x20000);
  g_autoptr (GError) error = NULL;
  uint32_t actual;
  Stick s;

  open_uas (&s, BLOCK_READ_WRITE);
  for (unsigned i = 0; i < 20; i++)
    {
      send_move (&s, 1, TRUE, 40, 256);
      send_move (&s, 2, TRUE, 40, 256);
      told (&s, FALSE, 1);
      vm_lock (s.usb.vm);
      usb_device_transfer (s.device, USB_PID_OUT, OUT, data, 0x20000, &actual);
      usb_device_detach (s.device);
      vm_unlock (s.usb.vm);
      if (i % 2)
        usb_pump ();
      vm_lock (s.usb.vm);
      g_assert_true (usb_port_attach (&s.port, s.device, &error));
      usb_port_reset (&s.port);
      vm_unlock (s.usb.vm);
      stick_request (&s, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL);
      stick_request (&s, 1, USB_SET_INTERFACE, 1, 0, 0, NULL);
      g_assert_true (is_silent (&s));
      send_move (&s, 1, TRUE, 500, 64);
      told (&s, FALSE, 1);
      g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, OUT, data, 0x8000), ==, 0x8000);
      g_assert_cmphex (ended (&s, 1), ==, 0);
    }
  send_move (&s, 1, TRUE, 40, 256);
  told (&s, FALSE, 1);
  vm_lock (s.usb.vm);
  usb_device_transfer (s.device, USB_PID_OUT, OUT, data, 0x20000, &actual);
  device_free (&s.device->device);
  vm_unlock (s.usb.vm);
  usb_pump ();
  usb_close (&s.usb);
}

/* Super speed behind the xHCI: a ring a tag on each pipe, and the disk says whose turn it is. */

#define STREAMS    0x400000u /* the arrays, and behind each its rings */
#define RING(s, d) (STREAMS + 0x1000u * (d) + 0x100u * ((s) + 1))

static void
configure_streams (Hc *hc, unsigned slot, unsigned dci, unsigned type, unsigned streams)
{
  const uint64_t at = HC_INPUT + (dci + 1) * 32ull;

  hc_clear_input (hc, 0, 1u | 1u << dci);
  usb_put32 (&hc->usb, HC_INPUT + 32, 31u << 27);
  usb_put32 (&hc->usb, at, streams << 10 | 1u << 15);
  usb_put32 (&hc->usb, at + 4, 1024u << 16 | type << 3 | 3 << 1);
  usb_put32 (&hc->usb, at + 8, STREAMS + 0x1000 * dci);
  memset (usb_ram (&hc->usb, STREAMS + 0x1000 * dci), 0, 0x1000);
  for (unsigned stream = 1; stream < 8; stream++)
    usb_put32 (&hc->usb, STREAMS + 0x1000 * dci + 16 * stream, RING (stream, dci) | 1 << 1 | 1);
}

static void
put_stream (Hc *hc, unsigned slot, unsigned dci, unsigned stream, unsigned n, uint64_t buffer,
            uint32_t length)
{
  hc_trb (hc, RING (stream, dci) + 16 * n, buffer, length,
          TRB_NORMAL << TRB_TYPE_SHIFT | TRB_IOC | TRB_CYCLE);
  usb_write (&hc->usb, XHCI_DOORBELLS + 4 * slot, stream << 16 | dci, 4);
}

static HcEvent
wait_long (Hc *hc)
{
  HcEvent event = { 0 };

  for (unsigned i = 0; i < 5000 && event.type == 0; i++)
    {
      event = hc_wait (hc, TRB_EVENT_TRANSFER);
      if (event.type == 0)
        g_usleep (500);
    }
  g_assert_cmpuint (event.type, ==, TRB_EVENT_TRANSFER);
  return event;
}

static void
begin_streams (Hc *hc, UsbDevice **device)
{
  g_autoptr (GError) error = NULL;

  hc_open (hc);
  *device = stick_make (&hc->usb, BLOCK_READ_WRITE, TRUE);
  vm_lock (hc->usb.vm);
  g_assert_true (usb_port_attach (xhci_port (hc->usb.controller, 0), *device, &error));
  vm_unlock (hc->usb.vm);
  hc_map (hc);
  hc_start (hc, HC_N_EVENTS);
  g_assert_cmphex (usb_read (&hc->usb, 0x10, 4) >> 12 & 0xf, ==, XHCI_STREAMS);
  g_assert_cmpuint (hc_address (hc, 1 + XHCI_N_PORTS, 0), ==, 1);
  g_assert_cmpuint (hc_control (hc, 1, 0, USB_SET_CONFIGURATION, 1, 0, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_control (hc, 1, 1, USB_SET_INTERFACE, 1, 0, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (hc, 1, 8, 2, 1024), ==, CC_SUCCESS);
  /* More than there may be, and a second level. */
  configure_streams (hc, 1, 7, 6, 4);
  g_assert_cmpuint (hc_command (hc, TRB_CONFIGURE, HC_INPUT, 1 << 24, NULL), ==, CC_PARAMETER);
  for (unsigned dci = 3; dci <= 7; dci += dci == 3 ? 1 : 3)
    {
      configure_streams (hc, 1, dci, dci % 2 ? 6 : 2, 2);
      g_assert_cmpuint (hc_command (hc, TRB_CONFIGURE, HC_INPUT, 1 << 24, NULL), ==, CC_SUCCESS);
    }
}

static void
send_stream (Hc *hc, unsigned tag, gboolean write, unsigned lba, unsigned n)
{
  const uint8_t cdb[10] = { write ? 0x2a : 0x28, 0, 0, 0, 0, (uint8_t)lba, 0, (uint8_t)(n >> 8), (uint8_t)n };
  const uint64_t at = HC_BUFFERS + 64 * tag;

  put_command (usb_ram (&hc->usb, at), tag, cdb, 10);
  hc_normal (hc, 1, 8, at, 32, 0);
  hc_doorbell (hc, 1, 8);
}

static void
test_streams (void)
{
  g_autofree uint8_t *want = g_malloc (0x20000);
  const uint64_t written = HC_BUFFERS + 0x10000, read = HC_BUFFERS + 0x40000, status = HC_BUFFERS + 0x1000;
  UsbDevice *device;
  HcEvent event;
  Hc hc;

  begin_streams (&hc, &device);
  stick_fill (want, 0x20000, 3);
  memcpy (usb_ram (&hc.usb, written), want, 0x20000);
  /* Two writes and two reads at once; the rings are there in another order than the commands. */
  for (unsigned tag = 4; tag >= 1; tag--)
    put_stream (&hc, 1, 7, tag, 0, status + 64 * tag, 64);
  put_stream (&hc, 1, 3, 4, 0, read + 0x10000, 0x10000);
  put_stream (&hc, 1, 3, 3, 0, read, 0x10000);
  put_stream (&hc, 1, 4, 2, 0, written + 0x10000, 0x10000);
  hc_run (&hc);
  for (unsigned tag = 1; tag <= 4; tag++)
    send_stream (&hc, tag, tag <= 2, tag % 2 ? 10 : 138, 128);
  hc_run (&hc);
  {
    Stick s = { .usb = hc.usb, .device = device };

    stick_drain (&s);
    g_assert_true (usb_save_and_load (&hc.usb));
  }
  put_stream (&hc, 1, 4, 1, 0, written, 0x10000);
  for (unsigned i = 0; i < 8; i++)
    {
      event = wait_long (&hc);
      g_assert_true (event.code == CC_SUCCESS || (event.dci == 7 && event.code == CC_SHORT_PACKET));
    }
  for (unsigned tag = 1; tag <= 4; tag++)
    {
      g_assert_cmphex (usb_ram (&hc.usb, status + 64 * tag)[0], ==, 3);
      g_assert_cmphex (usb_ram (&hc.usb, status + 64 * tag)[3], ==, tag);
      g_assert_cmphex (usb_ram (&hc.usb, status + 64 * tag)[6], ==, 0);
    }
  g_assert_cmpmem (usb_ram (&hc.usb, read), 0x20000, want, 0x20000);
  /* Stopped with nothing under way, each context says where its ring goes on; another place is taken; a stream that isn't there is refused. */
  g_assert_cmpuint (hc_command (&hc, TRB_STOP_ENDPOINT, 0, 1 << 24 | 3 << 16, NULL), ==, CC_SUCCESS);
  for (unsigned tag = 3; tag <= 4; tag++)
    g_assert_cmphex (usb_get32 (&hc.usb, STREAMS + 0x3000 + 16 * tag), ==, (RING (tag, 3) + 16) | 3);
  g_assert_cmphex (usb_get32 (&hc.usb, hc_context (1) + 3 * 32 + 8), ==, STREAMS + 0x3000);
  for (unsigned stream = 0; stream < 20; stream++)
    {
      hc_put_command (&hc, RING (3, 3) | 3, stream << 16,
                      TRB_SET_DEQUEUE << TRB_TYPE_SHIFT | 1 << 24 | 3 << 16);
      event = hc_wait (&hc, TRB_EVENT_COMMAND);
      g_assert_cmpuint (event.code, ==, stream > 0 && stream < 8 ? CC_SUCCESS : CC_TRB);
    }
  usb_close (&hc.usb);
}

/* Rings without end, without memory and of the wrong kind, and a device that is pulled while a stream moves. */
static void
test_wrong_streams (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (412);
  UsbDevice *device;
  Hc hc;

  begin_streams (&hc, &device);
  for (unsigned i = 0; i < 2000; i++)
    {
      const unsigned stream = (unsigned)g_rand_int_range (rand, 0, 9), dci = (unsigned[]){ 3, 4, 7 }[i % 3];

      if (i % 7 == 0)
        usb_put32 (&hc.usb, STREAMS + 0x1000 * dci + 16 * (stream % 8) + 4 * (i % 2), g_rand_int (rand));
      else if (i % 7 < 4)
        put_stream (&hc, 1, dci, stream % 8, i % 3, HC_BUFFERS + 0x10000,
                    (uint32_t)g_rand_int_range (rand, 0, 0x1ffff));
      else
        usb_write (&hc.usb, XHCI_DOORBELLS + 4, stream << 16 | dci, 4);
      if (i % 5 == 0)
        send_stream (&hc, 1 + stream % 7, i % 2, 0, 200);
      if (i % 11 == 0)
        hc_command (&hc, TRB_STOP_ENDPOINT, 0, 1 << 24 | dci << 16, NULL);
      if (i % 97 == 0)
        {
          Stick s = { .usb = hc.usb, .device = device };

          stick_drain (&s);
          g_assert_true (usb_save_and_load (&hc.usb));
        }
      hc_wait (&hc, TRB_EVENT_TRANSFER);
      if (i == 1500)
        {
          vm_lock (hc.usb.vm);
          usb_device_detach (device);
          vm_unlock (hc.usb.vm);
        }
    }
  usb_close (&hc.usb);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  stick_begin ();
  g_test_add_func ("/uas/settings", test_settings);
  g_test_add_func ("/uas/talk", test_talk);
  g_test_add_func ("/uas/wrong", test_wrong);
  g_test_add_func ("/uas/functions", test_functions);
  g_test_add_func ("/uas/any", test_any);
  g_test_add_func ("/uas/saved", test_saved);
  g_test_add_func ("/uas/pulled", test_pulled);
  g_test_add_func ("/uas/streams", test_streams);
  g_test_add_func ("/uas/wrong-streams", test_wrong_streams);
  result = g_test_run ();
  stick_end ();
  return result;
}

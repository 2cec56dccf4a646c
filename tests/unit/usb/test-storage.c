/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The USB stick: commands and their three phases, what fails, pulling it out, saved machines; in a port of the test's, at each speed, and behind the xHCI.
 */
#include "stick.h"
#include "xhci-driver.h"

static void
put_cbw (uint8_t *cbw, uint32_t tag, uint32_t length, gboolean in, const uint8_t *cdb, unsigned n)
{
  memset (cbw, 0, 31);
  pci_set32 (cbw, 0x43425355);
  pci_set32 (cbw + 4, tag);
  pci_set32 (cbw + 8, length);
  cbw[12] = in ? 0x80 : 0;
  cbw[14] = (uint8_t)n;
  memcpy (cbw + 15, cdb, n);
}

typedef struct
{
  int moved; /* bytes of data, or STICK_STALLED */
  unsigned status;
  uint32_t residue;
} Result;

static Result
command (Stick *s, const uint8_t *cdb, unsigned n, gboolean in, uint8_t *data, uint32_t length,
         uint32_t piece)
{
  uint8_t cbw[31], csw[13];
  Result result = { 0 };

  put_cbw (cbw, ++s->tag, length, in, cdb, n);
  g_assert_cmpint (stick_transfer (s, USB_PID_OUT, 2, cbw, sizeof cbw), ==, 31);
  for (uint32_t at = 0; at < length;)
    {
      const uint32_t some = MIN (piece, length - at);
      const int moved = stick_transfer (s, in ? USB_PID_IN : USB_PID_OUT, in ? 1 : 2, data + at, some);

      g_assert_cmpint (moved, !=, STICK_NAKED);
      if (moved == STICK_STALLED)
        {
          if (result.moved == 0)
            result.moved = STICK_STALLED;
          stick_request (s, 2, USB_CLEAR_FEATURE, 0, in ? 0x81 : 2, 0, NULL);
          break;
        }
      result.moved += moved;
      at += (uint32_t)moved;
      if (moved < (int)some)
        break;
    }
  int got = stick_transfer (s, USB_PID_IN, 1, csw, sizeof csw);
  if (got == STICK_STALLED) /* 5.3.3: once more */
    {
      stick_request (s, 2, USB_CLEAR_FEATURE, 0, 0x81, 0, NULL);
      got = stick_transfer (s, USB_PID_IN, 1, csw, sizeof csw);
    }
  g_assert_cmpint (got, ==, 13);
  g_assert_cmphex (pci_get32 (csw), ==, 0x53425355);
  g_assert_cmpuint (pci_get32 (csw + 4), ==, s->tag);
  result.residue = pci_get32 (csw + 8);
  result.status = csw[12];
  return result;
}

static Result
read_write (Stick *s, gboolean write, uint32_t lba, unsigned n, uint8_t *data, uint32_t length,
            uint32_t piece)
{
  const uint8_t cdb[10]
      = { write ? 0x2a : 0x28, 0, (uint8_t)(lba >> 24), (uint8_t)(lba >> 16), (uint8_t)(lba >> 8),
          (uint8_t)lba,        0, (uint8_t)(n >> 8),    (uint8_t)n,           0 };

  return command (s, cdb, 10, !write, data, length, piece);
}

static uint32_t
sense (Stick *s)
{
  static const uint8_t cdb[6] = { 3, 0, 0, 0, 18, 0 };
  uint8_t data[18];
  const Result result = command (s, cdb, 6, TRUE, data, 18, 512);

  g_assert_cmpint (result.moved, ==, 18);
  g_assert_cmpuint (result.status, ==, 0);
  return (uint32_t)data[2] << 16 | (uint32_t)data[12] << 8 | data[13];
}

/* -- What works --------------------------------------------------------------------------------------------- */

static void
test_speeds (void)
{
  static const unsigned packet[USB_N_SPEEDS] = { 8, 64, 512, 1024 };
  g_autofree uint8_t *out = g_malloc (STICK_MIB), *in = g_malloc (STICK_MIB);

  for (unsigned speed = USB_SPEED_FULL; speed <= USB_SPEED_SUPER; speed++)
    {
      /* Pieces: a packet, what an EHCI's descriptor has, all. */
      const uint32_t pieces[] = { packet[speed], 20480, STICK_MIB };
      Stick s;

      stick_open (&s, (UsbSpeed)speed, BLOCK_READ_WRITE, FALSE);
      static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36, 0 }, capacity[10] = { 0x25 };
      g_assert_cmpint (command (&s, inquiry, 6, TRUE, in, 36, 64).moved, ==, 36);
      g_assert_cmpuint (in[1], ==, 0x80);
      g_assert_cmpint (command (&s, capacity, 10, TRUE, in, 8, 64).moved, ==, 8);
      g_assert_cmpuint (in[2] << 8 | in[3], ==, STICK_SECTORS - 1);
      for (unsigned p = 0; p < G_N_ELEMENTS (pieces); p++)
        {
          const unsigned n = p == 0 ? 100 : 2000;

          stick_fill (out, n * 512, speed + p);
          memset (in, 0, n * 512);
          Result result = read_write (&s, TRUE, 64 + p, n, out, n * 512, pieces[p]);
          g_assert_cmpint (result.moved, ==, (int)n * 512);
          g_assert_cmpuint (result.status, ==, 0);
          g_assert_cmpuint (result.residue, ==, 0);
          result = read_write (&s, FALSE, 64 + p, n, in, n * 512, pieces[p]);
          g_assert_cmpint (result.moved, ==, (int)n * 512);
          g_assert_cmpuint (result.status, ==, 0);
          g_assert_cmpmem (in, n * 512, out, n * 512);
        }
      static const uint8_t flush[10] = { 0x35 };
      g_assert_cmpuint (command (&s, flush, 10, FALSE, NULL, 0, 64).status, ==, 0);
      usb_close (&s.usb);
    }
}

/* -- The thirteen cases, and nonsense -------------------------------------------------------------------------- */

static void
test_cases (void)
{
  static const uint8_t ready[6] = { 0 }, inquiry[6] = { 0x12, 0, 0, 0, 36, 0 };
  uint8_t data[4096];
  Result result;
  Stick s;

  stick_open (&s, USB_SPEED_HIGH, BLOCK_READ_WRITE, FALSE);
  /* The host expects nothing, and there is nothing, or something. */
  result = command (&s, ready, 6, FALSE, NULL, 0, 512);
  g_assert_cmpuint (result.status, ==, 0);
  result = read_write (&s, FALSE, 0, 1, NULL, 0, 512);
  g_assert_cmpuint (result.status, ==, 2);
  result = read_write (&s, TRUE, 0, 1, NULL, 0, 512);
  g_assert_cmpuint (result.status, ==, 2);
  /* More than there is. */
  result = command (&s, ready, 6, TRUE, data, 512, 512);
  g_assert_cmpint (result.moved, ==, STICK_STALLED);
  g_assert_cmpuint (result.residue, ==, 512);
  result = command (&s, inquiry, 6, TRUE, data, 512, 512);
  g_assert_cmpint (result.moved, ==, 36);
  g_assert_cmpuint (result.residue, ==, 512 - 36);
  result = read_write (&s, FALSE, 0, 2, data, 2048, 512);
  g_assert_cmpint (result.moved, ==, 1024);
  g_assert_cmpuint (result.residue, ==, 1024);
  g_assert_cmpuint (result.status, ==, 0);
  result = read_write (&s, TRUE, 0, 2, data, 2048, 512);
  g_assert_cmpuint (result.residue, ==, 1024);
  g_assert_cmpuint (result.status, ==, 0);
  /* Less. */
  result = command (&s, inquiry, 6, TRUE, data, 5, 512);
  g_assert_cmpint (result.moved, ==, 5);
  g_assert_cmpuint (result.status, ==, 0);
  result = read_write (&s, FALSE, 0, 4, data, 1024, 512);
  g_assert_cmpuint (result.status, ==, 2);
  /* The wrong way. */
  result = read_write (&s, FALSE, 0, 2, data, 1024, 512);
  g_assert_cmpuint (result.status, ==, 0);
  const uint8_t read_it[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0 },
                write_it[10] = { 0x2a, 0, 0, 0, 0, 0, 0, 0, 2, 0 };
  result = command (&s, read_it, 10, FALSE, data, 1024, 512);
  g_assert_cmpuint (result.status, ==, 2);
  result = command (&s, write_it, 10, TRUE, data, 1024, 512);
  g_assert_cmpuint (result.status, ==, 2);
  /* Errors have their sense, once. */
  result = read_write (&s, FALSE, STICK_SECTORS, 1, data, 512, 512);
  g_assert_cmpuint (result.status, ==, 1);
  g_assert_cmphex (sense (&s), ==, 0x052100);
  g_assert_cmphex (sense (&s), ==, 0);
  const uint8_t unknown[6] = { 0xe7 };
  g_assert_cmpuint (command (&s, unknown, 6, FALSE, data, 100, 512).status, ==, 1);
  g_assert_cmphex (sense (&s), ==, 0x052000);
  usb_close (&s.usb);
}

static void
test_nonsense (void)
{
  uint8_t cbw[31], data[512];
  const uint8_t ready[6] = { 0 };

  for (unsigned what = 0; what < 5; what++)
    {
      Stick s;

      stick_open (&s, USB_SPEED_HIGH, BLOCK_READ_WRITE, FALSE);
      put_cbw (cbw, 1, 0, FALSE, ready, 6);
      cbw[0] ^= what == 0;
      cbw[13] = what == 1;
      cbw[14] = what == 2 ? 0 : what == 3 ? 17 : 6;
      g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, 2, cbw, what == 4 ? 30 : 31), ==, STICK_STALLED);
      /* Both pipes, until it is reset. */
      stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 0x81, 0, NULL);
      stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 2, 0, NULL);
      g_assert_cmpint (stick_transfer (&s, USB_PID_IN, 1, data, 13), ==, STICK_STALLED);
      put_cbw (cbw, 1, 0, FALSE, ready, 6);
      g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, 2, cbw, 31), ==, STICK_STALLED);
      stick_request (&s, 0x21, 0xff, 0, 0, 0, NULL);
      stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 0x81, 0, NULL);
      stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 2, 0, NULL);
      g_assert_cmpuint (command (&s, ready, 6, FALSE, NULL, 0, 512).status, ==, 0);
      usb_close (&s.usb);
    }
}

/* Any command with any length, in any pieces, reset in the middle. */
static void
test_any (void)
{
  static const uint8_t codes[] = { 0x00, 0x03, 0x08, 0x0a, 0x12, 0x1a, 0x25, 0x28, 0x2a,
                                   0x35, 0x41, 0x42, 0x5a, 0x88, 0x8a, 0x93, 0x9e };
  g_autoptr (GRand) rand = g_rand_new_with_seed (1433);
  g_autofree uint8_t *data = g_malloc0 (0x40000);
  Stick s;

  stick_open (&s, USB_SPEED_HIGH, BLOCK_DISCARD_CHANGES, FALSE);
  for (unsigned i = 0; i < 3000; i++)
    {
      uint8_t cbw[31], cdb[16];
      uint32_t actual;

      for (unsigned b = 0; b < 16; b++)
        cdb[b] = g_rand_int_range (rand, 0, 3) == 0 ? (uint8_t)g_rand_int (rand) : 0;
      cdb[0] = codes[g_rand_int_range (rand, 0, G_N_ELEMENTS (codes))];
      put_cbw (cbw, i,
               (uint32_t)g_rand_int_range (rand, 0, 0x30000) & (g_rand_boolean (rand) ? ~0u : 0xfe00u),
               g_rand_boolean (rand), cdb, 16);
      vm_lock (s.usb.vm);
      usb_device_transfer (s.device, USB_PID_OUT, 2, cbw, 31, &actual);
      for (unsigned j = 0; j < 12; j++)
        {
          const gboolean in = g_rand_boolean (rand);

          usb_device_transfer (s.device, in ? USB_PID_IN : USB_PID_OUT, in ? 1 : 2, data,
                               (uint32_t)g_rand_int_range (rand, 0, 0x10000), &actual);
          if (g_rand_int_range (rand, 0, 4) == 0)
            {
              vm_unlock (s.usb.vm);
              g_main_context_iteration (NULL, FALSE);
              vm_lock (s.usb.vm);
            }
        }
      vm_unlock (s.usb.vm);
      if (i % 3 == 0)
        stick_request (&s, 0x21, 0xff, 0, 0, 0, NULL);
      stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 0x81, 0, NULL);
      stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 2, 0, NULL);
    }
  stick_request (&s, 0x21, 0xff, 0, 0, 0, NULL);
  stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 0x81, 0, NULL);
  stick_request (&s, 2, USB_CLEAR_FEATURE, 0, 2, 0, NULL);
  stick_fill (data, 0x20000, 5);
  g_assert_cmpuint (read_write (&s, TRUE, 9, 256, data, 0x20000, 512).status, ==, 0);
  usb_close (&s.usb);
}

/* -- Saved, pulled, behind a controller -------------------------------------------------------------------------- */

static void
test_saved (void)
{
  g_autofree uint8_t *out = g_malloc (0x20000), *in = g_malloc0 (0x20000);
  const uint8_t cdb[10] = { 0x2a, 0, 0, 0, 0, 40, 0, 1, 0, 0 };
  uint8_t cbw[31], csw[13];
  uint32_t actual;
  Stick s;

  stick_open (&s, USB_SPEED_HIGH, BLOCK_READ_WRITE, FALSE);
  stick_fill (out, 0x20000, 77);
  /* In the middle of a write. */
  put_cbw (cbw, 5, 0x20000, FALSE, cdb, 10);
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, 2, cbw, 31), ==, 31);
  vm_lock (s.usb.vm);
  g_assert_cmpint (usb_device_transfer (s.device, USB_PID_OUT, 2, out, 0x20000, &actual), ==, USB_NAK);
  vm_unlock (s.usb.vm);
  g_assert_cmpuint (actual, ==, 0x10000);
  stick_drain (&s);
  g_assert_true (usb_save_and_load (&s.usb));
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, 2, out + actual, 0x20000 - actual), ==, 0x10000);
  g_assert_cmpint (stick_transfer (&s, USB_PID_IN, 1, csw, 13), ==, 13);
  g_assert_cmpuint (csw[12], ==, 0);
  g_assert_cmpuint (read_write (&s, FALSE, 40, 256, in, 0x20000, 0x20000).status, ==, 0);
  g_assert_cmpmem (in, 0x20000, out, 0x20000);
  usb_close (&s.usb);
}

/* Out in the middle of a transfer, and in again: nothing of the old one is left. */
static void
test_pulled (void)
{
  g_autofree uint8_t *data = g_malloc0 (0x20000);
  g_autoptr (GError) error = NULL;
  const uint8_t cdb[10] = { 0x2a, 0, 0, 0, 0, 40, 0, 1, 0, 0 };
  uint8_t cbw[31];
  uint32_t actual;
  Stick s;

  stick_open (&s, USB_SPEED_HIGH, BLOCK_READ_WRITE, FALSE);
  for (unsigned i = 0; i < 20; i++)
    {
      put_cbw (cbw, i, 0x20000, FALSE, cdb, 10);
      g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, 2, cbw, 31), ==, 31);
      vm_lock (s.usb.vm);
      usb_device_transfer (s.device, USB_PID_OUT, 2, data, 0x20000, &actual);
      usb_device_detach (s.device);
      vm_unlock (s.usb.vm);
      if (i % 2)
        usb_pump ();
      vm_lock (s.usb.vm);
      g_assert_true (usb_port_attach (&s.port, s.device, &error));
      usb_port_reset (&s.port);
      vm_unlock (s.usb.vm);
      stick_request (&s, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL);
      g_assert_cmpuint (read_write (&s, TRUE, 500, 64, data, 0x8000, 512).status, ==, 0);
    }
  /* Gone for good, with something in flight. */
  put_cbw (cbw, 99, 0x20000, FALSE, cdb, 10);
  g_assert_cmpint (stick_transfer (&s, USB_PID_OUT, 2, cbw, 31), ==, 31);
  vm_lock (s.usb.vm);
  usb_device_transfer (s.device, USB_PID_OUT, 2, data, 0x20000, &actual);
  device_free (&s.device->device);
  vm_unlock (s.usb.vm);
  usb_pump ();
  usb_close (&s.usb);
}

/* A write that is protected. */
static void
test_readonly (void)
{
  uint8_t data[512] = { 0 };
  Stick s;

  stick_open (&s, USB_SPEED_SUPER, BLOCK_READ_ONLY, FALSE);
  g_assert_cmpuint (read_write (&s, TRUE, 0, 1, data, 512, 512).status, ==, 1);
  g_assert_cmphex (sense (&s), ==, 0x072700);
  static const uint8_t flush[10] = { 0x35 };
  g_assert_cmpuint (command (&s, flush, 10, FALSE, NULL, 0, 64).status, ==, 0);
  usb_close (&s.usb);
}

/* Super speed behind the xHCI: a TD of many pieces, with NAKs on the way. */
static void
test_xhci (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree uint8_t *want = g_malloc (0x40000);
  const uint8_t write_it[10] = { 0x2a, 0, 0, 0, 0, 10, 0, 2, 0, 0 },
                read_it[10] = { 0x28, 0, 0, 0, 0, 10, 0, 2, 0, 0 };
  UsbDevice *device;
  Hc hc;

  hc_open (&hc);
  device = stick_make (&hc.usb, BLOCK_READ_WRITE, FALSE);
  vm_lock (hc.usb.vm);
  g_assert_true (usb_port_attach (xhci_port (hc.usb.controller, 0), device, &error));
  vm_unlock (hc.usb.vm);
  g_assert_cmpint (device->speed, ==, USB_SPEED_SUPER);
  hc_map (&hc);
  hc_start (&hc, HC_N_EVENTS);
  const unsigned slot = hc_address (&hc, 1 + XHCI_N_PORTS, 0);
  g_assert_cmpuint (slot, ==, 1);
  g_assert_cmpuint (hc_control (&hc, slot, 0x80, USB_GET_DESCRIPTOR, 0xf00, 0, 22), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_control (&hc, slot, 0, USB_SET_CONFIGURATION, 1, 0, 0), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (&hc, slot, 3, 6, 1024), ==, CC_SUCCESS);
  g_assert_cmpuint (hc_configure (&hc, slot, 4, 2, 1024), ==, CC_SUCCESS);
  for (unsigned in = 0; in < 2; in++)
    {
      const unsigned data_dci = in ? 3 : 4;
      HcEvent event;

      stick_fill (want, 0x40000, 3);
      if (!in)
        memcpy (usb_ram (&hc.usb, HC_BUFFERS + 0x1000), want, 0x40000);
      put_cbw (usb_ram (&hc.usb, HC_BUFFERS), 1 + in, 0x40000, in, in ? read_it : write_it, 10);
      hc_normal (&hc, slot, 4, HC_BUFFERS, 31, TRB_IOC);
      hc_doorbell (&hc, slot, 4);
      g_assert_cmpuint (hc_wait (&hc, TRB_EVENT_TRANSFER).code, ==, CC_SUCCESS);
      const uint32_t cuts[]
          = { 100,    0x10000 - 4, 4096,
              1,      0x10000,     0x40000 - (100 + 0x10000 - 4 + 4096 + 1 + 0x10000) - 0x10000,
              0x10000 };
      uint64_t at = in ? HC_BUFFERS + 0x80000 : HC_BUFFERS + 0x1000;
      for (unsigned i = 0; i < G_N_ELEMENTS (cuts); i++)
        {
          hc_normal (&hc, slot, data_dci, at, cuts[i], i + 1 < G_N_ELEMENTS (cuts) ? TRB_CHAIN : TRB_IOC);
          at += cuts[i];
        }
      hc_doorbell (&hc, slot, data_dci);
      for (unsigned i = 0; i < 2000; i++)
        {
          event = hc_wait (&hc, TRB_EVENT_TRANSFER);
          if (event.type != 0)
            break;
          g_usleep (1000);
          if (i == 1) /* on the way, too */
            {
              Stick s = { .usb = hc.usb, .device = device };

              stick_drain (&s);
              g_assert_true (usb_save_and_load (&hc.usb));
            }
        }
      g_assert_cmpuint (event.code, ==, CC_SUCCESS);
      hc_normal (&hc, slot, 3, HC_BUFFERS + 0x200, 13, TRB_IOC);
      hc_doorbell (&hc, slot, 3);
      for (unsigned i = 0; i < 2000; i++)
        {
          event = hc_wait (&hc, TRB_EVENT_TRANSFER);
          if (event.type != 0)
            break;
          g_usleep (1000);
        }
      g_assert_cmpuint (event.code, ==, CC_SUCCESS);
      g_assert_cmpuint (usb_ram (&hc.usb, HC_BUFFERS + 0x200)[12], ==, 0);
      if (in)
        g_assert_cmpmem (usb_ram (&hc.usb, HC_BUFFERS + 0x80000), 0x40000, want, 0x40000);
    }
  usb_close (&hc.usb);
}

/* -- Discs ------------------------------------------------------------------------------------------------- */

static Block *
open_disc (void)
{
  g_autoptr (GError) error = NULL;
  const BlockConfig config
      = { .path = stick_path, .format = "raw", .flags = BLOCK_READ_ONLY | BLOCK_SHARED_READ };
  Block *block = block_open (&config, &error);

  g_assert_no_error (error);
  return block;
}

static void
on_tray (void *opaque)
{
  ++*(unsigned *)opaque;
}

static gboolean
change_disc (Stick *s, Block *block, gboolean force, GError **error)
{
  Block *old = NULL;

  vm_lock (s->usb.vm);
  const gboolean ok = usb_cdrom_change_media (s->device, block, force, &old, error);
  vm_unlock (s->usb.vm);
  if (old != NULL)
    block_close (old);
  return ok;
}

/* A CD-ROM drive: read, empty, changed by the user, locked and ejected by the guest, and saved. */
static void
test_disc (void)
{
  static const uint8_t capacity[10] = { 0x25 }, ready[6] = { 0 }, inquiry[6] = { 0x12, 0, 0, 0, 36 },
                       lock[6] = { 0x1e, 0, 0, 0, 1 }, unlock[6] = { 0x1e }, eject[6] = { 0x1b, 0, 0, 0, 2 };
  g_autofree uint8_t *data = g_malloc0 (2 * STICK_MIB), *wanted = g_malloc0 (STICK_MIB);
  g_autoptr (GError) error = NULL;
  unsigned n_trays = 0;
  Stick s = { 0 };

  usb_open (&s.usb);
  s.port = (UsbPort){ .ops = &stick_ops, .speeds = 1u << USB_SPEED_HIGH, .enabled = TRUE };
  vm_lock (s.usb.vm);
  s.device = usb_cdrom_new (s.usb.vm, "cdrom0", NULL, "VIV-cdrom0", &error);
  g_assert_no_error (error);
  usb_cdrom_set_tray_func (s.device, on_tray, &n_trays);
  s.device->device.klass->reset (&s.device->device);
  g_assert_true (usb_port_attach (&s.port, s.device, &error));
  vm_unlock (s.usb.vm);
  stick_request (&s, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL);
  g_assert_cmpint (command (&s, inquiry, 6, TRUE, data, 36, 512).moved, ==, 36);
  g_assert_cmpuint (data[0] & 0x1f, ==, 5);
  g_assert_cmpuint (data[1] & 0x80, ==, 0x80);
  g_assert_cmpuint (command (&s, ready, 6, FALSE, NULL, 0, 512).status, ==, 1);
  g_assert_cmphex (sense (&s) >> 8, ==, 0x023a);
  /* A disc comes: that is said once, and then it is there. */
  g_assert_true (change_disc (&s, open_disc (), FALSE, &error));
  for (unsigned i = 0; i < 3 && command (&s, ready, 6, FALSE, NULL, 0, 512).status != 0; i++)
    g_assert_cmphex (sense (&s) >> 16, !=, 0);
  g_assert_cmpuint (command (&s, ready, 6, FALSE, NULL, 0, 512).status, ==, 0);
  g_assert_cmpint (command (&s, capacity, 10, TRUE, data, 8, 512).moved, ==, 8);
  g_assert_cmpuint (data[2] << 8 | data[3], ==, 4 * STICK_MIB / 2048 - 1);
  g_assert_cmpuint (data[6], ==, 8); /* sectors of 2048 */
  const Result read = read_write (&s, FALSE, 100, 100, data, 100 * 2048, 16384);
  g_assert_cmpint (read.moved, ==, 100 * 2048);
  g_assert_cmpuint (read.status, ==, 0);
  vm_lock (s.usb.vm);
  block_read_sync (usb_storage_image (s.device), 100 * 2048, wanted, 100 * 2048, NULL);
  vm_unlock (s.usb.vm);
  g_assert_cmpmem (data, 100 * 2048, wanted, 100 * 2048);
  /* Nothing is written, and nothing read beyond its end. */
  g_assert_cmpuint (read_write (&s, TRUE, 0, 1, data, 2048, 2048).status, ==, 1);
  sense (&s);
  g_assert_cmpuint (read_write (&s, FALSE, 4 * STICK_MIB / 2048 - 1, 2, data, 4096, 4096).status, ==, 1);
  sense (&s);
  /* Locked: the user is told to wait; by force it goes. */
  g_assert_cmpuint (command (&s, lock, 6, FALSE, NULL, 0, 512).status, ==, 0);
  g_assert_false (change_disc (&s, NULL, FALSE, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_PENDING);
  g_clear_error (&error);
  g_assert_true (usb_save_and_load (&s.usb));
  stick_request (&s, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL);
  g_assert_false (change_disc (&s, NULL, FALSE, &error));
  g_clear_error (&error);
  g_assert_cmpuint (command (&s, unlock, 6, FALSE, NULL, 0, 512).status, ==, 0);
  /* The guest opens the tray, and who watches hears of it. */
  for (unsigned i = 0; i < 3 && command (&s, eject, 6, FALSE, NULL, 0, 512).status != 0; i++)
    sense (&s);
  g_assert_true (usb_cdrom_tray_open (s.device));
  g_assert_cmpuint (n_trays, >, 0);
  g_assert_true (change_disc (&s, NULL, FALSE, &error));
  g_assert_false (usb_cdrom_tray_open (s.device));
  g_assert_null (usb_storage_image (s.device));
  usb_close (&s.usb);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  stick_begin ();
  g_test_add_func ("/usb-storage/speeds", test_speeds);
  g_test_add_func ("/usb-storage/cases", test_cases);
  g_test_add_func ("/usb-storage/nonsense", test_nonsense);
  g_test_add_func ("/usb-storage/any", test_any);
  g_test_add_func ("/usb-storage/saved", test_saved);
  g_test_add_func ("/usb-storage/pulled", test_pulled);
  g_test_add_func ("/usb-storage/readonly", test_readonly);
  g_test_add_func ("/usb-storage/xhci", test_xhci);
  g_test_add_func ("/usb-storage/disc", test_disc);
  result = g_test_run ();
  stick_end ();
  return result;
}

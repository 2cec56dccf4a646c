/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What vivarium-usb hears from a monitor that was taken over, and from a device that answers whatever it likes.  The input has both; the library's place is the target's, and where
 * the helper waits the monitor says its next message.
 */
#include "fuzz.h"

#include "usbhost/usb-helper.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  FuzzBytes bytes;
  int monitor; /* its end; -1: gone */
  GPtrArray *waits;
  gboolean gone;
} Case;

static Case c;

/* -- The monitor ------------------------------------------------------------------------------------------- */

static void
hang_up (void)
{
  if (c.monitor >= 0)
    close (c.monitor);
  c.monitor = -1;
}

static void
say_next (void)
{
  static uint8_t zeroes[USB_WIRE_DATA];
  static UsbWire heard;
  UsbWireHeader header = { 0 };
  int fd;

  while (c.monitor >= 0 && usb_wire_receive (c.monitor, &heard, &fd) == 1)
    if (fd >= 0)
      close (fd);
  if (c.bytes.length == 0)
    {
      hang_up ();
      return;
    }
  const unsigned how = fuzz_u8 (&c.bytes);
  uint32_t n = fuzz_u16 (&c.bytes);
  header.op = (uint16_t)(1 + how % 12);
  header.endpoint = fuzz_u8 (&c.bytes);
  header.serial = fuzz_u8 (&c.bytes);
  header.length = how & 0x40 ? fuzz_u32 (&c.bytes) : n;
  header.value = fuzz_u8 (&c.bytes);
  memset (zeroes, 0, 128);
  /* A request, or lengths of packets. */
  if (how & 0x20)
    for (unsigned i = 0; i < 16; i++)
      zeroes[i] = fuzz_u8 (&c.bytes);
  if (header.op == USB_WIRE_CONTROL && !(how & 0x80))
    {
      zeroes[6] = (uint8_t)n;
      zeroes[7] = (uint8_t)(n >> 8);
      n = 8 + (zeroes[0] & 0x80 ? 0 : n);
    }
  else if (header.op == USB_WIRE_ISO && !(how & 0x80))
    {
      uint32_t total = 2 * header.value;

      for (unsigned i = 0; i < MIN (header.value, USB_WIRE_PACKETS_MAX); i++)
        {
          zeroes[2 * i] = (uint8_t)n;
          total += header.endpoint & 0x80 ? 0 : n & 0xff;
        }
      n = total;
    }
  else if (!(how & 0x80))
    n = (header.op == USB_WIRE_BULK || header.op == USB_WIRE_INTERRUPT) && !(header.endpoint & 0x80) ? n : 0;
  if (c.monitor >= 0)
    (void)usb_wire_send (c.monitor, &header, zeroes, MIN (n, USB_WIRE_DATA), how & 0x10 ? 0 : -1, FALSE);
}

/* -- The device ------------------------------------------------------------------------------------------------ */

static int
fuzz_open (int fd, void **device, UsbWireFailure *failure)
{
  const unsigned how = fuzz_u8 (&c.bytes);

  *device = &c;
  *failure = (UsbWireFailure)(how % (USB_FAILURE_LAST + 1));
  if (how >= 0xf0)
    *device = NULL;
  return how >= 0xf0 ? (int)(how & 15) + 1 : 0;
}

static void
fuzz_close (void *device)
{
}

static unsigned
fuzz_speed (void *device)
{
  return fuzz_u8 (&c.bytes);
}

static uint32_t
fuzz_descriptors (void *device, uint8_t *data, uint32_t size)
{
  memset (data, 0, size);
  return fuzz_u16 (&c.bytes) % (size + 1);
}

static UsbWireStatus
fuzz_status (void)
{
  return (UsbWireStatus)(fuzz_u8 (&c.bytes) % (USB_WIRE_STATUS_LAST + 1));
}

static UsbWireStatus
fuzz_set (void *device, unsigned what)
{
  return fuzz_status ();
}

static UsbWireStatus
fuzz_interface (void *device, unsigned interface, unsigned alternate)
{
  return fuzz_status ();
}

static UsbWireStatus
fuzz_reset (void *device)
{
  return fuzz_status ();
}

static gboolean
fuzz_submit (void *device, UsbTransfer *transfer)
{
  if (fuzz_u8 (&c.bytes) & 0x80)
    return FALSE;
  transfer->status = USB_WIRE_OK;
  g_ptr_array_add (c.waits, transfer);
  return TRUE;
}

static void
fuzz_cancel (void *device, UsbTransfer *transfer)
{
  transfer->status = USB_WIRE_CANCELLED;
}

static unsigned
fuzz_wait (void *device, struct pollfd *fds, unsigned most, int *timeout_ms)
{
  say_next ();
  *timeout_ms = 0;
  return 0;
}

/* Half of what waits ends, with whatever length; what was cancelled does. */
static gboolean
fuzz_handle (void *device)
{
  const unsigned how = fuzz_u8 (&c.bytes);
  g_autoptr (GPtrArray) done = g_ptr_array_new ();

  for (guint i = 0; i < c.waits->len;)
    {
      UsbTransfer *transfer = g_ptr_array_index (c.waits, i);

      if (transfer->status != USB_WIRE_CANCELLED && (how >> i % 8 & 1))
        {
          i++;
          continue;
        }
      if (transfer->status != USB_WIRE_CANCELLED)
        transfer->status = fuzz_status ();
      transfer->actual = how & 1 ? transfer->length : fuzz_u32 (&c.bytes);
      for (unsigned p = 0; p < transfer->n_packets; p++)
        transfer->packets[p] = how & 2 ? transfer->packets[p] : fuzz_u16 (&c.bytes);
      g_ptr_array_add (done, transfer);
      g_ptr_array_remove_index (c.waits, i);
    }
  for (guint i = 0; i < done->len; i++)
    {
      UsbTransfer *transfer = g_ptr_array_index (done, i);

      transfer->done (transfer);
    }
  return how != 0xff;
}

static const UsbBackend backend = { .open = fuzz_open,
                                    .close = fuzz_close,
                                    .speed = fuzz_speed,
                                    .descriptors = fuzz_descriptors,
                                    .configure = fuzz_set,
                                    .interface = fuzz_interface,
                                    .clear_halt = fuzz_set,
                                    .reset = fuzz_reset,
                                    .submit = fuzz_submit,
                                    .cancel = fuzz_cancel,
                                    .wait = fuzz_wait,
                                    .handle = fuzz_handle };

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  int ends[2];

  c = (Case){ .bytes = { data, length }, .waits = g_ptr_array_new () };
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
    abort ();
  c.monitor = ends[0];
  const gboolean given = fuzz_u8 (&c.bytes) & 1;
  if (!given)
    {
      const UsbWireHeader header = { .op = USB_WIRE_OPEN };

      (void)usb_wire_send (c.monitor, &header, NULL, 0, 0, FALSE);
    }
  usb_helper_serve (ends[1], given ? 0 : -1, &backend);
  hang_up ();
  close (ends[1]);
  if (c.waits->len != 0)
    abort (); /* all that was cancelled has ended */
  g_ptr_array_unref (c.waits);
  return 0;
}

static void
make (void)
{
  static const uint8_t talk[]
      = { 0, 1,  2, 100,  0,                                         /* opened; speed, descriptors */
          1, 18, 0, 0,    1, 0, 0, 0xfe,                             /* control… */
          2, 64, 0, 0x81, 2, 0, 0, 0xfe, 2, 64, 0, 2,    3, 0, 0, 0, /* bulk… */
          4, 20, 0, 0x84, 4, 3, 0, 0,    5, 0,  0, 0x81, 5, 0, 0, 6, 0, 0, 0, 6, 1, 0, 0, 7,
          0, 0,  1, 7,    1, 0, 0, 8,    0, 0,  2, 8,    0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0 };

  fuzz_seed (talk, sizeof talk);
}

const FuzzTarget fuzz_target = { "usbhost/usb-helper.c base/usb-wire.c", 600, make };

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A recorded device behind the interface of the library that reaches those of this computer (usbhost/backend.h), and the helper that serves it, on a thread.  What it does
 * is the test's to say, at any moment, under its lock.
 *
 * Endpoints: 1 IN and 2 OUT are bulk, and what goes out comes back; 3 IN is an interrupt's; setting 1 of interface 1 has 4 IN and 5 OUT, isochronous.
 */
#pragma once

#include "usbhost/usb-helper.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAKE_ISO_SIZE 192u

typedef struct
{
  GMutex lock;
  GThread *thread;
  int socket, event; /* the helper's ends */
  UsbWireFailure failure;
  int code;             /* of open; 0: it works */
  unsigned speed;       /* UsbSpeed */
  UsbWireStatus status; /* of the next transfers */
  gboolean gone;        /* it was pulled out */
  GByteArray *echo;     /* on its way back */
  GByteArray *pressed;  /* for the interrupt */
  GPtrArray *waits;     /* UsbTransfer *, under way */
  GByteArray *heard;    /* isochronous */
  GByteArray *config;   /* instead of the recorded configuration */
  /* What it was told. */
  unsigned configuration, alternate, n_resets, n_cleared, n_closed, n_cancelled, n_iso;
  uint8_t last[64]; /* of a vendor's request */
} FakeUsb;

static FakeUsb fake;

static const uint8_t fake_device[] = { 18, 1, 0, 2, 0, 0, 0, 64, 0x34, 0x12, 0x78, 0x56, 0, 1, 0, 0, 0, 1 };
static const uint8_t fake_config[] = {
  9,    2,  71,   0, 2,    1,    0,
  0x80, 50, /* */
  9,    4,  0,    0, 3,    0xff, 0,
  0,    0,  7,    5, 0x81, 2,    0,
  2,    0,  7,    5, 2,    2,    0,
  2,    0,                          /* */
  7,    5,  0x83, 3, 8,    0,    4, /* */
  9,    4,  1,    0, 0,    0xff, 0,
  0,    0, /* */
  9,    4,  1,    1, 2,    0xff, 0,
  0,    0,  7,    5, 0x84, 1,    FAKE_ISO_SIZE,
  0,    1,  7,    5, 5,    1,    FAKE_ISO_SIZE,
  0,    1,
};

static inline void
fake_ring (void)
{
  const uint64_t one = 1;
  ssize_t n = write (fake.event, &one, sizeof one);

  (void)n;
}

static int
fake_open (int fd, void **device, UsbWireFailure *failure)
{
  *failure = fake.failure;
  *device = &fake;
  return fake.code;
}

static void
fake_close (void *device)
{
  g_mutex_lock (&fake.lock);
  fake.n_closed++;
  g_mutex_unlock (&fake.lock);
}

static unsigned
fake_speed (void *device)
{
  return fake.speed;
}

static uint32_t
fake_descriptors (void *device, uint8_t *data, uint32_t size)
{
  const uint8_t *config = fake.config != NULL ? fake.config->data : fake_config;
  const uint32_t n = fake.config != NULL ? fake.config->len : sizeof fake_config;

  memcpy (data, fake_device, sizeof fake_device);
  memcpy (data + sizeof fake_device, config, n);
  return (uint32_t)sizeof fake_device + n;
}

static UsbWireStatus
fake_configure (void *device, unsigned configuration)
{
  fake.configuration = configuration;
  return configuration <= 1 ? USB_WIRE_OK : USB_WIRE_STALLED;
}

static UsbWireStatus
fake_interface (void *device, unsigned interface, unsigned alternate)
{
  fake.alternate = alternate;
  return interface < 2 && alternate < 2 ? USB_WIRE_OK : USB_WIRE_STALLED;
}

static UsbWireStatus
fake_clear_halt (void *device, unsigned endpoint)
{
  g_mutex_lock (&fake.lock);
  fake.n_cleared++;
  g_mutex_unlock (&fake.lock);
  return USB_WIRE_OK;
}

static UsbWireStatus
fake_reset (void *device)
{
  g_mutex_lock (&fake.lock);
  fake.n_resets++;
  g_mutex_unlock (&fake.lock);
  return USB_WIRE_OK;
}

static gboolean
fake_submit (void *device, UsbTransfer *transfer)
{
  g_mutex_lock (&fake.lock);
  const gboolean gone = fake.gone;
  if (!gone)
    g_ptr_array_add (fake.waits, transfer);
  transfer->status = USB_WIRE_OK;
  g_mutex_unlock (&fake.lock);
  fake_ring ();
  return !gone;
}

static void
fake_cancel (void *device, UsbTransfer *transfer)
{
  transfer->status = USB_WIRE_CANCELLED;
  g_mutex_lock (&fake.lock);
  fake.n_cancelled++;
  g_mutex_unlock (&fake.lock);
  fake_ring ();
}

static unsigned
fake_wait (void *device, struct pollfd *fds, unsigned most, int *timeout_ms)
{
  fds[0] = (struct pollfd){ fake.event, POLLIN, 0 };
  return 1;
}

static void
fake_take (GByteArray *from, UsbTransfer *transfer)
{
  transfer->actual = MIN (from->len, transfer->length);
  if (transfer->actual > 0)
    memcpy (transfer->data, from->data, transfer->actual);
  g_byte_array_remove_range (from, 0, transfer->actual);
}

static void
fake_control (UsbTransfer *transfer)
{
  const uint32_t wanted = transfer->length - 8;
  uint8_t *data = transfer->data + 8;

  if (transfer->data[0] == 0xc0 && transfer->data[1] == 0x42) /* a vendor's */
    {
      transfer->actual = MIN (wanted, sizeof fake.last);
      memcpy (data, fake.last, transfer->actual);
    }
  else if (transfer->data[0] == 0x40 && transfer->data[1] == 0x42)
    {
      transfer->actual = MIN (wanted, sizeof fake.last);
      memcpy (fake.last, data, transfer->actual);
    }
  else if (transfer->data[0] == 0x80 && transfer->data[1] == 6 && transfer->data[3] == 1)
    {
      transfer->actual = MIN (wanted, sizeof fake_device);
      memcpy (data, fake_device, transfer->actual);
    }
  else
    transfer->status = USB_WIRE_STALLED;
}

/* FALSE: it has nothing for it yet. */
static gboolean
fake_carry_out (UsbTransfer *transfer)
{
  if (transfer->status == USB_WIRE_CANCELLED)
    return TRUE;
  if (fake.status != USB_WIRE_OK)
    {
      transfer->status = fake.status;
      return TRUE;
    }
  switch (transfer->endpoint)
    {
    case 0:
      fake_control (transfer);
      return TRUE;
    case 0x81:
      fake_take (fake.echo, transfer);
      return transfer->actual > 0;
    case 2:
      g_byte_array_append (fake.echo, transfer->data, transfer->length);
      transfer->actual = transfer->length;
      return TRUE;
    case 0x83:
      fake_take (fake.pressed, transfer);
      return transfer->actual > 0;
    case 0x84: /* each packet is as long as its number, and full of that */
      for (unsigned i = 0; i < transfer->n_packets; i++)
        {
          const uint32_t room = transfer->packets[i];

          transfer->packets[i] = MIN (fake.n_iso % 50, room);
          memset (transfer->data + i * room, (int)(fake.n_iso++ % 50), transfer->packets[i]);
        }
      return TRUE;
    case 5:
      g_byte_array_append (fake.heard, transfer->data, transfer->length);
      return TRUE;
    default:
      transfer->status = USB_WIRE_STALLED;
      return TRUE;
    }
}

static gboolean
fake_handle (void *device)
{
  uint64_t n;
  ssize_t got = read (fake.event, &n, sizeof n);
  g_autoptr (GPtrArray) done = g_ptr_array_new ();

  (void)got;
  g_mutex_lock (&fake.lock);
  for (guint i = 0; i < fake.waits->len;)
    {
      UsbTransfer *transfer = g_ptr_array_index (fake.waits, i);

      if (!fake_carry_out (transfer))
        {
          i++;
          continue;
        }
      g_ptr_array_add (done, transfer);
      g_ptr_array_remove_index (fake.waits, i);
    }
  const gboolean gone = fake.gone;
  g_mutex_unlock (&fake.lock);
  for (guint i = 0; i < done->len; i++)
    {
      UsbTransfer *transfer = g_ptr_array_index (done, i);
      transfer->done (transfer);
    }
  return !gone;
}

static const UsbBackend fake_backend = {
  .open = fake_open,
  .close = fake_close,
  .speed = fake_speed,
  .descriptors = fake_descriptors,
  .configure = fake_configure,
  .interface = fake_interface,
  .clear_halt = fake_clear_halt,
  .reset = fake_reset,
  .submit = fake_submit,
  .cancel = fake_cancel,
  .wait = fake_wait,
  .handle = fake_handle,
};

static gpointer
fake_serve (gpointer data)
{
  usb_helper_serve (fake.socket, -1, &fake_backend);
  close (fake.socket);
  return NULL;
}

static inline void
fake_init (unsigned speed)
{
  memset (&fake, 0, sizeof fake);
  g_mutex_init (&fake.lock);
  fake.event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  fake.speed = speed;
  fake.echo = g_byte_array_new ();
  fake.pressed = g_byte_array_new ();
  fake.heard = g_byte_array_new ();
  fake.waits = g_ptr_array_new ();
}

/* The monitor's end of the helper's socket. */
static inline int
fake_start (void)
{
  int ends[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
  fake.socket = ends[1];
  fake.thread = g_thread_new ("fake-usb", fake_serve, NULL);
  return ends[0];
}

/* The monitor's end is closed. */
static inline void
fake_end (void)
{
  if (fake.thread != NULL)
    g_thread_join (fake.thread);
  g_byte_array_unref (fake.echo);
  g_byte_array_unref (fake.pressed);
  g_byte_array_unref (fake.heard);
  if (fake.config != NULL)
    g_byte_array_unref (fake.config);
  g_ptr_array_unref (fake.waits);
  close (fake.event);
  g_mutex_clear (&fake.lock);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device of this computer: the process that has it in its hands says whatever it likes, and so does the guest.  The input has both; of the process whole
 * messages, so that what lies behind the wire is reached, and the serials of what was asked, if it likes.
 */
#include "fuzz-usb-device.h"

#include "usb/host.h"

#include <sys/socket.h>

enum
{
  WHAT_READY, /* speed, descriptors; endpoints come behind */
  WHAT_DONE,  /* pipe, status, length */
  WHAT_RAW,   /* a message of bytes that come behind */
  WHAT_SETUP,
  WHAT_IN,
  WHAT_OUT,
  WHAT_CANCEL,
  WHAT_PORT,
  WHAT_CONNECT,
  WHAT_END, /* the process is gone */
  N_WHATS,
};

typedef struct
{
  FuzzDevice device;
  int process; /* its end; -1: none */
  uint32_t serials[256];
} Case;

static gboolean
on_plug (void *opaque, UsbDevice *device, GError **error)
{
  return usb_port_attach (opaque, device, error);
}

static void
on_notice (void *opaque, UsbDevice *device, const char *sentence)
{
}

/* What the monitor asks: serials are remembered by their pipe. */
static void
listen_to_monitor (Case *c)
{
  static UsbWire message;
  int fd;

  while (c->process >= 0 && usb_wire_receive (c->process, &message, &fd) == 1)
    {
      c->serials[message.header.serial & 0xff] = message.header.serial;
      if (fd >= 0)
        close (fd);
    }
}

static void
say (Case *c, const UsbWireHeader *header, const void *data, uint32_t n_data)
{
  if (c->process >= 0)
    (void)usb_wire_send (c->process, header, data, n_data, -1, FALSE);
  usb_pump ();
  listen_to_monitor (c);
}

static void
connect_process (Case *c)
{
  int ends[2];

  if (c->process >= 0)
    close (c->process);
  c->process = -1;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
    abort ();
  c->process = ends[0];
  vm_lock (c->device.usb.vm);
  usb_host_connect (c->device.device, "Fuzz", ends[1], -1);
  vm_unlock (c->device.usb.vm);
}

/* A device with configurations as the input has them; the frame of each descriptor makes sense where `small` says so. */
static void
say_ready (Case *c, unsigned small, unsigned middle, FuzzBytes *bytes)
{
  uint8_t data[1024] = { 18, 1, 0, 2, 0, 0, 0, 64, 0x34, 0x12, 0x78, 0x56, 0, 1, 0, 0, 0, 1 };
  uint32_t at = 27;
  const unsigned n = middle & 15;

  memcpy (data + 18, (const uint8_t[]){ 9, 2, 0, 0, 1, 1, 0, 0x80, 50 }, 9);
  for (unsigned i = 0; i < n && at + 9 < sizeof data; i++)
    {
      const unsigned kind = fuzz_u8 (bytes);

      if (kind & 1)
        {
          memcpy (
              data + at,
              (const uint8_t[]){ 9, 4, (uint8_t)(kind >> 1 & 3), (uint8_t)(kind >> 3 & 3), 2, 0xff, 0, 0, 0 },
              9);
          at += 9;
        }
      else
        {
          memcpy (data + at, (const uint8_t[]){ 7, 5, 0, (uint8_t)(kind >> 1 & 3), 0, 0, 1 }, 7);
          data[at + 2] = fuzz_u8 (bytes);
          data[at + 4] = fuzz_u8 (bytes);
          data[at + 5] = fuzz_u8 (bytes);
          at += 7;
        }
      if (kind & 0x80)
        data[at - 7] = fuzz_u8 (bytes);
    }
  data[20] = (uint8_t)(at - 18);
  data[21] = (uint8_t)((at - 18) >> 8);
  if (middle & 0x100)
    data[fuzz_u8 (bytes)] = fuzz_u8 (bytes);
  const UsbWireHeader header = { .op = USB_WIRE_READY, .value = small % 5, .length = at };
  say (c, &header, data, middle & 0x200 ? fuzz_u16 (bytes) % sizeof data : at);
}

static void
say_done (Case *c, unsigned small, unsigned middle, FuzzBytes *bytes)
{
  static const uint8_t zeroes[USB_WIRE_DATA];
  const unsigned status = fuzz_u8 (bytes), packets = fuzz_u8 (bytes);
  uint8_t pipe = (uint8_t)(small & 31);
  UsbWireHeader header = { .op = USB_WIRE_DONE,
                           .status = (uint8_t)(status & 0x80 ? status & 0x7f : 0),
                           .serial = small & 0x80 ? small | (uint32_t)middle << 8 : c->serials[pipe],
                           .length = middle,
                           .value = packets & 0x7f };

  if (!(packets & 0x80))
    {
      say (c, &header, zeroes, middle);
      return;
    }
  /* Isochronous: lengths, and what came. */
  g_autofree uint8_t *data = g_malloc0 (USB_WIRE_DATA);
  uint32_t at = 2 * header.value;
  for (unsigned i = 0; i < header.value; i++)
    {
      data[2 * i] = fuzz_u8 (bytes);
      at += data[2 * i];
    }
  header.length = at - 2 * header.value;
  say (c, &header, data, at);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  UsbHostConfig config = { on_plug, on_notice, NULL };
  Case c = { .process = -1 };
  FuzzDevice *f = &c.device;

  usb_open (&f->usb);
  f->port = (UsbPort){ .ops = &fuzz_port_ops, .speeds = 0xf, .enabled = TRUE };
  config.opaque = &f->port;
  vm_lock (f->usb.vm);
  f->device = usb_host_new (f->usb.vm, "usb1", &config, NULL);
  vm_unlock (f->usb.vm);
  connect_process (&c);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);

      switch (what)
        {
        case WHAT_READY:
          say_ready (&c, small, middle, &bytes);
          break;
        case WHAT_DONE:
          say_done (&c, small, middle, &bytes);
          break;
        case WHAT_RAW:
          {
            UsbWireHeader header = { 0 };
            uint8_t some[64];

            for (unsigned i = 0; i < sizeof header; i++)
              ((uint8_t *)&header)[i] = fuzz_u8 (&bytes);
            for (unsigned i = 0; i < sizeof some; i++)
              some[i] = fuzz_u8 (&bytes);
            say (&c, &header, some, small % sizeof some);
            break;
          }
        case WHAT_SETUP:
          if (f->device->port != NULL)
            fuzz_device_setup (f, small, middle & 0xff, middle >> 8, fuzz_u16 (&bytes));
          break;
        case WHAT_IN:
          if (f->device->port != NULL)
            fuzz_device_transfer (f, USB_PID_IN, small & 15, NULL, middle);
          break;
        case WHAT_OUT:
          if (f->device->port != NULL)
            fuzz_device_transfer (f, USB_PID_OUT, small & 15, NULL, middle);
          break;
        case WHAT_CANCEL:
          vm_lock (f->usb.vm);
          usb_device_cancel (f->device, small & 0x8f);
          vm_unlock (f->usb.vm);
          break;
        case WHAT_PORT:
          vm_lock (f->usb.vm);
          if (small & 1)
            usb_port_reset (&f->port);
          else if (f->device->port != NULL)
            usb_port_suspend (&f->port, small & 2);
          vm_unlock (f->usb.vm);
          break;
        case WHAT_CONNECT:
          connect_process (&c);
          break;
        default:
          if (c.process >= 0)
            close (c.process);
          c.process = -1;
          break;
        }
      usb_pump ();
      listen_to_monitor (&c);
    }
  usb_close (&f->usb);
  if (c.process >= 0)
    close (c.process);
  usb_pump ();
  return 0;
}

#define SAY(what, small, middle) what, small, (middle)&0xff, (middle) >> 8

static void
make (void)
{
  static const uint8_t talk[] = { SAY (WHAT_READY, 2, 5),
                                  1,
                                  4,
                                  0x81,
                                  0,
                                  2,
                                  4,
                                  2,
                                  0,
                                  2,
                                  0x0b,
                                  2,
                                  0x84,
                                  192,
                                  0,
                                  SAY (WHAT_SETUP, 0x80, USB_GET_DESCRIPTOR | 0 << 8),
                                  18,
                                  0,
                                  SAY (WHAT_DONE, 0, 18),
                                  0,
                                  0,
                                  SAY (WHAT_IN, 0, 18),
                                  SAY (WHAT_SETUP, 0, USB_SET_CONFIGURATION | 1 << 8),
                                  0,
                                  0,
                                  SAY (WHAT_IN, 0, 0),
                                  SAY (WHAT_DONE, 0, 0),
                                  0,
                                  0,
                                  SAY (WHAT_IN, 0, 0),
                                  SAY (WHAT_OUT, 2, 512),
                                  SAY (WHAT_DONE, 2, 512),
                                  0,
                                  0,
                                  SAY (WHAT_OUT, 2, 512),
                                  SAY (WHAT_IN, 1, 512),
                                  SAY (WHAT_DONE, 17, 100),
                                  0,
                                  0,
                                  SAY (WHAT_IN, 1, 512),
                                  SAY (WHAT_SETUP, 1, USB_SET_INTERFACE | 1 << 8),
                                  0,
                                  0,
                                  SAY (WHAT_DONE, 0, 0),
                                  0,
                                  0,
                                  SAY (WHAT_IN, 4, 192),
                                  SAY (WHAT_DONE, 20, 0),
                                  0,
                                  0x83,
                                  1,
                                  2,
                                  3,
                                  SAY (WHAT_IN, 4, 192),
                                  SAY (WHAT_CANCEL, 0x81, 0),
                                  SAY (WHAT_PORT, 1, 0),
                                  SAY (WHAT_DONE, 17, 0),
                                  0x84,
                                  0,
                                  SAY (WHAT_CONNECT, 0, 0),
                                  SAY (WHAT_END, 0, 0) };
  static const uint8_t failed[] = { SAY (WHAT_RAW, 0, 0), USB_WIRE_FAILED, 0, 0, USB_FAILURE_BUSY };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (failed, sizeof failed);
}

const FuzzTarget fuzz_target
    = { "vmm/usb/host.c vmm/usb/host-control.c vmm/usb/host-pipe.c base/usb-wire.c", 800, make };

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A host that says to a USB disk by USB Attached SCSI whatever it likes.  See fuzz-usb-device.h.
 */
#include "fuzz-usb-device.h"

#include "usb/storage-private.h"

enum
{
  WHAT_COMMAND, /* tag; a command of 16 bytes comes behind */
  WHAT_FUNCTION,
  WHAT_RAW,
  WHAT_STATUS,
  WHAT_IN,
  WHAT_OUT,
  WHAT_SETUP,
  WHAT_SETTING,
  WHAT_LOOP,
  WHAT_PORT,
  WHAT_LOAD,
  N_WHATS,
};

static void
configure (FuzzDevice *f)
{
  fuzz_device_setup (f, 0, USB_SET_CONFIGURATION, 1, 0);
  fuzz_device_setup (f, 1, USB_SET_INTERFACE, 1, 0);
}

/* By a stream that the device wants, as a controller does it, or without. */
static void
move (FuzzDevice *f, unsigned endpoint, unsigned stream, uint32_t length)
{
  const gboolean in = (endpoint & USB_DIR_IN) != 0;

  vm_lock (f->usb.vm);
  const gboolean wanted = stream == 0 || f->device->model->wants_stream (f->device, endpoint, stream);
  f->device->stream = stream;
  vm_unlock (f->usb.vm);
  if (wanted)
    fuzz_device_transfer (f, in ? USB_PID_IN : USB_PID_OUT, endpoint & 0xf, NULL, length);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  FuzzDevice f = { 0 };

  usb_open (&f.usb);
  f.device = fuzz_usb_stick (&f.usb);
  fuzz_device_begin (&f, fuzz_u8 (&bytes) & 1 ? USB_SPEED_SUPER : USB_SPEED_HIGH);
  configure (&f);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);
      uint8_t iu[64] = { 1, 0, 0, (uint8_t)(small & 0x1f) };

      switch (what)
        {
        case WHAT_COMMAND:
          for (unsigned i = 0; i < 16; i++)
            iu[16 + i] = fuzz_u8 (&bytes);
          fuzz_device_transfer (&f, USB_PID_OUT, 4, iu, 32);
          break;
        case WHAT_FUNCTION:
          iu[0] = 5;
          iu[4] = (uint8_t)middle;
          iu[7] = (uint8_t)(middle >> 8);
          fuzz_device_transfer (&f, USB_PID_OUT, 4, iu, 16);
          break;
        case WHAT_RAW:
          for (unsigned i = 0; i < MIN (small, sizeof iu); i++)
            iu[i] = fuzz_u8 (&bytes);
          fuzz_device_transfer (&f, USB_PID_OUT, 4, iu, MIN (small, sizeof iu));
          break;
        case WHAT_STATUS:
          move (&f, UAS_PIPE_STATUS, small & 0xf, middle & 0x7f);
          break;
        case WHAT_IN:
          move (&f, USB_STORAGE_IN, small & 0xf, middle);
          break;
        case WHAT_OUT:
          move (&f, USB_STORAGE_OUT, small & 0xf, middle);
          break;
        case WHAT_SETUP:
          fuzz_device_setup (&f, small, middle & 0xff, middle >> 8, 0);
          break;
        case WHAT_SETTING:
          fuzz_device_setup (&f, 1, USB_SET_INTERFACE, small & 1, 0);
          vm_lock (f.usb.vm);
          f.device->halted_in = f.device->halted_out = 0;
          vm_unlock (f.usb.vm);
          break;
        case WHAT_LOOP:
          fuzz_device_loop (small & 15);
          break;
        case WHAT_PORT:
          if (small & 1)
            fuzz_usb_plug (&f.usb, f.device, &f.port);
          vm_lock (f.usb.vm);
          usb_port_reset (&f.port);
          vm_unlock (f.usb.vm);
          if (f.device->port != NULL)
            configure (&f);
          break;
        default:
          fuzz_usb_load (&f.usb, small, middle, small & 0x80 ? middle * 0x10001u : 0);
          break;
        }
    }
  usb_close (&f.usb);
  return 0;
}

#define SAY(what, small, middle) what, small, (middle)&0xff, (middle) >> 8

static void
make (void)
{
  static const uint8_t talk[] = { 0,
                                  SAY (WHAT_COMMAND, 1, 0),
                                  0x2a,
                                  0,
                                  0,
                                  0,
                                  0,
                                  5,
                                  0,
                                  0,
                                  2,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  SAY (WHAT_COMMAND, 2, 0),
                                  0x28,
                                  0,
                                  0,
                                  0,
                                  0,
                                  5,
                                  0,
                                  0,
                                  2,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  SAY (WHAT_STATUS, 0, 64),
                                  SAY (WHAT_OUT, 0, 1024),
                                  SAY (WHAT_LOOP, 8, 0),
                                  SAY (WHAT_STATUS, 0, 64),
                                  SAY (WHAT_STATUS, 0, 64),
                                  SAY (WHAT_LOOP, 8, 0),
                                  SAY (WHAT_IN, 0, 1024),
                                  SAY (WHAT_STATUS, 0, 64),
                                  SAY (WHAT_COMMAND, 3, 0),
                                  0x42,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  24,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  0,
                                  SAY (WHAT_STATUS, 0, 64),
                                  SAY (WHAT_OUT, 0, 24),
                                  SAY (WHAT_LOAD, 0, 0),
                                  SAY (WHAT_STATUS, 0, 64) };
  static const uint8_t streams[] = { 1,
                                     SAY (WHAT_COMMAND, 1, 0),
                                     0x28,
                                     0,
                                     0,
                                     0,
                                     0,
                                     5,
                                     0,
                                     0,
                                     2,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     SAY (WHAT_COMMAND, 2, 0),
                                     0x12,
                                     0,
                                     0,
                                     0,
                                     96,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     0,
                                     SAY (WHAT_LOOP, 8, 0),
                                     SAY (WHAT_IN, 1, 1024),
                                     SAY (WHAT_STATUS, 1, 64),
                                     SAY (WHAT_IN, 2, 96),
                                     SAY (WHAT_FUNCTION, 3, 1 | 2 << 8),
                                     SAY (WHAT_FUNCTION, 4, 8),
                                     SAY (WHAT_STATUS, 3, 64),
                                     SAY (WHAT_SETTING, 0, 0),
                                     SAY (WHAT_PORT, 1, 0),
                                     SAY (WHAT_PORT, 1, 0),
                                     SAY (WHAT_RAW, 2, 0),
                                     9,
                                     9 };

  fuzz_seed (talk, sizeof talk);
  fuzz_seed (streams, sizeof streams);
}

const FuzzTarget fuzz_target = { "vmm/usb/storage-uas.c vmm/usb/storage.c", 800, make };

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A host that says to a serial port on USB whatever it likes, and a far end that has room or bytes when it likes.  See fuzz-usb-device.h.
 */
#include "fuzz-usb-device.h"

#include "usb/cdc.h"

enum
{
  WHAT_SETUP,
  WHAT_DATA, /* of a request to the device: bytes that come behind */
  WHAT_IN,
  WHAT_OUT,
  WHAT_RECEIVE,
  WHAT_ROOM,
  WHAT_CONFIGURE,
  WHAT_PORT,
  WHAT_LOAD,
  N_WHATS,
};

typedef struct
{
  size_t room;
} FarEnd;

static size_t
far_room (void *opaque)
{
  return ((FarEnd *)opaque)->room;
}

static void
far_write (void *opaque, const uint8_t *data, size_t length)
{
  FarEnd *far = opaque;
  volatile uint8_t sum = 0;

  if (far->room == 0)
    abort (); /* it was told to wait */
  for (size_t i = 0; i < length; i++)
    sum = (uint8_t)(sum + data[i]);
  far->room -= MIN (length, far->room);
}

static void
far_ready (void *opaque)
{
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t length)
{
  FuzzBytes bytes = { data, length };
  FarEnd far = { 100 };
  const UsbCdcEnd end = { far_room, far_write, far_ready, &far };
  FuzzDevice f = { 0 };
  const unsigned how = fuzz_u8 (&bytes);

  usb_open (&f.usb);
  vm_lock (f.usb.vm);
  f.device = usb_cdc_new (f.usb.vm, "serial1", how & 0x80 ? NULL : &end, NULL);
  f.device->device.klass->reset (&f.device->device);
  vm_unlock (f.usb.vm);
  fuzz_device_begin (&f, (UsbSpeed)(USB_SPEED_FULL + how % 3));
  fuzz_device_setup (&f, 0, USB_SET_CONFIGURATION, 1, 0);
  while (bytes.length > 0)
    {
      const unsigned what = fuzz_u8 (&bytes) % N_WHATS, small = fuzz_u8 (&bytes), middle = fuzz_u16 (&bytes);
      uint8_t some[64];

      switch (what)
        {
        case WHAT_SETUP:
          fuzz_device_setup (&f, small, middle & 0xff, middle >> 8, middle >> 8);
          break;
        case WHAT_DATA:
          for (unsigned i = 0; i < MIN (middle, sizeof some); i++)
            some[i] = fuzz_u8 (&bytes);
          fuzz_device_transfer (&f, USB_PID_OUT, 0, some, MIN (middle, sizeof some));
          fuzz_device_transfer (&f, USB_PID_IN, 0, NULL, 0);
          break;
        case WHAT_IN:
          fuzz_device_transfer (&f, USB_PID_IN, small & 3, NULL, middle % 5000);
          break;
        case WHAT_OUT:
          fuzz_device_transfer (&f, USB_PID_OUT, small & 3, NULL, middle % 5000);
          break;
        case WHAT_RECEIVE:
          {
            g_autofree uint8_t *text = g_malloc0 (middle + 1);

            vm_lock (f.usb.vm);
            if (usb_cdc_receive (f.device, text, middle) > middle)
              abort ();
            vm_unlock (f.usb.vm);
            break;
          }
        case WHAT_ROOM:
          vm_lock (f.usb.vm);
          far.room = middle;
          if (small & 1)
            usb_cdc_room (f.device);
          vm_unlock (f.usb.vm);
          break;
        case WHAT_CONFIGURE:
          fuzz_device_setup (&f, 0, USB_SET_CONFIGURATION, small & 1, 0);
          break;
        case WHAT_PORT:
          if (small & 1)
            fuzz_usb_plug (&f.usb, f.device, &f.port);
          vm_lock (f.usb.vm);
          usb_port_reset (&f.port);
          vm_unlock (f.usb.vm);
          break;
        default:
          fuzz_usb_load (&f.usb, 0, small, middle * 0x10001u);
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
  static const uint8_t talk[] = { 1,
                                  SAY (WHAT_SETUP, 0x21, 0x20 | 7 << 8),
                                  SAY (WHAT_DATA, 0, 7),
                                  0x80,
                                  0x25,
                                  0,
                                  0,
                                  0,
                                  0,
                                  8,
                                  SAY (WHAT_SETUP, 0x21, 0x22 | 3 << 8),
                                  SAY (WHAT_IN, 0, 0),
                                  SAY (WHAT_SETUP, 0xa1, 0x21 | 7 << 8),
                                  SAY (WHAT_IN, 0, 7),
                                  SAY (WHAT_OUT, 2, 64),
                                  SAY (WHAT_OUT, 2, 200),
                                  SAY (WHAT_ROOM, 1, 1000),
                                  SAY (WHAT_OUT, 2, 200),
                                  SAY (WHAT_RECEIVE, 0, 5000),
                                  SAY (WHAT_IN, 1, 512),
                                  SAY (WHAT_IN, 3, 16),
                                  SAY (WHAT_LOAD, 0, 0),
                                  SAY (WHAT_IN, 1, 4999),
                                  SAY (WHAT_PORT, 1, 0),
                                  SAY (WHAT_PORT, 1, 0),
                                  SAY (WHAT_CONFIGURE, 1, 0),
                                  SAY (WHAT_OUT, 2, 10) };

  fuzz_seed (talk, sizeof talk);
}

const FuzzTarget fuzz_target = { "vmm/usb/cdc.c", 600, make };

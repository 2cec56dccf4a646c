/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A USB stick in a port of the test's, with an image of 4 MiB, and what a host asks of any device.
 */
#pragma once

#include "usb-machine.h"

#include "block/block.h"
#include "usb/storage.h"

#include <glib/gstdio.h>

#define STICK_MIB     (1u << 20)
#define STICK_SECTORS (4 * STICK_MIB / 512)
#define STICK_NAKED   -2
#define STICK_STALLED -1

static char *stick_folder, *stick_path;

static inline void
stick_on_nothing (UsbPort *port)
{
}

static inline void
stick_on_wake (UsbPort *port, UsbDevice *device, unsigned endpoint)
{
}

static const UsbPortOps stick_ops = {
  .attach = stick_on_nothing, .detach = stick_on_nothing, .wake = stick_on_wake, .resume = stick_on_nothing
};

typedef struct
{
  Usb usb;
  UsbPort port;
  UsbDevice *device;
  uint32_t tag;
} Stick;

static inline UsbDevice *
stick_make (Usb *u, unsigned flags, gboolean uas)
{
  g_autoptr (GError) error = NULL;
  const BlockConfig config = { .path = stick_path, .format = "raw", .flags = flags };
  Block *block = block_open (&config, &error);

  g_assert_no_error (error);
  vm_lock (u->vm);
  UsbDevice *device = usb_storage_new (u->vm, "disk0", block, "VIV-disk0", uas, &error);
  g_assert_no_error (error);
  device->device.klass->reset (&device->device);
  vm_unlock (u->vm);
  return device;
}

static inline int
stick_transfer (Stick *s, UsbPid pid, unsigned endpoint, uint8_t *data, uint32_t length)
{
  uint32_t moved = 0, actual;
  UsbStatus status;

  for (unsigned i = 0; i < 10000; i++)
    {
      vm_lock (s->usb.vm);
      status = usb_device_transfer (s->device, pid, endpoint, data != NULL ? data + moved : NULL,
                                    length - moved, &actual);
      vm_unlock (s->usb.vm);
      g_assert_cmpuint (actual, <=, length - moved);
      moved += actual;
      if (status == USB_OK)
        return (int)moved;
      if (status != USB_NAK)
        return STICK_STALLED;
      g_main_context_iteration (NULL, FALSE);
      g_usleep (100);
    }
  return STICK_NAKED;
}

static inline void
stick_request (Stick *s, unsigned type, unsigned code, unsigned value, unsigned index, unsigned length,
               uint8_t *data)
{
  uint8_t setup[8]
      = { (uint8_t)type, (uint8_t)code, (uint8_t)value, 0, (uint8_t)index, 0, (uint8_t)length, 0 };

  g_assert_cmpint (stick_transfer (s, USB_PID_SETUP, 0, setup, 8), ==, 8);
  if (length > 0)
    g_assert_cmpint (stick_transfer (s, USB_PID_IN, 0, data, length), ==, (int)length);
  g_assert_cmpint (stick_transfer (s, length > 0 ? USB_PID_OUT : USB_PID_IN, 0, NULL, 0), ==, 0);
}

static inline void
stick_open (Stick *s, UsbSpeed speed, unsigned flags, gboolean uas)
{
  g_autoptr (GError) error = NULL;
  uint8_t lun = 7;

  *s = (Stick){ 0 };
  usb_open (&s->usb);
  s->port = (UsbPort){ .ops = &stick_ops, .speeds = 1u << speed, .enabled = TRUE };
  s->device = stick_make (&s->usb, flags, uas);
  vm_lock (s->usb.vm);
  g_assert_true (usb_port_attach (&s->port, s->device, &error));
  vm_unlock (s->usb.vm);
  stick_request (s, 0, USB_SET_CONFIGURATION, 1, 0, 0, NULL);
  stick_request (s, 0xa1, 0xfe, 0, 0, 1, &lun);
  g_assert_cmpuint (lun, ==, 0);
}

static inline void
stick_fill (uint8_t *data, size_t n, unsigned seed)
{
  for (size_t i = 0; i < n; i++)
    data[i] = (uint8_t)(i * 7 + (i >> 9) + seed);
}

/* All that is in flight on the host has ended; as the machine waits for it. */
static inline void
stick_drain (Stick *s)
{
  gboolean drained = FALSE;

  while (!drained)
    {
      g_main_context_iteration (NULL, FALSE);
      vm_lock (s->usb.vm);
      drained = s->device->device.klass->drained (&s->device->device);
      vm_unlock (s->usb.vm);
    }
}

/* The image; and it goes. */
static inline void
stick_begin (void)
{
  g_autofree uint8_t *zeroes = g_malloc0 (4 * STICK_MIB);

  stick_folder = g_dir_make_tmp ("viv-stick-XXXXXX", NULL);
  stick_path = g_build_filename (stick_folder, "stick.img", NULL);
  g_assert_true (g_file_set_contents (stick_path, (const char *)zeroes, 4 * STICK_MIB, NULL));
}

static inline void
stick_end (void)
{
  g_remove (stick_path);
  g_rmdir (stick_folder);
  g_free (stick_path);
  g_free (stick_folder);
}

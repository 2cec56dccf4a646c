/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the fuzz targets of USB controllers share: a tablet and a stick in their ports, and steps that are the same whatever the controller.  Input: eight
 * bytes a step, {what, small number, 16 bits, 32 bits}.
 */
#pragma once

#include "fuzz-slots.h"

#include "../unit/usb/usb-machine.h"

#include "usb/hub.h"
#include "usb/storage.h"

#include <fcntl.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <unistd.h>

#define FUZZ_STICK_BYTES (1u << 20)

static inline Block *
fuzz_usb_image (void)
{
  static char *path;

  if (path == NULL)
    {
      path = g_build_filename (fuzz_folder (), "stick.img", NULL);
      int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      if (fd < 0 || ftruncate (fd, FUZZ_STICK_BYTES) < 0)
        abort ();
      close (fd);
    }
  const BlockConfig config = { .path = path, .format = "raw", .flags = BLOCK_DISCARD_CHANGES };
  Block *image = block_open (&config, NULL);
  if (image == NULL)
    abort ();
  return image;
}

static inline UsbDevice *
fuzz_usb_stick (Usb *u)
{
  Block *image = fuzz_usb_image ();

  vm_lock (u->vm);
  UsbDevice *device = usb_storage_new (u->vm, "disk0", image, "fuzz", TRUE, NULL);
  device->device.klass->reset (&device->device);
  vm_unlock (u->vm);
  return device;
}

static inline void
fuzz_usb_plug (Usb *u, UsbDevice *device, UsbPort *port)
{
  vm_lock (u->vm);
  if (device->port != NULL)
    usb_device_detach (device);
  else if (port != NULL && port->device == NULL)
    usb_port_attach (port, device, NULL);
  vm_unlock (u->vm);
}

/* A saved machine whose file somebody has changed in one place.  What is refused is as after a reset. */
static inline void
fuzz_usb_load (Usb *u, unsigned which, unsigned slot, uint32_t value)
{
  Device *device = g_ptr_array_index (u->vm->devices, which % u->vm->devices->len);
  g_autoptr (GByteArray) state = g_byte_array_new ();
  g_autoptr (GArray) slots = g_array_new (FALSE, FALSE, sizeof (FuzzSlot));

  /* As a machine that stands: nothing is in flight. */
  for (unsigned i = 0; i < 1000; i++)
    {
      vm_lock (u->vm);
      const gboolean drained = device->klass->drained == NULL || device->klass->drained (device);
      vm_unlock (u->vm);
      if (drained)
        break;
      g_main_context_iteration (NULL, FALSE);
      g_usleep (50);
    }
  vm_lock (u->vm);
  state_save (device->klass->state, device, state);
  fuzz_find_slots (state->data, 0, state->len, slots);
  if (value != 0 && slots->len > 0)
    {
      const FuzzSlot *at = &g_array_index (slots, FuzzSlot, slot % slots->len);

      memcpy (state->data + at->at, &value, MIN (at->size, sizeof value));
    }
  device->klass->reset (device);
  if (!state_load (device->klass->state, device, state->data, state->len, NULL)
      || (device->klass->post_load != NULL && !device->klass->post_load (device, NULL)))
    device->klass->reset (device);
  if (device->klass->resume != NULL)
    device->klass->resume (device);
  vm_unlock (u->vm);
  usb_pump ();
}

static inline void
fuzz_usb_event (Usb *u, unsigned small, unsigned middle, uint32_t value)
{
  switch (small % 5)
    {
    case 0:
      usb_event (u, INPUT_EVENT_KEY, middle, value & 1, 0, 0);
      break;
    case 1:
      usb_event (u, INPUT_EVENT_BUTTON, BTN_LEFT + middle % 8, value & 1, 0, 0);
      break;
    case 2:
      usb_event (u, INPUT_EVENT_ABSOLUTE, 0, 0, middle, (int32_t)value);
      break;
    case 3:
      usb_event (u, INPUT_EVENT_RELATIVE, 0, 0, (int16_t)middle, (int32_t)value);
      break;
    default:
      usb_event (u, INPUT_EVENT_WHEEL, 0, 0, (int16_t)middle, (int32_t)value);
      break;
    }
}

#define STEP(what, small, middle, value)                                                                     \
  what, small, (middle)&0xff, (middle) >> 8 & 0xff, (value)&0xff, (value) >> 8 & 0xff, (value) >> 16 & 0xff, \
      (uint8_t)((value) >> 24)

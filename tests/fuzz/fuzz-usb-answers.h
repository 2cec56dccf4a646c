/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device that answers whatever the input has, on endpoints of each kind: 1 IN and 2 OUT are bulk, 3 IN is an interrupt's, 4 IN and 5 OUT are isochronous.
 * It keeps to what usb.h says of answers and to nothing else.
 */
#pragma once

#include "fuzz-usb.h"

typedef struct
{
  UsbDevice usb;
  FuzzBytes *bytes;
} FuzzAnswers;

#define FUZZ_PIPE(address_, kind, size)                                                                 \
  {                                                                                                     \
    .address = (address_), .attributes = (kind), .max_packet = { 0, MIN (size, 64), size, 2 * (size) }, \
    .interval = { 1, 1, 1, 1 },                                                                         \
  }
static const UsbEndpoint fuzz_pipes[] = {
  FUZZ_PIPE (USB_DIR_IN | 1, USB_ENDPOINT_BULK, 512),
  FUZZ_PIPE (2, USB_ENDPOINT_BULK, 512),
  FUZZ_PIPE (USB_DIR_IN | 3, USB_ENDPOINT_INTERRUPT, 64),
  FUZZ_PIPE (USB_DIR_IN | 4, USB_ENDPOINT_ISO, 192),
  FUZZ_PIPE (5, USB_ENDPOINT_ISO, 192),
};
static const UsbInterface fuzz_interface
    = { .klass = 0xff, .n_endpoints = G_N_ELEMENTS (fuzz_pipes), .endpoints = fuzz_pipes };
static const UsbDescription fuzz_description
    = { .vendor = 1,
        .product = 2,
        .speeds = 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH | 1u << USB_SPEED_SUPER,
        .remote_wake = TRUE,
        .name = "Answers",
        .n_interfaces = 1,
        .interfaces = &fuzz_interface };

/* Half of them are what a driver hopes for. */
static inline UsbStatus
fuzz_answer (FuzzAnswers *f, unsigned endpoint, uint32_t length, uint32_t *actual)
{
  const unsigned what = fuzz_u8 (f->bytes);
  const UsbStatus status = what & 0x80 ? (UsbStatus)(what % 5) : USB_OK;
  const unsigned packet = MAX (usb_device_packet_size (&f->usb, endpoint), 1);

  *actual = what & 0x40 ? fuzz_u16 (f->bytes) % (length + 1) : length;
  if (status == USB_NAK)
    *actual -= *actual % packet;
  if (what & 0x20)
    usb_device_wake (&f->usb, endpoint);
  return status;
}

static UsbStatus
fuzz_in (UsbDevice *usb, unsigned endpoint, uint8_t *data, uint32_t length, uint32_t *actual)
{
  const UsbStatus status = fuzz_answer ((FuzzAnswers *)usb, endpoint | USB_DIR_IN, length, actual);

  memset (data, (int)endpoint, *actual);
  return status;
}

static UsbStatus
fuzz_out (UsbDevice *usb, unsigned endpoint, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  volatile uint8_t sum = 0;

  for (uint32_t i = 0; i < length; i++)
    sum = (uint8_t)(sum + data[i]);
  return fuzz_answer ((FuzzAnswers *)usb, endpoint, length, actual);
}

static gboolean
fuzz_control (UsbDevice *usb, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  FuzzAnswers *f = (FuzzAnswers *)usb;
  const unsigned what = fuzz_u8 (f->bytes);

  if (setup->type & USB_DIR_IN)
    {
      *length = fuzz_u16 (f->bytes) % (USB_CONTROL_MAX + 1);
      memset (data, (int)what, *length);
    }
  return what & 1;
}

static void
fuzz_answers_reset (Device *device)
{
  usb_device_reset ((UsbDevice *)device);
}

static void
fuzz_answers_unrealize (Device *device)
{
  usb_device_exit ((UsbDevice *)device);
}

static const UsbModel fuzz_model
    = { .description = &fuzz_description, .control = fuzz_control, .in = fuzz_in, .out = fuzz_out },
    fuzz_prompt_model = { .description = &fuzz_description,
                          .prompt = TRUE,
                          .control = fuzz_control,
                          .in = fuzz_in,
                          .out = fuzz_out };
static const StateField fuzz_answers_state[]
    = { STATE_STRUCT (FuzzAnswers, usb, usb_device_state), STATE_END };
static const DeviceClass fuzz_answers_class = { .name = "answers",
                                                .instance_size = sizeof (FuzzAnswers),
                                                .state = fuzz_answers_state,
                                                .reset = fuzz_answers_reset,
                                                .unrealize = fuzz_answers_unrealize };

/* Instead of what is in the port. */
static inline UsbDevice *
fuzz_answers_plug (Usb *u, UsbPort *port, FuzzBytes *bytes, gboolean prompt)
{
  FuzzAnswers *f;

  vm_lock (u->vm);
  if (port->device != NULL)
    usb_device_detach (port->device);
  f = device_new (u->vm, &fuzz_answers_class, "answers");
  f->usb.model = prompt ? &fuzz_prompt_model : &fuzz_model;
  f->bytes = bytes;
  device_realize (&f->usb.device, NULL);
  fuzz_answers_reset (&f->usb.device);
  usb_port_attach (port, &f->usb, NULL);
  vm_unlock (u->vm);
  usb_pump ();
  return &f->usb;
}

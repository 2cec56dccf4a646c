/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A serial port on USB: CDC 1.2 with the abstract control model of PSTN 1.2, which systems have a driver for ("cdc-acm").
 *
 * Threads: VM lock held.
 */
#pragma once

#include "usb/usb.h"

G_BEGIN_DECLS

/* The far end, as a UART's (serial/serial.h): this device never writes there while `can_write` says no. */
typedef struct
{
  /* Bytes for it at most; 0: wait for usb_cdc_room(). */
  size_t (*room) (void *opaque);
  void (*write) (void *opaque, const uint8_t *data, size_t length);
  /* The device takes bytes again. */
  void (*ready) (void *opaque);
  void *opaque;
} UsbCdcEnd;

/* `end` NULL: it leads nowhere. */
UsbDevice *usb_cdc_new (Vm *vm, const char *id, const UsbCdcEnd *end, GError **error);
/* Bytes for the guest; how many were taken. */
size_t usb_cdc_receive (UsbDevice *device, const uint8_t *data, size_t length);
/* The far end has room. */
void usb_cdc_room (UsbDevice *device);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A keyboard, a mouse and a tablet on USB.  Device Class Definition for Human Interface Devices 1.11; HID Usage Tables 1.12.
 *
 * Each is a sink of the router (input/router.h) that is active while a driver asks for its reports.  What the router sends waits in a ring until it
 * does; movement is added up, so a pointer is where the person has it.  Nothing runs while nothing happens: the driver's question is answered by
 * USB_NAK until usb_device_wake().
 *
 * Threads: all under the VM lock.
 */
#pragma once

#include "input/router.h"
#include "usb/usb.h"

G_BEGIN_DECLS

typedef enum
{
  USB_HID_KEYBOARD, /* boot keyboard with three lamps */
  USB_HID_MOUSE,    /* boot mouse; five buttons, two wheels */
  USB_HID_TABLET,   /* the same with a position */
} UsbHidKind;

/* In no port yet. */
UsbDevice *usb_hid_new (Vm *vm, const char *id, UsbHidKind kind, InputRouter *router, GError **error);
/* What it says of its reports; HID 6.2.2. */
const uint8_t *usb_hid_report_descriptor (UsbHidKind kind, unsigned *length);

G_END_DECLS

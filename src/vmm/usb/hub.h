/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A hub of seven ports.  Universal Serial Bus Specification 2.0, chapter 11.
 *
 * It is of full or high speed as its port is; a transaction translator isn't seen, since controllers find devices by address or route whatever their
 * speed.  All under the VM lock.
 */
#pragma once

#include "usb/usb.h"

G_BEGIN_DECLS

/* So that the bits of changed ports are one byte, which some drivers take for granted. */
#define USB_HUB_N_PORTS 7u

/* In no port yet. */
UsbDevice *usb_hub_new (Vm *vm, const char *id, GError **error);
/* 0 to USB_HUB_N_PORTS - 1; NULL: none. */
UsbPort *usb_hub_port (UsbDevice *device, unsigned n);

G_END_DECLS

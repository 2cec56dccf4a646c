/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * One device of this computer for one machine: carries out what its monitor asks (base/usb-wire.h).
 */
#pragma once

#include "usbhost/backend.h"

G_BEGIN_DECLS

/* Serves until the monitor is gone or says what makes no sense, or the device is gone.  `node`: the device's, or -1 where the monitor sends it.  Both stay the caller's.
 * FALSE: it could not. */
gboolean usb_helper_serve (int socket, int node, const UsbBackend *backend);
/* Tells why there will be none. */
void usb_helper_fail (int socket, UsbWireFailure failure, int code);

G_END_DECLS

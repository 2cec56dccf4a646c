/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the helper wants of a library that reaches a device of this computer: libusb (usb-library.c), or a test's recorded one (tests/unit/usb/fake-usb.h).
 *
 * Threads: the helper's only one.
 */
#pragma once

#include "base/usb-wire.h"

#include <poll.h>

G_BEGIN_DECLS

typedef struct UsbTransfer UsbTransfer;

struct UsbTransfer
{
  UsbWireOp kind; /* USB_WIRE_CONTROL, _BULK, _INTERRUPT, _ISO */
  uint8_t endpoint;
  uint32_t serial;
  uint8_t *data;   /* of a control transfer the request's 8 bytes first */
  uint32_t length; /* of `data` */
  unsigned n_packets;
  uint32_t packets[USB_WIRE_PACKETS_MAX]; /* their lengths; behind the end what was moved of each */
  /* When it has ended. */
  UsbWireStatus status;
  uint32_t actual; /* bytes; of a control transfer those behind the request */
  void (*done) (UsbTransfer *transfer);
  void *opaque;
  void *handle; /* the library's */
};

typedef struct
{
  /* Takes the device's kernel drivers away where something is to be claimed.  0 and the device, or an errno; `failure` then says what it means.  `fd` stays the caller's and open. */
  int (*open) (int fd, void **device, UsbWireFailure *failure);
  /* Gives all back to the kernel's drivers.  Nothing is under way. */
  void (*close) (void *device);
  unsigned (*speed) (void *device);
  /* The device descriptor and the configurations' into `data`; how many bytes.  0: that fails. */
  uint32_t (*descriptors) (void *device, uint8_t *data, uint32_t size);
  /* Synchronous; nothing is under way where it matters. */
  UsbWireStatus (*configure) (void *device, unsigned configuration);
  UsbWireStatus (*interface) (void *device, unsigned interface, unsigned alternate);
  UsbWireStatus (*clear_halt) (void *device, unsigned endpoint);
  UsbWireStatus (*reset) (void *device);
  /* FALSE: it is not under way.  Otherwise `done` comes out of handle(). */
  gboolean (*submit) (void *device, UsbTransfer *transfer);
  void (*cancel) (void *device, UsbTransfer *transfer);
  /* What to wait for, and how long (ms; -1: for good). */
  unsigned (*wait) (void *device, struct pollfd *fds, unsigned most, int *timeout_ms);
  /* FALSE: the device is gone. */
  gboolean (*handle) (void *device);
} UsbBackend;

extern const UsbBackend usb_library;

G_END_DECLS

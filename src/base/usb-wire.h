/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor and vivarium-usb, which has one device of this computer in its hands, say to each other over a socketpair of type SOCK_SEQPACKET: a header, and at most
 * USB_WIRE_DATA bytes behind it.  Either side takes the other for hostile: a message of another size than it says, or with a descriptor where none belongs, is EPROTO.
 * What the numbers mean, the receiver checks.
 *
 * The monitor asks, each time by a serial of its own; the helper answers each question once (USB_WIRE_DONE), in any order.
 *
 * Any thread; no state.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define USB_WIRE_DATA         0x10200u /* 64 KiB, and what describes them */
#define USB_WIRE_TRANSFER     0x10000u
#define USB_WIRE_CONTROL_DATA 4096u /* of a control transfer, behind the 8 bytes of its request */
#define USB_WIRE_PACKETS_MAX  32u   /* isochronous ones of a message */

typedef enum
{
  /* Monitor → helper. */
  USB_WIRE_OPEN = 1,  /* the first, where the helper was given none: descriptor of the device's node */
  USB_WIRE_CONTROL,   /* data: a request of 8 bytes, and what goes to the device */
  USB_WIRE_BULK,      /* endpoint; length: that is asked for; to the device: data */
  USB_WIRE_INTERRUPT, /* likewise */
  USB_WIRE_ISO, /* endpoint; value: packets; data: their lengths (16 bits each), and to the device what is in them, without gaps */
  USB_WIRE_CANCEL,     /* endpoint: what is under way there ends */
  USB_WIRE_CONFIGURE,  /* value: the configuration */
  USB_WIRE_INTERFACE,  /* endpoint: which; value: its alternate setting */
  USB_WIRE_CLEAR_HALT, /* endpoint */
  USB_WIRE_RESET,
  /* Helper → monitor. */
  USB_WIRE_READY, /* value: UsbSpeed (vmm/usb/usb.h); data: the device descriptor, and all configurations' as they are */
  USB_WIRE_DONE, /* serial; status; length: bytes moved; from the device: data.  Of USB_WIRE_ISO as that, with what came */
  USB_WIRE_FAILED, /* status: UsbWireFailure; value: an errno or 0.  It ends */
  USB_WIRE_LAST = USB_WIRE_FAILED,
} UsbWireOp;

typedef enum
{
  USB_WIRE_OK,
  USB_WIRE_STALLED,
  USB_WIRE_BABBLE,
  USB_WIRE_ERROR,     /* the device doesn't answer as it should */
  USB_WIRE_CANCELLED, /* by USB_WIRE_CANCEL, a reset or another configuration */
  USB_WIRE_STATUS_LAST = USB_WIRE_CANCELLED,
} UsbWireStatus;

typedef enum
{
  USB_FAILURE_GONE,    /* it was pulled out */
  USB_FAILURE_RIGHTS,  /* the user may not */
  USB_FAILURE_BUSY,    /* another program has it */
  USB_FAILURE_DEVICE,  /* that is no device of USB, or none that makes sense */
  USB_FAILURE_LIBRARY, /* libusb can't be used */
  USB_FAILURE_CONFINE,
  USB_FAILURE_LAST = USB_FAILURE_CONFINE,
} UsbWireFailure;

typedef struct
{
  uint16_t op;
  uint8_t endpoint, status;
  uint32_t serial, length, value;
} UsbWireHeader;
G_STATIC_ASSERT (sizeof (UsbWireHeader) == 16);

typedef struct
{
  UsbWireHeader header;
  uint32_t n_data;
  uint8_t data[USB_WIRE_DATA];
} UsbWire;

/* 0, or -errno; EAGAIN: there is no room, and `wait` isn't set.  `fd`: -1, or one that goes with it and stays the caller's. */
int usb_wire_send (int socket, const UsbWireHeader *header, const void *data, uint32_t n_data, int fd,
                   gboolean wait);
/* 1: a message, and `*fd` -1 or a descriptor (close-on-exec) that is the caller's; 0: the other side is gone; -errno: EAGAIN (there is none), EPROTO, … */
int usb_wire_receive (int socket, UsbWire *message, int *fd);

G_END_DECLS

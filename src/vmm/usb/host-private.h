/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the host's devices: host.c (life and the process), host-control.c (endpoint 0), host-pipe.c (the others).  VM lock held.
 */
#pragma once

#include "usb/host.h"

G_BEGIN_DECLS

#define HOST_PIPES      32u /* by number, and 16 more for IN */
#define HOST_INTERFACES 32u
#define HOST_NO_PIPE    0xffu /* of a serial: nobody waits for the answer */

/* Of a question to the process. */
typedef enum
{
  ASK_IDLE,
  ASK_WAITS,
  ASK_READY, /* answered */
} HostAsk;

typedef struct
{
  HostAsk ask;
  uint32_t serial;
  gboolean cancelled;
  UsbWireStatus status;
  uint8_t *data; /* what goes out, or has come; NULL: nothing */
  uint32_t length, actual, position;
  /* Isochronous. */
  GQueue packets;    /* GBytes *, that have come */
  unsigned on_way;   /* questions */
  GByteArray *batch; /* packets to go out, of */
  uint16_t lengths[USB_WIRE_PACKETS_MAX];
  unsigned n_batch;
} HostPipe;

typedef struct UsbHost
{
  UsbDevice usb;
  /* What usb-device.c finds of it. */
  UsbModel model;
  UsbDescription description;
  UsbInterface interface;
  UsbEndpoint endpoints[HOST_PIPES];

  UsbHostConfig config;
  char *name;
  int socket; /* -1: there is no process */
  GSource *watch, *room;
  GQueue unsent;  /* GBytes *, messages */
  gboolean ready; /* it has said what it is */
  gboolean used;  /* the guest has configured it since the last reset */
  gboolean loaded;
  uint8_t *descriptors;
  uint32_t n_descriptors;
  uint8_t alternates[HOST_INTERFACES];
  uint32_t serial;
  HostPipe pipes[HOST_PIPES]; /* the first is endpoint 0 */
  uint8_t control_data[USB_WIRE_CONTROL_DATA];
  UsbWire message;
} UsbHost;

static inline unsigned
host_pipe_index (unsigned endpoint)
{
  return (endpoint & 0xf) | (endpoint & USB_DIR_IN ? 16 : 0);
}

/* host.c */
/* Asks the process; the serial, whose low byte is the pipe. */
uint32_t host_ask (UsbHost *h, UsbWireOp op, unsigned pipe, unsigned endpoint, uint32_t length,
                   uint32_t value, const void *data, uint32_t n_data);

/* host-control.c */
UsbStatus host_control_stage (UsbDevice *device, UsbPid pid, uint8_t *data, uint32_t length,
                              uint32_t *actual);
void host_control_answered (UsbHost *h, const UsbWire *message);
/* The endpoints of the present configuration and its settings, into the description. */
void host_find_endpoints (UsbHost *h);

/* host-pipe.c */
UsbStatus host_pipe_in (UsbDevice *device, unsigned endpoint, uint8_t *data, uint32_t length,
                        uint32_t *actual);
UsbStatus host_pipe_out (UsbDevice *device, unsigned endpoint, const uint8_t *data, uint32_t length,
                         uint32_t *actual);
void host_pipe_cancelled (UsbDevice *device, unsigned endpoint);
/* FALSE: that makes no sense. */
gboolean host_pipe_answered (UsbHost *h, unsigned pipe, const UsbWire *message);
/* As if nothing had been asked. */
void host_pipe_clear (HostPipe *pipe);

G_END_DECLS

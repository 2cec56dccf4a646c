/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices and the ports that they are in, apart from controllers.  Universal Serial Bus Specification 2.0, chapters 5, 8 and 9; for devices of super
 * speed USB 3.1, chapter 9.
 *
 * A device answers at once: what it has nothing for yet gets USB_NAK, and usb_device_wake() tells the controller when it is worth asking again.
 * So nothing of a transfer is in flight within a device: a controller that is reset, or a machine that is saved, only has to ask again, and an
 * idle device wakes nobody.
 *
 * Threads: all under the VM lock.
 */
#pragma once

#include "core/device.h"
#include "core/vm.h"

G_BEGIN_DECLS

typedef struct UsbDevice UsbDevice;
typedef struct UsbPort UsbPort;

typedef enum
{
  USB_SPEED_LOW,
  USB_SPEED_FULL,
  USB_SPEED_HIGH,
  USB_SPEED_SUPER,
  USB_N_SPEEDS,
} UsbSpeed;

/* 8.3.1: as they are on the wire, and in the descriptors of UHCI. */
typedef enum
{
  USB_PID_OUT = 0xe1,
  USB_PID_IN = 0x69,
  USB_PID_SETUP = 0x2d,
} UsbPid;

typedef enum
{
  USB_OK,
  USB_NAK,    /* ask again: after usb_device_wake(), or at will */
  USB_STALL,  /* the endpoint is halted, or the request isn't supported */
  USB_BABBLE, /* the device had more than the host asked for */
  USB_GONE,   /* nobody answers */
} UsbStatus;

/* 9.3 */
typedef struct
{
  uint8_t type, request;
  uint16_t value, index, length;
} UsbSetup;

#define USB_SETUP_SIZE    8u
#define USB_CONTROL_MAX   1024u /* bytes of data that a request may have; one with more is stalled */
#define USB_MAX_ENDPOINTS 16u
#define USB_DIR_IN        0x80u
#define USB_MAX_DEPTH     5u /* hubs between a device and its controller; 4.1.1 */

enum
{
  USB_TYPE_MASK = 0x60,
  USB_TYPE_STANDARD = 0x00,
  USB_TYPE_CLASS = 0x20,
  USB_RECIPIENT_MASK = 0x1f,
  USB_RECIPIENT_DEVICE = 0,
  USB_RECIPIENT_INTERFACE = 1,
  USB_RECIPIENT_ENDPOINT = 2,
  USB_RECIPIENT_OTHER = 3,
};
/* 9.4, table 9-4 */
enum
{
  USB_GET_STATUS = 0,
  USB_CLEAR_FEATURE = 1,
  USB_SET_FEATURE = 3,
  USB_SET_ADDRESS = 5,
  USB_GET_DESCRIPTOR = 6,
  USB_GET_CONFIGURATION = 8,
  USB_SET_CONFIGURATION = 9,
  USB_GET_INTERFACE = 10,
  USB_SET_INTERFACE = 11,
  USB_SET_SEL = 48,
  USB_SET_ISOCH_DELAY = 49,
};
/* Table 9-5 */
enum
{
  USB_DESCRIPTOR_DEVICE = 1,
  USB_DESCRIPTOR_CONFIGURATION = 2,
  USB_DESCRIPTOR_STRING = 3,
  USB_DESCRIPTOR_INTERFACE = 4,
  USB_DESCRIPTOR_ENDPOINT = 5,
  USB_DESCRIPTOR_QUALIFIER = 6,
  USB_DESCRIPTOR_OTHER_SPEED = 7,
  USB_DESCRIPTOR_BOS = 15,
  USB_DESCRIPTOR_CAPABILITY = 16,
  USB_DESCRIPTOR_PIPE_USAGE = 36, /* of USB Attached SCSI */
  USB_DESCRIPTOR_SS_COMPANION = 48,
};

/* -- What a device says of itself -------------------------------------------------------------------- */

enum
{
  USB_ENDPOINT_ISO = 1,
  USB_ENDPOINT_BULK = 2,
  USB_ENDPOINT_INTERRUPT = 3,
};

typedef struct
{
  uint8_t address; /* number, and USB_DIR_IN */
  uint8_t attributes;
  uint8_t burst;   /* packets beyond the first, super speed */
  uint8_t streams; /* a power of two, super speed; 0: none */
  uint8_t pipe;    /* what it is for in USB Attached SCSI; 0: no such pipe */
  uint16_t max_packet[USB_N_SPEEDS];
  uint8_t interval[USB_N_SPEEDS]; /* as bInterval has it */
} UsbEndpoint;

typedef struct UsbInterface
{
  uint8_t klass, subclass, protocol;
  const uint8_t *extra; /* descriptors of the class, behind the interface's */
  uint8_t extra_length;
  uint8_t n_endpoints;
  const UsbEndpoint *endpoints;
  const struct UsbInterface *
      alternate; /* its alternate setting 1, from high speed on; NULL: there is none.  Only the first interface of a device may have one. */
} UsbInterface;

typedef struct
{
  uint16_t vendor, product, release;
  uint8_t klass, subclass, protocol;
  unsigned speeds; /* a bit a UsbSpeed */
  gboolean remote_wake;
  gboolean self_powered;
  uint8_t power; /* in 2 mA */
  const char *name;
  uint8_t n_interfaces;
  const UsbInterface *interfaces;
} UsbDescription;

typedef struct
{
  const UsbDescription *description;
  /* It calls nothing of the host that a processor's thread may not call, so that a controller may ask it there and then. */
  gboolean prompt;
  /* Requests that aren't chapter 9's, or that the description has no answer to.  FALSE: stalled.  To the host: writes at most USB_CONTROL_MAX bytes to `data` and says how many; from it: `data`
   * has `*length`.  May be NULL. */
  gboolean (*control) (UsbDevice *device, const UsbSetup *setup, uint8_t *data, uint32_t *length);
  /* Fills `data` with up to `length` bytes, `*actual` (0 at first) of them.  USB_OK with less than `length` is a short packet, which ends the transfer;
   * with USB_NAK `*actual` is a multiple of the endpoint's packet size, and the transfer goes on from there. */
  UsbStatus (*in) (UsbDevice *device, unsigned endpoint, uint8_t *data, uint32_t length, uint32_t *actual);
  /* Takes `*actual` bytes; likewise. */
  UsbStatus (*out) (UsbDevice *device, unsigned endpoint, const uint8_t *data, uint32_t length,
                    uint32_t *actual);
  /* It was reset or configured (device->configuration), or has another setting of its interface (device->alternate): endpoints begin anew.  May be NULL. */
  void (*configured) (UsbDevice *device);
  /* The host has cleared a halt of this endpoint (address with USB_DIR_IN).  May be NULL. */
  void (*unhalted) (UsbDevice *device, unsigned endpoint);
  /* Instead of all that usb-device.c does for endpoint 0: a stage of a control transfer (usb_device_transfer()), which may be USB_NAK, too.  May be NULL. */
  UsbStatus (*control_stage) (UsbDevice *device, UsbPid pid, uint8_t *data, uint32_t length,
                              uint32_t *actual);
  /* The controller's driver has taken back what it had asked of this endpoint (address with USB_DIR_IN).  May be NULL. */
  void (*cancelled) (UsbDevice *device, unsigned endpoint);
  /* Whether it would move something on this stream of an endpoint (address with USB_DIR_IN) now; it is asked for that then, with device->stream.  NULL: no endpoint has streams. */
  gboolean (*wants_stream) (UsbDevice *device, unsigned endpoint, unsigned stream);
  /* A hub's ports, from 0 on; NULL behind the last.  May be NULL. */
  UsbPort *(*port) (UsbDevice *device, unsigned n);
} UsbModel;

/* Where a request on endpoint 0 stands. */
typedef enum
{
  USB_STAGE_IDLE,
  USB_STAGE_IN,     /* data to the host */
  USB_STAGE_OUT,    /* data from it */
  USB_STAGE_STATUS, /* there is no data */
  USB_STAGE_STALL,
  USB_STAGE_LAST = USB_STAGE_STALL,
} UsbStage;

#define USB_SERIAL_MAX 32

struct UsbDevice
{
  Device device;
  const UsbModel *model; /* set before realize */
  UsbPort *port;         /* NULL: in none */
  UsbSpeed speed;        /* the port's and its own */
  char serial[USB_SERIAL_MAX + 1];
  unsigned stream; /* of the transfer that it is asked for; 0: without streams */

  /* Saved. */
  uint8_t address, configuration;
  uint8_t alternate; /* setting of the first interface; saved by the models that have one */
  gboolean remote_wake, suspended;
  uint16_t halted_in, halted_out; /* a bit an endpoint */
  uint8_t setup[USB_SETUP_SIZE];
  uint8_t stage;
  uint32_t control_length, control_position;
  uint8_t control_data[USB_CONTROL_MAX];
};

/* For a model's state table: STATE_STRUCT (Hid, usb, usb_device_state). */
extern const StateField usb_device_state[];

/* -- For models ---------------------------------------------------------------------------------------- */

/* For the class's reset: as when power comes. */
void usb_device_reset (UsbDevice *device);
/* For its unrealize. */
void usb_device_exit (UsbDevice *device);
/* An endpoint (address with USB_DIR_IN) that has said USB_NAK has something now, or a suspended device wishes to wake the host. */
void usb_device_wake (UsbDevice *device, unsigned endpoint);
void usb_device_halt (UsbDevice *device, unsigned endpoint);

/* -- For ports: controllers and hubs --------------------------------------------------------------------- */

typedef struct
{
  /* port->device is there; it is about to go. */
  void (*attach) (UsbPort *port);
  void (*detach) (UsbPort *port);
  /* See usb_device_wake(); the device may be behind a hub. */
  void (*wake) (UsbPort *port, UsbDevice *device, unsigned endpoint);
  /* Resume signalling from the suspended device in this port. */
  void (*resume) (UsbPort *port);
} UsbPortOps;

struct UsbPort
{
  const UsbPortOps *ops;
  void *opaque;
  unsigned number;  /* the owner's */
  unsigned speeds;  /* a bit a UsbSpeed */
  UsbDevice *hub;   /* the owner; NULL: a controller */
  gboolean enabled; /* the owner's: it lets signals through */
  UsbDevice *device;
};

/* FALSE: there is something in the port already, or no speed that both know. */
gboolean usb_port_attach (UsbPort *port, UsbDevice *device, GError **error);
void usb_device_detach (UsbDevice *device);
/* The same port in another one's hands: neither is told.  For state that was loaded. */
void usb_port_move (UsbPort *from, UsbPort *to);
/* Reset signalling: the device has address 0 and no configuration. */
void usb_port_reset (UsbPort *port);
void usb_port_suspend (UsbPort *port, gboolean suspended);

/* One stage of a control transfer, or a piece of another one.  The direction is the PID's; SETUP has 8 bytes.  `data` isn't written for OUT and SETUP.
 * See UsbModel.in. */
UsbStatus usb_device_transfer (UsbDevice *device, UsbPid pid, unsigned endpoint, uint8_t *data,
                               uint32_t length, uint32_t *actual);
/* What was asked of an endpoint (address with USB_DIR_IN) is asked no more. */
void usb_device_cancel (UsbDevice *device, unsigned endpoint);
/* The device with this address at or behind the port, by ports that are enabled.  NULL: there is none, or it is suspended. */
UsbDevice *usb_port_find (UsbPort *port, unsigned address);
/* Packet size of an endpoint at the device's speed; 0: it has no such endpoint. */
unsigned usb_device_packet_size (const UsbDevice *device, unsigned endpoint);
/* An interface in the setting that it is in. */
const UsbInterface *usb_device_interface (const UsbDevice *device, unsigned n);
/* The device's place below its controller: ports with dots between them, "1" or "2.4"; "" if it is in none.  To be freed. */
char *usb_device_path (const UsbDevice *device);

/* usb-descriptors.c: the descriptor that a GET_DESCRIPTOR asks for, of at most USB_CONTROL_MAX bytes.  0: there is none. */
uint32_t usb_descriptor (const UsbDevice *device, unsigned type, unsigned index, uint8_t *data);

static inline uint32_t
usb_read32 (const uint8_t *at)
{
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline void
usb_write32 (uint8_t *at, uint32_t value)
{
  for (unsigned i = 0; i < 4; i++)
    at[i] = (uint8_t)(value >> 8 * i);
}
static inline uint16_t
usb_get16 (const uint8_t *at)
{
  return (uint16_t)(at[0] | at[1] << 8);
}

G_END_DECLS

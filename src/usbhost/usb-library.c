/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A device of this computer by libusb, which gets its node as a descriptor and looks for none itself.
 */
#define G_LOG_DOMAIN "viv-usb"

#include "usbhost/backend.h"

#include <errno.h>
#include <libusb.h>
#include <string.h>

#define MOST_INTERFACES 32u
#define TIMEOUT_MS      0u /* the guest's driver has its own */

typedef struct
{
  libusb_context *context;
  libusb_device_handle *handle;
  libusb_device *device;
  uint32_t claimed, detached; /* a bit an interface */
  gboolean gone;
} Usb;

/* -- Ends ---------------------------------------------------------------------------------------------------- */

static int
errno_of (int code, UsbWireFailure *failure)
{
  switch (code)
    {
    case LIBUSB_ERROR_ACCESS:
      *failure = USB_FAILURE_RIGHTS;
      return EACCES;
    case LIBUSB_ERROR_NO_DEVICE:
    case LIBUSB_ERROR_NOT_FOUND:
      *failure = USB_FAILURE_GONE;
      return ENODEV;
    case LIBUSB_ERROR_BUSY:
      *failure = USB_FAILURE_BUSY;
      return EBUSY;
    case LIBUSB_ERROR_NO_MEM:
      *failure = USB_FAILURE_LIBRARY;
      return ENOMEM;
    default:
      *failure = USB_FAILURE_DEVICE;
      return EIO;
    }
}

static UsbWireStatus
status_of (Usb *usb, int code)
{
  switch (code)
    {
    case LIBUSB_SUCCESS:
      return USB_WIRE_OK;
    case LIBUSB_ERROR_PIPE:
    case LIBUSB_ERROR_NOT_FOUND: /* no such interface, setting or endpoint */
    case LIBUSB_ERROR_INVALID_PARAM:
      return USB_WIRE_STALLED;
    case LIBUSB_ERROR_NO_DEVICE:
      usb->gone = TRUE;
      return USB_WIRE_ERROR;
    default:
      return USB_WIRE_ERROR;
    }
}

/* -- Interfaces: the kernel's drivers have them until the guest's do ------------------------------------------ */

static void
release_all (Usb *usb)
{
  for (unsigned i = 0; i < MOST_INTERFACES; i++)
    if (usb->claimed >> i & 1)
      (void)libusb_release_interface (usb->handle, (int)i);
  usb->claimed = 0;
}

/* An errno of the library's. */
static int
claim_all (Usb *usb)
{
  struct libusb_config_descriptor *config;
  int code = libusb_get_active_config_descriptor (usb->device, &config);

  if (code == LIBUSB_ERROR_NOT_FOUND) /* it is in none */
    return 0;
  if (code != 0)
    return code;
  for (unsigned i = 0; code == 0 && i < config->bNumInterfaces; i++)
    {
      const struct libusb_interface *interface = &config->interface[i];
      const int n = interface->num_altsetting > 0 ? interface->altsetting[0].bInterfaceNumber : 0;

      if (n >= (int)MOST_INTERFACES)
        continue;
      if (libusb_kernel_driver_active (usb->handle, n) == 1
          && libusb_detach_kernel_driver (usb->handle, n) == 0)
        usb->detached |= 1u << n;
      code = libusb_claim_interface (usb->handle, n);
      if (code == 0)
        usb->claimed |= 1u << n;
    }
  libusb_free_config_descriptor (config);
  return code;
}

static void
give_back (Usb *usb)
{
  release_all (usb);
  for (unsigned i = 0; i < MOST_INTERFACES; i++)
    if (usb->detached >> i & 1)
      (void)libusb_attach_kernel_driver (usb->handle, (int)i);
  usb->detached = 0;
}

static UsbWireStatus
usb_configure (void *device, unsigned configuration)
{
  Usb *usb = device;
  int now = 0, code = libusb_get_configuration (usb->handle, &now);

  /* One that is set again resets all of the device, and some don't like that. */
  if (code == 0 && now != (int)configuration)
    {
      release_all (usb);
      /* Drivers of the kernel's keep it from another. */
      for (int i = 0; i < (int)MOST_INTERFACES; i++)
        if (libusb_kernel_driver_active (usb->handle, i) == 1
            && libusb_detach_kernel_driver (usb->handle, i) == 0)
          usb->detached |= 1u << i;
      code = libusb_set_configuration (usb->handle, configuration > 0 ? (int)configuration : -1);
    }
  if (code == 0 && usb->claimed == 0)
    code = claim_all (usb);
  return status_of (usb, code);
}

static UsbWireStatus
usb_interface (void *device, unsigned interface, unsigned alternate)
{
  Usb *usb = device;

  if (interface >= MOST_INTERFACES || !(usb->claimed >> interface & 1))
    return USB_WIRE_STALLED;
  return status_of (usb, libusb_set_interface_alt_setting (usb->handle, (int)interface, (int)alternate));
}

static UsbWireStatus
usb_clear_halt (void *device, unsigned endpoint)
{
  Usb *usb = device;

  return status_of (usb, libusb_clear_halt (usb->handle, (unsigned char)endpoint));
}

static UsbWireStatus
usb_reset (void *device)
{
  Usb *usb = device;
  int code = libusb_reset_device (usb->handle);

  /* It came back as another one. */
  if (code == LIBUSB_ERROR_NOT_FOUND)
    usb->gone = TRUE;
  return status_of (usb, code);
}

/* -- Life -------------------------------------------------------------------------------------------------------- */

static void
usb_close (void *device)
{
  Usb *usb = device;

  if (usb->handle != NULL)
    {
      if (!usb->gone)
        give_back (usb);
      libusb_close (usb->handle);
    }
  libusb_exit (usb->context);
  g_free (usb);
}

static int
usb_open (int fd, void **device, UsbWireFailure *failure)
{
  Usb *usb = g_new0 (Usb, 1);
  int code;

  *failure = USB_FAILURE_LIBRARY;
  libusb_set_option (NULL, LIBUSB_OPTION_NO_DEVICE_DISCOVERY);
  code = libusb_init (&usb->context);
  if (code != 0)
    {
      g_free (usb);
      return EIO;
    }
  code = libusb_wrap_sys_device (usb->context, fd, &usb->handle);
  if (code == 0)
    {
      usb->device = libusb_get_device (usb->handle);
      code = claim_all (usb);
    }
  if (code == 0)
    {
      *device = usb;
      return 0;
    }
  code = errno_of (code, failure);
  usb_close (usb);
  return code;
}

static unsigned
usb_speed (void *device)
{
  switch (libusb_get_device_speed (((Usb *)device)->device))
    {
    case LIBUSB_SPEED_LOW:
      return 0;
    case LIBUSB_SPEED_HIGH:
      return 2;
    case LIBUSB_SPEED_SUPER:
    case LIBUSB_SPEED_SUPER_PLUS:
      return 3;
    default:
      return 1;
    }
}

/* The kernel has them all: no device is asked. */
static uint32_t
usb_descriptors (void *device, uint8_t *data, uint32_t size)
{
  Usb *usb = device;
  struct libusb_device_descriptor d;
  uint32_t at = LIBUSB_DT_DEVICE_SIZE;

  if (size < at || libusb_get_device_descriptor (usb->device, &d) != 0)
    return 0;
  const uint8_t bytes[LIBUSB_DT_DEVICE_SIZE] = { LIBUSB_DT_DEVICE_SIZE, LIBUSB_DT_DEVICE,
                                                 (uint8_t)d.bcdUSB,     (uint8_t)(d.bcdUSB >> 8),
                                                 d.bDeviceClass,        d.bDeviceSubClass,
                                                 d.bDeviceProtocol,     d.bMaxPacketSize0,
                                                 (uint8_t)d.idVendor,   (uint8_t)(d.idVendor >> 8),
                                                 (uint8_t)d.idProduct,  (uint8_t)(d.idProduct >> 8),
                                                 (uint8_t)d.bcdDevice,  (uint8_t)(d.bcdDevice >> 8),
                                                 d.iManufacturer,       d.iProduct,
                                                 d.iSerialNumber,       d.bNumConfigurations };
  memcpy (data, bytes, sizeof bytes);
  for (unsigned i = 0; i < d.bNumConfigurations; i++)
    {
      uint8_t head[9];
      int n = libusb_get_descriptor (usb->handle, LIBUSB_DT_CONFIG, (uint8_t)i, head, sizeof head);
      const uint32_t whole = n == (int)sizeof head ? head[2] | (uint32_t)head[3] << 8 : 0;

      if (whole < sizeof head || whole > size - at)
        continue;
      n = libusb_get_descriptor (usb->handle, LIBUSB_DT_CONFIG, (uint8_t)i, data + at, (int)whole);
      if (n == (int)whole)
        at += whole;
    }
  return at;
}

/* -- Transfers ------------------------------------------------------------------------------------------------------ */

static void LIBUSB_CALL
on_ended (struct libusb_transfer *handle)
{
  UsbTransfer *transfer = handle->user_data;
  static const UsbWireStatus statuses[] = {
    [LIBUSB_TRANSFER_COMPLETED] = USB_WIRE_OK,    [LIBUSB_TRANSFER_ERROR] = USB_WIRE_ERROR,
    [LIBUSB_TRANSFER_TIMED_OUT] = USB_WIRE_ERROR, [LIBUSB_TRANSFER_CANCELLED] = USB_WIRE_CANCELLED,
    [LIBUSB_TRANSFER_STALL] = USB_WIRE_STALLED,   [LIBUSB_TRANSFER_NO_DEVICE] = USB_WIRE_ERROR,
    [LIBUSB_TRANSFER_OVERFLOW] = USB_WIRE_BABBLE,
  };

  transfer->status
      = (unsigned)handle->status < G_N_ELEMENTS (statuses) ? statuses[handle->status] : USB_WIRE_ERROR;
  transfer->actual = handle->actual_length > 0 ? (uint32_t)handle->actual_length : 0;
  for (unsigned i = 0; i < transfer->n_packets; i++)
    transfer->packets[i] = handle->iso_packet_desc[i].actual_length;
  libusb_free_transfer (handle);
  transfer->done (transfer);
}

static gboolean
usb_submit (void *device, UsbTransfer *transfer)
{
  Usb *usb = device;
  struct libusb_transfer *handle = libusb_alloc_transfer ((int)transfer->n_packets);
  int code;

  if (handle == NULL)
    return FALSE;
  *handle = (struct libusb_transfer){ .dev_handle = usb->handle,
                                      .endpoint = transfer->endpoint,
                                      .timeout = TIMEOUT_MS,
                                      .buffer = transfer->data,
                                      .length = (int)transfer->length,
                                      .num_iso_packets = (int)transfer->n_packets,
                                      .callback = on_ended,
                                      .user_data = transfer };
  handle->type = transfer->kind == USB_WIRE_CONTROL     ? LIBUSB_TRANSFER_TYPE_CONTROL
                 : transfer->kind == USB_WIRE_BULK      ? LIBUSB_TRANSFER_TYPE_BULK
                 : transfer->kind == USB_WIRE_INTERRUPT ? LIBUSB_TRANSFER_TYPE_INTERRUPT
                                                        : LIBUSB_TRANSFER_TYPE_ISOCHRONOUS;
  for (unsigned i = 0; i < transfer->n_packets; i++)
    handle->iso_packet_desc[i].length = transfer->packets[i];
  transfer->handle = handle;
  code = libusb_submit_transfer (handle);
  if (code == 0)
    return TRUE;
  usb->gone |= code == LIBUSB_ERROR_NO_DEVICE;
  libusb_free_transfer (handle);
  return FALSE;
}

static void
usb_cancel (void *device, UsbTransfer *transfer)
{
  (void)libusb_cancel_transfer (transfer->handle);
}

static unsigned
usb_wait (void *device, struct pollfd *fds, unsigned most, int *timeout_ms)
{
  Usb *usb = device;
  const struct libusb_pollfd **list = libusb_get_pollfds (usb->context);
  struct timeval time;
  unsigned n = 0;

  for (; list != NULL && list[n] != NULL && n < most; n++)
    fds[n] = (struct pollfd){ list[n]->fd, list[n]->events, 0 };
  libusb_free_pollfds (list);
  *timeout_ms = libusb_get_next_timeout (usb->context, &time) == 1
                    ? (int)(time.tv_sec * 1000 + (time.tv_usec + 999) / 1000)
                    : -1;
  return n;
}

static gboolean
usb_handle (void *device)
{
  Usb *usb = device;
  struct timeval none = { 0, 0 };

  if (libusb_handle_events_timeout_completed (usb->context, &none, NULL) == LIBUSB_ERROR_NO_DEVICE)
    usb->gone = TRUE;
  return !usb->gone;
}

const UsbBackend usb_library = {
  .open = usb_open,
  .close = usb_close,
  .speed = usb_speed,
  .descriptors = usb_descriptors,
  .configure = usb_configure,
  .interface = usb_interface,
  .clear_halt = usb_clear_halt,
  .reset = usb_reset,
  .submit = usb_submit,
  .cancel = usb_cancel,
  .wait = usb_wait,
  .handle = usb_handle,
};

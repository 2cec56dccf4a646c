/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sections are those of "USB Class Definitions for Communication Devices" 1.2 (CDC) and its "Subclass Specification for PSTN Devices" 1.2.
 */
#define G_LOG_DOMAIN "usb-cdc"

#include "usb/cdc.h"

#include <string.h>

#define PIPE_IN      (USB_DIR_IN | 1u)
#define PIPE_OUT     2u
#define PIPE_NOTICES (USB_DIR_IN | 3u)
#define KEPT         4096u /* bytes for the guest */
#define CODING_SIZE  7u    /* PSTN, table 17 */
#define NOTICE_SIZE  10u

/* PSTN, 6.3 and 6.5 */
enum
{
  SET_LINE_CODING = 0x20,
  GET_LINE_CODING = 0x21,
  SET_CONTROL_LINE_STATE = 0x22,
  SEND_BREAK = 0x23,
  SERIAL_STATE = 0x20, /* a notice */
  STATE_DCD = 1 << 0,
  STATE_DSR = 1 << 1,
};

typedef struct
{
  UsbDevice usb;
  UsbCdcEnd end;
  gboolean leads; /* there is a far end */
  uint8_t coding[CODING_SIZE];
  gboolean notice; /* the guest is to hear what the lines are */
  uint8_t kept[KEPT];
  uint32_t n_kept;
} Cdc;

static const StateField cdc_state[] = {
  STATE_STRUCT (Cdc, usb, usb_device_state),
  STATE_U8_ARRAY (Cdc, coding),
  STATE_BOOL (Cdc, notice),
  STATE_U8_ARRAY (Cdc, kept),
  STATE_U32_MAX (Cdc, n_kept, KEPT),
  STATE_END,
};

/* 115200 baud, one stop bit, no parity, eight bits. */
static const uint8_t first_coding[CODING_SIZE] = { 0x00, 0xc2, 0x01, 0x00, 0, 0, 8 };

static const UsbEndpoint notices = { .address = PIPE_NOTICES,
                                     .attributes = USB_ENDPOINT_INTERRUPT,
                                     .max_packet = { 8, 16, 16, 16 },
                                     .interval = { 32, 32, 9, 9 } };
static const UsbEndpoint data_pipes[] = {
  { .address = PIPE_IN, .attributes = USB_ENDPOINT_BULK, .max_packet = { 8, 64, 512, 1024 } },
  { .address = PIPE_OUT, .attributes = USB_ENDPOINT_BULK, .max_packet = { 8, 64, 512, 1024 } },
};
/* CDC, 5.2.3: header; calls are nobody's affair here; line coding and state can be set (PSTN, 5.3.2); interface 1 has the data. */
static const uint8_t functional[]
    = { 5, 0x24, 0, 0x20, 1, 5, 0x24, 1, 0, 1, 4, 0x24, 2, 2, 5, 0x24, 6, 0, 1 };
static const UsbInterface interfaces[] = {
  { .klass = 2,
    .subclass = 2,
    .protocol = 1,
    .extra = functional,
    .extra_length = sizeof functional,
    .n_endpoints = 1,
    .endpoints = &notices },
  { .klass = 10, .n_endpoints = 2, .endpoints = data_pipes },
};
static const UsbDescription description
    = { .vendor = 0x0525, /* with this number systems know a gadget of the Linux kernel's, the same device */
        .product = 0xa4a7,
        .release = 0x0100,
        .klass = 2,
        .speeds = 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH | 1u << USB_SPEED_SUPER,
        .power = 50,
        .name = "Vivarium USB Serial Port",
        .n_interfaces = 2,
        .interfaces = interfaces };

/* -- Data ----------------------------------------------------------------------------------------------- */

static UsbStatus
give_notice (Cdc *c, uint8_t *data, uint32_t length, uint32_t *actual)
{
  const uint8_t notice[NOTICE_SIZE] = { USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE,
                                        SERIAL_STATE,
                                        0,
                                        0,
                                        0,
                                        0,
                                        2,
                                        0,
                                        STATE_DCD | STATE_DSR };

  if (!c->notice)
    return USB_NAK;
  if (length < NOTICE_SIZE)
    return USB_BABBLE;
  c->notice = FALSE;
  memcpy (data, notice, NOTICE_SIZE);
  *actual = NOTICE_SIZE;
  return USB_OK;
}

static UsbStatus
cdc_in (UsbDevice *usb, unsigned endpoint, uint8_t *data, uint32_t length, uint32_t *actual)
{
  Cdc *c = (Cdc *)usb;
  const gboolean was_full = c->n_kept == KEPT;

  if (endpoint == (PIPE_NOTICES & 0xf))
    return give_notice (c, data, length, actual);
  if (c->n_kept == 0)
    return USB_NAK;
  *actual = MIN (length, c->n_kept);
  memcpy (data, c->kept, *actual);
  c->n_kept -= *actual;
  memmove (c->kept, c->kept + *actual, c->n_kept);
  if (was_full && c->leads)
    c->end.ready (c->end.opaque);
  return USB_OK;
}

static UsbStatus
cdc_out (UsbDevice *usb, unsigned endpoint, const uint8_t *data, uint32_t length, uint32_t *actual)
{
  Cdc *c = (Cdc *)usb;
  const uint32_t packet = usb_device_packet_size (usb, PIPE_OUT);
  const size_t room = c->leads ? c->end.room (c->end.opaque) : length;
  uint32_t n = (uint32_t)MIN (length, room);

  if (n < length)
    n -= n % packet;
  if (n > 0 && c->leads)
    c->end.write (c->end.opaque, data, n);
  *actual = n;
  return n < length ? USB_NAK : USB_OK;
}

size_t
usb_cdc_receive (UsbDevice *device, const uint8_t *data, size_t length)
{
  Cdc *c = (Cdc *)device;
  const uint32_t n = (uint32_t)MIN (length, KEPT - c->n_kept);

  /* Nobody listens yet: it waits outside. */
  if (device->configuration == 0 || n == 0)
    return 0;
  memcpy (c->kept + c->n_kept, data, n);
  c->n_kept += n;
  usb_device_wake (device, PIPE_IN);
  return n;
}

void
usb_cdc_room (UsbDevice *device)
{
  usb_device_wake (device, PIPE_OUT);
}

/* -- Requests: PSTN, 6.3 ----------------------------------------------------------------------------------- */

static gboolean
cdc_control (UsbDevice *usb, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  Cdc *c = (Cdc *)usb;

  if ((setup->type & (USB_TYPE_MASK | USB_RECIPIENT_MASK)) != (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE)
      || setup->index != 0)
    return FALSE;
  switch ((setup->type & USB_DIR_IN) << 8 | setup->request)
    {
    case SET_LINE_CODING:
      if (*length != CODING_SIZE)
        return FALSE;
      memcpy (c->coding, data, CODING_SIZE);
      return TRUE;
    case USB_DIR_IN << 8 | GET_LINE_CODING:
      memcpy (data, c->coding, CODING_SIZE);
      *length = CODING_SIZE;
      return TRUE;
    case SET_CONTROL_LINE_STATE: /* whoever opens the port asks what its other side says */
      c->notice = TRUE;
      usb_device_wake (usb, PIPE_NOTICES);
      return TRUE;
    case SEND_BREAK:
      return TRUE;
    default:
      return FALSE;
    }
}

static void
cdc_configured (UsbDevice *usb)
{
  Cdc *c = (Cdc *)usb;

  c->n_kept = 0;
  c->notice = FALSE;
  memcpy (c->coding, first_coding, CODING_SIZE);
  if (usb->configuration != 0 && c->leads)
    c->end.ready (c->end.opaque);
}

static const UsbModel model = {
  .description = &description,
  .control = cdc_control,
  .in = cdc_in,
  .out = cdc_out,
  .configured = cdc_configured,
};

/* -- Life ---------------------------------------------------------------------------------------------------- */

static void
cdc_reset (Device *device)
{
  usb_device_reset ((UsbDevice *)device);
  memset (((Cdc *)device)->kept, 0, KEPT);
}

/* What came while it was saved waits outside. */
static void
cdc_resume (Device *device)
{
  Cdc *c = (Cdc *)device;

  if (c->leads)
    c->end.ready (c->end.opaque);
}

static void
cdc_unrealize (Device *device)
{
  usb_device_exit ((UsbDevice *)device);
}

static const DeviceClass cdc_class = {
  .name = "usb-cdc",
  .instance_size = sizeof (Cdc),
  .state = cdc_state,
  .reset = cdc_reset,
  .resume = cdc_resume,
  .unrealize = cdc_unrealize,
};

UsbDevice *
usb_cdc_new (Vm *vm, const char *id, const UsbCdcEnd *end, GError **error)
{
  Cdc *c = device_new (vm, &cdc_class, id);

  c->usb.model = &model;
  c->leads = end != NULL;
  if (end != NULL)
    c->end = *end;
  if (device_realize (&c->usb.device, error))
    return &c->usb;
  device_free (&c->usb.device);
  return NULL;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * HID devices: requests of the class, reports on their way, life.
 */
#define G_LOG_DOMAIN "usb-hid"

#include "usb/hid-private.h"

#include <string.h>

/* HID 7.1, 7.2 */
enum
{
  DESCRIPTOR_HID = 0x21,
  DESCRIPTOR_REPORT = 0x22,
  GET_REPORT = 0x01,
  GET_IDLE = 0x02,
  GET_PROTOCOL = 0x03,
  SET_REPORT = 0x09,
  SET_IDLE = 0x0a,
  SET_PROTOCOL = 0x0b,
};
enum
{
  REPORT_INPUT = 1,
  REPORT_OUTPUT = 2,
};
#define ENDPOINT 1u

static const HidKind *const kinds[]
    = { [USB_HID_KEYBOARD] = &hid_keyboard, [USB_HID_MOUSE] = &hid_mouse, [USB_HID_TABLET] = &hid_tablet };

static const StateField hid_state[] = {
  STATE_STRUCT (Hid, usb, usb_device_state),
  STATE_U8_MAX (Hid, protocol, 1),
  STATE_U8 (Hid, idle),
  STATE_U8_MAX (Hid, leds, 31),
  STATE_U8 (Hid, buttons),
  STATE_U32 (Hid, x),
  STATE_U32 (Hid, y),
  STATE_U8 (Hid, modifiers),
  STATE_U8_ARRAY (Hid, held),
  STATE_END,
};

/* -- Descriptions -------------------------------------------------------------------------------------------- */

/* HID 6.2.1: version 1.11, no country, one descriptor of reports. */
#define HID_DESCRIPTOR(n_)                                        \
  {                                                               \
    9, DESCRIPTOR_HID, 0x11, 0x01, 0, 1, DESCRIPTOR_REPORT, n_, 0 \
  }
static const uint8_t keyboard_extra[] = HID_DESCRIPTOR (HID_KEYBOARD_DESCRIPTOR);
static const uint8_t mouse_extra[] = HID_DESCRIPTOR (HID_MOUSE_DESCRIPTOR);
static const uint8_t tablet_extra[] = HID_DESCRIPTOR (HID_TABLET_DESCRIPTOR);

/* Every 8 ms, pointers every 4. */
static const UsbEndpoint keyboard_endpoint = { .address = USB_DIR_IN | ENDPOINT,
                                               .attributes = USB_ENDPOINT_INTERRUPT,
                                               .max_packet = { 8, 8, 8, 8 },
                                               .interval = { 8, 8, 7, 7 } };
static const UsbEndpoint pointer_endpoint = { .address = USB_DIR_IN | ENDPOINT,
                                              .attributes = USB_ENDPOINT_INTERRUPT,
                                              .max_packet = { 8, 8, 8, 8 },
                                              .interval = { 8, 4, 6, 6 } };

/* HID 4.2, 4.3: subclass 1 is for firmware; protocol 1 keyboard, 2 mouse. */
#define INTERFACE(protocol_, extra_, endpoint_)                                           \
  {                                                                                       \
    .klass = 3, .subclass = (protocol_) != 0, .protocol = (protocol_), .extra = (extra_), \
    .extra_length = sizeof (extra_), .n_endpoints = 1, .endpoints = &(endpoint_)          \
  }
static const UsbInterface interfaces[] = {
  [USB_HID_KEYBOARD] = INTERFACE (1, keyboard_extra, keyboard_endpoint),
  [USB_HID_MOUSE] = INTERFACE (2, mouse_extra, pointer_endpoint),
  [USB_HID_TABLET] = INTERFACE (0, tablet_extra, pointer_endpoint),
};

/* The numbers are those of an emulator's input devices, which some systems know by them. */
#define DESCRIPTION(kind_, product_, name_)                                                  \
  {                                                                                          \
    .vendor = 0x0627, .product = (product_), .release = 0x0100,                              \
    .speeds = 1u << USB_SPEED_FULL | 1u << USB_SPEED_HIGH, .remote_wake = TRUE, .power = 50, \
    .name = (name_), .n_interfaces = 1, .interfaces = &interfaces[kind_]                     \
  }
static const UsbDescription descriptions[] = {
  [USB_HID_KEYBOARD] = DESCRIPTION (USB_HID_KEYBOARD, 0x0001, "Vivarium USB Keyboard"),
  [USB_HID_MOUSE] = DESCRIPTION (USB_HID_MOUSE, 0x0001, "Vivarium USB Mouse"),
  [USB_HID_TABLET] = DESCRIPTION (USB_HID_TABLET, 0x0001, "Vivarium USB Tablet"),
};

const uint8_t *
usb_hid_report_descriptor (UsbHidKind kind, unsigned *length)
{
  *length = kinds[kind]->descriptor_length;
  return kinds[kind]->descriptor;
}

/* -- The router's side ------------------------------------------------------------------------------------------ */

static gboolean
is_ready (void *opaque)
{
  Hid *hid = opaque;
  const gboolean ready = hid->n < HID_FREE;

  hid->was_full |= !ready;
  return ready;
}

static void
on_event (void *opaque, const InputEvent *event)
{
  Hid *hid = opaque;

  hid->kind->event (hid, event);
  if (hid->n > 0)
    usb_device_wake (&hid->usb, USB_DIR_IN | ENDPOINT);
}

static void
forget (Hid *hid)
{
  hid->first = hid->n = 0;
  hid->was_full = hid->loaded = FALSE;
  hid->buttons = hid->next_buttons = 0;
  hid->kind->forget (hid);
}

/* Nobody asks any more: others get what the person does. */
static void
hid_configured (UsbDevice *usb)
{
  Hid *hid = (Hid *)usb;

  input_router_set_active (hid->router, &hid->sink, FALSE);
  forget (hid);
  hid->protocol = HID_PROTOCOL_REPORT;
  hid->idle = 0;
}

/* -- The host's ---------------------------------------------------------------------------------------------------- */

static UsbStatus
hid_in (UsbDevice *usb, unsigned endpoint, uint8_t *data, uint32_t length, uint32_t *actual)
{
  Hid *hid = (Hid *)usb;
  uint8_t report[HID_REPORT_MAX];
  gboolean last = TRUE;

  /* Its driver is there. */
  if (!hid->sink.active)
    input_router_set_active (hid->router, &hid->sink, TRUE);
  if (hid->n == 0 && !hid->loaded)
    return USB_NAK;
  const unsigned size = hid->kind->report (hid, hid->n > 0 ? &hid->ring[hid->first] : NULL, report, &last);
  hid->loaded = FALSE;
  if (last && hid->n > 0)
    {
      hid->first = (hid->first + 1) % HID_MOST;
      hid->n--;
    }
  *actual = MIN (size, length);
  memcpy (data, report, *actual);
  if (hid->was_full && hid->n < HID_FREE / 2)
    {
      hid->was_full = FALSE;
      input_router_ready (hid->router, &hid->sink);
    }
  return size > length ? USB_BABBLE : USB_OK;
}

static void
set_leds (Hid *hid, uint8_t leds)
{
  hid->leds = leds & 31;
  /* HID Usage Tables 11: num, caps, scroll; the router has scroll, num, caps. */
  input_router_set_leds (hid->router, (hid->leds & 1u) << 1 | (hid->leds & 2u) << 1 | (hid->leds & 4u) >> 2);
}

static gboolean
set_report (Hid *hid, const UsbSetup *setup, const uint8_t *data, uint32_t length)
{
  if (hid->kind != &hid_keyboard || setup->value >> 8 != REPORT_OUTPUT || length == 0)
    return FALSE;
  set_leds (hid, data[0]);
  return TRUE;
}

static gboolean
get_report (Hid *hid, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  gboolean last;

  if (setup->value >> 8 == REPORT_INPUT)
    *length = hid->kind->report (hid, NULL, data, &last);
  else if (setup->value >> 8 == REPORT_OUTPUT && hid->kind == &hid_keyboard)
    {
      data[0] = hid->leds;
      *length = 1;
    }
  return *length > 0;
}

static gboolean
get_class_descriptor (Hid *hid, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  switch (setup->value >> 8)
    {
    case DESCRIPTOR_HID:
      *length = hid->usb.model->description->interfaces[0].extra_length;
      memcpy (data, hid->usb.model->description->interfaces[0].extra, *length);
      return TRUE;
    case DESCRIPTOR_REPORT:
      *length = hid->kind->descriptor_length;
      memcpy (data, hid->kind->descriptor, *length);
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
hid_control (UsbDevice *usb, const UsbSetup *setup, uint8_t *data, uint32_t *length)
{
  Hid *hid = (Hid *)usb;
  const gboolean boot = usb->model->description->interfaces[0].subclass == 1;

  if ((setup->type & USB_RECIPIENT_MASK) != USB_RECIPIENT_INTERFACE || setup->index != 0)
    return FALSE;
  switch (setup->type << 8 | setup->request)
    {
    case (USB_DIR_IN | USB_RECIPIENT_INTERFACE) << 8 | USB_GET_DESCRIPTOR:
      return get_class_descriptor (hid, setup, data, length);
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | GET_REPORT:
      return get_report (hid, setup, data, length);
    case (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | SET_REPORT:
      return set_report (hid, setup, data, *length);
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | GET_IDLE:
      data[0] = hid->idle;
      *length = 1;
      return TRUE;
    case (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | SET_IDLE:
      /* Kept, but a report that says nothing new isn't sent. */
      hid->idle = (uint8_t)(setup->value >> 8);
      return TRUE;
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | GET_PROTOCOL:
      data[0] = hid->protocol;
      *length = 1;
      return boot;
    case (USB_TYPE_CLASS | USB_RECIPIENT_INTERFACE) << 8 | SET_PROTOCOL:
      if (!boot || setup->value > 1)
        return FALSE;
      hid->protocol = (uint8_t)setup->value;
      return TRUE;
    default:
      return FALSE;
    }
}

#define MODEL(kind_)                                                                                        \
  {                                                                                                         \
    .description = &descriptions[kind_], .control = hid_control, .in = hid_in, .configured = hid_configured \
  }
static const UsbModel models[] = {
  [USB_HID_KEYBOARD] = MODEL (USB_HID_KEYBOARD),
  [USB_HID_MOUSE] = MODEL (USB_HID_MOUSE),
  [USB_HID_TABLET] = MODEL (USB_HID_TABLET),
};

/* -- Life ------------------------------------------------------------------------------------------------------------ */

static gboolean
hid_realize (Device *device, GError **error)
{
  Hid *hid = (Hid *)device;

  hid->protocol = HID_PROTOCOL_REPORT;
  hid->sink = (InputSink){
    .name = device->id, .kinds = hid->kind->sink, .event = on_event, .ready = is_ready, .opaque = hid
  };
  input_router_add (hid->router, &hid->sink);
  return TRUE;
}

static void
hid_reset (Device *device)
{
  Hid *hid = (Hid *)device;

  usb_device_reset (&hid->usb);
  hid->leds = 0;
  hid->x = hid->y = 0;
}

/* Who saved it held keys that nobody here holds: the next report says so. */
static gboolean
hid_post_load (Device *device, GError **error)
{
  Hid *hid = (Hid *)device;
  const gboolean on = hid->usb.configuration != 0;

  hid->x = CLAMP (hid->x, 0, INPUT_ABSOLUTE_MAX);
  hid->y = CLAMP (hid->y, 0, INPUT_ABSOLUTE_MAX);
  input_router_set_active (hid->router, &hid->sink, FALSE);
  forget (hid);
  hid->loaded = on;
  if (on && hid->kind == &hid_keyboard)
    set_leds (hid, hid->leds);
  return TRUE;
}

/* The controller asks for what wakes it, and then the sink is active again. */
static void
hid_resume (Device *device)
{
  Hid *hid = (Hid *)device;

  if (hid->loaded)
    usb_device_wake (&hid->usb, USB_DIR_IN | ENDPOINT);
}

static void
hid_unrealize (Device *device)
{
  Hid *hid = (Hid *)device;

  usb_device_exit (&hid->usb);
  input_router_remove (hid->router, &hid->sink);
}

static const DeviceClass hid_class = {
  .name = "usb-hid",
  .instance_size = sizeof (Hid),
  .state = hid_state,
  .realize = hid_realize,
  .reset = hid_reset,
  .resume = hid_resume,
  .post_load = hid_post_load,
  .unrealize = hid_unrealize,
};

UsbDevice *
usb_hid_new (Vm *vm, const char *id, UsbHidKind kind, InputRouter *router, GError **error)
{
  Hid *hid = device_new (vm, &hid_class, id);

  hid->usb.model = &models[kind];
  hid->kind = kinds[kind];
  hid->router = router;
  if (device_realize (&hid->usb.device, error))
    return &hid->usb;
  device_free (&hid->usb.device);
  return NULL;
}

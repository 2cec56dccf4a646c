/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Mouse and tablet: what the router sends, and reports.  HID 1.11, appendix E.10 for the mouse; Usage Tables 4 (desktop), 15 (AC Pan).
 */
#include "usb/hid-private.h"

#include <linux/input-event-codes.h>

#define N_BUTTONS 5u

static const uint8_t mouse_descriptor[HID_MOUSE_DESCRIPTOR] = {
  0x05, 0x01, 0x09, 0x02, 0xa1, 0x01,             /* desktop: mouse, application */
  0x09, 0x01, 0xa1, 0x00,                         /* pointer, physical */
  0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, /* buttons 1 to 5… */
  0x25, 0x01, 0x95, 0x05, 0x75, 0x01, 0x81, 0x02, /* …a bit each */
  0x95, 0x01, 0x75, 0x03, 0x81, 0x01,             /* nothing */
  0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x09, 0x38, /* X, Y, wheel… */
  0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x03, /* …of -127 to 127… */
  0x81, 0x06,                                     /* …relative */
  0x05, 0x0c, 0x0a, 0x38, 0x02,                   /* AC pan */
  0x95, 0x01, 0x81, 0x06, 0xc0, 0xc0,
};

static const uint8_t tablet_descriptor[HID_TABLET_DESCRIPTOR] = {
  0x05, 0x01, 0x09, 0x02, 0xa1, 0x01,             /* desktop: mouse, application */
  0x09, 0x01, 0xa1, 0x00,                         /* pointer, physical */
  0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, /* buttons 1 to 5… */
  0x25, 0x01, 0x95, 0x05, 0x75, 0x01, 0x81, 0x02, /* …a bit each */
  0x95, 0x01, 0x75, 0x03, 0x81, 0x01,             /* nothing */
  0x05, 0x01, 0x09, 0x30, 0x09, 0x31, 0x15, 0x00, /* X, Y… */
  0x26, 0xff, 0x7f, 0x75, 0x10, 0x95, 0x02, 0x81, /* …of 0 to 32767… */
  0x02,                                           /* …absolute */
  0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, /* wheel */
  0x95, 0x01, 0x81, 0x06,                         /* */
  0x05, 0x0c, 0x0a, 0x38, 0x02, 0x81, 0x06,       /* AC pan */
  0xc0, 0xc0,
};

static int32_t
add (int32_t sum, int32_t more)
{
  return (int32_t)CLAMP ((int64_t)sum + more, -INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX);
}

/* The entry that movement goes to: the newest, if it is movement only; where there is no room for another one, any. */
static HidEvent *
moving (Hid *hid)
{
  HidEvent *newest = hid_newest (hid);
  const uint8_t before = hid->n > 1 ? hid->ring[(hid->first + hid->n - 2) % HID_MOST].buttons : hid->buttons;

  if (newest != NULL && (newest->buttons == before || hid->n >= HID_FREE))
    return newest;
  newest = hid_push (hid);
  newest->buttons = hid->next_buttons;
  newest->x = hid->kind == &hid_tablet ? hid->x : 0;
  newest->y = hid->kind == &hid_tablet ? hid->y : 0;
  return newest;
}

static void
on_button (Hid *hid, unsigned code, gboolean down)
{
  /* HID's order: left, right, middle; evdev's is the same from BTN_LEFT on. */
  const uint8_t bit = (uint8_t)(1u << (code - BTN_LEFT));
  HidEvent *event;

  hid->next_buttons = down ? hid->next_buttons | bit : hid->next_buttons & (uint8_t)~bit;
  event = hid_push (hid);
  if (event == NULL) /* what matters is how it ends */
    {
      hid_newest (hid)->buttons = hid->next_buttons;
      return;
    }
  event->buttons = hid->next_buttons;
  event->x = hid->kind == &hid_tablet ? hid->x : 0;
  event->y = hid->kind == &hid_tablet ? hid->y : 0;
}

static void
pointer_event (Hid *hid, const InputEvent *event)
{
  HidEvent *entry;

  switch (event->type)
    {
    case INPUT_EVENT_BUTTON:
      if (event->code >= BTN_LEFT && event->code < BTN_LEFT + N_BUTTONS)
        on_button (hid, event->code, event->value != 0);
      break;
    case INPUT_EVENT_ABSOLUTE:
      hid->x = CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX);
      hid->y = CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX);
      entry = moving (hid);
      entry->x = hid->x;
      entry->y = hid->y;
      break;
    case INPUT_EVENT_RELATIVE:
      entry = moving (hid);
      entry->x = add (entry->x, event->x);
      entry->y = add (entry->y, event->y);
      break;
    case INPUT_EVENT_WHEEL:
      entry = moving (hid);
      entry->wheel = add (entry->wheel, event->y);
      entry->side = add (entry->side, event->x);
      break;
    default:
      break;
    }
}

/* A piece of what is still to be told. */
static uint8_t
take (int32_t *value)
{
  const int32_t piece = CLAMP (*value, -127, 127);

  *value -= piece;
  return (uint8_t)piece;
}

/* The wheel counts away from the person. */
static void
take_wheels (HidEvent *event, uint8_t *data)
{
  data[0] = (uint8_t)-take (&event->wheel);
  data[1] = take (&event->side);
}

static unsigned
mouse_report (Hid *hid, HidEvent *event, uint8_t *data, gboolean *last)
{
  HidEvent none = { .buttons = hid->buttons };

  if (event == NULL)
    event = &none;
  hid->buttons = event->buttons;
  data[0] = event->buttons;
  data[1] = take (&event->x);
  data[2] = take (&event->y);
  if (hid->protocol == HID_PROTOCOL_BOOT)
    {
      data[0] &= 7;
      event->wheel = event->side = 0;
    }
  else
    take_wheels (event, data + 3);
  *last = event->x == 0 && event->y == 0 && event->wheel == 0 && event->side == 0;
  return hid->protocol == HID_PROTOCOL_BOOT ? 3 : 5;
}

static unsigned
tablet_report (Hid *hid, HidEvent *event, uint8_t *data, gboolean *last)
{
  HidEvent now = { .buttons = hid->buttons, .x = hid->x, .y = hid->y };

  if (event == NULL)
    event = &now;
  hid->buttons = event->buttons;
  data[0] = event->buttons;
  data[1] = (uint8_t)event->x;
  data[2] = (uint8_t)(event->x >> 8);
  data[3] = (uint8_t)event->y;
  data[4] = (uint8_t)(event->y >> 8);
  take_wheels (event, data + 5);
  *last = event->wheel == 0 && event->side == 0;
  return 7;
}

static void
pointer_forget (Hid *hid)
{
}

const HidKind hid_mouse = {
  .descriptor = mouse_descriptor,
  .descriptor_length = HID_MOUSE_DESCRIPTOR,
  .sink = INPUT_SINK_RELATIVE,
  .event = pointer_event,
  .report = mouse_report,
  .forget = pointer_forget,
};
const HidKind hid_tablet = {
  .descriptor = tablet_descriptor,
  .descriptor_length = HID_TABLET_DESCRIPTOR,
  .sink = INPUT_SINK_ABSOLUTE,
  .event = pointer_event,
  .report = tablet_report,
  .forget = pointer_forget,
};

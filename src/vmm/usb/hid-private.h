/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to the HID devices: what keyboard and pointers have in common.
 */
#pragma once

#include "usb/hid.h"

G_BEGIN_DECLS

#define HID_MOST       64u            /* events that wait */
#define HID_FREE       (HID_MOST / 2) /* of which the second half is for the end of what is held */
#define HID_REPORT_MAX 8u
#define HID_KEYS       6u /* of a boot keyboard's report */
#define HID_HELD       32u

/* Bytes of the descriptors of reports. */
#define HID_KEYBOARD_DESCRIPTOR 65
#define HID_MOUSE_DESCRIPTOR    61
#define HID_TABLET_DESCRIPTOR   70

/* HID 7.2 */
enum
{
  HID_PROTOCOL_BOOT = 0,
  HID_PROTOCOL_REPORT = 1,
};

typedef struct
{
  int32_t x, y, wheel, side; /* a position, or movement to be told; router's directions */
  uint8_t buttons;           /* a keyboard's: 1 down, and the usage in x */
} HidEvent;

typedef struct Hid Hid;

/* What differs by the kind. */
typedef struct
{
  const uint8_t *descriptor;
  uint8_t descriptor_length;
  InputSinkKind sink;
  /* The router's event becomes entries of the ring. */
  void (*event) (Hid *hid, const InputEvent *event);
  /* The first entry of the ring (NULL: none, as things stand) becomes a report; its length.  TRUE in `*last`: the entry is used up. */
  unsigned (*report) (Hid *hid, HidEvent *event, uint8_t *data, gboolean *last);
  /* Nothing is held any more. */
  void (*forget) (Hid *hid);
} HidKind;

struct Hid
{
  UsbDevice usb;
  const HidKind *kind;
  InputRouter *router;
  InputSink sink;

  HidEvent ring[HID_MOST]; /* in no file, like all input that is on its way */
  unsigned first, n;
  gboolean was_full, loaded;

  uint8_t protocol, idle, leds;
  uint8_t buttons;        /* as the guest was told */
  uint8_t next_buttons;   /* behind all that waits */
  int32_t x, y;           /* a tablet's, behind all that waits */
  uint8_t modifiers;      /* a keyboard's, as the guest was told, as all below */
  uint8_t held[HID_HELD]; /* usages in the order of presses; 0: none */
};

extern const HidKind hid_keyboard, hid_mouse, hid_tablet;

/* The newest entry; NULL: none waits. */
static inline HidEvent *
hid_newest (Hid *hid)
{
  return hid->n > 0 ? &hid->ring[(hid->first + hid->n - 1) % HID_MOST] : NULL;
}
/* A further one; NULL: there is no room. */
static inline HidEvent *
hid_push (Hid *hid)
{
  if (hid->n == HID_MOST)
    return NULL;
  hid->n++;
  *hid_newest (hid) = (HidEvent){ 0 };
  return hid_newest (hid);
}

G_END_DECLS

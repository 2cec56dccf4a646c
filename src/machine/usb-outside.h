/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices of this computer, as its kernel lists them: for who lets a person choose one (application, vivctl), and for who opens it (a machine's broker).
 *
 * A device is named "VENDOR:PRODUCT[:SERIAL]", four hexadecimal digits each.  VIVARIUM_USB_ROOT in the environment is another root than "/", for tests.
 *
 * Any thread; no GIO (the broker has none).
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define USB_OUTSIDE_RULES "/etc/udev/rules.d/70-vivarium-usb.rules"

typedef struct
{
  unsigned bus, address;
  uint16_t vendor, product;
  char *serial;     /* NULL: it has none */
  char *name;       /* maker and product, for a person; never empty */
  char *drivers;    /* of this computer's kernel, "usbhid, snd-usb-audio"; NULL: none */
  char *node;       /* its path */
  gboolean allowed; /* the user may open it */
} UsbOutside;

/* UsbOutside *; hubs are left out.  By bus and address. */
GPtrArray *usb_outside_list (void);
/* What a definition calls it; with its serial number if it has one. */
char *usb_outside_id (const UsbOutside *usb);
/* Whether `host` names it. */
gboolean usb_outside_is (const UsbOutside *usb, const char *host);
/* That such a name is one. */
gboolean usb_outside_check (const char *host);
/* What it is used for now, in a few words ("keyboard, mouse or other input"); NULL: for nothing that is known. */
const char *usb_outside_use (const UsbOutside *usb);

/* An errno, or 0 and the node of the first device of that name, close-on-exec.  ENODEV: it isn't plugged in; EACCES: the user may not open it. */
int usb_outside_open (const char *host, int *fd);
/* A line for udev that gives the device to who sits at this computer, and what to do with it. */
char *usb_outside_rule (const char *host);
char *usb_outside_advice (const char *host);
/* A sentence for a person on what usb_outside_open() said. */
char *usb_outside_explain (const char *host, int code);

G_END_DECLS

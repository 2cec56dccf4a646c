/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB of a board: the controller in a slot of bus 0, and devices in its ports, in the order in which they are made.
 */
#define G_LOG_DOMAIN "board"

#include "board/usb.h"

#include "chipset/i440fx.h"
#include "machine/start-blame.h"
#include "usb/hid.h"
#include "usb/xhci.h"

#include <gio/gio.h>

gboolean
board_build_usb (Board *board, const MachineDevice *usb, GError **error)
{
  const unsigned slot = board_take_slot (board, usb->id, error);

  if (slot == 0)
    return FALSE;
  board->functions[slot]
      = xhci_new (board->vm, usb->id, i440fx_bus (board->i440fx), PCI_DEVFN (slot, 0), error);
  board->usb = board->functions[slot];
  return board->usb != NULL;
}

/* The first port that is free; NULL: none is. */
static UsbPort *
free_port (Board *board)
{
  UsbPort *port;

  for (unsigned i = 0; (port = xhci_port (board->usb, i)) != NULL; i++)
    if (port->device == NULL)
      return port;
  return NULL;
}

static gboolean
plug (Board *board, UsbDevice *device, GError **error)
{
  UsbPort *port = free_port (board);

  if (port != NULL)
    return usb_port_attach (port, device, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
               "%s: the USB controller has no port left; take a device away", device->device.id);
  return FALSE;
}

/* `key` says where the device is to be; `automatic`: on USB, if there is some. */
static gboolean
build_one (Board *board, const MachineDevice *input, const char *key, gboolean automatic, UsbHidKind kind,
           GError **error)
{
  const char *wanted = machine_device_text (input, key);
  const gboolean asked = g_strcmp0 (wanted, "usb") == 0;
  UsbDevice *device;

  if (!asked && !(automatic && board->usb != NULL && g_strcmp0 (wanted, "auto") == 0))
    return TRUE;
  if (board->usb == NULL)
    {
      viv_start_blame (input->id, key);
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                   "%s.%s is usb, but the machine has no USB controller; add one (usb0) or choose another",
                   input->id, key);
      return FALSE;
    }
  device = usb_hid_new (board->vm,
                        kind == USB_HID_KEYBOARD ? "usb-keyboard"
                        : kind == USB_HID_TABLET ? "usb-tablet"
                                                 : "usb-mouse",
                        kind, board->router, error);
  return device != NULL && plug (board, device, error);
}

gboolean
board_build_usb_input (Board *board, const MachineDevice *input, GError **error)
{
  const gboolean absolute = machine_device_flag (input, "absolute-pointer");

  return build_one (board, input, "keyboard", FALSE, USB_HID_KEYBOARD, error)
         && build_one (board, input, "pointer", absolute, absolute ? USB_HID_TABLET : USB_HID_MOUSE, error);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB of a board: the controller in a slot of bus 0, and devices in its ports, in the order in which they are made.
 */
#define G_LOG_DOMAIN "board"

#include "board/usb.h"

#include "chipset/i440fx.h"
#include "machine/start-blame.h"
#include "usb/ehci.h"
#include "usb/hid.h"
#include "usb/uhci.h"
#include "usb/xhci.h"

#include <gio/gio.h>

/* -- Controllers ------------------------------------------------------------------------------------------ */

static Device *
make_xhci (Vm *vm, const char *id, PciBus *bus, unsigned slot, GError **error)
{
  return xhci_new (vm, id, bus, PCI_DEVFN (slot, 0), error);
}

static Device *
make_uhci (Vm *vm, const char *id, PciBus *bus, unsigned slot, GError **error)
{
  return uhci_new (vm, id, bus, PCI_DEVFN (slot, 0), UHCI_PIIX3, error);
}

/* Four functions of one slot, as in the 82801I. */
static Device *
make_ehci (Vm *vm, const char *id, PciBus *bus, unsigned slot, GError **error)
{
  Device *companions[EHCI_N_COMPANIONS];

  for (unsigned i = 0; i < EHCI_N_COMPANIONS; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s-companion%u", id, i);

      companions[i] = uhci_new (vm, name, bus, PCI_DEVFN (slot, i), (UhciModel)(UHCI_ICH9_1 + i), error);
      if (companions[i] == NULL)
        return NULL;
    }
  return ehci_new (vm, id, bus, PCI_DEVFN (slot, 7), companions, error);
}

static UsbPort *
free_xhci_port (Device *device)
{
  UsbPort *port;

  for (unsigned i = 0; (port = xhci_port (device, i)) != NULL; i++)
    if (port->device == NULL)
      return port;
  return NULL;
}

static UsbPort *
free_uhci_port (Device *device)
{
  UsbPort *port;

  for (unsigned i = 0; (port = uhci_port (device, i)) != NULL; i++)
    if (port->device == NULL)
      return port;
  return NULL;
}

/* By the values of usb0.model. */
static const BoardUsbModel models[] = {
  { "auto", make_xhci, free_xhci_port },
  { "xhci", make_xhci, free_xhci_port },
  { "ehci", make_ehci, ehci_free_port },
  { "uhci", make_uhci, free_uhci_port },
};

gboolean
board_build_usb (Board *board, const MachineDevice *usb, GError **error)
{
  const unsigned slot = board_take_slot (board, usb->id, error);
  const char *wanted = machine_device_text (usb, "model");

  for (unsigned i = 0; slot != 0 && i < G_N_ELEMENTS (models); i++)
    if (g_strcmp0 (models[i].name, wanted) == 0)
      {
        board->usb_model = &models[i];
        board->usb = models[i].make (board->vm, usb->id, i440fx_bus (board->i440fx), slot, error);
        board->functions[slot] = board->usb;
        return board->usb != NULL;
      }
  return FALSE;
}

/* -- Devices ---------------------------------------------------------------------------------------------- */

static gboolean
plug (Board *board, UsbDevice *device, GError **error)
{
  UsbPort *port = board->usb_model->free_port (board->usb);

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

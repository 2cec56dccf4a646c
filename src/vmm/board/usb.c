/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB of a board: the controller in a slot of bus 0, and devices in its ports, in the order in which they are made.
 */
#define G_LOG_DOMAIN "board"

#include "board/usb.h"

#include "machine/start-blame.h"
#include "usb/cdc.h"
#include "usb/ehci.h"
#include "usb/hid.h"
#include "usb/hub.h"
#include "usb/storage.h"
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
  { "auto", XHCI_N_PORTS, make_xhci, free_xhci_port },
  { "xhci", XHCI_N_PORTS, make_xhci, free_xhci_port },
  { "ehci", EHCI_N_PORTS, make_ehci, ehci_free_port },
  { "uhci", UHCI_N_PORTS, make_uhci, free_uhci_port },
};

/* The first that is free; NULL: none is. */
static UsbPort *
find_port (Board *board)
{
  UsbPort *port = board->usb_model->free_port (board->usb);

  for (guint i = 0; port == NULL && i < board->usb_hubs->len; i++)
    for (unsigned n = 0; port == NULL && n < USB_HUB_N_PORTS; n++)
      {
        UsbPort *below = usb_hub_port (g_ptr_array_index (board->usb_hubs, i), n);

        port = below->device == NULL ? below : NULL;
      }
  return port;
}

gboolean
board_usb_attach (Board *board, UsbDevice *device, GError **error)
{
  UsbPort *port = find_port (board);

  if (port != NULL)
    return usb_port_attach (port, device, error);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
               "%s: the USB controller has no port left; take a device away", device->device.id);
  return FALSE;
}

/* -- Disks -------------------------------------------------------------------------------------------------- */

static UsbDevice *
find_disk (Board *board, const char *id)
{
  for (guint i = 0; i < board->usb_disks->len; i++)
    {
      UsbDevice *device = g_ptr_array_index (board->usb_disks, i);

      if (g_str_equal (device->device.id, id))
        return device;
    }
  return NULL;
}

static void
on_tray (void *opaque)
{
  board_tray_moved (opaque, 0, 0, FALSE); /* who hears of it looks at all of them */
}

gboolean
board_usb_tray_open (Board *board, const char *id)
{
  const UsbDevice *device = find_disk (board, id);

  return device != NULL && usb_cdrom_tray_open (device);
}

gboolean
board_usb_change_media (Board *board, const char *id, Block *block, gboolean force, Block **old,
                        GError **error)
{
  UsbDevice *device = find_disk (board, id);

  return device != NULL && usb_cdrom_change_media (device, block, force, old, error);
}

gboolean
board_build_usb_disk (Board *board, MachineDrive *drive, Block *block, GError **error)
{
  g_autofree char *serial = g_strdup_printf ("VIV-%s", drive->id);
  const MachineDevice *wanted = definition_find (board->definition, drive->id);
  const gboolean uas = drive->kind != DRIVE_CDROM && wanted != NULL && machine_device_flag (wanted, "uas");
  UsbDevice *device = drive->kind == DRIVE_CDROM
                          ? usb_cdrom_new (board->vm, drive->id, block, serial, error)
                          : usb_storage_new (board->vm, drive->id, block, serial, uas, error);

  drive->usb = TRUE;
  if (device == NULL)
    return FALSE;
  if (drive->kind == DRIVE_CDROM)
    usb_cdrom_set_tray_func (device, on_tray, board);
  g_ptr_array_add (board->usb_disks, device);
  return TRUE;
}

/* -- Serial ports --------------------------------------------------------------------------------------------- */

static size_t
on_serial_room (void *opaque)
{
  return serial_port_can_write (opaque) ? serial_port_room (opaque) : 0;
}

static void
on_serial_write (void *opaque, const uint8_t *data, size_t length)
{
  serial_port_write (opaque, data, length);
}

static void
on_serial_ready (void *opaque)
{
  serial_port_ready (opaque);
}

static size_t
on_serial_receive (void *opaque, const uint8_t *data, size_t length)
{
  return usb_cdc_receive (opaque, data, length);
}

static void
on_serial_can_write (void *opaque)
{
  usb_cdc_room (opaque);
}

gboolean
board_build_usb_serial (Board *board, const MachineDevice *serial, GError **error)
{
  SerialPort *port = board->serial[serial->number];
  const UsbCdcEnd end = { on_serial_room, on_serial_write, on_serial_ready, port };
  UsbDevice *device = usb_cdc_new (board->vm, serial->id, port != NULL ? &end : NULL, error);

  if (device == NULL)
    return FALSE;
  if (port != NULL)
    {
      serial_port_connect (port, on_serial_receive, device);
      serial_port_set_room_func (port, on_serial_can_write, device);
    }
  g_ptr_array_add (board->usb_serials, device);
  return TRUE;
}

static gboolean
wants (Board *board, const char *key, const char *also)
{
  const char *text = definition_text (board->definition, key);

  return g_strcmp0 (text, "usb") == 0 || (also != NULL && g_strcmp0 (text, also) == 0);
}

static unsigned
count_hosts (Board *board)
{
  const GPtrArray *devices = board->definition->devices;
  unsigned n = 0;

  for (guint i = 0; i < devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (devices, i);

      n += g_str_equal (device->kind->name, "usb") && device->number > 0;
    }
  return n;
}

/* As many hubs as it takes for all that the definition has. */
static gboolean
add_hubs (Board *board, GError **error)
{
  const unsigned wanted = board->usb_disks->len + board->usb_serials->len + count_hosts (board)
                          + wants (board, "input.keyboard", NULL) + wants (board, "input.pointer", "auto");

  while (wanted > board->usb_model->n_ports + board->usb_hubs->len * (USB_HUB_N_PORTS - 1)
         && board->usb_hubs->len < board->usb_model->n_ports)
    {
      g_autofree char *id = g_strdup_printf ("usb-hub%u", board->usb_hubs->len);
      UsbDevice *hub = usb_hub_new (board->vm, id, error);

      if (hub == NULL || !board_usb_attach (board, hub, error))
        return FALSE;
      g_ptr_array_add (board->usb_hubs, hub);
    }
  return TRUE;
}

static gboolean
plug_disks (Board *board, GError **error)
{
  for (guint i = 0; i < board->usb_serials->len; i++)
    if (!board_usb_attach (board, g_ptr_array_index (board->usb_serials, i), error))
      return FALSE;
  for (guint i = 0; i < board->usb_disks->len; i++)
    {
      UsbDevice *device = g_ptr_array_index (board->usb_disks, i);
      const MachineDevice *wanted = definition_find (board->definition, device->device.id);

      const gboolean plugged
          = wanted != NULL && (wanted->kind->drive == DRIVE_CDROM || machine_device_flag (wanted, "plugged"));

      if (plugged && !board_usb_attach (board, device, error))
        return FALSE;
    }
  return TRUE;
}

static const UsbDevice *
find_placed (Board *board, const char *id)
{
  for (guint i = 0; i < board->usb_hosts->len; i++)
    {
      const UsbDevice *device = g_ptr_array_index (board->usb_hosts, i);

      if (g_str_equal (device->device.id, id))
        return device;
    }
  for (guint i = 0; i < board->usb_serials->len; i++)
    {
      const UsbDevice *device = g_ptr_array_index (board->usb_serials, i);

      if (g_str_equal (device->device.id, id))
        return device;
    }
  return find_disk (board, id);
}

char *
board_usb_place (Board *board, const char *id)
{
  const UsbDevice *device = find_placed (board, id);
  const gboolean held = vm_lock_held (board->vm); /* while the board is built */
  g_autofree char *path = NULL;

  if (!held)
    vm_lock (board->vm); /* guests hand ports from one controller to the other */
  path = device != NULL ? usb_device_path (device) : g_strdup ("");
  if (!held)
    vm_unlock (board->vm);
  return *path != '\0' ? g_strdup_printf ("usb %s", path) : NULL;
}

Block *
board_usb_image (Board *board, const char *id)
{
  const UsbDevice *device = find_disk (board, id);

  return device != NULL ? usb_storage_image (device) : NULL;
}

gboolean
board_usb_plug (Board *board, const char *id, gboolean plugged)
{
  UsbDevice *device = find_disk (board, id);
  g_autoptr (GError) error = NULL;

  if (device == NULL || board->usb == NULL)
    return FALSE;
  vm_lock (board->vm);
  if (!plugged)
    usb_device_detach (device);
  else if (device->port == NULL && !board_usb_attach (board, device, &error))
    g_message ("%s", error->message);
  vm_unlock (board->vm);
  return TRUE;
}

/* -- The controller of the definition ------------------------------------------------------------------------- */

gboolean
board_build_usb (Board *board, const MachineDevice *usb, GError **error)
{
  const unsigned slot = board_take_slot (board, usb->id, error);
  const char *wanted = machine_device_text (usb, "model");

  for (unsigned i = 0; slot != 0 && i < G_N_ELEMENTS (models); i++)
    if (g_strcmp0 (models[i].name, wanted) == 0)
      {
        board->usb_model = &models[i];
        board->usb = models[i].make (board->vm, usb->id, pci_root_bus (board->root), slot, error);
        board->functions[slot] = board->usb;
        return board->usb != NULL && add_hubs (board, error) && plug_disks (board, error);
      }
  return FALSE;
}

/* -- For tests ------------------------------------------------------------------------------------------------- */

#define TEST_SERIALS 25u

/* The next hub is in the last port. */
static gboolean
add_test_devices (Board *board, GError **error)
{
  UsbPort *port = board->usb_model->free_port (board->usb);
  unsigned n = 0;

  for (unsigned depth = 0; depth < USB_MAX_DEPTH; depth++)
    {
      g_autofree char *id = g_strdup_printf ("test-hub%u", depth);
      UsbDevice *hub = usb_hub_new (board->vm, id, error);
      const unsigned last = depth + 1 < USB_MAX_DEPTH ? USB_HUB_N_PORTS - 1 : USB_HUB_N_PORTS;

      if (hub == NULL || port == NULL || !usb_port_attach (port, hub, error))
        return FALSE;
      for (unsigned i = 0; i < last && n < TEST_SERIALS; i++, n++)
        {
          g_autofree char *name = g_strdup_printf ("test-serial%u", n);
          UsbDevice *device = usb_cdc_new (board->vm, name, NULL, error);

          if (device == NULL || !usb_port_attach (usb_hub_port (hub, i), device, error))
            return FALSE;
        }
      port = usb_hub_port (hub, last);
    }
  return TRUE;
}

gboolean
board_add_test_usb (Board *board, GError **error)
{
  gboolean ok = FALSE;

  if (board->usb == NULL)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                           "--test-usb goes with a machine that has usb0");
      return FALSE;
    }
  vm_lock (board->vm);
  ok = add_test_devices (board, error);
  vm_unlock (board->vm);
  return ok;
}

/* -- Devices ---------------------------------------------------------------------------------------------- */

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
  return device != NULL && board_usb_attach (board, device, error);
}

gboolean
board_build_usb_input (Board *board, const MachineDevice *input, GError **error)
{
  const gboolean absolute = machine_device_flag (input, "absolute-pointer");

  if (board->usb == NULL && board->usb_disks->len + board->usb_serials->len > 0)
    {
      const UsbDevice *disk
          = g_ptr_array_index (board->usb_disks->len > 0 ? board->usb_disks : board->usb_serials, 0);

      viv_start_blame (disk->device.id, "bus");
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
          "%s.bus is usb, but the machine has no USB controller; add one (usb0) or choose another bus",
          disk->device.id);
      return FALSE;
    }
  return build_one (board, input, "keyboard", FALSE, USB_HID_KEYBOARD, error)
         && build_one (board, input, "pointer", absolute, absolute ? USB_HID_TABLET : USB_HID_MOUSE, error);
}

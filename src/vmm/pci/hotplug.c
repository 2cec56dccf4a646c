/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Plugging and unplugging.  See hotplug.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/hotplug.h"
#include "pci/pci-private.h"
#include "pci/quiet.h"
#include "pci/root-port.h"

#include <gio/gio.h>

void
pci_root_add_class (PciRoot *root, const DeviceClass *klass)
{
  g_ptr_array_add (root->classes, (gpointer)klass);
}

static const DeviceClass *
find_class (PciRoot *root, const char *name)
{
  for (unsigned i = 0; i < root->classes->len; i++)
    {
      const DeviceClass *klass = g_ptr_array_index (root->classes, i);

      if (g_str_equal (klass->name, name))
        return klass;
    }
  return NULL;
}

static Device *
find_device (Vm *vm, const char *id)
{
  for (unsigned i = 0; i < vm->devices->len; i++)
    {
      Device *device = g_ptr_array_index (vm->devices, i);

      if (g_str_equal (device->id, id))
        return device;
    }
  return NULL;
}

static gboolean
is_port (PciRoot *root, const Device *device)
{
  const PciDevice *pci = (const PciDevice *)device;

  return device->klass == &pci_root_port_class && pci->bus != NULL && pci->bus->root == root;
}

/* The port with this id, or the first that is empty; else says why not. */
static Device *
find_port (PciRoot *root, const char *id, GError **error)
{
  Device *found = NULL;
  gboolean any = FALSE;

  for (unsigned i = 0; i < root->vm->devices->len && found == NULL; i++)
    {
      Device *device = g_ptr_array_index (root->vm->devices, i);

      if (!is_port (root, device) || (id != NULL && !g_str_equal (device->id, id)))
        continue;
      any = TRUE;
      if (pci_root_port_occupant (device) == NULL)
        found = device;
    }
  if (found == NULL && id != NULL)
    g_set_error (error, G_IO_ERROR, any ? G_IO_ERROR_EXISTS : G_IO_ERROR_NOT_FOUND,
                 any ? "The slot %s is taken: remove its device first" : "This machine has no slot %s", id);
  else if (found == NULL)
    g_set_error_literal (error, G_IO_ERROR, any ? G_IO_ERROR_NO_SPACE : G_IO_ERROR_NOT_SUPPORTED,
                         any ? "All slots are taken: remove a device first"
                             : "This machine has no slots for devices while it runs: stop it first");
  return found;
}

gboolean
pci_plug_prepared (PciRoot *root, const char *class_name, const char *port_id, const char *id,
                   PciPrepare prepare, void *opaque, GError **error)
{
  Vm *vm = root->vm;
  const DeviceClass *klass = find_class (root, class_name);
  Device *port = NULL, *device;
  PciDevice *pci;
  gboolean ok;

  vm_lock (vm);
  if (klass == NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "This machine can't take a device of the kind %s",
                 class_name);
  else if (find_device (vm, id) != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS, "There is a device %s already", id);
  else
    port = find_port (root, port_id, error);
  if (port == NULL)
    {
      vm_unlock (vm);
      return FALSE;
    }

  address_space_begin (vm->memory);
  address_space_begin (vm->ports);
  device = device_new (vm, klass, id);
  pci = (PciDevice *)device;
  pci->bus = pci_root_port_bus (port);
  pci->devfn = 0;
  ok = (prepare == NULL || prepare (device, opaque, error)) && device_realize (device, error);
  if (!ok)
    {
      pci_device_exit (pci);
      device_free (device);
    }
  else
    {
      if (klass->reset != NULL)
        klass->reset (device);
      if (klass->pause != NULL && !vm_clock_running (vm->clock))
        klass->pause (device);
      pci_root_port_plugged (port);
    }
  address_space_commit (vm->ports);
  address_space_commit (vm->memory);
  vm_unlock (vm);
  return ok;
}

static gboolean
set_properties (Device *device, void *opaque, GError **error)
{
  gboolean ok = TRUE;

  for (const char *const *p = opaque; ok && p != NULL && p[0] != NULL; p += 2)
    ok = device_set_property (device, p[0], p[1], error);
  return ok;
}

gboolean
pci_plug (PciRoot *root, const char *klass, const char *port, const char *id, const char *const *properties,
          GError **error)
{
  return pci_plug_prepared (root, klass, port, id, set_properties, (void *)properties, error);
}

/* -- Unplugging ------------------------------------------------------------------------------------- */

gboolean
pci_unplug (PciRoot *root, const char *id, PciUnplug how, PciUnplugged done, void *opaque, GError **error)
{
  Vm *vm = root->vm;
  Device *device, *port = NULL;
  PciUnplugRequest *request;
  gboolean ok = TRUE;

  vm_lock (vm);
  device = find_device (vm, id);
  for (unsigned i = 0; i < vm->devices->len && port == NULL; i++)
    {
      Device *candidate = g_ptr_array_index (vm->devices, i);

      if (is_port (root, candidate) && device != NULL
          && pci_root_port_occupant (candidate) == (PciDevice *)device)
        port = candidate;
    }
  if (port == NULL)
    {
      /* Only a device that leaves, or is reset, is held. */
      if (device != NULL && device->held)
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING, "%s is being removed already", id);
      else
        g_set_error (error, G_IO_ERROR, device != NULL ? G_IO_ERROR_NOT_SUPPORTED : G_IO_ERROR_NOT_FOUND,
                     device != NULL ? "%s can't be removed while the machine runs: stop it first"
                                    : "There is no device %s",
                     id);
      vm_unlock (vm);
      return FALSE;
    }

  request = pci_unplug_request_new (vm, id, done, opaque);
  if (how == PCI_UNPLUG_FORCE)
    pci_root_port_pull (port, request);
  else if (!pci_root_port_ask (port, request))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PENDING,
                   "The guest has been asked to let go of %s already; remove it by force if it doesn't", id);
      pci_unplug_request_free (request);
      ok = FALSE;
    }
  vm_unlock (vm);
  return ok;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Who waits for a device to be gone.  See unplug.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/unplug.h"
#include "pci/quiet.h"

#include <gio/gio.h>

struct PciUnplugRequest
{
  Vm *vm;
  char *id;
  PciUnplugged done;
  void *opaque;
  PciUnplugRequest *next;
};

PciUnplugRequest *
pci_unplug_request_new (Vm *vm, const char *id, PciUnplugged done, void *opaque)
{
  PciUnplugRequest *request = g_new0 (PciUnplugRequest, 1);

  *request = (PciUnplugRequest){ .vm = vm, .id = g_strdup (id), .done = done, .opaque = opaque };
  return request;
}

void
pci_unplug_request_free (PciUnplugRequest *request)
{
  g_free (request->id);
  g_free (request);
}

PciUnplugRequest *
pci_unplug_request_join (PciUnplugRequest *request, PciUnplugRequest *other)
{
  PciUnplugRequest *last = request;

  while (last->next != NULL)
    last = last->next;
  last->next = other;
  return request;
}

void
pci_unplug_request_end (PciUnplugRequest *request, gboolean gone)
{
  while (request != NULL)
    {
      PciUnplugRequest *next = request->next;
      g_autoptr (GError) error
          = gone ? NULL
                 : g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED,
                                "The machine ended before its guest had let go of %s", request->id);

      if (request->done != NULL)
        request->done (request->vm, request->id, error, request->opaque);
      pci_unplug_request_free (request);
      request = next;
    }
}

static void
on_quiet (PciDevice *pci, void *opaque)
{
  device_free (&pci->device);
}

static void
after_quiet (void *opaque, gboolean quiet)
{
  pci_unplug_request_end (opaque, quiet);
}

void
pci_unplug_request_start (PciRoot *root, PciDevice *pci, PciUnplugRequest *request)
{
  pci_device_quiet (root, pci, on_quiet, after_quiet, request);
}

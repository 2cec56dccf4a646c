/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The port by which a guest plugs and unplugs the PCI function for tests.  See pci-test.h.
 */
#define G_LOG_DOMAIN "pci-test"

#include "chipset/common.h"
#include "chipset/pci-test.h"

#define DEVICE_ID "pcitest"

typedef struct
{
  Device device;
  PciRoot *root;
  Mapping *mapping;
  uint32_t order; /* 0: none is under way */
  uint32_t carried_out;
  GSource *source; /* an order that the device loop has not come to yet */
} PciTestPort;

static const StateField port_state[] = {
  STATE_U32 (PciTestPort, carried_out),
  STATE_END,
};

static gboolean
present (const PciTestPort *port)
{
  const Vm *vm = port->device.vm;

  for (unsigned i = 0; i < vm->devices->len; i++)
    if (g_str_equal (((const Device *)g_ptr_array_index (vm->devices, i))->id, DEVICE_ID))
      return TRUE;
  return FALSE;
}

static void
carried_out (PciTestPort *port)
{
  vm_lock (port->device.vm);
  port->order = 0;
  port->carried_out++;
  vm_unlock (port->device.vm);
}

static void
on_unplugged (Vm *vm, const char *id, const GError *error, void *opaque)
{
  if (error == NULL)
    carried_out (opaque);
}

static gboolean
on_order (gpointer data)
{
  PciTestPort *port = data;
  g_autoptr (GError) error = NULL;
  uint32_t order;
  gboolean ok;

  vm_lock (port->device.vm);
  order = port->order;
  g_clear_pointer (&port->source, g_source_unref);
  vm_unlock (port->device.vm);
  if (order == PCI_TEST_PORT_PLUG)
    ok = pci_plug (port->root, pci_test_class.name, NULL, DEVICE_ID, NULL, &error);
  else
    ok = pci_unplug (port->root, DEVICE_ID, order == PCI_TEST_PORT_FORCE ? PCI_UNPLUG_FORCE : PCI_UNPLUG_ASK,
                     on_unplugged, port, &error);
  if (!ok)
    g_message ("order %u: %s", order, error->message);
  if (!ok || order == PCI_TEST_PORT_PLUG)
    carried_out (port);
  return G_SOURCE_REMOVE;
}

static void
port_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  PciTestPort *port = opaque;

  if (port->order != 0 || value == 0 || value > PCI_TEST_PORT_FORCE)
    return;
  port->order = (uint32_t)value;
  port->source = g_idle_source_new ();
  g_source_set_priority (port->source, G_PRIORITY_DEFAULT);
  g_source_set_callback (port->source, on_order, port, NULL);
  g_source_attach (port->source, port->device.vm->context);
}

static uint64_t
port_read (void *opaque, uint64_t addr, unsigned size)
{
  const PciTestPort *port = opaque;

  return (present (port) ? 1u : 0) | (port->order != 0 ? 2u : 0) | port->carried_out << 8;
}

/* An order that nobody has begun would be in no saved state. */
static gboolean
port_drained (Device *device)
{
  return ((PciTestPort *)device)->source == NULL;
}

static const IoOps port_ops = { .read = port_read, .write = port_write, .impl_min = 4, .impl_max = 4 };

static gboolean
port_realize (Device *device, GError **error)
{
  PciTestPort *port = (PciTestPort *)device;

  port->mapping = chipset_map_io (device->vm->ports, "pci-test-port", PCI_TEST_PORT, 4, &port_ops, port);
  return TRUE;
}

static void
port_unrealize (Device *device)
{
  PciTestPort *port = (PciTestPort *)device;

  g_clear_pointer (&port->mapping, mapping_remove);
  if (port->source != NULL)
    {
      g_source_destroy (port->source);
      g_clear_pointer (&port->source, g_source_unref);
    }
}

static const DeviceClass port_class = {
  .name = "pci-test-port",
  .instance_size = sizeof (PciTestPort),
  .state = port_state,
  .realize = port_realize,
  .drained = port_drained,
  .unrealize = port_unrealize,
};

Device *
pci_test_port_new (Vm *vm, PciRoot *root, GError **error)
{
  PciTestPort *port = device_new (vm, &port_class, "pci-test-port");

  port->root = root;
  return chipset_realize (port, error);
}

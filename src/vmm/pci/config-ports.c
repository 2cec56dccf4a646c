/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See config-ports.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/config-ports.h"

enum
{
  CONFIG_ADDRESS = 0,
  RESET_CONTROL = 1,
  CONFIG_DATA = 4,
};
#define CONFIG_ENABLE (1u << 31)
/* They win over an I/O BAR that was put on them. */
#define PRIORITY_CONFIG 10

static unsigned
config_offset (const PciConfigPorts *ports, uint64_t addr)
{
  return (*ports->address & 0xfc) + (unsigned)(addr - CONFIG_DATA);
}

static gboolean
config_selects (const PciConfigPorts *ports)
{
  return (*ports->address & CONFIG_ENABLE) != 0;
}

static uint64_t
ports_read (void *opaque, uint64_t addr, unsigned size)
{
  PciConfigPorts *ports = opaque;

  if (addr >= CONFIG_DATA)
    return config_selects (ports)
               ? pci_root_config_read (ports->root, *ports->address >> 16 & 0xff, *ports->address >> 8 & 0xff,
                                       config_offset (ports, addr), size)
               : G_MAXUINT32;
  if (addr == CONFIG_ADDRESS && size == 4)
    return *ports->address;
  if (addr == RESET_CONTROL && size == 1 && ports->reset_ops != NULL)
    return ports->reset_ops->read (ports->reset_opaque, 0, 1);
  return G_MAXUINT32;
}

static void
ports_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  PciConfigPorts *ports = opaque;

  if (addr >= CONFIG_DATA)
    {
      if (config_selects (ports))
        pci_root_config_write (ports->root, *ports->address >> 16 & 0xff, *ports->address >> 8 & 0xff,
                               config_offset (ports, addr), (uint32_t)value, size);
    }
  else if (addr == CONFIG_ADDRESS && size == 4)
    {
      *ports->address = (uint32_t)value & PCI_CONFIG_ADDRESS_BITS;
    }
  else if (addr == RESET_CONTROL && size == 1 && ports->reset_ops != NULL)
    {
      ports->reset_ops->write (ports->reset_opaque, 0, value, 1);
    }
}

static const IoOps ports_ops = { .read = ports_read, .write = ports_write, .impl_min = 1, .impl_max = 4 };

void
pci_config_ports_init (PciConfigPorts *ports, Vm *vm, PciRoot *root, uint32_t *address)
{
  g_autoptr (Region) region = region_new_io ("pci-config", PCI_CONFIG_N_PORTS, &ports_ops, ports);

  ports->root = root;
  ports->address = address;
  ports->mapping
      = address_space_map (vm->ports, region, PCI_CONFIG_PORT, 0, PCI_CONFIG_N_PORTS, PRIORITY_CONFIG);
}

void
pci_config_ports_exit (PciConfigPorts *ports)
{
  g_clear_pointer (&ports->mapping, mapping_remove);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The tree of buses: who gets a configuration cycle, and on which wire an interrupt arrives.  PCI Local Bus Specification 3.0, 2.2.6;
 * PCI-to-PCI Bridge Architecture Specification 1.2, 3.1.2 and 9.1; PCI Express Base Specification, 7.2.2 (ECAM).
 */
#define G_LOG_DOMAIN "pci"

#include "pci/bridge.h"
#include "pci/pci-private.h"
#include "pci/quiet.h"

#define ECAM_BUS_SHIFT   20
#define ECAM_DEVFN_SHIFT 12

/* -- Buses ---------------------------------------------------------------------------------------- */

PciBus *
pci_bus_new (PciRoot *root, PciDevice *parent)
{
  PciBus *bus = g_new0 (PciBus, 1);

  bus->root = root;
  bus->parent = parent;
  bus->present = g_ptr_array_new ();
  return bus;
}

void
pci_bus_free (PciBus *bus)
{
  if (bus == NULL)
    return;
  for (unsigned i = 0; i < bus->present->len; i++)
    ((PciDevice *)g_ptr_array_index (bus->present, i))->bus = NULL;
  g_ptr_array_unref (bus->present);
  g_free (bus);
}

PciRoot *
pci_root_new (Vm *vm, PciIntxFunc intx, PciSwizzleFunc swizzle, void *opaque)
{
  PciRoot *root = g_new0 (PciRoot, 1);

  root->vm = vm;
  root->intx = intx;
  root->swizzle = swizzle;
  root->opaque = opaque;
  root->classes = g_ptr_array_new ();
  root->bus = pci_bus_new (root, NULL);
  g_mutex_init (&root->intx_lock);
  pci_quiet_attach (root);
  return root;
}

void
pci_root_free (PciRoot *root)
{
  if (root == NULL)
    return;
  pci_quiet_detach (root);
  pci_bus_free (root->bus);
  g_ptr_array_unref (root->classes);
  g_mutex_clear (&root->intx_lock);
  g_free (root);
}

void
pci_root_set_express (PciRoot *root)
{
  root->express = TRUE;
}

gboolean
pci_root_is_express (const PciRoot *root)
{
  return root->express;
}

PciBus *
pci_root_bus (PciRoot *root)
{
  return root->bus;
}

PciDevice *
pci_bus_parent (const PciBus *bus)
{
  return bus->parent;
}

PciRoot *
pci_bus_root (const PciBus *bus)
{
  return bus->root;
}

PciDevice *
pci_bus_device (PciBus *bus, unsigned devfn)
{
  return devfn < PCI_N_DEVFNS ? bus->functions[devfn] : NULL;
}

/* -- Configuration cycles ----------------------------------------------------------------------------- */

static uint32_t
ones (unsigned size)
{
  return size >= 4 ? G_MAXUINT32 : (1u << (8 * size)) - 1;
}

/* The function that answers on this bus. */
static PciDevice *
answering (PciBus *bus, unsigned devfn, unsigned offset, unsigned size)
{
  PciDevice *pci = bus != NULL && !bus->down ? pci_bus_device (bus, devfn) : NULL;

  if (pci == NULL || pci->off || size == 0 || size > 4 || offset >= pci->config_size
      || size > pci->config_size - offset)
    return NULL;
  return pci;
}

uint32_t
pci_bus_config_read (PciBus *bus, unsigned devfn, unsigned offset, unsigned size)
{
  PciDevice *pci = answering (bus, devfn, offset, size);

  return pci != NULL ? pci_device_config_read (pci, offset, size) & ones (size) : ones (size);
}

void
pci_bus_config_write (PciBus *bus, unsigned devfn, unsigned offset, uint32_t value, unsigned size)
{
  PciDevice *pci = answering (bus, devfn, offset, size);

  if (pci != NULL)
    pci_device_config_write (pci, offset, value, size);
}

/* A bridge takes what is for its secondary bus to its subordinate one; where two say so, the first.  Buses that nobody has numbered
 * yet are not reached: bus 0 is ours. */
static PciBus *
find_bus (PciBus *bus, unsigned number)
{
  while (number != 0 && bus != NULL && !bus->down)
    {
      PciBus *below = NULL;

      for (unsigned i = 0; i < bus->present->len && below == NULL; i++)
        {
          const PciDevice *bridge = g_ptr_array_index (bus->present, i);
          unsigned secondary;

          if (bridge->secondary == NULL || bridge->off)
            continue;
          secondary = bridge->config[PCI_SECONDARY_BUS];
          if (secondary != 0 && number >= secondary && number <= bridge->config[PCI_SUBORDINATE_BUS])
            {
              below = bridge->secondary;
              if (number == secondary)
                return below;
            }
        }
      bus = below;
    }
  return number == 0 ? bus : NULL;
}

uint32_t
pci_root_config_read (PciRoot *root, unsigned bus, unsigned devfn, unsigned offset, unsigned size)
{
  return pci_bus_config_read (find_bus (root->bus, bus), devfn, offset, size);
}

void
pci_root_config_write (PciRoot *root, unsigned bus, unsigned devfn, unsigned offset, uint32_t value,
                       unsigned size)
{
  pci_bus_config_write (find_bus (root->bus, bus), devfn, offset, value, size);
}

static uint64_t
ecam_read (void *opaque, uint64_t addr, unsigned size)
{
  return pci_root_config_read (opaque, (unsigned)(addr >> ECAM_BUS_SHIFT), addr >> ECAM_DEVFN_SHIFT & 0xff,
                               addr & 0xfff, size);
}

static void
ecam_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  pci_root_config_write (opaque, (unsigned)(addr >> ECAM_BUS_SHIFT), addr >> ECAM_DEVFN_SHIFT & 0xff,
                         addr & 0xfff, (uint32_t)value, size);
}

Region *
pci_root_ecam_region (PciRoot *root, unsigned n_buses)
{
  static const IoOps ops = { .read = ecam_read, .write = ecam_write, .impl_min = 1, .impl_max = 4 };

  g_return_val_if_fail (n_buses >= 1 && n_buses <= 256, NULL);
  return region_new_io ("ecam", (uint64_t)n_buses << ECAM_BUS_SHIFT, &ops, root);
}

/* -- Interrupt wires ------------------------------------------------------------------------------------ */

/* A bridge's pins are those of the devices behind it, turned by their number (bridge specification, 9.1). */
static unsigned
wire_of (const PciDevice *pci)
{
  unsigned pin = pci->pin - 1u, devfn = pci->devfn;
  const PciBus *bus = pci->bus;

  for (; bus->parent != NULL; bus = bus->parent->bus)
    {
      pin = ((devfn >> 3) + pin) % PCI_N_PINS;
      devfn = bus->parent->devfn;
    }
  return bus->root->swizzle != NULL ? bus->root->swizzle (bus->root->opaque, devfn, pin) % PCI_N_WIRES
                                    : ((devfn >> 3) + pin) % PCI_N_PINS;
}

/* The root's lock is held.  The tree above a function stands as long as the function has a bus. */
static void
apply_intx (PciRoot *root, PciDevice *pci)
{
  gboolean level = pci->intx_level && pci->pin != 0 && !pci->intx_off;
  unsigned wire;

  if (level == pci->intx_sent)
    return;
  pci->intx_sent = level;
  /* It leaves the wire that it came by, whatever has become of the routes. */
  if (level)
    pci->intx_wire = (uint8_t)wire_of (pci);
  wire = pci->intx_wire;
  if (level ? root->asserted[wire]++ == 0 : --root->asserted[wire] == 0)
    if (root->intx != NULL)
      root->intx (root->opaque, wire, level);
}

static void
reroute (PciRoot *root, PciBus *bus)
{
  for (unsigned i = 0; i < bus->present->len; i++)
    {
      PciDevice *pci = g_ptr_array_index (bus->present, i);
      const gboolean off = pci->intx_off;

      if (pci->intx_sent && pci->intx_wire != wire_of (pci))
        {
          pci->intx_off = TRUE;
          apply_intx (root, pci);
          pci->intx_off = off;
          apply_intx (root, pci);
        }
      if (pci->secondary != NULL)
        reroute (root, pci->secondary);
    }
}

void
pci_root_reroute (PciRoot *root)
{
  g_mutex_lock (&root->intx_lock);
  reroute (root, root->bus);
  g_mutex_unlock (&root->intx_lock);
}

void
pci_device_update_intx (PciDevice *pci, gboolean off)
{
  PciRoot *root = pci->bus->root;

  g_mutex_lock (&root->intx_lock);
  pci->intx_off = off;
  apply_intx (root, pci);
  g_mutex_unlock (&root->intx_lock);
}

void
pci_device_intx (PciDevice *pci, gboolean level)
{
  PciBus *bus = __atomic_load_n (&pci->bus, __ATOMIC_ACQUIRE);

  if (bus == NULL)
    return;
  g_mutex_lock (&bus->root->intx_lock);
  /* Read by configuration cycles and by who saves. */
  __atomic_store_n (&pci->intx_level, level != FALSE, __ATOMIC_RELAXED);
  if (pci->bus != NULL)
    apply_intx (bus->root, pci);
  g_mutex_unlock (&bus->root->intx_lock);
}

gboolean
pci_root_intx_level (PciRoot *root, unsigned wire)
{
  gboolean level;

  g_mutex_lock (&root->intx_lock);
  level = root->asserted[wire % PCI_N_WIRES] != 0;
  g_mutex_unlock (&root->intx_lock);
  return level;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Bridges.  See bridge.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/bridge.h"
#include "pci/pci-private.h"
#include "pci/quiet.h"

#include <string.h>

enum
{
  HEADER_BRIDGE = 1,
  PREFETCH_64BIT = 1,
};

typedef enum
{
  WINDOW_IO,
  WINDOW_MEMORY,
  WINDOW_PREFETCH,
} WindowKind;

void
pci_bridge_init (PciDevice *pci)
{
  uint8_t *mask = pci->write_mask;

  pci->config[PCI_HEADER_TYPE] = HEADER_BRIDGE;
  /* Type 0's subsystem and ROM lie elsewhere here. */
  memset (pci->config + PCI_SUBSYSTEM_VENDOR_ID, 0, 4);
  memset (mask + PCI_PRIMARY_BUS, 0xff, 3);
  mask[PCI_IO_BASE] = mask[PCI_IO_LIMIT] = 0xf0;
  pci_set16 (pci->clear_mask + PCI_SECONDARY_STATUS, 0xf900);
  pci_set16 (mask + PCI_MEMORY_BASE, 0xfff0);
  pci_set16 (mask + PCI_MEMORY_LIMIT, 0xfff0);
  pci_set16 (mask + PCI_PREFETCH_BASE, 0xfff0);
  pci_set16 (mask + PCI_PREFETCH_LIMIT, 0xfff0);
  pci_set16 (pci->config + PCI_PREFETCH_BASE, PREFETCH_64BIT);
  pci_set16 (pci->config + PCI_PREFETCH_LIMIT, PREFETCH_64BIT);
  memset (mask + PCI_PREFETCH_BASE_HIGH, 0xff, 8);
  /* Parity and SERR; the reset of the bus behind. */
  pci_set16 (mask + PCI_BRIDGE_CONTROL, 1 << 0 | 1 << 1 | PCI_BRIDGE_CONTROL_RESET);
  memcpy (pci->reset_config, pci->config, 0x40);
  pci->secondary = pci_bus_new (pci->bus->root, pci);
}

void
pci_bridge_exit (PciDevice *pci)
{
  while (pci->secondary->present->len > 0)
    pci_device_leave (g_ptr_array_index (pci->secondary->present, 0));
  g_clear_pointer (&pci->secondary, pci_bus_free);
}

static PciWindow
window_of (const PciDevice *pci, WindowKind kind)
{
  const uint8_t *config = pci->config;
  uint16_t command = pci_get16 (config + PCI_COMMAND);
  PciWindow window = { .first = 1, .last = 0 };

  if (!pci_device_on (pci) || !(command & (kind == WINDOW_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
    return window;
  switch (kind)
    {
    case WINDOW_IO:
      window.first = (uint64_t)(config[PCI_IO_BASE] & 0xf0) << 8;
      window.last = (uint64_t)(config[PCI_IO_LIMIT] & 0xf0) << 8 | 0xfff;
      break;
    case WINDOW_MEMORY:
      window.first = (uint64_t)(pci_get16 (config + PCI_MEMORY_BASE) & 0xfff0u) << 16;
      window.last = (uint64_t)(pci_get16 (config + PCI_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff;
      break;
    default:
      window.first = (uint64_t)(pci_get16 (config + PCI_PREFETCH_BASE) & 0xfff0u) << 16
                     | (uint64_t)pci_get32 (config + PCI_PREFETCH_BASE_HIGH) << 32;
      window.last = (uint64_t)(pci_get16 (config + PCI_PREFETCH_LIMIT) & 0xfff0u) << 16 | 0xfffff
                    | (uint64_t)pci_get32 (config + PCI_PREFETCH_LIMIT_HIGH) << 32;
      break;
    }
  return window;
}

static gboolean
clip (PciWindow window, uint64_t *first, uint64_t *last)
{
  uint64_t from = MAX (window.first, *first), to = MIN (window.last, *last);

  if (window.first > window.last || from > to)
    return FALSE;
  *first = from;
  *last = to;
  return TRUE;
}

gboolean
pci_bus_clip (const PciBus *bus, gboolean io, uint64_t *first, uint64_t *last)
{
  for (; bus->parent != NULL; bus = bus->parent->bus)
    {
      const PciDevice *bridge = bus->parent;

      if (bus->down || bridge->bus == NULL)
        return FALSE;
      if (io ? !clip (window_of (bridge, WINDOW_IO), first, last)
             : !clip (window_of (bridge, WINDOW_MEMORY), first, last)
                   && !clip (window_of (bridge, WINDOW_PREFETCH), first, last))
        return FALSE;
    }
  return TRUE;
}

gboolean
pci_bus_masters (const PciBus *bus)
{
  for (; bus->parent != NULL; bus = bus->parent->bus)
    {
      const PciDevice *bridge = bus->parent;

      if (bus->down || bridge->bus == NULL || !pci_device_on (bridge)
          || !(pci_get16 (bridge->config + PCI_COMMAND) & PCI_COMMAND_MASTER))
        return FALSE;
    }
  return TRUE;
}

gboolean
pci_bridge_decodes (unsigned offset, unsigned size)
{
  return pci_touches (offset, size, PCI_IO_BASE, 2)
         || pci_touches (offset, size, PCI_MEMORY_BASE, PCI_PREFETCH_LIMIT_HIGH + 4 - PCI_MEMORY_BASE);
}

static void
reset_below (PciBus *bus)
{
  for (unsigned i = 0; i < bus->present->len; i++)
    {
      PciDevice *pci = g_ptr_array_index (bus->present, i);

      if (pci->secondary != NULL)
        reset_below (pci->secondary);
      pci_device_reset_quietly (pci);
    }
}

void
pci_bridge_written (PciDevice *pci, unsigned offset, unsigned size)
{
  if (pci_touches (offset, size, PCI_BRIDGE_CONTROL, 2)
      && (pci_get16 (pci->config + PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CONTROL_RESET))
    reset_below (pci->secondary);
}

void
pci_bridge_set_link (PciDevice *pci, gboolean up)
{
  if (pci->secondary->down == !up)
    return;
  pci->secondary->down = !up;
  if (!up)
    reset_below (pci->secondary);
  for (unsigned i = 0; i < pci->secondary->present->len; i++)
    pci_device_update (g_ptr_array_index (pci->secondary->present, i));
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PCI Express capability.  See express.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/express.h"
#include "pci/pci-private.h"
#include "pci/quiet.h"

#include <string.h>

enum
{
  VERSION = 2,
  TYPE_SHIFT = 4,

  DEVICE_CAPABILITIES = 0x04,
  ROLE_BASED_ERRORS = 1 << 15,
  FUNCTION_RESET = 1 << 28,
  DEVICE_CONTROL_DEFAULT = 0x2810, /* relaxed ordering, no snoop, reads of 512 bytes */
  DEVICE_CONTROL_RESET = 1 << 15,
  DEVICE_STATUS = 0x0a,
  LINK_CONTROL = 0x10,
  SPEED_2_5GT = 1,
  WIDTH_X1 = 1 << 4,
  SLOT_CLOCK = 1 << 12,
  DEVICE_CONTROL_2 = 0x28,
  LINK_CAPABILITIES_2 = 0x2c,
  LINK_CONTROL_2 = 0x30,
};

void
pci_express_add (PciDevice *pci, PciExpressType type)
{
  gboolean endpoint = type != PCI_EXPRESS_ROOT_PORT, link = type != PCI_EXPRESS_INTEGRATED_ENDPOINT;
  uint8_t *config, *mask;
  unsigned cap;

  g_return_if_fail (pci->express_cap == 0);
  pci->config_size = sizeof pci->config;
  cap = pci_device_add_capability (pci, PCI_CAP_EXPRESS, PCI_EXPRESS_SIZE);
  config = pci->config + cap;
  mask = pci->write_mask + cap;
  pci_set16 (config + PCI_EXPRESS_FLAGS, (uint16_t)(VERSION | type << TYPE_SHIFT));
  pci_set32 (config + DEVICE_CAPABILITIES, ROLE_BASED_ERRORS | (endpoint ? FUNCTION_RESET : 0));
  pci_set16 (config + PCI_EXPRESS_DEVICE_CONTROL, DEVICE_CONTROL_DEFAULT);
  pci_set16 (mask + PCI_EXPRESS_DEVICE_CONTROL,
             (uint16_t)(endpoint ? 0xffff : 0xffff & ~DEVICE_CONTROL_RESET));
  pci->clear_mask[cap + DEVICE_STATUS] = 0x0f;
  pci_set16 (mask + DEVICE_CONTROL_2, 0x001f);
  if (link)
    {
      pci_set32 (config + PCI_EXPRESS_LINK_CAPABILITIES, SPEED_2_5GT | WIDTH_X1);
      pci_set16 (config + PCI_EXPRESS_LINK_STATUS, SPEED_2_5GT | WIDTH_X1 | SLOT_CLOCK);
      pci_set16 (mask + LINK_CONTROL, 0x00cf);
      pci_set32 (config + LINK_CAPABILITIES_2, SPEED_2_5GT << 1);
      pci_set16 (config + LINK_CONTROL_2, SPEED_2_5GT);
    }
  memcpy (pci->reset_config + cap, config, PCI_EXPRESS_SIZE);
  pci->express_cap = (uint8_t)cap;
}

void
pci_express_add_endpoint (PciDevice *pci)
{
  if (pci_bus_parent (pci->bus) != NULL)
    pci_express_add (pci, PCI_EXPRESS_ENDPOINT);
  else if (pci_root_is_express (pci_bus_root (pci->bus)))
    pci_express_add (pci, PCI_EXPRESS_INTEGRATED_ENDPOINT);
}

/* Function level reset: PCI Express Base Specification, 6.6.2.  The bit reads as zero. */
void
pci_express_written (PciDevice *pci, unsigned offset, unsigned size)
{
  uint8_t *control;

  if (pci->express_cap == 0 || !pci_touches (offset, size, pci->express_cap + PCI_EXPRESS_DEVICE_CONTROL, 2))
    return;
  control = pci->config + pci->express_cap + PCI_EXPRESS_DEVICE_CONTROL;
  if (!(pci_get16 (control) & DEVICE_CONTROL_RESET))
    return;
  pci_set16 (control, (uint16_t)(pci_get16 (control) & ~DEVICE_CONTROL_RESET));
  pci_device_reset_quietly (pci);
}

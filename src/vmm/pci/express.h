/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The PCI Express capability, version 2.  PCI Express Base Specification, 7.5.3.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

typedef enum
{
  PCI_EXPRESS_ENDPOINT = 0,
  PCI_EXPRESS_ROOT_PORT = 4,
  PCI_EXPRESS_INTEGRATED_ENDPOINT = 9, /* on bus 0 itself */
} PciExpressType;

/* Offsets in the capability. */
enum
{
  PCI_EXPRESS_FLAGS = 0x02,
  PCI_EXPRESS_DEVICE_CONTROL = 0x08,
  PCI_EXPRESS_LINK_CAPABILITIES = 0x0c,
  PCI_EXPRESS_LINK_STATUS = 0x12,
  PCI_EXPRESS_SLOT_CAPABILITIES = 0x14,
  PCI_EXPRESS_SLOT_CONTROL = 0x18,
  PCI_EXPRESS_SLOT_STATUS = 0x1a,
  PCI_EXPRESS_ROOT_CONTROL = 0x1c,
  PCI_EXPRESS_SIZE = 0x3c,

  PCI_EXPRESS_LINK_ACTIVE = 1 << 13, /* of the link's status */
};

/* In realize; the function then has 4096 bytes of configuration space.  Endpoints get a function level reset. */
void pci_express_add (PciDevice *pci, PciExpressType type);
/* For an endpoint, by its place: on bus 0 of PCI Express it is integrated into the root complex, and on conventional PCI nothing is
 * added. */
void pci_express_add_endpoint (PciDevice *pci);

G_END_DECLS

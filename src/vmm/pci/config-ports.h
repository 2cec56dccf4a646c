/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Configuration mechanism #1: ports 0xcf8 and 0xcfc, which a host bridge has.  PCI Local Bus Specification 3.0, section 3.2.2.3.2.
 * A part of the bridge's device; the byte at 0xcf9, in the middle, is the ISA bridge's reset control.  Under the VM lock.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

#define PCI_CONFIG_PORT    0xcf8
#define PCI_CONFIG_N_PORTS 8

typedef struct
{
  PciRoot *root;
  uint32_t *address; /* the owner's, who saves it */
  const IoOps *reset_ops;
  void *reset_opaque;
  Mapping *mapping;
} PciConfigPorts;

void pci_config_ports_init (PciConfigPorts *ports, Vm *vm, PciRoot *root, uint32_t *address);
void pci_config_ports_exit (PciConfigPorts *ports);
/* Bits that the address register has, for who loads one. */
#define PCI_CONFIG_ADDRESS_BITS 0x80fffffcu

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Private to pci/: interrupt messages of a function.  What decides whether one is sent, and what it says, stands here as a copy of the
 * configuration space under a lock of its own, so that any thread may send.  The lock comes behind the VM lock and before an engine's.
 */
#pragma once

#include "pci/pci.h"

G_BEGIN_DECLS

#define PCI_MSIX_MAX   128
#define PCI_MSIX_ENTRY 16
#define PCI_MSIX_STATE (PCI_MSIX_MAX * PCI_MSIX_ENTRY + PCI_MSIX_MAX / 8)

/* The state table saves PCI_MSIX_STATE bytes from the start: table, then pending bits. */
struct PciMessages
{
  uint8_t table[PCI_MSIX_MAX * PCI_MSIX_ENTRY];
  uint8_t pending[PCI_MSIX_MAX / 8];

  GMutex lock;
  gboolean master; /* the function and the bridges above may write to memory */

  gboolean msi_enabled;
  uint64_t msi_address;
  uint16_t msi_data;
  unsigned msi_shift; /* of the number of vectors that were granted */
  uint32_t msi_mask;

  gboolean msix_enabled, function_masked;
  unsigned n_vectors, pba_offset;
  Region *region;
};

G_STATIC_ASSERT (G_STRUCT_OFFSET (PciMessages, lock) >= PCI_MSIX_STATE);

void pci_messages_init (PciDevice *pci);
void pci_messages_free (PciDevice *pci);
void pci_messages_reset (PciDevice *pci);
void pci_messages_loaded (PciDevice *pci);
void pci_messages_set_master (PciDevice *pci, gboolean master);
/* Bits that are pending, for a byte of configuration space. */
uint8_t pci_messages_byte (const PciDevice *pci, unsigned offset);
/* The lock is held. */
void pci_messages_send (PciDevice *pci, uint64_t address, uint32_t data);

/* msi.c, msix.c: copy the registers, then send what became pending behind a mask that is gone.  The lock is held. */
void pci_msi_update (PciDevice *pci);
void pci_msix_update (PciDevice *pci);

G_END_DECLS

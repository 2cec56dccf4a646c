/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What MSI and MSI-X share.  See message.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/message.h"
#include "pci/pci-private.h"

#include <string.h>

#define APIC_WINDOW      0xfee00000u
#define APIC_WINDOW_MASK (~0xfffffull)

static void
mask_all (PciMessages *messages)
{
  memset (messages->pending, 0, sizeof messages->pending);
  memset (messages->table, 0, sizeof messages->table);
  for (unsigned i = 0; i < PCI_MSIX_MAX; i++)
    messages->table[i * PCI_MSIX_ENTRY + 12] = 1;
}

void
pci_messages_init (PciDevice *pci)
{
  pci->msix = g_new0 (PciMessages, 1);
  g_mutex_init (&pci->msix->lock);
  mask_all (pci->msix);
}

void
pci_messages_free (PciDevice *pci)
{
  g_mutex_clear (&pci->msix->lock);
  g_clear_pointer (&pci->msix->region, region_unref);
  g_clear_pointer (&pci->msix, g_free);
}

static void
update (PciDevice *pci)
{
  if (pci->msi_cap != 0)
    pci_msi_update (pci);
  if (pci->msix_cap != 0)
    pci_msix_update (pci);
}

void
pci_messages_reset (PciDevice *pci)
{
  PciMessages *messages = pci->msix;

  g_mutex_lock (&messages->lock);
  mask_all (messages);
  pci->msi_pending = 0;
  update (pci);
  g_mutex_unlock (&messages->lock);
}

void
pci_messages_loaded (PciDevice *pci)
{
  PciMessages *messages = pci->msix;

  g_mutex_lock (&messages->lock);
  /* As the guest could have written them. */
  for (unsigned i = 0; i < PCI_MSIX_MAX; i++)
    {
      uint8_t *entry = messages->table + i * PCI_MSIX_ENTRY;

      entry[0] &= 0xfc;
      entry[12] &= 1;
      memset (entry + 13, 0, 3);
    }
  update (pci);
  g_mutex_unlock (&messages->lock);
}

void
pci_messages_set_master (PciDevice *pci, gboolean master)
{
  PciMessages *messages = pci->msix;

  g_mutex_lock (&messages->lock);
  messages->master = master;
  update (pci);
  g_mutex_unlock (&messages->lock);
}

void
pci_messages_written (PciDevice *pci, unsigned offset, unsigned size)
{
  PciMessages *messages = pci->msix;

  if (!(pci->msi_cap != 0 && pci_touches (offset, size, pci->msi_cap, PCI_MSI_MAX_SIZE))
      && !(pci->msix_cap != 0 && pci_touches (offset, size, pci->msix_cap, 4)))
    return;
  g_mutex_lock (&messages->lock);
  update (pci);
  g_mutex_unlock (&messages->lock);
}

/* A message is a write to memory; only the local APICs' window makes an interrupt of it. */
void
pci_messages_send (PciDevice *pci, uint64_t address, uint32_t data)
{
  Dma dma;

  if (!pci->msix->master)
    return;
  if ((address & APIC_WINDOW_MASK) == APIC_WINDOW)
    {
      vm_send_msi (pci->device.vm, address, data);
      return;
    }
  /* On whichever thread this is: none of the device's own handles. */
  dma_init (&dma, pci->device.vm->memory);
  dma_enable (&dma, TRUE);
  dma_write32 (&dma, address & ~3ull, data);
  dma_clear (&dma);
}

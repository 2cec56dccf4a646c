/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MSI-X.  See msix.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/msix.h"
#include "pci/message.h"

#include <string.h>

enum
{
  CONTROL = 2,
  TABLE = 4,
  PBA = 8,
  CAP_SIZE = 12,
  FUNCTION_MASK = 1 << 14,
  ENABLE = 1 << 15,

  ENTRY_ADDRESS_HIGH = 4,
  ENTRY_DATA = 8,
  ENTRY_CONTROL = 12,
  ENTRY_MASKED = 1 << 0,

  REGION_SIZE = 4096,
};

/* All of these with the lock held. */

static gboolean
masked (const PciMessages *messages, unsigned vector)
{
  return messages->function_masked
         || (messages->table[vector * PCI_MSIX_ENTRY + ENTRY_CONTROL] & ENTRY_MASKED);
}

static void
notify (PciDevice *pci, unsigned vector)
{
  PciMessages *messages = pci->msix;
  const uint8_t *entry = messages->table + vector * PCI_MSIX_ENTRY;
  uint8_t bit = (uint8_t)(1 << (vector % 8));

  if (masked (messages, vector))
    {
      messages->pending[vector / 8] |= bit;
      return;
    }
  messages->pending[vector / 8] &= (uint8_t)~bit;
  pci_messages_send (pci, pci_get32 (entry) | (uint64_t)pci_get32 (entry + ENTRY_ADDRESS_HIGH) << 32,
                     pci_get32 (entry + ENTRY_DATA));
}

void
pci_msix_update (PciDevice *pci)
{
  PciMessages *messages = pci->msix;
  uint16_t control = pci_get16 (pci->config + pci->msix_cap + CONTROL);

  messages->msix_enabled = (control & ENABLE) != 0;
  messages->function_masked = (control & FUNCTION_MASK) != 0;
  if (!messages->msix_enabled || !messages->master || messages->function_masked)
    return;
  for (unsigned i = 0; i < messages->n_vectors; i++)
    if ((messages->pending[i / 8] & 1 << (i % 8)) && !masked (messages, i))
      notify (pci, i);
}

void
pci_msix_notify (PciDevice *pci, unsigned vector)
{
  PciMessages *messages = pci->msix;

  g_mutex_lock (&messages->lock);
  if (messages->msix_enabled && vector < messages->n_vectors)
    notify (pci, vector);
  g_mutex_unlock (&messages->lock);
}

gboolean
pci_msix_enabled (PciDevice *pci)
{
  gboolean enabled;

  g_mutex_lock (&pci->msix->lock);
  enabled = pci->msix->msix_enabled;
  g_mutex_unlock (&pci->msix->lock);
  return enabled;
}

/* -- Registers ------------------------------------------------------------------------------------ */

static uint64_t
table_read (void *opaque, uint64_t addr, unsigned size)
{
  PciDevice *pci = opaque;
  PciMessages *messages = pci->msix;
  uint64_t value = 0;

  g_mutex_lock (&messages->lock);
  for (unsigned i = 0; i < size; i++)
    {
      uint64_t at = addr + i;
      uint8_t byte = 0;

      if (at < (uint64_t)messages->n_vectors * PCI_MSIX_ENTRY)
        byte = messages->table[at];
      else if (at >= messages->pba_offset && at - messages->pba_offset < sizeof messages->pending)
        byte = messages->pending[at - messages->pba_offset];
      value |= (uint64_t)byte << (8 * i);
    }
  g_mutex_unlock (&messages->lock);
  return value;
}

static void
table_write (void *opaque, uint64_t addr, uint64_t value, unsigned size)
{
  PciDevice *pci = opaque;
  PciMessages *messages = pci->msix;

  g_mutex_lock (&messages->lock);
  for (unsigned i = 0; i < size && addr + i < (uint64_t)messages->n_vectors * PCI_MSIX_ENTRY; i++)
    {
      unsigned in_entry = (addr + i) % PCI_MSIX_ENTRY;
      uint8_t mask = 0xff;

      if (in_entry >= ENTRY_CONTROL)
        mask = in_entry == ENTRY_CONTROL ? ENTRY_MASKED : 0;
      else if (in_entry == 0)
        mask = 0xfc;
      messages->table[addr + i] = (uint8_t)(value >> (8 * i)) & mask;
    }
  pci_msix_update (pci);
  g_mutex_unlock (&messages->lock);
}

static const IoOps table_ops = { .read = table_read, .write = table_write, .impl_min = 1, .impl_max = 8 };

void
pci_msix_add (PciDevice *pci, unsigned n_vectors, unsigned bar)
{
  PciMessages *messages = pci->msix;
  unsigned cap;

  g_return_if_fail (n_vectors >= 1 && n_vectors <= PCI_MSIX_MAX && bar < PCI_ROM_BAR && pci->msix_cap == 0);

  messages->n_vectors = n_vectors;
  messages->pba_offset = REGION_SIZE / 2;
  messages->region = region_new_io ("msix", REGION_SIZE, &table_ops, pci);
  pci_device_add_bar (pci, bar, messages->region, PCI_BAR_MEMORY32);

  cap = pci_device_add_capability (pci, PCI_CAP_MSIX, CAP_SIZE);
  pci_set16 (pci->config + cap + CONTROL, (uint16_t)(n_vectors - 1));
  pci_set16 (pci->write_mask + cap + CONTROL, ENABLE | FUNCTION_MASK);
  pci_set32 (pci->config + cap + TABLE, bar);
  pci_set32 (pci->config + cap + PBA, messages->pba_offset | bar);
  memcpy (pci->reset_config + cap, pci->config + cap, CAP_SIZE);
  pci->msix_cap = (uint8_t)cap;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MSI.  See msi.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/msi.h"
#include "pci/message.h"

#include <string.h>

enum
{
  CONTROL = 2,
  ADDRESS = 4,

  ENABLE = 1 << 0,
  CAPABLE_SHIFT = 1,
  COUNT_SHIFT = 4,
  COUNT_MASK = 7,
  IS_64BIT = 1 << 7,
  HAS_MASKS = 1 << 8,
};

static unsigned
data_offset (uint16_t control)
{
  return control & IS_64BIT ? 12 : 8;
}

static unsigned
mask_offset (uint16_t control)
{
  return data_offset (control) + 4;
}

void
pci_msi_add (PciDevice *pci, unsigned n_vectors, PciMsiFlags flags)
{
  unsigned cap, size, shift = 0;
  uint16_t control;

  g_return_if_fail (n_vectors >= 1 && n_vectors <= 32 && pci->msi_cap == 0);

  while (1u << shift < n_vectors)
    shift++;
  control = (uint16_t)(shift << CAPABLE_SHIFT | (flags & PCI_MSI_64BIT ? IS_64BIT : 0)
                       | (flags & PCI_MSI_MASKS ? HAS_MASKS : 0));
  size = control & HAS_MASKS ? mask_offset (control) + 8 : data_offset (control) + 2;
  cap = pci_device_add_capability (pci, PCI_CAP_MSI, size);
  pci_set16 (pci->config + cap + CONTROL, control);
  pci_set16 (pci->write_mask + cap + CONTROL, ENABLE | COUNT_MASK << COUNT_SHIFT);
  pci_set32 (pci->write_mask + cap + ADDRESS, 0xfffffffc);
  if (control & IS_64BIT)
    pci_set32 (pci->write_mask + cap + ADDRESS + 4, 0xffffffff);
  pci_set16 (pci->write_mask + cap + data_offset (control), 0xffff);
  if (control & HAS_MASKS)
    pci_set32 (pci->write_mask + cap + mask_offset (control), (uint32_t)((1ull << (1u << shift)) - 1));
  memcpy (pci->reset_config + cap, pci->config + cap, size);
  pci->msi_cap = (uint8_t)cap;
}

static void
send (PciDevice *pci, unsigned vector)
{
  const PciMessages *messages = pci->msix;
  uint32_t low = (1u << messages->msi_shift) - 1;

  pci_messages_send (pci, messages->msi_address, (messages->msi_data & ~low) | (vector & low));
}

void
pci_msi_update (PciDevice *pci)
{
  PciMessages *messages = pci->msix;
  const uint8_t *cap = pci->config + pci->msi_cap;
  uint16_t control = pci_get16 (cap + CONTROL);
  uint32_t due;

  messages->msi_enabled = control & ENABLE;
  /* Software may grant no more than the function asked for; what it says beyond that counts as that. */
  messages->msi_shift = MIN ((control >> COUNT_SHIFT) & COUNT_MASK, (control >> CAPABLE_SHIFT) & COUNT_MASK);
  messages->msi_shift = MIN (messages->msi_shift, 5);
  messages->msi_address = pci_get32 (cap + ADDRESS);
  if (control & IS_64BIT)
    messages->msi_address |= (uint64_t)pci_get32 (cap + ADDRESS + 4) << 32;
  messages->msi_data = pci_get16 (cap + data_offset (control));
  messages->msi_mask = control & HAS_MASKS ? pci_get32 (cap + mask_offset (control)) : 0;
  if (!messages->msi_enabled || !messages->master)
    return;
  due = pci->msi_pending & ~messages->msi_mask;
  __atomic_fetch_and (&pci->msi_pending, ~due, __ATOMIC_RELAXED);
  for (unsigned i = 0; due != 0; i++, due >>= 1)
    if (due & 1)
      send (pci, i);
}

void
pci_msi_notify (PciDevice *pci, unsigned vector)
{
  PciMessages *messages = pci->msix;

  g_mutex_lock (&messages->lock);
  if (messages->msi_enabled)
    {
      vector &= (1u << messages->msi_shift) - 1;
      if (messages->msi_mask >> vector & 1)
        __atomic_fetch_or (&pci->msi_pending, 1u << vector, __ATOMIC_RELAXED);
      else
        send (pci, vector);
    }
  g_mutex_unlock (&messages->lock);
}

gboolean
pci_msi_enabled (PciDevice *pci)
{
  gboolean enabled;

  g_mutex_lock (&pci->msix->lock);
  enabled = pci->msix->msi_enabled;
  g_mutex_unlock (&pci->msix->lock);
  return enabled;
}

uint8_t
pci_messages_byte (const PciDevice *pci, unsigned offset)
{
  uint16_t control = pci->msi_cap != 0 ? pci_get16 (pci->config + pci->msi_cap + CONTROL) : 0;
  unsigned at = pci->msi_cap + mask_offset (control) + 4;

  if (!(control & HAS_MASKS) || offset < at || offset >= at + 4)
    return 0;
  return (uint8_t)(__atomic_load_n (&pci->msi_pending, __ATOMIC_RELAXED) >> (8 * (offset - at)));
}

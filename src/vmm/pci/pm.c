/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Power management capability.  See pm.h.
 */
#define G_LOG_DOMAIN "pci"

#include "pci/pm.h"
#include "pci/pci-private.h"

#include <string.h>

enum
{
  CAPABILITIES = 2,
  CONTROL = 4,
  CAP_SIZE = 8,
  VERSION_1_2 = 3,

  STATE_MASK = 3,
  D3HOT = 3,
  NO_SOFT_RESET = 1 << 3,
  PME_ENABLE = 1 << 8,
  PME_STATUS = 1 << 15,
  PME_FROM_ALL = 1 << 11 | 1 << 14 | 1 << 15, /* D0, D3hot, D3cold */
};

void
pci_pm_add (PciDevice *pci)
{
  unsigned cap;

  g_return_if_fail (pci->pm_cap == 0);
  cap = pci_device_add_capability (pci, PCI_CAP_PM, CAP_SIZE);
  pci_set16 (pci->config + cap + CAPABILITIES, VERSION_1_2);
  pci->config[cap + CONTROL] = NO_SOFT_RESET;
  pci->write_mask[cap + CONTROL] = STATE_MASK;
  memcpy (pci->reset_config + cap, pci->config + cap, CAP_SIZE);
  pci->pm_cap = (uint8_t)cap;
}

void
pci_pm_add_wake (PciDevice *pci)
{
  unsigned cap;

  pci_pm_add (pci);
  cap = pci->pm_cap;
  pci_set16 (pci->config + cap + CAPABILITIES, VERSION_1_2 | PME_FROM_ALL);
  pci_set16 (pci->write_mask + cap + CONTROL, STATE_MASK | PME_ENABLE);
  pci_set16 (pci->clear_mask + cap + CONTROL, PME_STATUS);
  memcpy (pci->reset_config + cap, pci->config + cap, CAP_SIZE);
}

void
pci_pm_wake (PciDevice *pci, const char *reason)
{
  uint8_t *control = pci->config + pci->pm_cap + CONTROL;

  if (pci->pm_cap != 0)
    pci_set16 (control, (uint16_t)(pci_get16 (control) | PME_STATUS));
  vm_wake (pci->device.vm, reason);
}

/* D1 and D2 aren't there: such a write is discarded (specification, table 5-4), so the function stays as it is seen to be.  As nobody
 * remembers that, it is D0, from which alone they can be asked for. */
gboolean
pci_pm_written (PciDevice *pci, unsigned offset, unsigned size)
{
  uint8_t *control;

  if (pci->pm_cap == 0 || !pci_touches (offset, size, pci->pm_cap + CONTROL, 1))
    return FALSE;
  control = &pci->config[pci->pm_cap + CONTROL];
  if ((*control & STATE_MASK) != D3HOT)
    *control &= (uint8_t)~STATE_MASK;
  return TRUE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Power management function of the PIIX4 at 00:01.3: ACPI event, control and timer blocks, general purpose events, the SMI command
 * port, and an SMBus host without devices.  Intel 82371AB data sheet, order number 290562, chapter 7; ACPI 6, chapter 4.8.
 */
#pragma once

#include "chipset/acpi-pm.h"
#include "pci/pci.h"

G_BEGIN_DECLS

/* Ports that the ACPI tables tell.  PMBASE is programmed by firmware; these are fixed. */
enum
{
  PIIX4_PM_GPE_BASE = 0xafe0, /* GPE0 block: 2 bytes of status, 2 of enable */
  PIIX4_PM_SMI_COMMAND = 0xb2,
  PIIX4_PM_ACPI_ENABLE = 0xf1,
  PIIX4_PM_ACPI_DISABLE = 0xf0,
};

/* `sci` is ISA interrupt 9 (gsi_line (gsi, 9)), level. */
Device *piix4_pm_new (Vm *vm, PciBus *bus, IrqLine sci, GError **error);
AcpiPm *piix4_pm_power (Device *pm);
/* Sets bits of GPE0_STS (hot plug, VM generation id). */
void piix4_pm_raise_gpe (Device *pm, uint16_t bits);

G_END_DECLS

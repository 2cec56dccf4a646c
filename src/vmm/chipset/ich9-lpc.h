/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 82801IB (ICH9) LPC bridge at 00:1f.0: routing of PIRQA to PIRQH to the 8259 pair and the I/O APIC, power management, the chipset's
 * configuration in memory (RCBA), general purpose pins, the advanced power management port and reset control.  Intel I/O Controller Hub
 * 9 (ICH9) Family data sheet, order number 316972: chapters 10 (RCBA) and 13 (D31:F0).
 */
#pragma once

#include "chipset/acpi-pm.h"
#include "pci/pci.h"

G_BEGIN_DECLS

/* Ports that are fixed, and what they take. */
enum
{
  ICH9_APM_COMMAND = 0xb2, /* the status behind it */
  ICH9_ACPI_ENABLE = 0x02,
  ICH9_ACPI_DISABLE = 0x03,
};

/* Connects itself to the hub's INTx and takes its interrupts from `gsi`: ISA's by the routing registers, and 16 to 23 for PIRQA to
 * PIRQH.  The SCI is ISA interrupt 9. */
Device *ich9_lpc_new (Vm *vm, Device *mch, Device *gsi, GError **error);
/* Before the first reset: firmware finds that it may set up system-management mode, which costs time at each of its calls, and whose
 * interrupt port 0xb2 then asks for. */
void ich9_lpc_offer_smm (Device *lpc);
AcpiPm *ich9_lpc_power (Device *lpc);
/* Sets bits of GPE0_STS (hot plug, VM generation id). */
void ich9_lpc_raise_gpe (Device *lpc, uint64_t bits);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the chipsets say to ACPI alike.  ACPI Specification 6.4: 6.2.13 (_PRT), 7.4.2 (sleep states), PNP0C0F, PNP0C02.
 */
#pragma once

#include "core/device.h"

G_BEGIN_DECLS

typedef struct
{
  uint16_t base, length; /* at most 255 */
} AcpiPorts;

/* Ports of the board itself, so that systems put nothing there; what has no base is left out. */
void acpi_reserve_ports (Aml *isa, const char *name, const AcpiPorts *ports, unsigned n);
/* _S3, _S4 and _S5 with all four elements each: an incomplete package faults OpenBSD early. */
void acpi_sleep_states (Aml *root, unsigned s3, unsigned s4, unsigned s5);
/* The name of the field for PIRQ `n`, 0 to 7: "PRQA". */
const char *pirq_link_register (unsigned n);
/* A link device over a register of the ISA bridge: bit 7 off, else the ISA interrupt, of which 5, 10 and 11 are offered. */
void pirq_link_acpi (Aml *sb, const char *name, unsigned uid, const char *reg);
/* DeviceClass.acpi of the 8254. */
void acpi_timer_and_speaker (Device *device, AcpiPieces *pieces);

G_END_DECLS

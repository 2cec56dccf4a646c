/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ACPI tables of the classic PC, handed to firmware as fw_cfg's "etc/acpi/tables", "etc/acpi/rsdp" and "etc/table-loader"
 * (SeaBIOS and OVMF place them and patch the addresses).  ACPI Specification 6.4, chapter 5.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef struct
{
  unsigned n_cpus;
  uint64_t low_ram; /* bytes of RAM below 4 GiB: where the PCI window may begin */
  uint32_t ioapic_address, hpet_address;
  uint16_t pm_base; /* where firmware puts the PIIX4's power management ports */
  uint16_t gpe_base;
  uint8_t smi_command, acpi_enable, acpi_disable;
  gboolean pvpanic; /* the port of chipset/pvpanic.h is there */
} AcpiConfig;

/* RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT, HPET, WAET and an SSDT with the processors. */
void acpi_build (Device *fw_cfg, const AcpiConfig *config);

G_END_DECLS

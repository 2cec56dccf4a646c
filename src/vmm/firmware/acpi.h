/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ACPI tables from the devices' pieces (core/acpi-pieces.h), handed to firmware as fw_cfg's "etc/acpi/tables", "etc/acpi/rsdp" and
 * "etc/table-loader" (SeaBIOS and OVMF place them and patch the addresses).  ACPI Specification 6.4, chapter 5.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT, WAET, an SSDT with the processors, and the devices' own, of the machine that `fw_cfg`
 * belongs to.  Once all devices are there; it is done again each time that firmware fetches the script, as by then it has decided where
 * ports and windows lie.  VM lock held. */
void acpi_build (Device *fw_cfg);

G_END_DECLS

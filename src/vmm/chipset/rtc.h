/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * MC146818 real-time clock with 256 bytes of CMOS memory: index and data at 0x70/0x71, the upper bank at 0x72/0x73.
 * Motorola MC146818A data sheet; the century byte is 0x32 as in the PIIX4 and the ACPI FADT.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define RTC_CENTURY 0x32

/* `irq8` is the interrupt output.  `localtime`: the guest wants the host's local time in it, else UTC. */
Device *rtc_new (Vm *vm, IrqLine irq8, gboolean localtime, GError **error);
/* High while the alarm's interrupt is: power management's RTC_STS, which comes though the HPET may have taken IRQ 8. */
void rtc_set_alarm_line (Device *rtc, IrqLine alarm);
/* What the board tells firmware (memory size, floppy types, boot order, …).  Registers 0x0e to 0xff but for the century;
 * survives a reset. */
void rtc_set_cmos (Device *rtc, unsigned reg, uint8_t value);
uint8_t rtc_get_cmos (Device *rtc, unsigned reg);
/* Bit 7 of port 0x70. */
gboolean rtc_nmi_masked (Device *rtc);

G_END_DECLS

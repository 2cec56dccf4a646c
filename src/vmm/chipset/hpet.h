/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * High precision event timer: three comparators, 64 bit counter of 100 MHz.  IA-PC HPET specification 1.0a.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define HPET_ADDRESS 0xfed00000u

/* Takes its interrupts from `gsi`. */
Device *hpet_new (Vm *vm, Device *gsi, GError **error);
/* Where the 8254 (n = 0) and the RTC (n = 1) are to be connected instead of ISA interrupts 0 and 8: passed on unless legacy
 * replacement is on. */
IrqLine hpet_legacy_line (Device *hpet, unsigned n);

G_END_DECLS

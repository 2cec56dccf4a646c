/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The I/O APIC: 82093AA with 24 pins and the EOI register of its successors (version 0x20).
 * Intel 82093AA data sheet, order number 290566; the EOI register: ICH9 data sheet, section 13.5.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define IOAPIC_N_PINS  24
#define IOAPIC_ADDRESS 0xfec00000u

/* Registers at `address`.  Sets vm->eoi. */
Device *ioapic_new (Vm *vm, uint64_t address, GError **error);
/* Input pin, 0 to 23.  Any thread sets it; lines are active high here whatever the polarity bit says, as the board's wiring inverts for it. */
IrqLine ioapic_line (Device *ioapic, unsigned pin);
/* Called when the interrupt of an edge-triggered pin that is watched has ended.  VM lock held. */
void ioapic_set_ack_func (Device *ioapic, void (*func) (void *opaque, unsigned pin), void *opaque);
void ioapic_watch (Device *ioapic, unsigned pin);
gboolean ioapic_masked (Device *ioapic, unsigned pin);

G_END_DECLS

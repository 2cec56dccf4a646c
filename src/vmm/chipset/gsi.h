/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Global system interrupts: one number for an input of the 8259 pair and a pin of the I/O APIC.  ISA interrupt 0 is pin 2
 * of the I/O APIC (an override that the MADT tells); the others are wired to the pin of their number.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define GSI_COUNT 24

/* Either controller may be NULL. */
Device *gsi_new (Vm *vm, Device *pic, Device *ioapic, GError **error);
/* A new source on interrupt `n` (0 to 23; below 16 the ISA interrupt).  Sources of one number are ORed as on a shared
 * wire.  At most 32 sources a number; lines are to be taken in the same order each time the machine is built.  Any thread sets them. */
IrqLine gsi_line (Device *gsi, unsigned n);
/* For who counts edges on interrupt `n`: told when the guest has acknowledged one, by whichever controller.  VM lock held. */
typedef void (*GsiAckFunc) (void *opaque);
void gsi_watch (Device *gsi, unsigned n, GsiAckFunc func, void *opaque);
/* FALSE: masked in both controllers. */
gboolean gsi_open (Device *gsi, unsigned n);

G_END_DECLS

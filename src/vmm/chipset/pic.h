/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The pair of 8259A interrupt controllers of a PC: master at 0x20, slave at 0xa0 on the master's input 2, and the
 * edge/level control registers at 0x4d0 and 0x4d1 (EISA; PIIX3 data sheet, ELCR1 and ELCR2).
 * Intel 8259A data sheet, order number 231468.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* `intr` is the INTR output (vm_intr_line()).  Sets vm->intack.  All constructors of this room realize the device;
 * NULL and `error` if that fails; the machine owns what they return. */
Device *pic_new (Vm *vm, IrqLine intr, GError **error);
/* Input `irq`, 0 to 15 (2 is the cascade and must not be used). */
IrqLine pic_line (Device *pic, unsigned irq);
/* Called when a request was acknowledged (INTA or poll): from then on another edge is latched.  VM lock held. */
void pic_set_ack_func (Device *pic, void (*func) (void *opaque, unsigned irq), void *opaque);
gboolean pic_masked (Device *pic, unsigned irq);

G_END_DECLS

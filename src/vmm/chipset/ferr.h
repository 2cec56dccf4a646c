/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The AT's way of reporting x87 errors: FERR# sets a latch that drives ISA interrupt 13, a write to port 0xf0 (or 0xf1)
 * clears it.  PIIX3 data sheet, Coprocessor Error Register; IBM PC/AT technical reference, 80287.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* `irq13` is ISA interrupt 13.  Sets vm->ferr. */
Device *ferr_new (Vm *vm, IrqLine irq13, GError **error);

G_END_DECLS

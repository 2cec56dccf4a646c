/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The 8042 keyboard controller of a PC/AT with PS/2 keyboard and mouse: ports 0x60 and 0x64.
 * IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary Device Controller".
 */
#pragma once

#include "core/vm.h"
#include "input/router.h"

G_BEGIN_DECLS

typedef struct
{
  IrqLine keyboard_irq; /* IRQ 1 */
  IrqLine mouse_irq;    /* IRQ 12 */
  IrqLine a20;          /* set to output port bit 1 when that is written; others set the gate, too */
  gboolean (*a20_is_open) (void *opaque); /* what is read back; NULL: what was written */
  void *a20_opaque;
  InputRouter *router; /* must outlive the device */
} I8042Config;

extern const DeviceClass i8042_class;

/* Not yet realized; the machine owns it.  A reset by the guest becomes a vm_request(). */
Device *i8042_new (Vm *vm, const I8042Config *config);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The gate of address line 20, set by the keyboard controller's output port and by port 0x92.  The PIIX3 ORs the two; here the last
 * write wins and both read back the line, as guests know it from other machines with this firmware: which of the two it left
 * open is then nothing that a memory manager must know.  Open after reset (addresses pass).  Closed, the second megabyte
 * shows the first one: exact for RAM, which is all that programs of that age look at; ROM is not repeated there.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

Device *a20_new (Vm *vm, Region *low_ram, GError **error);
/* Sets the gate. */
IrqLine a20_line (Device *a20);
gboolean a20_is_open (void *a20);

G_END_DECLS

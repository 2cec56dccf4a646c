/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The gate of address line 20.  It is open (addresses pass) while any of its sources says so.  Closed, the second megabyte
 * shows the first one: exact for RAM, which is all that programs of that age look at; ROM is not repeated there.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

enum
{
  A20_KEYBOARD, /* output port bit 1 of the keyboard controller; high after reset */
  A20_PORT92,   /* system control port A */
  A20_N_SOURCES
};

Device *a20_new (Vm *vm, Region *low_ram, GError **error);
IrqLine a20_line (Device *a20, unsigned source);
gboolean a20_is_open (Device *a20);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * System control port A: bit 0 fast reset, bit 1 address line 20.  IBM PS/2 technical reference; PIIX3 leaves it to the
 * keyboard controller's super I/O.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* `a20` is a20_new()'s. */
Device *port92_new (Vm *vm, Device *a20, GError **error);

G_END_DECLS

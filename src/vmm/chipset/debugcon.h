/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Ports that only talk: firmware's debug console at 0x402 (reads 0xe9 to say that it is there), Bochs' at 0xe9, and the
 * power-on self test code at 0x80.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* A whole line without its end; non-printing bytes are replaced.  VM lock held. */
typedef void (*DebugconFunc) (void *opaque, const char *line);

/* Lines go to g_debug() until a function is set. */
Device *debugcon_new (Vm *vm, GError **error);
void debugcon_set_func (Device *debugcon, DebugconFunc func, void *opaque);
/* What was last written to port 0x80. */
uint8_t debugcon_post_code (Device *debugcon);

G_END_DECLS

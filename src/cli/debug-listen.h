/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where gdb finds a machine: we listen, and hand whoever comes over to its monitor, which opens nothing itself.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

typedef struct DebugListener DebugListener;

/* `where`: a port on 127.0.0.1, or a path of a UNIX socket (which has a / in it); NULL: a UNIX socket of its own in the runtime directory.  `bits`: 0, 32 or 64. */
DebugListener *debug_listener_new (VivMachine *machine, const char *where, unsigned bits, GError **error);
/* What is typed behind gdb's “target remote”. */
const char *debug_listener_address (const DebugListener *listener);
/* Whoever is connected stays. */
void debug_listener_free (DebugListener *listener);

G_END_DECLS

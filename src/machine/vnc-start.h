/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * VNC from a machine's start: what its definition, or who starts it, says.
 */
#pragma once

#include "display/vnc-listen.h"
#include "machine/definition.h"

G_BEGIN_DECLS

/* `address` and `password_file` instead of the definition's; NULL: none.  Opens the password's file (`password`; -1: there is none) and makes listeners for `n`
 * screens; none if there is no address.  FALSE and an error: nothing is open. */
gboolean viv_vnc_prepare (const MachineDefinition *definition, const char *address, const char *password_file,
                          unsigned n, VncListeners *listeners, int *password, GError **error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which setting a failed start is about.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* The key ("disk0.path", "machine.firmware") whose value `message` names; NULL: none is to blame. */
char *viv_blame_key (const MachineDefinition *definition, const char *message);

G_END_DECLS

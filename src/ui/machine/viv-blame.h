/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which setting a failed start is about.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* The key ("disk0.path", "machine.firmware") whose value `message` names; NULL: none is to blame. */
char *viv_blame_key (const MachineDefinition *definition, const char *message);

/* Whether `message` says that an image is in use by the machine called `name` (block/block-lock.c). */
gboolean viv_blame_machine (const char *message, const char *name);

G_END_DECLS

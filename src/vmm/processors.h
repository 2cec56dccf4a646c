/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a definition says of the machine's processors, for who makes its engine.
 */
#pragma once

#include "cpu/engine.h"
#include "machine/definition.h"

G_BEGIN_DECLS

/* Fills in `config` but for what isn't the definition's.  Returns the engine that is wanted, of `engine` (NULL: the definition's); NULL and an error, which the key
 * is blamed for. */
const char *processors_read (EngineConfig *config, const MachineDefinition *definition, const char *engine,
                             GError **error);

G_END_DECLS

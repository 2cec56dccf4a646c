/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The keys of network adapters, for the table of kinds (device-kinds.c).
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

extern const DefinitionKey net_device_keys[];

G_END_DECLS

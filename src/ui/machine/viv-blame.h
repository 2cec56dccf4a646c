/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Whose image is it that a machine could not start with?  Asked of the definitions: an error's words are a translation.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* Whether `key` ("disk0.path", machine/start-blame.h) is an image that `other` has in a drive too. */
gboolean viv_blame_shares (const MachineDefinition *definition, const char *key,
                           const MachineDefinition *other);

G_END_DECLS

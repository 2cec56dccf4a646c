/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is particular about the rows of some devices.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* Whether a key ("net0.tap") counts with what else is set: a tap's name is asked for where there is a tap. */
gboolean viv_row_counts (const MachineDefinition *definition, const char *key);

/* Whether it is changed in the running machine: of network cards.  The settings of other devices leave it to the next start. */
gboolean viv_row_is_live (const char *key);

G_END_DECLS

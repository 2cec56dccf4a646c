/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is particular about the rows of a network card.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* Whether a key ("net0.tap") counts with what else is set: a tap's name is asked for where there is a tap.  TRUE of those of other devices. */
gboolean viv_net_row_counts (const MachineDefinition *definition, const char *key);

/* Whether it is changed in the running machine, which the settings of other devices leave to its next start. */
gboolean viv_net_row_is_live (const char *key);

G_END_DECLS

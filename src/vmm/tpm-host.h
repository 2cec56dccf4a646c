/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Has the broker start swtpm for the machine's TPM.  Control loop.
 */
#pragma once

#include "board/board.h"

G_BEGIN_DECLS

/* Before the machine starts; TRUE where it has none.  An error names the package.  VM lock NOT held. */
gboolean tpm_host_start (Board *board, GError **error);

G_END_DECLS

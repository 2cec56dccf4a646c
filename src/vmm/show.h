/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the monitor says of the host instead of running a machine, for `vivctl host`.  Each returns the process's exit status.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Which processors there are here, and which one "auto" means. */
int show_engines (gboolean json);
/* Which walls stand around a monitor; afterwards they do. */
int show_walls (gboolean no_namespaces);

G_END_DECLS

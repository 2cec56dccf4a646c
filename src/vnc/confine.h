/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The walls around vivarium-vnc: it hears strangers, and has nothing but what it was given.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What libraries open at their first use and could not behind the walls.  Before there are threads. */
void confine_warm_up (void);
/* The walls go up (confine/sandbox.h): from here on nothing is opened by its name, no socket is made and no program started.  FALSE: they don't, and the
 * log says why. */
gboolean confine_helper (gboolean namespaces);

G_END_DECLS

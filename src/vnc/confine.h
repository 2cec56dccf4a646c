/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The walls around vivarium-vnc: it hears strangers, and has nothing but what it was given.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What libraries open at their first use and could not behind the walls.  Before there are threads. */
void confine_warm_up (void);
/* From here on nothing is opened by its name, no socket is made and no program started: the place where walls go up.  No new privileges, no core file, no other
 * process of the user looks in.  FALSE: errno. */
gboolean confine_helper (void);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Operating systems as a person sees them.  Main thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The name of a profile (data/os) in the person's language. */
const char *viv_os_name (const char *name);
/* The same by what a definition has in machine.os; "" if it has nothing. */
const char *viv_os_label (const char *os_id);
/* The symbolic icon (data/icons/symbolic) of a system's family.  `os_id` may be NULL. */
const char *viv_os_icon (const char *os_id);

G_END_DECLS

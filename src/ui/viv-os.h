/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Operating systems as a person sees them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The name of a profile (data/os) in the person's language. */
const char *viv_os_name (const char *name);

G_END_DECLS

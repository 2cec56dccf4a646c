/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the application keeps what a person prefers.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* The settings, also without an application (tests); from the build tree if the program is not installed.  The program's for as long as it
 * lives. */
GSettings *viv_settings (void);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How to get the keyboard back, said by the window that a console is in for as long as it is of use.
 */
#pragma once

#include "ui/console/viv-console.h"

G_BEGIN_DECLS

/* For as long as the console lives.  It follows what the person prefers, too. */
void viv_grab_hints_attach (VivConsole *console);

G_END_DECLS

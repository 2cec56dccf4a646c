/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pictures of a machine's screen, in the person's folder of pictures.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

/* Takes one, and says where it went. */
void viv_screenshot_take (VivShell *shell, VivMachine *machine);
/* A file of its own for a picture of NAME taken at `when` in `folder`, made empty so that it is nobody else's; NULL on error. */
char *viv_screenshot_reserve (const char *folder, const char *name, GDateTime *when, GError **error);

G_END_DECLS

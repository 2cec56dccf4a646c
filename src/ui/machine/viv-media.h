/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Discs and floppies that are put into a machine's drives and taken out, whether it runs or not.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

/* Asks for an image and puts it in; into `machine`, whatever the shell shows by then. */
void viv_media_choose (VivShell *shell, VivMachine *machine, const char *drive);
/* `path` NULL: takes out what is in.  In the running machine first, and in its definition once the monitor has said yes. */
void viv_media_change (VivShell *shell, VivMachine *machine, const char *drive, const char *path);
/* Puts it where it belongs by its size, which is looked up on a thread; says so if there is no such drive. */
void viv_media_insert (VivShell *shell, VivMachine *machine, const char *path);
/* The drive that an image of `size` bytes belongs into: a floppy's or a CD drive; NULL if the machine has none. */
const MachineDevice *viv_media_drive_for (VivMachine *machine, guint64 size);

G_END_DECLS

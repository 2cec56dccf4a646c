/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Discs and floppies that are put into a machine's drives and taken out, whether it runs or not.
 */
#pragma once

#include "ui/app/viv-window.h"

G_BEGIN_DECLS

/* Asks for an image and puts it in; into `machine`, whatever the window shows by then. */
void viv_media_choose (VivWindow *window, VivMachine *machine, const char *drive);
/* `path` NULL: takes out what is in.  In the running machine first, and in its definition once the monitor has said yes. */
void viv_media_change (VivWindow *window, VivMachine *machine, const char *drive, const char *path);
/* The drive that an image of this name and size belongs into: a floppy's or a CD drive; NULL if the machine has none. */
const MachineDevice *viv_media_drive_for (VivMachine *machine, const char *path);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * USB devices of this computer that a running machine is given, and gives back.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

/* Devices by name, with what they are used for now; those that the machine has give them back.  What the machine has is asked meanwhile, so it is what it was when the menu
 * was last made, or a device last came or went. */
GMenuModel *viv_usb_menu (VivMachine *machine);
/* `host`: as machine/usb-outside.h names it.  What the user may not open is explained, with what to copy. */
void viv_usb_connect (VivShell *shell, VivMachine *machine, const char *host);
void viv_usb_disconnect (VivShell *shell, VivMachine *machine, const char *id);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The one way to change a definition on the disk.  It is read again under the folder's lock, the changes are applied, the whole is
 * checked and put in place of the old in one step.  So writers in several programs lose nothing of each other, and a
 * definition that somebody holds never changes.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

/* To a definition that nobody has published; after an error it is of no more use. */
gboolean viv_definition_apply (MachineDefinition *definition, const VivChange *changes, unsigned n,
                               GError **error);
/* All of them or none.  The machine is reloaded.  Renaming is viv_host_rename()'s, and refused here; so is another UUID while the
 * machine runs, since its socket is called by that. */
gboolean viv_machine_edit (VivMachine *machine, const VivChange *changes, unsigned n, GError **error);
/* The same for a folder, with the name too.  `lock`: the caller has VIV_LOCK_DEFINITION. */
gboolean viv_folder_edit (const char *folder, gboolean locked, const VivChange *changes, unsigned n,
                          GError **error);

G_END_DECLS

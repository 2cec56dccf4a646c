/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machines of this computer: a VivHost over folders.  There is no register that could disagree with them: a folder with a machine.ini is
 * a machine.  Folders that begin with a dot are not looked at.  Sorted by name.
 */
#pragma once

#include "machine/host.h"

G_BEGIN_DECLS

#define VIV_TYPE_LOCAL_HOST (viv_local_host_get_type ())
G_DECLARE_FINAL_TYPE (VivLocalHost, viv_local_host, VIV, LOCAL_HOST, GObject)

/* `path` NULL: viv_machines_dir().  Made if it isn't there; reads it at once, then follows changes on the main context. */
VivLocalHost *viv_local_host_new (const char *path);
/* Looks at the disk now (tests; file systems that can't be watched). */
void viv_local_host_rescan (VivLocalHost *host);

/* What viv_host_create() and the like do, there and then: for programs without a main loop.  They block as long as the disk does. */
VivMachine *viv_local_host_create (VivLocalHost *host, MachineDefinition *definition,
                                   const VivNewImage *images, unsigned n_images, GError **error);
gboolean viv_local_host_rename (VivLocalHost *host, VivMachine *machine, const char *name, GError **error);
char *viv_local_host_trash (VivLocalHost *host, VivMachine *machine, GError **error);
VivMachine *viv_local_host_restore (VivLocalHost *host, const char *id, GError **error);
/* The folder of what was deleted, for machine/trash.h. */
const char *viv_local_host_get_trash (VivLocalHost *host);

G_END_DECLS

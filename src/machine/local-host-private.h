/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What following the disk (local-host.c) and changing it (local-host-change.c) share.
 */
#pragma once

#include "machine/local-host.h"

G_BEGIN_DECLS

struct _VivLocalHost
{
  GObject parent_instance;

  char *path, *trash;
  GPtrArray *machines; /* VivMachine, sorted: what the model shows */
  GHashTable *entries; /* folder → Entry */
  GFileMonitor *monitor, *runtime_monitor;
  guint rescan, probe; /* sources */
};

/* local-host.c: looks at the disk and returns the machine of a folder that has come. */
VivMachine *viv_local_host_take_in (VivLocalHost *self, const char *folder);

/* local-host-change.c */
void viv_local_host_host_init (VivHostInterface *iface);

G_END_DECLS

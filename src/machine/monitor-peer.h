/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which process a monitor is, by the kernel's word; what it says of itself is not believed.  A descriptor (pidfd) stands for the process, so
 * that no other one can have got its number meanwhile.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* Of a connection that is up: the process and a descriptor for it; 0 and -1: not known, or another user's. */
int viv_monitor_peer (GDBusConnection *connection, pid_t *pid);
/* Of a monitor that has the folder and does not answer, by its socket (`path` may be NULL) or by its lock.  -1: there is none. */
int viv_monitor_find (const char *folder, const char *path, pid_t *pid);

G_END_DECLS

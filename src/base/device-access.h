/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What lets a user open a device node that refuses.
 */
#pragma once

#include <glib.h>
#include <sys/stat.h>

G_BEGIN_DECLS

/* A half-sentence that names the command, by the node's mode and group; `group` is the group's name, NULL: it has none.  Joining a group is
 * proposed only where the group may read and write and isn't root's.  Free with g_free(). */
char *device_access_advice (const char *path, const struct stat *info, const char *group);
/* The same of what stands at `path` now. */
char *device_access_advice_of (const char *path);

G_END_DECLS

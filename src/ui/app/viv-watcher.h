/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Tells of machines that had to stop for something that a person can put right, whether anybody looks at them or not: a notification, which
 * leads to the machine and goes when it does, and a message in the window that is used.
 */
#pragma once

#include <gtk/gtk.h>

#include "machine/host.h"

G_BEGIN_DECLS

typedef struct VivWatcher VivWatcher;

/* `application` NULL: it counts and says nothing. */
VivWatcher *viv_watcher_new (GtkApplication *application, VivHost *host);
void viv_watcher_free (VivWatcher *watcher);
/* How often it told; for tests. */
guint viv_watcher_told (VivWatcher *watcher);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Looking at files that a person or a definition names.  They may be on a server that is gone, where a mere look takes for ever: so it is
 * taken on a thread, one of our own: GTask's are few, and others need them.  Who waits in vain misses a hint and nothing else, and must not be
 * kept alive by waiting: callbacks get weak references.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct
{
  gboolean exists, regular; /* links are followed */
  guint64 size;             /* bytes */
  gint64 changed;           /* seconds of real time */
} VivLook;

/* Calls back on the caller's main context; never, if the look never ends. */
void viv_look_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer data);
gboolean viv_look_finish (GAsyncResult *result, VivLook *look, GError **error);

/* The same of one file, here and now: for threads. */
void viv_look (const char *path, VivLook *look);

/* Runs `func` as g_task_run_in_thread() would, on one of our threads. */
void viv_look_run (GTask *task, GTaskThreadFunc func);

/* What looks, as stat().  Called on threads; tests put one here that hangs. */
struct stat;
extern int (*viv_look_stat) (const char *path, struct stat *info);

G_END_DECLS

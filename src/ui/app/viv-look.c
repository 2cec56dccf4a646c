/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Looking at files, on threads of our own.
 */
#define G_LOG_DOMAIN "viv-look"

#include "ui/app/viv-look.h"

#include <sys/stat.h>

/* So many looks may hang before later ones wait for them. */
#define MOST_THREADS 16

int (*viv_look_stat) (const char *path, struct stat *info) = stat;

typedef struct
{
  GTask *task;
  GTaskThreadFunc func;
} Job;

void
viv_look (const char *path, VivLook *look)
{
  struct stat info;

  *look = (VivLook){ 0 };
  if (viv_look_stat (path, &info) != 0)
    return;
  look->exists = TRUE;
  look->regular = S_ISREG (info.st_mode);
  look->size = (guint64)info.st_size;
  look->changed = info.st_mtim.tv_sec;
}

static void
run (gpointer data, gpointer unused)
{
  Job *job = data;
  GCancellable *cancellable = g_task_get_cancellable (job->task);

  if (!g_task_return_error_if_cancelled (job->task))
    job->func (job->task, g_task_get_source_object (job->task), g_task_get_task_data (job->task),
               cancellable);
  g_object_unref (job->task);
  g_free (job);
}

void
viv_look_run (GTask *task, GTaskThreadFunc func)
{
  static GThreadPool *pool;
  Job *job = g_new (Job, 1);

  if (!pool)
    pool = g_thread_pool_new (run, NULL, MOST_THREADS, FALSE, NULL);
  job->task = g_object_ref (task);
  job->func = func;
  g_thread_pool_push (pool, job, NULL);
  /* cppcheck-suppress memleak ; the thread's */
}

static void
look_at (GTask *task, gpointer source, gpointer path, GCancellable *cancellable)
{
  VivLook *look = g_new (VivLook, 1);

  viv_look (path, look);
  g_task_return_pointer (task, look, g_free);
}

void
viv_look_async (const char *path, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, data);

  g_task_set_task_data (task, g_strdup (path), g_free);
  viv_look_run (task, look_at);
}

gboolean
viv_look_finish (GAsyncResult *result, VivLook *look, GError **error)
{
  g_autofree VivLook *found = g_task_propagate_pointer (G_TASK (result), error);

  if (found)
    *look = *found;
  return found != NULL;
}

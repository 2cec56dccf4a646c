/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's loops: threads that turn one, sources whose callbacks have the VM lock, and what one loop tells the other.
 */
#define G_LOG_DOMAIN "vm"

#include "base/context-call.h"
#include "base/ready-source.h"
#include "core/loop.h"
#include "core/vm-private.h"

/* -- A thread with a context ---------------------------------------------------------------------- */

struct VmLoop
{
  char *name;
  GMainContext *context;
  GThread *thread; /* NULL: not started, or stopped */
  gint ending;     /* atomic */
  GMutex lock;     /* of what follows */
  GCond cond;
  gboolean turns;
};

VmLoop *
vm_loop_new (const char *name)
{
  VmLoop *loop = g_new0 (VmLoop, 1);

  loop->name = g_strdup (name);
  loop->context = g_main_context_new ();
  g_mutex_init (&loop->lock);
  g_cond_init (&loop->cond);
  return loop;
}

GMainContext *
vm_loop_context (VmLoop *loop)
{
  return loop->context;
}

static gpointer
turn (gpointer data)
{
  VmLoop *loop = data;

  g_main_context_push_thread_default (loop->context);
  g_mutex_lock (&loop->lock);
  loop->turns = TRUE;
  g_cond_signal (&loop->cond);
  g_mutex_unlock (&loop->lock);
  while (!g_atomic_int_get (&loop->ending))
    g_main_context_iteration (loop->context, TRUE);
  g_main_context_pop_thread_default (loop->context);
  return NULL;
}

void
vm_loop_start (VmLoop *loop)
{
  g_return_if_fail (loop->thread == NULL);
  g_atomic_int_set (&loop->ending, 0);
  loop->turns = FALSE;
  loop->thread = g_thread_new (loop->name, turn, loop);
  g_mutex_lock (&loop->lock);
  while (!loop->turns)
    g_cond_wait (&loop->cond, &loop->lock);
  g_mutex_unlock (&loop->lock);
}

void
vm_loop_stop (VmLoop *loop)
{
  if (loop->thread == NULL)
    return;
  g_atomic_int_set (&loop->ending, 1);
  g_main_context_wakeup (loop->context);
  g_thread_join (g_steal_pointer (&loop->thread));
}

void
vm_loop_free (VmLoop *loop)
{
  if (loop == NULL)
    return;
  vm_loop_stop (loop);
  g_main_context_unref (loop->context);
  g_mutex_clear (&loop->lock);
  g_cond_clear (&loop->cond);
  g_free (loop->name);
  g_free (loop);
}

/* -- I/O threads ---------------------------------------------------------------------------------- */

GMainContext *
vm_io_context (Vm *vm, unsigned n)
{
  GPtrArray *loops = vm->priv->io_loops;

  if (vm->context == vm->control)
    return vm->context;
  while (loops->len <= n)
    {
      g_autofree char *name = g_strdup_printf ("io%u", loops->len);
      VmLoop *loop = vm_loop_new (name);

      vm_loop_start (loop);
      g_ptr_array_add (loops, loop);
    }
  return vm_loop_context (loops->pdata[n]);
}

void
vm_stop_io (Vm *vm)
{
  for (unsigned i = 0; i < vm->priv->io_loops->len; i++)
    vm_loop_stop (vm->priv->io_loops->pdata[i]);
}

void
vm_io_call (Vm *vm, unsigned n, VmFunc func, void *opaque)
{
  GMainContext *context = vm_io_context (vm, n);

  if (context == vm->context)
    func (opaque);
  else
    context_call (context, func, opaque);
}

/* -- Descriptors ---------------------------------------------------------------------------------- */

typedef struct
{
  GSource source;
  Vm *vm;
  VmFdFunc func;
  void *opaque;
  int fd;
  gpointer tag;
} FdSource;

static gboolean
fd_watch_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  FdSource *watch = (FdSource *)source;

  vm_lock (watch->vm);
  /* Whoever ended it had the lock; it may have waited for that here. */
  if (!g_source_is_destroyed (source))
    watch->func (watch->fd, g_source_query_unix_fd (source, watch->tag), watch->opaque);
  vm_unlock (watch->vm);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs fd_watch_funcs = { .dispatch = fd_watch_dispatch };

GSource *
vm_watch_fd (Vm *vm, int fd, GIOCondition condition, VmFdFunc func, void *opaque)
{
  FdSource *watch = (FdSource *)g_source_new (&fd_watch_funcs, sizeof (FdSource));

  watch->vm = vm;
  watch->func = func;
  watch->opaque = opaque;
  watch->fd = fd;
  watch->tag = g_source_add_unix_fd (&watch->source, fd, condition);
  source_stay_polled (&watch->source);
  g_source_attach (&watch->source, vm->context);
  return &watch->source;
}

/* -- From any thread to the control loop, in order ------------------------------------------------ */

struct VmNews
{
  VmNewsFunc func;
  GDestroyNotify drop;
  void *data;
};

static VmNews *
news_take (Vm *vm)
{
  VmNews *news;

  g_mutex_lock (&vm->priv->news_mutex);
  news = g_queue_pop_head (&vm->priv->news);
  g_mutex_unlock (&vm->priv->news_mutex);
  return news;
}

static gboolean
on_news (gpointer data)
{
  Vm *vm = data;
  VmNews *news;

  while ((news = news_take (vm)) != NULL)
    {
      news->func (vm, news->data);
      if (news->drop != NULL)
        news->drop (news->data);
      g_free (news);
    }
  return G_SOURCE_CONTINUE;
}

void
vm_news_init (Vm *vm)
{
  VmPrivate *priv = vm->priv;

  g_mutex_init (&priv->news_mutex);
  g_queue_init (&priv->news);
  priv->news_source = ready_source_new (vm->control, G_PRIORITY_DEFAULT, "vm news", on_news, vm);
}

void
vm_news_free (Vm *vm)
{
  VmNews *news;

  g_source_destroy (vm->priv->news_source);
  while ((news = news_take (vm)) != NULL)
    {
      if (news->drop != NULL)
        news->drop (news->data);
      g_free (news);
    }
  g_clear_pointer (&vm->priv->news_source, g_source_unref);
  g_mutex_clear (&vm->priv->news_mutex);
}

void
vm_tell_control (Vm *vm, VmNewsFunc func, void *data, GDestroyNotify drop)
{
  VmNews *news = g_new (VmNews, 1);

  *news = (VmNews){ func, drop, data };
  g_mutex_lock (&vm->priv->news_mutex);
  g_queue_push_tail (&vm->priv->news, news);
  g_source_set_ready_time (vm->priv->news_source, 0);
  g_mutex_unlock (&vm->priv->news_mutex);
}

/* -- What the host can't do ----------------------------------------------------------------------- */

typedef struct
{
  char *path, *sentence;
} ErrorNews;

static void
error_news_free (gpointer data)
{
  ErrorNews *news = data;

  g_free (news->path);
  g_free (news->sentence);
  g_free (news);
}

static void
tell_error (Vm *vm, void *data)
{
  const ErrorNews *news = data;

  if (vm->priv->error_func != NULL)
    vm->priv->error_func (vm, news->path, news->sentence, vm->priv->error_opaque);
}

void
vm_set_error_func (Vm *vm, VmErrorFunc func, void *opaque)
{
  vm->priv->error_func = func;
  vm->priv->error_opaque = opaque;
}

void
vm_report_error (Vm *vm, const char *path, const char *sentence)
{
  ErrorNews *news = g_new (ErrorNews, 1);

  *news = (ErrorNews){ g_strdup (path), g_strdup (sentence) };
  vm_tell_control (vm, tell_error, news, error_news_free);
}

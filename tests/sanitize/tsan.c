/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Linked into each program of a build with ThreadSanitizer, with --wrap (meson.build).  GLib's locks are futexes in a library that
 * is built without it, so it would take all that they guard for races: here they are told to it, and it finds locks that are taken in
 * two orders as well.
 */
#include <gio/gio.h>
#include <sanitizer/tsan_interface.h>

#undef g_once_init_enter
#undef g_once_init_leave

#define WRAPPED(type, name, ...)    \
  type __real_##name (__VA_ARGS__); \
  type __wrap_##name (__VA_ARGS__); \
  type __wrap_##name (__VA_ARGS__)

static void
locking (void *lock, unsigned flags)
{
  __tsan_mutex_pre_lock (lock, flags);
}

static void
locked (void *lock, unsigned flags)
{
  __tsan_mutex_post_lock (lock, flags, 0);
}

static void
unlocking (void *lock, unsigned flags)
{
  __tsan_mutex_pre_unlock (lock, flags);
}

static void
unlocked (void *lock, unsigned flags)
{
  __tsan_mutex_post_unlock (lock, flags);
}

WRAPPED (void, g_mutex_clear, GMutex *mutex)
{
  __tsan_mutex_destroy (mutex, 0);
  __real_g_mutex_clear (mutex);
}

WRAPPED (void, g_mutex_lock, GMutex *mutex)
{
  locking (mutex, 0);
  __real_g_mutex_lock (mutex);
  locked (mutex, 0);
}

WRAPPED (void, g_mutex_unlock, GMutex *mutex)
{
  unlocking (mutex, 0);
  __real_g_mutex_unlock (mutex);
  unlocked (mutex, 0);
}

WRAPPED (void, g_cond_wait, GCond *cond, GMutex *mutex)
{
  unlocking (mutex, 0);
  unlocked (mutex, 0);
  __real_g_cond_wait (cond, mutex);
  locking (mutex, 0);
  locked (mutex, 0);
}

WRAPPED (gboolean, g_cond_wait_until, GCond *cond, GMutex *mutex, gint64 end)
{
  gboolean signalled;

  unlocking (mutex, 0);
  unlocked (mutex, 0);
  signalled = __real_g_cond_wait_until (cond, mutex, end);
  locking (mutex, 0);
  locked (mutex, 0);
  return signalled;
}

WRAPPED (void, g_rw_lock_reader_lock, GRWLock *lock)
{
  locking (lock, __tsan_mutex_read_lock);
  __real_g_rw_lock_reader_lock (lock);
  locked (lock, __tsan_mutex_read_lock);
}

WRAPPED (void, g_rw_lock_reader_unlock, GRWLock *lock)
{
  unlocking (lock, __tsan_mutex_read_lock);
  __real_g_rw_lock_reader_unlock (lock);
  unlocked (lock, __tsan_mutex_read_lock);
}

WRAPPED (void, g_rw_lock_writer_lock, GRWLock *lock)
{
  locking (lock, 0);
  __real_g_rw_lock_writer_lock (lock);
  locked (lock, 0);
}

WRAPPED (void, g_rw_lock_writer_unlock, GRWLock *lock)
{
  unlocking (lock, 0);
  __real_g_rw_lock_writer_unlock (lock);
  unlocked (lock, 0);
}

WRAPPED (gboolean, g_once_init_enter, volatile void *location)
{
  gboolean first = __real_g_once_init_enter (location);

  __tsan_acquire ((void *)location);
  return first;
}

WRAPPED (void, g_once_init_leave, volatile void *location, gsize result)
{
  /* The store in GLib is not seen; the readers' macro loads it with acquire. */
  __tsan_release ((void *)location);
  __real_g_once_init_leave (location, result);
}

/* What a source was made from is for the loop that runs it: the wake-up that tells the loop is inside GLib. */
WRAPPED (guint, g_source_attach, GSource *source, GMainContext *context)
{
  __tsan_release (source);
  return __real_g_source_attach (source, context);
}

/* Which source it is, and with that what it is ordered by, stands in memory that is not in order yet. */
#define BEFORE_ORDER __attribute__ ((no_sanitize ("thread")))

/* The functions of a kind of source of ours, each behind what its maker did before it was attached. */
typedef struct
{
  GSourceFuncs funcs; /* first: what the source points to */
  const GSourceFuncs *real;
} Kind;

BEFORE_ORDER static gboolean
prepare (GSource *source, gint *timeout)
{
  __tsan_acquire (source);
  return ((Kind *)source->source_funcs)->real->prepare (source, timeout);
}

BEFORE_ORDER static gboolean
check (GSource *source)
{
  __tsan_acquire (source);
  return ((Kind *)source->source_funcs)->real->check (source);
}

BEFORE_ORDER static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  __tsan_acquire (source);
  return ((Kind *)source->source_funcs)->real->dispatch (source, callback, data);
}

WRAPPED (GSource *, g_source_new, GSourceFuncs *funcs, guint size)
{
  static GHashTable *kinds;
  static GMutex mutex;
  Kind *kind;

  __real_g_mutex_lock (&mutex);
  if (kinds == NULL)
    kinds = g_hash_table_new (NULL, NULL);
  kind = g_hash_table_lookup (kinds, funcs);
  if (kind == NULL)
    {
      kind = g_new (Kind, 1);
      *kind = (Kind){ *funcs, funcs };
      kind->funcs.prepare = funcs->prepare != NULL ? prepare : NULL;
      kind->funcs.check = funcs->check != NULL ? check : NULL;
      kind->funcs.dispatch = dispatch;
      g_hash_table_insert (kinds, funcs, kind);
    }
  __real_g_mutex_unlock (&mutex);
  return __real_g_source_new (&kind->funcs, size);
}

typedef struct
{
  GSource *source;
  GSourceFunc func;
  gpointer data;
  GDestroyNotify notify;
} Callback;

BEFORE_ORDER static gboolean
run_callback (gpointer data)
{
  Callback *callback = data;

  __tsan_acquire (callback->source);
  return callback->func (callback->data);
}

BEFORE_ORDER static void
free_callback (gpointer data)
{
  Callback *callback = data;

  __tsan_acquire (callback->source);
  if (callback->notify != NULL)
    callback->notify (callback->data);
  g_free (callback);
}

/* Idle sources are what threads tell a loop with; callbacks of others may take other arguments. */
static const char idle_name[] = "tsan idle";

WRAPPED (GSource *, g_idle_source_new, void)
{
  GSource *source = __real_g_idle_source_new ();

  g_source_set_static_name (source, idle_name);
  return source;
}

WRAPPED (void, g_source_set_callback, GSource *source, GSourceFunc func, gpointer data, GDestroyNotify notify)
{
  Callback *callback;

  if (g_strcmp0 (g_source_get_name (source), idle_name) != 0)
    {
      __real_g_source_set_callback (source, func, data, notify);
      return;
    }
  callback = g_new (Callback, 1);
  *callback = (Callback){ source, func, data, notify };
  __real_g_source_set_callback (source, run_callback, callback, free_callback);
}

/* -- What one thread leaves to another -- */

/* Whoever lets go last sees what the others did before they let go. */
WRAPPED (gboolean, g_atomic_ref_count_dec, gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = __real_g_atomic_ref_count_dec (count);
  if (last)
    __tsan_acquire (count);
  return last;
}

WRAPPED (void, g_atomic_rc_box_release_full, gpointer box, GDestroyNotify clear)
{
  /* Only the last one clears; that the others are in order with it as well can't be told from here. */
  __tsan_release (box);
  __tsan_acquire (box);
  __real_g_atomic_rc_box_release_full (box, clear);
}

typedef struct
{
  GFunc func;
  gpointer user_data;
} Pool;

static void
run_in_pool (gpointer data, gpointer user_data)
{
  Pool *pool = user_data;

  __tsan_acquire (data);
  pool->func (data, pool->user_data);
}

/* A pool lives as long as the process. */
WRAPPED (GThreadPool *, g_thread_pool_new, GFunc func, gpointer user_data, gint most, gboolean exclusive,
         GError **error)
{
  Pool *pool = g_new (Pool, 1);

  *pool = (Pool){ func, user_data };
  return __real_g_thread_pool_new (run_in_pool, pool, most, exclusive, error);
}

WRAPPED (gboolean, g_thread_pool_push, GThreadPool *pool, gpointer data, GError **error)
{
  __tsan_release (data);
  return __real_g_thread_pool_push (pool, data, error);
}

static void
run_task (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  GTaskThreadFunc func = (GTaskThreadFunc)g_object_get_data (G_OBJECT (task), "tsan-func");

  __tsan_acquire (task);
  func (task, source, data, cancellable);
  __tsan_release (task);
}

WRAPPED (void, g_task_run_in_thread, GTask *task, GTaskThreadFunc func)
{
  g_object_set_data (G_OBJECT (task), "tsan-func", (gpointer)func);
  __tsan_release (task);
  __real_g_task_run_in_thread (task, run_task);
}

WRAPPED (void, g_task_return_boolean, GTask *task, gboolean result)
{
  __tsan_release (task);
  __real_g_task_return_boolean (task, result);
}

WRAPPED (void, g_task_return_pointer, GTask *task, gpointer result, GDestroyNotify destroy)
{
  __tsan_release (task);
  __real_g_task_return_pointer (task, result, destroy);
}

WRAPPED (void, g_task_return_error, GTask *task, GError *error)
{
  __tsan_release (task);
  __real_g_task_return_error (task, error);
}

G_GNUC_PRINTF (4, 5)
void __wrap_g_task_return_new_error (GTask *task, GQuark domain, gint code, const char *format, ...);

void
__wrap_g_task_return_new_error (GTask *task, GQuark domain, gint code, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  __wrap_g_task_return_error (task, g_error_new_valist (domain, code, format, args));
  va_end (args);
}

WRAPPED (gboolean, g_task_propagate_boolean, GTask *task, GError **error)
{
  __tsan_acquire (task);
  return __real_g_task_propagate_boolean (task, error);
}

WRAPPED (gpointer, g_task_propagate_pointer, GTask *task, GError **error)
{
  __tsan_acquire (task);
  return __real_g_task_propagate_pointer (task, error);
}

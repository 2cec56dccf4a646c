/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Linked into each program of a build with ThreadSanitizer, with --wrap (meson.build).  GLib's locks are futexes in a library that
 * is built without it, so it would take all that they guard for races: here they are told to it, and it finds locks that are taken in
 * two orders as well.
 */
#include <glib.h>
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

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine's lock.
 */
#include "core/lock.h"

void
vm_lock_init (VmLock *lock)
{
  g_mutex_init (&lock->mutex);
  lock->owner = NULL;
}

void
vm_lock_clear (VmLock *lock)
{
  g_mutex_clear (&lock->mutex);
}

void
vm_lock_take (VmLock *lock)
{
  g_mutex_lock (&lock->mutex);
  __atomic_store_n (&lock->owner, g_thread_self (), __ATOMIC_RELAXED);
}

void
vm_lock_leave (VmLock *lock)
{
  __atomic_store_n (&lock->owner, NULL, __ATOMIC_RELAXED);
  g_mutex_unlock (&lock->mutex);
}

gboolean
vm_lock_is_mine (const VmLock *lock)
{
  return __atomic_load_n (&lock->owner, __ATOMIC_RELAXED) == g_thread_self ();
}

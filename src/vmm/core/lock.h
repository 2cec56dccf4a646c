/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A lock that knows who has it: the machine's (core/vm.h), which its clock takes, too.  Not recursive.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  GMutex mutex;
  GThread *owner; /* atomic */
} VmLock;

void vm_lock_init (VmLock *lock);
void vm_lock_clear (VmLock *lock);
void vm_lock_take (VmLock *lock);
void vm_lock_leave (VmLock *lock);
/* The calling thread has it. */
gboolean vm_lock_is_mine (const VmLock *lock);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Threads that do one thing only, and so may be confined more than the rest of the process (confine/calls.h): who makes them says what they are, and need
 * not know by what.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  THREAD_PROCESSOR, /* runs a guest's processors and serves what they ask devices for */
  THREAD_DISK,      /* reads and writes an image */
} ThreadKind;

/* What is done to such threads, by themselves, once each.  Any thread, once; those that run already come to it with their next piece of work. */
void thread_kind_set_func (void (*func) (ThreadKind kind));

/* Before each piece of work; a thread is of one kind all its life. */
void thread_kind_begin (ThreadKind kind);

/* Whether that was done to this thread.  What the kernel hands on to a new thread needs no doing there, which its first call of thread_kind_inherit() says. */
gboolean thread_kind_done (void);
void thread_kind_inherit (void);

G_END_DECLS

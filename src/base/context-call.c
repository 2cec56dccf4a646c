/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/context-call.h"

typedef struct
{
  void (*func) (void *opaque);
  void *opaque;
  gboolean done;
  GMutex lock;
  GCond cond;
} Call;

static gboolean
on_call (gpointer data)
{
  Call *call = data;

  call->func (call->opaque);
  g_mutex_lock (&call->lock);
  call->done = TRUE;
  g_cond_signal (&call->cond);
  g_mutex_unlock (&call->lock);
  return G_SOURCE_REMOVE;
}

void
context_call (GMainContext *context, void (*func) (void *opaque), void *opaque)
{
  Call call = { .func = func, .opaque = opaque };

  if (g_main_context_acquire (context))
    {
      func (opaque);
      g_main_context_release (context);
      return;
    }
  GSource *source = g_idle_source_new ();
  g_mutex_init (&call.lock);
  g_cond_init (&call.cond);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_call, &call, NULL);
  g_source_attach (source, context);
  g_source_unref (source);
  g_mutex_lock (&call.lock);
  while (!call.done)
    g_cond_wait (&call.cond, &call.lock);
  g_mutex_unlock (&call.lock);
  g_mutex_clear (&call.lock);
  g_cond_clear (&call.cond);
}

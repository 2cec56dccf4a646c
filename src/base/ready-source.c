/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/ready-source.h"

static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer data)
{
  /* Before: whoever sets it from now on has something that `callback` may not see. */
  g_source_set_ready_time (source, -1);
  return callback (data);
}

static GSourceFuncs funcs = { .dispatch = dispatch };

GSource *
ready_source_new (GMainContext *context, int priority, const char *name, GSourceFunc func, gpointer data)
{
  GSource *source = g_source_new (&funcs, sizeof (GSource));

  g_source_set_callback (source, func, data, NULL);
  g_source_set_priority (source, priority);
  g_source_set_static_name (source, name);
  g_source_set_ready_time (source, -1);
  g_source_attach (source, context);
  return source;
}

void
source_stay_polled (GSource *source)
{
  g_source_set_can_recurse (source, TRUE);
}

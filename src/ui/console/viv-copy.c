/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pixels copied on a thread.
 */
#define G_LOG_DOMAIN "viv-copy"

#include "ui/console/viv-copy.h"

struct VivCopy
{
  Framebuffer fb;
  VivLevel level;
  GArray *parts; /* VivCopyPart */
  VivCopyFunc done;
  gpointer data;
  gint cancelled; /* atomic */
  gint64 took;
};

static void
part_clear (gpointer data)
{
  VivCopyPart *part = data;

  g_clear_pointer (&part->before, g_bytes_unref);
  g_clear_pointer (&part->bytes, g_bytes_unref);
}

static void
copy_free (VivCopy *copy)
{
  g_bytes_unref (copy->fb.memory);
  g_array_unref (copy->parts);
  g_free (copy);
}

static gboolean
on_done (gpointer data)
{
  VivCopy *copy = data;

  if (!g_atomic_int_get (&copy->cancelled))
    copy->done ((VivCopyPart *)(void *)copy->parts->data, copy->parts->len, copy->took, copy->data);
  copy_free (copy);
  return G_SOURCE_REMOVE;
}

static void
work (gpointer data, gpointer unused)
{
  VivCopy *copy = data;
  gint64 begun = g_get_monotonic_time ();

  for (guint i = 0; i < copy->parts->len && !g_atomic_int_get (&copy->cancelled); i++)
    {
      VivCopyPart *part = &g_array_index (copy->parts, VivCopyPart, i);

      part->bytes = viv_pixels_copy (&copy->fb, &part->rect, &copy->level);
      /* A guest that writes what is there already. */
      if (part->before != NULL && g_bytes_equal (part->before, part->bytes))
        g_clear_pointer (&part->bytes, g_bytes_unref);
    }
  copy->took = g_get_monotonic_time () - begun;
  /* Before the next redraw. */
  g_idle_add_full (G_PRIORITY_HIGH_IDLE, on_done, copy, NULL);
}

VivCopy *
viv_copy_new (const Framebuffer *fb, const VivLevel *level)
{
  VivCopy *copy = g_new0 (VivCopy, 1);

  copy->fb = *fb;
  g_bytes_ref (copy->fb.memory);
  copy->level = *level;
  copy->parts = g_array_new (FALSE, FALSE, sizeof (VivCopyPart));
  g_array_set_clear_func (copy->parts, part_clear);
  return copy;
}

void
viv_copy_add (VivCopy *copy, guint index, const DisplayRect *rect, GBytes *before)
{
  VivCopyPart part
      = { .index = index, .rect = *rect, .before = before != NULL ? g_bytes_ref (before) : NULL };

  g_array_append_val (copy->parts, part);
}

void
viv_copy_start (VivCopy *copy, VivCopyFunc done, gpointer data)
{
  static GThreadPool *pool;

  if (pool == NULL)
    pool = g_thread_pool_new (work, NULL, 1, FALSE, NULL);
  copy->done = done;
  copy->data = data;
  g_thread_pool_push (pool, copy, NULL);
}

void
viv_copy_cancel (VivCopy *copy)
{
  g_atomic_int_set (&copy->cancelled, TRUE);
}

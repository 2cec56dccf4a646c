/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screens of a machine, as its monitor lists them.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/machine-private.h"
#include "machine/plain-text.h"

/* More are left out: a monitor that lists thousands is not to fill a window. */
#define MAX_SCREENS 16

static void
screen_free (gpointer data)
{
  VivScreenInfo *screen = data;

  g_free (screen->name);
  g_free (screen->vnc_address);
  g_free (screen);
}

static void
add (GPtrArray *screens, unsigned id, const char *name, guint32 width, guint32 height, const char *vnc)
{
  VivScreenInfo *screen = g_new0 (VivScreenInfo, 1);

  screen->id = id;
  screen->name = viv_plain_text (name, -1, VIV_PLAIN_MOST, VIV_PLAIN_LINE);
  screen->width = width;
  screen->height = height;
  screen->vnc_address = viv_plain_text (vnc, -1, VIV_PLAIN_MOST, VIV_PLAIN_LINE);
  g_ptr_array_add (screens, screen);
}

static gboolean
is_listed (const GPtrArray *screens, unsigned id)
{
  for (guint i = 0; i < screens->len; i++)
    if (((const VivScreenInfo *)screens->pdata[i])->id == id)
      return TRUE;
  return FALSE;
}

GPtrArray *
viv_screens_read (VivMachine1 *proxy)
{
  GPtrArray *screens = g_ptr_array_new_with_free_func (screen_free);
  GVariant *list = proxy != NULL ? viv_machine1_get_screens (proxy) : NULL;

  if (proxy == NULL)
    return screens;
  for (gsize i = 0; list != NULL && i < MIN (g_variant_n_children (list), MAX_SCREENS); i++)
    {
      g_autoptr (GVariant) values = g_variant_get_child_value (list, i);
      guint32 id, width = 0, height = 0;
      const char *name = "", *vnc = "";

      if (!g_variant_lookup (values, "id", "u", &id) || is_listed (screens, id))
        continue;
      g_variant_lookup (values, "width", "u", &width);
      g_variant_lookup (values, "height", "u", &height);
      g_variant_lookup (values, "name", "&s", &name);
      g_variant_lookup (values, "vnc", "&s", &vnc);
      add (screens, id, name, width, height, vnc);
    }
  /* A monitor of an earlier version has one and doesn't say so. */
  if (list == NULL)
    add (screens, 0, "", viv_machine1_get_width (proxy), viv_machine1_get_height (proxy),
         viv_machine1_get_vnc_address (proxy) != NULL ? viv_machine1_get_vnc_address (proxy) : "");
  return screens;
}

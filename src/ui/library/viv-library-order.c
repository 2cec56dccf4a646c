/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The library's sorters and its filters.
 */
#include "config.h"

#include "ui/library/viv-library-order.h"

#include "machine/tags.h"
#include "ui/app/viv-os.h"

static gint64
last_used (VivMachine *machine, gpointer data)
{
  return viv_machine_get_last_used (machine);
}

static int
state_rank (VivMachine *machine, gpointer data)
{
  static const char *const states[]
      = { "crashed", "unresponsive", "broken", "running", "starting", "paused" };
  const char *state = viv_machine_get_state (machine);

  for (unsigned i = 0; i < G_N_ELEMENTS (states); i++)
    if (g_strcmp0 (states[i], state) == 0)
      return (int)i;
  return G_N_ELEMENTS (states);
}

static const char *
tags_of (VivMachine *machine)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);

  return definition ? definition_text (definition, "machine.tags") : NULL;
}

static char *
searched (VivMachine *machine, gpointer data)
{
  const MachineDefinition *definition = viv_machine_get_definition (machine);
  const char *os = definition && definition_text (definition, "machine.os")
                       ? definition_text (definition, "machine.os")
                       : "";

  return g_strdup_printf ("%s\n%s\n%s\n%s", viv_machine_get_name (machine), viv_os_label (os), os,
                          tags_of (machine) ? tags_of (machine) : "");
}

GtkSorter *
viv_library_sorter_new (VivOrder order)
{
  GtkExpression *expression;
  GtkNumericSorter *sorter;

  if (order == VIV_ORDER_NAME)
    return NULL;
  if (order == VIV_ORDER_USED)
    expression
        = gtk_cclosure_expression_new (G_TYPE_INT64, NULL, 0, NULL, G_CALLBACK (last_used), NULL, NULL);
  else
    expression = gtk_cclosure_expression_new (G_TYPE_INT, NULL, 0, NULL, G_CALLBACK (state_rank), NULL, NULL);
  sorter = gtk_numeric_sorter_new (expression);
  gtk_numeric_sorter_set_sort_order (sorter,
                                     order == VIV_ORDER_USED ? GTK_SORT_DESCENDING : GTK_SORT_ASCENDING);
  return GTK_SORTER (sorter);
}

GtkFilter *
viv_library_filter_new (void)
{
  return GTK_FILTER (gtk_string_filter_new (
      gtk_cclosure_expression_new (G_TYPE_STRING, NULL, 0, NULL, G_CALLBACK (searched), NULL, NULL)));
}

/* -- Tags -- */

static gboolean
has_tag (gpointer item, gpointer data)
{
  const char *tag = g_object_get_data (G_OBJECT (*(GtkFilter **)data), "viv-tag");
  g_auto (GStrv) tags = tag ? tags_parse (tags_of (item)) : NULL;

  return !tag || tags_have ((const char *const *)tags, tag);
}

GtkFilter *
viv_library_tag_filter_new (void)
{
  GtkFilter **self = g_new0 (GtkFilter *, 1);
  GtkCustomFilter *filter = gtk_custom_filter_new (has_tag, self, g_free);

  *self = GTK_FILTER (filter);
  return GTK_FILTER (filter);
}

void
viv_library_tag_filter_set (GtkFilter *filter, const char *tag)
{
  g_object_set_data_full (G_OBJECT (filter), "viv-tag", g_strdup (tag), g_free);
  gtk_filter_changed (filter, GTK_FILTER_CHANGE_DIFFERENT);
}

GStrv
viv_library_list_tags (GListModel *machines)
{
  g_autoptr (GString) all = g_string_new (NULL);

  for (guint i = 0; i < g_list_model_get_n_items (machines); i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (machines, i);

      if (tags_of (machine))
        g_string_append_printf (all, ",%s", tags_of (machine));
    }
  return tags_parse (all->str);
}

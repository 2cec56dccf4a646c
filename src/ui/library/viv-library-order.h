/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * In which order the library shows its machines, and which of them a search finds.  For GtkSortListModel and GtkFilterListModel.
 */
#pragma once

#include "machine/host.h"

#include <gtk/gtk.h>

G_BEGIN_DECLS

/* The setting "library-sort" has the same values. */
typedef enum
{
  VIV_ORDER_NAME,  /* the library's own */
  VIV_ORDER_USED,  /* what ran last comes first */
  VIV_ORDER_STATE, /* what needs a person, then what runs, then what is off */
} VivOrder;

/* Machines that are equal keep the library's order.  NULL for VIV_ORDER_NAME: there is nothing to sort.  When a machine has
 * changed make a new one: GtkSortListModel keeps what a sorter said of an item.  Transfer full. */
GtkSorter *viv_library_sorter_new (VivOrder order);
/* By name, system's name and id and tags, in part; gtk_string_filter_set_search() says for what.  Transfer full. */
GtkFilter *viv_library_filter_new (void);
/* Machines with a tag; at first, and for NULL, all.  When tags have changed, say gtk_filter_changed().  Transfer full. */
GtkFilter *viv_library_tag_filter_new (void);
void viv_library_tag_filter_set (GtkFilter *filter, const char *tag);
/* All tags of all machines of a model, each once.  Transfer full. */
GStrv viv_library_list_tags (GListModel *machines);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The library.
 */
#define G_LOG_DOMAIN "viv-library-page"

#include "config.h"

#include "ui/library/viv-library-page.h"

#include "ui/app/viv-jobs-button.h"
#include "ui/library/viv-library-order.h"
#include "ui/library/viv-machine-card.h"
#include "ui/library/viv-machine-selection.h"
#include "ui/library/viv-tag-bar.h"
#include "ui/library/viv-tags-dialog.h"
#include "ui/machine/viv-many.h"
#include "ui/app/viv-shell.h"
#include "ui/app/viv-preferences.h"

#include <glib/gi18n.h>

#define FOCUS_DELAY 60 /* ms */

struct _VivLibraryPage
{
  AdwBin parent_instance;

  GtkSearchBar *search_bar;
  GtkEditable *search_entry;
  GtkStack *stack;
  GtkGridView *grid;
  GtkListView *list;
  GtkMenuButton *view_button;
  GtkWidget *create_button;
  GtkToggleButton *select_button;
  VivTagBar *tag_bar;
  GtkActionBar *selection_bar;
  GtkLabel *selection_label;

  VivHost *host;
  GtkFilter *filter, *tag_filter;
  GtkSortListModel *sorted;
  VivMachineSelection *chosen;
  GtkSelectionModel *selection; /* of `chosen` */
  guint tags_source;
  guint focus_source;
  VivMachine *focus_machine; /* weak: whose card is to have the focus */
};

G_DEFINE_FINAL_TYPE (VivLibraryPage, viv_library_page, ADW_TYPE_BIN)

static gboolean
is_list (VivLibraryPage *self)
{
  return gtk_list_view_get_model (self->list) != NULL;
}

/* What shows the machines now. */
static GtkWidget *
items (VivLibraryPage *self)
{
  return is_list (self) ? GTK_WIDGET (self->list) : GTK_WIDGET (self->grid);
}

static void
update_stack (VivLibraryPage *self)
{
  gboolean any = self->host && g_list_model_get_n_items (G_LIST_MODEL (self->host)) > 0;
  gboolean found = any && g_list_model_get_n_items (G_LIST_MODEL (self->selection)) > 0;

  gtk_stack_set_visible_child_name (self->stack, !any             ? "empty"
                                                 : !found         ? "none"
                                                 : is_list (self) ? "list"
                                                                  : "grid");
}

static void
on_search_changed (VivLibraryPage *self)
{
  g_autofree char *text = g_strstrip (g_strdup (gtk_editable_get_text (self->search_entry)));

  gtk_string_filter_set_search (GTK_STRING_FILTER (self->filter), text);
  update_stack (self);
}

static void
view (VivLibraryPage *self, guint position)
{
  g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (self->selection), position);
  VivShell *window = viv_shell_of (GTK_WIDGET (self));

  if (machine && window)
    viv_shell_view (window, machine);
}

/* -- Several machines -- */

static const struct
{
  const char *action;
  gboolean (*can) (GPtrArray *machines);
  void (*run) (VivShell *shell, GPtrArray *machines);
} operations[] = {
  { "selection.start", viv_many_can_start, viv_many_start },
  { "selection.power-off", viv_many_can_power_off, viv_many_power_off },
  { "selection.delete", viv_many_can_delete, viv_many_delete },
  { "selection.tag", NULL, viv_tags_dialog_ask },
};

static void
update_selection (VivLibraryPage *self)
{
  g_autoptr (GPtrArray) machines = viv_machine_selection_list (self->chosen);
  g_autofree char *text
      = machines->len ? g_strdup_printf (ngettext ("%u chosen", "%u chosen", machines->len), machines->len)
                      : g_strdup (_ ("None chosen"));

  gtk_action_bar_set_revealed (self->selection_bar, viv_machine_selection_is_active (self->chosen));
  gtk_label_set_label (self->selection_label, text);
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    gtk_widget_action_set_enabled (GTK_WIDGET (self), operations[i].action,
                                   machines->len && (!operations[i].can || operations[i].can (machines)));
}

static void
on_selection_action (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivLibraryPage *self = VIV_LIBRARY_PAGE (widget);
  g_autoptr (GPtrArray) machines = viv_machine_selection_list (self->chosen);
  VivShell *shell = viv_shell_of (widget);

  for (unsigned i = 0; shell && machines->len && i < G_N_ELEMENTS (operations); i++)
    if (g_str_equal (operations[i].action, name))
      operations[i].run (shell, machines);
}

static void
on_selection_end (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivLibraryPage *self = VIV_LIBRARY_PAGE (widget);

  viv_machine_selection_set_active (self->chosen, FALSE);
  viv_library_page_focus (self, NULL);
}

static void
on_selection_all (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivLibraryPage *self = VIV_LIBRARY_PAGE (widget);

  viv_machine_selection_set_active (self->chosen, TRUE);
  gtk_selection_model_select_all (self->selection);
}

/* -- Tags -- */

static gboolean
on_tags (gpointer data)
{
  VivLibraryPage *self = data;
  g_auto (GStrv) tags = viv_library_list_tags (G_LIST_MODEL (self->host));

  self->tags_source = 0;
  viv_tag_bar_set_tags (self->tag_bar, (const char *const *)tags);
  if (viv_tag_bar_get_chosen (self->tag_bar))
    gtk_filter_changed (self->tag_filter, GTK_FILTER_CHANGE_DIFFERENT);
  update_stack (self);
  return G_SOURCE_REMOVE;
}

/* Once for all machines that change together. */
static void
look_at_tags (VivLibraryPage *self)
{
  if (!self->tags_source)
    self->tags_source = g_idle_add (on_tags, self);
}

static void
on_tag_chosen (VivLibraryPage *self)
{
  viv_library_tag_filter_set (self->tag_filter, viv_tag_bar_get_chosen (self->tag_bar));
  update_stack (self);
}

/* Enter in the search opens the first that was found. */
static void
on_search_activate (VivLibraryPage *self)
{
  view (self, 0);
}

static void
on_activate (VivLibraryPage *self, guint position)
{
  view (self, position);
}

/* -- Items -- */

static void
on_setup (GtkListItemFactory *factory, GtkListItem *item, gpointer shape)
{
  gtk_list_item_set_child (item, viv_machine_card_new (GPOINTER_TO_INT (shape)));
}

static void
on_bind (GtkListItemFactory *factory, GtkListItem *item)
{
  viv_machine_card_set_machine (VIV_MACHINE_CARD (gtk_list_item_get_child (item)),
                                gtk_list_item_get_item (item));
}

static void
on_unbind (GtkListItemFactory *factory, GtkListItem *item)
{
  viv_machine_card_set_machine (VIV_MACHINE_CARD (gtk_list_item_get_child (item)), NULL);
}

/* The card whose cell has the keyboard focus; NULL if none. */
static VivMachineCard *
focused_card (VivLibraryPage *self)
{
  GtkRoot *root = gtk_widget_get_root (GTK_WIDGET (self));
  GtkWidget *focus = root ? gtk_root_get_focus (root) : NULL;

  for (GtkWidget *child = focus ? gtk_widget_get_first_child (focus) : NULL; child;
       child = gtk_widget_get_next_sibling (child))
    if (VIV_IS_MACHINE_CARD (child) && gtk_widget_is_ancestor (child, GTK_WIDGET (self)))
      return VIV_MACHINE_CARD (child);
  return NULL;
}

static gboolean
on_menu_key (GtkWidget *widget, GVariant *arguments, gpointer data)
{
  VivLibraryPage *self = data;
  VivMachineCard *card = viv_machine_selection_is_active (self->chosen) ? NULL : focused_card (self);

  if (card)
    viv_machine_card_popup (card, -1, -1);
  return card != NULL;
}

static gboolean
on_card_key (GtkWidget *widget, GVariant *arguments, gpointer data)
{
  VivLibraryPage *self = data;
  VivMachineCard *card = focused_card (self);
  const char *action = g_variant_get_string (arguments, NULL);

  if (viv_machine_selection_is_active (self->chosen))
    return g_str_equal (action, "card.delete")
           && gtk_widget_activate_action (GTK_WIDGET (self), "selection.delete", NULL);
  return card && gtk_widget_activate_action (GTK_WIDGET (card), action, NULL);
}

static void
add_shortcuts (VivLibraryPage *self, gpointer widget)
{
  static const struct
  {
    const char *trigger, *action;
  } keys[] = {
    { "Delete", "card.delete" },
    { "F2", "card.rename" },
    { "<Alt>Return", "card.settings" },
    { "Menu|<Shift>F10", NULL },
  };
  GtkEventController *controller = gtk_shortcut_controller_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      GtkShortcutAction *action
          = gtk_callback_action_new (keys[i].action ? on_card_key : on_menu_key, self, NULL);
      GtkShortcut *shortcut = gtk_shortcut_new (gtk_shortcut_trigger_parse_string (keys[i].trigger), action);

      if (keys[i].action)
        gtk_shortcut_set_arguments (shortcut, g_variant_new_string (keys[i].action));
      gtk_shortcut_controller_add_shortcut (GTK_SHORTCUT_CONTROLLER (controller), shortcut);
    }
  /* Before the widget's own keys. */
  gtk_event_controller_set_propagation_phase (controller, GTK_PHASE_CAPTURE);
  gtk_widget_add_controller (widget, controller);
}

/* -- View and order -- */

/* Only what is shown has cards: each of them reads a picture. */
static void
update_view (VivLibraryPage *self)
{
  gboolean list = g_settings_get_enum (viv_settings (), "library-view") == 1;
  GtkSelectionModel *model = self->selection;

  gtk_grid_view_set_model (self->grid, list ? NULL : model);
  gtk_list_view_set_model (self->list, list ? model : NULL);
  gtk_menu_button_set_icon_name (self->view_button, list ? "view-list-symbolic" : "view-grid-symbolic");
  update_stack (self);
}

/* Also when a machine has changed: the model keeps what a sorter has once said of it, and asks a new one anew. */
static void
update_order (VivLibraryPage *self)
{
  g_autoptr (GtkSorter) sorter
      = viv_library_sorter_new (g_settings_get_enum (viv_settings (), "library-sort"));

  gtk_sort_list_model_set_sorter (self->sorted, sorter);
  update_selection (self);
}

static void
follow_machines (VivLibraryPage *self, guint position, guint removed, guint added)
{
  for (guint i = position; i < position + added; i++)
    {
      g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (self->host), i);

      g_signal_handlers_disconnect_by_func (machine, update_order, self);
      g_signal_connect_object (machine, "state-changed", G_CALLBACK (update_order), self, G_CONNECT_SWAPPED);
      g_signal_handlers_disconnect_by_func (machine, look_at_tags, self);
      g_signal_connect_object (machine, "notify::definition", G_CALLBACK (look_at_tags), self,
                               G_CONNECT_SWAPPED);
    }
  look_at_tags (self);
  update_stack (self);
}

static void
add_actions (VivLibraryPage *self)
{
  static const char *const keys[] = { "library-view", "library-sort" };
  g_autoptr (GSimpleActionGroup) group = g_simple_action_group_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autoptr (GAction) action = g_settings_create_action (viv_settings (), keys[i]);

      g_action_map_add_action (G_ACTION_MAP (group), action);
    }
  gtk_widget_insert_action_group (GTK_WIDGET (self), "library", G_ACTION_GROUP (group));
}

static gboolean
on_drop (GtkDropTarget *target, const GValue *value, double x, double y, VivLibraryPage *self)
{
  GSList *files = g_value_get_boxed (value);
  VivShell *window = viv_shell_of (GTK_WIDGET (self));

  if (!files || !window)
    return FALSE;
  viv_shell_create (window, files->data);
  return TRUE;
}

static void
viv_library_page_dispose (GObject *object)
{
  VivLibraryPage *self = VIV_LIBRARY_PAGE (object);

  g_clear_handle_id (&self->focus_source, g_source_remove);
  g_clear_handle_id (&self->tags_source, g_source_remove);
  g_clear_weak_pointer (&self->focus_machine);
  if (self->host)
    g_signal_handlers_disconnect_by_data (self->host, self);
  if (self->selection)
    g_signal_handlers_disconnect_by_data (self->selection, self);
  if (self->chosen)
    g_signal_handlers_disconnect_by_data (self->chosen, self);
  adw_bin_set_child (ADW_BIN (self), NULL);
  g_signal_handlers_disconnect_by_data (viv_settings (), self);
  self->selection = NULL;
  g_clear_object (&self->chosen);
  g_clear_object (&self->sorted);
  g_clear_object (&self->filter);
  g_clear_object (&self->tag_filter);
  g_clear_object (&self->host);
  G_OBJECT_CLASS (viv_library_page_parent_class)->dispose (object);
}

static void
viv_library_page_map (GtkWidget *widget)
{
  VivLibraryPage *self = VIV_LIBRARY_PAGE (widget);

  GTK_WIDGET_CLASS (viv_library_page_parent_class)->map (widget);
  gtk_search_bar_set_key_capture_widget (self->search_bar, GTK_WIDGET (gtk_widget_get_root (widget)));
}

/* Not while a machine is shown: what is typed is the machine's. */
static void
viv_library_page_unmap (GtkWidget *widget)
{
  gtk_search_bar_set_key_capture_widget (VIV_LIBRARY_PAGE (widget)->search_bar, NULL);
  GTK_WIDGET_CLASS (viv_library_page_parent_class)->unmap (widget);
}

static void
viv_library_page_class_init (VivLibraryPageClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_library_page_dispose;
  widget_class->map = viv_library_page_map;
  widget_class->unmap = viv_library_page_unmap;
  g_type_ensure (VIV_TYPE_JOBS_BUTTON);
  g_type_ensure (VIV_TYPE_TAG_BAR);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-library-page.ui");
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, search_bar);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, search_entry);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, stack);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, grid);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, list);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, view_button);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, create_button);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, select_button);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, tag_bar);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, selection_bar);
  gtk_widget_class_bind_template_child (widget_class, VivLibraryPage, selection_label);
  for (unsigned i = 0; i < G_N_ELEMENTS (operations); i++)
    gtk_widget_class_install_action (widget_class, operations[i].action, NULL, on_selection_action);
  gtk_widget_class_install_action (widget_class, "selection.all", NULL, on_selection_all);
  gtk_widget_class_install_action (widget_class, "selection.end", NULL, on_selection_end);
  gtk_widget_class_bind_template_callback (widget_class, on_tag_chosen);
  gtk_widget_class_bind_template_callback (widget_class, on_search_changed);
  gtk_widget_class_bind_template_callback (widget_class, on_search_activate);
  gtk_widget_class_bind_template_callback (widget_class, on_activate);
}

static GtkListItemFactory *
make_factory (VivCardShape shape)
{
  GtkListItemFactory *factory = gtk_signal_list_item_factory_new ();

  g_signal_connect (factory, "setup", G_CALLBACK (on_setup), GINT_TO_POINTER (shape));
  g_signal_connect (factory, "bind", G_CALLBACK (on_bind), NULL);
  g_signal_connect (factory, "unbind", G_CALLBACK (on_unbind), NULL);
  return factory;
}

static void
viv_library_page_init (VivLibraryPage *self)
{
  g_autoptr (GtkListItemFactory) cards = make_factory (VIV_CARD_GRID);
  g_autoptr (GtkListItemFactory) rows = make_factory (VIV_CARD_LIST);
  GtkDropTarget *drop = gtk_drop_target_new (GDK_TYPE_FILE_LIST, GDK_ACTION_COPY);

  gtk_widget_init_template (GTK_WIDGET (self));
  gtk_grid_view_set_factory (self->grid, cards);
  gtk_list_view_set_factory (self->list, rows);
  gtk_search_bar_connect_entry (self->search_bar, self->search_entry);
  g_signal_connect (drop, "drop", G_CALLBACK (on_drop), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drop));
  add_shortcuts (self, self->grid);
  add_shortcuts (self, self->list);
  add_actions (self);
}

void
viv_library_page_set_host (VivLibraryPage *self, VivHost *host)
{
  GtkEveryFilter *every;
  GtkFilterListModel *filtered;

  g_return_if_fail (!self->host);
  self->host = g_object_ref (host);
  self->filter = viv_library_filter_new ();
  self->tag_filter = viv_library_tag_filter_new ();
  every = gtk_every_filter_new ();
  gtk_multi_filter_append (GTK_MULTI_FILTER (every), g_object_ref (self->tag_filter));
  gtk_multi_filter_append (GTK_MULTI_FILTER (every), g_object_ref (self->filter));
  filtered = gtk_filter_list_model_new (g_object_ref (G_LIST_MODEL (host)), GTK_FILTER (every));
  self->sorted = gtk_sort_list_model_new (G_LIST_MODEL (filtered), NULL);
  self->chosen = viv_machine_selection_new (g_object_ref (G_LIST_MODEL (self->sorted)));
  self->selection = viv_machine_selection_get_model (self->chosen);
  viv_machine_selection_add_view (self->chosen, GTK_WIDGET (self->grid));
  viv_machine_selection_add_view (self->chosen, GTK_WIDGET (self->list));
  g_object_bind_property (self->chosen, "active", self->select_button, "active",
                          G_BINDING_BIDIRECTIONAL | G_BINDING_SYNC_CREATE);
  g_signal_connect_swapped (self->chosen, "changed", G_CALLBACK (update_selection), self);
  g_signal_connect_swapped (self->chosen, "notify::active", G_CALLBACK (update_selection), self);
  g_signal_connect_swapped (host, "items-changed", G_CALLBACK (follow_machines), self);
  g_signal_connect_swapped (self->selection, "items-changed", G_CALLBACK (update_stack), self);
  g_signal_connect_swapped (viv_settings (), "changed::library-view", G_CALLBACK (update_view), self);
  g_signal_connect_swapped (viv_settings (), "changed::library-sort", G_CALLBACK (update_order), self);
  update_selection (self);
  follow_machines (self, 0, 0, g_list_model_get_n_items (G_LIST_MODEL (host)));
  update_order (self);
  update_view (self);
}

void
viv_library_page_toggle_search (VivLibraryPage *self)
{
  gtk_search_bar_set_search_mode (self->search_bar, !gtk_search_bar_get_search_mode (self->search_bar));
}

/* Keys such as Delete must not meet another machine than the one that was just looked at. */
static gboolean
focus_card (VivLibraryPage *self, VivMachine *machine)
{
  for (GtkWidget *cell = gtk_widget_get_first_child (items (self)); cell;
       cell = gtk_widget_get_next_sibling (cell))
    {
      GtkWidget *card = gtk_widget_get_first_child (cell);

      if (card && VIV_IS_MACHINE_CARD (card)
          && viv_machine_card_get_machine (VIV_MACHINE_CARD (card)) == machine)
        return gtk_widget_grab_focus (cell);
    }
  return FALSE;
}

static gboolean
on_focus (gpointer data)
{
  VivLibraryPage *self = data;
  VivMachine *machine = self->focus_machine;

  self->focus_source = 0;
  if (!gtk_widget_get_mapped (GTK_WIDGET (self)) || gtk_search_bar_get_search_mode (self->search_bar))
    return G_SOURCE_REMOVE;
  if (machine && focus_card (self, machine))
    return G_SOURCE_REMOVE;
  if (gtk_widget_get_mapped (items (self)))
    gtk_widget_child_focus (items (self), GTK_DIR_TAB_FORWARD);
  else
    gtk_widget_grab_focus (self->create_button);
  return G_SOURCE_REMOVE;
}

void
viv_library_page_focus (VivLibraryPage *self, VivMachine *machine)
{
  g_set_weak_pointer (&self->focus_machine, machine);
  for (guint i = 0; machine && i < g_list_model_get_n_items (G_LIST_MODEL (self->selection)); i++)
    {
      g_autoptr (VivMachine) item = g_list_model_get_item (G_LIST_MODEL (self->selection), i);

      if (item == machine)
        gtk_widget_activate_action (items (self), "list.scroll-to-item", "u", i);
    }
  /* Cells are made when the widget is allocated. */
  if (!self->focus_source)
    self->focus_source = g_timeout_add (FOCUS_DELAY, on_focus, self);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pages of answers.
 */
#define G_LOG_DOMAIN "viv-inside-window"

#include "config.h"

#include "ui/machine/viv-inside-window.h"

#include "ui/machine/viv-inside-prompt.h"
#include "ui/machine/viv-inside-text.h"

#include <glib/gi18n.h>
#include <string.h>

#define PERIOD_MS   1000
#define MOST_BYTES  512 /* of memory on one page */
#define CODE_BYTES  160
#define WINDOW_DATA "viv-inside-window"

typedef enum
{
  HAS_PROCESSOR = 1 << 0,
  HAS_ADDRESS = 1 << 1, /* empty: `commands` without one */
  HAS_DEVICE = 1 << 2,
  HAS_STEPS = 1 << 3, /* there are bytes before and behind */
  IS_PROMPT = 1 << 4,
} PageFlags;

typedef struct
{
  const char *id, *title;
  PageFlags flags;
  const char *commands[3]; /* shown one below the other */
} Page;

static const Page pages[] = {
  { "registers", N_ ("Registers"), HAS_PROCESSOR, { "info registers" } },
  { "code", N_ ("Code"), HAS_PROCESSOR | HAS_ADDRESS, { "disassemble" } },
  { "memory", N_ ("Memory"), HAS_PROCESSOR | HAS_ADDRESS | HAS_STEPS, { "x" } },
  { "page-tables", N_ ("Page Tables"), HAS_PROCESSOR | HAS_ADDRESS, { "info pages" } },
  { "map", N_ ("Memory Map"), 0, { "info map", "info ports" } },
  { "devices", N_ ("Devices"), HAS_DEVICE, { "info devices" } },
  { "pci", N_ ("PCI"), 0, { "info pci" } },
  { "usb", N_ ("USB"), 0, { "info usb" } },
  { "drives", N_ ("Drives and Queues"), 0, { "info block", "info queues" } },
  { "networks", N_ ("Networks"), 0, { "info net" } },
  { "interrupts", N_ ("Interrupts"), HAS_PROCESSOR, { "info lapic", "info interrupts" } },
  { "clocks", N_ ("Clocks"), 0, { "info clocks" } },
  { "statistics", N_ ("Statistics"), 0, { "info status", "info statistics" } },
  { "prompt", N_ ("Prompt"), IS_PROMPT, { NULL } },
};

struct _VivInsideWindow
{
  AdwWindow parent_instance;

  AdwLeaflet *leaflet;
  GtkWidget *sidebar, *content, *inputs, *steps;
  GtkListBox *pages;
  AdwWindowTitle *heading;
  GtkWidget *pause_button, *resume_button;
  GtkToggleButton *follow_button, *physical;
  GtkDropDown *processor, *device;
  GtkEditable *address;
  GtkStack *stack;
  GtkTextView *text;
  VivInsidePrompt *prompt;

  VivMachine *machine;
  GCancellable *cancellable; /* of what was asked last */
  const Page *page;
  guint source;      /* turns while the machine is followed */
  gboolean updating; /* inputs change, and not by a person's hand */
  gboolean asked_devices;
  char *shown; /* the commands whose answer is shown… */
  guint width; /* …in lines of so many letters */
};

G_DEFINE_FINAL_TYPE (VivInsideWindow, viv_inside_window, ADW_TYPE_WINDOW)

/* -- Asking ----------------------------------------------------------------------------------------- */

/* An answer of several commands, one after the other. */
typedef struct
{
  VivInsideWindow *self;
  GCancellable *cancellable;
  GStrv lines;
  unsigned next;
  GString *text;
} Asking;

static void
asking_free (Asking *asking)
{
  g_object_unref (asking->self);
  g_object_unref (asking->cancellable);
  g_strfreev (asking->lines);
  g_string_free (asking->text, TRUE);
  g_free (asking);
}

static void on_answer (GObject *source, GAsyncResult *result, gpointer data);

static void
ask_next (Asking *asking)
{
  viv_machine_command (asking->self->machine, asking->lines[asking->next], FALSE, asking->cancellable,
                       on_answer, asking);
}

static void
show_answer (Asking *asking)
{
  VivInsideWindow *self = asking->self;
  g_autofree char *whole = g_strjoinv ("\n", asking->lines);
  const guint width = viv_inside_text_width (self->text);
  g_autofree char *flowing = viv_inside_text_flow (asking->text->str, width);
  gboolean same = g_strcmp0 (whole, self->shown) == 0 && width == self->width;

  viv_inside_text_set (self->text, flowing, same);
  self->width = width;
  g_free (self->shown);
  self->shown = g_steal_pointer (&whole);
}

static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Asking *asking = data;
  g_autoptr (GError) error = NULL;
  g_autofree char *answer = viv_machine_command_finish (VIV_MACHINE (source), result, &error);

  if (g_cancellable_is_cancelled (asking->cancellable))
    {
      asking_free (asking);
      return;
    }
  if (asking->text->len > 0)
    g_string_append_c (asking->text, '\n');
  g_string_append (asking->text, answer ? answer : error->message);
  asking->next++;
  if (asking->lines[asking->next] != NULL)
    {
      ask_next (asking);
      return;
    }
  show_answer (asking);
  /* The next look may begin. */
  if (asking->self->cancellable == asking->cancellable)
    g_clear_object (&asking->self->cancellable);
  asking_free (asking);
}

static void
stop_asking (VivInsideWindow *self)
{
  g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
}

/* -- What is asked for a page ----------------------------------------------------------------------- */

static const char *
selected_text (GtkDropDown *drop_down)
{
  GtkStringObject *object = gtk_drop_down_get_selected_item (drop_down);

  return object ? gtk_string_object_get_string (object) : "";
}

/* What stands in the entry, or what is looked at without it. */
static const char *
wanted_address (VivInsideWindow *self, const char *fallback)
{
  const char *text = gtk_editable_get_text (self->address);

  return *text != '\0' ? text : fallback;
}

static char *
line_of (VivInsideWindow *self, const char *command)
{
  g_autofree char *address = g_strstrip (g_strdup (wanted_address (self, "")));
  const gboolean physical = gtk_toggle_button_get_active (self->physical);
  g_autofree char *line = NULL;

  if (g_str_equal (command, "x"))
    line = g_strdup_printf ("%s %s %d", physical ? "xp" : "x",
                            *address   ? address
                            : physical ? "0"
                                       : "$rsp",
                            MOST_BYTES);
  else if (g_str_equal (command, "disassemble"))
    line = g_strdup_printf ("disassemble %s %d", *address ? address : "$rip", CODE_BYTES);
  else if (g_str_equal (command, "info pages") && *address)
    line = g_strdup_printf ("page-walk %s", address);
  else if (g_str_equal (command, "info devices") && gtk_drop_down_get_selected (self->device) != 0
           && *selected_text (self->device))
    line = g_strdup_printf ("info device %s", selected_text (self->device));
  else
    line = g_strdup (command);
  if ((self->page->flags & HAS_PROCESSOR) == 0 || gtk_drop_down_get_selected (self->processor) == 0)
    return g_steal_pointer (&line);
  return g_strdup_printf ("cpu %u %s", gtk_drop_down_get_selected (self->processor), line);
}

/* Asks, unless it is being asked. */
static void
look (VivInsideWindow *self)
{
  Asking *asking;
  GPtrArray *lines;

  if (!self->page || (self->page->flags & IS_PROMPT) != 0 || self->cancellable
      || !viv_machine_is_live (self->machine))
    return;
  lines = g_ptr_array_new ();
  for (unsigned i = 0; i < G_N_ELEMENTS (self->page->commands) && self->page->commands[i] != NULL; i++)
    g_ptr_array_add (lines, line_of (self, self->page->commands[i]));
  g_ptr_array_add (lines, NULL);
  self->cancellable = g_cancellable_new ();
  asking = g_new0 (Asking, 1);
  *asking = (Asking){ g_object_ref (self), g_object_ref (self->cancellable),
                      (GStrv)g_ptr_array_free (lines, FALSE), 0, g_string_new (NULL) };
  ask_next (asking);
}

/* A person wants something else. */
static void
look_now (VivInsideWindow *self)
{
  if (!self->machine)
    return;
  stop_asking (self);
  look (self);
}

static void
on_input (VivInsideWindow *self)
{
  if (!self->updating)
    look_now (self);
}

static gboolean
on_period (gpointer data)
{
  VivInsideWindow *self = data;

  /* What is being copied stays. */
  if (gtk_toggle_button_get_active (self->follow_button) && gtk_widget_get_mapped (GTK_WIDGET (self))
      && !gtk_text_buffer_get_has_selection (gtk_text_view_get_buffer (self->text)))
    look (self);
  return G_SOURCE_CONTINUE;
}

/* -- Inputs ----------------------------------------------------------------------------------------- */

static void
on_devices (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivInsideWindow) self = data;
  g_autofree char *answer = viv_machine_command_finish (VIV_MACHINE (source), result, NULL);
  g_auto (GStrv) ids = g_strsplit (answer ? answer : "", "\n", -1);
  g_autoptr (GtkStringList) list = gtk_string_list_new ((const char *[]){ _ ("All Devices"), NULL });

  if (!answer)
    {
      self->asked_devices = FALSE;
      return;
    }
  for (unsigned i = 0; ids[i] != NULL; i++)
    if (*ids[i] != '\0')
      gtk_string_list_append (list, ids[i]);
  self->updating = TRUE;
  gtk_drop_down_set_model (self->device, G_LIST_MODEL (list));
  self->updating = FALSE;
}

static void
fill_processors (VivInsideWindow *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);
  const unsigned n = definition ? (unsigned)definition_number (definition, "machine.cpus") : 1;
  g_autoptr (GtkStringList) list = gtk_string_list_new (NULL);

  for (unsigned i = 0; i < MAX (n, 1); i++)
    {
      g_autofree char *name = g_strdup_printf (_ ("Processor %u"), i);

      gtk_string_list_append (list, name);
    }
  self->updating = TRUE;
  gtk_drop_down_set_model (self->processor, G_LIST_MODEL (list));
  self->updating = FALSE;
}

/* The address goes on by a page of memory, which keeps what was written: "$rsp" becomes "$rsp+0x200". */
static void
step (VivInsideWindow *self, gboolean behind)
{
  const char *text = wanted_address (self, gtk_toggle_button_get_active (self->physical) ? "0" : "$rsp");
  const char *plus = strrchr (text, '+');
  const char *number = plus ? plus + 1 : text;
  const gboolean hex = g_ascii_strncasecmp (number, "0x", 2) == 0;
  guint64 at = 0;
  g_autofree char *head = NULL, *whole = NULL;

  if (!g_ascii_string_to_unsigned (hex ? number + 2 : number, hex ? 16 : 10, 0, G_MAXUINT64, &at, NULL))
    {
      head = g_strconcat (text, "+", NULL);
      at = 0;
    }
  else
    head = g_strndup (text, (gsize)(number - text));
  /* Sums have no difference: before $rsp is 2^64 less so much, which wraps around. */
  at = behind ? at + MOST_BYTES : at - MOST_BYTES;
  whole = g_strdup_printf ("%s0x%" G_GINT64_MODIFIER "x", head, at);
  gtk_editable_set_text (self->address, whole);
  look_now (self);
}

static void
on_before (VivInsideWindow *self)
{
  step (self, FALSE);
}

static void
on_behind (VivInsideWindow *self)
{
  step (self, TRUE);
}

/* -- Pages ------------------------------------------------------------------------------------------ */

static void
update (VivInsideWindow *self)
{
  const PageFlags flags = self->page ? self->page->flags : 0;
  const gboolean live = viv_machine_is_live (self->machine);
  const char *state = viv_machine_get_state (self->machine);

  gtk_widget_set_visible (GTK_WIDGET (self->processor),
                          (flags & HAS_PROCESSOR) != 0
                              && g_list_model_get_n_items (gtk_drop_down_get_model (self->processor)) > 1);
  gtk_widget_set_visible (GTK_WIDGET (self->device), (flags & HAS_DEVICE) != 0);
  gtk_widget_set_visible (GTK_WIDGET (self->address), (flags & HAS_ADDRESS) != 0);
  gtk_widget_set_visible (GTK_WIDGET (self->physical), (flags & HAS_STEPS) != 0);
  gtk_widget_set_visible (self->steps, (flags & HAS_STEPS) != 0);
  gtk_widget_set_visible (self->inputs, live
                                            && (gtk_widget_get_visible (GTK_WIDGET (self->processor))
                                                || (flags & (HAS_DEVICE | HAS_ADDRESS)) != 0));
  gtk_widget_set_visible (GTK_WIDGET (self->follow_button), live && (flags & IS_PROMPT) == 0);
  gtk_widget_set_visible (self->pause_button, live && g_str_equal (state, "running"));
  gtk_widget_set_visible (self->resume_button, live && g_str_equal (state, "paused"));
  gtk_stack_set_visible_child_name (self->stack, !live                      ? "off"
                                                 : (flags & IS_PROMPT) != 0 ? "prompt"
                                                                            : "text");
  if (live && !self->asked_devices)
    {
      self->asked_devices = TRUE;
      viv_machine_command (self->machine, "complete info device ", FALSE, NULL, on_devices,
                           g_object_ref (self));
    }
  if (!live)
    self->asked_devices = FALSE;
}

static void
on_state (VivInsideWindow *self)
{
  update (self);
  look_now (self);
}

static void
on_row_selected (VivInsideWindow *self, GtkListBoxRow *row)
{
  if (!row || !self->machine)
    return;
  self->page = &pages[gtk_list_box_row_get_index (row)];
  adw_window_title_set_title (self->heading, _ (self->page->title));
  viv_inside_text_set (self->text, "", FALSE);
  g_clear_pointer (&self->shown, g_free);
  update (self);
  look_now (self);
}

/* By a click or Enter: in a narrow window the page comes in front, and the keys go where they are of use. */
static void
on_row_activated (VivInsideWindow *self, GtkListBoxRow *row)
{
  adw_leaflet_set_visible_child (self->leaflet, self->content);
  if (self->page && (self->page->flags & IS_PROMPT) != 0)
    gtk_widget_grab_focus (GTK_WIDGET (self->prompt));
}

static void
on_back (VivInsideWindow *self)
{
  adw_leaflet_set_visible_child (self->leaflet, self->sidebar);
}

void
viv_inside_window_show_page (VivInsideWindow *self, const char *id)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (pages); i++)
    if (g_str_equal (pages[i].id, id))
      gtk_list_box_select_row (self->pages, gtk_list_box_get_row_at_index (self->pages, (int)i));
}

/* -- The machine ------------------------------------------------------------------------------------ */

static void
on_done (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  /* Where it stays as it is, the button does, too; who has ordered the machine about meanwhile knows why. */
  if (!viv_machine_finish (VIV_MACHINE (source), result, &error))
    g_message ("%s", error->message);
}

static void
on_pause (VivInsideWindow *self)
{
  viv_machine_pause (self->machine, NULL, on_done, NULL);
}

static void
on_resume (VivInsideWindow *self)
{
  viv_machine_resume (self->machine, NULL, on_done, NULL);
}

/* -- Life ------------------------------------------------------------------------------------------- */

static void
action_refresh (GtkWidget *widget, const char *name, GVariant *parameter)
{
  look_now (VIV_INSIDE_WINDOW (widget));
}

static void
action_address (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivInsideWindow *self = VIV_INSIDE_WINDOW (widget);

  if (gtk_widget_get_visible (GTK_WIDGET (self->address)))
    gtk_widget_grab_focus (GTK_WIDGET (self->address));
}

static void
action_prompt (GtkWidget *widget, const char *name, GVariant *parameter)
{
  VivInsideWindow *self = VIV_INSIDE_WINDOW (widget);

  viv_inside_window_show_page (self, "prompt");
  adw_leaflet_set_visible_child (self->leaflet, self->content);
  gtk_widget_grab_focus (GTK_WIDGET (self->prompt));
}

static void
viv_inside_window_dispose (GObject *object)
{
  VivInsideWindow *self = VIV_INSIDE_WINDOW (object);

  g_clear_handle_id (&self->source, g_source_remove);
  stop_asking (self);
  if (self->machine)
    {
      g_signal_handlers_disconnect_by_data (self->machine, self);
      g_object_set_data (G_OBJECT (self->machine), WINDOW_DATA, NULL);
    }
  g_clear_pointer (&self->shown, g_free);
  G_OBJECT_CLASS (viv_inside_window_parent_class)->dispose (object);
}

static void
viv_inside_window_finalize (GObject *object)
{
  VivInsideWindow *self = VIV_INSIDE_WINDOW (object);

  g_clear_object (&self->machine);
  G_OBJECT_CLASS (viv_inside_window_parent_class)->finalize (object);
}

static void
viv_inside_window_class_init (VivInsideWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = viv_inside_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_inside_window_finalize;
  g_type_ensure (VIV_TYPE_INSIDE_PROMPT);
  gtk_widget_class_set_template_from_resource (widget_class, "/org/vivarium/Vivarium/viv-inside-window.ui");
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, leaflet);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, sidebar);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, content);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, inputs);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, steps);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, pages);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, heading);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, pause_button);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, resume_button);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, follow_button);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, physical);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, processor);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, device);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, address);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, text);
  gtk_widget_class_bind_template_child (widget_class, VivInsideWindow, prompt);
  gtk_widget_class_bind_template_callback (widget_class, on_row_selected);
  gtk_widget_class_bind_template_callback (widget_class, on_row_activated);
  gtk_widget_class_bind_template_callback (widget_class, on_back);
  gtk_widget_class_bind_template_callback (widget_class, on_pause);
  gtk_widget_class_bind_template_callback (widget_class, on_resume);
  gtk_widget_class_bind_template_callback (widget_class, on_input);
  gtk_widget_class_bind_template_callback (widget_class, on_before);
  gtk_widget_class_bind_template_callback (widget_class, on_behind);
  gtk_widget_class_bind_template_callback (widget_class, look_now);
  gtk_widget_class_install_action (widget_class, "inside.refresh", NULL, action_refresh);
  gtk_widget_class_install_action (widget_class, "inside.address", NULL, action_address);
  gtk_widget_class_install_action (widget_class, "inside.prompt", NULL, action_prompt);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_Escape, 0, "window.close", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_w, GDK_CONTROL_MASK, "window.close", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_F5, 0, "inside.refresh", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_l, GDK_CONTROL_MASK, "inside.address", NULL);
  gtk_widget_class_add_binding_action (widget_class, GDK_KEY_k, GDK_CONTROL_MASK, "inside.prompt", NULL);
}

static void
viv_inside_window_init (VivInsideWindow *self)
{
  gtk_widget_init_template (GTK_WIDGET (self));
  viv_inside_text_init (self->text);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self->text), GTK_ACCESSIBLE_PROPERTY_LABEL, _ ("Answers"),
                                  -1);
  for (unsigned i = 0; i < G_N_ELEMENTS (pages); i++)
    {
      GtkWidget *label = gtk_label_new (_ (pages[i].title));

      gtk_label_set_xalign (GTK_LABEL (label), 0);
      gtk_label_set_ellipsize (GTK_LABEL (label), PANGO_ELLIPSIZE_END);
      gtk_list_box_append (self->pages, label);
    }
}

GtkWindow *
viv_inside_window_of (VivMachine *machine, GtkApplication *application)
{
  VivInsideWindow *self = g_object_get_data (G_OBJECT (machine), WINDOW_DATA);

  if (self)
    return GTK_WINDOW (self);
  self = g_object_new (VIV_TYPE_INSIDE_WINDOW, "application", application, NULL);
  self->machine = g_object_ref (machine);
  g_object_set_data (G_OBJECT (machine), WINDOW_DATA, self);
  adw_window_title_set_subtitle (self->heading, viv_machine_get_name (machine));
  fill_processors (self);
  viv_inside_prompt_set_machine (self->prompt, machine);
  g_signal_connect_swapped (machine, "state-changed", G_CALLBACK (on_state), self);
  self->source = g_timeout_add (PERIOD_MS, on_period, self);
  viv_inside_window_show_page (self, "registers");
  return GTK_WINDOW (self);
}

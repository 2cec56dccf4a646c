/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "viv-forward-rows"

#include "config.h"

#include "ui/settings/viv-forward-rows.h"

#include "machine/forward-test.h"
#include "ui/app/viv-dialogs.h"
#include "ui/app/viv-rows.h"
#include "ui/settings/viv-row-rules.h"

#include <glib/gi18n.h>
#include <string.h>

#define EVERYWHERE "0.0.0.0"
#define HERE       "127.0.0.1"

/* The parts of a forward as it is written: "tcp:HOST:2222-GUEST:22". */
typedef struct
{
  gboolean udp;
  char *host, *guest; /* "": none is written */
  guint host_port, guest_port;
} Parts;

struct _VivForwardRows
{
  AdwExpanderRow parent_instance;

  VivSettingsStore *store;
  char *id, *key;
  char *shown;     /* what the rows were made from */
  GPtrArray *rows; /* GtkWidget *, the expander's */
};

G_DEFINE_FINAL_TYPE (VivForwardRows, viv_forward_rows, ADW_TYPE_EXPANDER_ROW)

/* -- Words ----------------------------------------------------------------------------------------- */

static void
parts_clear (Parts *parts)
{
  g_free (parts->host);
  g_free (parts->guest);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parts, parts_clear)

/* FALSE: it is none. */
static gboolean
parts_read (const char *text, Parts *parts)
{
  g_autoptr (GArray) list = net_forwards_parse (text);
  const NetForward *forward;
  const char *dash, *colon;

  if (!list || list->len != 1)
    return FALSE;
  forward = &g_array_index (list, NetForward, 0);
  dash = strchr (text, '-');
  colon = g_strrstr_len (text, dash - text, ":");
  *parts = (Parts){ .udp = forward->udp, .host_port = forward->host_port, .guest_port = forward->guest_port };
  parts->host = g_strndup (text + 4, (gsize)MAX (colon - text - 4, 0));
  parts->guest = g_strndup (dash + 1, (gsize)(strrchr (dash, ':') - dash - 1));
  return TRUE;
}

static char *
parts_write (const Parts *parts)
{
  return g_strdup_printf ("%s:%s:%u-%s:%u", parts->udp ? "udp" : "tcp", parts->host, parts->host_port,
                          parts->guest, parts->guest_port);
}

static char *
describe_host (const char *host)
{
  if (!*host || g_str_equal (host, HERE) || g_str_equal (host, "[::1]"))
    return g_strdup (_ ("This computer only"));
  if (g_str_equal (host, EVERYWHERE) || g_str_equal (host, "[::]"))
    return g_strdup (_ ("Other computers, too"));
  return g_strdup (host);
}

static char *
describe (const Parts *parts)
{
  g_autofree char *host = describe_host (parts->host);

  return g_strdup_printf ("%s · %s", parts->udp ? "UDP" : "TCP", host);
}

static const char *
describe_state (ForwardState state)
{
  switch (state)
    {
    case FORWARD_ANSWERS:
      return _ ("The system answers");
    case FORWARD_REFUSES:
      return _ ("The system refuses: no program listens there");
    case FORWARD_SILENT:
      return _ ("The system does not answer");
    case FORWARD_CLOSED:
      return _ ("This computer’s port is not open");
    case FORWARD_UDP:
      return _ ("UDP can not be tested");
    default:
      return _ ("It could not be tested");
    }
}

/* -- The list -------------------------------------------------------------------------------------- */

static GStrv
texts_of (VivForwardRows *self)
{
  const MachineDevice *net = definition_find (viv_settings_store_get_definition (self->store), self->id);
  const char *list = net ? machine_device_text (net, "forward") : NULL;
  GStrv texts = g_strsplit (list ? list : "", ",", -1);

  for (char **text = texts; *text; text++)
    g_strstrip (*text);
  return texts;
}

/* `number` is replaced by `text`, or goes (NULL); one behind the last is added. */
static void
change (VivForwardRows *self, guint number, const char *text)
{
  g_auto (GStrv) texts = texts_of (self);
  g_autoptr (GString) list = g_string_new (NULL);
  const guint n = g_strv_length (texts);

  for (guint i = 0; i < MAX (n, number + 1); i++)
    {
      const char *one = i == number ? text : texts[i];

      if (one)
        g_string_append_printf (list, "%s%s", list->len > 0 ? "," : "", one);
    }
  viv_settings_store_set_now (self->store, self->key, list->str);
}

/* -- Asking for one -------------------------------------------------------------------------------- */

typedef struct
{
  GtkWidget *protocol, *host_port, *guest_port, *from;
  char *custom, *guest; /* an address that is neither of the two; NULL */
  guint number;
} Question;

static void
question_free (gpointer data)
{
  Question *question = data;

  g_free (question->custom);
  g_free (question->guest);
  g_free (question);
}

static GtkWidget *
add_choice (GtkWidget *list, const char *title, const char *const *choices, guint selected)
{
  GtkWidget *row = adw_combo_row_new ();
  g_autoptr (GtkStringList) model = gtk_string_list_new (choices);

  viv_row_set_title (row, title);
  adw_combo_row_set_model (ADW_COMBO_ROW (row), G_LIST_MODEL (model));
  adw_combo_row_set_selected (ADW_COMBO_ROW (row), selected);
  viv_row_fit_choices (ADW_COMBO_ROW (row));
  gtk_list_box_append (GTK_LIST_BOX (list), row);
  return row;
}

static GtkWidget *
add_port (GtkWidget *list, const char *title, guint value)
{
  GtkWidget *row = adw_action_row_new (), *spin = gtk_spin_button_new_with_range (1, 65535, 1);

  viv_row_set_title (row, title);
  gtk_spin_button_set_value (GTK_SPIN_BUTTON (spin), value);
  gtk_widget_set_valign (spin, GTK_ALIGN_CENTER);
  g_object_set (gtk_editable_get_delegate (GTK_EDITABLE (spin)), "activates-default", TRUE, NULL);
  gtk_accessible_update_property (GTK_ACCESSIBLE (spin), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), spin);
  gtk_list_box_append (GTK_LIST_BOX (list), row);
  return spin;
}

static void
on_answer (AdwMessageDialog *dialog, const char *response, VivForwardRows *self)
{
  const Question *question = g_object_get_data (G_OBJECT (dialog), "viv-question");
  const guint from = adw_combo_row_get_selected (ADW_COMBO_ROW (question->from));
  Parts parts = { .udp = adw_combo_row_get_selected (ADW_COMBO_ROW (question->protocol)) == 1 };
  g_autofree char *text = NULL;

  if (!g_str_equal (response, "accept"))
    return;
  /* What is typed counts, though the focus is still there. */
  gtk_spin_button_update (GTK_SPIN_BUTTON (question->host_port));
  gtk_spin_button_update (GTK_SPIN_BUTTON (question->guest_port));
  parts.host_port = (guint)gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (question->host_port));
  parts.guest_port = (guint)gtk_spin_button_get_value_as_int (GTK_SPIN_BUTTON (question->guest_port));
  parts.host = from == 2 ? question->custom : from == 1 ? (char *)EVERYWHERE : (char *)HERE;
  parts.guest = question->guest;
  text = parts_write (&parts);
  change (self, question->number, text);
}

/* `parts` NULL: a new one. */
static void
ask (VivForwardRows *self, guint number, const Parts *parts)
{
  const char *protocols[] = { "TCP", "UDP", NULL };
  const char *places[] = { _ ("This computer only"), _ ("Other computers, too"), NULL, NULL };
  GtkWindow *window = GTK_WINDOW (gtk_widget_get_root (GTK_WIDGET (self)));
  GtkWidget *list = gtk_list_box_new ();
  Question *question = g_new0 (Question, 1);
  AdwMessageDialog *dialog;
  guint from = 0;

  question->number = number;
  question->guest = g_strdup (parts ? parts->guest : "");
  if (parts && g_str_equal (parts->host, EVERYWHERE))
    from = 1;
  else if (parts && *parts->host && !g_str_equal (parts->host, HERE))
    {
      from = 2;
      question->custom = g_strdup (parts->host);
      places[2] = question->custom;
    }
  gtk_list_box_set_selection_mode (GTK_LIST_BOX (list), GTK_SELECTION_NONE);
  gtk_widget_add_css_class (list, "boxed-list");
  question->host_port = add_port (list, _ ("This Computer’s Port"), parts ? parts->host_port : 2222);
  question->guest_port = add_port (list, _ ("The System’s Port"), parts ? parts->guest_port : 22);
  question->protocol = add_choice (list, _ ("Protocol"), protocols, parts && parts->udp);
  question->from = add_choice (list, _ ("Reached From"), places, from);
  dialog = viv_dialog_new (window, parts ? _ ("Forwarded Port") : _ ("New Forwarded Port"),
                           _ ("Who connects to this computer’s port is connected to the system’s."), list,
                           parts ? _ ("_Save") : _ ("_Add"), ADW_RESPONSE_SUGGESTED);
  g_object_set_data_full (G_OBJECT (dialog), "viv-question", question, question_free);
  g_signal_connect_object (dialog, "response", G_CALLBACK (on_answer), self, 0);
  viv_present_over (GTK_WINDOW (dialog), window);
  gtk_widget_grab_focus (question->host_port);
}

/* -- Rows ------------------------------------------------------------------------------------------ */

static const char *
text_of (gpointer widget)
{
  return g_object_get_data (widget, "viv-forward");
}

static guint
number_of (gpointer widget)
{
  return GPOINTER_TO_UINT (g_object_get_data (widget, "viv-number"));
}

static void
on_add (GtkButton *button, VivForwardRows *self)
{
  g_auto (GStrv) texts = texts_of (self);

  ask (self, g_strv_length (texts), NULL);
}

static void
on_edit (GtkButton *button, VivForwardRows *self)
{
  g_auto (Parts) parts = { 0 };

  if (parts_read (text_of (button), &parts))
    ask (self, number_of (button), &parts);
}

static void
on_remove (GtkButton *button, VivForwardRows *self)
{
  change (self, number_of (button), NULL);
}

static void
say_state (GtkWidget *row, const char *words, const char *style)
{
  static const char *const styles[] = { "success", "warning" };
  g_auto (Parts) parts = { 0 };
  g_autofree char *about = parts_read (text_of (row), &parts) ? describe (&parts) : NULL;
  g_autofree char *text = words ? g_strdup_printf ("%s · %s", about, words) : g_strdup (about);

  viv_row_set_subtitle (row, text);
  for (unsigned i = 0; i < G_N_ELEMENTS (styles); i++)
    gtk_widget_remove_css_class (row, styles[i]);
  if (style)
    gtk_widget_add_css_class (row, style);
}

static void
on_tested (GObject *source, GAsyncResult *result, gpointer data)
{
  GWeakRef *weak = data;
  g_autoptr (GtkWidget) row = g_weak_ref_get (weak);
  g_autoptr (GError) error = NULL;
  const ForwardState state = forward_test_finish (VIV_MACHINE (source), result, &error);

  g_weak_ref_clear (weak);
  g_free (weak);
  if (!row)
    return;
  say_state (row, describe_state (state),
             state == FORWARD_ANSWERS ? "success"
             : state == FORWARD_UDP   ? NULL
                                      : "warning");
  gtk_widget_set_sensitive (g_object_get_data (G_OBJECT (row), "viv-test"), TRUE);
}

static void
on_test (GtkButton *button, VivForwardRows *self)
{
  g_autoptr (GArray) list = net_forwards_parse (text_of (button));
  GtkWidget *row = self->rows->pdata[number_of (button)];
  GWeakRef *weak;

  if (!list)
    return;
  weak = g_new (GWeakRef, 1);
  g_weak_ref_init (weak, row);
  say_state (row, _ ("Asking the system…"), NULL);
  gtk_widget_set_sensitive (GTK_WIDGET (button), FALSE);
  forward_test_async (viv_settings_store_get_machine (self->store), self->id,
                      &g_array_index (list, NetForward, 0), NULL, on_tested, weak);
}

static GtkWidget *
add_button (VivForwardRows *self, GtkWidget *row, guint number, const char *text, const char *icon,
            const char *tooltip, GCallback callback)
{
  GtkWidget *button = viv_row_button (icon, tooltip);

  g_object_set_data_full (G_OBJECT (button), "viv-forward", g_strdup (text), g_free);
  g_object_set_data (G_OBJECT (button), "viv-number", GUINT_TO_POINTER (number));
  g_signal_connect_object (button, "clicked", callback, self, 0);
  adw_action_row_add_suffix (ADW_ACTION_ROW (row), button);
  return button;
}

static GtkWidget *
make_row (VivForwardRows *self, guint number, const char *text)
{
  GtkWidget *row = adw_action_row_new (), *test;
  g_auto (Parts) parts = { 0 };
  g_autofree char *title = NULL;

  if (!parts_read (text, &parts))
    {
      viv_row_set_title (row, text);
      add_button (self, row, number, text, "list-remove-symbolic", _ ("Remove"), G_CALLBACK (on_remove));
      return row;
    }
  /* Translators: a port of this computer, and the one of the system that it leads to */
  title = g_strdup_printf (_ ("Port %u → %u"), parts.host_port, parts.guest_port);
  viv_row_set_title (row, title);
  g_object_set_data_full (G_OBJECT (row), "viv-forward", g_strdup (text), g_free);
  say_state (row, NULL, NULL);
  test = add_button (self, row, number, text, "network-transmit-receive-symbolic",
                     _ ("Test Whether the System Answers"), G_CALLBACK (on_test));
  gtk_widget_set_sensitive (test, viv_machine_is_live (viv_settings_store_get_machine (self->store)));
  g_object_set_data (G_OBJECT (row), "viv-test", test);
  add_button (self, row, number, text, "document-edit-symbolic", _ ("Change"), G_CALLBACK (on_edit));
  add_button (self, row, number, text, "list-remove-symbolic", _ ("Remove"), G_CALLBACK (on_remove));
  return row;
}

static void
update (VivForwardRows *self)
{
  g_auto (GStrv) texts = texts_of (self);
  const guint n = g_strv_length (texts);
  g_autofree char *list = g_strjoinv (",", texts);
  g_autofree char *about = NULL;

  gtk_widget_set_visible (GTK_WIDGET (self),
                          viv_row_counts (viv_settings_store_get_definition (self->store), self->key));
  if (g_strcmp0 (list, self->shown) == 0)
    return;
  g_free (self->shown);
  self->shown = g_steal_pointer (&list);
  for (guint i = 0; i < self->rows->len; i++)
    adw_expander_row_remove (ADW_EXPANDER_ROW (self), self->rows->pdata[i]);
  g_ptr_array_set_size (self->rows, 0);
  for (guint i = 0; i < n; i++)
    {
      GtkWidget *row = make_row (self, i, texts[i]);

      g_ptr_array_add (self->rows, row);
      adw_expander_row_add_row (ADW_EXPANDER_ROW (self), row);
    }
  about = n == 0 ? g_strdup (_ ("None; ports of this computer that lead to the system"))
                 : g_strdup_printf (ngettext ("%u port of this computer", "%u ports of this computer", n), n);
  adw_expander_row_set_subtitle (ADW_EXPANDER_ROW (self), about);
  adw_expander_row_set_expanded (ADW_EXPANDER_ROW (self), n > 0);
}

static void
on_state (VivForwardRows *self)
{
  const gboolean live = viv_machine_is_live (viv_settings_store_get_machine (self->store));

  for (guint i = 0; i < self->rows->len; i++)
    {
      GtkWidget *test = g_object_get_data (self->rows->pdata[i], "viv-test");

      if (!test)
        continue;
      gtk_widget_set_sensitive (test, live);
      say_state (self->rows->pdata[i], NULL, NULL);
    }
}

/* -- Object ---------------------------------------------------------------------------------------- */

const char *
viv_forward_rows_get_key (VivForwardRows *self)
{
  return self->key;
}

static void
viv_forward_rows_finalize (GObject *object)
{
  VivForwardRows *self = VIV_FORWARD_ROWS (object);

  g_object_unref (self->store);
  g_free (self->id);
  g_free (self->key);
  g_free (self->shown);
  g_ptr_array_unref (self->rows);
  G_OBJECT_CLASS (viv_forward_rows_parent_class)->finalize (object);
}

static void
viv_forward_rows_class_init (VivForwardRowsClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = viv_forward_rows_finalize;
}

static void
viv_forward_rows_init (VivForwardRows *self)
{
  self->rows = g_ptr_array_new ();
}

GtkWidget *
viv_forward_rows_new (VivSettingsStore *store, const char *id)
{
  VivForwardRows *self = g_object_new (VIV_TYPE_FORWARD_ROWS, NULL);
  GtkWidget *add = viv_row_button ("list-add-symbolic", _ ("Add a Forwarded Port"));

  self->store = g_object_ref (store);
  self->id = g_strdup (id);
  self->key = g_strconcat (id, ".forward", NULL);
  adw_preferences_row_set_title (ADW_PREFERENCES_ROW (self), _ ("Forwarded Ports"));
  g_signal_connect_object (add, "clicked", G_CALLBACK (on_add), self, 0);
  adw_expander_row_add_action (ADW_EXPANDER_ROW (self), add);
  g_signal_connect_object (store, "changed", G_CALLBACK (update), self, G_CONNECT_SWAPPED);
  g_signal_connect_object (viv_settings_store_get_machine (store), "notify::state", G_CALLBACK (on_state),
                           self, G_CONNECT_SWAPPED);
  update (self);
  return GTK_WIDGET (self);
}

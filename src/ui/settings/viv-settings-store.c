/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a settings window changes.
 */
#define G_LOG_DOMAIN "viv-settings-store"

#include "config.h"

#include "ui/settings/viv-settings-store.h"

#include <glib/gi18n.h>

#define UNDO_SECONDS 12

struct _VivSettingsStore
{
  GObject parent_instance;

  VivMachine *machine;
  MachineDefinition *definition;
  gboolean told;
};

G_DEFINE_FINAL_TYPE (VivSettingsStore, viv_settings_store, G_TYPE_OBJECT)

enum
{
  CHANGED,
  TOAST,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

static void
toast (VivSettingsStore *self, AdwToast *what)
{
  g_autoptr (AdwToast) held = g_object_ref_sink (what);

  g_signal_emit (self, signals[TOAST], 0, held);
}

void
viv_settings_store_say (VivSettingsStore *self, const char *message)
{
  g_autofree char *escaped = g_markup_escape_text (message, -1);

  toast (self, adw_toast_new (escaped));
}

/* What is about the library and not about the machine's parts. */
static gboolean
is_label (const char *key)
{
  return g_str_equal (key, "machine.tags") || g_str_equal (key, "machine.os");
}

static void
tell_restart (VivSettingsStore *self, const VivChange *changes, unsigned n)
{
  if (self->told || !viv_machine_is_busy (self->machine) || (n == 1 && is_label (changes->key)))
    return;
  self->told = TRUE;
  viv_settings_store_say (self, _ ("Takes effect when the machine starts the next time"));
}

/* What is on the disk now, whoever wrote it.  A definition that can't be read leaves the last one. */
static void
refresh (VivSettingsStore *self)
{
  const MachineDefinition *definition = viv_machine_get_definition (self->machine);

  if (!definition)
    return;
  g_clear_pointer (&self->definition, definition_unref);
  self->definition = definition_copy (definition);
  g_signal_emit (self, signals[CHANGED], 0);
}

gboolean
viv_settings_store_edit (VivSettingsStore *self, const VivChange *changes, unsigned n)
{
  g_autoptr (GError) error = NULL;

  if (viv_machine_edit (self->machine, changes, n, &error))
    {
      refresh (self);
      tell_restart (self, changes, n);
      return TRUE;
    }
  viv_settings_store_say (self, error->message);
  g_signal_emit (self, signals[CHANGED], 0);
  return FALSE;
}

static void
on_set_now (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (VivSettingsStore) self = data;
  g_autoptr (GError) error = NULL;
  gboolean later = FALSE;

  if (!viv_machine_set_property_finish (VIV_MACHINE (source), result, &later, &error))
    viv_settings_store_say (self, error->message);
  else if (later)
    viv_settings_store_say (self, _ ("Takes effect when the machine starts the next time"));
  refresh (self);
}

void
viv_settings_store_set_now (VivSettingsStore *self, const char *key, const char *value)
{
  if (viv_machine_is_live (self->machine))
    viv_machine_set_property (self->machine, key, value, NULL, on_set_now, g_object_ref (self));
  else
    viv_settings_store_edit (self, &(VivChange){ key, value }, 1);
}

/* -- Undo -- */

typedef struct
{
  GWeakRef store;
  GStrv texts; /* key, value, key, value, … */
} Undo;

static void
undo_free (gpointer data, GClosure *closure)
{
  Undo *undo = data;

  g_weak_ref_clear (&undo->store);
  g_strfreev (undo->texts);
  g_free (undo);
}

static void
on_undo (AdwToast *from, Undo *undo)
{
  g_autoptr (VivSettingsStore) self = g_weak_ref_get (&undo->store);
  guint n = g_strv_length (undo->texts) / 2;
  g_autofree VivChange *changes = g_new0 (VivChange, n);

  for (guint i = 0; i < n; i++)
    changes[i] = (VivChange){ undo->texts[2 * i], undo->texts[2 * i + 1] };
  if (self)
    viv_settings_store_edit (self, changes, n);
}

void
viv_settings_store_remove (VivSettingsStore *self, const char *title, const VivChange *changes, unsigned n,
                           const VivChange *undo, unsigned n_undo)
{
  g_autofree char *escaped = g_markup_escape_text (title, -1);
  g_autoptr (GStrvBuilder) texts = g_strv_builder_new ();
  AdwToast *what;
  Undo *data;

  for (unsigned i = 0; i < n_undo; i++)
    {
      g_strv_builder_add (texts, undo[i].key);
      g_strv_builder_add (texts, undo[i].value ? undo[i].value : "");
    }
  if (!viv_settings_store_edit (self, changes, n))
    return;
  data = g_new0 (Undo, 1);
  g_weak_ref_init (&data->store, self);
  data->texts = g_strv_builder_end (texts);
  what = adw_toast_new (escaped);
  adw_toast_set_button_label (what, _ ("_Undo"));
  adw_toast_set_timeout (what, UNDO_SECONDS);
  adw_toast_set_priority (what, ADW_TOAST_PRIORITY_HIGH);
  g_signal_connect_data (what, "button-clicked", G_CALLBACK (on_undo), data, undo_free, 0);
  toast (self, what);
}

/* -- Object -- */

static void
viv_settings_store_finalize (GObject *object)
{
  VivSettingsStore *self = VIV_SETTINGS_STORE (object);

  g_clear_object (&self->machine);
  g_clear_pointer (&self->definition, definition_unref);
  G_OBJECT_CLASS (viv_settings_store_parent_class)->finalize (object);
}

static void
viv_settings_store_class_init (VivSettingsStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = viv_settings_store_finalize;
  signals[CHANGED] = g_signal_new ("changed", VIV_TYPE_SETTINGS_STORE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                   G_TYPE_NONE, 0);
  signals[TOAST] = g_signal_new ("toast", VIV_TYPE_SETTINGS_STORE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                 G_TYPE_NONE, 1, ADW_TYPE_TOAST);
}

static void
viv_settings_store_init (VivSettingsStore *self)
{
}

VivSettingsStore *
viv_settings_store_new (VivMachine *machine)
{
  VivSettingsStore *self = g_object_new (VIV_TYPE_SETTINGS_STORE, NULL);

  self->machine = g_object_ref (machine);
  self->definition = definition_copy (viv_machine_get_definition (machine));
  g_signal_connect_object (machine, "notify::definition", G_CALLBACK (refresh), self, G_CONNECT_SWAPPED);
  return self;
}

VivMachine *
viv_settings_store_get_machine (VivSettingsStore *self)
{
  return self->machine;
}

const MachineDefinition *
viv_settings_store_get_definition (VivSettingsStore *self)
{
  return self->definition;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The machine object: what it shows, whatever kind it is of.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/machine-private.h"
#include "machine/monitor-log.h"
#include "machine/plain-text.h"

#include <glib/gi18n.h>

/* Sentences for a person: so many at once, and then one in so long. */
#define MOST_SENTENCES 16
#define SENTENCE_US    (G_USEC_PER_SEC / 2)
/* Between two looks at what has changed. */
#define CATCH_UP_US (G_USEC_PER_SEC / 10)

typedef struct
{
  char *folder, *name, *error, *thumbnail, *start_blame, *low_space;
  MachineDefinition *definition; /* NULL: broken */
  char *state, *reason;

  VivMachine1 *proxy; /* NULL while not live, as all that follows */
  gulong properties_handler, media_handler, notice_handler, progress_handler, error_handler;
  pid_t pid;
  guint catching_up; /* there are changes that were not looked at yet */
  gint64 caught_up;  /* µs */
  gint64 spoken;     /* µs: the sentences that were let through, each SENTENCE_US long */
  char *engine, *engine_reason, *walls, *vnc_address; /* what it says of itself, made plain */
  GPtrArray *screens;                                 /* VivScreenInfo * */
} VivMachinePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (VivMachine, viv_machine, G_TYPE_OBJECT)
#define PRIVATE(self) ((VivMachinePrivate *)viv_machine_get_instance_private (self))

enum
{
  PROP_0,
  PROP_FOLDER,
  PROP_NAME,
  PROP_UUID,
  PROP_STATE,
  PROP_STATE_REASON,
  PROP_ERROR,
  PROP_LIVE,
  PROP_ENGINE,
  PROP_ENGINE_REASON,
  PROP_VNC_ADDRESS,
  PROP_ABSOLUTE_POINTER,
  PROP_LEDS,
  PROP_WIDTH,
  PROP_HEIGHT,
  PROP_SCREENS,
  PROP_THUMBNAIL,
  PROP_DEFINITION,
  PROP_LOW_SPACE,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

enum
{
  STATE_CHANGED,
  MEDIA_CHANGED,
  NOTICE,
  SAVE_PROGRESS,
  DEVICE_ERROR,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

/* -- What a kind of machine says ------------------------------------------------------------------------ */

void
viv_machine_set_folder (VivMachine *self, const char *folder)
{
  VivMachinePrivate *priv = PRIVATE (self);

  g_return_if_fail (priv->folder == NULL);
  priv->folder = g_strdup (folder);
}

void
viv_machine_set_error (VivMachine *self, const char *error)
{
  VivMachinePrivate *priv = PRIVATE (self);

  if (g_strcmp0 (priv->error, error) == 0)
    return;
  char *copy = g_strdup (error);
  g_free (priv->error);
  priv->error = copy;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_ERROR]);
}

void
viv_machine_take_definition (VivMachine *self, MachineDefinition *definition, const char *name,
                             const char *error)
{
  VivMachinePrivate *priv = PRIVATE (self);

  g_object_freeze_notify (G_OBJECT (self));
  /* What was known of the old one's images stays till the new one's are looked at. */
  if (definition == NULL || priv->definition == NULL)
    viv_machine_set_error (self, definition == NULL ? error : NULL);
  g_clear_pointer (&priv->definition, definition_unref);
  priv->definition = definition;
  g_free (priv->name);
  priv->name = g_strdup (definition != NULL ? definition_text (definition, "machine.name") : name);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_DEFINITION]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_NAME]);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_UUID]);
  g_object_thaw_notify (G_OBJECT (self));
}

void
viv_machine_set_thumbnail (VivMachine *self, const char *path)
{
  VivMachinePrivate *priv = PRIVATE (self);
  char *copy = g_strdup (path);

  /* Also if it has the same name: it is another picture. */
  g_free (priv->thumbnail);
  priv->thumbnail = copy;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_THUMBNAIL]);
}

void
viv_machine_set_low_space (VivMachine *self, const char *sentence)
{
  VivMachinePrivate *priv = PRIVATE (self);

  if (g_strcmp0 (priv->low_space, sentence) == 0)
    return;
  g_free (priv->low_space);
  priv->low_space = g_strdup (sentence);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LOW_SPACE]);
}

void
viv_machine_set_start_blame (VivMachine *self, const char *key)
{
  VivMachinePrivate *priv = PRIVATE (self);

  g_free (priv->start_blame);
  priv->start_blame = g_strdup (key);
}

void
viv_machine_set_state (VivMachine *self, const char *state, const char *reason, gboolean always)
{
  VivMachinePrivate *priv = PRIVATE (self);
  gboolean state_differs = g_strcmp0 (priv->state, state) != 0,
           reason_differs = g_strcmp0 (priv->reason, reason) != 0;

  if (!state_differs && !reason_differs && !always)
    return;
  /* The new strings may come from the old ones. */
  char *new_state = g_strdup (state), *new_reason = g_strdup (reason != NULL ? reason : "");
  g_free (priv->state);
  g_free (priv->reason);
  priv->state = new_state;
  priv->reason = new_reason;
  g_object_freeze_notify (G_OBJECT (self));
  if (state_differs)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
  if (reason_differs)
    g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE_REASON]);
  g_object_thaw_notify (G_OBJECT (self));
  g_signal_emit (self, signals[STATE_CHANGED], 0);
}

/* -- The connection ------------------------------------------------------------------------------------- */

static void
notify_live (VivMachine *self)
{
  static const int live_props[]
      = { PROP_LIVE, PROP_ENGINE, PROP_ENGINE_REASON, PROP_VNC_ADDRESS, PROP_ABSOLUTE_POINTER,
          PROP_LEDS, PROP_WIDTH,  PROP_HEIGHT,        PROP_SCREENS };

  g_object_freeze_notify (G_OBJECT (self));
  for (unsigned i = 0; i < G_N_ELEMENTS (live_props); i++)
    g_object_notify_by_pspec (G_OBJECT (self), props[live_props[i]]);
  g_object_thaw_notify (G_OBJECT (self));
}

static void
set_plain (char **text, const char *value)
{
  g_free (*text);
  *text = viv_plain_text (value != NULL ? value : "", -1, VIV_PLAIN_MOST, VIV_PLAIN_LINE);
}

/* What the monitor says of itself is not fit to be shown as it is. */
static void
read_live (VivMachinePrivate *priv)
{
  set_plain (&priv->engine, viv_machine1_get_engine (priv->proxy));
  set_plain (&priv->engine_reason, viv_machine1_get_engine_reason (priv->proxy));
  set_plain (&priv->walls, viv_machine1_get_walls (priv->proxy));
  set_plain (&priv->vnc_address, viv_machine1_get_vnc_address (priv->proxy));
  g_clear_pointer (&priv->screens, g_ptr_array_unref);
  priv->screens = viv_screens_read (priv->proxy);
}

static void
catch_up (VivMachine *self)
{
  VivMachinePrivate *priv = PRIVATE (self);

  if (priv->catching_up == 0)
    return;
  g_clear_handle_id (&priv->catching_up, g_source_remove);
  priv->caught_up = g_get_monotonic_time ();
  read_live (priv);
  if (VIV_MACHINE_GET_CLASS (self)->said != NULL)
    VIV_MACHINE_GET_CLASS (self)->said (self);
  notify_live (self);
}

static gboolean
on_catch_up (gpointer self)
{
  catch_up (self);
  return G_SOURCE_REMOVE;
}

/* What changes all the time is looked at now and then: windows have more to do than to follow one monitor. */
static void
on_properties (GDBusProxy *proxy, GVariant *changed, const char *const *invalidated, VivMachine *self)
{
  VivMachinePrivate *priv = PRIVATE (self);
  gint64 rest = priv->caught_up + CATCH_UP_US - g_get_monotonic_time ();

  if (priv->catching_up == 0)
    priv->catching_up = g_timeout_add (rest > 0 ? (guint)(rest / 1000) + 1 : 0, on_catch_up, self);
  if (rest <= 0)
    catch_up (self);
}

/* What is for a person comes as fast as somebody can read it; the rest is dropped. */
static gboolean
may_speak (VivMachine *self)
{
  VivMachinePrivate *priv = PRIVATE (self);
  gint64 now = g_get_monotonic_time ();

  priv->spoken = MAX (priv->spoken, now - MOST_SENTENCES * SENTENCE_US) + SENTENCE_US;
  if (priv->spoken <= now)
    return TRUE;
  priv->spoken -= SENTENCE_US;
  return FALSE;
}

static void
on_notice (VivMachine1 *proxy, const char *text, VivMachine *self)
{
  g_autofree char *plain = viv_plain_text (text, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);

  if (!may_speak (self))
    return;
  g_signal_emit (self, signals[NOTICE], 0, plain);
}

static void
on_media (VivMachine1 *proxy, const char *drive, const char *path, VivMachine *self)
{
  g_autofree char *plain_drive = viv_plain_text (drive, -1, VIV_PLAIN_MOST, VIV_PLAIN_LINE),
                  *plain_path = viv_plain_text (path, -1, VIV_PLAIN_MOST, VIV_PLAIN_LINE);

  if (!may_speak (self))
    return;

  g_signal_emit (self, signals[MEDIA_CHANGED], 0, plain_drive, plain_path);
}

static void
on_save_progress (VivMachine1 *proxy, double fraction, VivMachine *self)
{
  /* Also what is no number. */
  g_signal_emit (self, signals[SAVE_PROGRESS], 0, fraction > 0 ? MIN (fraction, 1.0) : 0.0);
}

static void
on_device_error (VivMachine1 *proxy, const char *drive, const char *sentence, VivMachine *self)
{
  g_autofree char *plain_drive = viv_plain_text (drive, -1, VIV_PLAIN_MOST, VIV_PLAIN_LINE),
                  *plain = viv_plain_text (sentence, -1, VIV_PLAIN_MOST, VIV_PLAIN_DEFAULT);

  if (!may_speak (self))
    return;

  g_signal_emit (self, signals[DEVICE_ERROR], 0, plain_drive, plain);
}

static void
drop_proxy (VivMachinePrivate *priv)
{
  if (priv->proxy == NULL)
    return;
  g_clear_signal_handler (&priv->properties_handler, priv->proxy);
  g_clear_signal_handler (&priv->media_handler, priv->proxy);
  g_clear_signal_handler (&priv->notice_handler, priv->proxy);
  g_clear_signal_handler (&priv->progress_handler, priv->proxy);
  g_clear_signal_handler (&priv->error_handler, priv->proxy);
  g_clear_object (&priv->proxy);
  g_clear_pointer (&priv->engine, g_free);
  g_clear_pointer (&priv->engine_reason, g_free);
  g_clear_pointer (&priv->walls, g_free);
  g_clear_pointer (&priv->vnc_address, g_free);
  g_clear_pointer (&priv->screens, g_ptr_array_unref);
  priv->pid = 0;
  priv->spoken = 0;
  g_clear_handle_id (&priv->catching_up, g_source_remove);
}

void
viv_machine_set_proxy (VivMachine *self, VivMachine1 *proxy, pid_t pid)
{
  VivMachinePrivate *priv = PRIVATE (self);

  catch_up (self);
  drop_proxy (priv);
  if (proxy != NULL)
    {
      priv->proxy = g_object_ref (proxy);
      priv->pid = pid;
      priv->properties_handler
          = g_signal_connect (proxy, "g-properties-changed", G_CALLBACK (on_properties), self);
      priv->media_handler = g_signal_connect (proxy, "media-changed", G_CALLBACK (on_media), self);
      priv->notice_handler = g_signal_connect (proxy, "notice", G_CALLBACK (on_notice), self);
      priv->progress_handler = g_signal_connect (proxy, "save-progress", G_CALLBACK (on_save_progress), self);
      priv->error_handler = g_signal_connect (proxy, "device-error", G_CALLBACK (on_device_error), self);
      read_live (priv);
    }
  notify_live (self);
}

VivMachine1 *
viv_machine_proxy (VivMachine *self)
{
  return PRIVATE (self)->proxy;
}

void
viv_machine_note_answer (VivMachine *self, gboolean answered)
{
  /* What it said before its answer comes before it. */
  catch_up (self);
  if (PRIVATE (self)->proxy != NULL && VIV_MACHINE_GET_CLASS (self)->answered != NULL)
    VIV_MACHINE_GET_CLASS (self)->answered (self, answered);
}

void
viv_machine_clean_error (GError *error)
{
  if (error == NULL)
    return;
  g_dbus_error_strip_remote_error (error);
  viv_plain_error (error);
}

/* -- What a kind of machine does ------------------------------------------------------------------------ */

VivMachineCapabilities
viv_machine_get_capabilities (VivMachine *self)
{
  g_return_val_if_fail (VIV_IS_MACHINE (self), 0);

  return VIV_MACHINE_GET_CLASS (self)->capabilities != NULL
             ? VIV_MACHINE_GET_CLASS (self)->capabilities (self)
             : 0;
}

gboolean
viv_machine_can (VivMachine *self, VivMachineCapabilities what)
{
  return (viv_machine_get_capabilities (self) & what) == what;
}

static gboolean
is_active (VivMachine *self, VivMachineActivity what)
{
  g_return_val_if_fail (VIV_IS_MACHINE (self), FALSE);

  return VIV_MACHINE_GET_CLASS (self)->activity != NULL
         && (VIV_MACHINE_GET_CLASS (self)->activity (self) & what) != 0;
}

gboolean
viv_machine_is_checking (VivMachine *self)
{
  return is_active (self, VIV_MACHINE_CHECKING);
}

gboolean
viv_machine_is_connecting (VivMachine *self)
{
  return is_active (self, VIV_MACHINE_CONNECTING);
}

gboolean
viv_machine_is_busy (VivMachine *self)
{
  return is_active (self, VIV_MACHINE_BUSY);
}

void
viv_machine_reload (VivMachine *self)
{
  g_return_if_fail (VIV_IS_MACHINE (self));

  if (VIV_MACHINE_GET_CLASS (self)->reload != NULL)
    VIV_MACHINE_GET_CLASS (self)->reload (self);
}

void
viv_machine_probe (VivMachine *self)
{
  g_return_if_fail (VIV_IS_MACHINE (self));

  if (VIV_MACHINE_GET_CLASS (self)->probe != NULL)
    VIV_MACHINE_GET_CLASS (self)->probe (self);
}

void
viv_machine_start (VivMachine *self, const VivStartOptions *options, GCancellable *cancellable,
                   GAsyncReadyCallback callback, gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_start);
  if (VIV_MACHINE_GET_CLASS (self)->start != NULL)
    VIV_MACHINE_GET_CLASS (self)->start (self, options, g_steal_pointer (&task));
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                             _ ("“%s” can't be started from here"), viv_machine_get_name (self));
}

void
viv_machine_force_off (VivMachine *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer data)
{
  g_autoptr (GTask) task = g_task_new (self, cancellable, callback, data);

  g_task_set_source_tag (task, viv_machine_force_off);
  if (!viv_machine_is_busy (self))
    g_task_return_boolean (task, TRUE);
  else if (VIV_MACHINE_GET_CLASS (self)->force_off != NULL)
    VIV_MACHINE_GET_CLASS (self)->force_off (self, g_steal_pointer (&task));
  else
    g_task_return_new_error (task, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, _ ("“%s” can't be ended from here"),
                             viv_machine_get_name (self));
}

/* -- Its log -------------------------------------------------------------------------------------------- */

char *
viv_machine_log_path (VivMachine *self)
{
  return PRIVATE (self)->folder != NULL ? viv_monitor_log_path (PRIVATE (self)->folder) : NULL;
}

char *
viv_machine_log_tail (VivMachine *self, unsigned lines)
{
  return PRIVATE (self)->folder != NULL ? viv_monitor_log_tail (PRIVATE (self)->folder, lines)
                                        : g_strdup ("");
}

gint64
viv_machine_get_last_used (VivMachine *self)
{
  return PRIVATE (self)->folder != NULL ? viv_monitor_log_time (PRIVATE (self)->folder) : 0;
}

/* -- Object --------------------------------------------------------------------------------------------- */

static void
viv_machine_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivMachine *self = VIV_MACHINE (object);
  VivMachinePrivate *priv = PRIVATE (self);

  switch (id)
    {
    case PROP_FOLDER:
      g_value_set_string (value, priv->folder);
      break;
    case PROP_NAME:
      g_value_set_string (value, priv->name);
      break;
    case PROP_UUID:
      g_value_set_string (value, viv_machine_get_uuid (self));
      break;
    case PROP_STATE:
      g_value_set_string (value, priv->state);
      break;
    case PROP_STATE_REASON:
      g_value_set_string (value, priv->reason);
      break;
    case PROP_ERROR:
      g_value_set_string (value, priv->error);
      break;
    case PROP_LIVE:
      g_value_set_boolean (value, priv->proxy != NULL);
      break;
    case PROP_ENGINE:
      g_value_set_string (value, viv_machine_get_engine (self));
      break;
    case PROP_ENGINE_REASON:
      g_value_set_string (value, viv_machine_get_engine_reason (self));
      break;
    case PROP_VNC_ADDRESS:
      g_value_set_string (value, viv_machine_get_vnc_address (self));
      break;
    case PROP_ABSOLUTE_POINTER:
      g_value_set_boolean (value, viv_machine_get_absolute_pointer (self));
      break;
    case PROP_LEDS:
      g_value_set_uint (value, viv_machine_get_leds (self));
      break;
    case PROP_WIDTH:
      g_value_set_uint (value, viv_machine_get_width (self));
      break;
    case PROP_HEIGHT:
      g_value_set_uint (value, viv_machine_get_height (self));
      break;
    case PROP_SCREENS:
      g_value_set_pointer (value, viv_machine_get_screens (self));
      break;
    case PROP_THUMBNAIL:
      g_value_set_string (value, priv->thumbnail);
      break;
    case PROP_LOW_SPACE:
      g_value_set_string (value, priv->low_space);
      break;
    case PROP_DEFINITION:
      g_value_set_pointer (value, priv->definition);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_machine_dispose (GObject *object)
{
  drop_proxy (PRIVATE (VIV_MACHINE (object)));
  G_OBJECT_CLASS (viv_machine_parent_class)->dispose (object);
}

static void
viv_machine_finalize (GObject *object)
{
  VivMachinePrivate *priv = PRIVATE (VIV_MACHINE (object));

  g_clear_pointer (&priv->definition, definition_unref);
  g_free (priv->folder);
  g_free (priv->name);
  g_free (priv->error);
  g_free (priv->thumbnail);
  g_free (priv->start_blame);
  g_free (priv->low_space);
  g_free (priv->state);
  g_free (priv->reason);
  G_OBJECT_CLASS (viv_machine_parent_class)->finalize (object);
}

static void
viv_machine_class_init (VivMachineClass *klass)
{
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  static const struct
  {
    int id;
    const char *name;
  } strings[] = {
    { PROP_FOLDER, "folder" },     { PROP_NAME, "name" },
    { PROP_UUID, "uuid" },         { PROP_STATE, "state" },
    { PROP_STATE_REASON, "state-reason" }, { PROP_ERROR, "error" },
    { PROP_ENGINE, "engine" },     { PROP_ENGINE_REASON, "engine-reason" },
    { PROP_VNC_ADDRESS, "vnc-address" }, { PROP_THUMBNAIL, "thumbnail" }, { PROP_LOW_SPACE, "low-space" },
  }, numbers[] = { { PROP_LEDS, "leds" }, { PROP_WIDTH, "width" }, { PROP_HEIGHT, "height" } },
    flags_[] = { { PROP_LIVE, "live" }, { PROP_ABSOLUTE_POINTER, "absolute-pointer" } };

  object_class->get_property = viv_machine_get_property;
  object_class->dispose = viv_machine_dispose;
  object_class->finalize = viv_machine_finalize;
  for (unsigned i = 0; i < G_N_ELEMENTS (strings); i++)
    props[strings[i].id] = g_param_spec_string (strings[i].name, NULL, NULL, NULL, flags);
  for (unsigned i = 0; i < G_N_ELEMENTS (numbers); i++)
    props[numbers[i].id] = g_param_spec_uint (numbers[i].name, NULL, NULL, 0, G_MAXUINT, 0, flags);
  for (unsigned i = 0; i < G_N_ELEMENTS (flags_); i++)
    props[flags_[i].id] = g_param_spec_boolean (flags_[i].name, NULL, NULL, FALSE, flags);
  props[PROP_SCREENS] = g_param_spec_pointer ("screens", NULL, NULL, flags);
  props[PROP_DEFINITION] = g_param_spec_pointer ("definition", NULL, NULL, flags);
  g_object_class_install_properties (object_class, N_PROPS, props);

  signals[STATE_CHANGED] = g_signal_new ("state-changed", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 0);
  signals[MEDIA_CHANGED] = g_signal_new ("media-changed", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
  signals[NOTICE] = g_signal_new ("notice", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_STRING);
  signals[SAVE_PROGRESS] = g_signal_new ("save-progress", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 1, G_TYPE_DOUBLE);
  signals[DEVICE_ERROR] = g_signal_new ("device-error", VIV_TYPE_MACHINE, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                        NULL, G_TYPE_NONE, 2, G_TYPE_STRING, G_TYPE_STRING);
}

static void
viv_machine_init (VivMachine *self)
{
  PRIVATE (self)->state = g_strdup ("off");
  PRIVATE (self)->reason = g_strdup ("");
}

const char *
viv_machine_get_folder (VivMachine *self)
{
  return PRIVATE (self)->folder;
}

const char *
viv_machine_get_name (VivMachine *self)
{
  return PRIVATE (self)->name;
}

const char *
viv_machine_get_uuid (VivMachine *self)
{
  return PRIVATE (self)->definition != NULL ? definition_text (PRIVATE (self)->definition, "machine.uuid")
                                            : NULL;
}

const char *
viv_machine_get_state (VivMachine *self)
{
  return PRIVATE (self)->state;
}

const char *
viv_machine_get_state_reason (VivMachine *self)
{
  return PRIVATE (self)->reason;
}

const char *
viv_machine_get_error (VivMachine *self)
{
  return PRIVATE (self)->error;
}

gboolean
viv_machine_is_live (VivMachine *self)
{
  return PRIVATE (self)->proxy != NULL;
}

const char *
viv_machine_get_engine (VivMachine *self)
{
  return PRIVATE (self)->engine != NULL ? PRIVATE (self)->engine : "";
}

const char *
viv_machine_get_engine_reason (VivMachine *self)
{
  return PRIVATE (self)->engine_reason != NULL ? PRIVATE (self)->engine_reason : "";
}

const char *
viv_machine_get_walls (VivMachine *self)
{
  return PRIVATE (self)->walls != NULL ? PRIVATE (self)->walls : "";
}

const char *
viv_machine_get_vnc_address (VivMachine *self)
{
  return PRIVATE (self)->vnc_address != NULL ? PRIVATE (self)->vnc_address : "";
}

gboolean
viv_machine_get_absolute_pointer (VivMachine *self)
{
  return PRIVATE (self)->proxy != NULL && viv_machine1_get_absolute_pointer (PRIVATE (self)->proxy);
}

unsigned
viv_machine_get_leds (VivMachine *self)
{
  return PRIVATE (self)->proxy != NULL ? viv_machine1_get_leds (PRIVATE (self)->proxy) : 0;
}

unsigned
viv_machine_get_width (VivMachine *self)
{
  return PRIVATE (self)->proxy != NULL ? viv_machine1_get_width (PRIVATE (self)->proxy) : 0;
}

unsigned
viv_machine_get_height (VivMachine *self)
{
  return PRIVATE (self)->proxy != NULL ? viv_machine1_get_height (PRIVATE (self)->proxy) : 0;
}

GPtrArray *
viv_machine_get_screens (VivMachine *self)
{
  static GPtrArray *none;

  if (none == NULL)
    none = viv_screens_read (NULL);
  return PRIVATE (self)->screens != NULL ? PRIVATE (self)->screens : none;
}

pid_t
viv_machine_get_pid (VivMachine *self)
{
  return PRIVATE (self)->pid;
}

const char *
viv_machine_get_start_blame (VivMachine *self)
{
  return PRIVATE (self)->start_blame;
}

const char *
viv_machine_get_low_space (VivMachine *self)
{
  return PRIVATE (self)->low_space;
}

const char *
viv_machine_get_thumbnail (VivMachine *self)
{
  return PRIVATE (self)->thumbnail;
}

const MachineDefinition *
viv_machine_get_definition (VivMachine *self)
{
  return PRIVATE (self)->definition;
}

GDBusProxy *
viv_machine_get_proxy (VivMachine *self)
{
  return (GDBusProxy *)PRIVATE (self)->proxy;
}

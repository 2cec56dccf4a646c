/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Work that takes a while.
 */
#define G_LOG_DOMAIN "viv-jobs"

#include "ui/app/viv-jobs.h"

#include <string.h>

struct _VivJob
{
  GObject parent_instance;

  char *title, *message;
  GCancellable *cancellable;
  double fraction;
  gboolean finished;

  GMutex lock; /* of what other threads say */
  double said;
  gboolean pending;
};

enum
{
  PROP_0,
  PROP_TITLE,
  PROP_FRACTION,
  PROP_MESSAGE,
  PROP_FINISHED,
  N_PROPS
};
static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (VivJob, viv_job, G_TYPE_OBJECT)

GListModel *
viv_jobs (void)
{
  static GListStore *jobs;

  if (!jobs)
    jobs = g_list_store_new (VIV_TYPE_JOB);
  return G_LIST_MODEL (jobs);
}

VivJob *
viv_job_begin (const char *title)
{
  VivJob *self = g_object_new (VIV_TYPE_JOB, NULL);

  self->title = g_strdup (title);
  g_list_store_append (G_LIST_STORE (viv_jobs ()), self);
  return self;
}

void
viv_job_forget (VivJob *self)
{
  guint position;

  if (g_list_store_find (G_LIST_STORE (viv_jobs ()), self, &position))
    g_list_store_remove (G_LIST_STORE (viv_jobs ()), position);
}

void
viv_job_end (VivJob *self, const GError *error)
{
  gboolean cancelled = error && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  if (self->finished)
    return;
  self->finished = TRUE;
  if (error && !cancelled)
    {
      self->message = g_utf8_make_valid (error->message, -1);
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_MESSAGE]);
    }
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FINISHED]);
  if (!self->message)
    viv_job_forget (self);
}

static gboolean
on_said (gpointer data)
{
  VivJob *self = data;

  g_mutex_lock (&self->lock);
  self->fraction = self->said;
  self->pending = FALSE;
  g_mutex_unlock (&self->lock);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_FRACTION]);
  return G_SOURCE_REMOVE;
}

void
viv_job_set_fraction (VivJob *self, double fraction)
{
  gboolean tell;

  g_mutex_lock (&self->lock);
  self->said = MIN (fraction, 1);
  tell = !self->pending;
  self->pending = TRUE;
  g_mutex_unlock (&self->lock);
  /* However often it is said, the main loop has one thing to do. */
  if (tell)
    g_idle_add_full (G_PRIORITY_DEFAULT_IDLE, on_said, g_object_ref (self), g_object_unref);
}

const char *
viv_job_get_title (VivJob *self)
{
  return self->title;
}

double
viv_job_get_fraction (VivJob *self)
{
  return self->fraction;
}

const char *
viv_job_get_message (VivJob *self)
{
  return self->message;
}

gboolean
viv_job_is_finished (VivJob *self)
{
  return self->finished;
}

GCancellable *
viv_job_get_cancellable (VivJob *self)
{
  return self->cancellable;
}

void
viv_job_cancel (VivJob *self)
{
  g_cancellable_cancel (self->cancellable);
}

/* -- On a thread -- */

typedef struct
{
  VivJob *job;
  VivJobFunc func;
  gpointer data;
  GDestroyNotify destroy;
  GWeakRef owner;
  gboolean owned;
  VivJobDone done;
  GError *error;
} Run;

static gboolean
on_ran (gpointer data)
{
  Run *run = data;
  g_autoptr (GObject) owner = g_weak_ref_get (&run->owner);

  viv_job_end (run->job, run->error);
  if (run->done && (owner || !run->owned))
    run->done (owner, run->data, run->error);
  if (run->destroy && run->data)
    run->destroy (run->data);
  g_weak_ref_clear (&run->owner);
  g_clear_error (&run->error);
  g_object_unref (run->job);
  g_free (run);
  return G_SOURCE_REMOVE;
}

static gpointer
work (gpointer data)
{
  Run *run = data;

  if (!g_cancellable_set_error_if_cancelled (run->job->cancellable, &run->error)
      && !run->func (run->job, run->data, &run->error) && !run->error)
    run->error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, run->job->title);
  g_idle_add_full (G_PRIORITY_DEFAULT, on_ran, run, NULL);
  return NULL;
}

void
viv_job_run (const char *title, VivJobFunc func, gpointer data, GDestroyNotify destroy, gpointer owner,
             VivJobDone done)
{
  Run *run = g_new0 (Run, 1);

  run->job = viv_job_begin (title);
  run->func = func;
  run->data = data;
  run->destroy = destroy;
  run->owned = owner != NULL;
  run->done = done;
  g_weak_ref_init (&run->owner, owner);
  g_thread_unref (g_thread_new ("job", work, run));
}

/* -- Object -- */

static void
viv_job_finalize (GObject *object)
{
  VivJob *self = VIV_JOB (object);

  g_free (self->title);
  g_free (self->message);
  g_object_unref (self->cancellable);
  g_mutex_clear (&self->lock);
  G_OBJECT_CLASS (viv_job_parent_class)->finalize (object);
}

static void
viv_job_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  VivJob *self = VIV_JOB (object);

  switch (id)
    {
    case PROP_TITLE:
      g_value_set_string (value, self->title);
      break;
    case PROP_FRACTION:
      g_value_set_double (value, self->fraction);
      break;
    case PROP_MESSAGE:
      g_value_set_string (value, self->message);
      break;
    case PROP_FINISHED:
      g_value_set_boolean (value, self->finished);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
viv_job_class_init (VivJobClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = viv_job_finalize;
  object_class->get_property = viv_job_get_property;
  props[PROP_TITLE]
      = g_param_spec_string ("title", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_FRACTION]
      = g_param_spec_double ("fraction", NULL, NULL, -1, 1, -1, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_MESSAGE]
      = g_param_spec_string ("message", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  props[PROP_FINISHED]
      = g_param_spec_boolean ("finished", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
viv_job_init (VivJob *self)
{
  self->cancellable = g_cancellable_new ();
  self->fraction = self->said = -1;
  g_mutex_init (&self->lock);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Does the monitor still live, while a long call is under way?
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/liveness.h"

#include "machine/machine-private.h"

#include <fcntl.h>
#include <unistd.h>

unsigned viv_liveness_tick_ms = 2500;

typedef struct
{
  GWeakRef machine;
  GDBusConnection *connection;
  GCancellable *call, *outer; /* outer: the caller's, may be NULL */
  gulong outer_handler;
  int fd;
  off_t position;
  guint timer, silent;
  gboolean asked, lost;
} Liveness;

static void
liveness_clear (gpointer data)
{
  Liveness *live = data;

  g_weak_ref_clear (&live->machine);
  g_object_unref (live->connection);
  g_object_unref (live->call);
  g_clear_object (&live->outer);
  if (live->fd >= 0)
    close (live->fd);
}

static void
liveness_release (gpointer data)
{
  g_rc_box_release_full (data, liveness_clear);
}

/* It may come long after the call is over. */
static void
on_answer (GObject *source, GAsyncResult *result, gpointer data)
{
  Liveness *live = data;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, NULL);
  g_autoptr (VivMachine) machine = g_weak_ref_get (&live->machine);

  live->asked = FALSE;
  live->silent = 0;
  if (reply != NULL && live->lost && machine != NULL)
    viv_machine_note_answer (machine, TRUE);
  liveness_release (live);
}

/* A monitor that saves a machine does nothing else. */
static gboolean
has_written (Liveness *live)
{
  off_t position = live->fd >= 0 ? lseek (live->fd, 0, SEEK_CUR) : live->position;
  gboolean moved = position != live->position;

  live->position = position;
  return moved;
}

static gboolean
on_tick (gpointer data)
{
  Liveness *live = data;

  if (!live->asked)
    {
      live->asked = TRUE;
      live->silent = 0;
      g_dbus_connection_call (live->connection, NULL, VIV_MACHINE_OBJECT_PATH,
                              "org.freedesktop.DBus.Properties", "Get",
                              g_variant_new ("(ss)", VIV_MACHINE_INTERFACE, "State"), NULL,
                              G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, on_answer, g_rc_box_acquire (live));
      return G_SOURCE_CONTINUE;
    }
  live->silent = has_written (live) ? 0 : live->silent + 1;
  if (live->silent < VIV_LIVENESS_MOST_SILENT)
    return G_SOURCE_CONTINUE;
  live->lost = TRUE;
  live->timer = 0;
  g_cancellable_cancel (live->call);
  return G_SOURCE_REMOVE;
}

static void
on_outer_cancelled (GCancellable *outer, gpointer call)
{
  g_cancellable_cancel (call);
}

GCancellable *
viv_liveness_watch (GTask *task, int fd)
{
  VivMachine *machine = g_task_get_source_object (task);
  Liveness *live = g_rc_box_new0 (Liveness);

  g_weak_ref_init (&live->machine, machine);
  live->connection = g_object_ref (g_dbus_proxy_get_connection (G_DBUS_PROXY (viv_machine_proxy (machine))));
  live->call = g_cancellable_new ();
  live->fd = fd >= 0 ? fcntl (fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (g_task_get_cancellable (task) != NULL)
    {
      live->outer = g_object_ref (g_task_get_cancellable (task));
      live->outer_handler = g_cancellable_connect (live->outer, G_CALLBACK (on_outer_cancelled),
                                                   g_object_ref (live->call), g_object_unref);
    }
  live->timer = g_timeout_add (viv_liveness_tick_ms, on_tick, live);
  g_object_set_data_full (G_OBJECT (task), "liveness", live, liveness_release);
  return live->call;
}

gboolean
viv_liveness_end (GTask *task)
{
  Liveness *live = g_object_get_data (G_OBJECT (task), "liveness");

  if (live == NULL)
    return FALSE;
  gboolean lost = live->lost;
  g_clear_handle_id (&live->timer, g_source_remove);
  g_cancellable_disconnect (live->outer, live->outer_handler);
  live->outer_handler = 0;
  g_object_set_data (G_OBJECT (task), "liveness", NULL);
  return lost;
}

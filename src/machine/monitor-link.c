/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The connection to a monitor.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/monitor-link.h"

#include "machine/folder-lock.h"
#include "machine/machine-error.h"
#include "machine/monitor-guard.h"

#include <gio/gunixsocketaddress.h>
#include <glib/gi18n.h>

#define MOST_PROPERTIES 64

struct _VivMonitorLink
{
  GObject parent_instance;

  char *folder, *path;
  GCancellable *connecting; /* NULL: not under way */
  guint timeout;
  VivMachine1 *proxy;
  gulong closed_handler, properties_handler;
};

enum
{
  UP,
  FAILED,
  LATE,
  CLOSED,
  N_SIGNALS
};
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VivMonitorLink, viv_monitor_link, G_TYPE_OBJECT)

/* One try to connect.  It counts only as long as it is the link's present one, and doesn't keep the link: a monitor that never answers
 * would for ever. */
typedef struct
{
  GWeakRef self;
  GCancellable *cancellable;
} Attempt;

static void
attempt_free (Attempt *attempt)
{
  g_weak_ref_clear (&attempt->self);
  g_object_unref (attempt->cancellable);
  g_free (attempt);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Attempt, attempt_free)

static void
end_attempt (VivMonitorLink *self)
{
  g_clear_handle_id (&self->timeout, g_source_remove);
  g_clear_object (&self->connecting);
}

void
viv_monitor_link_cancel (VivMonitorLink *self)
{
  if (self->connecting != NULL)
    g_cancellable_cancel (self->connecting);
  end_attempt (self);
}

static void
drop_proxy (VivMonitorLink *self)
{
  if (self->proxy == NULL)
    return;
  GDBusConnection *connection = g_dbus_proxy_get_connection (G_DBUS_PROXY (self->proxy));
  g_clear_signal_handler (&self->closed_handler, connection);
  g_clear_signal_handler (&self->properties_handler, self->proxy);
  g_dbus_connection_close (connection, NULL, NULL, NULL);
  g_clear_object (&self->proxy);
}

void
viv_monitor_link_close (VivMonitorLink *self)
{
  viv_monitor_link_cancel (self);
  drop_proxy (self);
}

static void
fail (VivMonitorLink *self, GError *error)
{
  end_attempt (self);
  g_signal_emit (self, signals[FAILED], 0, error);
}

static gboolean
on_timeout (gpointer data)
{
  VivMonitorLink *self = data;

  self->timeout = 0;
  g_signal_emit (self, signals[LATE], 0);
  return G_SOURCE_REMOVE;
}

static void
on_closed (GDBusConnection *connection, gboolean vanished, GError *error, VivMonitorLink *self)
{
  g_autoptr (VivMonitorLink) keep = g_object_ref (self);

  drop_proxy (self);
  g_signal_emit (self, signals[CLOSED], 0);
}

/* Properties that it has told us of are kept, also those that we don't know: one that thinks up new ones goes too far. */
static gboolean
has_too_much (VivMachine1 *proxy)
{
  g_auto (GStrv) names = g_dbus_proxy_get_cached_property_names (G_DBUS_PROXY (proxy));

  return names != NULL && g_strv_length (names) > MOST_PROPERTIES;
}

static gboolean
check_proxy (VivMonitorLink *self, VivMachine1 *proxy, GError **error)
{
  g_autofree char *complaint
      = viv_monitor_guard_complaint (g_dbus_proxy_get_connection (G_DBUS_PROXY (proxy)));

  if (complaint != NULL)
    {
      g_set_error_literal (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START, complaint);
      return FALSE;
    }
  if (viv_machine1_get_uuid (proxy) == NULL || has_too_much (proxy))
    {
      g_set_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START, _ ("what answers at %s is no machine"),
                   self->path);
      return FALSE;
    }
  /* A copied folder has the same UUID and so the same socket.  Whose it is says the lock that a monitor has on its folder, wherever that
   * has been moved meanwhile, and not the monitor. */
  if (viv_folder_is_free (self->folder))
    {
      g_set_error_literal (
          error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_START,
          _ ("another machine runs and has the same UUID, as a copy has; give this one a UUID of its own"));
      return FALSE;
    }
  return TRUE;
}

static void
on_properties (GDBusProxy *proxy, GVariant *changed, const char *const *invalidated, VivMonitorLink *self)
{
  if (has_too_much (VIV_MACHINE1 (proxy)))
    g_dbus_connection_close (g_dbus_proxy_get_connection (proxy), NULL, NULL, NULL);
}

static void
on_proxy (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Attempt) attempt = data;
  g_autoptr (VivMonitorLink) self = g_weak_ref_get (&attempt->self);
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine1) proxy = viv_machine1_proxy_new_finish (result, &error);

  if (self == NULL || self->connecting != attempt->cancellable)
    return;
  if (proxy == NULL)
    {
      fail (self, error);
      return;
    }
  GDBusConnection *connection = g_dbus_proxy_get_connection (G_DBUS_PROXY (proxy));
  if (!check_proxy (self, proxy, &error))
    {
      g_dbus_connection_close (connection, NULL, NULL, NULL);
      fail (self, error);
      return;
    }
  end_attempt (self);
  g_dbus_connection_set_exit_on_close (connection, FALSE);
  self->proxy = g_steal_pointer (&proxy);
  self->closed_handler = g_signal_connect (connection, "closed", G_CALLBACK (on_closed), self);
  self->properties_handler
      = g_signal_connect (self->proxy, "g-properties-changed", G_CALLBACK (on_properties), self);
  g_signal_emit (self, signals[UP], 0);
  /* It may have been so before anybody listened. */
  if (self->proxy != NULL && g_dbus_connection_is_closed (connection))
    on_closed (connection, TRUE, NULL, self);
}

static void
on_connection (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Attempt) attempt = data;
  g_autoptr (VivMonitorLink) self = g_weak_ref_get (&attempt->self);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDBusConnection) connection = g_dbus_connection_new_finish (result, &error);

  if (self == NULL || self->connecting != attempt->cancellable)
    return;
  if (connection == NULL)
    {
      fail (self, error);
      return;
    }
  viv_machine1_proxy_new (connection, G_DBUS_PROXY_FLAGS_NONE, NULL, VIV_MACHINE_OBJECT_PATH,
                          self->connecting, on_proxy, g_steal_pointer (&attempt));
}

static void
on_socket (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (Attempt) attempt = data;
  g_autoptr (VivMonitorLink) self = g_weak_ref_get (&attempt->self);
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketConnection) monitor
      = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);

  if (self == NULL || self->connecting != attempt->cancellable)
    return;
  g_autoptr (GIOStream) stream = monitor != NULL ? viv_monitor_guard_new (monitor, &error) : NULL;
  if (stream == NULL)
    {
      fail (self, error);
      return;
    }
  g_dbus_connection_new (stream, NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, self->connecting,
                         on_connection, g_steal_pointer (&attempt));
}

void
viv_monitor_link_connect (VivMonitorLink *self, const char *path, unsigned timeout)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);

  g_return_if_fail (VIV_IS_MONITOR_LINK (self));
  viv_monitor_link_close (self);
  g_free (self->path);
  self->path = g_strdup (path);
  self->connecting = g_cancellable_new ();
  Attempt *attempt = g_new0 (Attempt, 1);
  g_weak_ref_init (&attempt->self, self);
  attempt->cancellable = g_object_ref (self->connecting);
  if (timeout != 0)
    self->timeout = g_timeout_add_seconds (timeout, on_timeout, self);
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, G_SOCKET_CONNECTABLE (address), self->connecting, on_socket,
                                 attempt);
}

VivLinkState
viv_monitor_link_get_state (VivMonitorLink *self)
{
  return self->proxy != NULL ? VIV_LINK_UP : self->connecting != NULL ? VIV_LINK_TRYING : VIV_LINK_NONE;
}

VivMachine1 *
viv_monitor_link_get_proxy (VivMonitorLink *self)
{
  return self->proxy;
}

static void
viv_monitor_link_dispose (GObject *object)
{
  viv_monitor_link_close (VIV_MONITOR_LINK (object));
  G_OBJECT_CLASS (viv_monitor_link_parent_class)->dispose (object);
}

static void
viv_monitor_link_finalize (GObject *object)
{
  VivMonitorLink *self = VIV_MONITOR_LINK (object);

  g_free (self->folder);
  g_free (self->path);
  G_OBJECT_CLASS (viv_monitor_link_parent_class)->finalize (object);
}

static void
viv_monitor_link_class_init (VivMonitorLinkClass *klass)
{
  G_OBJECT_CLASS (klass)->dispose = viv_monitor_link_dispose;
  G_OBJECT_CLASS (klass)->finalize = viv_monitor_link_finalize;
  signals[UP]
      = g_signal_new ("up", VIV_TYPE_MONITOR_LINK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[FAILED] = g_signal_new ("failed", VIV_TYPE_MONITOR_LINK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 1, G_TYPE_ERROR);
  signals[LATE]
      = g_signal_new ("late", VIV_TYPE_MONITOR_LINK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  signals[CLOSED] = g_signal_new ("closed", VIV_TYPE_MONITOR_LINK, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                  G_TYPE_NONE, 0);
}

static void
viv_monitor_link_init (VivMonitorLink *self)
{
}

VivMonitorLink *
viv_monitor_link_new (const char *folder)
{
  VivMonitorLink *self = g_object_new (VIV_TYPE_MONITOR_LINK, NULL);

  self->folder = g_strdup (folder);
  return self;
}

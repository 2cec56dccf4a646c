/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The life of the service.  Who is connected is in connections.c, what they are told in properties.c,
 * what they ask in methods.c and devices.c; the screens over VNC are in vnc.c.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include "base/host-files.h"

#include <fcntl.h>
#include <unistd.h>

/* vm_add_state_func() has no opposite; a machine that outlives its service must not find freed memory. */
static GPtrArray *live_services;

/* -- Life --------------------------------------------------------------------------------------------- */

gboolean
control_service_is_live (gconstpointer service)
{
  return live_services != NULL && g_ptr_array_find (live_services, service, NULL);
}

static void
copy_config (ControlService *service, const ControlConfig *config)
{
  service->config = *config;
  service->config.name = g_strdup (config->name);
  service->definition = config->definition != NULL ? definition_copy (config->definition) : NULL;
  service->config.definition = service->definition;
  service->config.uuid = g_strdup (config->uuid);
  service->config.engine = g_strdup (config->engine != NULL ? config->engine : "");
  service->config.walls = config->walls != NULL ? config->walls : "none";
  service->config.engine_reason = g_strdup (config->engine_reason != NULL ? config->engine_reason : "");
  service->config.folder = config->folder != NULL ? g_canonicalize_filename (config->folder, NULL) : NULL;
  service->drives = config->drives != NULL ? g_ptr_array_ref (config->drives) : g_ptr_array_new ();
  service->config.drives = NULL;
  service->serials = g_memdup2 (config->serials, config->n_serials * sizeof (SerialPort *));
  service->config.serials = NULL;
  service->screens = g_new0 (ServiceScreen, config->n_outputs + 1);
  for (unsigned i = 0; i < config->n_outputs; i++)
    service->screens[i] = (ServiceScreen){ .service = service, .id = i, .output = config->outputs[i] };
  service->config.outputs = NULL;
}

ControlService *
control_service_new (const ControlConfig *config, GError **error)
{
  ControlService *service = g_new0 (ControlService, 1);
  int fd = fcntl (config->listener, F_DUPFD_CLOEXEC, 0);

  copy_config (service, config);
  service->statm_fd = host_file_open ("/proc/self/statm", O_RDONLY);
  service->start_time = g_get_monotonic_time ();
  control_connections_init (service);
  service->shares = g_ptr_array_new ();
  control_vnc_init (service);
  if (live_services == NULL)
    live_services = g_ptr_array_new ();
  g_ptr_array_add (live_services, service);
  control_properties_init (service);

  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    {
      if (fd >= 0)
        close (fd);
      control_service_free (service);
      return NULL;
    }
  service->listener = g_socket_service_new ();
  if (!g_socket_listener_add_socket (G_SOCKET_LISTENER (service->listener), socket, NULL, error))
    {
      control_service_free (service);
      return NULL;
    }
  control_connections_listen (service);
  return service;
}

static void
free_screens (ControlService *service)
{
  while (service->shares->len > 0)
    {
      ShmServer *share = g_ptr_array_steal_index (service->shares, service->shares->len - 1);
      shm_server_free (share);
    }
  g_ptr_array_unref (service->shares);
  for (unsigned i = 0; i < service->config.n_outputs; i++)
    g_clear_pointer (&service->screens[i].size_viewer, display_viewer_detach);
  g_free (service->screens);
}

void
control_service_free (ControlService *service)
{
  if (service == NULL)
    return;
  vm_set_error_func (service->config.vm, NULL, NULL);
  g_ptr_array_remove_fast (live_services, service);
  if (live_services->len == 0)
    g_clear_pointer (&live_services, g_ptr_array_unref);

  control_connections_stop (service);
  control_vnc_end (service);
  control_devices_end (service);
  control_publish_state (service);
  control_connections_free (service);
  free_screens (service);
  control_properties_free (service);
  if (service->statm_fd >= 0)
    close (service->statm_fd);
  g_ptr_array_unref (service->drives);
  g_free (service->serials);
  g_free ((char *)service->config.name);
  g_clear_pointer (&service->definition, definition_unref);
  g_free ((char *)service->config.uuid);
  g_free ((char *)service->config.engine);
  g_free ((char *)service->config.engine_reason);
  g_free ((char *)service->config.folder);
  g_free (service);
}

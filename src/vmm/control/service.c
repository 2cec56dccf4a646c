/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control socket: its place and lock, and the life of the service.  Who is connected is in connections.c, what they are told in properties.c,
 * what they ask in methods.c and devices.c; the screens over VNC are in vnc.c.
 */
#define G_LOG_DOMAIN "control"

#include "control/service-private.h"

#include "display/socket-place.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128

/* vm_add_state_func() has no opposite; a machine that outlives its service must not find freed memory. */
static GPtrArray *live_services;

static gboolean
set_errno_error (GError **error, int code, const char *what, const char *path)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

/* -- The socket's place ------------------------------------------------------------------------------- */

/* Nobody but us may have a way to the socket. */
static gboolean
check_directory (const char *socket_path, GError **error)
{
  g_autofree char *directory = g_path_get_dirname (socket_path);
  struct stat info;

  if (lstat (directory, &info) != 0)
    return set_errno_error (error, errno, "can't use the socket's directory", directory);
  if (!S_ISDIR (info.st_mode) || info.st_uid != geteuid () || (info.st_mode & 077) != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_PERMISSION_DENIED,
                   "%s must be a directory of yours with mode 0700, for the control socket's sake",
                   directory);
      return FALSE;
    }
  return TRUE;
}

/* Held as long as the process lives: the kernel lets go of it whatever becomes of us. */
static gboolean
take_lock (ControlService *service, GError **error)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
  struct stat held, there;

  for (;;)
    {
      int fd = open (service->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd < 0)
        return set_errno_error (error, errno, "can't make", service->lock_path);
      if (fcntl (fd, F_OFD_SETLK, &lock) != 0)
        {
          char pid[32] = "";
          ssize_t length = errno == EAGAIN || errno == EACCES ? read (fd, pid, sizeof (pid) - 1) : 0;
          pid[MAX (length, 0)] = '\0';
          close (fd);
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
                       "the machine runs already (process %s holds %s); two monitors would spoil its disks",
                       *g_strstrip (pid) != '\0' ? pid : "?", service->lock_path);
          return FALSE;
        }
      /* The last holder may have removed the file between our open() and the lock. */
      if (fstat (fd, &held) == 0 && stat (service->lock_path, &there) == 0 && held.st_ino == there.st_ino
          && held.st_dev == there.st_dev)
        {
          g_autofree char *pid = g_strdup_printf ("%d\n", (int)getpid ());
          if (ftruncate (fd, 0) != 0 || write (fd, pid, strlen (pid)) < 0)
            g_debug ("no process id in %s", service->lock_path);
          service->lock_fd = fd;
          return TRUE;
        }
      close (fd);
    }
}

/* A bound, listening socket; -1 on error. */
static int
bind_socket (const char *path, GError **error)
{
  const size_t longest = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;
  int fd;

  if (strlen (path) > longest)
    {
      g_set_error (
          error, G_IO_ERROR, G_IO_ERROR_FILENAME_TOO_LONG,
          "%s is too long for a socket (at most %zu bytes); set XDG_RUNTIME_DIR to a shorter directory", path,
          longest);
      return -1;
    }
  /* We have the lock, so whoever made this is dead, or is something else that listens here. */
  switch (socket_place_look (path))
    {
    case SOCKET_PLACE_FREE:
      break;
    case SOCKET_PLACE_TAKEN:
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE, "somebody listens on %s already", path);
      return -1;
    case SOCKET_PLACE_STALE:
      if (unlink (path) == 0 || errno == ENOENT)
        break;
      set_errno_error (error, errno, "can't remove the stale", path);
      return -1;
    }
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    {
      set_errno_error (error, errno, "can't make a socket for", path);
      return -1;
    }
  if (!socket_place_listen (fd, path, BACKLOG))
    {
      set_errno_error (error, errno, "can't listen on", path);
      close (fd);
      return -1;
    }
  return fd;
}

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
  service->config.socket_path = g_canonicalize_filename (config->socket_path, NULL);
  service->config.name = g_strdup (config->name);
  service->definition = config->definition != NULL ? definition_copy (config->definition) : NULL;
  service->config.definition = service->definition;
  service->config.uuid = g_strdup (config->uuid);
  service->config.engine = g_strdup (config->engine != NULL ? config->engine : "");
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
  int fd = -1;

  copy_config (service, config);
  service->lock_path = g_strconcat (service->config.socket_path, ".lock", NULL);
  service->lock_fd = -1;
  service->statm_fd = open ("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  service->start_time = g_get_monotonic_time ();
  control_connections_init (service);
  service->shares = g_ptr_array_new ();
  control_vnc_init (service);
  if (live_services == NULL)
    live_services = g_ptr_array_new ();
  g_ptr_array_add (live_services, service);
  control_properties_init (service);

  if (check_directory (service->config.socket_path, error) && take_lock (service, error))
    fd = bind_socket (service->config.socket_path, error);
  if (fd < 0)
    {
      control_service_free (service);
      return NULL;
    }
  service->bound = TRUE;

  g_autoptr (GSocket) socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    {
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
  if (service->bound)
    unlink (service->config.socket_path);
  if (service->lock_fd >= 0)
    {
      unlink (service->lock_path);
      close (service->lock_fd);
    }
  if (service->statm_fd >= 0)
    close (service->statm_fd);
  g_ptr_array_unref (service->drives);
  g_free (service->serials);
  g_free (service->lock_path);
  g_free ((char *)service->config.socket_path);
  g_free ((char *)service->config.name);
  g_clear_pointer (&service->definition, definition_unref);
  g_free ((char *)service->config.uuid);
  g_free ((char *)service->config.engine);
  g_free ((char *)service->config.engine_reason);
  g_free ((char *)service->config.folder);
  g_free (service);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files that ports write to.
 */
#define G_LOG_DOMAIN "board"

#include "board/ports.h"

#include "base/host-files.h"
#include "chipset/gsi.h"
#include "chipset/parallel.h"
#include "machine/start-blame.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>

/* Made where it isn't there; -1 and an error: the key names it. */
static int
open_output (Board *board, const MachineDevice *device, const char *path, GError **error)
{
  const int fd = host_file_open (path, O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK);

  if (fd >= 0)
    return fd;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s.path: %s can't be written: %s",
               device->id, path, g_strerror (errno));
  viv_start_blame (device->id, "path");
  return -1;
}

gboolean
board_build_far_end (Board *board, const MachineDevice *serial, unsigned n, GError **error)
{
  const char *backend = machine_device_text (serial, "backend");
  g_autofree char *path = definition_resolve (board->definition, machine_device_text (serial, "path"));
  int fd;

  if (g_strcmp0 (backend, "none") == 0)
    return TRUE;
  board->serial[n] = serial_port_new (board->vm);
  board->n_serials = MAX (board->n_serials, n + 1);
  if (g_strcmp0 (backend, "file") != 0)
    return TRUE;
  if (path == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "%s.path: the serial port is to lead to a file; say which", serial->id);
      viv_start_blame (serial->id, "path");
      return FALSE;
    }
  fd = open_output (board, serial, path, error);
  if (fd >= 0)
    board->far_ends[n] = serial_far_end_new (board->serial[n], fd, path, error);
  return board->far_ends[n] != NULL;
}

gboolean
board_build_parallel (Board *board, const MachineDevice *parallel, GError **error)
{
  g_autofree char *path = definition_resolve (board->definition, machine_device_text (parallel, "path"));
  int fd = -1;

  if (path != NULL && (fd = open_output (board, parallel, path, error)) < 0)
    return FALSE;
  return parallel_new (board->vm, parallel->id, gsi_line (board->gsi, PARALLEL_IRQ), fd, path, error) != NULL;
}

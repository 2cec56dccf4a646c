/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * LPT1 and the file that it prints into.
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

gboolean
board_build_parallel (Board *board, const MachineDevice *parallel, GError **error)
{
  g_autofree char *path = definition_resolve (board->definition, machine_device_text (parallel, "path"));
  int fd = -1;

  if (path != NULL)
    fd = host_file_open (path, O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK);
  if (path != NULL && fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s.path: %s can't be written: %s",
                   parallel->id, path, g_strerror (errno));
      viv_start_blame (parallel->id, "path");
      return FALSE;
    }
  return parallel_new (board->vm, parallel->id, gsi_line (board->gsi, PARALLEL_IRQ), fd, path, error) != NULL;
}

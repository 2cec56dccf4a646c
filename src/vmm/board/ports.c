/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where serial and parallel ports lead.
 */
#define G_LOG_DOMAIN "board"

#include "board/ports.h"

#include "base/host-files.h"
#include "chipset/gsi.h"
#include "chipset/parallel.h"
#include "machine/serial-outside.h"
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

/* -- Serial ports ---------------------------------------------------------------------------------- */

/* 0 and a descriptor, or an errno. */
static int
open_outside (const MachineDefinition *definition, const MachineDevice *serial, int *fd,
              char name[SERIAL_OUTSIDE_NAME])
{
  if (host_files_by_name ())
    return serial_outside_open (definition, serial, fd, name);
  *fd = host_file_serial (serial->number, name, SERIAL_OUTSIDE_NAME);
  return *fd >= 0 ? 0 : errno;
}

/* On the far end's thread. */
static int
on_again (void *opaque)
{
  const BoardSerialEnd *outside = opaque;
  char name[SERIAL_OUTSIDE_NAME];
  int fd = -1;

  errno = open_outside (outside->definition, definition_find (outside->definition, outside->id), &fd, name);
  return fd;
}

static gboolean
build_outside (Board *board, const MachineDevice *serial, unsigned n, GError **error)
{
  static const SerialEndKind kinds[] = {
    [SERIAL_OUTSIDE_PTY] = SERIAL_END_PTY,
    [SERIAL_OUTSIDE_LISTENER] = SERIAL_END_LISTENER,
    [SERIAL_OUTSIDE_CALL] = SERIAL_END_CALL,
    [SERIAL_OUTSIDE_LINE] = SERIAL_END_CALL,
  };
  const SerialOutside kind = serial_outside_kind (serial);
  BoardSerialEnd *outside = &board->outsides[n];
  SerialFarEndConfig config = { .kind = kinds[kind], .fd = -1, .again = on_again, .opaque = outside };
  char name[SERIAL_OUTSIDE_NAME] = "";
  const char *key;
  /* Who is to be called need not be there yet. */
  const int code
      = kind != SERIAL_OUTSIDE_CALL ? open_outside (board->definition, serial, &config.fd, name) : 0;

  if (code != 0)
    {
      g_autofree char *words = serial_outside_explain (board->definition, serial, code, &key);
      g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (code), words);
      viv_start_blame (serial->id, key);
      return FALSE;
    }
  *outside = (BoardSerialEnd){ .definition = definition_ref (board->definition),
                               .id = g_strdup (serial->id),
                               .name = *name != '\0' ? g_strdup (name) : NULL };
  config.name = serial->id;
  if (*name != '\0')
    g_message ("%s: the serial port's other end is %s", serial->id, name);
  board->far_ends[n] = serial_far_end_new (board->serial[n], &config, error);
  return board->far_ends[n] != NULL;
}

static gboolean
build_file (Board *board, const MachineDevice *serial, unsigned n, GError **error)
{
  g_autofree char *path = definition_resolve (board->definition, machine_device_text (serial, "path"));
  SerialFarEndConfig config = { .kind = SERIAL_END_FILE, .name = path };

  if (path == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   "%s.path: the serial port is to lead to a file; say which", serial->id);
      viv_start_blame (serial->id, "path");
      return FALSE;
    }
  config.fd = open_output (board, serial, path, error);
  if (config.fd >= 0)
    board->far_ends[n] = serial_far_end_new (board->serial[n], &config, error);
  return board->far_ends[n] != NULL;
}

gboolean
board_build_far_end (Board *board, const MachineDevice *serial, unsigned n, GError **error)
{
  const char *backend = machine_device_text (serial, "backend");

  if (g_strcmp0 (backend, "none") == 0)
    return TRUE;
  board->serial[n] = serial_port_new (board->vm);
  board->n_serials = MAX (board->n_serials, n + 1);
  if (serial_outside_kind (serial) != SERIAL_OUTSIDE_NONE)
    return build_outside (board, serial, n, error);
  return g_strcmp0 (backend, "file") != 0 || build_file (board, serial, n, error);
}

void
board_clear_far_ends (Board *board)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (board->outsides); i++)
    {
      g_clear_pointer (&board->outsides[i].definition, definition_unref);
      g_free (board->outsides[i].id);
      g_free (board->outsides[i].name);
    }
}

const char *
board_serial_name (Board *board, const char *id)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (board->outsides); i++)
    if (g_strcmp0 (board->outsides[i].id, id) == 0)
      return board->outsides[i].name;
  return NULL;
}

/* -- Parallel ports -------------------------------------------------------------------------------- */

gboolean
board_build_parallel (Board *board, const MachineDevice *parallel, GError **error)
{
  g_autofree char *path = definition_resolve (board->definition, machine_device_text (parallel, "path"));
  int fd = -1;

  if (path != NULL && (fd = open_output (board, parallel, path, error)) < 0)
    return FALSE;
  return parallel_new (board->vm, parallel->id, gsi_line (board->gsi, PARALLEL_IRQ), fd, path, error) != NULL;
}

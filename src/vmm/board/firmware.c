/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The board's firmware.  See firmware.h.
 */
#define G_LOG_DOMAIN "board"

#include "board/firmware.h"

#include "board/chipsets.h"

#include "base/host-files.h"
#include "block/regular-file.h"
#include "firmware/rom.h"
#include "machine/definition-files.h"
#include "machine/start-blame.h"
#include "storage/flash.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FOUR_GIB  0x100000000ULL
#define LOW_SIZE  0x20000u /* is seen below 1 MiB */
#define MOST_CODE 0x1000000u

static void
map_low (Board *board)
{
  const uint64_t size = region_size (board->bios), shadow = MIN (size, LOW_SIZE);

  address_space_map (board->vm->memory, board->bios, 0x100000 - shadow, size - shadow, shadow, 0);
}

static gboolean
build_bios (Board *board, GError **error)
{
  const char *wanted = definition_text (board->definition, "machine.firmware");
  g_autofree char *path = g_strcmp0 (wanted, "bios") == 0 || wanted == NULL
                              ? firmware_find ("bios-256k.bin", error)
                              : definition_resolve (board->definition, wanted);

  board->bios = path != NULL ? firmware_load_bios (path, error) : NULL;
  if (board->bios == NULL)
    return FALSE;
  address_space_map (board->vm->memory, board->bios, FOUR_GIB - region_size (board->bios), 0,
                     region_size (board->bios), 0);
  map_low (board);
  return TRUE;
}

/* -- UEFI ------------------------------------------------------------------------------------------------ */

/* An image of the host's, of whole blocks. */
static gboolean
read_image (const char *name, gsize most, char **data, gsize *size, GError **error)
{
  g_autofree char *path = firmware_find (name, error);

  if (path == NULL || !regular_file_read (path, most, data, size, error))
    return FALSE;
  if (*size > 0 && *size % FLASH_BLOCK_SIZE == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
               "%s is no firmware image: its size is %" G_GSIZE_FORMAT " bytes, not a multiple of 4 KiB",
               path, *size);
  return FALSE;
}

/* What is new gets the host's variables. */
static gboolean
fill_variables (const char *path, int fd, const char *data, gsize size, GError **error)
{
  gsize done = 0;

  while (done < size)
    {
      const ssize_t n = pwrite (fd, data + done, size - done, (off_t)done);

      if (n < 0 && errno != EINTR)
        break;
      done += n > 0 ? (gsize)n : 0;
    }
  if (done == size && fsync (fd) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s can't be written: %s", path,
               g_strerror (errno));
  return FALSE;
}

static Block *
open_variables (Board *board, const char *data, gsize size, GError **error)
{
  g_autofree char *path = definition_uefi_variables (board->definition);
  const BlockConfig config = { .path = path, .format = "raw" };
  const int fd = host_file_open (path, O_RDWR | O_CREAT | O_NOCTTY | O_NONBLOCK);
  gboolean ok;

  if (fd < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "%s, where the machine keeps its UEFI variables, can't be opened: %s", path,
                   g_strerror (errno));
      return NULL;
    }
  const off_t found = lseek (fd, 0, SEEK_END);
  ok = found != 0 || fill_variables (path, fd, data, size, error);
  close (fd);
  if (ok && found != 0 && found != (off_t)size)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "%s doesn't hold UEFI variables: it has %" G_GINT64_FORMAT
                   " bytes and not %" G_GSIZE_FORMAT ". Move it away; the machine then begins with new ones.",
                   path, (gint64)found, size);
      ok = FALSE;
    }
  return ok ? block_open (&config, error) : NULL;
}

static gboolean
build_uefi (Board *board, const UefiImages *images, GError **error)
{
  const gboolean secure = images->code_without_smm != NULL,
                 guarded = secure && board_guards_variables (board);
  g_autofree char *code = NULL, *variables = NULL;
  FlashConfig first = { 0 }, second = { 0 };

  if (!read_image (secure && !guarded ? images->code_without_smm : images->code, MOST_CODE, &code,
                   &first.size, error)
      || !read_image (images->variables, FLASH_MOST_WRITABLE, &variables, &second.size, error))
    return FALSE;
  first.content = code;
  first.base = FOUR_GIB - first.size;
  second.base = first.base - second.size;
  second.secure = guarded;
  if (secure && !guarded)
    g_message (
        "Secure Boot without system-management mode: the system could write to the firmware's variables. "
        "The software processor on a q35 has that mode.");
  second.image = open_variables (board, variables, second.size, error);
  if (second.image == NULL || flash_new (board->vm, "flash1", &second, error) == NULL
      || flash_new (board->vm, "flash0", &first, error) == NULL)
    return FALSE;
  board->bios = region_new_ram ("bios", MIN (first.size, LOW_SIZE), RAM_ROM, error);
  if (board->bios == NULL)
    return FALSE;
  memcpy (region_host (board->bios), code + first.size - region_size (board->bios),
          region_size (board->bios));
  map_low (board);
  return TRUE;
}

gboolean
board_build_firmware (Board *board, GError **error)
{
  const UefiImages *uefi = definition_uefi (board->definition);

  if (uefi != NULL ? build_uefi (board, uefi, error) : build_bios (board, error))
    return TRUE;
  viv_start_blame ("machine", "firmware");
  return FALSE;
}

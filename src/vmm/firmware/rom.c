/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Finding and loading of firmware images.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/rom.h"

#include "base/host-files.h"
#include "block/regular-file.h"
#include "machine/definition-files.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>

#define BIOS_UNIT 0x10000u
#define BIOS_MAX  0x1000000u

char *
firmware_find (const char *name, GError **error)
{
  g_auto (GStrv) places = definition_firmware_places (name);
  uint32_t mode;
  uint64_t size;

  for (unsigned i = 0; places[i] != NULL; i++)
    if (host_file_look (places[i], &mode, &size) == 0 && S_ISREG (mode))
      return g_strdup (places[i]);
  g_set_error (
      error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
      "The firmware file %s is not on this host. Install the package %s, or set VIVARIUM_FIRMWARE_DIR to its folder.",
      name, g_str_has_prefix (name, "OVMF") ? "ovmf" : "seabios");
  return NULL;
}

Region *
firmware_load_bios (const char *path, GError **error)
{
  g_autofree char *data = NULL;
  gsize length;
  Region *region;

  if (!regular_file_read (path, BIOS_MAX, &data, &length, error))
    return NULL;
  if (length % BIOS_UNIT != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   "%s is no BIOS image: its size is %" G_GSIZE_FORMAT
                   " bytes, not a multiple of 64 KiB up to 16 MiB",
                   path, length);
      return NULL;
    }
  region = region_new_ram ("bios", length, RAM_ROM, error);
  if (region != NULL)
    memcpy (region_host (region), data, length);
  return region;
}

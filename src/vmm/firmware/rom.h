/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Firmware images of the host: SeaBIOS and its VGA BIOS (Debian: package seabios), OVMF (ovmf).
 */
#pragma once

#include "core/memory.h"

G_BEGIN_DECLS

/* Path of a firmware file, looked for in $VIVARIUM_FIRMWARE_DIR, the directory chosen at build time, ours, and where
 * distributions put it.  NULL and an error that names the file and the package. */
char *firmware_find (const char *name, GError **error);
/* A ROM region with the file's content.  Its size must be a multiple of 64 KiB, at most 16 MiB. */
Region *firmware_load_bios (const char *path, GError **error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The value of machine.modules: a kernel's boot modules.  Words as a shell has them, each word a module: its file, and after a blank
 * the rest of the string that the kernel is given.  A blank in the file's name is written "\\ ".
 *
 *   modules=drivers.mod "disk.mod --verbose" '/srv/my\\ modules/fs.mod root'
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define BOOT_MODULES_MAX 31 /* and an initrd */

typedef struct
{
  char *path;   /* as written: relative or absolute */
  char *string; /* for the kernel: path and rest */
} BootModule;

/* BootModule *, freed with the array; `text` may be NULL.  NULL and an error for what can't be read so. */
GPtrArray *boot_modules_parse (const char *text, GError **error);
/* `text` (may be NULL) with one more module, "FILE [STRING]"; the file's name is made absolute. */
char *boot_modules_add (const char *text, const char *module);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Machine folders as such: made whole or not at all, moved onto nothing that is there, removed without straying.  All may block as long as
 * the disk does; any thread.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* A disk image to be made with a new machine, sparse. */
typedef struct
{
  const char *file; /* name in the machine's folder, such as "disk0.img" */
  uint64_t size;    /* bytes */
  const char *
      ready; /* a file on the same file system that becomes the image (machine/import.h), and the size is its own; NULL: none.  The
                      * caller's until the machine is made */
} VivNewImage;

/* Makes the folder, the images (attach them to the definition by their relative path yourself) and machine.ini.  On error nothing is left
 * behind. */
gboolean viv_create_machine_folder (const char *folder, MachineDefinition *definition,
                                    const VivNewImage *images, unsigned n_images, GError **error);
/* Never onto something that is there. */
gboolean viv_move_folder (const char *from, const char *to, GError **error);
/* A folder's name for a machine's (or a file's for any text): no slash, no leading dot, nothing that other systems' file systems
 * refuse, at most 100 bytes. */
char *viv_folder_name (const char *name);
/* A folder's path in `path` for a machine of this name, where nothing is yet. */
char *viv_free_folder (const char *path, const char *name);
/* Removes folders of `path`, called `prefix`…, that a maker who was killed left: nobody has them locked, and they are older than a
 * minute. */
void viv_sweep_folders (const char *path, const char *prefix);
/* Removes a folder and what is in it; symbolic links are not followed, other file systems not entered. */
gboolean viv_remove_tree (const char *path, GError **error);
/* What a folder and what is in it take on the disk, in bytes: images are sparse.  Links are not followed. */
guint64 viv_space_taken (const char *path);

G_END_DECLS

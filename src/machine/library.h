/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * All machines: a GListModel of VivMachine, sorted by name, that follows the folders on the disk.  There is no register that could
 * disagree with them: a folder with a machine.ini is a machine.  Folders that begin with a dot are not looked at.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

#define VIV_TYPE_LIBRARY (viv_library_get_type ())
G_DECLARE_FINAL_TYPE (VivLibrary, viv_library, VIV, LIBRARY, GObject)

/* `path` NULL: viv_machines_dir().  Made if it isn't there; reads it at once, then follows changes on the main context. */
VivLibrary *viv_library_new (const char *path);
const char *viv_library_get_path (VivLibrary *library);
/* Looks at the disk now (tests; file systems that can't be watched). */
void viv_library_rescan (VivLibrary *library);
/* By UUID or path of the folder, else by name, else by the folder's name, else by the first letters (at least 4) of the UUID.  An
 * error names the candidates if several machines answer to the same.  Transfer full. */
VivMachine *viv_library_find (VivLibrary *library, const char *name, GError **error);
/* Among the library's machines and those of `vivctl run`, in the same way.  For `vivarium --view` and vivctl; it
 * needs no library.  Transfer full. */
VivMachine *viv_find_machine (const char *name, GError **error);

/* "Debian 12", "Debian 12 2", …: a name that no machine has. */
char *viv_library_propose_name (VivLibrary *library, const char *base);

/* A disk image to be made with a new machine, sparse. */
typedef struct
{
  const char *file; /* name in the machine's folder, such as "disk0.img" */
  uint64_t size;    /* bytes */
} VivNewImage;

/* Makes the folder, the images (attach them to the definition by their relative path yourself) and machine.ini.  The definition
 * is copied; the copy gets a new UUID, and a new MAC if another machine has it.  On error nothing is left behind.  Transfer full. */
VivMachine *viv_library_create (VivLibrary *library, MachineDefinition *definition, const VivNewImage *images,
                                unsigned n_images, GError **error);
/* As viv_library_create(), at any place: `vivctl run`. */
gboolean viv_create_machine_folder (const char *folder, MachineDefinition *definition,
                                    const VivNewImage *images, unsigned n_images, GError **error);
/* Renames the machine, and its folder after it; not while it runs. */
gboolean viv_library_rename (VivLibrary *library, VivMachine *machine, const char *name, GError **error);
/* Moves the folder, or the link that stands for it, to .trash/FOLDER-STAMP; not while it runs.  Images elsewhere are not touched.  Returns the
 * trash entry's name for the two below. */
char *viv_library_delete (VivLibrary *library, VivMachine *machine, GError **error);
/* Undo; under a free name if the old one has been taken meanwhile.  Transfer full. */
VivMachine *viv_library_restore (VivLibrary *library, const char *entry, GError **error);
/* For good; not while it runs.  Symbolic links are removed, not followed: also if the machine's folder is one. */
gboolean viv_library_purge (VivLibrary *library, const char *entry, GError **error);
/* The same in a thread. */
void viv_library_purge_async (VivLibrary *library, const char *entry, GAsyncReadyCallback callback,
                              gpointer data);
gboolean viv_library_purge_finish (VivLibrary *library, GAsyncResult *result, GError **error);
/* The newest entry that was called so: by the entry's own name, the machine's name, its folder's or its UUID, in whole. */
char *viv_library_find_trash (VivLibrary *library, const char *name, GError **error);
/* Names of trash entries, oldest first. */
char **viv_library_list_trash (VivLibrary *library);
/* A folder's name for a machine's (or a file's for any text): no slash, no leading dot, nothing that other systems' file systems
 * refuse, at most 100 bytes. */
char *viv_folder_name (const char *name);
/* Removes folders of `path`, called `prefix`…, that a maker who was killed left: nobody has them locked, and they are older than a
 * minute. */
void viv_sweep_folders (const char *path, const char *prefix);
/* Removes a folder and what is in it; symbolic links are not followed, other file systems not entered. */
gboolean viv_remove_tree (const char *path, GError **error);
/* What a folder and what is in it take on the disk, in bytes: images are sparse.  Links are not followed.  May block for long. */
guint64 viv_space_taken (const char *path);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Finding a machine by what a person calls it: by UUID or path of the folder, else by name, else by the folder's name, else by the first
 * letters (at least 4) of the UUID.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

typedef struct VivSearch VivSearch;

VivSearch *viv_search_new (const char *wanted);
/* A machine, `what` to be given back if it is the one.  `folder` and `uuid` may be NULL. */
void viv_search_consider (VivSearch *search, const char *folder, const char *name, const char *uuid,
                          gpointer what);
/* NULL and an error, which names the candidates if several answer to the same.  Ends the search. */
gpointer viv_search_end (VivSearch *search, GError **error);

/* Calls `func` with each folder of `path` that has a machine.ini, or, with `all`, that isn't hidden. */
typedef void (*VivFolderFunc) (const char *folder, gpointer data);
void viv_each_machine_folder (const char *path, gboolean all, VivFolderFunc func, gpointer data);
/* Among the machines of this computer and those of `vivctl run`.  For `vivarium --view` and vivctl; it needs no host.  Transfer full. */
VivMachine *viv_find_machine (const char *name, GError **error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Machines that were deleted and can be taken back: entries called NAME-yyyymmdd-hhmmss-uuuuuu (UTC) in a folder.
 */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

typedef struct
{
  char *id;    /* what to call it by: the entry's name */
  char *name;  /* for a person: what the machine's folder was called */
  gint64 when; /* it was deleted, in seconds of real time; 0: not known */
} VivTrashEntry;

GType viv_trash_entry_get_type (void);
#define VIV_TYPE_TRASH_ENTRY (viv_trash_entry_get_type ())
VivTrashEntry *viv_trash_entry_copy (const VivTrashEntry *entry);
void viv_trash_entry_free (VivTrashEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VivTrashEntry, viv_trash_entry_free)

/* A new id for a folder of this name, now. */
char *viv_trash_id (const char *base);
/* What `id` says; NULL: it is none. */
VivTrashEntry *viv_trash_entry_parse (const char *id);

/* There is none (any more) that is called so. */
void viv_trash_error (const char *id, GError **error);

/* `trash`: the folder that has them.  May block as long as the disk does; any thread. */
/* VivTrashEntry *, oldest first. */
GPtrArray *viv_trash_list (const char *trash);
/* The entry's folder, or a link to one; NULL and an error if there is none. */
char *viv_trash_path (const char *trash, const char *id, GError **error);
/* The id of the newest entry that was called so: by the entry's own name, the machine's name, its folder's or its UUID, in whole. */
char *viv_trash_find (const char *trash, const char *name, GError **error);
/* Removes it for good; not while it runs.  Symbolic links are removed, not followed: also if the machine's folder is one. */
gboolean viv_trash_purge (const char *trash, const char *id, GError **error);

G_END_DECLS

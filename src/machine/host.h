/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where machines are: a GListModel of VivMachine that follows what is there, and what can be done to it as a whole.  This computer is one
 * (machine/local-host.h); the application knows no more of a host than this.
 *
 * Main context of the thread that made it.  Nothing here blocks: what takes time is asked for and told later, with a GError for a person.
 */
#pragma once

#include "machine/folder.h"
#include "machine/machine.h"
#include "machine/trash.h"

G_BEGIN_DECLS

#define VIV_TYPE_HOST (viv_host_get_type ())
G_DECLARE_INTERFACE (VivHost, viv_host, VIV, HOST, GListModel)

/* What a host can do at all. */
typedef enum
{
  VIV_HOST_CAN_CREATE = 1 << 0,
  VIV_HOST_CAN_RENAME = 1 << 1,
  VIV_HOST_CAN_TRASH = 1 << 2, /* and restore, and purge */
} VivHostCapabilities;

/* What a host is made of.  Each takes the task and returns by it what the function's own comment below says; what a host leaves out is
 * refused. */
struct _VivHostInterface
{
  GTypeInterface parent_interface;

  const char *(*get_folder) (VivHost *self);
  void (*create) (VivHost *self, MachineDefinition *definition, const VivNewImage *images, unsigned n,
                  GTask *task);
  void (*rename) (VivHost *self, VivMachine *machine, const char *name, GTask *task);
  void (*trash) (VivHost *self, VivMachine *machine, GTask *task);
  void (*restore) (VivHost *self, const char *id, GTask *task);
  void (*purge) (VivHost *self, const char *id, GTask *task);
  void (*list_trash) (VivHost *self, GTask *task);
  void (*measure_trash) (VivHost *self, const char *id, GTask *task);
};

/* By the functions that it has. */
VivHostCapabilities viv_host_get_capabilities (VivHost *host);
/* A folder of this computer with its machines; NULL: they are elsewhere. */
const char *viv_host_get_folder (VivHost *host);
/* As machine/machine-find.h finds.  Transfer full. */
VivMachine *viv_host_find (VivHost *host, const char *name, GError **error);
/* "Debian 12", "Debian 12 2", …: a name that no machine has. */
char *viv_host_propose_name (VivHost *host, const char *base);
/* A machine other than `except` (may be NULL) is called so. */
gboolean viv_host_has_name (VivHost *host, const char *name, VivMachine *except);
/* FALSE and an error: no machine can be called so, or one other than `except` (may be NULL) is. */
gboolean viv_host_check_name (VivHost *host, const char *name, VivMachine *except, GError **error);

/* A machine with `n` new images.  The definition is copied; the copy gets a new UUID, and a new MAC if another machine has it.  On error
 * nothing is left behind.  Transfer full. */
void viv_host_create (VivHost *host, MachineDefinition *definition, const VivNewImage *images, unsigned n,
                      GCancellable *cancellable, GAsyncReadyCallback callback, gpointer data);
VivMachine *viv_host_create_finish (VivHost *host, GAsyncResult *result, GError **error);
/* Not while it runs.  Returns the machine by its new name, which may be another object.  Transfer full. */
void viv_host_rename (VivHost *host, VivMachine *machine, const char *name, GCancellable *cancellable,
                      GAsyncReadyCallback callback, gpointer data);
VivMachine *viv_host_rename_finish (VivHost *host, GAsyncResult *result, GError **error);
/* Moves it to the trash; not while it runs.  Images elsewhere are not touched.  Returns the entry's id. */
void viv_host_trash (VivHost *host, VivMachine *machine, GCancellable *cancellable,
                     GAsyncReadyCallback callback, gpointer data);
char *viv_host_trash_finish (VivHost *host, GAsyncResult *result, GError **error);
/* Undo; under a free name if the old one has been taken meanwhile.  Transfer full. */
void viv_host_restore (VivHost *host, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                       gpointer data);
VivMachine *viv_host_restore_finish (VivHost *host, GAsyncResult *result, GError **error);
/* For good; not while it runs. */
void viv_host_purge (VivHost *host, const char *id, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer data);
gboolean viv_host_purge_finish (VivHost *host, GAsyncResult *result, GError **error);
/* VivTrashEntry *, oldest first.  Transfer full. */
void viv_host_list_trash (VivHost *host, GCancellable *cancellable, GAsyncReadyCallback callback,
                          gpointer data);
GPtrArray *viv_host_list_trash_finish (VivHost *host, GAsyncResult *result, GError **error);
/* The room that an entry takes, in bytes; -1 and an error. */
void viv_host_measure_trash (VivHost *host, const char *id, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data);
gssize viv_host_measure_trash_finish (VivHost *host, GAsyncResult *result, GError **error);

G_END_DECLS

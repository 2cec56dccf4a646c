/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The making of a machine, as a job of the application (viv-jobs.h): if an image is to be copied into it first, that is done on a thread, and
 * can be stopped.
 */
#pragma once

#include "ui/app/viv-shell.h"

G_BEGIN_DECLS

typedef struct
{
  MachineDefinition *definition;    /* taken */
  const char *disk;                 /* the file of a new, empty disk in the machine's folder; NULL: none */
  uint64_t disk_size;               /* bytes */
  const char *import, *import_file; /* an image to copy, and the file that it becomes there; NULL: none */
  gboolean start;                   /* at once */
} VivCreation;

/* `machine` NULL: it went wrong, or was stopped (G_IO_ERROR_CANCELLED).  Not called if the owner has gone. */
typedef void (*VivCreationDone) (gpointer owner, VivMachine *machine, const GError *error);

/* Makes it, and then shows it in the shell (may be NULL) and starts it.  An error that no owner is there to tell of stays with the job. */
void viv_creation_begin (const VivCreation *creation, VivHost *host, VivShell *shell, gpointer owner,
                         VivCreationDone done);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The processes of a machine, children of the broker: its monitor and the helpers.  What they are given are descriptors (base/child.h); they end with the
 * broker.
 */
#pragma once

#include "base/child.h"
#include "base/family.h"

G_BEGIN_DECLS

typedef struct
{
  pid_t pid;            /* 0: not running */
  int pid_fd;           /* readable when it has ended; -1 */
  int socket;           /* our end, -1: none (a helper's goes to the monitor) */
  unsigned number;      /* of a helper, as the monitor knows it */
  unsigned patience_ms; /* for it to end by itself, as its monitor is gone */
} FamilyProcess;

/* FALSE and an error. */
gboolean family_start (FamilyProcess *process, char *const *arguments, const ChildFiles *files,
                       GError **error);
/* Kills it if it lives, and waits for it; its wait(2) status. */
int family_end (FamilyProcess *process);

G_END_DECLS

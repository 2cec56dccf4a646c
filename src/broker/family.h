/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The processes of a machine, children of the broker: its monitor and the helpers.  What they are given are descriptors; they end with the broker.
 */
#pragma once

#include "base/family.h"
#include "broker/log.h"

#include <sys/types.h>

G_BEGIN_DECLS

#define FAMILY_SOCKET 3 /* where a child finds its end */
#define FAMILY_LOCK   4 /* of a monitor: it has the folder for as long as it lives */

typedef struct
{
  pid_t pid;  /* 0: not running */
  int pid_fd; /* readable when it has ended; -1 */
  int socket; /* our end, -1: none (a helper's goes to the monitor) */
} FamilyProcess;

/* Starts `argv` with its end of a new socketpair as FAMILY_SOCKET, /dev/null as standard input, the log as standard error and, unless `own_stdout`, as
 * standard output.  `lock` is FAMILY_LOCK there; -1: none.  Nothing
 * else is open in it.  FALSE and an error. */
gboolean family_start (FamilyProcess *process, char *const *argv, const BrokerLog *log, int lock,
                       gboolean own_stdout, GError **error);
/* Kills it if it lives, and waits for it; its wait(2) status. */
int family_end (FamilyProcess *process);

G_END_DECLS

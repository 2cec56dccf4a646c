/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a monitor that was taken over would try: one operation each, by name.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What there is to attack; made by the runner (test-sandbox.py).  It is all read before the walls go up. */
typedef struct
{
  const char *folder;  /* the machine's */
  const char *outside; /* of the same user; has “file” */
  const char *
      sibling; /* a stream socket that another process listens on, in `outside`; its name is an abstract one's, too */
  const char *datagrams; /* a datagram socket there */
  pid_t victim;
  int tcp_port;  /* on the loopback, somebody listens */
  int file_ro;   /* outside/file, opened before the walls: what the monitor was given to read */
  int file_rw;   /* folder/disk, likewise: to write */
  int pair[2];   /* stream sockets that are connected to each other */
  void *unit_rw; /* a page of a memfd */
  int memfd;
} Prey;

/* The operation: 0 if it works, else an errno. */
typedef int (*OpFunc) (const Prey *prey);

OpFunc op_find (const char *name);
void op_list (void);

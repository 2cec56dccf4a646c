/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * VNC that is on from the start, and the process that serves it.
 *
 * Threads: the control loop's only, VM lock NOT held.
 */
#pragma once

#include "board/board.h"
#include "control/service.h"
#include "display/vnc-listen.h"

G_BEGIN_DECLS

/* What is made before the walls are. */
typedef struct
{
  VncListeners listeners;
  int password; /* a descriptor; -1 */
  ControlService *control;
} VncHost;
#define VNC_HOST_NONE \
  {                   \
    .password = -1    \
  }

/* From the broker, or else as the definition, `address` and `password_file` say (may be NULL), where the machine has a control socket.  An error has a key that is
 * blamed. */
gboolean vnc_host_prepare (VncHost *host, Board *board, const char *control_socket, const char *address,
                           const char *password_file, GError **error);
/* Once. */
void vnc_host_serve (VncHost *host, ControlService *control);

/* The socket to a process that serves it, and its number; -1 and an error. */
int vnc_host_start_helper (unsigned *number, GError **error);
/* One that a stranger has taken over doesn't leave because it is told to.  (Without a broker it does as it likes: there are no walls then.) */
void vnc_host_end_helper (unsigned number);

G_END_DECLS

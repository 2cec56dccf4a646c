/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The outside ends of serial ports, for who may open them (a machine's broker): a pseudo-terminal, a TCP or UNIX socket, a serial port of this computer.
 * Each makes a descriptor that is handed on, non-blocking and close-on-exec, and reads nothing of it.
 *
 * Any thread; no GIO (the broker has none).  Nothing waits: names are not looked up, and a TCP connection may still be on its way.
 */
#pragma once

#include "machine/definition.h"

#include <sys/socket.h>

G_BEGIN_DECLS

typedef enum
{
  SERIAL_OUTSIDE_NONE,     /* the control socket alone, or a file (machine/definition-files.h), or nothing */
  SERIAL_OUTSIDE_PTY,      /* the master */
  SERIAL_OUTSIDE_LISTENER, /* of stream sockets */
  SERIAL_OUTSIDE_CALL, /* a stream to who listens elsewhere; when it ends, or nobody is there, ask for it again later */
  SERIAL_OUTSIDE_LINE, /* a tty; the same */
} SerialOutside;

/* Longest name that serial_outside_open() gives, with the 0 at its end. */
#define SERIAL_OUTSIDE_NAME 36

SerialOutside serial_outside_kind (const MachineDevice *serial);
/* An errno, or 0, the descriptor and what a person finds it by: "/dev/pts/4", "127.0.0.1:4000", the end of a path.  EINVAL: a key that it needs isn't set. */
int serial_outside_open (const MachineDefinition *definition, const MachineDevice *serial, int *fd,
                         char name[SERIAL_OUTSIDE_NAME]);
/* A sentence for a person on what that said, and the key to blame.  Transfer full; the key is constant. */
char *serial_outside_explain (const MachineDefinition *definition, const MachineDevice *serial, int code,
                              const char **key);
/* Behind the machine's end: the name of its UNIX socket, if it had one and nobody listens there any more. */
void serial_outside_tidy (const MachineDefinition *definition, const MachineDevice *serial);

/* "127.0.0.1:4000", "[::1]:4000", "localhost:4000": an address in numbers, and a port.  FALSE: it is none. */
gboolean serial_outside_parse (const char *text, struct sockaddr_storage *place, socklen_t *length);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A serial port's far end on the host that is no client of the control socket: a file that gets what the guest sends, or anything that carries bytes both
 * ways.  It is one more client of the port, whose bytes a thread carries: so it holds the guest up where it is slow, and is given up where it
 * stands (SERIAL_STALL_NS).  Where nobody is at the other end, what the guest sends is dropped, as on a line that isn't plugged in.
 */
#pragma once

#include "serial/serial.h"

G_BEGIN_DECLS

typedef struct SerialFarEnd SerialFarEnd;

typedef enum
{
  SERIAL_END_FILE,     /* a regular file, behind whose end is written; nothing is read from it */
  SERIAL_END_LISTENER, /* of streams: one at a time, the next when that has ended */
  SERIAL_END_PTY,      /* a master: programs come and go at the other end */
  SERIAL_END_CALL, /* a stream or tty that may still be connecting; `again` gets the next one when it has ended, or wasn't to be had */
} SerialEndKind;

typedef struct
{
  SerialEndKind kind;
  int fd;           /* taken; non-blocking but for a file; -1: ask `again` */
  const char *name; /* for the log; copied */
  /* A descriptor, or -1 and errno.  On the far end's thread, VM lock NOT held. */
  int (*again) (void *opaque);
  void *opaque;
} SerialFarEndConfig;

/* VM lock held.  NULL and an error: the port has too many clients. */
SerialFarEnd *serial_far_end_new (SerialPort *port, const SerialFarEndConfig *config, GError **error);
/* Behind serial_port_finish() and serial_port_free(): what the guest said last is carried first, as long as the other side takes it, for a second.  NULL is fine.  VM lock held or not. */
void serial_far_end_free (SerialFarEnd *end);

G_END_DECLS

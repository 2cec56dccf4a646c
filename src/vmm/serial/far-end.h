/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A serial port's far end on the host that is no client of the control socket: a file that gets what the guest sends, or anything that carries bytes both
 * ways.  It is one more client of the port, whose bytes a thread carries: so it holds the guest up where it is slow, and is given up where it
 * stands (SERIAL_STALL_NS).
 */
#pragma once

#include "serial/serial.h"

G_BEGIN_DECLS

typedef struct SerialFarEnd SerialFarEnd;

/* Takes `fd`, behind whose end is written if it is a regular file, from which then nothing is read.  `name` is for the log.  VM lock held. */
SerialFarEnd *serial_far_end_new (SerialPort *port, int fd, const char *name, GError **error);
/* Behind serial_port_finish() and serial_port_free(): what the guest said last is carried first, as long as the other side takes it.  NULL is fine.  VM lock held or not. */
void serial_far_end_free (SerialFarEnd *end);

G_END_DECLS

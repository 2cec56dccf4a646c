/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A serial port's far end: what the guest has sent is kept (the last SERIAL_HISTORY bytes), and any number of stream
 * sockets can be attached, each of which gets what the guest sends and may send to the guest.
 *
 * A client that reads slowly holds the guest up once it is nearly SERIAL_HISTORY bytes late: serial_port_can_write() says no, and the
 * device's transmitter stays busy.  One that takes nothing for SERIAL_STALL_NS is gone as far as the guest can tell: it holds
 * up nobody and loses the oldest bytes, and the log says how many.  What clients send waits in their sockets until the port has
 * room.
 *
 * Threads: every function is called with the VM lock held, from any thread.  Sockets are read and written on the device loop (core/vm.h) and
 * never waited for.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define SERIAL_HISTORY     (256u * 1024)
#define SERIAL_MAX_CLIENTS 16u
#define SERIAL_STALL_NS    (10 * NS_PER_SECOND)

typedef struct SerialPort SerialPort;

/* Bytes for the guest.  Returns how many were taken; the rest waits for serial_port_ready(). */
typedef size_t (*SerialReceive) (void *opaque, const uint8_t *data, size_t length);

SerialPort *serial_port_new (Vm *vm);
/* Closes all attached sockets.  The device must not write any more. */
void serial_port_free (SerialPort *port);
/* Sends what clients lack, for at most so long in all: before serial_port_free(), where one of them must not lose the end. */
void serial_port_finish (SerialPort *port, unsigned ms);
/* `receive` NULL: nobody listens; input waits. */
void serial_port_connect (SerialPort *port, SerialReceive receive, void *opaque);
/* Both ways to a 16550A (chipset/uart.h); the port must outlive it. */
void serial_port_connect_uart (SerialPort *port, Device *uart);
/* `room` is called, with the VM lock held, when serial_port_can_write() is TRUE again after it was FALSE. */
void serial_port_set_room_func (SerialPort *port, VmFunc room, void *opaque);
/* Whether all clients can follow. */
gboolean serial_port_can_write (SerialPort *port);
/* How many bytes can be written before a client that can still follow loses some; more than 0 while all can. */
size_t serial_port_room (SerialPort *port);
/* The guest has sent `length` bytes. */
void serial_port_write (SerialPort *port, const uint8_t *data, size_t length);
/* The device has room again.  From any thread; cheap when nothing waits. */
void serial_port_ready (SerialPort *port);
/* The client's end of a new stream socket, owned by the caller; -1 and an error when there are too many.  With `history` the
 * kept bytes come first. */
int serial_port_attach (SerialPort *port, gboolean history, GError **error);
unsigned serial_port_n_clients (SerialPort *port);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The join between a serial port's far end and the 16550A.
 */
#define G_LOG_DOMAIN "serial"

#include "serial/serial.h"

#include "chipset/uart.h"

static void
on_uart_write (void *opaque, const uint8_t *data, size_t length)
{
  serial_port_write (opaque, data, length);
}

static gboolean
is_ready (void *opaque)
{
  return serial_port_can_write (opaque);
}

static void
on_room (void *opaque)
{
  uart_transmit_ready (opaque);
}

static void
on_uart_can_receive (void *opaque)
{
  serial_port_ready (opaque);
}

static size_t
receive_into_uart (void *opaque, const uint8_t *data, size_t length)
{
  return uart_receive (opaque, data, length);
}

void
serial_port_connect_uart (SerialPort *port, Device *uart)
{
  static const UartBackend backend = { .write = on_uart_write, .ready = is_ready };

  uart_set_backend (uart, &backend, port);
  uart_set_can_receive_func (uart, on_uart_can_receive, port);
  serial_port_set_room_func (port, on_room, uart);
  serial_port_connect (port, receive_into_uart, uart);
}

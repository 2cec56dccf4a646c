/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 16550A serial port.  National Semiconductor PC16550D data sheet.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef struct
{
  /* What the guest sends.  VM lock held. */
  void (*write) (void *opaque, const uint8_t *data, size_t length);
  /* FALSE: somebody reads slowly, so the transmitter is to stay busy until uart_transmit_ready().  NULL: always TRUE. */
  gboolean (*ready) (void *opaque);
} UartBackend;

/* Eight ports at `base`: 0x3f8 and IRQ 4 for COM1. */
Device *uart_new (Vm *vm, const char *id, uint16_t base, IrqLine irq, GError **error);
/* `backend` must outlive the device; NULL: what is sent goes nowhere. */
void uart_set_backend (Device *uart, const UartBackend *backend, void *opaque);
/* Bytes from outside.  Returns how many were taken; the rest waits for the function below. */
size_t uart_receive (Device *uart, const uint8_t *data, size_t length);
/* Called when the guest has made room after uart_receive() took less than all. */
typedef void (*UartCanReceiveFunc) (void *opaque);
void uart_set_can_receive_func (Device *uart, UartCanReceiveFunc func, void *opaque);
/* The backend is ready again: what the transmitter has kept goes out.  VM lock held. */
void uart_transmit_ready (Device *uart);
/* A break from outside. */
void uart_receive_break (Device *uart);

G_END_DECLS

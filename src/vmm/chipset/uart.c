/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 16550A.  See uart.h.  What the guest sends leaves at once, whatever the divisor says: nobody waits for a baud rate here.  Only a
 * reader that is slow keeps the transmitter busy.
 */
#define G_LOG_DOMAIN "uart"

#include "chipset/uart.h"
#include "chipset/common.h"

#include <string.h>

enum
{
  UART_RBR = 0, /* write: THR; with DLAB: DLL */
  UART_IER = 1, /* with DLAB: DLM */
  UART_IIR = 2, /* write: FCR */
  UART_LCR = 3,
  UART_MCR = 4,
  UART_LSR = 5,
  UART_MSR = 6,
  UART_SCR = 7,
  UART_N_PORTS = 8,

  IER_ERBFI = 1 << 0,
  IER_ETBEI = 1 << 1,
  IER_ELSI = 1 << 2,
  IER_EDSSI = 1 << 3,
  IER_BITS = 0x0f,

  IIR_NONE = 0x01,
  IIR_MODEM = 0x00,
  IIR_THRE = 0x02,
  IIR_RECEIVED = 0x04,
  IIR_LINE = 0x06,
  IIR_TIMEOUT = 0x0c,
  IIR_FIFOS = 0xc0,

  FCR_ENABLE = 1 << 0,
  FCR_CLEAR_RECEIVER = 1 << 1,
  FCR_CLEAR_TRANSMITTER = 1 << 2,
  FCR_TRIGGER_SHIFT = 6,
  FCR_KEPT = 0xc9,

  LCR_WORD = 3,
  LCR_STOP = 1 << 2,
  LCR_PARITY = 1 << 3,
  LCR_BREAK = 1 << 6,
  LCR_DLAB = 1 << 7,

  MCR_DTR = 1 << 0,
  MCR_RTS = 1 << 1,
  MCR_OUT1 = 1 << 2,
  MCR_OUT2 = 1 << 3,
  MCR_LOOP = 1 << 4,
  MCR_BITS = 0x1f,

  LSR_DR = 1 << 0,
  LSR_OE = 1 << 1,
  LSR_PE = 1 << 2,
  LSR_FE = 1 << 3,
  LSR_BI = 1 << 4,
  LSR_THRE = 1 << 5,
  LSR_TEMT = 1 << 6,
  LSR_FIFO_ERROR = 1 << 7,
  LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI,

  MSR_DELTAS = 0x0f,
  MSR_TERI = 1 << 2,
  MSR_CTS = 1 << 4,
  MSR_DSR = 1 << 5,
  MSR_RI = 1 << 6,
  MSR_DCD = 1 << 7,
};

#define FIFO_SIZE          16
#define UART_CLOCK         1843200 /* 16 times the highest baud rate */
#define TIMEOUT_CHARACTERS 4

typedef struct
{
  Device device;
  uint16_t base;
  IrqLine irq;
  uint8_t ier, fcr, lcr, mcr, lsr, msr, scr;
  uint16_t divisor;
  uint8_t fifo[FIFO_SIZE];
  uint8_t flags[FIFO_SIZE]; /* LSR errors that came with the byte */
  uint8_t head, count;
  uint8_t sending[FIFO_SIZE], n_sending; /* what the backend doesn't take yet */
  gboolean thre_pending, timed_out;
  gboolean starved; /* the outside holds bytes back */
  VmTimer timeout;
  const UartBackend *backend;
  void *backend_opaque;
  UartCanReceiveFunc can_receive;
  void *can_receive_opaque;
  Mapping *mapping;
} Uart;

static const StateField uart_state[] = {
  STATE_U8_MAX (Uart, ier, IER_BITS),
  STATE_U8_MAX (Uart, fcr, FCR_KEPT),
  STATE_U8 (Uart, lcr),
  STATE_U8_MAX (Uart, mcr, MCR_BITS),
  STATE_U8 (Uart, lsr),
  STATE_U8 (Uart, msr),
  STATE_U8 (Uart, scr),
  STATE_U16 (Uart, divisor),
  STATE_U8_ARRAY (Uart, fifo),
  STATE_U8_ARRAY (Uart, flags),
  STATE_U8_MAX (Uart, head, FIFO_SIZE - 1),
  STATE_U8_MAX (Uart, count, FIFO_SIZE),
  STATE_BOOL (Uart, thre_pending),
  STATE_BOOL (Uart, timed_out),
  STATE_BOOL (Uart, starved),
  STATE_TIMER (Uart, timeout),
  STATE_ADDED,
  STATE_U8_ARRAY (Uart, sending),
  STATE_U8_MAX (Uart, n_sending, FIFO_SIZE),
  STATE_END,
};

static unsigned
depth (const Uart *uart)
{
  return uart->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned
trigger (const Uart *uart)
{
  static const uint8_t levels[] = { 1, 4, 8, 14 };

  return uart->fcr & FCR_ENABLE ? levels[uart->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

/* What interrupts, most urgent first: data sheet, table 3. */
static uint8_t
interrupt_id (const Uart *uart)
{
  if ((uart->ier & IER_ELSI) && (uart->lsr & LSR_ERRORS))
    return IIR_LINE;
  if ((uart->ier & IER_ERBFI) && uart->count >= trigger (uart))
    return IIR_RECEIVED;
  if ((uart->ier & IER_ERBFI) && uart->timed_out && uart->count > 0)
    return IIR_TIMEOUT;
  if ((uart->ier & IER_ETBEI) && uart->thre_pending)
    return IIR_THRE;
  if ((uart->ier & IER_EDSSI) && (uart->msr & MSR_DELTAS))
    return IIR_MODEM;
  return IIR_NONE;
}

/* On a PC, OUT2 drives the gate between the chip and the bus; loopback takes it away. */
static void
update_irq (Uart *uart)
{
  irq_set (&uart->irq, interrupt_id (uart) != IIR_NONE && (uart->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2);
}

static void
arm_timeout (Uart *uart)
{
  unsigned bits
      = 1 + 5 + (uart->lcr & LCR_WORD) + !!(uart->lcr & LCR_PARITY) + (uart->lcr & LCR_STOP ? 2 : 1);
  uint64_t divisor = MAX (uart->divisor, 1);

  uart->timed_out = FALSE;
  if ((uart->fcr & FCR_ENABLE) && uart->count > 0)
    vm_timer_arm (&uart->timeout,
                  vm_clock_now (uart->device.vm->clock)
                      + (int64_t)(TIMEOUT_CHARACTERS * bits * 16 * divisor * NS_PER_SECOND / UART_CLOCK));
  else
    vm_timer_cancel (&uart->timeout);
}

static void
on_timeout (void *opaque)
{
  Uart *uart = opaque;

  uart->timed_out = uart->count > 0;
  update_irq (uart);
}

/* The byte at the head shows its errors in LSR. */
static void
update_lsr (Uart *uart)
{
  gboolean error = FALSE;

  for (unsigned i = 0; i < uart->count; i++)
    error |= uart->flags[(uart->head + i) % FIFO_SIZE] != 0;
  uart->lsr &= (uint8_t) ~(LSR_DR | LSR_FIFO_ERROR);
  if (uart->count > 0)
    {
      uart->lsr |= LSR_DR | uart->flags[uart->head];
      uart->flags[uart->head] = 0;
    }
  if (error && (uart->fcr & FCR_ENABLE))
    uart->lsr |= LSR_FIFO_ERROR;
}

static void
receive (Uart *uart, uint8_t byte, uint8_t flags)
{
  if (uart->count >= depth (uart))
    {
      uart->lsr |= LSR_OE;
      /* Without FIFOs the new byte replaces the old one; with them it is lost in the shift register. */
      if (!(uart->fcr & FCR_ENABLE))
        uart->fifo[uart->head] = byte;
    }
  else
    {
      unsigned tail = (uart->head + uart->count) % FIFO_SIZE;

      uart->fifo[tail] = byte;
      uart->flags[tail] = flags;
      uart->count++;
    }
  update_lsr (uart);
  arm_timeout (uart);
}

static void
tell_room (Uart *uart)
{
  if (!uart->starved || uart->count >= depth (uart) || (uart->mcr & MCR_LOOP))
    return;
  uart->starved = FALSE;
  if (uart->can_receive != NULL)
    uart->can_receive (uart->can_receive_opaque);
}

static void
clear_receiver (Uart *uart)
{
  uart->head = uart->count = 0;
  memset (uart->flags, 0, sizeof uart->flags);
  uart->lsr &= (uint8_t) ~(LSR_DR | LSR_FIFO_ERROR);
  uart->timed_out = FALSE;
  vm_timer_cancel (&uart->timeout);
}

static void
update_msr (Uart *uart)
{
  uint8_t before = uart->msr;
  uint8_t now, change;

  if (uart->mcr & MCR_LOOP)
    now = (uart->mcr & MCR_RTS ? MSR_CTS : 0) | (uart->mcr & MCR_DTR ? MSR_DSR : 0)
          | (uart->mcr & MCR_OUT1 ? MSR_RI : 0) | (uart->mcr & MCR_OUT2 ? MSR_DCD : 0);
  else
    now = MSR_CTS | MSR_DSR | MSR_DCD; /* somebody is always there */
  change = (uint8_t)((before ^ now) >> 4);
  /* Of RI, only the trailing edge is told. */
  if (!(before & MSR_RI) || (now & MSR_RI))
    change &= (uint8_t)~MSR_TERI;
  uart->msr = (uint8_t)(now | (before & MSR_DELTAS) | change);
}

static uint8_t
read_data (Uart *uart)
{
  uint8_t byte;

  if (uart->count == 0)
    return uart->fifo[uart->head];
  byte = uart->fifo[uart->head];
  if (depth (uart) > 1)
    uart->head = (uart->head + 1) % FIFO_SIZE;
  uart->count--;
  update_lsr (uart);
  arm_timeout (uart);
  update_irq (uart);
  tell_room (uart);
  return byte;
}

/* As much as the backend takes.  The holding register's interrupt comes when all of it is out. */
static void
transmit (Uart *uart)
{
  if (uart->n_sending > 0 && uart->backend != NULL && uart->backend->ready != NULL
      && !uart->backend->ready (uart->backend_opaque))
    {
      uart->lsr &= (uint8_t) ~(LSR_THRE | LSR_TEMT);
      return;
    }
  if (uart->n_sending > 0 && uart->backend != NULL)
    uart->backend->write (uart->backend_opaque, uart->sending, uart->n_sending);
  uart->n_sending = 0;
  uart->lsr |= LSR_THRE | LSR_TEMT;
  uart->thre_pending = TRUE;
}

static void
write_data (Uart *uart, uint8_t byte)
{
  if (uart->mcr & MCR_LOOP)
    {
      receive (uart, (uint8_t)(byte & (0x1f << (uart->lcr & LCR_WORD) | 0x1f)), 0);
      uart->thre_pending = TRUE;
    }
  else
    {
      /* A guest that doesn't look whether there is room overwrites the last byte, as on the chip without FIFOs. */
      if (uart->n_sending == depth (uart))
        uart->n_sending--;
      uart->sending[uart->n_sending++] = byte;
      uart->thre_pending = FALSE;
      transmit (uart);
    }
  update_irq (uart);
}

static void
write_fcr (Uart *uart, uint8_t value)
{
  if ((value ^ uart->fcr) & FCR_ENABLE || value & FCR_CLEAR_RECEIVER)
    clear_receiver (uart);
  if ((value ^ uart->fcr) & FCR_ENABLE || value & FCR_CLEAR_TRANSMITTER)
    {
      gboolean busy = uart->n_sending > 0;
      uart->n_sending = 0;
      if (busy)
        transmit (uart);
    }
  uart->fcr = value & FCR_ENABLE ? value & FCR_KEPT : 0;
  update_irq (uart);
  tell_room (uart);
}

static void
write_ier (Uart *uart, uint8_t value)
{
  value &= IER_BITS;
  /* Turning the empty holding register's interrupt on raises it. */
  if ((value ^ uart->ier) & IER_ETBEI)
    uart->thre_pending = (value & IER_ETBEI) && (uart->lsr & LSR_THRE);
  uart->ier = value;
  update_irq (uart);
}

static uint64_t
uart_read (void *opaque, uint64_t addr, unsigned size)
{
  Uart *uart = opaque;
  uint8_t value;

  switch (addr)
    {
    case UART_RBR:
      return uart->lcr & LCR_DLAB ? uart->divisor & 0xff : read_data (uart);
    case UART_IER:
      return uart->lcr & LCR_DLAB ? uart->divisor >> 8 : uart->ier;
    case UART_IIR:
      value = interrupt_id (uart);
      if (value == IIR_THRE)
        {
          uart->thre_pending = FALSE;
          update_irq (uart);
        }
      return value | (uart->fcr & FCR_ENABLE ? IIR_FIFOS : 0);
    case UART_LCR:
      return uart->lcr;
    case UART_MCR:
      return uart->mcr;
    case UART_LSR:
      value = uart->lsr;
      uart->lsr &= (uint8_t)~LSR_ERRORS;
      update_irq (uart);
      return value;
    case UART_MSR:
      value = uart->msr;
      uart->msr &= (uint8_t)~MSR_DELTAS;
      update_irq (uart);
      return value;
    default:
      return uart->scr;
    }
}

static void
uart_write (void *opaque, uint64_t addr, uint64_t number, unsigned size)
{
  Uart *uart = opaque;
  uint8_t value = (uint8_t)number;

  switch (addr)
    {
    case UART_RBR:
      if (uart->lcr & LCR_DLAB)
        uart->divisor = (uint16_t)((uart->divisor & 0xff00) | value);
      else
        write_data (uart, value);
      break;
    case UART_IER:
      if (uart->lcr & LCR_DLAB)
        uart->divisor = (uint16_t)((uart->divisor & 0x00ff) | value << 8);
      else
        write_ier (uart, value);
      break;
    case UART_IIR:
      write_fcr (uart, value);
      break;
    case UART_LCR:
      if ((value & ~uart->lcr & LCR_BREAK) && (uart->mcr & MCR_LOOP))
        receive (uart, 0, LSR_BI | LSR_FE);
      uart->lcr = value;
      update_irq (uart);
      break;
    case UART_MCR:
      uart->mcr = value & MCR_BITS;
      update_msr (uart);
      update_irq (uart);
      tell_room (uart);
      break;
    case UART_LSR: /* for the factory's tests */
      break;
    case UART_MSR:
      break;
    default:
      uart->scr = value;
      break;
    }
}

static const IoOps uart_ops = { .read = uart_read, .write = uart_write, .impl_min = 1, .impl_max = 1 };

static void
uart_reset (Device *device)
{
  Uart *uart = (Uart *)device;

  clear_receiver (uart);
  uart->ier = uart->fcr = uart->lcr = uart->mcr = uart->scr = 0;
  uart->divisor = 12; /* 9600 baud */
  uart->lsr = LSR_THRE | LSR_TEMT;
  uart->n_sending = 0;
  uart->msr = MSR_CTS | MSR_DSR | MSR_DCD;
  uart->thre_pending = FALSE;
  update_irq (uart);
  tell_room (uart);
}

static gboolean
uart_post_load (Device *device, GError **error)
{
  Uart *uart = (Uart *)device;

  if (uart->count > depth (uart) || uart->n_sending > depth (uart))
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "%s: more bytes saved than a FIFO holds",
                   device->id);
      return FALSE;
    }
  if (uart->n_sending > 0)
    transmit (uart);
  else
    uart->lsr |= LSR_THRE | LSR_TEMT;
  update_irq (uart);
  return TRUE;
}

static gboolean
uart_realize (Device *device, GError **error)
{
  Uart *uart = (Uart *)device;

  vm_timer_init (&uart->timeout, device->vm->clock, on_timeout, uart);
  uart->mapping = chipset_map_io (device->vm->ports, device->id, uart->base, UART_N_PORTS, &uart_ops, uart);
  uart_reset (device);
  return TRUE;
}

static void
uart_unrealize (Device *device)
{
  Uart *uart = (Uart *)device;

  vm_timer_cancel (&uart->timeout);
  g_clear_pointer (&uart->mapping, mapping_remove);
}

/* COM1 and COM3 share interrupt 4, COM2 and COM4 interrupt 3. */
static void
uart_acpi (Device *device, AcpiPieces *pieces)
{
  static const uint16_t bases[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
  const uint16_t base = ((Uart *)device)->base;
  Aml *aml = acpi_scope (pieces, ACPI_SCOPE_ISA);

  for (unsigned i = 0; i < G_N_ELEMENTS (bases); i++)
    if (bases[i] == base)
      {
        char name[] = "COM1";

        name[3] = (char)('1' + i);
        aml_begin_device (aml, name);
        aml_name_eisa_id (aml, "_HID", "PNP0501");
        aml_name_number (aml, "_UID", i + 1);
        aml_name (aml, "_CRS");
        aml_begin_resources (aml);
        aml_res_io (aml, base, UART_N_PORTS);
        aml_res_irq (aml, i % 2 == 0 ? 4 : 3);
        aml_end (aml);
        aml_end (aml);
      }
}

static const DeviceClass uart_class = {
  .name = "uart",
  .instance_size = sizeof (Uart),
  .state = uart_state,
  .version = 1,
  .realize = uart_realize,
  .reset = uart_reset,
  .post_load = uart_post_load,
  .unrealize = uart_unrealize,
  .acpi = uart_acpi,
};

Device *
uart_new (Vm *vm, const char *id, uint16_t base, IrqLine irq, GError **error)
{
  Uart *uart = device_new (vm, &uart_class, id);

  uart->base = base;
  uart->irq = irq;
  return chipset_realize (uart, error);
}

void
uart_set_backend (Device *device, const UartBackend *backend, void *opaque)
{
  Uart *uart = (Uart *)device;

  uart->backend = backend;
  uart->backend_opaque = opaque;
}

size_t
uart_receive (Device *device, const uint8_t *data, size_t length)
{
  Uart *uart = (Uart *)device;
  size_t n = 0;

  if (!(uart->mcr & MCR_LOOP))
    while (n < length && uart->count < depth (uart))
      receive (uart, data[n++], 0);
  if (n < length)
    uart->starved = TRUE;
  update_irq (uart);
  return n;
}

void
uart_transmit_ready (Device *device)
{
  Uart *uart = (Uart *)device;

  if (uart->n_sending == 0)
    return;
  transmit (uart);
  update_irq (uart);
}

void
uart_receive_break (Device *device)
{
  Uart *uart = (Uart *)device;

  if (uart->mcr & MCR_LOOP)
    return;
  receive (uart, 0, LSR_BI);
  update_irq (uart);
}

void
uart_set_can_receive_func (Device *device, UartCanReceiveFunc func, void *opaque)
{
  Uart *uart = (Uart *)device;

  uart->can_receive = func;
  uart->can_receive_opaque = opaque;
}

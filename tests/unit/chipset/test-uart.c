/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * 16550A.
 */
#include "chipset/uart.h"
#include "tests/unit/chipset/fixture.h"

typedef struct
{
  Vm *vm;
  Device *uart;
  Wire irq;
  GString *sent;
  unsigned room;
  gboolean slow;
} Fixture;

static void
on_write (void *opaque, const uint8_t *data, size_t length)
{
  g_string_append_len (((Fixture *)opaque)->sent, (const char *)data, (gssize)length);
}

static void
on_room (void *opaque)
{
  ((Fixture *)opaque)->room++;
}

static gboolean
is_ready (void *opaque)
{
  return !((Fixture *)opaque)->slow;
}

static const UartBackend backend = { .write = on_write, .ready = is_ready };

static void
set_up (Fixture *f, gconstpointer data)
{
  f->sent = g_string_new (NULL);
  f->vm = vm_new (NULL, TRUE);
  vm_lock (f->vm);
  f->uart = uart_new (f->vm, "com1", 0x3f8, WIRE (&f->irq), NULL);
  uart_set_backend (f->uart, &backend, f);
  uart_set_can_receive_func (f->uart, on_room, f);
  vm_unlock (f->vm);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  vm_free (f->vm);
  g_string_free (f->sent, TRUE);
}

static uint8_t
in (Fixture *f, unsigned reg)
{
  return inb (f->vm, 0x3f8 + reg);
}

static void
out (Fixture *f, unsigned reg, uint8_t value)
{
  outb (f->vm, 0x3f8 + reg, value);
}

static size_t
feed (Fixture *f, const char *text)
{
  size_t n;

  vm_lock (f->vm);
  n = uart_receive (f->uart, (const uint8_t *)text, strlen (text));
  vm_unlock (f->vm);
  return n;
}

static void
test_detection (Fixture *f, gconstpointer data)
{
  /* The steps of Linux' 8250 autoconfig. */
  out (f, 1, 0x00);
  g_assert_cmphex (in (f, 1), ==, 0x00);
  out (f, 1, 0x0f);
  g_assert_cmphex (in (f, 1), ==, 0x0f);
  out (f, 1, 0xff);
  g_assert_cmphex (in (f, 1), ==, 0x0f);
  out (f, 1, 0);
  out (f, 4, 0x10 | 0x0a);
  g_assert_cmphex (in (f, 6) & 0xf0, ==, 0x90);
  out (f, 4, 0);
  out (f, 2, 0x01);
  g_assert_cmphex (in (f, 2) >> 6, ==, 3);
  out (f, 3, 0x80);
  g_assert_cmphex (in (f, 2), !=, 0); /* not an EFR */
  out (f, 3, 0xbf);
  g_assert_cmphex (in (f, 2), !=, 0);
  out (f, 3, 0x80);
  out (f, 2, 0x21);
  g_assert_cmphex (in (f, 2) >> 5, ==, 6); /* no 64 byte FIFO */
  out (f, 0, 0x01);
  out (f, 1, 0x02);
  g_assert_cmphex (in (f, 0), ==, 0x01);
  g_assert_cmphex (in (f, 1), ==, 0x02);
  out (f, 3, 0x03);
  out (f, 7, 0x5a);
  g_assert_cmphex (in (f, 7), ==, 0x5a);
  g_assert_cmphex (in (f, 5), ==, 0x60);
  g_assert_cmphex (in (f, 6) & 0xf0, ==, 0xb0);
}

static void
test_send (Fixture *f, gconstpointer data)
{
  for (const char *p = "hello"; *p != '\0'; p++)
    out (f, 0, (uint8_t)*p);
  g_assert_cmpstr (f->sent->str, ==, "hello");
  out (f, 4, 0x0b);
  g_assert_false (f->irq.level);
  out (f, 1, 0x02); /* turning it on raises it */
  g_assert_true (f->irq.level);
  g_assert_cmphex (in (f, 2), ==, 0x02);
  g_assert_false (f->irq.level);
  g_assert_cmphex (in (f, 2), ==, 0x01);
  out (f, 0, 'x');
  g_assert_true (f->irq.level);
  out (f, 4, 0x03); /* without OUT2 nothing reaches the bus */
  g_assert_false (f->irq.level);
}

static void
test_receive (Fixture *f, gconstpointer data)
{
  out (f, 4, 0x0b);
  out (f, 1, 0x0f);
  in (f, 2);
  g_assert_cmpuint (feed (f, "ab"), ==, 1); /* no FIFO yet */
  g_assert_cmphex (in (f, 2), ==, 0x04);
  g_assert_cmphex (in (f, 5) & 1, ==, 1);
  g_assert_cmphex (in (f, 0), ==, 'a');
  g_assert_cmpuint (f->room, ==, 1);
  g_assert_false (f->irq.level);

  out (f, 2, 0x81); /* FIFO, trigger at 8 */
  g_assert_cmpuint (feed (f, "1234567"), ==, 7);
  g_assert_false (f->irq.level);
  /* Four character times at 9600 baud, 8N1 (here 5 bits: LCR is 0). */
  vm_clock_advance (f->vm->clock, 10 * 1000 * 1000);
  g_assert_true (f->irq.level);
  g_assert_cmphex (in (f, 2), ==, 0xcc);
  g_assert_cmphex (in (f, 0), ==, '1');
  g_assert_false (f->irq.level);
  g_assert_cmpuint (feed (f, "89"), ==, 2);
  g_assert_cmphex (in (f, 2), ==, 0xc4);
  g_assert_cmpuint (feed (f, "0123456789"), ==, 8);
  /* An overrun outranks the data. */
  vm_lock (f->vm);
  uart_receive_break (f->uart);
  vm_unlock (f->vm);
  g_assert_cmphex (in (f, 2), ==, 0xc6);
  g_assert_cmphex (in (f, 5) & 0x02, ==, 0x02);
  g_assert_cmphex (in (f, 2), ==, 0xc4);
  for (unsigned i = 0; i < 16; i++)
    g_assert_cmphex (in (f, 0), ==, (uint8_t) "2345678901234567"[i]);
  g_assert_cmphex (in (f, 5), ==, 0x60);
  g_assert_cmpuint (f->room, ==, 2);
  /* A break behind a byte shows when it comes to the head. */
  feed (f, "z");
  vm_lock (f->vm);
  uart_receive_break (f->uart);
  vm_unlock (f->vm);
  g_assert_cmphex (in (f, 5), ==, 0xe1);
  in (f, 0);
  g_assert_cmphex (in (f, 5) & 0x10, ==, 0x10);
  out (f, 2, 0x87);
  g_assert_cmphex (in (f, 5), ==, 0x60);
}

static void
test_loopback (Fixture *f, gconstpointer data)
{
  out (f, 3, 0x03);
  out (f, 4, 0x1f);
  in (f, 6);
  g_assert_cmpuint (feed (f, "x"), ==, 0);
  out (f, 0, 0x42);
  g_assert_cmphex (in (f, 5) & 1, ==, 1);
  g_assert_cmphex (in (f, 0), ==, 0x42);
  g_assert_cmpuint (f->sent->len, ==, 0);
  out (f, 4, 0x1b); /* RI falls */
  g_assert_cmphex (in (f, 6), ==, 0xb4);
  out (f, 4, 0x10);
  g_assert_cmphex (in (f, 6), ==, 0x0b);
  out (f, 4, 0x00);
  g_assert_cmpuint (f->room, ==, 1);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  out (f, 4, 0x0b);
  out (f, 1, 0x0f);
  out (f, 2, 0xc1);
  feed (f, "state");
  check_round_trip (f->vm, f->uart);
  g_assert_cmphex (in (f, 0), ==, 's');
  check_hostile (f->vm, f->uart, 0x3f8, 8);
}

/* A reader that is slow keeps the transmitter busy; nothing is lost, and the interrupt comes when it is empty. */
static void
test_slow (Fixture *f, gconstpointer data)
{
  out (f, 4, 8);
  out (f, 1, 2);
  in (f, 2);
  out (f, 0, 'a');
  g_assert_cmpstr (f->sent->str, ==, "a");
  g_assert_cmphex (in (f, 5) & 0x60, ==, 0x60);
  g_assert_cmphex (in (f, 2), ==, 2);
  f->slow = TRUE;
  out (f, 0, 'b');
  g_assert_cmpstr (f->sent->str, ==, "a");
  g_assert_cmphex (in (f, 5) & 0x60, ==, 0);
  g_assert_cmphex (in (f, 2), ==, 1);
  g_assert_false (f->irq.level);
  /* Turning its interrupt off and on raises nothing while it isn't empty. */
  out (f, 1, 0);
  out (f, 1, 2);
  g_assert_false (f->irq.level);
  check_round_trip (f->vm, f->uart);
  g_assert_cmpstr (f->sent->str, ==, "a");
  f->slow = FALSE;
  vm_lock (f->vm);
  uart_transmit_ready (f->uart);
  vm_unlock (f->vm);
  g_assert_cmpstr (f->sent->str, ==, "ab");
  g_assert_cmphex (in (f, 5) & 0x60, ==, 0x60);
  g_assert_true (f->irq.level);
  /* The FIFO takes sixteen. */
  out (f, 2, 1);
  f->slow = TRUE;
  for (unsigned i = 0; i < 16; i++)
    out (f, 0, (uint8_t)('c' + i));
  f->slow = FALSE;
  vm_lock (f->vm);
  uart_transmit_ready (f->uart);
  vm_unlock (f->vm);
  g_assert_cmpstr (f->sent->str, ==, "abcdefghijklmnopqr");
  /* Cleared by the guest, by a reset. */
  f->slow = TRUE;
  out (f, 0, 'x');
  out (f, 2, 5);
  g_assert_cmphex (in (f, 5) & 0x60, ==, 0x60);
  out (f, 0, 'y');
  vm_lock (f->vm);
  f->uart->klass->reset (f->uart);
  vm_unlock (f->vm);
  g_assert_cmphex (in (f, 5) & 0x60, ==, 0x60);
  f->slow = FALSE;
  vm_lock (f->vm);
  uart_transmit_ready (f->uart);
  vm_unlock (f->vm);
  g_assert_cmpstr (f->sent->str, ==, "abcdefghijklmnopqr");
}

static GByteArray *
saved (Fixture *f)
{
  GByteArray *out = g_byte_array_new ();

  vm_lock (f->vm);
  state_save (f->uart->klass->state, f->uart, out);
  vm_unlock (f->vm);
  return out;
}

/* A file that says sixteen bytes wait in a transmitter that holds one. */
static void
test_overfull (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) on = NULL, other = NULL;
  unsigned n = 0;

  f->slow = TRUE;
  out (f, 2, 0x01);
  for (unsigned i = 0; i < 16; i++)
    out (f, 0, 'x');
  on = saved (f);
  out (f, 2, 0x41);
  other = saved (f);
  g_assert_true (load_state (f->vm, f->uart, on->data, on->len));
  g_assert_cmpuint (on->len, ==, other->len);
  for (guint i = 0; i < on->len; i++)
    if (on->data[i] != other->data[i])
      {
        on->data[i] = 0; /* FCR: no FIFOs */
        n++;
      }
  g_assert_cmpuint (n, ==, 1);
  g_assert_false (load_state (f->vm, f->uart, on->data, on->len));
  reset_device (f->vm, f->uart);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/uart/detection", Fixture, NULL, set_up, test_detection, tear_down);
  g_test_add ("/uart/send", Fixture, NULL, set_up, test_send, tear_down);
  g_test_add ("/uart/receive", Fixture, NULL, set_up, test_receive, tear_down);
  g_test_add ("/uart/loopback", Fixture, NULL, set_up, test_loopback, tear_down);
  g_test_add ("/uart/slow", Fixture, NULL, set_up, test_slow, tear_down);
  g_test_add ("/uart/overfull", Fixture, NULL, set_up, test_overfull, tear_down);
  g_test_add ("/uart/state", Fixture, NULL, set_up, test_state, tear_down);
  return g_test_run ();
}

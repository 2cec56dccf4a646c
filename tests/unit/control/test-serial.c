/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A serial port's far end on a 16550A: readers that are slow, that are gone, and a guest that writes without pause.
 */
#include "serial/serial.h"

#include "chipset/uart.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOTAL (3500u * 1000)

static Vm *vm;
static SerialPort *port;
static AccessCache cache;
static unsigned messages;

static void
on_irq (void *opaque, unsigned n, gboolean level)
{
}

static void
set_up (void)
{
  Device *uart;

  vm = vm_new (NULL, TRUE);
  vm_lock (vm);
  uart = uart_new (vm, "com1", 0x3f8, IRQ_LINE (on_irq, NULL, 0), NULL);
  port = serial_port_new (vm);
  serial_port_connect_uart (port, uart);
  vm_unlock (vm);
}

static void
tear_down (void)
{
  vm_lock (vm);
  while (vm->devices->len > 0)
    device_free (vm->devices->pdata[0]);
  serial_port_free (port);
  vm_unlock (vm);
  access_cache_clear (&cache);
  vm_free (vm);
}

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* As a driver that polls: FALSE if the transmitter is busy. */
static gboolean
put (uint8_t byte)
{
  if (!(address_space_load (vm->ports, &cache, 0x3fd, 1, FALSE) & 0x20))
    return FALSE;
  address_space_store (vm->ports, &cache, 0x3f8, byte, 1, FALSE);
  return TRUE;
}

static int
attach (void)
{
  g_autoptr (GError) error = NULL;

  vm_lock (vm);
  int fd = serial_port_attach (port, TRUE, &error);
  vm_unlock (vm);
  g_assert_no_error (error);
  return fd;
}

static uint8_t
byte_at (unsigned n)
{
  return (uint8_t)(n * 7 + n / 251);
}

/* The reader takes little at a time, and only when the guest can't go on. */
static void
test_slow (void)
{
  unsigned written = 0, got = 0;
  uint8_t buffer[40000];

  set_up ();
  int fd = attach ();
  while (got < TOTAL)
    {
      while (written < TOTAL && put (byte_at (written)))
        written++;
      pump ();
      ssize_t n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);
      g_assert_cmpint (n, >, 0);
      for (ssize_t i = 0; i < n; i++)
        g_assert_cmphex (buffer[i], ==, byte_at (got + (unsigned)i));
      got += (unsigned)n;
    }
  g_assert_cmpuint (written, ==, TOTAL);
  close (fd);
  tear_down ();
}

/* What was sent so far is there as soon as somebody is, however long the loop takes to turn. */
static void
test_history (void)
{
  char text[16];

  set_up ();
  for (const char *p = "hello"; *p != '\0'; p++)
    {
      g_assert_true (put ((uint8_t)*p));
      pump ();
    }
  int fd = attach ();
  g_assert_cmpint (recv (fd, text, sizeof text, MSG_DONTWAIT), ==, 5);
  g_assert_cmpmem (text, 5, "hello", 5);
  g_assert_true (put ('!'));
  pump ();
  g_assert_cmpint (recv (fd, text, sizeof text, MSG_DONTWAIT), ==, 1);
  close (fd);
  tear_down ();
}

static GLogWriterOutput
on_log (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer data)
{
  for (gsize i = 0; i < n; i++)
    if (g_str_equal (fields[i].key, "MESSAGE") && strstr (fields[i].value, "has lost 3") != NULL)
      messages++;
  return G_LOG_WRITER_HANDLED;
}

/* A reader that takes nothing any more: the guest waits for it a while, then no longer; what was lost is counted in the log. */
static void
test_gone (void)
{
  unsigned written = 0;

  set_up ();
  int fd = attach ();
  for (unsigned i = 0; i < TOTAL; i++)
    {
      if (!put (byte_at (written)))
        break;
      written++;
      if (i % 4096 == 0)
        pump ();
    }
  g_assert_cmpuint (written, <, TOTAL);
  g_assert_false (put (0));
  vm_clock_advance (vm->clock, SERIAL_STALL_NS - NS_PER_SECOND);
  g_assert_false (put (0));
  vm_clock_advance (vm->clock, 2 * NS_PER_SECOND);
  for (; written < TOTAL; written++)
    {
      g_assert_true (put (byte_at (written)));
      if (written % 4096 == 0)
        pump ();
    }
  pump ();
  g_assert_cmpuint (messages, ==, 0);
  /* It reads again: the loss is told, and it counts again. */
  uint8_t buffer[65536];
  while (recv (fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
    pump ();
  g_assert_cmpuint (messages, ==, 1);
  /* Another that hangs up lets the guest go on at once. */
  for (written = 0; written < TOTAL && put (0); written++)
    if (written % 4096 == 0)
      pump ();
  g_assert_cmpuint (written, <, TOTAL);
  close (fd);
  pump ();
  g_assert_true (put (0));
  tear_down ();
}

int
main (int argc, char **argv)
{
  g_log_set_writer_func (on_log, NULL, NULL);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/serial/slow", test_slow);
  g_test_add_func ("/serial/history", test_history);
  g_test_add_func ("/serial/gone", test_gone);
  return g_test_run ();
}

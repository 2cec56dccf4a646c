/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The parallel port: what is strobed is printed, behind what was there; busy, out of paper, interrupts, EPP without a device; saved in the middle; hostile
 * drivers.
 */
#include "chipset/parallel.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

typedef struct
{
  Vm *vm;
  Device *port;
  AccessCache ports;
  unsigned pulses;
  char *path;
  int fd;
} Fixture;

static void
on_irq (void *opaque, unsigned n, gboolean level)
{
  ((Fixture *)opaque)->pulses += level;
}

static void
begin (Fixture *f, int fd)
{
  f->vm = vm_new (NULL, TRUE);
  vm_lock (f->vm);
  f->port = parallel_new (f->vm, "parallel0", IRQ_LINE (on_irq, f, 0), fd, "the file", NULL);
  vm_unlock (f->vm);
  g_assert_nonnull (f->port);
  vm_start (f->vm, FALSE);
}

static void
set_up (Fixture *f, gconstpointer data)
{
  f->fd = g_file_open_tmp ("viv-parallel-XXXXXX", &f->path, NULL);
  g_assert_cmpint (write (f->fd, "before ", 7), ==, 7);
  begin (f, dup (f->fd));
}

static void
end (Fixture *f)
{
  access_cache_clear (&f->ports);
  vm_lock (f->vm);
  device_free (f->port);
  vm_unlock (f->vm);
  vm_free (f->vm);
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  end (f);
  close (f->fd);
  g_remove (f->path);
  g_free (f->path);
}

static void
put (Fixture *f, unsigned at, uint8_t value)
{
  address_space_store (f->vm->ports, &f->ports, PARALLEL_LPT1 + at, value, 1, FALSE);
}

static uint8_t
get (Fixture *f, unsigned at)
{
  return (uint8_t)address_space_load (f->vm->ports, &f->ports, PARALLEL_LPT1 + at, 1, FALSE);
}

static void
print_byte (Fixture *f, uint8_t byte, uint8_t control)
{
  put (f, PARALLEL_DATA, byte);
  put (f, PARALLEL_CONTROL, control | PARALLEL_CONTROL_STROBE);
  put (f, PARALLEL_CONTROL, control);
}

/* As DOS and its BIOS do: wait until it is ready, data, strobe. */
static void
print (Fixture *f, const char *text)
{
  for (; *text != '\0'; text++)
    {
      while ((get (f, PARALLEL_STATUS) & PARALLEL_STATUS_READY) == 0)
        g_usleep (100);
      print_byte (f, (uint8_t)*text, PARALLEL_CONTROL_NO_INIT | PARALLEL_CONTROL_SELECT);
    }
}

static gboolean
is_drained (Fixture *f)
{
  gboolean drained;

  vm_lock (f->vm);
  drained = f->port->klass->drained (f->port);
  vm_unlock (f->vm);
  return drained;
}

static void
test_print (Fixture *f, gconstpointer data)
{
  g_autofree char *text = NULL;

  print (f, "Hello, \xe9\f");
  while (!is_drained (f))
    g_usleep (100);
  g_assert_true (g_file_get_contents (f->path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "before Hello, \xe9\f");
  g_assert_cmpuint (f->pulses, ==, 0);
}

/* The last bytes are written when the port goes. */
static void
test_end (void)
{
  Fixture f = { 0 };
  g_autofree char *text = NULL;

  set_up (&f, NULL);
  for (unsigned i = 0; i < 5000; i++)
    print_byte (&f, 'x', 0);
  end (&f);
  g_assert_true (g_file_get_contents (f.path, &text, NULL, NULL));
  g_assert_cmpuint (strlen (text), ==, 7 + 5000);
  close (f.fd);
  g_remove (f.path);
  g_free (f.path);
}

static void
test_registers (Fixture *f, gconstpointer data)
{
  const uint8_t ready = PARALLEL_STATUS_READY | PARALLEL_STATUS_NO_ACK | PARALLEL_STATUS_SELECTED
                        | PARALLEL_STATUS_NO_ERROR | PARALLEL_STATUS_ONES;

  g_assert_cmphex (get (f, PARALLEL_STATUS), ==, ready);
  g_assert_cmphex (get (f, PARALLEL_CONTROL), ==, 0xcc);
  put (f, PARALLEL_DATA, 0xaa);
  g_assert_cmphex (get (f, PARALLEL_DATA), ==, 0xaa);
  /* ACK is seen once; an interrupt only where it was asked for. */
  print_byte (f, 1, 0);
  g_assert_cmphex (get (f, PARALLEL_STATUS), ==, ready & ~PARALLEL_STATUS_NO_ACK);
  g_assert_cmphex (get (f, PARALLEL_STATUS), ==, ready);
  print_byte (f, 2, PARALLEL_CONTROL_IRQ);
  g_assert_cmpuint (f->pulses, ==, 1);
  /* The line that stays active is one strobe. */
  put (f, PARALLEL_CONTROL, PARALLEL_CONTROL_STROBE | PARALLEL_CONTROL_IRQ);
  put (f, PARALLEL_CONTROL, PARALLEL_CONTROL_STROBE | PARALLEL_CONTROL_IRQ);
  g_assert_cmpuint (f->pulses, ==, 2);
  /* Turned around nobody drives the lines, and nothing is printed. */
  put (f, PARALLEL_CONTROL, PARALLEL_CONTROL_INPUT | PARALLEL_CONTROL_IRQ);
  g_assert_cmphex (get (f, PARALLEL_DATA), ==, 0xff);
  print_byte (f, 3, PARALLEL_CONTROL_INPUT | PARALLEL_CONTROL_IRQ);
  g_assert_cmpuint (f->pulses, ==, 2);
}

/* What Linux knows EPP by. */
static void
test_epp (Fixture *f, gconstpointer data)
{
  for (unsigned at = PARALLEL_EPP_ADDRESS; at < PARALLEL_N_PORTS; at++)
    {
      g_assert_cmphex (get (f, PARALLEL_STATUS) & PARALLEL_STATUS_TIMEOUT, ==, 0);
      if ((at & 1) != 0)
        put (f, at, 0x55);
      else
        g_assert_cmphex (get (f, at), ==, 0xff);
      g_assert_cmphex (get (f, PARALLEL_STATUS) & PARALLEL_STATUS_TIMEOUT, !=, 0);
      put (f, PARALLEL_STATUS, 0);
      g_assert_cmphex (get (f, PARALLEL_STATUS) & PARALLEL_STATUS_TIMEOUT, !=, 0);
      put (f, PARALLEL_STATUS, PARALLEL_STATUS_TIMEOUT);
    }
}

/* A reader that takes nothing: the printer becomes busy, refuses, and goes on. */
static void
test_busy (void)
{
  Fixture f = { 0 };
  int ends[2];
  unsigned printed = 0;
  size_t read_back = 0;
  uint8_t buffer[4096];

  g_assert_cmpint (pipe (ends), ==, 0);
  begin (&f, ends[1]);
  while ((get (&f, PARALLEL_STATUS) & PARALLEL_STATUS_READY) != 0 && printed < 1 << 20)
    {
      print_byte (&f, (uint8_t)printed, 0);
      printed++;
    }
  g_assert_cmpuint (printed, >=, PARALLEL_WAITING);
  g_assert_cmpuint (printed, <, 1 << 20);
  g_assert_false (is_drained (&f));
  /* Without room there is no acknowledgement. */
  print_byte (&f, 0, PARALLEL_CONTROL_IRQ);
  g_assert_cmpuint (f.pulses, ==, 0);
  while (read_back < printed)
    {
      const ssize_t n = read (ends[0], buffer, sizeof buffer);

      g_assert_cmpint (n, >, 0);
      for (ssize_t i = 0; i < n; i++)
        g_assert_cmphex (buffer[i], ==, (uint8_t)(read_back + (size_t)i));
      read_back += (size_t)n;
    }
  while (!is_drained (&f))
    g_usleep (100);
  g_assert_cmphex (get (&f, PARALLEL_STATUS) & PARALLEL_STATUS_READY, !=, 0);
  end (&f);
  close (ends[0]);
}

/* The host has no room: out of paper, and no save waits for it. */
static void
test_no_paper (void)
{
  Fixture f = { 0 };
  const int fd = open ("/dev/full", O_WRONLY);

  if (fd < 0)
    {
      g_test_skip ("there is no /dev/full");
      return;
    }
  begin (&f, fd);
  print_byte (&f, 'x', 0);
  while ((get (&f, PARALLEL_STATUS) & PARALLEL_STATUS_NO_PAPER) == 0)
    g_usleep (100);
  g_assert_cmphex (get (&f, PARALLEL_STATUS) & PARALLEL_STATUS_NO_ERROR, ==, 0);
  g_assert_true (is_drained (&f));
  end (&f);
}

static void
test_no_printer (void)
{
  Fixture f = { 0 };

  begin (&f, -1);
  g_assert_cmphex (get (&f, PARALLEL_STATUS) & PARALLEL_STATUS_SELECTED, ==, 0);
  print_byte (&f, 'x', PARALLEL_CONTROL_IRQ);
  g_assert_cmpuint (f.pulses, ==, 0);
  g_assert_true (is_drained (&f));
  end (&f);
}

static void
test_state (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) saved = g_byte_array_new (), again = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  put (f, PARALLEL_DATA, 0x5a);
  put (f, PARALLEL_CONTROL, 0x3a);
  get (f, PARALLEL_EPP_DATA);
  state_save (f->port->klass->state, f->port, saved);
  vm_lock (f->vm);
  f->port->klass->reset (f->port);
  vm_unlock (f->vm);
  g_assert_cmphex (get (f, PARALLEL_DATA), ==, 0);
  g_assert_true (state_load (f->port->klass->state, f->port, saved->data, saved->len, &error));
  state_save (f->port->klass->state, f->port, again);
  g_assert_cmpmem (saved->data, saved->len, again->data, again->len);
  g_assert_cmphex (get (f, PARALLEL_DATA), ==, 0xff); /* its direction came back, too */
  g_assert_cmphex (get (f, PARALLEL_CONTROL), ==, 0xfa);
}

static void
test_hostile (Fixture *f, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  static const unsigned sizes[] = { 1, 2, 4 };

  for (unsigned i = 0; i < 20000; i++)
    {
      const unsigned at = (unsigned)g_rand_int_range (rand, 0, PARALLEL_N_PORTS),
                     size = sizes[g_rand_int_range (rand, 0, 3)];

      if (g_rand_boolean (rand))
        address_space_store (f->vm->ports, &f->ports, PARALLEL_LPT1 + at, g_rand_int (rand), size, FALSE);
      else
        address_space_load (f->vm->ports, &f->ports, PARALLEL_LPT1 + at, size, FALSE);
      if (i % 1000 == 0)
        {
          vm_lock (f->vm);
          f->port->klass->reset (f->port);
          vm_unlock (f->vm);
        }
    }
  g_assert_cmphex (get (f, PARALLEL_CONTROL) & 0xc0, ==, 0xc0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/parallel/print", Fixture, NULL, set_up, test_print, tear_down);
  g_test_add_func ("/parallel/end", test_end);
  g_test_add ("/parallel/registers", Fixture, NULL, set_up, test_registers, tear_down);
  g_test_add ("/parallel/epp", Fixture, NULL, set_up, test_epp, tear_down);
  g_test_add_func ("/parallel/busy", test_busy);
  g_test_add_func ("/parallel/no-paper", test_no_paper);
  g_test_add_func ("/parallel/no-printer", test_no_printer);
  g_test_add ("/parallel/state", Fixture, NULL, set_up, test_state, tear_down);
  g_test_add ("/parallel/hostile", Fixture, NULL, set_up, test_hostile, tear_down);
  return g_test_run ();
}

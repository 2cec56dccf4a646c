/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The virtio console: its ports, what goes through them, and who doesn't read.
 */
#include "virtio-hostile.h"

#include "virtio/console.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define F_SIZE  VIRT_FEATURE (0)
#define F_PORTS VIRT_FEATURE (1)
#define BUFFER  0x100000u /* 64 KiB a queue */

enum
{
  CONTROL_IN = 2,
  CONTROL_OUT = 3,
  AGENT_IN = 4,
  AGENT_OUT = 5,
};
enum
{
  READY = 0,
  ADD = 1,
  PORT_READY = 3,
  CONSOLE = 4,
  OPEN = 6,
  NAME = 7,
};

static SerialPort *console, *agent;

static Device *
make (Driver *d, GError **error)
{
  console = serial_port_new (d->vm);
  agent = serial_port_new (d->vm);
  return virt_console_new (
      d->vm, "console0", pci_root_bus (d->root), DRIVER_DEVFN,
      &(VirtConsoleConfig){ .console = console, .agent = agent, .agent_name = "org.agent.0" }, error);
}

/* The device goes before its far ends. */
static void
finish (Driver *d)
{
  vm_lock (d->vm);
  while (d->vm->devices->len > 0)
    device_free (d->vm->devices->pdata[d->vm->devices->len - 1]);
  serial_port_free (console);
  serial_port_free (agent);
  vm_unlock (d->vm);
  driver_close (d);
}

static const Hostile hostile = { make, 6, F_PORTS | F_SIZE, finish };

static int
attach (Driver *d, SerialPort *port)
{
  vm_lock (d->vm);
  int fd = serial_port_attach (port, FALSE, NULL);
  vm_unlock (d->vm);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static uint64_t
buffer (unsigned queue)
{
  return BUFFER + 0x10000ull * queue;
}

static void
send_bytes (Driver *d, unsigned queue, const void *bytes, uint32_t length)
{
  const uint16_t before = driver_used (d, queue);

  memcpy (driver_ram (d, buffer (queue)), bytes, length);
  driver_describe (d, driver_queue (queue), 0, buffer (queue), length, 0, 0);
  driver_put (d, queue, 0);
  driver_ring (d, queue);
  driver_pump ();
  g_assert_cmpuint ((uint16_t)(driver_used (d, queue) - before), ==, 1);
}

static void
say (Driver *d, uint32_t port, uint16_t event, uint16_t value)
{
  uint8_t message[8];

  memcpy (message, &port, 4);
  memcpy (message + 4, &event, 2);
  memcpy (message + 6, &value, 2);
  send_bytes (d, CONTROL_OUT, message, sizeof message);
}

static uint16_t n_heard;
static gboolean waiting; /* a buffer for the next message is there */

/* The next message of the device, as "PORT EVENT VALUE" and what is behind it; "" if there is none. */
static char *
hear (Driver *d)
{
  uint8_t *bytes = driver_ram (d, buffer (CONTROL_IN));
  uint32_t port;
  uint16_t event, value;

  if (!waiting)
    {
      driver_describe (d, driver_queue (CONTROL_IN), 0, buffer (CONTROL_IN), 64, DESC_WRITE, 0);
      driver_put (d, CONTROL_IN, 0);
    }
  driver_ring (d, CONTROL_IN);
  driver_pump ();
  waiting = driver_used (d, CONTROL_IN) == n_heard;
  if (waiting)
    return g_strdup ("");
  const uint32_t length = driver_used_length (d, CONTROL_IN, n_heard++);
  memcpy (&port, bytes, 4);
  memcpy (&event, bytes + 4, 2);
  memcpy (&value, bytes + 6, 2);
  return event == NAME ? g_strdup_printf ("%u %u %u %.*s", port, event, value, (int)length - 8, bytes + 8)
                       : g_strdup_printf ("%u %u %u +%u", port, event, value, length - 8);
}

static void
assert_hears (Driver *d, const char *wanted)
{
  g_autofree char *heard = hear (d);

  g_assert_cmpstr (heard, ==, wanted);
}

static void
greet (Driver *d)
{
  driver_start (d, VIRT_F_VERSION_1 | F_PORTS | F_SIZE, 6);
  n_heard = 0;
  waiting = FALSE;
  say (d, 0, READY, 1);
  assert_hears (d, "0 1 1 +0");
  assert_hears (d, "1 1 1 +0");
  say (d, 0, PORT_READY, 1);
  assert_hears (d, "0 4 1 +0");
  assert_hears (d, "0 6 1 +0");
  say (d, 1, PORT_READY, 1);
  assert_hears (d, "1 7 1 org.agent.0");
  assert_hears (d, "1 6 1 +0");
  assert_hears (d, "");
  say (d, 0, OPEN, 1);
}

static void
give_room (Driver *d, unsigned queue, uint32_t length)
{
  driver_describe (d, driver_queue (queue), 0, buffer (queue), length, DESC_WRITE, 0);
  driver_put (d, queue, 0);
  driver_ring (d, queue);
  driver_pump ();
}

static void
test_talk (void)
{
  Driver d;
  char bytes[16];

  hostile_open (&d, &hostile);
  g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x10031af4);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG + 4, 4), ==, 2);
  greet (&d);
  int fd = attach (&d, console), other = attach (&d, agent);
  send_bytes (&d, 1, "login:", 6);
  g_assert_cmpint (recv (fd, bytes, sizeof bytes, MSG_DONTWAIT), ==, 6);
  g_assert_cmpint (memcmp (bytes, "login:", 6), ==, 0);
  /* A word in two buffers, of which one isn't there yet. */
  g_assert_cmpint (send (fd, "root\n", 5, 0), ==, 5);
  driver_pump ();
  give_room (&d, 0, 3);
  g_assert_cmpuint (driver_used (&d, 0), ==, 1);
  g_assert_cmpuint (driver_used_length (&d, 0, 0), ==, 3);
  g_assert_cmpint (memcmp (driver_ram (&d, buffer (0)), "roo", 3), ==, 0);
  give_room (&d, 0, 64);
  g_assert_cmpuint (driver_used_length (&d, 0, 1), ==, 2);
  g_assert_cmpint (memcmp (driver_ram (&d, buffer (0)), "t\n", 2), ==, 0);
  /* The agent hears nothing before it listens. */
  give_room (&d, AGENT_IN, 64);
  g_assert_cmpint (send (other, "ping", 4, 0), ==, 4);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, AGENT_IN), ==, 0);
  say (&d, 1, OPEN, 1);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, AGENT_IN), ==, 1);
  g_assert_cmpuint (driver_used_length (&d, AGENT_IN, 0), ==, 4);
  send_bytes (&d, AGENT_OUT, "pong", 4);
  g_assert_cmpint (recv (other, bytes, sizeof bytes, MSG_DONTWAIT), ==, 4);
  close (fd);
  close (other);
  finish (&d);
}

/* A driver that knows of no ports: the first one is the console. */
static void
test_plain (void)
{
  Driver d;
  char bytes[16];

  hostile_open (&d, &hostile);
  driver_start (&d, VIRT_F_VERSION_1, 2);
  int fd = attach (&d, console);
  send_bytes (&d, 1, "hello", 5);
  g_assert_cmpint (recv (fd, bytes, sizeof bytes, MSG_DONTWAIT), ==, 5);
  give_room (&d, 0, 16);
  g_assert_cmpint (send (fd, "x", 1, 0), ==, 1);
  driver_pump ();
  g_assert_cmpuint (driver_used_length (&d, 0, 0), ==, 1);
  /* A letter without any queue. */
  driver_write (&d, DRIVER_CONFIG + 8, '!', 4);
  driver_pump ();
  g_assert_cmpint (recv (fd, bytes, sizeof bytes, MSG_DONTWAIT), ==, 1);
  g_assert_cmpint (bytes[0], ==, '!');
  close (fd);
  finish (&d);
}

/* Everything arrives, however long it is and however late somebody reads, also if the machine is saved in the middle. */
static void
test_slow_reader (gconstpointer saved)
{
  const unsigned n = 0xc000, n_chains = 16; /* 768 KiB: three times what is kept */
  g_autofree uint8_t *got = g_malloc (n * n_chains);
  gboolean once = FALSE;
  size_t total = 0;
  Driver d;
  Device *device = hostile_open (&d, &hostile);

  greet (&d);
  int fd = attach (&d, console);
  for (unsigned i = 0; i < n; i++)
    *driver_ram (&d, buffer (6) + i) = (uint8_t)(i * 7 % 251);
  for (unsigned i = 0; i < n_chains; i++)
    {
      driver_describe (&d, driver_queue (1), i, buffer (6), n, 0, 0);
      driver_put (&d, 1, i);
    }
  driver_ring (&d, 1);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 1), <, n_chains);
  while (total < n * n_chains)
    {
      ssize_t length = recv (fd, got + total, n * n_chains - total, MSG_DONTWAIT);

      g_assert_true (length > 0 || errno == EAGAIN);
      total += length > 0 ? (size_t)length : 0;
      if (saved != NULL && !once && total > 0)
        {
          once = TRUE;
          hostile_save (&d, device);
        }
      driver_pump ();
    }
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, 1), ==, n_chains);
  for (unsigned i = 0; i < n * n_chains; i++)
    g_assert_cmpuint (got[i], ==, (uint8_t)(i % n * 7 % 251));
  close (fd);
  finish (&d);
}

/* More than can be kept, and nobody there: the end of it is kept, and the driver goes on. */
static void
test_nobody (void)
{
  Driver d;

  hostile_open (&d, &hostile);
  greet (&d);
  driver_describe (&d, driver_queue (1), 0, 0x200000, 0x200000, DESC_NEXT, 1);
  driver_describe (&d, driver_queue (1), 1, 0x200000, 0x200000, 0, 0);
  driver_put (&d, 1, 0);
  driver_ring (&d, 1);
  for (unsigned i = 0; i < 64; i++)
    driver_pump ();
  g_assert_cmpuint (driver_used (&d, 1), ==, 1);
  finish (&d);
}

/* The rest of a long one is in a ring that has changed meanwhile: it may be anything, or nothing. */
static void
test_changed (void)
{
  for (unsigned i = 0; i < 4; i++)
    {
      Driver d;
      char bytes[4096];

      hostile_open (&d, &hostile);
      greet (&d);
      int fd = attach (&d, console);
      driver_describe (&d, driver_queue (1), 0, 0x200000, 0x100000, 0, 0);
      driver_put (&d, 1, 0);
      driver_ring (&d, 1);
      driver_pump ();
      g_assert_cmpuint (driver_used (&d, 1), ==, 0);
      if (i == 0)
        driver_describe (&d, driver_queue (1), 0, 0x200000, 1, 0, 0);
      else if (i == 1)
        driver_describe (&d, driver_queue (1), 0, HOSTILE_HOLE, 64, 0, 0);
      else if (i == 2)
        driver_start (&d, VIRT_F_VERSION_1, 2);
      else
        driver_config (&d, PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
      for (unsigned turn = 0; turn < 400; turn++)
        {
          while (recv (fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
            ;
          driver_pump ();
        }
      close (fd);
      finish (&d);
    }
}

static void
test_wrong_words (void)
{
  Driver d;

  hostile_open (&d, &hostile);
  greet (&d);
  for (unsigned event = 1; event < 9; event++)
    for (unsigned i = 0; i < 3; i++)
      say (&d, (const uint32_t[]){ 2, 0xffffffff, 77 }[i], (uint16_t)event, 1);
  send_bytes (&d, CONTROL_OUT, "abc", 3);
  say (&d, 0, 0xffff, 0xffff);
  assert_hears (&d, "");
  /* As often as it likes: each is said once. */
  say (&d, 0, READY, 1);
  assert_hears (&d, "0 1 1 +0");
  assert_hears (&d, "1 1 1 +0");
  for (unsigned i = 0; i < 100; i++)
    say (&d, 1, PORT_READY, 1);
  assert_hears (&d, "1 7 1 org.agent.0");
  assert_hears (&d, "1 6 1 +0");
  finish (&d);
}

static void
test_hostile (void)
{
  hostile_chains (&hostile);
  hostile_rings (&hostile);
  hostile_shapes (&hostile);
  hostile_widths (&hostile);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/virtio-console/talk", test_talk);
  g_test_add_func ("/virtio-console/plain", test_plain);
  g_test_add_data_func ("/virtio-console/slow-reader", NULL, test_slow_reader);
  g_test_add_data_func ("/virtio-console/slow-reader/saved", "", test_slow_reader);
  g_test_add_func ("/virtio-console/nobody", test_nobody);
  g_test_add_func ("/virtio-console/changed", test_changed);
  g_test_add_func ("/virtio-console/wrong-words", test_wrong_words);
  g_test_add_func ("/virtio-console/hostile", test_hostile);
  return g_test_run ();
}

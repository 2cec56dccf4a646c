/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Stream sockets between host and guest: the driver on one side, clients and servers on the other.
 */
#include "virtio-hostile.h"

#include "virtio/vsock.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CID     7u
#define PACKETS 0x100000u /* the driver's buffers for what comes: 8 of 8 KiB */
#define BUFFER  0x2000u
#define OUT     0x180000u
#define RX      0
#define TX      1
#define EVENT   2
#define SIZE    (64u << 10) /* its credit for the host */
enum
{
  REQUEST = 1,
  RESPONSE,
  RST,
  SHUTDOWN,
  RW,
  CREDIT_UPDATE,
  CREDIT_REQUEST,
};

typedef struct __attribute__ ((packed))
{
  uint64_t from_cid, to_cid;
  uint32_t from_port, to_port, length;
  uint16_t type, op;
  uint32_t flags, size, took;
} Packet;

static char *folder;
static int server = -1; /* the host's end of what the guest began last */
static gboolean nobody;
static unsigned n_begun;
static unsigned seen; /* of the receive queue */

static int
begin (void *opaque, uint32_t port)
{
  int ends[2];

  n_begun++;
  if (nobody || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return -1;
  if (server >= 0)
    close (server);
  server = ends[1];
  return ends[0];
}

static char *
listener_path (void)
{
  return g_build_filename (folder, "vsock", NULL);
}

static struct sockaddr_un
address (void)
{
  struct sockaddr_un where = { .sun_family = AF_UNIX };
  g_autofree char *path = listener_path ();

  g_strlcpy (where.sun_path, path, sizeof where.sun_path);
  return where;
}

static Device *
make (Driver *d, GError **error)
{
  struct sockaddr_un where = address ();
  VirtVsockConfig config = { .cid = CID, .connect = begin };

  unlink (where.sun_path);
  config.listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  g_assert_cmpint (bind (config.listener, (struct sockaddr *)&where, sizeof where), ==, 0);
  g_assert_cmpint (listen (config.listener, 200), ==, 0);
  return virt_vsock_new (d->vm, "vsock0", pci_root_bus (d->root), DRIVER_DEVFN, &config, error);
}

static const Hostile hostile = { make, 3, 0 };

static int
client (const char *line)
{
  struct sockaddr_un where = address ();
  const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (connect (fd, (struct sockaddr *)&where, sizeof where), ==, 0);
  if (line != NULL)
    g_assert_cmpint ((int)send (fd, line, strlen (line), MSG_NOSIGNAL), ==, (int)strlen (line));
  driver_pump ();
  return fd;
}

static void
put_buffer (Driver *d, unsigned i)
{
  driver_describe (d, driver_queue (RX), i, PACKETS + BUFFER * i, BUFFER, DESC_WRITE, 0);
  driver_put (d, RX, i);
}

static Device *
opened (Driver *d)
{
  Device *device = hostile_open (d, &hostile);

  seen = 0;
  n_begun = 0;
  driver_start (d, VIRT_F_VERSION_1 | 1, 3);
  for (unsigned i = 0; i < 8; i++)
    put_buffer (d, i);
  driver_ring (d, RX);
  driver_pump ();
  return device;
}

static void
closed (Driver *d)
{
  driver_close (d);
  if (server >= 0)
    close (server);
  server = -1;
  nobody = FALSE;
}

static void
tell_raw (Driver *d, const Packet *packet, const void *data, uint32_t length)
{
  memcpy (driver_ram (d, OUT), packet, sizeof *packet);
  if (length > 0)
    memcpy (driver_ram (d, OUT + sizeof *packet), data, length);
  driver_describe (d, driver_queue (TX), 0, OUT, (uint32_t)sizeof *packet + length, 0, 0);
  driver_put (d, TX, 0);
  driver_ring (d, TX);
  driver_pump ();
}

static uint32_t took; /* what the guest says it has taken */

static void
tell (Driver *d, unsigned op, uint32_t from, uint32_t to, uint32_t flags, const void *data, uint32_t length)
{
  const Packet packet = { CID, 2, from, to, length, 1, (uint16_t)op, flags, SIZE, took };

  tell_raw (d, &packet, data, length);
}

/* The next packet that came, its data at `data`; the buffer is the device's again.  FALSE: none. */
static gboolean
heard (Driver *d, Packet *packet, uint8_t *data)
{
  driver_pump ();
  if (driver_used (d, RX) == (uint16_t)seen)
    return FALSE;
  const uint32_t i = driver_used_head (d, RX, seen), length = driver_used_length (d, RX, seen);
  seen++;
  g_assert_cmpuint (length, >=, sizeof *packet);
  memcpy (packet, driver_ram (d, PACKETS + BUFFER * i), sizeof *packet);
  g_assert_cmpuint (length, ==, sizeof *packet + packet->length);
  g_assert_cmpuint (packet->from_cid, ==, 2);
  g_assert_cmpuint (packet->to_cid, ==, CID);
  if (data != NULL)
    memcpy (data, driver_ram (d, PACKETS + BUFFER * i + sizeof *packet), packet->length);
  put_buffer (d, i);
  driver_ring (d, RX);
  driver_pump ();
  return TRUE;
}

static void
expect (Driver *d, unsigned op, uint32_t from, uint32_t to)
{
  Packet packet;

  g_assert_true (heard (d, &packet, NULL));
  g_assert_cmpuint (packet.op, ==, op);
  g_assert_cmpuint (packet.from_port, ==, from);
  g_assert_cmpuint (packet.to_port, ==, to);
}

static gboolean
nothing (Driver *d)
{
  Packet packet;

  return !heard (d, &packet, NULL);
}

static void
assert_reads (int fd, const char *text)
{
  char buffer[256];
  const ssize_t n = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

  g_assert_cmpmem (buffer, MAX (n, 0), text, strlen (text));
}

static gboolean
is_closed (int fd)
{
  char byte;
  const ssize_t n = recv (fd, &byte, 1, MSG_DONTWAIT);

  return n == 0 || (n < 0 && errno == ECONNRESET);
}

/* The host begins. */
static void
test_host (void)
{
  Driver d;
  Packet packet;
  uint8_t data[BUFFER];

  opened (&d);
  took = 0;
  g_assert_cmphex (driver_config_read (&d, 0, 4), ==, 0x10531af4);
  g_assert_cmpuint (driver_read (&d, DRIVER_CONFIG, 4), ==, CID);
  /* In pieces, with data behind it at once. */
  int fd = client ("CONN");
  g_assert_true (nothing (&d));
  g_assert_cmpint ((int)send (fd, "ECT 80\nhello", 12, 0), ==, 12);
  g_assert_true (heard (&d, &packet, NULL));
  g_assert_cmpuint (packet.op, ==, REQUEST);
  g_assert_cmpuint (packet.to_port, ==, 80);
  g_assert_cmpuint (packet.size, ==, SIZE);
  const uint32_t port = packet.from_port;
  g_assert_true (nothing (&d));
  tell (&d, RESPONSE, 80, port, 0, NULL, 0);
  g_autofree char *ok = g_strdup_printf ("OK %u\n", port);
  assert_reads (fd, ok);
  g_assert_true (heard (&d, &packet, data));
  g_assert_cmpuint (packet.op, ==, RW);
  g_assert_cmpmem (data, packet.length, "hello", 5);
  tell (&d, RW, 80, port, 0, "world", 5);
  assert_reads (fd, "world");
  /* It has no more to say, but listens. */
  shutdown (fd, SHUT_WR);
  g_assert_true (heard (&d, &packet, NULL));
  g_assert_cmpuint (packet.op, ==, SHUTDOWN);
  g_assert_cmpuint (packet.flags, ==, 2);
  tell (&d, RW, 80, port, 0, "bye", 3);
  assert_reads (fd, "bye");
  tell (&d, SHUTDOWN, 80, port, 3, NULL, 0);
  expect (&d, RST, port, 80);
  g_assert_true (is_closed (fd));
  close (fd);
  /* Nobody listens there. */
  fd = client ("CONNECT 81\n");
  g_assert_true (heard (&d, &packet, NULL));
  tell (&d, RST, 81, packet.from_port, 0, NULL, 0);
  g_assert_true (is_closed (fd));
  close (fd);
  /* It leaves before it is answered. */
  fd = client ("CONNECT 82\n");
  g_assert_true (heard (&d, &packet, NULL));
  close (fd);
  expect (&d, RST, packet.from_port, 82);
  tell (&d, RESPONSE, 82, packet.from_port, 0, NULL, 0);
  expect (&d, RST, packet.from_port, 82);
  g_assert_true (nothing (&d));
  closed (&d);
}

static void
test_greetings (void)
{
  static const char *const wrongs[] = { "\n",
                                        "GET / HTTP/1.0\n",
                                        "CONNECT\n",
                                        "CONNECT x\n",
                                        "CONNECT -1\n",
                                        "CONNECT 4294967295\n",
                                        "CONNECT 99999999999999999999999\n",
                                        "CONNECT 12                                     \n" };
  Driver d;

  opened (&d);
  for (unsigned i = 0; i < G_N_ELEMENTS (wrongs); i++)
    {
      int fd = client (wrongs[i]);
      g_assert_true (is_closed (fd));
      close (fd);
    }
  g_assert_true (nothing (&d));
  /* Without a driver nobody is there. */
  driver_write (&d, DRIVER_STATUS, 0, 1);
  int fd = client ("CONNECT 80\n");
  g_assert_true (is_closed (fd));
  close (fd);
  closed (&d);
}

/* The guest begins. */
static void
test_guest (void)
{
  Driver d;
  Packet packet;
  uint8_t data[BUFFER];

  opened (&d);
  took = 0;
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  g_assert_cmpuint (n_begun, ==, 1);
  expect (&d, RESPONSE, 5, 1000);
  tell (&d, RW, 1000, 5, 0, "ping", 4);
  assert_reads (server, "ping");
  g_assert_cmpint ((int)send (server, "pong", 4, 0), ==, 4);
  g_assert_true (heard (&d, &packet, data));
  g_assert_cmpmem (data, packet.length, "pong", 4);
  g_assert_cmpuint (packet.took, ==, 4);
  tell (&d, CREDIT_REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, CREDIT_UPDATE, 5, 1000);
  /* Closed there: the guest hears that nobody reads any more, either. */
  close (server);
  server = -1;
  g_assert_true (heard (&d, &packet, NULL));
  g_assert_cmpuint (packet.op, ==, SHUTDOWN);
  g_assert_cmpuint (packet.flags, ==, 3);
  tell (&d, RST, 1000, 5, 0, NULL, 0);
  /* Nobody is there; and nobody answers a reset. */
  nobody = TRUE;
  tell (&d, REQUEST, 1000, 6, 0, NULL, 0);
  expect (&d, RST, 6, 1000);
  tell (&d, RW, 1000, 6, 0, "x", 1);
  expect (&d, RST, 6, 1000);
  tell (&d, RST, 1000, 6, 0, NULL, 0);
  g_assert_true (nothing (&d));
  closed (&d);
}

/* Neither side gets more than it has room for. */
static void
test_credit (void)
{
  Driver d;
  Packet packet;
  g_autofree uint8_t *much = g_malloc0 (SIZE), *data = g_malloc (BUFFER);
  size_t sent = 0, came = 0, read = 0;
  ssize_t n;
  uint8_t next = 0;

  opened (&d);
  took = 0;
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, RESPONSE, 5, 1000);
  /* To the guest: its credit, and then nothing until it has taken some. */
  for (size_t i = 0; i < SIZE; i++)
    much[i] = (uint8_t)i;
  for (unsigned round = 0; round < 40; round++)
    {
      while ((n = send (server, much + sent % 256, 4096, MSG_DONTWAIT | MSG_NOSIGNAL)) > 0)
        sent += (size_t)n;
      while (heard (&d, &packet, data))
        {
          g_assert_cmpuint (packet.op, ==, RW);
          for (unsigned i = 0; i < packet.length; i++)
            g_assert_cmpuint (data[i], ==, next++);
          came += packet.length;
          g_assert_cmpuint (came - took, <=, SIZE);
        }
      g_assert_cmpuint (came - took, ==, SIZE);
      took = (uint32_t)came;
      tell (&d, CREDIT_UPDATE, 1000, 5, 0, NULL, 0);
    }
  while (heard (&d, &packet, data))
    ;
  /* From the guest: what nobody reads is kept, to its credit and no more. */
  took = UINT32_MAX; /* nothing is to come meanwhile */
  for (unsigned i = 0; i < 64; i++)
    tell (&d, RW, 1000, 5, 0, much, 32768);
  while (heard (&d, &packet, NULL))
    if (packet.op == RST)
      n = -77;
  g_assert_cmpint ((int)n, ==, -77);
  while ((n = recv (server, data, BUFFER, MSG_DONTWAIT)) > 0)
    read += (size_t)n;
  g_assert_cmpuint (read, <, 64 * 32768);
  closed (&d);
}

/* What was kept comes out when somebody reads, and the guest hears of its credit. */
static void
test_slow (void)
{
  Driver d;
  Packet packet;
  g_autofree uint8_t *much = g_malloc (32768), *data = g_malloc (32768);
  uint32_t told = 0, sent = 0;
  size_t read = 0;
  ssize_t n;

  for (unsigned i = 0; i < 32768; i++)
    much[i] = (uint8_t)(i * 7 >> 3);
  opened (&d);
  took = 0;
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, RESPONSE, 5, 1000);
  for (unsigned round = 0; round < 100; round++)
    {
      while (sent - told + 16384 <= SIZE)
        {
          tell (&d, RW, 1000, 5, 0, much, 16384);
          sent += 16384;
          while (heard (&d, &packet, NULL))
            told = packet.took;
        }
      while ((n = recv (server, data, 16384 - read % 16384, MSG_DONTWAIT)) > 0)
        {
          g_assert_cmpmem (data, n, much + read % 16384, n);
          read += (size_t)n;
          driver_pump ();
        }
      while (heard (&d, &packet, NULL))
        {
          g_assert_cmpuint (packet.op, ==, CREDIT_UPDATE);
          told = packet.took;
        }
    }
  g_assert_cmpuint (read, ==, sent);
  g_assert_cmpuint (sent, >=, 100 * 16384);
  /* What it says last arrives, though it closes at once. */
  tell (&d, RW, 1000, 5, 0, "last", 4);
  tell (&d, SHUTDOWN, 1000, 5, 3, NULL, 0);
  assert_reads (server, "last");
  g_assert_true (is_closed (server));
  closed (&d);
}

static void
test_limits (void)
{
  Driver d;
  int fds[VSOCK_MAX_CONNECTIONS + 4];
  Packet packet;
  unsigned n_closed = 0;

  opened (&d);
  took = 0;
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = client (NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    n_closed += is_closed (fds[i]);
  g_assert_cmpuint (n_closed, ==, 4);
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, RST, 5, 1000);
  g_assert_cmpuint (n_begun, ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  driver_pump ();
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, RESPONSE, 5, 1000);
  /* Once more the same: both are gone. */
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, RST, 5, 1000);
  /* What is no packet is none. */
  const Packet wrongs[] = { { CID + 1, 2, 1, 2, 0, 1, REQUEST, 0, 0, 0 },
                            { CID, 2, 1, 2, 100, 1, RW, 0, 0, 0 },
                            { CID, 2, 1, 2, UINT32_MAX, 1, RW, 0, 0, 0 } };
  for (unsigned i = 0; i < G_N_ELEMENTS (wrongs); i++)
    tell_raw (&d, &wrongs[i], NULL, 0);
  g_assert_true (nothing (&d));
  /* A kind that we have not, and another host. */
  const Packet strange = { CID, 2, 1, 2, 0, 2, REQUEST, 0, 0, 0 },
               far = { CID, 3, 1, 2, 0, 1, REQUEST, 0, 0, 0 };
  tell_raw (&d, &strange, NULL, 0);
  g_assert_true (heard (&d, &packet, NULL));
  g_assert_cmpuint (packet.op | packet.type << 16, ==, RST | 2 << 16);
  tell_raw (&d, &far, NULL, 0);
  expect (&d, RST, 2, 1);
  /* Resets for which there is no buffer wait, and behind so many the guest's ring does. */
  nobody = TRUE;
  for (unsigned i = 0; i < 8 + 64 + 8; i++)
    tell (&d, REQUEST, 2000 + i, 5, 0, NULL, 0);
  unsigned n = 0;
  while (heard (&d, &packet, NULL))
    n += packet.op == RST;
  g_assert_cmpuint (n, ==, 8 + 64 + 8);
  closed (&d);
}

/* A machine that goes on from a file has no connections, and its guest hears so. */
static void
test_saved (void)
{
  Driver d;
  Device *device = opened (&d);

  took = 0;
  driver_describe (&d, driver_queue (EVENT), 0, OUT + 0x1000, 4, DESC_WRITE, 0);
  driver_put (&d, EVENT, 0);
  driver_ring (&d, EVENT);
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, RESPONSE, 5, 1000);
  g_assert_cmpuint (driver_used (&d, EVENT), ==, 0);
  memset (driver_ram (&d, OUT + 0x1000), 0xff, 4);
  hostile_save (&d, device);
  driver_pump ();
  g_assert_cmpuint (driver_used (&d, EVENT), ==, 1);
  g_assert_cmpuint (*driver_ram (&d, OUT + 0x1000), ==, 0);
  g_assert_true (is_closed (server));
  tell (&d, RW, 1000, 5, 0, "x", 1);
  expect (&d, RST, 5, 1000);
  /* Not at a reset: its driver goes with it. */
  tell (&d, REQUEST, 1000, 5, 0, NULL, 0);
  expect (&d, RESPONSE, 5, 1000);
  driver_write (&d, DRIVER_STATUS, 0, 1);
  g_assert_true (is_closed (server));
  closed (&d);
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
  folder = g_dir_make_tmp ("viv-vsock-XXXXXX", NULL);
  g_test_add_func ("/virtio-vsock/host", test_host);
  g_test_add_func ("/virtio-vsock/greetings", test_greetings);
  g_test_add_func ("/virtio-vsock/guest", test_guest);
  g_test_add_func ("/virtio-vsock/credit", test_credit);
  g_test_add_func ("/virtio-vsock/slow", test_slow);
  g_test_add_func ("/virtio-vsock/limits", test_limits);
  g_test_add_func ("/virtio-vsock/saved", test_saved);
  g_test_add_func ("/virtio-vsock/hostile", test_hostile);
  const int status = g_test_run ();
  g_autofree char *path = listener_path ();
  unlink (path);
  rmdir (folder);
  g_free (folder);
  return status;
}

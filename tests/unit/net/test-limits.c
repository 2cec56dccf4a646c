/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a port does to packets besides carrying them: a rate, and a copy of all for a file.
 */
#include "net-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/mman.h>

#define LENGTH 1000u

typedef struct
{
  Vm *vm;
  NetFixture net;
  unsigned n_received, n_rooms;
} Card;

static gboolean
on_receive (void *opaque, const NetOffload *offload, const uint8_t *packet, size_t length)
{
  ((Card *)opaque)->n_received++;
  return TRUE;
}

static void
on_room (void *opaque)
{
  ((Card *)opaque)->n_rooms++;
}

static void
pump (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
begin (Card *card, const NetPortConfig *config)
{
  static const NetCard funcs = { on_receive, on_room, NULL };

  memset (card, 0, sizeof *card);
  card->vm = vm_new (NULL, TRUE);
  vm_lock (card->vm);
  net_fixture_open (&card->net, card->vm, config);
  net_port_attach (card->net.port, &funcs, card);
  vm_unlock (card->vm);
  pump ();
}

static void
end (Card *card)
{
  vm_lock (card->vm);
  net_port_detach (card->net.port);
  net_port_free (card->net.port);
  vm_unlock (card->vm);
  net_fixture_close (&card->net);
  vm_free (card->vm);
}

static gboolean
send_frame (Card *card, uint8_t seed)
{
  static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
  static const NetOffload none;
  uint8_t frame[LENGTH];
  const struct iovec iov[2] = { { frame, 20 }, { frame + 20, LENGTH - 20 } };

  net_fixture_frame (frame, everybody, 0x88b5, LENGTH, seed);
  return net_port_send (card->net.port, &none, iov, 2);
}

static void
give_frame (Card *card, uint8_t seed)
{
  uint8_t frame[LENGTH];

  net_fixture_frame (frame, net_fixture_mac.bytes, 0x88b5, LENGTH, seed);
  g_assert_true (net_fixture_give (&card->net, frame, LENGTH));
  pump ();
}

/* -- The rate -------------------------------------------------------------------------------------- */

/* A byte a second: what comes first goes, and the next one would wait for a quarter of an hour. */
static void
test_rate (void)
{
  const NetPortConfig config = { .id = "net0", .mac = net_fixture_mac, .network = TRUE, .rate = 1 };
  uint8_t got[2048];
  Card card;

  begin (&card, &config);
  g_assert_true (send_frame (&card, 1));
  g_assert_false (send_frame (&card, 2));
  g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, LENGTH);
  g_assert_cmpuint (net_fixture_take (&card.net, got, sizeof got), ==, 0);
  pump ();
  g_assert_cmpuint (card.n_rooms, ==, 0);
  for (uint8_t i = 0; i < 5; i++)
    give_frame (&card, i);
  g_assert_cmpuint (card.n_received, ==, 1);
  /* No limit any more: both sides go on by themselves, and nothing was lost. */
  net_port_set_rate (card.net.port, 0);
  pump ();
  g_assert_cmpuint (card.n_rooms, ==, 1);
  g_assert_cmpuint (card.n_received, ==, 5);
  g_assert_true (send_frame (&card, 2));
  g_assert_true (send_frame (&card, 3));
  /* And back. */
  net_port_set_rate (card.net.port, 1);
  g_assert_true (send_frame (&card, 4));
  g_assert_false (send_frame (&card, 5));
  /* A machine ends with packets that wait. */
  end (&card);
}

/* Fast enough to be waited for: it is the port's own clock that lets the rest go. */
static void
test_rate_by_itself (void)
{
  const NetPortConfig config = { .id = "net0", .mac = net_fixture_mac, .network = TRUE, .rate = 20000 };
  Card card;

  begin (&card, &config);
  for (unsigned i = 0; i < 4; i++)
    {
      while (!send_frame (&card, (uint8_t)i))
        {
          const unsigned rooms = card.n_rooms;

          while (card.n_rooms == rooms)
            g_main_context_iteration (NULL, TRUE);
        }
      give_frame (&card, (uint8_t)i);
    }
  while (card.n_received < 4)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (card.n_rooms, >, 0);
  end (&card);
}

/* -- The copy -------------------------------------------------------------------------------------- */

static int
make_file (char **path, const char *content)
{
  g_autoptr (GError) error = NULL;
  const int fd = g_file_open_tmp ("vivarium-dump-XXXXXX", path, &error);

  g_assert_no_error (error);
  g_assert_cmpint (pwrite (fd, content, strlen (content), 0), ==, strlen (content));
  return fd;
}

static uint32_t
word (const char *data, gsize at)
{
  uint32_t value;

  memcpy (&value, data + at, sizeof value);
  return value;
}

/* Its only packets are these; returns their number. */
static unsigned
check_capture (const char *path)
{
  g_autofree char *data = NULL;
  gsize length, at = 24;
  unsigned n = 0;

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  g_assert_cmpuint (length, >=, 24);
  g_assert_cmphex (word (data, 0), ==, 0xa1b2c3d4);
  g_assert_cmpuint (word (data, 20), ==, 1);
  for (; at + 16 <= length; n++)
    {
      uint8_t frame[LENGTH];

      g_assert_cmpuint (word (data, at + 8), ==, LENGTH);
      g_assert_cmpuint (word (data, at + 12), ==, LENGTH);
      g_assert_cmpuint (word (data, at + 4), <, 1000000);
      net_fixture_frame (frame, (const uint8_t *)data + at + 16, 0x88b5, LENGTH, (uint8_t)(n + 1));
      g_assert_cmpmem (data + at + 16, MIN (LENGTH, length - at - 16), frame, LENGTH);
      at += 16 + LENGTH;
    }
  g_assert_cmpuint (at, ==, length);
  return n;
}

static void
test_copy (void)
{
  NetPortConfig config = { .id = "net0", .mac = net_fixture_mac, .network = TRUE };
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  NetStatistics statistics;
  Card card;

  /* Twice: a capture is begun anew. */
  for (unsigned round = 0; round < 2; round++)
    {
      const int fd = round == 0 ? make_file (&path, "") : open (path, O_RDWR | O_CLOEXEC);

      config.dump = net_dump_new (fd, path, &error);
      g_assert_no_error (error);
      begin (&card, &config);
      g_assert_true (send_frame (&card, 1));
      give_frame (&card, 2);
      g_assert_true (send_frame (&card, 3));
      /* What never travelled is not in it. */
      net_port_plug_cable (card.net.port, FALSE);
      pump ();
      g_assert_true (send_frame (&card, 4));
      net_port_statistics (card.net.port, &statistics);
      g_assert_cmpuint (statistics.dump_lost, ==, 0);
      end (&card);
      g_assert_cmpuint (check_capture (path), ==, 3);
    }
  g_unlink (path);
}

/* A file that is none stays what it was. */
static void
test_foreign (void)
{
  const char *const contents[] = { "dear diary", "ab", "\xa1\xb2\xc3" };

  for (unsigned i = 0; i < G_N_ELEMENTS (contents); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *path = NULL, *after = NULL;

      const int fd = make_file (&path, contents[i]);

      g_assert_null (net_dump_new (fd, path, &error));
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
      g_assert_nonnull (strstr (error->message, path));
      g_assert_true (g_file_get_contents (path, &after, NULL, NULL));
      g_assert_cmpstr (after, ==, contents[i]);
      g_unlink (path);
    }
  g_autoptr (GError) error = NULL;
  g_assert_null (net_dump_new (open ("/dev/null", O_RDWR | O_CLOEXEC), "/dev/null", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS);
}

/* A disk that is full costs packets of the copy, and nothing else. */
static void
test_full (void)
{
  const int fd = memfd_create ("dump", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  g_autoptr (GError) error = NULL;
  NetDump *dump = net_dump_new (fd, "dump", &error);
  uint8_t packet[LENGTH] = { 0 };

  g_assert_no_error (error);
  g_assert_cmpint (fcntl (fd, F_ADD_SEALS, F_SEAL_GROW), ==, 0);
  for (unsigned i = 0; net_dump_lost (dump) == 0; i++)
    net_dump_add (dump, &(struct iovec){ packet, LENGTH }, 1, LENGTH);
  net_dump_add (dump, &(struct iovec){ packet, LENGTH }, 1, LENGTH);
  g_assert_cmpuint (net_dump_lost (dump), >=, 1);
  net_dump_free (dump);
}

/* -- Connections that the guest takes --------------------------------------------------------------- */

static size_t
make_tcp (uint8_t *frame, gboolean ip6, gboolean tagged, uint8_t flags)
{
  const size_t ip = tagged ? 18 : 14, tcp = ip + (ip6 ? 40 : 24);

  memset (frame, 0, 128);
  if (tagged)
    frame[12] = 0x81;
  frame[ip - 2] = ip6 ? 0x86 : 0x08;
  frame[ip - 1] = ip6 ? 0xdd : 0;
  frame[ip] = ip6 ? 0x60 : 0x46; /* with an option */
  frame[ip + (ip6 ? 6 : 9)] = 6;
  frame[tcp + 13] = flags;
  return tcp + 20;
}

static void
test_accepted (void)
{
  static const NetOffload none;
  uint8_t frame[128];
  NetStatistics statistics;
  Card card;

  begin (&card, NULL);
  for (unsigned shape = 0; shape < 4; shape++)
    for (unsigned flags = 0; flags < 0x40; flags++)
      {
        const size_t length = make_tcp (frame, shape & 1, shape & 2, (uint8_t)flags);
        const size_t first = flags % 32 + 1;
        const struct iovec iov[2] = { { frame, first }, { frame + first, length - first } };

        g_assert_true (net_port_send (card.net.port, &none, iov, 2));
        g_assert_true (net_fixture_take (&card.net, frame, sizeof frame) == length);
      }
  net_port_statistics (card.net.port, &statistics);
  g_assert_cmpuint (statistics.accepted, ==, 4 * 8);
  g_assert_cmpuint (statistics.refused, ==, 4 * 32);
  /* Cut anywhere, it is none. */
  for (size_t length = make_tcp (frame, FALSE, FALSE, 0x12) - 1; length >= 14; length--)
    {
      const struct iovec iov = { frame, length };

      g_assert_true (net_port_send (card.net.port, &none, &iov, 1));
    }
  frame[14 + 9] = 17;
  g_assert_true (net_port_send (card.net.port, &none, &(struct iovec){ frame, 58 }, 1));
  net_port_statistics (card.net.port, &statistics);
  g_assert_cmpuint (statistics.accepted, ==, 4 * 8);
  g_assert_cmpuint (statistics.refused, ==, 4 * 32);
  end (&card);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/net/rate", test_rate);
  g_test_add_func ("/net/rate-by-itself", test_rate_by_itself);
  g_test_add_func ("/net/accepted", test_accepted);
  g_test_add_func ("/net/copy", test_copy);
  g_test_add_func ("/net/copy-over-another-file", test_foreign);
  g_test_add_func ("/net/copy-without-room", test_full);
  return g_test_run ();
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is joined is what came: cut again, as a card or the guest's kernel does, it is the same packets.
 */
#include "nat/join.h"

#include <string.h>

#define MOST 4096

typedef struct
{
  gboolean ip6;
  uint16_t port;
  uint32_t sequence, acknowledged;
  unsigned payload;
  uint8_t flags;
} Wanted;

static GPtrArray *came; /* GBytes, cut again */
static unsigned n_emitted, n_joined;

static void
put16 (uint8_t *p, unsigned value)
{
  p[0] = (uint8_t)(value >> 8);
  p[1] = (uint8_t)value;
}

static unsigned
get16 (const uint8_t *p)
{
  return p[0] * 256u + p[1];
}

static void
put32 (uint8_t *p, uint32_t value)
{
  put16 (p, value >> 16);
  put16 (p + 2, value & 0xffff);
}

static uint16_t
sum_of (uint32_t sum, const uint8_t *p, size_t length)
{
  for (size_t i = 0; i < length; i++)
    sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (uint16_t)sum;
}

/* The sums of a whole packet. */
static void
put_sums (uint8_t *p, size_t length)
{
  const gboolean ip6 = p[12] == 0x86;
  uint8_t *tcp = p + 14 + (ip6 ? 40 : 20);
  const size_t l4 = length - (size_t)(tcp - p);

  if (!ip6)
    {
      put16 (p + 24, 0);
      put16 (p + 24, (uint16_t)~sum_of (0, p + 14, 20));
    }
  put16 (tcp + 16, 0);
  put16 (tcp + 16, (uint16_t)~sum_of (sum_of ((uint32_t)l4 + 6, p + (ip6 ? 22 : 26), ip6 ? 32 : 8), tcp, l4));
}

static size_t
make (const Wanted *wanted, uint16_t id, uint8_t *p)
{
  const unsigned l3 = wanted->ip6 ? 40 : 20;
  uint8_t *tcp = p + 14 + l3;
  const size_t length = 14 + l3 + 20 + wanted->payload;

  memset (p, 0, 14 + l3 + 20);
  memcpy (p, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
  put16 (p + 12, wanted->ip6 ? 0x86dd : 0x0800);
  p[14] = wanted->ip6 ? 0x60 : 0x45;
  if (wanted->ip6)
    {
      put16 (p + 18, 20 + wanted->payload);
      p[20] = 6;
      p[21] = 64;
      p[37] = 1;
      p[53] = 2;
    }
  else
    {
      put16 (p + 16, 40 + wanted->payload);
      put16 (p + 18, id);
      p[22] = 64;
      p[23] = 6;
      p[29] = 1;
      p[33] = 2;
    }
  put16 (tcp, 80);
  put16 (tcp + 2, wanted->port);
  put32 (tcp + 4, wanted->sequence);
  put32 (tcp + 8, wanted->acknowledged);
  tcp[12] = 0x50;
  tcp[13] = wanted->flags;
  put16 (tcp + 14, 5000);
  for (unsigned i = 0; i < wanted->payload; i++)
    tcp[20 + i] = (uint8_t)((wanted->sequence + i) * 7);
  put_sums (p, length);
  return length;
}

static void
cut (const uint8_t header[JOIN_HEADER], const uint8_t *packet, size_t length)
{
  const gboolean ip6 = packet[12] == 0x86;
  const unsigned tcp = 14 + (ip6 ? 40 : 20), before = tcp + 20;
  uint16_t words[4];
  unsigned n = 0;

  memcpy (words, header + 2, sizeof words);
  g_assert_cmpuint (header[0], ==, 1);
  g_assert_cmpuint (header[1], ==, ip6 ? 4 : 1);
  g_assert_cmpuint (words[0], ==, before);
  g_assert_cmpuint (words[1], >, 0);
  g_assert_cmpuint (words[2], ==, tcp);
  g_assert_cmpuint (words[3], ==, 16);
  /* Its own headers are right: IPv4's sum, and TCP's, which has the pseudo header's. */
  g_assert_cmpuint (get16 (packet + (ip6 ? 18 : 16)), ==, length - 14 - (ip6 ? 40 : 0));
  if (!ip6)
    g_assert_cmpuint (sum_of (0, packet + 14, 20), ==, 0xffff);
  g_assert_cmpuint (get16 (packet + tcp + 16), ==,
                    sum_of ((uint32_t)(length - tcp) + 6, packet + (ip6 ? 22 : 26), ip6 ? 32 : 8));
  n_joined++;
  for (size_t at = before; at < length; n++)
    {
      const size_t part = MIN (words[1], length - at);
      g_autofree uint8_t *one = g_malloc (before + part);

      memcpy (one, packet, before);
      memcpy (one + before, packet + at, part);
      put16 (one + (ip6 ? 18 : 16), (unsigned)(before + part - 14 - (ip6 ? 40 : 0)));
      if (!ip6)
        put16 (one + 18, get16 (packet + 18) + n);
      put32 (one + tcp + 4,
             (get16 (packet + tcp + 4) << 16 | get16 (packet + tcp + 6)) + (uint32_t)(at - before));
      at += part;
      if (at < length)
        one[tcp + 13] &= (uint8_t)~8;
      put_sums (one, before + part);
      g_ptr_array_add (came, g_bytes_new (one, before + part));
    }
}

static void
on_emit (void *opaque, const uint8_t header[JOIN_HEADER], const uint8_t *packet, size_t length)
{
  static const uint8_t none[JOIN_HEADER];

  n_emitted++;
  g_assert_cmpuint (length, <=, JOIN_LONGEST);
  if (memcmp (header, none, sizeof none) == 0)
    g_ptr_array_add (came, g_bytes_new (packet, length));
  else
    cut (header, packet, length);
}

static Join *
begin (void)
{
  came = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  n_emitted = n_joined = 0;
  return join_new (on_emit, NULL);
}

static void
end (Join *join)
{
  join_free (join);
  g_ptr_array_unref (came);
}

static void
give (Join *join, const Wanted *wanted, uint16_t id, GPtrArray *all)
{
  uint8_t p[MOST];
  const size_t length = make (wanted, id, p);

  join_packet (join, p, length, 0);
  if (all != NULL)
    g_ptr_array_add (all, g_bytes_new (p, length));
}

static void
compare (GPtrArray *all)
{
  g_assert_cmpuint (came->len, ==, all->len);
  for (guint i = 0; i < all->len; i++)
    g_assert_true (g_bytes_equal (came->pdata[i], all->pdata[i]));
}

/* A stream, over the end of its numbers. */
static void
test_stream (gconstpointer ip6)
{
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  Join *join = begin ();
  Wanted wanted = { .ip6 = ip6 != NULL,
                    .port = 1000,
                    .sequence = 0xfffff000,
                    .acknowledged = 5,
                    .payload = 1460,
                    .flags = 0x10 };

  for (unsigned i = 0; i < 100; i++, wanted.sequence += 1460)
    give (join, &wanted, (uint16_t)(65500 + i), all);
  wanted.payload = 7;
  wanted.flags = 0x18;
  give (join, &wanted, (uint16_t)(65500 + 100), all);
  g_assert_cmpint (join_flush (join, 0), ==, -1);
  compare (all);
  /* Not one longer than IP can say, and no more than needed. */
  g_assert_cmpuint (n_emitted, ==, 3);
  g_assert_cmpuint (n_joined, ==, 3);
  end (join);
}

/* Whatever comes in whatever order, it is what came, and in that order. */
static void
test_any (void)
{
  for (unsigned round = 0; round < 300; round++)
    {
      g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
      g_autoptr (GRand) rand = g_rand_new_with_seed (round);
      Join *join = begin ();
      uint32_t sequence[2] = { g_rand_int (rand), g_rand_int (rand) };
      uint16_t id = 1;

      for (unsigned i = 0; i < 80; i++)
        {
          const unsigned which = g_rand_int_range (rand, 0, 8) == 0;
          Wanted wanted = { .ip6 = which && round % 2,
                            .port = (uint16_t)which,
                            .sequence = sequence[which] + (g_rand_int_range (rand, 0, 20) == 0),
                            .payload = 1 + (unsigned)g_rand_int_range (rand, 0, 4) % 3 * 100,
                            .acknowledged = 9,
                            .flags = g_rand_int_range (rand, 0, 10) == 0  ? (uint8_t)g_rand_int (rand)
                                     : g_rand_int_range (rand, 0, 6) == 0 ? 0x18
                                                                          : 0x10 };

          sequence[which] += wanted.payload;
          give (join, &wanted, id++, all);
          if (g_rand_int_range (rand, 0, 15) == 0)
            join_flush (join, 0);
        }
      join_flush (join, 0);
      /* The packets' numbers (IPv4) are not looked at: another connection's may lie between. */
      for (guint i = 0; i < all->len; i++)
        for (unsigned j = 0; j < 2; j++)
          {
            GBytes **one = (GBytes **)&(j == 0 ? all : came)->pdata[i];
            gsize length;
            g_autofree uint8_t *copy = NULL;

            g_assert_cmpuint (came->len, ==, all->len);
            copy = g_memdup2 (g_bytes_get_data (*one, &length), g_bytes_get_size (*one));
            length = g_bytes_get_size (*one);
            if (copy[12] == 0x08)
              {
                put16 (copy + 18, 0);
                put_sums (copy, length);
              }
            g_bytes_unref (*one);
            *one = g_bytes_new (copy, length);
          }
      compare (all);
      end (join);
    }
}

/* An acknowledgement that the next packet says, too. */
static void
test_acknowledged (void)
{
  Join *join = begin ();
  Wanted wanted = { .port = 1000, .sequence = 10, .acknowledged = 100, .flags = 0x10 };

  give (join, &wanted, 1, NULL);
  wanted.acknowledged = 2000;
  give (join, &wanted, 2, NULL);
  wanted.payload = 1;
  give (join, &wanted, 3, NULL);
  join_flush (join, 0);
  g_assert_cmpuint (came->len, ==, 1);
  /* Said twice, it asks for what was lost: so it stays. */
  wanted.payload = 0;
  wanted.sequence++;
  for (unsigned i = 0; i < 4; i++)
    give (join, &wanted, 4, NULL);
  join_flush (join, 0);
  g_assert_cmpuint (came->len, ==, 5);
  /* That of another connection, or of an earlier place, says something else. */
  wanted.acknowledged = 1990;
  give (join, &wanted, 5, NULL);
  wanted.port = 1001;
  give (join, &wanted, 6, NULL);
  join_flush (join, 0);
  g_assert_cmpuint (came->len, ==, 7);
  end (join);
}

/* That of a few bytes waits for their answer, but not for long; that of many, or of the first that is heard of a connection, not at all. */
static void
test_waits (void)
{
  Join *join = begin ();
  Wanted wanted = { .port = 1000, .sequence = 10, .acknowledged = 100, .flags = 0x10 };

  give (join, &wanted, 1, NULL);
  g_assert_cmpint (join_flush (join, 0), ==, -1);
  wanted.acknowledged = 101;
  give (join, &wanted, 2, NULL);
  g_assert_cmpint (join_flush (join, 0), ==, JOIN_PATIENCE);
  g_assert_cmpint (join_flush (join, JOIN_PATIENCE - 1), ==, 1);
  g_assert_cmpuint (n_emitted, ==, 1);
  g_assert_cmpint (join_flush (join, JOIN_PATIENCE), ==, -1);
  g_assert_cmpuint (n_emitted, ==, 2);
  wanted.acknowledged = 102;
  give (join, &wanted, 3, NULL);
  g_assert_cmpint (join_flush (join, 0), >, 0);
  wanted.payload = 1;
  give (join, &wanted, 4, NULL);
  g_assert_cmpint (join_flush (join, 0), ==, -1);
  g_assert_cmpuint (n_emitted, ==, 3);
  wanted.payload = 0;
  wanted.sequence++;
  wanted.acknowledged = 100000;
  give (join, &wanted, 5, NULL);
  g_assert_cmpint (join_flush (join, 0), ==, -1);
  g_assert_cmpuint (n_emitted, ==, 4);
  end (join);
}

/* What says that it is longer or shorter than it is, has options, is a fragment: as it came. */
static void
test_others (void)
{
  const Wanted wanted = { .port = 1000, .sequence = 10, .acknowledged = 100, .payload = 50, .flags = 0x10 };
  uint8_t p[MOST], q[MOST];
  Join *join = begin ();
  const size_t length = make (&wanted, 1, p);
  unsigned n = 0;

  for (size_t n_bytes = 1; n_bytes <= length; n_bytes++)
    for (unsigned at = 0; at < 54; at++)
      {
        memcpy (q, p, length);
        q[at] = (uint8_t)(q[at] * 3 + 1);
        join_packet (join, q, n_bytes, 0);
        join_flush (join, JOIN_PATIENCE);
        g_assert_cmpuint (came->len, ==, ++n);
        g_assert_cmpmem (g_bytes_get_data (came->pdata[n - 1], NULL), g_bytes_get_size (came->pdata[n - 1]),
                         q, n_bytes);
      }
  g_assert_cmpuint (n_joined, ==, 0);
  end (join);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_data_func ("/join/stream/ip4", NULL, test_stream);
  g_test_add_data_func ("/join/stream/ip6", "", test_stream);
  g_test_add_func ("/join/any", test_any);
  g_test_add_func ("/join/acknowledged", test_acknowledged);
  g_test_add_func ("/join/waits", test_waits);
  g_test_add_func ("/join/others", test_others);
  return g_test_run ();
}

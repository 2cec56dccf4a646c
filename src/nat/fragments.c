/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "nat/fragments.h"

#include <string.h>

#define ETHER_HEADER 14u
#define IP_HEADER    20u
#define RESERVED     0x8000u
#define MORE         0x2000u
#define OFFSET       0x1fffu

/* libslirp forgets a datagram 30 seconds after its first fragment; nothing of it is passed on near that. */
#define USABLE_US (20 * G_USEC_PER_SEC)
#define KEPT_US   (40 * G_USEC_PER_SEC)

typedef struct
{
  uint8_t key[11]; /* identification, protocol, source, destination */
  gint64 since;    /* its first fragment; 0: there is none */
  unsigned next;   /* where the next one begins, bytes */
} Datagram;

struct Fragments
{
  Datagram datagrams[FRAGMENTS_MOST];
};

Fragments *
fragments_new (void)
{
  return g_new0 (Fragments, 1);
}

void
fragments_free (Fragments *self)
{
  g_free (self);
}

static unsigned
get16 (const uint8_t *p)
{
  return p[0] * 256u + p[1];
}

/* What libslirp drops for its header, it keeps nothing of. */
static gboolean
is_good (const uint8_t *ip, size_t length)
{
  const size_t header = (ip[0] & 0xfu) * 4u, all = get16 (ip + 2);
  uint32_t sum = 0;

  if (ip[0] >> 4 != 4 || header < IP_HEADER || header > length || all < header || all > length || ip[8] == 0)
    return FALSE;
  for (size_t i = 0; i < header; i += 2)
    sum += get16 (ip + i);
  sum = (sum & 0xffff) + (sum >> 16);
  return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/* Its entry, or a free one; NULL: there is none. */
static Datagram *
find (Fragments *self, const uint8_t key[11], gint64 now)
{
  Datagram *unused = NULL;

  for (unsigned i = 0; i < FRAGMENTS_MOST; i++)
    {
      Datagram *one = &self->datagrams[i];

      if (one->since != 0 && now - one->since > KEPT_US)
        one->since = 0;
      if (one->since == 0)
        unused = one;
      else if (memcmp (one->key, key, sizeof one->key) == 0)
        return one;
    }
  return unused;
}

gboolean
fragments_may_pass (Fragments *self, const uint8_t *frame, size_t length, gint64 now)
{
  const uint8_t *ip = frame + ETHER_HEADER;
  unsigned word, offset, size;
  uint8_t key[11];
  Datagram *datagram;

  if (length < ETHER_HEADER + IP_HEADER || frame[12] != 0x08 || frame[13] != 0)
    return TRUE;
  word = get16 (ip + 6);
  if ((word & (RESERVED | MORE | OFFSET)) == 0)
    return TRUE;
  if ((word & RESERVED) != 0 || !is_good (ip, length - ETHER_HEADER))
    return FALSE;
  offset = (word & OFFSET) * 8;
  size = get16 (ip + 2) - (ip[0] & 0xfu) * 4;
  if (size == 0 || offset + size > 65535 || ((word & MORE) != 0 && size % 8 != 0))
    return FALSE;
  memcpy (key, ip + 4, 2);
  key[2] = ip[9];
  memcpy (key + 3, ip + 12, 8);
  datagram = find (self, key, now);
  if (datagram == NULL)
    return FALSE;
  if (datagram->since == 0)
    {
      if (offset != 0)
        return FALSE;
      memcpy (datagram->key, key, sizeof key);
      datagram->since = MAX (now, 1);
      datagram->next = size;
      return TRUE;
    }
  if (offset != datagram->next || now - datagram->since > USABLE_US)
    return FALSE;
  datagram->next += size;
  if ((word & MORE) == 0)
    datagram->since = 0; /* it is whole */
  return TRUE;
}

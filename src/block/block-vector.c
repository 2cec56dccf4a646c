/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See block-vector.h.
 */
#include "block/block-vector.h"

#include <string.h>

uint64_t
block_vector_length (const struct iovec *iov, unsigned n)
{
  uint64_t length = 0;

  for (unsigned i = 0; i < n; i++)
    if (!g_uint64_checked_add (&length, length, iov[i].iov_len))
      return G_MAXUINT64;
  return length;
}

unsigned
block_vector_slice (const struct iovec *iov, unsigned n, size_t offset, size_t length, struct iovec *out,
                    unsigned room)
{
  unsigned used = 0;

  for (unsigned i = 0; i < n && length > 0 && used < room; i++)
    {
      if (offset >= iov[i].iov_len)
        {
          offset -= iov[i].iov_len;
          continue;
        }
      size_t part = MIN (length, iov[i].iov_len - offset);
      out[used++] = (struct iovec){ .iov_base = (uint8_t *)iov[i].iov_base + offset, .iov_len = part };
      length -= part;
      offset = 0;
    }
  return used;
}

typedef enum
{
  FILL,
  PUT,
  GET
} Way;

static void
walk (const struct iovec *iov, unsigned n, size_t offset, uint8_t *bytes, size_t length, Way way, int byte)
{
  for (unsigned i = 0; i < n && length > 0; i++)
    {
      if (offset >= iov[i].iov_len)
        {
          offset -= iov[i].iov_len;
          continue;
        }
      size_t part = MIN (length, iov[i].iov_len - offset);
      uint8_t *there = (uint8_t *)iov[i].iov_base + offset;
      if (way == FILL)
        memset (there, byte, part);
      else if (way == PUT)
        memcpy (there, bytes, part);
      else
        memcpy (bytes, there, part);
      if (way != FILL)
        bytes += part;
      length -= part;
      offset = 0;
    }
}

void
block_vector_fill (const struct iovec *iov, unsigned n, size_t offset, size_t length, int byte)
{
  walk (iov, n, offset, NULL, length, FILL, byte);
}

void
block_vector_put (const struct iovec *iov, unsigned n, size_t offset, const void *bytes, size_t length)
{
  walk (iov, n, offset, (uint8_t *)bytes, length, PUT, 0);
}

void
block_vector_get (const struct iovec *iov, unsigned n, size_t offset, void *bytes, size_t length)
{
  walk (iov, n, offset, bytes, length, GET, 0);
}

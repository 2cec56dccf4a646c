/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * See frame.h.  Eight bytes a step, by eight tables: the n-th has what a byte is worth n bytes later.
 */
#include "net/frame.h"

#include <glib.h>
#include <string.h>

#define POLYNOMIAL 0xedb88320u /* of Ethernet, its bits the other way round */
#define N_TABLES   8

static uint32_t tables[N_TABLES][256];

static void
make_tables (void)
{
  for (unsigned i = 0; i < 256; i++)
    {
      uint32_t value = i;

      for (unsigned bit = 0; bit < 8; bit++)
        value = value >> 1 ^ (value & 1 ? POLYNOMIAL : 0);
      tables[0][i] = value;
    }
  for (unsigned n = 1; n < N_TABLES; n++)
    for (unsigned i = 0; i < 256; i++)
      tables[n][i] = tables[n - 1][i] >> 8 ^ tables[0][tables[n - 1][i] & 0xff];
}

static uint32_t
crc_byte (uint32_t crc, uint8_t byte)
{
  return crc >> 8 ^ tables[0][(crc ^ byte) & 0xff];
}

static uint32_t
crc_eight (uint32_t crc, const uint8_t *p)
{
  crc ^= p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  return tables[7][crc & 0xff] ^ tables[6][crc >> 8 & 0xff] ^ tables[5][crc >> 16 & 0xff]
         ^ tables[4][crc >> 24] ^ tables[3][p[4]] ^ tables[2][p[5]] ^ tables[1][p[6]] ^ tables[0][p[7]];
}

uint32_t
net_frame_crc (const uint8_t *packet, size_t length, size_t zeroes)
{
  static gsize made;
  uint32_t crc = 0xffffffff;

  if (g_once_init_enter (&made))
    {
      make_tables ();
      g_once_init_leave (&made, 1);
    }
  for (; length >= 8; length -= 8, packet += 8)
    crc = crc_eight (crc, packet);
  for (; length > 0; length--, packet++)
    crc = crc_byte (crc, *packet);
  for (; zeroes > 0; zeroes--)
    crc = crc_byte (crc, 0);
  return ~crc;
}

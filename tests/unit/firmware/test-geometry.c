/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A disk's geometry from its partition table.
 */
#include "board/pc.h"

static void
partition (uint8_t *mbr, unsigned n, uint8_t head, uint8_t sector, uint8_t size)
{
  uint8_t *entry = mbr + 446 + 16 * n;

  mbr[510] = 0x55;
  mbr[511] = 0xaa;
  entry[0] = 0x80;
  entry[5] = head;
  entry[6] = sector;
  entry[12] = size;
}

static void
test_geometry (void)
{
  uint8_t mbr[512] = { 0 };
  unsigned c = 0, h = 0, s = 0;

  g_assert_false (pc_geometry_from_mbr (mbr, 204800, &c, &h, &s));
  partition (mbr, 1, 254, 0xc0 | 63, 1);
  g_assert_true (pc_geometry_from_mbr (mbr, 204800, &c, &h, &s));
  g_assert_cmpuint (c, ==, 12);
  g_assert_cmpuint (h, ==, 255);
  g_assert_cmpuint (s, ==, 63);
  /* The first partition that says something counts; cylinders end at 1024. */
  partition (mbr, 0, 15, 63, 1);
  g_assert_true (pc_geometry_from_mbr (mbr, 1u << 30, &c, &h, &s));
  g_assert_cmpuint (c, ==, 1024);
  g_assert_cmpuint (h, ==, 16);
  /* A boot sector that is no partition table: an entry's first byte is neither 0 nor 0x80. */
  mbr[446] = 0x45;
  mbr[462] = 0x46;
  g_assert_false (pc_geometry_from_mbr (mbr, 204800, &c, &h, &s));
  mbr[446] = 0;
  mbr[452] = 0; /* sector 0 */
  g_assert_false (pc_geometry_from_mbr (mbr, 204800, &c, &h, &s));
  mbr[452] = 63;
  g_assert_false (pc_geometry_from_mbr (mbr, 100, &c, &h, &s));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/board/geometry", test_geometry);
  return g_test_run ();
}

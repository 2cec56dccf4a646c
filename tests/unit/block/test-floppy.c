/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which floppy an image is: sizes that are a format's, a little off, cut, and boot sectors that know better or lie.
 */
#include "block/floppy.h"

#include <string.h>

/* FORMAT's parameter blocks, DOS 3.3 to 6.22. */
static void
make_boot (uint8_t *boot, unsigned total, unsigned sectors, unsigned heads)
{
  const uint8_t block[]
      = { 0xeb, 0x3c, 0x90, 'M', 'S', 'D', 'O', 'S', '5', '.', '0', 0, 2, 1, 1, 0, 2, 0xe0, 0 };

  memset (boot, 0, 512);
  memcpy (boot, block, sizeof block);
  boot[19] = (uint8_t)total;
  boot[20] = (uint8_t)(total >> 8);
  boot[21] = 0xf0;
  boot[22] = 9;
  boot[24] = (uint8_t)sectors;
  boot[26] = (uint8_t)heads;
}

#define CHECK(boot, size, c, h, s)                        \
  do                                                      \
    {                                                     \
      FloppyGeometry got;                                 \
      g_assert_true (floppy_geometry (boot, size, &got)); \
      g_assert_cmpuint (got.cylinders, ==, c);            \
      g_assert_cmpuint (got.heads, ==, h);                \
      g_assert_cmpuint (got.sectors, ==, s);              \
    }                                                     \
  while (0)

static void
test_sizes (void)
{
  static const uint8_t zero[512];
  FloppyGeometry g;

  CHECK (zero, 163840, 40, 1, 8);
  CHECK (zero, 737280, 80, 2, 9);
  CHECK (NULL, 1474560, 80, 2, 18);
  CHECK (zero, 2949120, 80, 2, 36);
  /* A little off. */
  CHECK (zero, 737280 + 512, 80, 2, 9);
  CHECK (zero, 737280 - 512, 80, 2, 9);
  CHECK (zero, 737280 + 100, 80, 2, 9);
  CHECK (zero, 1474560 + 512, 80, 2, 18);
  CHECK (zero, 2949120 + 512, 80, 2, 36);
  /* Cut after the last used sector. */
  CHECK (zero, 512, 80, 2, 18);
  CHECK (NULL, 1, 80, 2, 18);
  CHECK (zero, 1000000, 80, 2, 18);
  CHECK (zero, 2000000, 80, 2, 36);
  g_assert_false (floppy_geometry (NULL, 0, &g));
  g_assert_false (floppy_geometry (zero, 2949120 + 4096, &g));
  g_assert_false (floppy_geometry (zero, G_MAXUINT64, &g));
  /* What nobody said is a floppy. */
  g_assert_true (floppy_recognize (zero, 737280 + 512, &g));
  g_assert_false (floppy_recognize (zero, 512, &g));
  g_assert_false (floppy_recognize (zero, 1000000, &g));
}

static void
test_parameter_block (void)
{
  uint8_t boot[512];
  FloppyGeometry g;

  make_boot (boot, 1440, 9, 2);
  CHECK (boot, 737280 + 512, 80, 2, 9);
  CHECK (boot, 737280 + 8192, 80, 2, 9);
  CHECK (boot, 100000, 80, 2, 9);
  g_assert_true (floppy_recognize (boot, 100000, &g));
  /* The tracks are what the size says when it is a format's own. */
  CHECK (boot, 1474560, 80, 2, 18);
  make_boot (boot, 720, 9, 2);
  CHECK (boot, 368640 - 512 * 3, 40, 2, 9);
  make_boot (boot, 2400, 15, 2);
  CHECK (boot, 700000, 80, 2, 15);
  make_boot (boot, 2952, 18, 2); /* 82 tracks */
  CHECK (boot, 1474560 + 18432, 82, 2, 18);
  /* Lies and a hard disk's. */
  make_boot (boot, 65000, 18, 2);
  CHECK (boot, 1000000, 80, 2, 18);
  g_assert_false (floppy_recognize (boot, 1000000, &g));
  make_boot (boot, 1440, 63, 255);
  g_assert_false (floppy_recognize (boot, 1000000, &g));
  make_boot (boot, 1440, 0, 0);
  g_assert_false (floppy_recognize (boot, 1000000, &g));
  make_boot (boot, 1440, 9, 2);
  boot[12] = 4;
  g_assert_false (floppy_recognize (boot, 1000000, &g));
  memset (boot, 0xff, sizeof boot);
  CHECK (boot, 737280 - 512, 80, 2, 9);
  make_boot (boot, 1440, 9, 2);
  g_assert_false (floppy_recognize (boot, 8 << 20, &g));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/floppy/sizes", test_sizes);
  g_test_add_func ("/floppy/parameter-block", test_parameter_block);
  return g_test_run ();
}

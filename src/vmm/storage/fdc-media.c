/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Floppy formats by the size of their image.
 */
#define G_LOG_DOMAIN "fdc"

#include "storage/fdc-internal.h"

enum
{
  RATE_500K = 1 << 0,
  RATE_300K = 1 << 1,
  RATE_250K = 1 << 2,
  RATE_1M = 1 << 3,
  /* Double density at 5.25": 250 kbit/s in a drive at 300 rpm, 300 in a 1.2M drive at 360. */
  RATE_DD525 = RATE_250K | RATE_300K,
};

#define FORMAT(cylinders_, heads_, sectors_, rates_, drive_)                                               \
  {                                                                                                        \
    (uint64_t) (cylinders_) * (heads_) * (sectors_)*FDC_SECTOR_SIZE, cylinders_, heads_, sectors_, rates_, \
        drive_                                                                                             \
  }

static const FdcFormat formats[] = {
  FORMAT (40, 1, 8, RATE_DD525, FDC_DRIVE_360K),  /* 160K */
  FORMAT (40, 1, 9, RATE_DD525, FDC_DRIVE_360K),  /* 180K */
  FORMAT (40, 2, 8, RATE_DD525, FDC_DRIVE_360K),  /* 320K */
  FORMAT (40, 2, 9, RATE_DD525, FDC_DRIVE_360K),  /* 360K */
  FORMAT (40, 2, 10, RATE_DD525, FDC_DRIVE_360K), /* 400K */
  FORMAT (80, 2, 8, RATE_250K, FDC_DRIVE_720K),   /* 640K */
  FORMAT (80, 2, 9, RATE_250K, FDC_DRIVE_720K),   /* 720K */
  FORMAT (80, 2, 10, RATE_250K, FDC_DRIVE_720K),  /* 800K */
  FORMAT (80, 2, 15, RATE_500K, FDC_DRIVE_1200K), /* 1.2M */
  FORMAT (80, 2, 18, RATE_500K, FDC_DRIVE_1440K), /* 1.44M */
  FORMAT (82, 2, 18, RATE_500K, FDC_DRIVE_1440K),
  FORMAT (83, 2, 18, RATE_500K, FDC_DRIVE_1440K),
  FORMAT (80, 2, 20, RATE_500K, FDC_DRIVE_1440K),
  FORMAT (80, 2, 21, RATE_500K, FDC_DRIVE_1440K), /* 1.68M, DMF */
  FORMAT (82, 2, 21, RATE_500K, FDC_DRIVE_1440K), /* 1.72M */
  FORMAT (83, 2, 21, RATE_500K, FDC_DRIVE_1440K),
  FORMAT (80, 2, 36, RATE_1M, FDC_DRIVE_2880K), /* 2.88M */
};

/* An image of exactly this size, or, for one that was cut after its last used sector, the 1.44M or 2.88M format that has
 * room for it.  NULL if it is larger than any floppy. */
const FdcFormat *
fdc_format_for_size (uint64_t size)
{
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i].size == size)
      return &formats[i];
  for (unsigned i = 0; i < G_N_ELEMENTS (formats); i++)
    if (formats[i].size > size && (formats[i].sectors == 18 || formats[i].sectors == 36))
      return &formats[i];
  return NULL;
}

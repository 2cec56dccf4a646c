/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ISO 9660 volume descriptors.
 */
#include "machine/iso9660.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  IsoInfo info;

  iso_parse_descriptors (data, size, &info);
  iso_info_clear (&info);
  return 0;
}

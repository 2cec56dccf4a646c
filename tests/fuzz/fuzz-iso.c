/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * ISO 9660 volume descriptors.
 */
#include "fuzz.h"

#include "machine/iso9660.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree uint8_t *exact = g_memdup2 (data, size); /* so that a byte too far is seen */
  IsoInfo info;

  iso_parse_descriptors (exact, size, &info);
  iso_info_clear (&info);
  return 0;
}

static void
descriptor (GByteArray *image, uint8_t type, const char *standard, const char *volume, gboolean joliet)
{
  uint8_t sector[ISO_SECTOR] = { type };

  memcpy (sector + 1, standard, strlen (standard));
  sector[6] = 1;
  if (type == 0)
    strcpy ((char *)sector + 7, "EL TORITO SPECIFICATION");
  memset (sector + 8, type == 0 ? 0 : ' ', type == 0 ? 0 : 64);
  memset (sector + 318, ' ', 3 * 128);
  if (type == 1)
    {
      memcpy (sector + 8, "LINUX", 5);
      memcpy (sector + 318, "A PUBLISHER\xe9", 12);
      memcpy (sector + 446, "_FILE;1", 7);
      memcpy (sector + 574, "XORRISO", 7);
      sector[80] = 200;
      sector[87] = 200;
    }
  if (joliet)
    {
      memcpy (sector + 88, "%/E", 3);
      memset (sector + 40, 0, 32);
    }
  for (size_t i = 0; volume != NULL && volume[i] != 0; i++)
    sector[40 + (joliet ? 2 * i + 1 : i)] = (uint8_t)volume[i];
  g_byte_array_append (image, sector, sizeof sector);
}

static void
make (void)
{
  static const char *const words[]
      = { "CD001", "NSR02", "NSR03", "BEA01", "EL TORITO SPECIFICATION", "%/@", "%/C", "%/E" };
  g_autoptr (GByteArray) image = g_byte_array_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    fuzz_word_text (words[i]);
  descriptor (image, 1, "CD001", "VOLUME", FALSE);
  fuzz_seed (image->data, image->len - 1);
  descriptor (image, 0, "CD001", NULL, FALSE);
  descriptor (image, 2, "CD001", "Volume", TRUE);
  fuzz_seed (image->data, image->len);
  descriptor (image, 255, "CD001", NULL, FALSE);
  descriptor (image, 0, "BEA01", NULL, FALSE);
  descriptor (image, 0, "NSR03", NULL, FALSE);
  fuzz_seed (image->data, image->len);
  g_byte_array_set_size (image, 0);
  descriptor (image, 0, "NSR02", NULL, FALSE);
  descriptor (image, 2, "CD001", "Alone", TRUE);
  fuzz_seed (image->data, image->len);
}

const FuzzTarget fuzz_target = { "machine/iso9660.c", ISO_MAX_DESCRIPTORS *ISO_SECTOR, make };

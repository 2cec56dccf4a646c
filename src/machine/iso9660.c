/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Volume descriptors.  The image is anybody's: nothing in it is an address or a length that is followed.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "machine/iso9660.h"

#include <string.h>

/* ECMA-119 8.4: byte positions, less one, in a primary or supplementary descriptor. */
enum
{
  VD_TYPE = 0,
  VD_STANDARD = 1,
  VD_SYSTEM = 8,
  VD_VOLUME = 40,
  VD_SPACE = 80,
  VD_ESCAPES = 88,
  VD_PUBLISHER = 318,
  VD_PREPARER = 446,
  VD_APPLICATION = 574,
};
enum
{
  VD_TYPE_BOOT = 0,
  VD_TYPE_PRIMARY = 1,
  VD_TYPE_SUPPLEMENTARY = 2,
  VD_TYPE_END = 255,
};

/* Text of an a-characters field; what isn't ASCII, as lax writers have it, is taken for Latin-1. */
static char *
take_text (const uint8_t *field, size_t length)
{
  g_autoptr (GString) text = g_string_sized_new (length);

  for (size_t i = 0; i < length && field[i] != 0; i++)
    if (field[i] >= 32 && field[i] != 127)
      g_string_append_unichar (text, field[i]);
  g_strstrip (text->str);
  return *text->str != '\0' && text->str[0] != '_' ? g_strdup (text->str) : NULL;
}

/* Joliet: big-endian UCS-2. */
static char *
take_ucs2 (const uint8_t *field, size_t length)
{
  g_autoptr (GString) text = g_string_sized_new (length);

  for (size_t i = 0; i + 1 < length; i += 2)
    {
      gunichar c = (gunichar)field[i] << 8 | field[i + 1];
      if (c == 0)
        break;
      if (g_unichar_isprint (c))
        g_string_append_unichar (text, c);
    }
  g_strstrip (text->str);
  return *text->str != '\0' ? g_strdup (text->str) : NULL;
}

static void
parse_primary (const uint8_t *sector, IsoInfo *info)
{
  iso_info_clear (info);
  info->system_id = take_text (sector + VD_SYSTEM, 32);
  info->volume_id = take_text (sector + VD_VOLUME, 32);
  info->publisher = take_text (sector + VD_PUBLISHER, 128);
  info->preparer = take_text (sector + VD_PREPARER, 128);
  info->application = take_text (sector + VD_APPLICATION, 128);
  info->size = ISO_SECTOR
               * (uint64_t)(sector[VD_SPACE] | sector[VD_SPACE + 1] << 8 | sector[VD_SPACE + 2] << 16
                            | (uint32_t)sector[VD_SPACE + 3] << 24);
}

static void
parse_supplementary (const uint8_t *sector, IsoInfo *info)
{
  const uint8_t *escapes = sector + VD_ESCAPES;

  if (escapes[0] != '%' || escapes[1] != '/' || (escapes[2] != '@' && escapes[2] != 'C' && escapes[2] != 'E'))
    return;
  g_autofree char *volume = take_ucs2 (sector + VD_VOLUME, 32);
  /* It has room for 16 characters only: better no more than a spelling of what the primary one says in full. */
  if (volume != NULL && (info->volume_id == NULL || g_ascii_strcasecmp (volume, info->volume_id) == 0))
    {
      g_free (info->volume_id);
      info->volume_id = g_steal_pointer (&volume);
    }
}

gboolean
iso_parse_descriptors (const uint8_t *data, size_t length, IsoInfo *info)
{
  static const char el_torito[] = "EL TORITO SPECIFICATION";
  gboolean found = FALSE, ended = FALSE, bootable = FALSE;

  memset (info, 0, sizeof (*info));
  for (unsigned i = 0; i < ISO_MAX_DESCRIPTORS && (i + 1) * (size_t)ISO_SECTOR <= length; i++)
    {
      const uint8_t *sector = data + i * (size_t)ISO_SECTOR;
      const uint8_t *standard = sector + VD_STANDARD;

      if (memcmp (standard, "NSR02", 5) == 0 || memcmp (standard, "NSR03", 5) == 0)
        info->udf = TRUE;
      if (ended || memcmp (standard, "CD001", 5) != 0)
        continue;
      if (sector[VD_TYPE] == VD_TYPE_PRIMARY && !found)
        {
          gboolean udf = info->udf;
          parse_primary (sector, info);
          info->udf = udf;
          found = TRUE;
        }
      else if (sector[VD_TYPE] == VD_TYPE_SUPPLEMENTARY && found)
        parse_supplementary (sector, info);
      else if (sector[VD_TYPE] == VD_TYPE_BOOT && memcmp (sector + 7, el_torito, strlen (el_torito)) == 0)
        bootable = TRUE;
      else if (sector[VD_TYPE] == VD_TYPE_END)
        ended = TRUE;
    }
  info->bootable = bootable;
  return found || info->udf;
}

void
iso_info_clear (IsoInfo *info)
{
  g_free (info->system_id);
  g_free (info->volume_id);
  g_free (info->publisher);
  g_free (info->preparer);
  g_free (info->application);
  memset (info, 0, sizeof (*info));
}

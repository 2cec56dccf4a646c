/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Direct boot of an ELF file with a PVH entry: Xen's public/arch-x86/hvm/start_info.h.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/direct-boot-private.h"

#include <elf.h>

#define XEN_NOTE_PHYS32 18u
#define PVH_MAGIC       0x336ec578u

gboolean
boot_find_pvh (const uint8_t *data, size_t length, uint32_t *entry)
{
  g_autoptr (GArray) segments = g_array_new (FALSE, FALSE, sizeof (BootSegment));
  uint64_t unused;

  if (!boot_elf_segments (data, length, segments, &unused))
    return FALSE;
  for (unsigned i = 0; i < segments->len; i++)
    {
      const BootSegment *s = &g_array_index (segments, BootSegment, i);
      const uint8_t *p = data + s->offset;
      uint64_t left = s->filesz;

      while (s->type == PT_NOTE && left >= 12)
        {
          uint32_t name = get32 (p), desc = get32 (p + 4), type = get32 (p + 8);
          uint64_t name_room = ((uint64_t)name + 3) & ~3ULL,
                   room = 12 + name_room + (((uint64_t)desc + 3) & ~3ULL);

          if (room > left)
            break;
          if (name == 4 && memcmp (p + 12, "Xen", 4) == 0 && type == XEN_NOTE_PHYS32 && desc >= 4)
            {
              *entry = get32 (p + 12 + name_room);
              return TRUE;
            }
          p += room;
          left -= room;
        }
    }
  return FALSE;
}

gboolean
boot_load_pvh (BootLoader *loader, uint32_t entry, GError **error)
{
  const size_t list = 56, entry_size = 32;
  uint64_t end, unused;
  BootInfo info;

  if (!boot_load_elf (loader, &end, &unused, error)
      || !boot_loader_place_modules (loader, end, G_MAXUINT32, error)
      || !boot_info_begin (loader, &info, list + entry_size * loader->n_modules, loader->append, error))
    return FALSE;
  /* hvm_start_info, version 1, then the module list. */
  uint8_t *p = info.bytes->data;
  put32 (p, PVH_MAGIC);
  put32 (p + 4, 1);
  put32 (p + 24, boot_info_string (&info, loader->append));
  put32 (p + 40, BOOT_MAP_ADDRESS);
  put32 (p + 12, loader->n_modules);
  put32 (p + 16, loader->n_modules > 0 ? info.address + (uint32_t)list : 0);
  for (unsigned i = 0; i < loader->n_modules; i++)
    {
      uint8_t *m = p + list + entry_size * i;
      put32 (m, loader->module[i].address);
      put32 (m + 8, (uint32_t)loader->module[i].length);
      put32 (m + 16, boot_info_string (&info, loader->module[i].string));
    }
  boot_info_end (loader, &info);
  boot_describe_protected (loader, entry, 0, info.address, FALSE, info.address + 48, 1, info.address + 32);
  return TRUE;
}

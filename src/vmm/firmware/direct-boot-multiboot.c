/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Direct boot of a Multiboot kernel: Multiboot Specification 0.6.96.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/direct-boot-private.h"

#define MULTIBOOT_MAGIC     0x1badb002u
#define MULTIBOOT_LOADED    0x2badb002u
#define MULTIBOOT_SEARCH    8192u
#define MULTIBOOT_UNKNOWN   0xfff8u /* required features that we don't have: bits 3-15 */
#define MULTIBOOT_VIDEO     (1u << 2)
#define MULTIBOOT_ADDRESSES (1u << 16)

gboolean
boot_find_multiboot (const uint8_t *data, size_t length, size_t *offset)
{
  for (size_t at = 0; at + 12 <= MIN (length, MULTIBOOT_SEARCH); at += 4)
    if (get32 (data + at) == MULTIBOOT_MAGIC
        && get32 (data + at) + get32 (data + at + 4) + get32 (data + at + 8) == 0)
      {
        *offset = at;
        return TRUE;
      }
  return FALSE;
}

/* The header itself says where the file goes ("a.out kludge"). */
static gboolean
load_flat (BootLoader *loader, size_t header, uint64_t *end, uint64_t *entry, GError **error)
{
  const uint8_t *h = loader->data + header;
  uint32_t header_addr = get32 (h + 12), load_addr = get32 (h + 16), load_end = get32 (h + 20),
           bss_end = get32 (h + 24);
  uint64_t start, length, total;
  g_autofree uint8_t *image = NULL;
  BootPart parts[2], *part;

  *entry = get32 (h + 28);
  if (load_addr > header_addr || header_addr - load_addr > header)
    return boot_loader_fail (loader, error, "its Multiboot header names impossible addresses");
  start = header - (header_addr - load_addr);
  length = load_end != 0 ? (uint64_t)load_end - load_addr : loader->length - start;
  if (load_end != 0 && load_end < load_addr)
    return boot_loader_fail (loader, error, "its Multiboot header names impossible addresses");
  length = MIN (length, loader->length - start);
  total = bss_end > load_addr ? MAX (length, (uint64_t)bss_end - load_addr) : length;
  boot_init_parts (loader, parts);
  part = boot_find_part (parts, load_addr, total);
  if (part == NULL)
    return boot_fail_outside (loader, "it", load_addr, total, error);
  image = g_try_malloc0 (MAX (total, 1));
  if (image == NULL)
    return boot_loader_fail (loader, error, "the host has no memory for it");
  memcpy (image, loader->data + start, length);
  boot_loader_add (loader, load_addr, image, total);
  if (part == &parts[0])
    loader->low_used = load_addr + total;
  *end = MAX (load_addr + total, BOOT_HIGH_START);
  return TRUE;
}

/* Multiboot Specification 0.6.96, 3.3. */
gboolean
boot_load_multiboot (BootLoader *loader, size_t header, GError **error)
{
  static const char name[] = "Vivarium";
  /* multiboot_info, the loader's name, the module list. */
  const size_t name_at = 88, list = 104, entry_size = 16;
  uint32_t flags = get32 (loader->data + header + 4);
  /* Multiboot kernels expect their own name first. */
  g_autofree char *line
      = g_strdup_printf ("%s%s%s", loader->path, loader->append[0] != '\0' ? " " : "", loader->append);
  uint64_t end, entry;
  gboolean ok;
  BootInfo info;

  if (flags & MULTIBOOT_UNKNOWN)
    return boot_loader_fail (loader, error, "its Multiboot header asks for unknown features (%#x)",
                             flags & MULTIBOOT_UNKNOWN);
  if ((flags & MULTIBOOT_ADDRESSES) && header + 32 > loader->length)
    return boot_loader_fail (loader, error, "it is cut short");
  ok = flags & MULTIBOOT_ADDRESSES ? load_flat (loader, header, &end, &entry, error)
                                   : boot_load_elf (loader, &end, &entry, error);
  if (!ok || !boot_loader_place_modules (loader, end, G_MAXUINT32, error)
      || !boot_info_begin (loader, &info, list + entry_size * loader->n_modules, line, error))
    return FALSE;
  uint8_t *p = info.bytes->data;
  /* Memory, command line, modules, memory map, loader's name. */
  put32 (p, 1u << 0 | 1u << 2 | (loader->n_modules > 0 ? 1u << 3 : 0) | 1u << 6 | 1u << 9);
  put32 (p + 4, 639);
  put32 (p + 8, (uint32_t)((loader->low_ram - BOOT_HIGH_START) >> 10));
  put32 (p + 16, boot_info_string (&info, line));
  put32 (p + 20, loader->n_modules);
  put32 (p + 24, info.address + (uint32_t)list);
  put32 (p + 48, BOOT_MAP_ADDRESS - 4);
  put32 (p + 64, info.address + (uint32_t)name_at);
  memcpy (p + name_at, name, sizeof name);
  for (unsigned i = 0; i < loader->n_modules; i++)
    {
      uint8_t *m = p + list + entry_size * i;
      put32 (m, loader->module[i].address);
      put32 (m + 4, loader->module[i].address + (uint32_t)loader->module[i].length);
      put32 (m + 8, boot_info_string (&info, loader->module[i].string));
    }
  boot_info_end (loader, &info);
  boot_describe_protected (loader, (uint32_t)entry, MULTIBOOT_LOADED, info.address, TRUE, info.address + 44,
                           24, 0);
  return TRUE;
}

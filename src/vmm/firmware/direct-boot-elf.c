/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Direct boot, what PVH and Multiboot kernels share: ELF images, the memory that they may have, the block that tells them of modules and strings.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/direct-boot-private.h"

#include <elf.h>

gboolean
boot_elf_segments (const uint8_t *data, size_t length, GArray *segments, uint64_t *entry)
{
  gboolean is64;
  uint64_t phoff;
  unsigned phnum, phentsize;

  if (length < sizeof (Elf32_Ehdr) || memcmp (data, ELFMAG, SELFMAG) != 0 || data[EI_DATA] != ELFDATA2LSB)
    return FALSE;
  is64 = data[EI_CLASS] == ELFCLASS64;
  if (is64)
    {
      Elf64_Ehdr header;

      if (length < sizeof header)
        return FALSE;
      memcpy (&header, data, sizeof header);
      phoff = header.e_phoff;
      phnum = header.e_phnum;
      phentsize = header.e_phentsize;
      *entry = header.e_entry;
    }
  else
    {
      Elf32_Ehdr header;

      memcpy (&header, data, sizeof header);
      phoff = header.e_phoff;
      phnum = header.e_phnum;
      phentsize = header.e_phentsize;
      *entry = header.e_entry;
    }
  if (phentsize != (is64 ? sizeof (Elf64_Phdr) : sizeof (Elf32_Phdr)) || phoff > length
      || phnum * phentsize > length - phoff)
    return FALSE;
  for (unsigned i = 0; i < phnum; i++)
    {
      const uint8_t *p = data + phoff + i * phentsize;
      BootSegment s;

      if (is64)
        {
          Elf64_Phdr h;

          memcpy (&h, p, sizeof h);
          s = (BootSegment){ h.p_type, h.p_offset, h.p_paddr, h.p_vaddr, h.p_filesz, h.p_memsz };
        }
      else
        {
          Elf32_Phdr h;

          memcpy (&h, p, sizeof h);
          s = (BootSegment){ h.p_type, h.p_offset, h.p_paddr, h.p_vaddr, h.p_filesz, h.p_memsz };
        }
      if (s.offset > length || s.filesz > length - s.offset)
        return FALSE;
      g_array_append_val (segments, s);
    }
  return TRUE;
}

/* -- Memory ---------------------------------------------------------------------------------------- */

void
boot_init_parts (BootLoader *loader, BootPart *parts)
{
  uint64_t end = loader->low_ram - MIN (loader->low_ram, BOOT_FIRMWARE_RESERVE);

  parts[0] = (BootPart){ .start = BOOT_LOW_FREE, .end = MIN (BOOT_LOW_END, end), .low = G_MAXUINT64 };
  parts[1] = (BootPart){ .start = BOOT_HIGH_START, .end = MAX (BOOT_HIGH_START, end), .low = G_MAXUINT64 };
}

BootPart *
boot_find_part (BootPart *parts, uint64_t address, uint64_t size)
{
  for (unsigned i = 0; i < 2; i++)
    if (address >= parts[i].start && address <= parts[i].end && size <= parts[i].end - address)
      return &parts[i];
  return NULL;
}

gboolean
boot_fail_outside (BootLoader *loader, const char *what, uint64_t address, uint64_t size, GError **error)
{
  return boot_loader_fail (loader, error,
                           "%s wants %#" G_GINT64_MODIFIER "x bytes at %#" G_GINT64_MODIFIER
                           "x, outside of the machine's free memory (%#x to %#x, and from %#x on)",
                           what, size, address, BOOT_LOW_FREE, BOOT_LOW_END, BOOT_HIGH_START);
}

gboolean
boot_load_elf (BootLoader *loader, uint64_t *end, uint64_t *entry, GError **error)
{
  g_autoptr (GArray) segments = g_array_new (FALSE, FALSE, sizeof (BootSegment));
  BootPart parts[2];

  boot_init_parts (loader, parts);
  if (!boot_elf_segments (loader->data, loader->length, segments, entry))
    return boot_loader_fail (loader, error, "its ELF headers are damaged");
  for (unsigned i = 0; i < segments->len; i++)
    {
      const BootSegment *s = &g_array_index (segments, BootSegment, i);
      BootPart *part = boot_find_part (parts, s->paddr, s->memsz);

      if (s->type != PT_LOAD || s->memsz == 0)
        continue;
      if (part == NULL || s->filesz > s->memsz)
        return boot_fail_outside (loader, "a segment", s->paddr, s->memsz, error);
      part->low = MIN (part->low, s->paddr);
      part->high = MAX (part->high, s->paddr + s->memsz);
    }
  if (parts[0].high == 0 && parts[1].high == 0)
    return boot_loader_fail (loader, error, "it has no loadable segment");
  for (unsigned i = 0; i < 2; i++)
    {
      BootPart *part = &parts[i];
      part->image = part->high != 0 ? g_try_malloc0 (part->high - part->low) : NULL;
      if (part->high != 0 && part->image == NULL)
        {
          g_free (parts[0].image);
          return boot_loader_fail (loader, error, "the host has no memory for its %" G_GUINT64_FORMAT " MiB",
                                   (part->high - part->low) >> 20);
        }
    }
  for (unsigned i = 0; i < segments->len; i++)
    {
      const BootSegment *s = &g_array_index (segments, BootSegment, i);

      if (s->type != PT_LOAD || s->memsz == 0)
        continue;
      BootPart *part = boot_find_part (parts, s->paddr, s->memsz);
      memcpy (part->image + (s->paddr - part->low), loader->data + s->offset, s->filesz);
      /* The entry is an address that code is linked at; it is physical only if the two are the same. */
      if (*entry >= s->vaddr && *entry - s->vaddr < s->memsz && s->vaddr != s->paddr)
        *entry = *entry - s->vaddr + s->paddr;
    }
  for (unsigned i = 0; i < 2; i++)
    if (parts[i].image != NULL)
      {
        boot_loader_add (loader, parts[i].low, parts[i].image, parts[i].high - parts[i].low);
        g_free (parts[i].image);
      }
  loader->low_used = parts[0].high;
  *end = MAX (parts[1].high, BOOT_HIGH_START);
  return TRUE;
}

/* -- What the kernel is told ----------------------------------------------------------------------- */

void
boot_describe_protected (BootLoader *loader, uint32_t entry, uint32_t eax, uint32_t info, gboolean prefix,
                         uint32_t count_at, uint32_t count_unit, uint32_t rsdp_at)
{
  uint8_t *d = loader->descriptor;

  put32 (d, 1);
  put32 (d + 8, entry);
  put32 (d + 12, eax);
  put32 (d + 16, info);
  put32 (d + 20, prefix);
  put32 (d + 24, BOOT_MAP_ADDRESS);
  put32 (d + 28, count_at);
  put32 (d + 32, count_unit);
  put32 (d + 36, rsdp_at);
}

gboolean
boot_info_begin (BootLoader *loader, BootInfo *info, size_t fixed, const char *line, GError **error)
{
  size_t length = fixed + strlen (line) + 1;

  for (unsigned i = 0; i < loader->n_modules; i++)
    length += strlen (loader->module[i].string) + 1;
  if (length > BOOT_LOW_END - BOOT_LOW_FREE
      || ((BOOT_LOW_END - length) & ~15u) < MAX (loader->low_used, BOOT_LOW_FREE))
    return boot_loader_fail (loader, error, "there is no room for its command line between it and %#x",
                             BOOT_LOW_END);
  info->address = (uint32_t)((BOOT_LOW_END - length) & ~15u);
  info->bytes = g_byte_array_sized_new ((guint)length);
  g_byte_array_set_size (info->bytes, (guint)length);
  memset (info->bytes->data, 0, length);
  info->used = fixed;
  return TRUE;
}

uint32_t
boot_info_string (BootInfo *info, const char *string)
{
  uint32_t address = info->address + (uint32_t)info->used;

  memcpy (info->bytes->data + info->used, string, strlen (string) + 1);
  info->used += strlen (string) + 1;
  return address;
}

void
boot_info_end (BootLoader *loader, BootInfo *info)
{
  boot_loader_add (loader, info->address, info->bytes->data, info->bytes->len);
  g_byte_array_unref (info->bytes);
}

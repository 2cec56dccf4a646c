/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Direct boot: reads kernel files, lays them out in guest memory, and tells boot-rom.S what goes where.
 * Linux: Documentation/arch/x86/boot.rst.  Multiboot Specification 0.6.96.  PVH: Xen's public/arch-x86/hvm/start_info.h.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/direct-boot.h"

#include "block/regular-file.h"
#include "firmware/fw-cfg.h"

#include <elf.h>
#include <gio/gio.h>
#include <string.h>

extern const uint8_t firmware_boot_rom[], firmware_boot_rom_end[];

/* Setup header of a bzImage: offsets in the file. */
enum
{
  LINUX_SETUP_SECTS = 0x1f1,
  LINUX_VID_MODE = 0x1fa,
  LINUX_BOOT_FLAG = 0x1fe,
  LINUX_MAGIC = 0x202,
  LINUX_VERSION = 0x206,
  LINUX_TYPE_OF_LOADER = 0x210,
  LINUX_LOADFLAGS = 0x211,
  LINUX_RAMDISK_IMAGE = 0x218,
  LINUX_RAMDISK_SIZE = 0x21c,
  LINUX_HEAP_END_PTR = 0x224,
  LINUX_CMD_LINE_PTR = 0x228,
  LINUX_INITRD_ADDR_MAX = 0x22c,
  LINUX_CMDLINE_SIZE = 0x238,
  LINUX_HEADER_END = 0x260,
};
enum
{
  LOADED_HIGH = 1 << 0,
  CAN_USE_HEAP = 1 << 7,
  LOADER_UNDEFINED = 0xff,
};

#define SETUP_ADDRESS   0x10000u
#define CMDLINE_ADDRESS 0x20000u
#define KERNEL_ADDRESS  0x100000u
#define HEAP_END        0xe000u

#define MULTIBOOT_MAGIC     0x1badb002u
#define MULTIBOOT_LOADED    0x2badb002u
#define MULTIBOOT_SEARCH    8192u
#define MULTIBOOT_UNKNOWN   0xfff8u /* required features that we don't have: bits 3-15 */
#define MULTIBOOT_VIDEO     (1u << 2)
#define MULTIBOOT_ADDRESSES (1u << 16)
#define XEN_NOTE_PHYS32     18u
#define PVH_MAGIC           0x336ec578u

/* Low memory for protected-mode kernels.  Free conventional memory begins behind the BIOS's data; from 0x90000 on is what the ROM
 * needs until it has entered the kernel, the memory map that it writes, and firmware's own.  Information and strings lie right
 * below. */
#define LOW_FREE    0x500u
#define LOW_END     0x90000u
#define MAP_ADDRESS 0x99004u
#define HIGH_START  0x100000u

/* What firmware keeps for its tables at the end of RAM. */
#define FIRMWARE_RESERVE 0x100000u

#define DESCRIPTOR_ITEM (FW_CFG_ARCH_LOCAL + 0x10)
#define MAX_PIECES      (DIRECT_BOOT_MAX_MODULES + 6)
#define MAX_FILE        (2u << 30)

typedef struct
{
  char *data;
  gsize length;
  char *string;     /* for the kernel */
  uint32_t address; /* once placed */
} Module;

typedef struct
{
  Device *fw_cfg;
  uint64_t low_ram;
  const char *path;
  const uint8_t *data;
  size_t length;
  Module module[DIRECT_BOOT_MAX_MODULES]; /* the first may be the initrd */
  unsigned n_modules;
  char *append;
  uint64_t low_used; /* end of what lies in conventional memory */
  uint8_t descriptor[64 + 16 * MAX_PIECES];
  unsigned n_pieces;
} Loader;

static uint16_t
get16 (const uint8_t *p)
{
  return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t
get32 (const uint8_t *p)
{
  return get16 (p) | (uint32_t)get16 (p + 2) << 16;
}

static void
put16 (uint8_t *p, uint16_t value)
{
  p[0] = (uint8_t)value;
  p[1] = (uint8_t)(value >> 8);
}

static void
put32 (uint8_t *p, uint32_t value)
{
  put16 (p, (uint16_t)value);
  put16 (p + 2, (uint16_t)(value >> 16));
}

G_GNUC_PRINTF (3, 4)
static gboolean
bad_kernel (Loader *loader, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Can't boot %s: %s", loader->path, text);
  return FALSE;
}

static void
add_piece (Loader *loader, uint64_t address, const void *data, size_t length)
{
  uint16_t item = (uint16_t)(DESCRIPTOR_ITEM + 1 + loader->n_pieces);
  uint8_t *p = loader->descriptor + 64 + 16 * loader->n_pieces;

  g_assert (loader->n_pieces < MAX_PIECES);
  if (length == 0)
    return;
  loader->n_pieces++;
  fw_cfg_add_item (loader->fw_cfg, item, data, length);
  put16 (p, item);
  put32 (p + 4, (uint32_t)length);
  put32 (p + 8, (uint32_t)address);
  put32 (p + 12, (uint32_t)(address >> 32));
}

/* The highest pages for all modules, below `limit` and what firmware keeps. */
static gboolean
place_modules (Loader *loader, uint64_t floor, uint64_t limit, GError **error)
{
  uint64_t top = loader->low_ram > FIRMWARE_RESERVE ? loader->low_ram - FIRMWARE_RESERVE : 0;

  top = MIN (top, limit);
  for (unsigned i = loader->n_modules; i-- > 0;)
    {
      Module *module = &loader->module[i];

      if (top < module->length || ((top - module->length) & ~(uint64_t)0xfff) < floor)
        return bad_kernel (loader, error,
                           "the machine's memory is too small for the kernel and its initrd or modules");
      top = (top - module->length) & ~(uint64_t)0xfff;
      module->address = (uint32_t)top;
      add_piece (loader, top, module->data, module->length);
    }
  return TRUE;
}

/* -- Linux ---------------------------------------------------------------------------------------- */

/* "vga=…" is a boot loader's option: the real-mode code reads its value from the header. */
static gboolean
video_mode (const char *append, uint16_t *mode)
{
  const char *at = append;
  guint64 value;

  while ((at = strstr (at, "vga=")) != NULL && at != append && at[-1] != ' ')
    at += 4;
  if (at == NULL)
    return FALSE;
  at += 4;
  if (g_str_has_prefix (at, "normal"))
    *mode = 0xffff;
  else if (g_str_has_prefix (at, "ext"))
    *mode = 0xfffe;
  else if (g_str_has_prefix (at, "ask"))
    *mode = 0xfffd;
  else
    {
      value = g_ascii_strtoull (at, NULL, 0);
      if (value > 0xffff)
        return FALSE;
      *mode = (uint16_t)value;
    }
  return TRUE;
}

static gboolean
load_linux (Loader *loader, GError **error)
{
  const uint8_t *data = loader->data;
  unsigned sectors = data[LINUX_SETUP_SECTS] ? data[LINUX_SETUP_SECTS] : 4;
  size_t setup_length = (sectors + 1) * 512u, kernel_length;
  uint16_t version = get16 (data + LINUX_VERSION), mode;
  uint32_t initrd_max = version >= 0x203 ? get32 (data + LINUX_INITRD_ADDR_MAX) : 0x37ffffff;
  uint32_t cmdline_max = version >= 0x206 ? get32 (data + LINUX_CMDLINE_SIZE) : 255;
  g_autofree uint8_t *setup = NULL;

  if (version < 0x202 || (data[LINUX_LOADFLAGS] & LOADED_HIGH) == 0)
    return bad_kernel (loader, error, "it is a zImage or older than boot protocol 2.02");
  if (setup_length >= loader->length || setup_length > HEAP_END)
    return bad_kernel (loader, error, "it is cut short");
  kernel_length = loader->length - setup_length;
  if (KERNEL_ADDRESS + kernel_length + FIRMWARE_RESERVE > loader->low_ram)
    return bad_kernel (loader, error, "the machine's memory is too small for it");
  if (strlen (loader->append) > MIN (cmdline_max, 0xffff))
    return bad_kernel (loader, error, "the command line is longer than the %u bytes that this kernel takes",
                       cmdline_max);

  setup = g_memdup2 (data, setup_length);
  setup[LINUX_TYPE_OF_LOADER] = LOADER_UNDEFINED;
  setup[LINUX_LOADFLAGS] |= CAN_USE_HEAP;
  put16 (setup + LINUX_HEAP_END_PTR, HEAP_END - 0x200);
  put32 (setup + LINUX_CMD_LINE_PTR, CMDLINE_ADDRESS);
  if (video_mode (loader->append, &mode))
    put16 (setup + LINUX_VID_MODE, mode);
  if (loader->n_modules > 1)
    return bad_kernel (loader, error, "Linux takes one initrd and no modules");
  if (loader->n_modules > 0)
    {
      if (!place_modules (loader, KERNEL_ADDRESS + kernel_length, (uint64_t)initrd_max + 1, error))
        return FALSE;
      put32 (setup + LINUX_RAMDISK_IMAGE, loader->module[0].address);
      put32 (setup + LINUX_RAMDISK_SIZE, (uint32_t)loader->module[0].length);
    }
  add_piece (loader, SETUP_ADDRESS, setup, setup_length);
  add_piece (loader, KERNEL_ADDRESS, data + setup_length, kernel_length);
  add_piece (loader, CMDLINE_ADDRESS, loader->append, strlen (loader->append) + 1);
  return TRUE;
}

/* -- ELF ------------------------------------------------------------------------------------------ */

typedef struct
{
  uint64_t type, offset, paddr, vaddr, filesz, memsz;
} Segment;

/* Fills `segments` (at most `max`); FALSE if this is no 32- or 64-bit x86 ELF or a header lies outside of the file. */
static gboolean
elf_segments (const uint8_t *data, size_t length, GArray *segments, uint64_t *entry)
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
      Segment s;

      if (is64)
        {
          Elf64_Phdr h;

          memcpy (&h, p, sizeof h);
          s = (Segment){ h.p_type, h.p_offset, h.p_paddr, h.p_vaddr, h.p_filesz, h.p_memsz };
        }
      else
        {
          Elf32_Phdr h;

          memcpy (&h, p, sizeof h);
          s = (Segment){ h.p_type, h.p_offset, h.p_paddr, h.p_vaddr, h.p_filesz, h.p_memsz };
        }
      if (s.offset > length || s.filesz > length - s.offset)
        return FALSE;
      g_array_append_val (segments, s);
    }
  return TRUE;
}

static gboolean
find_pvh_entry (const uint8_t *data, size_t length, uint32_t *entry)
{
  g_autoptr (GArray) segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  uint64_t unused;

  if (!elf_segments (data, length, segments, &unused))
    return FALSE;
  for (unsigned i = 0; i < segments->len; i++)
    {
      const Segment *s = &g_array_index (segments, Segment, i);
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

/* A part of memory that a kernel may be loaded to. */
typedef struct
{
  uint64_t start, end; /* where it may lie */
  uint64_t low, high;  /* what segments use of it */
  uint8_t *image;
} Part;

/* The part that a kernel's bytes lie in whole; NULL: none. */
static Part *
find_part (Part *parts, uint64_t address, uint64_t size)
{
  for (unsigned i = 0; i < 2; i++)
    if (address >= parts[i].start && address <= parts[i].end && size <= parts[i].end - address)
      return &parts[i];
  return NULL;
}

static void
init_parts (Loader *loader, Part *parts)
{
  uint64_t end = loader->low_ram - MIN (loader->low_ram, FIRMWARE_RESERVE);

  parts[0] = (Part){ .start = LOW_FREE, .end = MIN (LOW_END, end), .low = G_MAXUINT64 };
  parts[1] = (Part){ .start = HIGH_START, .end = MAX (HIGH_START, end), .low = G_MAXUINT64 };
}

static gboolean
outside (Loader *loader, const char *what, uint64_t address, uint64_t size, GError **error)
{
  return bad_kernel (loader, error,
                     "%s wants %#" G_GINT64_MODIFIER "x bytes at %#" G_GINT64_MODIFIER
                     "x, outside of the machine's free memory (%#x to %#x, and from %#x on)",
                     what, size, address, LOW_FREE, LOW_END, HIGH_START);
}

/* Places all loadable segments: those in conventional memory as one image, those above 1 MiB as another.  `*end` is the first
 * byte behind all that is above. */
static gboolean
load_elf (Loader *loader, uint64_t *end, uint64_t *entry, GError **error)
{
  g_autoptr (GArray) segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  Part parts[2];

  init_parts (loader, parts);
  if (!elf_segments (loader->data, loader->length, segments, entry))
    return bad_kernel (loader, error, "its ELF headers are damaged");
  for (unsigned i = 0; i < segments->len; i++)
    {
      const Segment *s = &g_array_index (segments, Segment, i);
      Part *part = find_part (parts, s->paddr, s->memsz);

      if (s->type != PT_LOAD || s->memsz == 0)
        continue;
      if (part == NULL || s->filesz > s->memsz)
        return outside (loader, "a segment", s->paddr, s->memsz, error);
      part->low = MIN (part->low, s->paddr);
      part->high = MAX (part->high, s->paddr + s->memsz);
    }
  if (parts[0].high == 0 && parts[1].high == 0)
    return bad_kernel (loader, error, "it has no loadable segment");
  for (unsigned i = 0; i < 2; i++)
    {
      Part *part = &parts[i];
      part->image = part->high != 0 ? g_try_malloc0 (part->high - part->low) : NULL;
      if (part->high != 0 && part->image == NULL)
        {
          g_free (parts[0].image);
          return bad_kernel (loader, error, "the host has no memory for its %" G_GUINT64_FORMAT " MiB",
                             (part->high - part->low) >> 20);
        }
    }
  for (unsigned i = 0; i < segments->len; i++)
    {
      const Segment *s = &g_array_index (segments, Segment, i);

      if (s->type != PT_LOAD || s->memsz == 0)
        continue;
      Part *part = find_part (parts, s->paddr, s->memsz);
      memcpy (part->image + (s->paddr - part->low), loader->data + s->offset, s->filesz);
      /* The entry is an address that code is linked at; it is physical only if the two are the same. */
      if (*entry >= s->vaddr && *entry - s->vaddr < s->memsz && s->vaddr != s->paddr)
        *entry = *entry - s->vaddr + s->paddr;
    }
  for (unsigned i = 0; i < 2; i++)
    if (parts[i].image != NULL)
      {
        add_piece (loader, parts[i].low, parts[i].image, parts[i].high - parts[i].low);
        g_free (parts[i].image);
      }
  loader->low_used = parts[0].high;
  *end = MAX (parts[1].high, HIGH_START);
  return TRUE;
}

static void
describe_protected (Loader *loader, uint32_t entry, uint32_t eax, uint32_t info, gboolean prefix,
                    uint32_t count_at, uint32_t count_unit, uint32_t rsdp_at)
{
  uint8_t *d = loader->descriptor;

  put32 (d, 1);
  put32 (d + 8, entry);
  put32 (d + 12, eax);
  put32 (d + 16, info);
  put32 (d + 20, prefix);
  put32 (d + 24, MAP_ADDRESS);
  put32 (d + 28, count_at);
  put32 (d + 32, count_unit);
  put32 (d + 36, rsdp_at);
}

/* What a kernel is told: a structure, the list of modules and the strings, as one block that ends at LOW_END. */
typedef struct
{
  uint32_t address;
  GByteArray *bytes;
  size_t used;
} Info;

static uint32_t
info_string (Info *info, const char *string)
{
  uint32_t address = info->address + (uint32_t)info->used;

  memcpy (info->bytes->data + info->used, string, strlen (string) + 1);
  info->used += strlen (string) + 1;
  return address;
}

/* Room for `fixed` bytes, the command line and each module's string. */
static gboolean
info_begin (Loader *loader, Info *info, size_t fixed, const char *line, GError **error)
{
  size_t length = fixed + strlen (line) + 1;

  for (unsigned i = 0; i < loader->n_modules; i++)
    length += strlen (loader->module[i].string) + 1;
  if (length > LOW_END - LOW_FREE || ((LOW_END - length) & ~15u) < MAX (loader->low_used, LOW_FREE))
    return bad_kernel (loader, error, "there is no room for its command line between it and %#x", LOW_END);
  info->address = (uint32_t)((LOW_END - length) & ~15u);
  info->bytes = g_byte_array_sized_new ((guint)length);
  g_byte_array_set_size (info->bytes, (guint)length);
  memset (info->bytes->data, 0, length);
  info->used = fixed;
  return TRUE;
}

static void
info_end (Loader *loader, Info *info)
{
  add_piece (loader, info->address, info->bytes->data, info->bytes->len);
  g_byte_array_unref (info->bytes);
}

static gboolean
load_pvh (Loader *loader, uint32_t entry, GError **error)
{
  const size_t list = 56, entry_size = 32;
  uint64_t end, unused;
  Info info;

  if (!load_elf (loader, &end, &unused, error) || !place_modules (loader, end, G_MAXUINT32, error)
      || !info_begin (loader, &info, list + entry_size * loader->n_modules, loader->append, error))
    return FALSE;
  /* hvm_start_info, version 1, then the module list. */
  uint8_t *p = info.bytes->data;
  put32 (p, PVH_MAGIC);
  put32 (p + 4, 1);
  put32 (p + 24, info_string (&info, loader->append));
  put32 (p + 40, MAP_ADDRESS);
  put32 (p + 12, loader->n_modules);
  put32 (p + 16, loader->n_modules > 0 ? info.address + (uint32_t)list : 0);
  for (unsigned i = 0; i < loader->n_modules; i++)
    {
      uint8_t *m = p + list + entry_size * i;
      put32 (m, loader->module[i].address);
      put32 (m + 8, (uint32_t)loader->module[i].length);
      put32 (m + 16, info_string (&info, loader->module[i].string));
    }
  info_end (loader, &info);
  describe_protected (loader, entry, 0, info.address, FALSE, info.address + 48, 1, info.address + 32);
  return TRUE;
}

/* -- Multiboot ------------------------------------------------------------------------------------ */

static gboolean
find_multiboot (const uint8_t *data, size_t length, size_t *offset)
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
load_flat (Loader *loader, size_t header, uint64_t *end, uint64_t *entry, GError **error)
{
  const uint8_t *h = loader->data + header;
  uint32_t header_addr = get32 (h + 12), load_addr = get32 (h + 16), load_end = get32 (h + 20),
           bss_end = get32 (h + 24);
  uint64_t start, length, total;
  g_autofree uint8_t *image = NULL;
  Part parts[2], *part;

  *entry = get32 (h + 28);
  if (load_addr > header_addr || header_addr - load_addr > header)
    return bad_kernel (loader, error, "its Multiboot header names impossible addresses");
  start = header - (header_addr - load_addr);
  length = load_end != 0 ? (uint64_t)load_end - load_addr : loader->length - start;
  if (load_end != 0 && load_end < load_addr)
    return bad_kernel (loader, error, "its Multiboot header names impossible addresses");
  length = MIN (length, loader->length - start);
  total = bss_end > load_addr ? MAX (length, (uint64_t)bss_end - load_addr) : length;
  init_parts (loader, parts);
  part = find_part (parts, load_addr, total);
  if (part == NULL)
    return outside (loader, "it", load_addr, total, error);
  image = g_try_malloc0 (MAX (total, 1));
  if (image == NULL)
    return bad_kernel (loader, error, "the host has no memory for it");
  memcpy (image, loader->data + start, length);
  add_piece (loader, load_addr, image, total);
  if (part == &parts[0])
    loader->low_used = load_addr + total;
  *end = MAX (load_addr + total, HIGH_START);
  return TRUE;
}

/* Multiboot Specification 0.6.96, 3.3. */
static gboolean
load_multiboot (Loader *loader, size_t header, GError **error)
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
  Info info;

  if (flags & MULTIBOOT_UNKNOWN)
    return bad_kernel (loader, error, "its Multiboot header asks for unknown features (%#x)",
                       flags & MULTIBOOT_UNKNOWN);
  if ((flags & MULTIBOOT_ADDRESSES) && header + 32 > loader->length)
    return bad_kernel (loader, error, "it is cut short");
  ok = flags & MULTIBOOT_ADDRESSES ? load_flat (loader, header, &end, &entry, error)
                                   : load_elf (loader, &end, &entry, error);
  if (!ok || !place_modules (loader, end, G_MAXUINT32, error)
      || !info_begin (loader, &info, list + entry_size * loader->n_modules, line, error))
    return FALSE;
  uint8_t *p = info.bytes->data;
  /* Memory, command line, modules, memory map, loader's name. */
  put32 (p, 1u << 0 | 1u << 2 | (loader->n_modules > 0 ? 1u << 3 : 0) | 1u << 6 | 1u << 9);
  put32 (p + 4, 639);
  put32 (p + 8, (uint32_t)((loader->low_ram - HIGH_START) >> 10));
  put32 (p + 16, info_string (&info, line));
  put32 (p + 20, loader->n_modules);
  put32 (p + 24, info.address + (uint32_t)list);
  put32 (p + 48, MAP_ADDRESS - 4);
  put32 (p + 64, info.address + (uint32_t)name_at);
  memcpy (p + name_at, name, sizeof name);
  for (unsigned i = 0; i < loader->n_modules; i++)
    {
      uint8_t *m = p + list + entry_size * i;
      put32 (m, loader->module[i].address);
      put32 (m + 4, loader->module[i].address + (uint32_t)loader->module[i].length);
      put32 (m + 8, info_string (&info, loader->module[i].string));
    }
  info_end (loader, &info);
  describe_protected (loader, (uint32_t)entry, MULTIBOOT_LOADED, info.address, TRUE, info.address + 44, 24,
                      0);
  return TRUE;
}

/* -- Which, and go -------------------------------------------------------------------------------- */

gboolean
direct_boot_identify (const uint8_t *data, size_t length, KernelKind *kind)
{
  uint32_t entry;
  size_t offset;

  if (length > LINUX_HEADER_END && get16 (data + LINUX_BOOT_FLAG) == 0xaa55
      && memcmp (data + LINUX_MAGIC, "HdrS", 4) == 0)
    *kind = KERNEL_LINUX;
  else if (find_multiboot (data, length, &offset))
    *kind = KERNEL_MULTIBOOT;
  else if (find_pvh_entry (data, length, &entry))
    *kind = KERNEL_PVH;
  else
    return FALSE;
  return TRUE;
}

static gboolean
load_kernel (Loader *loader, GError **error)
{
  KernelKind kind;
  uint32_t entry = 0;
  size_t offset = 0;

  if (!direct_boot_identify (loader->data, loader->length, &kind))
    return bad_kernel (
        loader, error,
        "it is neither a Linux bzImage, nor a Multiboot kernel, nor an ELF file with a PVH entry. A disc or disk image "
        "goes to a drive instead");
  switch (kind)
    {
    case KERNEL_LINUX:
      return load_linux (loader, error);
    case KERNEL_MULTIBOOT:
      find_multiboot (loader->data, loader->length, &offset);
      return load_multiboot (loader, offset, error);
    case KERNEL_PVH:
      find_pvh_entry (loader->data, loader->length, &entry);
      return load_pvh (loader, entry, error);
    }
  return FALSE;
}

static void
offer_rom (Device *fw_cfg)
{
  static const char order[] = "/rom@genroms/vivarium-boot.bin";
  size_t length = (size_t)(firmware_boot_rom_end - firmware_boot_rom);
  g_autofree uint8_t *rom = g_memdup2 (firmware_boot_rom, length);
  uint8_t sum = 0;

  for (size_t i = 0; i < length; i++)
    sum = (uint8_t)(sum + rom[i]);
  rom[length - 1] = (uint8_t)(rom[length - 1] - sum);
  fw_cfg_add_file (fw_cfg, "genroms/vivarium-boot.bin", rom, length);
  fw_cfg_add_file (fw_cfg, "bootorder", order, sizeof order);
}

static gboolean
read_file (const char *path, char **data, gsize *length, GError **error)
{
  if (regular_file_read (path, MAX_FILE, data, length, error))
    return TRUE;
  g_prefix_error (error, "Can't boot: ");
  return FALSE;
}

static gboolean
read_module (Loader *loader, const char *path, const char *string, GError **error)
{
  Module *module = &loader->module[loader->n_modules];

  if (loader->n_modules == DIRECT_BOOT_MAX_MODULES)
    return bad_kernel (loader, error, "it can be given %u modules at most", DIRECT_BOOT_MAX_MODULES);
  if (!read_file (path, &module->data, &module->length, error))
    return FALSE;
  module->string = g_strdup (string);
  loader->n_modules++;
  return TRUE;
}

static gboolean
read_modules (Loader *loader, const DirectBoot *boot, GError **error)
{
  if (boot->initrd != NULL && !read_module (loader, boot->initrd, boot->initrd, error))
    return FALSE;
  for (unsigned i = 0; i < boot->n_modules; i++)
    if (!read_module (loader, boot->modules[i].path, boot->modules[i].string, error))
      return FALSE;
  return TRUE;
}

gboolean
direct_boot_setup (Device *fw_cfg, const DirectBoot *boot, uint64_t low_ram, GError **error)
{
  Loader loader = { .fw_cfg = fw_cfg, .low_ram = low_ram, .path = boot->kernel };
  g_autofree char *data = NULL, *line = g_strdup (boot->append != NULL ? boot->append : "");

  gboolean ok = read_file (boot->kernel, &data, &loader.length, error);
  loader.data = (const uint8_t *)data;
  loader.append = line;
  ok = ok && read_modules (&loader, boot, error) && load_kernel (&loader, error);
  for (unsigned i = 0; i < loader.n_modules; i++)
    {
      g_free (loader.module[i].data);
      g_free (loader.module[i].string);
    }
  if (!ok)
    return FALSE;
  put32 (loader.descriptor + 4, loader.n_pieces);
  fw_cfg_add_item (fw_cfg, DESCRIPTOR_ITEM, loader.descriptor, sizeof loader.descriptor);
  offer_rom (fw_cfg);
  return TRUE;
}

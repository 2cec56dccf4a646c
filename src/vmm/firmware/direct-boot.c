/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Direct boot: reads kernel files, lays them out in guest memory, and tells boot-rom.S what goes where.
 * Linux: Documentation/arch/x86/boot.rst.  Multiboot Specification 0.6.96.  PVH: Xen's public/arch-x86/hvm/start_info.h.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/direct-boot.h"

#include "firmware/fw-cfg.h"

#include <elf.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
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

/* Low memory for protected-mode kernels: above the ROM's descriptor. */
#define MAP_ADDRESS  0x9004u
#define INFO_ADDRESS 0xa000u /* multiboot_info or hvm_start_info, then the module list */
#define INFO_SIZE    0x200u

/* What firmware keeps for its tables at the end of RAM. */
#define FIRMWARE_RESERVE 0x100000u

#define DESCRIPTOR_ITEM (FW_CFG_ARCH_LOCAL + 0x10)
#define MAX_PIECES      8
#define MAX_FILE        (2u << 30)

typedef struct
{
  Device *fw_cfg;
  uint64_t low_ram;
  const char *path;
  const uint8_t *data;
  size_t length;
  uint8_t *initrd;
  size_t initrd_length;
  char *append;
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

/* Highest page-aligned place for the initrd, below `limit` and what firmware keeps.  0: no room above `floor`. */
static uint32_t
place_initrd (Loader *loader, uint64_t floor, uint64_t limit)
{
  uint64_t top = loader->low_ram > FIRMWARE_RESERVE ? loader->low_ram - FIRMWARE_RESERVE : 0;

  top = MIN (top, limit);
  if (top < loader->initrd_length || top - loader->initrd_length < floor)
    return 0;
  return (uint32_t)((top - loader->initrd_length) & ~(uint64_t)0xfff);
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
  if (loader->initrd_length > 0)
    {
      uint32_t address = place_initrd (loader, KERNEL_ADDRESS + kernel_length, (uint64_t)initrd_max + 1);

      if (address == 0)
        return bad_kernel (loader, error, "the machine's memory is too small for the kernel and its initrd");
      put32 (setup + LINUX_RAMDISK_IMAGE, address);
      put32 (setup + LINUX_RAMDISK_SIZE, (uint32_t)loader->initrd_length);
      add_piece (loader, address, loader->initrd, loader->initrd_length);
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

/* Places all loadable segments as one image.  `*end` is the first byte behind it. */
static gboolean
load_elf (Loader *loader, uint64_t *end, uint64_t *entry, GError **error)
{
  g_autoptr (GArray) segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  uint64_t low = G_MAXUINT64, high = 0, limit = loader->low_ram - MIN (loader->low_ram, FIRMWARE_RESERVE);
  g_autofree uint8_t *image = NULL;

  if (!elf_segments (loader->data, loader->length, segments, entry))
    return bad_kernel (loader, error, "its ELF headers are damaged");
  for (unsigned i = 0; i < segments->len; i++)
    {
      const Segment *s = &g_array_index (segments, Segment, i);

      if (s->type != PT_LOAD || s->memsz == 0)
        continue;
      if (s->paddr < 0x100000 || s->filesz > s->memsz || s->paddr > limit || s->memsz > limit - s->paddr)
        return bad_kernel (loader, error,
                           "a segment wants %#" G_GINT64_MODIFIER "x bytes at %#" G_GINT64_MODIFIER
                           "x, outside of the machine's memory above 1 MiB",
                           s->memsz, s->paddr);
      low = MIN (low, s->paddr);
      high = MAX (high, s->paddr + s->memsz);
    }
  if (high == 0)
    return bad_kernel (loader, error, "it has no loadable segment");
  image = g_try_malloc0 (high - low);
  if (image == NULL)
    return bad_kernel (loader, error, "the host has no memory for its %" G_GUINT64_FORMAT " MiB",
                       (high - low) >> 20);
  for (unsigned i = 0; i < segments->len; i++)
    {
      const Segment *s = &g_array_index (segments, Segment, i);

      if (s->type == PT_LOAD && s->memsz > 0)
        memcpy (image + (s->paddr - low), loader->data + s->offset, s->filesz);
      /* The entry is an address that code is linked at; it is physical only if the two are the same. */
      if (s->type == PT_LOAD && *entry >= s->vaddr && *entry - s->vaddr < s->memsz && s->vaddr != s->paddr)
        *entry = *entry - s->vaddr + s->paddr;
    }
  add_piece (loader, low, image, high - low);
  *end = high;
  return TRUE;
}

static void
describe_protected (Loader *loader, uint32_t entry, uint32_t eax, gboolean prefix, uint32_t count_at,
                    uint32_t count_unit, uint32_t rsdp_at)
{
  uint8_t *d = loader->descriptor;

  put32 (d, 1);
  put32 (d + 8, entry);
  put32 (d + 12, eax);
  put32 (d + 16, INFO_ADDRESS);
  put32 (d + 20, prefix);
  put32 (d + 24, MAP_ADDRESS);
  put32 (d + 28, count_at);
  put32 (d + 32, count_unit);
  put32 (d + 36, rsdp_at);
}

/* The initrd as the kernel's one module, behind the image. */
static gboolean
load_module (Loader *loader, uint64_t end, uint32_t *address, GError **error)
{
  *address = 0;
  if (loader->initrd_length == 0)
    return TRUE;
  *address = place_initrd (loader, end, G_MAXUINT32);
  if (*address == 0)
    return bad_kernel (loader, error, "the machine's memory is too small for the kernel and its initrd");
  add_piece (loader, *address, loader->initrd, loader->initrd_length);
  return TRUE;
}

static gboolean
load_pvh (Loader *loader, uint32_t entry, GError **error)
{
  uint8_t info[INFO_SIZE] = { 0 };
  uint32_t module;
  uint64_t end, unused;

  if (!load_elf (loader, &end, &unused, error) || !load_module (loader, end, &module, error))
    return FALSE;
  /* hvm_start_info, version 1; the module list (32 bytes an entry) stands at 0x100. */
  put32 (info, PVH_MAGIC);
  put32 (info + 4, 1);
  put32 (info + 24, CMDLINE_ADDRESS);
  put32 (info + 40, MAP_ADDRESS);
  if (module != 0)
    {
      put32 (info + 12, 1);
      put32 (info + 16, INFO_ADDRESS + 0x100);
      put32 (info + 0x100, module);
      put32 (info + 0x108, (uint32_t)loader->initrd_length);
    }
  add_piece (loader, INFO_ADDRESS, info, sizeof info);
  add_piece (loader, CMDLINE_ADDRESS, loader->append, strlen (loader->append) + 1);
  describe_protected (loader, entry, 0, FALSE, INFO_ADDRESS + 48, 1, INFO_ADDRESS + 32);
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
  uint64_t start, length, total, limit = loader->low_ram - MIN (loader->low_ram, FIRMWARE_RESERVE);
  g_autofree uint8_t *image = NULL;

  *entry = get32 (h + 28);
  if (load_addr > header_addr || header_addr - load_addr > header)
    return bad_kernel (loader, error, "its Multiboot header names impossible addresses");
  start = header - (header_addr - load_addr);
  length = load_end != 0 ? (uint64_t)load_end - load_addr : loader->length - start;
  if (load_end != 0 && load_end < load_addr)
    return bad_kernel (loader, error, "its Multiboot header names impossible addresses");
  length = MIN (length, loader->length - start);
  total = bss_end > load_addr ? MAX (length, (uint64_t)bss_end - load_addr) : length;
  if (load_addr < 0x100000 || load_addr > limit || total > limit - load_addr)
    return bad_kernel (loader, error, "it wants memory outside of the machine's");
  image = g_try_malloc0 (MAX (total, 1));
  if (image == NULL)
    return bad_kernel (loader, error, "the host has no memory for it");
  memcpy (image, loader->data + start, length);
  add_piece (loader, load_addr, image, total);
  *end = load_addr + total;
  return TRUE;
}

static gboolean
load_multiboot (Loader *loader, size_t header, GError **error)
{
  uint32_t flags = get32 (loader->data + header + 4), module;
  uint8_t info[INFO_SIZE] = { 0 };
  uint64_t end, entry;
  gboolean ok;

  if (flags & MULTIBOOT_UNKNOWN)
    return bad_kernel (loader, error, "its Multiboot header asks for unknown features (%#x)",
                       flags & MULTIBOOT_UNKNOWN);
  if ((flags & MULTIBOOT_ADDRESSES) && header + 32 > loader->length)
    return bad_kernel (loader, error, "it is cut short");
  ok = flags & MULTIBOOT_ADDRESSES ? load_flat (loader, header, &end, &entry, error)
                                   : load_elf (loader, &end, &entry, error);
  if (!ok || !load_module (loader, end, &module, error))
    return FALSE;
  /* multiboot_info: memory, command line, modules, memory map, loader's name. */
  put32 (info, 1u << 0 | 1u << 2 | (module ? 1u << 3 : 0) | 1u << 6 | 1u << 9);
  put32 (info + 4, 639);
  put32 (info + 8, (uint32_t)((loader->low_ram - 0x100000) >> 10));
  put32 (info + 16, CMDLINE_ADDRESS);
  put32 (info + 20, module != 0);
  put32 (info + 24, INFO_ADDRESS + 0x100);
  put32 (info + 48, MAP_ADDRESS - 4);
  put32 (info + 64, INFO_ADDRESS + 0x180);
  put32 (info + 0x100, module);
  put32 (info + 0x104, module + (uint32_t)loader->initrd_length);
  put32 (info + 0x108, CMDLINE_ADDRESS);
  memcpy (info + 0x180, "Vivarium", 9);
  add_piece (loader, INFO_ADDRESS, info, sizeof info);
  {
    /* Multiboot kernels expect their own name first. */
    g_autofree char *line = g_strdup_printf ("%s %s", loader->path, loader->append);

    add_piece (loader, CMDLINE_ADDRESS, line, strlen (line) + 1);
  }
  describe_protected (loader, (uint32_t)entry, MULTIBOOT_LOADED, TRUE, INFO_ADDRESS + 44, 24, 0);
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

/* A definition may name anything: a device without an end, or a pipe that nobody writes to, is no kernel. */
static gboolean
read_file (const char *path, char **data, gsize *length, GError **error)
{
  GStatBuf st;

  if (g_stat (path, &st) == 0 && (!S_ISREG (st.st_mode) || st.st_size > MAX_FILE))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Can't boot %s: %s", path,
                   S_ISREG (st.st_mode) ? "a file of more than 2 GiB" : "it is not a file");
      return FALSE;
    }
  return g_file_get_contents (path, data, length, error);
}

gboolean
direct_boot_setup (Device *fw_cfg, const char *kernel, const char *initrd, const char *append,
                   uint64_t low_ram, GError **error)
{
  Loader loader = { .fw_cfg = fw_cfg, .low_ram = low_ram, .path = kernel };
  g_autofree char *data = NULL, *initrd_data = NULL, *line = g_strdup (append != NULL ? append : "");
  gsize initrd_length = 0;

  if (!read_file (kernel, &data, &loader.length, error))
    return FALSE;
  if (initrd != NULL && !read_file (initrd, &initrd_data, &initrd_length, error))
    return FALSE;
  loader.data = (const uint8_t *)data;
  loader.initrd = (uint8_t *)initrd_data;
  loader.initrd_length = initrd_length;
  loader.append = line;
  if (loader.length > MAX_FILE || initrd_length > MAX_FILE)
    return bad_kernel (&loader, error, "a file of more than 2 GiB");
  if (!load_kernel (&loader, error))
    return FALSE;
  put32 (loader.descriptor + 4, loader.n_pieces);
  fw_cfg_add_item (fw_cfg, DESCRIPTOR_ITEM, loader.descriptor, sizeof loader.descriptor);
  offer_rom (fw_cfg);
  return TRUE;
}

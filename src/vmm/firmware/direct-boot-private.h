/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the files of direct boot share: direct-boot.c (files, what kernel it is, the descriptor for boot-rom.S), a file a format, and direct-boot-elf.c,
 * for kernels that are entered in protected mode.
 */
#pragma once

#include "firmware/direct-boot.h"

#include <string.h>

G_BEGIN_DECLS

#define BOOT_KERNEL_ADDRESS 0x100000u
/* What firmware keeps for its tables at the end of RAM. */
#define BOOT_FIRMWARE_RESERVE 0x100000u
#define BOOT_MAX_PIECES       (DIRECT_BOOT_MAX_MODULES + 6)
/* Low memory for protected-mode kernels.  Free conventional memory begins behind the BIOS's data; from 0x90000 on is what the ROM
 * needs until it has entered the kernel, the memory map that it writes, and firmware's own.  Information and strings lie right
 * below. */
#define BOOT_LOW_FREE    0x500u
#define BOOT_LOW_END     0x90000u
#define BOOT_MAP_ADDRESS 0x99004u
#define BOOT_HIGH_START  0x100000u

typedef struct
{
  char *data;
  gsize length;
  char *string;     /* for the kernel */
  uint32_t address; /* once placed */
} BootModule;

typedef struct
{
  Device *fw_cfg;
  uint64_t low_ram;
  const char *path;
  const uint8_t *data;
  size_t length;
  BootModule module[DIRECT_BOOT_MAX_MODULES]; /* the first may be the initrd */
  unsigned n_modules;
  char *append;
  uint64_t low_used; /* end of what lies in conventional memory */
  uint8_t descriptor[64 + 16 * BOOT_MAX_PIECES];
  unsigned n_pieces;
} BootLoader;

static inline uint16_t
get16 (const uint8_t *p)
{
  return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
get32 (const uint8_t *p)
{
  return get16 (p) | (uint32_t)get16 (p + 2) << 16;
}

static inline void
put16 (uint8_t *p, uint16_t value)
{
  p[0] = (uint8_t)value;
  p[1] = (uint8_t)(value >> 8);
}

static inline void
put32 (uint8_t *p, uint32_t value)
{
  put16 (p, (uint16_t)value);
  put16 (p + 2, (uint16_t)(value >> 16));
}

/* -- direct-boot.c --------------------------------------------------------------------------------- */
/* Always FALSE; the format says what is wrong with the kernel. */
gboolean boot_loader_fail (BootLoader *loader, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* One more piece for the ROM to move to its place. */
void boot_loader_add (BootLoader *loader, uint64_t address, const void *data, size_t length);
/* The highest pages for all modules, below `limit` and what firmware keeps. */
gboolean boot_loader_place_modules (BootLoader *loader, uint64_t floor, uint64_t limit, GError **error);

/* -- A format each --------------------------------------------------------------------------------- */
gboolean boot_is_linux (const uint8_t *data, size_t length);
gboolean boot_load_linux (BootLoader *loader, GError **error);
gboolean boot_find_multiboot (const uint8_t *data, size_t length, size_t *offset);
gboolean boot_load_multiboot (BootLoader *loader, size_t header, GError **error);
gboolean boot_find_pvh (const uint8_t *data, size_t length, uint32_t *entry);
gboolean boot_load_pvh (BootLoader *loader, uint32_t entry, GError **error);

/* -- direct-boot-elf.c ----------------------------------------------------------------------------- */

typedef struct
{
  uint64_t type, offset, paddr, vaddr, filesz, memsz;
} BootSegment;

/* Fills `segments` (BootSegment); FALSE if this is no 32- or 64-bit x86 ELF or a header lies outside of the file. */
gboolean boot_elf_segments (const uint8_t *data, size_t length, GArray *segments, uint64_t *entry);

/* A part of memory that a kernel may be loaded to. */
typedef struct
{
  uint64_t start, end; /* where it may lie */
  uint64_t low, high;  /* what segments use of it */
  uint8_t *image;
} BootPart;

void boot_init_parts (BootLoader *loader, BootPart *parts);
/* The one of the two parts that a kernel's bytes lie in whole; NULL: none. */
BootPart *boot_find_part (BootPart *parts, uint64_t address, uint64_t size);
gboolean boot_fail_outside (BootLoader *loader, const char *what, uint64_t address, uint64_t size,
                            GError **error);
/* Places all loadable segments: those in conventional memory as one image, those above 1 MiB as another.  `*end` is the first
 * byte behind all that is above. */
gboolean boot_load_elf (BootLoader *loader, uint64_t *end, uint64_t *entry, GError **error);
/* Tells the ROM how to enter the kernel. */
void boot_describe_protected (BootLoader *loader, uint32_t entry, uint32_t eax, uint32_t info,
                              gboolean prefix, uint32_t count_at, uint32_t count_unit, uint32_t rsdp_at);

/* What a kernel is told: a structure, the list of modules and the strings, as one block that ends at BOOT_LOW_END. */
typedef struct
{
  uint32_t address;
  GByteArray *bytes;
  size_t used;
} BootInfo;

/* Room for `fixed` bytes, the command line and each module's string. */
gboolean boot_info_begin (BootLoader *loader, BootInfo *info, size_t fixed, const char *line, GError **error);
/* Copies the string behind what is there, and returns its address. */
uint32_t boot_info_string (BootInfo *info, const char *string);
void boot_info_end (BootLoader *loader, BootInfo *info);

G_END_DECLS

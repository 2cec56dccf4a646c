/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Boot of a kernel file without a boot loader: Linux bzImage, Multiboot 1, PVH ELF.  The firmware runs as always and finds an option
 * ROM that fetches the kernel.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef enum
{
  KERNEL_LINUX, /* bzImage, boot protocol 2.02 or newer */
  KERNEL_MULTIBOOT,
  KERNEL_PVH,
} KernelKind;

#define DIRECT_BOOT_MAX_MODULES 32

typedef struct
{
  const char *path, *string; /* the string is the kernel's to read: by habit a name and arguments */
} DirectBootModule;

/* Paths are absolute. */
typedef struct
{
  const char *kernel;
  const char
      *initrd; /* Linux's initial RAM disk, or the first module, whose string is its path.  NULL: none */
  const DirectBootModule *modules; /* for Multiboot and PVH */
  unsigned n_modules;
  const char *append; /* NULL: none */
} DirectBoot;

/* `low_ram` is the number of bytes of RAM below 4 GiB.  Files are read here; errors name the file and what is wrong with it.  VM
 * lock held. */
gboolean direct_boot_setup (Device *fw_cfg, const DirectBoot *boot, uint64_t low_ram, GError **error);

/* What a file is, for tests and proposals.  FALSE: none of them. */
gboolean direct_boot_identify (const uint8_t *data, size_t length, KernelKind *kind);

G_END_DECLS

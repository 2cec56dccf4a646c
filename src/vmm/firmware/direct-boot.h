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

/* Paths are absolute; `initrd` and `append` may be NULL.  `low_ram` is the number of bytes of RAM below 4 GiB.  Files are read
 * here; errors name the file and what is wrong with it.  VM lock held. */
gboolean direct_boot_setup (Device *fw_cfg, const char *kernel, const char *initrd, const char *append,
                            uint64_t low_ram, GError **error);

/* What a file is, for tests and proposals.  FALSE: none of them. */
gboolean direct_boot_identify (const uint8_t *data, size_t length, KernelKind *kind);

G_END_DECLS

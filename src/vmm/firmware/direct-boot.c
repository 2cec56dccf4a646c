/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Direct boot: reads kernel files, finds out what kernel it is, and tells boot-rom.S which piece goes where.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/direct-boot-private.h"

#include "block/regular-file.h"
#include "firmware/fw-cfg.h"

#include <gio/gio.h>

extern const uint8_t firmware_boot_rom[], firmware_boot_rom_end[];

#define DESCRIPTOR_ITEM (FW_CFG_ARCH_LOCAL + 0x10)
#define MAX_FILE        (2u << 30)

gboolean
boot_loader_fail (BootLoader *loader, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Can't boot %s: %s", loader->path, text);
  return FALSE;
}

void
boot_loader_add (BootLoader *loader, uint64_t address, const void *data, size_t length)
{
  uint16_t item = (uint16_t)(DESCRIPTOR_ITEM + 1 + loader->n_pieces);
  uint8_t *p = loader->descriptor + 64 + 16 * loader->n_pieces;

  g_assert (loader->n_pieces < BOOT_MAX_PIECES);
  if (length == 0)
    return;
  loader->n_pieces++;
  fw_cfg_add_item (loader->fw_cfg, item, data, length);
  put16 (p, item);
  put32 (p + 4, (uint32_t)length);
  put32 (p + 8, (uint32_t)address);
  put32 (p + 12, (uint32_t)(address >> 32));
}

gboolean
boot_loader_place_modules (BootLoader *loader, uint64_t floor, uint64_t limit, GError **error)
{
  uint64_t top = loader->low_ram > BOOT_FIRMWARE_RESERVE ? loader->low_ram - BOOT_FIRMWARE_RESERVE : 0;

  top = MIN (top, limit);
  for (unsigned i = loader->n_modules; i-- > 0;)
    {
      BootModule *module = &loader->module[i];

      if (top < module->length || ((top - module->length) & ~(uint64_t)0xfff) < floor)
        return boot_loader_fail (
            loader, error, "the machine's memory is too small for the kernel and its initrd or modules");
      top = (top - module->length) & ~(uint64_t)0xfff;
      module->address = (uint32_t)top;
      boot_loader_add (loader, top, module->data, module->length);
    }
  return TRUE;
}

/* -- Which, and go --------------------------------------------------------------------------------- */

gboolean
direct_boot_identify (const uint8_t *data, size_t length, KernelKind *kind)
{
  uint32_t entry;
  size_t offset;

  if (boot_is_linux (data, length))
    *kind = KERNEL_LINUX;
  else if (boot_find_multiboot (data, length, &offset))
    *kind = KERNEL_MULTIBOOT;
  else if (boot_find_pvh (data, length, &entry))
    *kind = KERNEL_PVH;
  else
    return FALSE;
  return TRUE;
}

static gboolean
load_kernel (BootLoader *loader, GError **error)
{
  KernelKind kind;
  uint32_t entry = 0;
  size_t offset = 0;

  if (!direct_boot_identify (loader->data, loader->length, &kind))
    return boot_loader_fail (
        loader, error,
        "it is neither a Linux bzImage, nor a Multiboot kernel, nor an ELF file with a PVH entry. A disc or disk image "
        "goes to a drive instead");
  switch (kind)
    {
    case KERNEL_LINUX:
      return boot_load_linux (loader, error);
    case KERNEL_MULTIBOOT:
      boot_find_multiboot (loader->data, loader->length, &offset);
      return boot_load_multiboot (loader, offset, error);
    case KERNEL_PVH:
      boot_find_pvh (loader->data, loader->length, &entry);
      return boot_load_pvh (loader, entry, error);
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
read_module (BootLoader *loader, const char *path, const char *string, GError **error)
{
  BootModule *module = &loader->module[loader->n_modules];

  if (loader->n_modules == DIRECT_BOOT_MAX_MODULES)
    return boot_loader_fail (loader, error, "it can be given %u modules at most", DIRECT_BOOT_MAX_MODULES);
  if (!read_file (path, &module->data, &module->length, error))
    return FALSE;
  module->string = g_strdup (string);
  loader->n_modules++;
  return TRUE;
}

static gboolean
read_modules (BootLoader *loader, const DirectBoot *boot, GError **error)
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
  BootLoader loader = { .fw_cfg = fw_cfg, .low_ram = low_ram, .path = boot->kernel };
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

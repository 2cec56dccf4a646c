/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Direct boot of a Linux bzImage: Documentation/arch/x86/boot.rst.
 */
#define G_LOG_DOMAIN "firmware"

#include "firmware/direct-boot-private.h"

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
#define HEAP_END        0xe000u

gboolean
boot_is_linux (const uint8_t *data, size_t length)
{
  return length > LINUX_HEADER_END && get16 (data + LINUX_BOOT_FLAG) == 0xaa55
         && memcmp (data + LINUX_MAGIC, "HdrS", 4) == 0;
}

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

gboolean
boot_load_linux (BootLoader *loader, GError **error)
{
  const uint8_t *data = loader->data;
  unsigned sectors = data[LINUX_SETUP_SECTS] ? data[LINUX_SETUP_SECTS] : 4;
  size_t setup_length = (sectors + 1) * 512u, kernel_length;
  uint16_t version = get16 (data + LINUX_VERSION), mode;
  uint32_t initrd_max = version >= 0x203 ? get32 (data + LINUX_INITRD_ADDR_MAX) : 0x37ffffff;
  uint32_t cmdline_max = version >= 0x206 ? get32 (data + LINUX_CMDLINE_SIZE) : 255;
  g_autofree uint8_t *setup = NULL;

  if (version < 0x202 || (data[LINUX_LOADFLAGS] & LOADED_HIGH) == 0)
    return boot_loader_fail (loader, error, "it is a zImage or older than boot protocol 2.02");
  if (setup_length >= loader->length || setup_length > HEAP_END)
    return boot_loader_fail (loader, error, "it is cut short");
  kernel_length = loader->length - setup_length;
  if (BOOT_KERNEL_ADDRESS + kernel_length + BOOT_FIRMWARE_RESERVE > loader->low_ram)
    return boot_loader_fail (loader, error, "the machine's memory is too small for it");
  if (strlen (loader->append) > MIN (cmdline_max, 0xffff))
    return boot_loader_fail (
        loader, error, "the command line is longer than the %u bytes that this kernel takes", cmdline_max);

  setup = g_memdup2 (data, setup_length);
  setup[LINUX_TYPE_OF_LOADER] = LOADER_UNDEFINED;
  setup[LINUX_LOADFLAGS] |= CAN_USE_HEAP;
  put16 (setup + LINUX_HEAP_END_PTR, HEAP_END - 0x200);
  put32 (setup + LINUX_CMD_LINE_PTR, CMDLINE_ADDRESS);
  if (video_mode (loader->append, &mode))
    put16 (setup + LINUX_VID_MODE, mode);
  if (loader->n_modules > 1)
    return boot_loader_fail (loader, error, "Linux takes one initrd and no modules");
  if (loader->n_modules > 0)
    {
      if (!boot_loader_place_modules (loader, BOOT_KERNEL_ADDRESS + kernel_length, (uint64_t)initrd_max + 1,
                                      error))
        return FALSE;
      put32 (setup + LINUX_RAMDISK_IMAGE, loader->module[0].address);
      put32 (setup + LINUX_RAMDISK_SIZE, (uint32_t)loader->module[0].length);
    }
  boot_loader_add (loader, SETUP_ADDRESS, setup, setup_length);
  boot_loader_add (loader, BOOT_KERNEL_ADDRESS, data + setup_length, kernel_length);
  boot_loader_add (loader, CMDLINE_ADDRESS, loader->append, strlen (loader->append) + 1);
  return TRUE;
}

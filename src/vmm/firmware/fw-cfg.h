/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * fw_cfg: what firmware wants to know, by 16-bit selector or by name.  Ports 0x510 (selector), 0x511 (data), 0x514 (DMA, big endian).
 * Interface: the "QEMU Firmware Configuration (fw_cfg) Device" specification, which SeaBIOS, OVMF and Linux implement.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* Selectors with fixed meaning.  Integers are little endian. */
enum
{
  FW_CFG_SIGNATURE = 0x00, /* "QEMU" */
  FW_CFG_ID = 0x01,        /* u32: bit 0 traditional, bit 1 DMA */
  FW_CFG_UUID = 0x02,      /* 16 bytes */
  FW_CFG_RAM_SIZE = 0x03,  /* u64 */
  FW_CFG_NOGRAPHIC = 0x04, /* u16 */
  FW_CFG_NB_CPUS = 0x05,   /* u16 */
  FW_CFG_MACHINE_ID = 0x06,
  FW_CFG_KERNEL_ADDR = 0x07,
  FW_CFG_KERNEL_SIZE = 0x08,
  FW_CFG_KERNEL_CMDLINE = 0x09,
  FW_CFG_INITRD_ADDR = 0x0a,
  FW_CFG_INITRD_SIZE = 0x0b,
  FW_CFG_BOOT_DEVICE = 0x0c, /* u16 */
  FW_CFG_NUMA = 0x0d,        /* u64s */
  FW_CFG_BOOT_MENU = 0x0e,   /* u16 */
  FW_CFG_MAX_CPUS = 0x0f,    /* u16 */
  FW_CFG_KERNEL_ENTRY = 0x10,
  FW_CFG_KERNEL_DATA = 0x11,
  FW_CFG_INITRD_DATA = 0x12,
  FW_CFG_CMDLINE_ADDR = 0x13,
  FW_CFG_CMDLINE_SIZE = 0x14,
  FW_CFG_CMDLINE_DATA = 0x15,
  FW_CFG_SETUP_ADDR = 0x16,
  FW_CFG_SETUP_SIZE = 0x17,
  FW_CFG_SETUP_DATA = 0x18,
  FW_CFG_FILE_DIR = 0x19,
  FW_CFG_FILE_FIRST = 0x20,
  FW_CFG_ARCH_LOCAL = 0x8000, /* + 0 ACPI tables, 1 SMBIOS, 2 IRQ0 override, 3 e820, 4 HPET */
};

#define FW_CFG_MAX_FILES 256
#define FW_CFG_NAME_SIZE 56 /* with the NUL */

Device *fw_cfg_new (Vm *vm, GError **error);
/* Data is copied; an item that exists is replaced.  `selector` is below FW_CFG_FILE_FIRST or from FW_CFG_ARCH_LOCAL to + 0x1f. */
void fw_cfg_add_item (Device *fw_cfg, uint16_t selector, const void *data, size_t length);
void fw_cfg_add_u16 (Device *fw_cfg, uint16_t selector, uint16_t value);
void fw_cfg_add_u32 (Device *fw_cfg, uint16_t selector, uint32_t value);
void fw_cfg_add_u64 (Device *fw_cfg, uint16_t selector, uint64_t value);
/* A string with its NUL. */
void fw_cfg_add_string (Device *fw_cfg, uint16_t selector, const char *value);
/* A named file, "etc/…", at most 55 bytes of name and 4 GiB - 1 of data.  The directory is sorted by name; a name that exists gets
 * the new data.  Before the machine starts, selectors move as files are added. */
void fw_cfg_add_file (Device *fw_cfg, const char *name, const void *data, size_t length);
/* `select` (may be NULL): the guest selected the file, its content may be replaced now by fw_cfg_add_file().
 * `written` (may be NULL: the guest may not write it): the guest wrote [offset, offset + length) of the content, which is
 * passed whole. */
typedef void (*FwCfgSelectFunc) (void *opaque);
typedef void (*FwCfgWrittenFunc) (void *opaque, const uint8_t *content, size_t size, size_t offset,
                                  size_t length);
void fw_cfg_add_file_callback (Device *fw_cfg, const char *name, const void *data, size_t length,
                               FwCfgSelectFunc select, FwCfgWrittenFunc written, void *opaque);
/* The content now, owned by the device; NULL if there is no such file. */
const uint8_t *fw_cfg_file (Device *fw_cfg, const char *name, size_t *length);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the board tells the firmware of itself: CMOS bytes as the AT's BIOS and SeaBIOS read them, and fw_cfg.
 */
#define G_LOG_DOMAIN "board"

#include "board/pc.h"

#include "board/ahci.h"
#include "board/chipsets.h"
#include "board/usb.h"

#include "chipset/rtc.h"
#include "firmware/acpi.h"
#include "firmware/direct-boot.h"
#include "firmware/fw-cfg.h"
#include "firmware/smbios.h"
#include "machine/boot-modules.h"
#include "machine/cpu-topology.h"
#include "machine/definition-files.h"
#include "machine/start-blame.h"
#include "storage/fdc.h"
#include "storage/ide.h"

#include <string.h>

#define CPUID_BRAND 0x80000002u /* and the two behind it */

enum
{
  CMOS_FLOPPY_TYPES = 0x10,
  CMOS_DISK_TYPES = 0x12,
  CMOS_EQUIPMENT = 0x14,
  CMOS_BASE_MEMORY = 0x15,     /* KiB below 640 */
  CMOS_EXTENDED_MEMORY = 0x17, /* KiB above 1 MiB, and again at 0x30 */
  CMOS_DISK0_TYPE = 0x19,
  CMOS_DISK1_TYPE = 0x1a,
  CMOS_DISK0_GEOMETRY = 0x1b,
  CMOS_DISK1_GEOMETRY = 0x24,
  CMOS_CHECKSUM = 0x2e, /* big endian: the sum of 0x10 to 0x2d */
  CMOS_EXTENDED_MEMORY2 = 0x30,
  CMOS_MEMORY_16M = 0x34, /* 64 KiB units above 16 MiB */
  CMOS_BOOT_FLAG1 = 0x38,
  CMOS_DISK_TRANSLATION = 0x39,
  CMOS_BOOT_FLAG2 = 0x3d,
  CMOS_MEMORY_4G = 0x5b, /* 64 KiB units above 4 GiB, 3 bytes */
  CMOS_SMP_COUNT = 0x5f,
};

enum
{
  E820_RAM = 1,
  E820_RESERVED = 2,
};

static void
cmos16 (Board *board, unsigned reg, uint64_t value)
{
  value = MIN (value, 0xffff);
  rtc_set_cmos (board->rtc, reg, (uint8_t)value);
  rtc_set_cmos (board->rtc, reg + 1, (uint8_t)(value >> 8));
}

static void
tell_memory (Board *board)
{
  uint64_t low = region_size (board->low_ram);
  uint64_t high = board->high_ram != NULL ? region_size (board->high_ram) : 0;
  uint64_t above_1m = low > 0x100000 ? (low - 0x100000) >> 10 : 0;
  uint64_t above_16m = low > 0x1000000 ? (low - 0x1000000) >> 16 : 0;

  cmos16 (board, CMOS_BASE_MEMORY, 640);
  cmos16 (board, CMOS_EXTENDED_MEMORY, above_1m);
  cmos16 (board, CMOS_EXTENDED_MEMORY2, above_1m);
  cmos16 (board, CMOS_MEMORY_16M, above_16m);
  for (unsigned i = 0; i < 3; i++)
    rtc_set_cmos (board->rtc, CMOS_MEMORY_4G + i, (uint8_t)((high >> 16) >> (8 * i)));
  rtc_set_cmos (board->rtc, CMOS_SMP_COUNT, (uint8_t)(board->vm->n_cpus - 1));
}

static void
tell_disk (Board *board, unsigned unit, unsigned type_reg, unsigned geometry_reg, uint8_t *types,
           uint8_t *translation)
{
  unsigned cylinders, heads, sectors;

  if (board->ide == NULL || ide_drive_kind (board->ide, 0, unit) != IDE_DRIVE_DISK
      || !ide_drive_geometry (board->ide, 0, unit, &cylinders, &heads, &sectors))
    return;
  *types |= unit == 0 ? 0xf0 : 0x0f;
  /* LBA translation for what CHS can't reach, none for the small. */
  *translation |= (uint8_t)((cylinders > 1024 || heads > 16 ? 1 : 0) << (2 * unit));
  rtc_set_cmos (board->rtc, type_reg, 47);
  cmos16 (board, geometry_reg, cylinders);
  rtc_set_cmos (board->rtc, geometry_reg + 2, (uint8_t)heads);
  cmos16 (board, geometry_reg + 3, 0xffff); /* write precompensation */
  rtc_set_cmos (board->rtc, geometry_reg + 5, (uint8_t)(0xc0 | (heads > 8) << 3));
  cmos16 (board, geometry_reg + 6, cylinders);
  rtc_set_cmos (board->rtc, geometry_reg + 8, (uint8_t)sectors);
}

/* The geometry by which a disk was partitioned, from the ends of its partitions (the last cylinder's last head and sector).
 * A BIOS that counts otherwise can't start DOS or Windows 9x from it. */
gboolean
pc_geometry_from_mbr (const uint8_t *mbr, uint64_t n_sectors, unsigned *cylinders, unsigned *heads,
                      unsigned *sectors)
{
  if (mbr[510] != 0x55 || mbr[511] != 0xaa)
    return FALSE;
  for (unsigned i = 0; i < 4; i++)
    {
      const uint8_t *entry = mbr + 446 + 16 * i;
      uint32_t size
          = entry[12] | (uint32_t)entry[13] << 8 | (uint32_t)entry[14] << 16 | (uint32_t)entry[15] << 24;
      unsigned n;

      if (size == 0 || entry[5] == 0 || (entry[6] & 0x3f) == 0 || (entry[0] & 0x7f) != 0)
        continue;
      *heads = entry[5] + 1u;
      *sectors = entry[6] & 0x3f;
      n = *heads * *sectors;
      if (n_sectors < n)
        continue;
      *cylinders = (unsigned)MIN (n_sectors / n, 1024);
      return TRUE;
    }
  return FALSE;
}

static char *
ide_path (Board *board, unsigned channel, unsigned unit)
{
  const unsigned devfn = ((const PciDevice *)board->ide)->devfn;
  g_autofree char *function = devfn & 7 ? g_strdup_printf (",%x", devfn & 7) : g_strdup ("");

  return g_strdup_printf ("/pci@i0cf8/ide@%x%s/drive@%x/disk@%x", devfn >> 3, function, channel, unit);
}

/* "bios-geometry": a line a disk, its path and what the BIOS is to show: cylinders, heads, sectors. */
static void
tell_geometries (Board *board)
{
  g_autoptr (GString) lines = g_string_new (NULL);

  for (unsigned place = 0; board->ide != NULL && place < 4; place++)
    {
      Block *block = ide_drive_kind (board->ide, place / 2, place % 2) == IDE_DRIVE_DISK
                         ? ide_drive_media (board->ide, place / 2, place % 2)
                         : NULL;
      unsigned cylinders, heads, sectors;
      uint8_t mbr[512];

      if (block == NULL || block_size (block) < sizeof mbr
          || !block_read_sync (block, 0, mbr, sizeof mbr, NULL)
          || !pc_geometry_from_mbr (mbr, block_size (block) / BLOCK_SECTOR_SIZE, &cylinders, &heads,
                                    &sectors))
        continue;
      g_autofree char *path = ide_path (board, place / 2, place % 2);
      g_string_append_printf (lines, "%s%s %u %u %u", lines->len ? "\n" : "", path, cylinders, heads,
                              sectors);
    }
  if (lines->len > 0)
    fw_cfg_add_file (board->fw_cfg, "bios-geometry", lines->str, lines->len + 1);
}

static void
tell_drives (Board *board)
{
  uint8_t floppies = fdc_cmos_type (board->fdc), types = 0, translation = 0;
  unsigned n = (floppies >> 4 != 0) + ((floppies & 15) != 0);
  uint8_t equipment = 0x06; /* coprocessor, PS/2 mouse */

  if (n > 0)
    equipment |= (uint8_t)(1 | (n - 1) << 6);
  rtc_set_cmos (board->rtc, CMOS_FLOPPY_TYPES, floppies);
  rtc_set_cmos (board->rtc, CMOS_EQUIPMENT, equipment);
  tell_disk (board, 0, CMOS_DISK0_TYPE, CMOS_DISK0_GEOMETRY, &types, &translation);
  tell_disk (board, 1, CMOS_DISK1_TYPE, CMOS_DISK1_GEOMETRY, &types, &translation);
  rtc_set_cmos (board->rtc, CMOS_DISK_TYPES, types);
  rtc_set_cmos (board->rtc, CMOS_DISK_TRANSLATION, translation);
}

static void
tell_boot_order (Board *board)
{
  const char *order = definition_text (board->definition, "machine.boot");
  uint8_t place[3] = { 0 };
  unsigned n = 0;

  for (const char *p = order != NULL && order[0] ? order : "cda"; *p != '\0' && n < 3; p++)
    switch (*p)
      {
      case 'a':
        place[n++] = 1;
        break;
      case 'c':
        place[n++] = 2;
        break;
      case 'd':
        place[n++] = 3;
        break;
      case 'n':
        place[n++] = 4;
        break;
      default:
        break;
      }
  rtc_set_cmos (board->rtc, CMOS_BOOT_FLAG2, (uint8_t)(place[1] << 4 | place[0]));
  /* Bit 0: don't check the floppy's boot signature, as old and strange disks have none. */
  rtc_set_cmos (board->rtc, CMOS_BOOT_FLAG1, (uint8_t)(place[2] << 4 | 1));
}

/* As the firmware names a drive (IEEE 1275); transfer full. */
static char *
device_path (Board *board, const MachineDrive *drive)
{
  if (drive->usb)
    {
      g_autofree char *place = board_usb_place (board, drive->id);
      const unsigned devfn = ((const PciDevice *)board->usb)->devfn;
      g_autofree char *function = devfn & 7 ? g_strdup_printf (",%x", devfn & 7) : g_strdup ("");

      return place != NULL ? g_strdup_printf ("/pci@i0cf8/usb@%x%s/storage@%s/channel@0/disk@0,0", devfn >> 3,
                                              function, place + strlen ("usb "))
                           : NULL;
    }
  if (drive->ahci)
    return board_ahci_path (board, drive);
  if (drive->scsi)
    return g_strdup_printf ("/pci@i0cf8/scsi@%x/channel@0/disk@%x,0", drive->slot, drive->unit);
  if (drive->nvme)
    return g_strdup_printf ("/pci@i0cf8/pci8086,5845@%x/namespace@1,0", drive->slot);
  if (drive->slot != 0)
    return g_strdup_printf ("/pci@i0cf8/scsi@%x/disk@0,0", drive->slot);
  if (drive->kind == DRIVE_FLOPPY)
    return g_strdup_printf ("/pci@i0cf8/%s/fdc@03f0/floppy@%u", board->chipset->isa_path, drive->unit);
  return ide_path (board, drive->channel, drive->unit);
}

static void
list_path (GString *list, const char *path)
{
  if (path != NULL)
    g_string_append_printf (list, "%s%s", list->len > 0 ? "\n" : "", path);
}

static void
list_nets (Board *board, GString *list)
{
  for (guint i = 0; i < board->nets->len; i++)
    {
      const BoardNet *net = board->nets->pdata[i];
      g_autofree char *path = net->slot != 0
                                  ? g_strdup_printf ("/pci@i0cf8/ethernet@%x/ethernet-phy@0", net->slot)
                                  : NULL; /* nothing is booted from the ISA bus, or from a slot */

      list_path (list, path);
    }
}

/* The registers above speak of kinds of drives.  Where disks are on several buses their own order counts, so each drive is listed; and UEFI, which
 * tries what is listed and nothing else, reads no registers. */
static void
tell_boot_list (Board *board)
{
  const char *order = definition_text (board->definition, "machine.boot");
  g_autoptr (GString) list = g_string_new (NULL);
  const gboolean uefi = definition_uefi (board->definition) != NULL;
  gboolean several = uefi;

  for (guint i = 0; i < board->drives->len; i++)
    {
      const MachineDrive *drive = board->drives->pdata[i];

      several |= drive->slot != 0 || drive->usb || drive->ahci;
    }
  for (const char *p = order != NULL && order[0] ? order : "cda"; several && *p != '\0'; p++)
    {
      for (guint i = 0; i < board->drives->len; i++)
        {
          const MachineDrive *drive = board->drives->pdata[i];
          const char letter = drive->kind == DRIVE_FLOPPY ? 'a' : drive->kind == DRIVE_DISK ? 'c' : 'd';
          g_autofree char *path = letter == *p ? device_path (board, drive) : NULL;

          list_path (list, path);
        }
      if (uefi && *p == 'n')
        list_nets (board, list);
    }
  if (list->len > 0)
    fw_cfg_add_file (board->fw_cfg, "bootorder", list->str, list->len + 1);
}

/* SeaBIOS doesn't look; OS/2 and setup programs of the time do. */
static void
tell_checksum (Board *board)
{
  unsigned sum = 0;

  for (unsigned reg = CMOS_FLOPPY_TYPES; reg < CMOS_CHECKSUM; reg++)
    sum += rtc_get_cmos (board->rtc, reg);
  rtc_set_cmos (board->rtc, CMOS_CHECKSUM, (uint8_t)(sum >> 8));
  rtc_set_cmos (board->rtc, CMOS_CHECKSUM + 1, (uint8_t)sum);
}

static void
e820_add (GByteArray *table, uint64_t start, uint64_t length, uint32_t type)
{
  start = GUINT64_TO_LE (start);
  length = GUINT64_TO_LE (length);
  type = GUINT32_TO_LE (type);
  g_byte_array_append (table, (const guint8 *)&start, 8);
  g_byte_array_append (table, (const guint8 *)&length, 8);
  g_byte_array_append (table, (const guint8 *)&type, 4);
}

static void
tell_fw_cfg (Board *board)
{
  Device *fw = board->fw_cfg;
  const MachineDefinition *def = board->definition;
  g_autoptr (GByteArray) e820 = g_byte_array_new ();
  /* S0 to S5: bit 7 is "there", the rest SLP_TYP, as the DSDT has them. */
  static const uint8_t sleep_states[6] = { 0x80, 0, 0, 0x81, 0x82, 0x80 };
  uint64_t numa[1] = { 0 };
  uint8_t uuid[16] = { 0 };
  unsigned nibble = 0;

  for (const char *p = definition_text (def, "machine.uuid"); p != NULL && *p != '\0' && nibble < 32; p++)
    if (g_ascii_isxdigit (*p))
      {
        uuid[nibble / 2] = (uint8_t)(uuid[nibble / 2] << 4 | g_ascii_xdigit_value (*p));
        nibble++;
      }
  fw_cfg_add_item (fw, FW_CFG_UUID, uuid, sizeof uuid);
  fw_cfg_add_u64 (fw, FW_CFG_RAM_SIZE, definition_number (def, "machine.memory"));
  fw_cfg_add_u16 (fw, FW_CFG_NB_CPUS, (uint16_t)board->vm->n_cpus);
  fw_cfg_add_u16 (fw, FW_CFG_MAX_CPUS, (uint16_t)board->vm->n_cpus);
  fw_cfg_add_u16 (fw, FW_CFG_NOGRAPHIC, board->outputs->len == 0);
  fw_cfg_add_u16 (fw, FW_CFG_BOOT_MENU, definition_flag (def, "machine.boot-menu") != FALSE);
  fw_cfg_add_item (fw, FW_CFG_NUMA, numa, sizeof numa);
  /* ISA interrupt 0 is pin 2 of the I/O APIC. */
  fw_cfg_add_u32 (fw, FW_CFG_ARCH_LOCAL + 2, 1);

  e820_add (e820, 0, region_size (board->low_ram), E820_RAM);
  if (board->high_ram != NULL)
    e820_add (e820, 0x100000000ULL, region_size (board->high_ram), E820_RAM);
  fw_cfg_add_file (fw, "etc/system-states", sleep_states, sizeof sleep_states);
  fw_cfg_add_file (fw, "etc/e820", e820->data, e820->len);
}

static void
tell_tables (Board *board)
{
  const VmProcessorOps *processor = board->vm->processor;
  const char *text = definition_text (board->definition, "machine.topology");
  CpuTopology topology = { .sockets = 1, .cores = board->vm->n_cpus, .threads = 1 };
  SmbiosProcessors processors;
  uint32_t leaf[4];
  char brand[3 * sizeof leaf + 1] = { 0 };

  if (text != NULL && *text != '\0')
    cpu_topology_parse (text, &topology);
  processors
      = (SmbiosProcessors){ .n = topology.sockets, .cores = topology.cores, .threads = topology.threads };
  acpi_build (board->fw_cfg);
  if (processor != NULL && processor->cpuid != NULL)
    {
      processor->cpuid (board->vm->processor_opaque, 1, 0, leaf);
      processors.signature = leaf[0];
      processors.features = leaf[3];
      for (uint32_t i = 0; i < 3; i++)
        {
          processor->cpuid (board->vm->processor_opaque, CPUID_BRAND + i, 0, leaf);
          memcpy (brand + i * sizeof leaf, leaf, sizeof leaf);
        }
    }
  processors.version = g_strstrip (brand);
  smbios_build (board->fw_cfg, definition_text (board->definition, "machine.name"),
                definition_text (board->definition, "machine.uuid"),
                definition_number (board->definition, "machine.memory"), &processors);
}

static gboolean
tell_kernel (Board *board, GError **error)
{
  const MachineDefinition *def = board->definition;
  g_autofree char *kernel = definition_resolve (def, definition_text (def, "machine.kernel")),
                  *initrd = definition_resolve (def, definition_text (def, "machine.initrd"));
  DirectBootModule modules[BOOT_MODULES_MAX];
  DirectBoot boot = {
    .kernel = kernel, .initrd = initrd, .modules = modules, .append = definition_text (def, "machine.append")
  };
  gboolean ok;

  if (kernel == NULL)
    return TRUE;
  g_autoptr (GPtrArray) wanted = boot_modules_parse (definition_text (def, "machine.modules"), error);
  if (wanted == NULL)
    {
      viv_start_blame ("machine", "modules");
      return FALSE;
    }
  for (; boot.n_modules < wanted->len; boot.n_modules++)
    {
      const BootModule *module = wanted->pdata[boot.n_modules];
      modules[boot.n_modules]
          = (DirectBootModule){ .path = definition_resolve (def, module->path), .string = module->string };
    }
  ok = direct_boot_setup (board->fw_cfg, &boot, region_size (board->low_ram), error);
  if (!ok)
    viv_start_blame ("machine", "kernel");
  for (unsigned i = 0; i < boot.n_modules; i++)
    g_free ((char *)modules[i].path);
  return ok;
}

gboolean
pc_tell_firmware (Board *board, GError **error)
{
  tell_memory (board);
  tell_drives (board);
  tell_boot_order (board);
  tell_boot_list (board);
  tell_checksum (board);
  tell_fw_cfg (board);
  tell_geometries (board);
  tell_tables (board);
  return tell_kernel (board, error);
}

/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "machine/definition-files.h"

#include "machine/boot-modules.h"

#include <string.h>

static const char *const firmware[] = { "bios-256k.bin", "vgabios-stdvga.bin" };

char **
definition_firmware_places (const char *name)
{
  const char *const folders[] = {
    g_getenv ("VIVARIUM_FIRMWARE_DIR"),
    FIRMWARE_DIR,
    PKGDATADIR "/firmware",
    "/usr/share/seabios",
    "/usr/share/OVMF",
    "/usr/share/qemu",
    "/usr/share/vgabios",
    "/usr/lib/ipxe/qemu",
  };
  g_autoptr (GStrvBuilder) places = g_strv_builder_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (folders); i++)
    if (folders[i] != NULL && folders[i][0] != '\0')
      {
        g_autofree char *path = g_build_filename (folders[i], name, NULL);
        g_strv_builder_add (places, path);
      }
  return g_strv_builder_end (places);
}

const UefiImages *
definition_uefi (const MachineDefinition *definition)
{
  static const UefiImages plain = { "OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", NULL },
                          /* With Microsoft's keys, by which distributions' loaders are signed, too. */
      secure = { "OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.ms.fd", "OVMF_CODE_4M.fd" };
  const char *firmware_wanted = definition_text (definition, "machine.firmware");

  return g_strcmp0 (firmware_wanted, "uefi") == 0          ? &plain
         : g_strcmp0 (firmware_wanted, "uefi-secure") == 0 ? &secure
                                                           : NULL;
}

char *
definition_uefi_variables (const MachineDefinition *definition)
{
  return definition_resolve (definition, "uefi-variables.fd");
}

const char *
definition_boot_rom (const MachineDefinition *definition, const MachineDevice *net)
{
  static const char *const roms[][2] = {
    { "auto", "pxe-e1000.rom" },      { "virtio", "pxe-virtio.rom" },   { "e1000", "pxe-e1000.rom" },
    { "e1000e", "pxe-e1000e.rom" },   { "rtl8139", "pxe-rtl8139.rom" }, { "pcnet", "pxe-pcnet.rom" },
    { "ne2000", "pxe-ne2k_pci.rom" },
  };
  const char *order = definition_text (definition, "machine.boot"), *card;

  if (!g_str_equal (net->kind->name, "net") || order == NULL || strchr (order, 'n') == NULL)
    return NULL;
  card = machine_device_text (net, "card");
  for (unsigned i = 0; i < G_N_ELEMENTS (roms); i++)
    if (g_strcmp0 (roms[i][0], card) == 0)
      return roms[i][1];
  return NULL;
}

static void
file_free (gpointer data)
{
  DefinitionFile *file = data;

  g_free (file->path);
  g_free (file);
}

/* Takes the path. */
static void
add_image (GPtrArray *files, char *path, gboolean write, int disk)
{
  DefinitionFile *file;

  if (path == NULL)
    return;
  file = g_new0 (DefinitionFile, 1);
  file->path = path;
  file->write = write;
  file->disk = disk;
  g_ptr_array_add (files, file);
}

/* What a network card is to write its packets to, a parallel port what is printed, and a serial port what is sent. */
static void
add_output (GPtrArray *files, const MachineDefinition *definition, const MachineDevice *device)
{
  const char *kind = device->kind->name;
  const gboolean file
      = g_str_equal (kind, "serial") && g_strcmp0 (machine_device_text (device, "backend"), "file") == 0;
  const char *key = g_str_equal (kind, "net")                ? "dump"
                    : file || g_str_equal (kind, "parallel") ? "path"
                                                             : NULL;
  char *path = key != NULL ? definition_resolve (definition, machine_device_text (device, key)) : NULL;

  if (path == NULL)
    return;
  add_image (files, path, TRUE, -1);
  ((DefinitionFile *)g_ptr_array_index (files, files->len - 1))->create = TRUE;
}

static void
add (GPtrArray *files, char *path)
{
  add_image (files, path, FALSE, -1);
}

static void
add_anywhere (GPtrArray *files, const char *name)
{
  g_auto (GStrv) places = definition_firmware_places (name);

  for (unsigned i = 0; places[i] != NULL; i++)
    add (files, g_strdup (places[i]));
}

static void
add_boot_rom (GPtrArray *files, const MachineDefinition *definition, const MachineDevice *device)
{
  const char *rom = definition_boot_rom (definition, device);

  if (rom != NULL)
    add_anywhere (files, rom);
}

/* The definition's own, or that of the host. */
static void
add_firmware (GPtrArray *files, const MachineDefinition *definition)
{
  const UefiImages *uefi = definition_uefi (definition);

  for (unsigned i = 0; i < G_N_ELEMENTS (firmware); i++)
    add_anywhere (files, firmware[i]);
  if (uefi == NULL)
    {
      add (files, definition_resolve (definition, definition_text (definition, "machine.firmware")));
      return;
    }
  add_anywhere (files, uefi->code);
  if (uefi->code_without_smm != NULL)
    add_anywhere (files, uefi->code_without_smm);
  add_anywhere (files, uefi->variables);
  add_image (files, definition_uefi_variables (definition), TRUE, -1);
  ((DefinitionFile *)g_ptr_array_index (files, files->len - 1))->create = TRUE;
}

static void
add_modules (GPtrArray *files, const MachineDefinition *definition)
{
  g_autoptr (GPtrArray) modules = boot_modules_parse (definition_text (definition, "machine.modules"), NULL);

  for (guint i = 0; modules != NULL && i < modules->len; i++)
    add (files, definition_resolve (definition, ((BootModule *)modules->pdata[i])->path));
}

GPtrArray *
definition_files (const MachineDefinition *definition)
{
  GPtrArray *files = g_ptr_array_new_with_free_func (file_free);
  const MachineDevice *drive;

  add_firmware (files, definition);
  for (guint i = 0; i < definition->devices->len; i++)
    add_boot_rom (files, definition, definition->devices->pdata[i]);
  add (files, definition_resolve (definition, definition_text (definition, "machine.kernel")));
  add (files, definition_resolve (definition, definition_text (definition, "machine.initrd")));
  add_modules (files, definition);
  for (unsigned i = 0; (drive = definition_drive (definition, i)) != NULL; i++)
    add_image (files, definition_resolve (definition, machine_device_text (drive, "path")),
               drive->kind->drive != DRIVE_CDROM && !machine_device_flag (drive, "readonly")
                   && !machine_device_flag (drive, "discard"),
               drive->kind->drive == DRIVE_DISK ? (int)drive->number : -1);
  for (guint i = 0; i < definition->devices->len; i++)
    add_output (files, definition, definition->devices->pdata[i]);
  return files;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Operating system profiles: groups of data/os/ *.ini, in the order of the files, the first that matches wins.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/os-profile-private.h"

#include "machine/definition-files.h"

#include "data/viv-os-resources.h"

#include <gio/gio.h>
#include <glib/gi18n.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024ull * 1024)

/* Rules that are lists: the first value that there is counts. */
static const struct
{
  const char *rule, *kind, *key, *fallback;
} choices[] = {
  { "chipset", "machine", "chipset", "pc" },
  { "firmware", "machine", "firmware", "bios" },
  { "disk-bus", "disk", "bus", "auto" },
  { "cdrom-bus", "cdrom", "bus", "auto" },
};

/* Specific before general: "windows" has a catch-all, "other" has the last resort. */
static const char *const files[] = { "dos.ini", "windows.ini", "bsd.ini", "other.ini", "linux.ini" };

/* The files are ours and compiled in: what is wrong with them is a bug, and tests load every group. */
static GKeyFile *
load_file (const char *name)
{
  g_autofree char *path = g_strconcat ("/org/vivarium/os/", name, NULL);
  g_autoptr (GBytes) bytes = g_resource_lookup_data (viv_os_get_resource (), path, 0, NULL);
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError) error = NULL;

  if (bytes == NULL || !g_key_file_load_from_bytes (file, bytes, G_KEY_FILE_NONE, &error))
    g_warning ("%s: %s", name, error != NULL ? error->message : "missing");
  return g_steal_pointer (&file);
}

static gboolean
group_matches (GKeyFile *file, const char *group, const char *key, const char *text)
{
  g_auto (GStrv) patterns = g_key_file_get_string_list (file, group, key, NULL, NULL);

  for (char **pattern = patterns; pattern != NULL && *pattern != NULL; pattern++)
    if (g_pattern_match_simple (*pattern, text))
      return TRUE;
  return FALSE;
}

static char *
string_or (GKeyFile *file, const char *group, const char *key, const char *fallback)
{
  char *value = g_key_file_get_string (file, group, key, NULL);

  if (value == NULL)
    value = g_strdup (fallback);
  return value;
}

static uint64_t
size_or (GKeyFile *file, const char *group, const char *key, uint64_t fallback)
{
  g_autofree char *text = g_key_file_get_string (file, group, key, NULL);
  uint64_t bytes;

  if (text != NULL && g_str_equal (text, "0"))
    return 0;
  return text != NULL && definition_parse_size (text, &bytes, NULL) ? bytes : fallback;
}

/* A guest that takes more than half of the host's memory makes both swap. */
static uint64_t
limit_memory (uint64_t wanted)
{
  long pages = sysconf (_SC_PHYS_PAGES), size = sysconf (_SC_PAGESIZE);
  uint64_t half = pages > 0 && size > 0 ? (uint64_t)pages * size / 2 : wanted;

  half -= half % (64 * MIB);
  return MAX (MIN (wanted, half), MIN (wanted, 64 * MIB));
}

/* machine.firmware is a path, too; of its words OVMF's is there where the host has the files. */
static gboolean
has_firmware (const char *value)
{
  g_autoptr (MachineDefinition) definition = NULL;
  g_auto (GStrv) places = NULL;
  const UefiImages *images;

  if (g_str_equal (value, "bios"))
    return TRUE;
  definition = definition_new ("x");
  definition_put (definition, "machine.firmware", value);
  images = definition_uefi (definition);
  places = images != NULL ? definition_firmware_places (images->code) : NULL;
  for (char **place = places; place != NULL && *place != NULL; place++)
    if (g_file_test (*place, G_FILE_TEST_IS_REGULAR))
      return TRUE;
  return FALSE;
}

static gboolean
is_there (const char *kind, const char *name, const char *value)
{
  const DefinitionKey *key = device_kind_key (device_kind_find (kind), name);

  if (key == NULL || key->type != KEY_CHOICE)
    return has_firmware (value);
  g_auto (GStrv) all = g_strsplit (key->choices, "|", -1);
  return g_strv_contains ((const char *const *)all, value);
}

static char *
choose (GKeyFile *file, const char *group, const char *rule, GPtrArray *lacks)
{
  g_auto (GStrv) wanted = g_key_file_get_string_list (file, group, rule, NULL, NULL);

  for (unsigned i = 0; i < G_N_ELEMENTS (choices); i++)
    {
      const char *found = choices[i].fallback;

      if (!g_str_equal (choices[i].rule, rule))
        continue;
      for (char **value = wanted; value != NULL && *value != NULL; value++)
        if (is_there (choices[i].kind, choices[i].key, *value))
          {
            found = *value;
            break;
          }
      if (wanted == NULL || wanted[0] == NULL || g_str_equal (found, wanted[0]))
        return g_strdup (found);
      g_ptr_array_add (lacks,
                       g_strdup_printf (_ ("%s: %s isn’t there, so it is %s"), rule, wanted[0], found));
      return g_strdup (found);
    }
  return NULL;
}

static gboolean
choose_tpm (GKeyFile *file, const char *group, GPtrArray *lacks)
{
  g_autofree char *program = g_find_program_in_path ("swtpm");

  if (!g_key_file_get_boolean (file, group, "tpm", NULL))
    return FALSE;
  if (program == NULL)
    g_ptr_array_add (lacks,
                     g_strdup (_ ("tpm: the package swtpm isn’t installed, so there is none; install it and "
                                  "add a TPM before the system is installed")));
  return program != NULL;
}

static OsProfile *
read_profile (GKeyFile *file, const char *group)
{
  OsProfile *profile = g_new0 (OsProfile, 1);
  GPtrArray *lacks = g_ptr_array_new ();
  int host_cpus = g_get_num_processors ();
  int cpus = g_key_file_get_integer (file, group, "cpus", NULL);

  profile->id = g_strdup (group);
  profile->name = string_or (file, group, "name", group);
  profile->family = string_or (file, group, "family", "other");
  profile->memory = limit_memory (size_or (file, group, "memory", 1024 * MIB));
  profile->disk = size_or (file, group, "disk", 20 * 1024 * MIB);
  profile->cpus = CLAMP (cpus, 1, MAX (host_cpus, 1));
  profile->video_memory = 16;
  profile->chipset = choose (file, group, "chipset", lacks);
  profile->firmware = choose (file, group, "firmware", lacks);
  profile->disk_bus = choose (file, group, "disk-bus", lacks);
  profile->cdrom_bus = choose (file, group, "cdrom-bus", lacks);
  profile->tpm = choose_tpm (file, group, lacks);
  g_ptr_array_add (lacks, NULL);
  profile->lacks = (char **)g_ptr_array_free (lacks, FALSE);
  profile->cpu = string_or (file, group, "cpu", "host");
  profile->clock_base = string_or (file, group, "clock", "utc");
  profile->clock_policy = string_or (file, group, "clock-policy", "stop");
  profile->boot_order = string_or (file, group, "boot", "dca");
  profile->card = string_or (file, group, "card", "auto");
  profile->usb = string_or (file, group, "usb", "none");
  profile->absolute_pointer = !g_key_file_has_key (file, group, "absolute-pointer", NULL)
                              || g_key_file_get_boolean (file, group, "absolute-pointer", NULL);
  profile->hyperv = g_key_file_get_boolean (file, group, "hyperv", NULL);
  profile->rng = g_key_file_get_boolean (file, group, "rng", NULL);
  return profile;
}

/* The first group for which `key` has a pattern that matches, or whose name is `text`. */
static OsProfile *
find_profile (const char *key, const char *text)
{
  g_autofree char *small = g_utf8_strdown (text, -1);

  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GKeyFile) file = load_file (files[i]);
      g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
      for (char **group = groups; *group != NULL; group++)
        if (g_str_equal (*group, small) || group_matches (file, *group, key, small))
          return read_profile (file, *group);
    }
  return NULL;
}

OsProfile *
os_profile_lookup (const char *os_id)
{
  OsProfile *profile = os_id != NULL && *os_id != '\0' ? find_profile ("match", os_id) : NULL;

  return profile != NULL ? profile : find_profile ("match", "generic");
}

OsProfile *
os_profile_for_volume (const char *volume_id)
{
  return volume_id != NULL && *volume_id != '\0' ? find_profile ("volume", volume_id) : NULL;
}

void
os_profile_free (OsProfile *profile)
{
  if (profile == NULL)
    return;
  g_free (profile->id);
  g_free (profile->name);
  g_free (profile->family);
  g_free (profile->chipset);
  g_free (profile->firmware);
  g_free (profile->cpu);
  g_free (profile->clock_base);
  g_free (profile->clock_policy);
  g_free (profile->boot_order);
  g_free (profile->card);
  g_free (profile->usb);
  g_free (profile->disk_bus);
  g_free (profile->cdrom_bus);
  g_strfreev (profile->lacks);
  g_free (profile);
}

char **
os_profile_list (void)
{
  GPtrArray *list = g_ptr_array_new ();

  for (unsigned i = 0; i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr (GKeyFile) file = load_file (files[i]);
      g_auto (GStrv) groups = g_key_file_get_groups (file, NULL);
      for (char **group = groups; *group != NULL; group++)
        {
          g_ptr_array_add (list, g_strdup (*group));
          g_ptr_array_add (list, string_or (file, *group, "name", *group));
        }
    }
  g_ptr_array_add (list, NULL);
  return (char **)g_ptr_array_free (list, FALSE);
}

const char *const os_profile_keys[OS_PROFILE_N_KEYS]
    = { "machine.memory",   "machine.cpus",          "machine.cpu",           "machine.chipset",
        "machine.firmware", "machine.clock",         "machine.clock-policy",  "machine.boot",
        "machine.hyperv",   "display0.video-memory", "input.absolute-pointer" };

char *
os_profile_value (const OsProfile *profile, const char *key)
{
  const struct
  {
    const char *key, *value;
  } texts[] = {
    { "machine.chipset", profile->chipset },
    { "machine.firmware", profile->firmware },
    { "machine.cpu", profile->cpu },
    { "machine.clock", profile->clock_base },
    { "machine.clock-policy", profile->clock_policy },
    { "machine.boot", profile->boot_order },
    { "machine.hyperv", profile->hyperv ? "true" : "false" },
    { "input.absolute-pointer", profile->absolute_pointer ? "true" : "false" },
  };

  if (g_str_equal (key, "machine.memory"))
    return definition_format_size (profile->memory);
  if (g_str_equal (key, "machine.cpus"))
    return g_strdup_printf ("%u", profile->cpus);
  if (g_str_equal (key, "display0.video-memory"))
    return g_strdup_printf ("%u", profile->video_memory);
  for (unsigned i = 0; i < G_N_ELEMENTS (texts); i++)
    if (g_str_equal (key, texts[i].key))
      return g_strdup (texts[i].value);
  return NULL;
}

static void
want_device (MachineDefinition *definition, const char *id, const char *kind, gboolean wanted)
{
  gboolean there = definition_find (definition, id) != NULL;

  if (wanted && !there)
    definition_add (definition, device_kind_find (kind));
  else if (!wanted && there)
    definition_remove (definition, id, NULL);
}

void
os_profile_apply (const OsProfile *profile, MachineDefinition *definition)
{
  for (unsigned i = 0; i < OS_PROFILE_N_KEYS; i++)
    {
      g_autofree char *value = os_profile_value (profile, os_profile_keys[i]);
      definition_put (definition, os_profile_keys[i], value);
    }
  want_device (definition, "rng0", "rng", profile->rng);
  want_device (definition, "tpm0", "tpm", profile->tpm);
  if (g_str_equal (profile->usb, "none"))
    definition_remove (definition, "usb0", NULL);
  else
    {
      MachineDevice *usb = definition_find (definition, "usb0");

      if (usb == NULL)
        usb = definition_add (definition, device_kind_find ("usb"));
      machine_device_put (usb, "model", profile->usb);
    }
  for (guint i = 0; i < definition->devices->len; i++)
    os_profile_apply_drive (profile, g_ptr_array_index (definition->devices, i));
}

void
os_profile_apply_drive (const OsProfile *profile, MachineDevice *drive)
{
  const char *bus = drive->kind->drive == DRIVE_DISK    ? profile->disk_bus
                    : drive->kind->drive == DRIVE_CDROM ? profile->cdrom_bus
                                                        : NULL;

  if (bus != NULL)
    machine_device_put (drive, "bus", g_str_equal (bus, "auto") ? NULL : bus);
}

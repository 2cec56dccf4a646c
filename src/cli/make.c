/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * create and set, and the options that describe a machine.
 */
#define G_LOG_DOMAIN "vivctl"

#include "config.h"

#include "cli/cli.h"
#include "machine/boot-modules.h"
#include "machine/edit.h"
#include "machine/os-profile.h"
#include "machine/plan.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void
machine_options_clear (MachineOptions *o)
{
  char **strings[] = { &o->kernel, &o->initrd, &o->append,    &o->memory,
                       &o->engine, &o->name,   &o->vnc,       &o->vnc_password_file,
                       &o->boot,   &o->os,     &o->disk_size, &o->cpus };

  g_clear_pointer (&o->disks, g_strfreev);
  g_clear_pointer (&o->cdroms, g_strfreev);
  g_clear_pointer (&o->floppies, g_strfreev);
  g_clear_pointer (&o->modules, g_strfreev);
  g_clear_pointer (&o->serials, g_strfreev);
  g_clear_pointer (&o->devices, g_strfreev);
  g_clear_pointer (&o->settings, g_strfreev);
  for (unsigned i = 0; i < G_N_ELEMENTS (strings); i++)
    g_clear_pointer (strings[i], g_free);
}

static gboolean
cannot_read (const char *path, GError **error)
{
  int code = errno;
  g_autofree char *shown = g_filename_display_name (path);

  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code), _ ("%s can't be read: %s"), shown,
               g_strerror (code));
  return FALSE;
}

static gboolean
add_drives (MachineDefinition *definition, DriveKind kind, char **paths, gboolean discard, GError **error)
{
  for (char **path = paths; path != NULL && *path != NULL; path++)
    {
      g_autofree char *absolute = **path != '\0' ? g_canonicalize_filename (*path, NULL) : NULL;
      if (absolute != NULL && access (absolute, R_OK) != 0)
        {
          cannot_read (absolute, error);
          return FALSE;
        }
      MachineDevice *drive = definition_add_drive (definition, kind, absolute);
      if (drive == NULL)
        {
          g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE, _ ("too many drives of kind %s"),
                       drive_kind_name (kind));
          return FALSE;
        }
      gboolean throw_away = discard && kind != DRIVE_CDROM;
      machine_device_put (drive, "discard", throw_away ? "true" : NULL);
      if (absolute != NULL && !throw_away && access (absolute, W_OK) != 0)
        {
          machine_device_put (drive, "readonly", "true");
          /* A CD is never written; of the others people expect that they are. */
          if (kind != DRIVE_CDROM)
            g_printerr (_ ("vivctl: %s can't be written, so %s is read-only\n"), absolute, drive->id);
        }
    }
  return TRUE;
}

static gboolean
set_path (MachineDefinition *definition, const char *key, const char *path, GError **error)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);

  if (access (absolute, R_OK) == 0)
    return definition_set (definition, key, absolute, error);
  return cannot_read (absolute, error);
}

static gboolean
add_modules (MachineDefinition *definition, char **modules, GError **error)
{
  g_autofree char *value = NULL;

  for (char **module = modules; module != NULL && *module != NULL; module++)
    {
      char *more = boot_modules_add (value, *module);
      g_free (value);
      value = more;
    }
  return value == NULL || definition_set (definition, "machine.modules", value, error);
}

/* --serial: the first is COM1.  "stdio" is a port at the socket, which run connects to the terminal. */
static gboolean
add_serials (MachineDefinition *definition, char **serials, GError **error)
{
  for (unsigned i = 0; serials != NULL && serials[i] != NULL; i++)
    {
      g_autofree char *key = g_strdup_printf ("serial%u.backend", i);
      if (!definition_set (definition, key, g_str_equal (serials[i], "stdio") ? "socket" : serials[i], error))
        return FALSE;
    }
  return TRUE;
}

/* --device and --set, in the order in which they are applied. */
static gboolean
add_devices (MachineDefinition *definition, const MachineOptions *o, GError **error)
{
  for (char **text = o->devices; text != NULL && *text != NULL; text++)
    {
      CliDeviceWords words;
      gboolean good = cli_device_words (*text, &words, error);

      /* One edit, so that all of the keys mean the same device. */
      if (good)
        {
          g_autoptr (GPtrArray) keys = g_ptr_array_new_with_free_func (g_free);
          g_autofree VivChange *changes = g_new0 (VivChange, words.names->len + 1);

          g_ptr_array_add (keys, g_strconcat (words.kind, "+", NULL));
          changes[0].key = g_ptr_array_index (keys, 0);
          for (guint k = 0; k < words.names->len; k++)
            {
              g_ptr_array_add (
                  keys, g_strdup_printf ("%s+.%s", words.kind, (char *)g_ptr_array_index (words.names, k)));
              changes[k + 1]
                  = (VivChange){ g_ptr_array_index (keys, k + 1), g_ptr_array_index (words.values, k) };
            }
          good = viv_definition_apply (definition, changes, words.names->len + 1, error);
        }
      cli_device_words_clear (&words);
      if (!good)
        return FALSE;
    }
  for (char **text = o->settings; text != NULL && *text != NULL; text++)
    {
      g_autofree char *key = NULL, *value = NULL;
      if (!cli_split_setting (*text, &key, &value, error) || !definition_set (definition, key, value, error))
        return FALSE;
    }
  return TRUE;
}

/* The system that a medium is of; NULL: not recognised. */
static char *
identify_os (const MachineOptions *o)
{
  const char *path = o->cdroms != NULL ? o->cdroms[0] : NULL;
  g_autoptr (MediaInfo) info = path != NULL && *path != '\0' ? media_identify (path, NULL) : NULL;

  return info != NULL ? g_strdup (info->os_id) : NULL;
}

MachineDefinition *
machine_options_build (const MachineOptions *o, const char *name, gboolean identify, GError **error)
{
  g_autoptr (MachineDefinition) definition = NULL;
  const gboolean automatic = g_strcmp0 (o->os, "auto") == 0;
  g_autofree char *os = o->os != NULL && !automatic ? g_strdup (o->os)
                        : identify || automatic     ? identify_os (o)
                                                    : NULL;

  if (!definition_check_name (name, error))
    return NULL;
  definition = definition_new (name);
  if ((os != NULL && !definition_set (definition, "machine.os", os, error))
      || !add_drives (definition, DRIVE_DISK, o->disks, o->snapshot, error)
      || !add_drives (definition, DRIVE_CDROM, o->cdroms, o->snapshot, error)
      || !add_drives (definition, DRIVE_FLOPPY, o->floppies, o->snapshot, error))
    return NULL;
  if (o->disk_size != NULL && plan_add_new_disk (definition) == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                   _ ("there are too many disks for one more"));
      return NULL;
    }
  if (os != NULL || identify || automatic)
    plan_set_system (definition, os);
  plan_order (definition);
  const struct
  {
    const char *key, *value;
  } values[] = {
    { "machine.memory", o->memory },
    { "machine.cpus", o->cpus },
    { "machine.engine", o->engine },
    { "machine.boot", o->boot },
    { "machine.boot-menu", o->boot_menu ? "true" : NULL },
    { "machine.append", o->append },
    { "display0.vnc-address", o->vnc },
  };
  for (unsigned i = 0; i < G_N_ELEMENTS (values); i++)
    if (values[i].value != NULL && !definition_set (definition, values[i].key, values[i].value, error))
      return NULL;
  if ((o->kernel != NULL && !set_path (definition, "machine.kernel", o->kernel, error))
      || (o->initrd != NULL && !set_path (definition, "machine.initrd", o->initrd, error))
      || !add_modules (definition, o->modules, error) || !add_serials (definition, o->serials, error)
      || (o->vnc_password_file != NULL
          && !set_path (definition, "display0.vnc-password-file", o->vnc_password_file, error))
      || !add_devices (definition, o, error))
    return NULL;
  return g_steal_pointer (&definition);
}

int
cli_create (int argc, char **argv)
{
  g_auto (MachineOptions) o = { 0 };
  const GOptionEntry entries[] = {
    MACHINE_OPTION_ENTRIES (o),
    { "name", 0, 0, G_OPTION_ARG_FILENAME, &o.name, N_ ("The machine's name"), N_ ("NAME") },
    { "disk-size", 0, 0, G_OPTION_ARG_STRING, &o.disk_size, N_ ("Make an empty disk of this size"),
      N_ ("SIZE") },
    { NULL },
  };
  VivNewImage image = { .file = "disk0.img" };
  g_autoptr (VivMachine) machine = NULL;
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, 1, &status))
    return status;
  if (o.serials != NULL && g_strv_contains ((const char *const *)o.serials, "stdio"))
    return cli_usage (_ ("--serial=stdio goes with run; give socket, and connect with “vivctl serial”"));
  g_autoptr (VivLocalHost) host = viv_local_host_new (NULL);
  g_autofree char *name = g_strdup (o.name != NULL ? o.name : argv[1]);
  if (name == NULL)
    {
      const char *medium = o.cdroms != NULL     ? o.cdroms[0]
                           : o.disks != NULL    ? o.disks[0]
                           : o.floppies != NULL ? o.floppies[0]
                                                : "Machine";
      g_autofree char *base = g_path_get_basename (medium);
      name = viv_host_propose_name (VIV_HOST (host), base);
    }
  g_autoptr (MachineDefinition) definition = machine_options_build (&o, name, TRUE, &error);
  gboolean good = definition != NULL;
  if (good && o.disk_size != NULL)
    {
      good = definition_parse_size (o.disk_size, &image.size, &error);
      if (good && (image.size < 512 || image.size % 512 != 0))
        {
          g_set_error (&error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE,
                       _ ("a disk is a whole number of 512-byte sectors"));
          good = FALSE;
        }
      if (good)
        image.file = machine_device_text (plan_new_disk (definition), "path");
    }
  if (good)
    machine = viv_local_host_create (host, definition, &image, o.disk_size != NULL, &error);
  if (machine == NULL)
    return cli_fail (error);
  g_print ("%s\n", viv_machine_get_name (machine));
  return EXIT_DONE;
}

static void
print_keys (void)
{
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    for (const DefinitionKey *key = kind->keys; key->name != NULL && !kind->for_tests; key++)
      {
        g_autofree char *full = g_strdup_printf ("%s%s.%s", kind->name,
                                                 kind->most > 1    ? "*"
                                                 : kind->most == 1 ? "0"
                                                                   : "",
                                                 key->name);
        g_print ("%-28s %s%s%s%s%s%s%s\n", full, _ (key->help), key->choices != NULL ? " (" : "",
                 key->choices != NULL ? key->choices : "", key->choices != NULL ? ")" : "",
                 key->fallback != NULL ? " [" : "", key->fallback != NULL ? key->fallback : "",
                 key->fallback != NULL ? "]" : "");
      }
}

/* "KEY=VALUE", of which `key` and value then point into the argument's copy. */
static gboolean
read_change (const char *argument, char **key, VivChange *change, GError **error)
{
  const char *equals = strchr (argument, '=');

  if (equals == NULL)
    {
      g_set_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX, _ ("“%s”: give KEY=VALUE"), argument);
      return FALSE;
    }
  *key = g_strndup (argument, equals - argument);
  *change = (VivChange){ *key, equals + 1 };
  return TRUE;
}

int
cli_set (int argc, char **argv)
{
  gboolean keys = FALSE;
  const GOptionEntry entries[] = {
    { "keys", 0, 0, G_OPTION_ARG_NONE, &keys, N_ ("List all keys"), NULL },
    { NULL },
  };
  GError *error = NULL;
  int status;

  if (!cli_parse (entries, &argc, &argv, 0, -1, &status))
    return status;
  if (keys)
    {
      print_keys ();
      return EXIT_DONE;
    }
  if (argc < 3)
    return cli_usage (_ ("usage: vivctl set NAME KEY=VALUE…"));
  g_autoptr (VivLocalHost) host = viv_local_host_new (NULL);
  g_autoptr (VivMachine) machine = viv_host_find (VIV_HOST (host), argv[1], NULL);
  if (machine == NULL)
    machine = cli_find (argv[1], &error);
  if (machine == NULL)
    return cli_fail (error);
  cli_settle (machine);
  if (viv_machine_get_definition (machine) == NULL)
    {
      g_printerr ("vivctl: %s\n", viv_machine_get_error (machine));
      return EXIT_FAILED;
    }
  g_auto (GStrv) keys_of = g_new0 (char *, argc);
  g_autofree VivChange *changes = g_new0 (VivChange, argc);
  const char *new_name = NULL;
  unsigned n = 0;
  for (int i = 2; i < argc; i++)
    {
      if (!read_change (argv[i], &keys_of[i - 2], &changes[n], &error))
        return cli_fail (error);
      /* The folder is called after the machine: that is the library's affair. */
      if (g_str_equal (changes[n].key, "machine.name"))
        new_name = changes[n].value;
      else
        n++;
    }
  if ((n > 0 && !viv_machine_edit (machine, changes, n, &error))
      || (new_name != NULL && !viv_local_host_rename (host, machine, new_name, &error)))
    return cli_fail (error);
  if (viv_machine_is_live (machine))
    g_printerr (_ ("vivctl: “%s” runs; it follows at its next start\n"), viv_machine_get_name (machine));
  return EXIT_DONE;
}

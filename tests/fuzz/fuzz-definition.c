/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * machine.ini: what loads can be written and loads again, with its drives, and stays so while keys are set.
 *
 * Input: the file, then after a zero byte lines KEY=VALUE that are set, as `vivctl set` does; -KEY takes a drive out, +KIND adds one.
 */
#include "fuzz.h"

#include "machine/boot-modules.h"
#include "machine/definition.h"

#define PATH "/m/machine.ini"

/* Loads what was written; both say the same of every key. */
static void
check (const MachineDefinition *definition)
{
  g_autofree char *text = definition_to_text (definition), *text_again = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) again = definition_parse (text, -1, PATH, &error);

  if (again == NULL)
    g_error ("what was written doesn't load: %s\n%s", error->message, text);
  text_again = definition_to_text (again);
  if (!g_str_equal (text, text_again))
    g_error ("what was written is written otherwise:\n%s\n-- and then\n%s", text, text_again);
  if (again->devices->len != definition->devices->len)
    g_error ("devices are lost");
}

static void
look (const MachineDefinition *definition)
{
  g_autoptr (GPtrArray) modules = boot_modules_parse (definition_text (definition, "machine.modules"), NULL);

  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);

      if (definition_find (definition, device->id) != device
          || device_kind_of (device->id, NULL) != device->kind)
        g_error ("a device isn't found");
      for (const DefinitionKey *key = device->kind->keys; key->name != NULL; key++)
        {
          g_autofree char *name = g_strdup_printf ("%s.%s", device->id, key->name);
          g_autofree char *value = definition_get (definition, name, NULL);

          if (value == NULL)
            g_error ("%s can't be had", name);
          machine_device_text (device, key->name);
          machine_device_flag (device, key->name);
          machine_device_number (device, key->name);
        }
    }
  for (unsigned i = 0; definition_drive (definition, i) != NULL; i++)
    {
      const MachineDevice *drive = definition_drive (definition, i);
      g_autofree char *path = definition_resolve (definition, machine_device_text (drive, "path"));

      if (definition_find_drive (definition, drive->id) != drive)
        g_error ("a drive isn't found");
      if (path != NULL && !g_path_is_absolute (path))
        g_error ("a drive's path stays relative");
    }
}

static void
change (MachineDefinition *definition, char *line)
{
  char *equals = strchr (line, '=');
  g_autoptr (GError) error = NULL;
  g_autofree char *value = NULL;
  uint64_t bytes;

  if (equals != NULL)
    *equals = 0;
  switch (line[0])
    {
    case '-':
      definition_remove (definition, line + 1, NULL);
      return;
    case '+':
      definition_add_drive (definition, (DriveKind)(line[1] % 3), equals != NULL ? equals + 1 : NULL);
      return;
    case '@':
      {
        g_autofree char *modules
            = boot_modules_add (definition_text (definition, "machine.modules"), line + 1);
        g_autoptr (GPtrArray) parsed = boot_modules_parse (modules, NULL);

        if (definition_parse_size (line + 1, &bytes, NULL))
          g_free (definition_format_size (bytes));
        return;
      }
    default:
      break;
    }
  if (equals == NULL)
    return;
  if (!definition_set (definition, line, equals + 1, &error))
    {
      if (error == NULL)
        g_error ("no word why %s wasn't set", line);
      return;
    }
  value = definition_get (definition, line, &error);
  if (error != NULL)
    g_error ("what was set can't be got: %s", error->message);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *zero = memchr (data, 0, size);
  size_t length = zero != NULL ? (size_t)(zero - data) : size;
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition
      = definition_parse ((const char *)data, (gssize)length, PATH, &error);

  if (definition == NULL)
    {
      if (error == NULL || !g_utf8_validate (error->message, -1, NULL))
        g_error ("an error without a word, or of bytes that nobody can show");
      return 0;
    }
  check (definition);
  look (definition);
  if (zero != NULL)
    {
      g_autofree char *text = g_strndup ((const char *)zero + 1, size - length - 1);
      g_auto (GStrv) lines = g_strsplit (text, "\n", 64);
      g_autoptr (MachineDefinition) copy = definition_copy (definition);

      for (char **line = lines; *line != NULL; line++)
        if (g_utf8_validate (*line, -1, NULL)) /* as from D-Bus, the command line or an entry */
          change (copy, *line);
      look (copy);
      definition_place (copy, NULL); /* as who changes one does */
      check (copy);
    }
  return 0;
}

static void
make (void)
{
  static const char *const words[]
      = { "disk0", "disk15",   "cdrom0",  "cdrom3", "floppy0", "floppy1",   "serial0",     "serial3",
          "net0",  "display0", "machine", "input",  "=true",   "=false",    "=4G",         "=64M",
          "\n[",   "]\n",      "\\s",     "\\n",    "../",     "/dev/null", "unix:/tmp/x", "127.0.0.1:5900" };
#define MACHINE "[machine]\nname=Fuzz\nuuid=6f9619ff-8b86-4d01-b42d-00cf4fc964ff\n"
#define DRIVES                                                                                     \
  "[disk0]\npath=disk0.img\nformat=raw\nreadonly=false\nsnapshot=true\n[disk1]\npath=/abs/b.img\n" \
  "[cdrom0]\npath=cd.iso\n[cdrom1]\n[floppy0]\npath=a.img\nreadonly=true\n[floppy1]\n"
  static const char seed_1[]
      = MACHINE DRIVES "[serial0]\nbackend=socket\n[serial1]\nbackend=none\n[net0]\nmac=02:11:22:33:44:55\n";
  static const char seed_2[] = MACHINE
      "os=debian12\nchipset=pc\nfirmware=bios\nengine=software\nmemory=512M\ncpus=2\nclock=localtime\nboot=cda\n"
      "kernel=vmlinuz\ninitrd=initrd.gz\nappend=quiet vga=0x317\nmodules=a.mod \"b.mod --verbose\" '/c\\\\ d x'\nunknown=kept\n"
      "[display0]\nvideo=vga\nvideo-memory=16\nvnc-address=127.0.0.1:5901\nvnc-password-file=pw\n"
      "[input]\nabsolute-pointer=true\n[x-else]\nkept=1\n";
  static const char seed_3[] = MACHINE DRIVES
      "\0disk0.path=new.img\nmachine.memory=2G\n-disk1\n+c=x.iso\n+a\n@mod two words\n@1536M\n"
      "machine.name=Other\nserial0.backend=none\ndisplay0.vnc-address=unix:/tmp/s\n"
      "machine.modules=a b 'c d'\ncdrom0.path=\nnet0.mac=02:00:00:00:00:01\n+b=f.img";

  for (unsigned i = 0; i < G_N_ELEMENTS (words); i++)
    fuzz_word_text (words[i]);
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    for (const DefinitionKey *key = kind->keys; key->name != NULL; key++)
      {
        g_autofree char *line = g_strdup_printf ("%s=", key->name),
                        *dotted
                        = g_strdup_printf ("%s%s.%s=", kind->name, kind->most > 0 ? "0" : "", key->name);
        g_auto (GStrv) choices = key->choices != NULL ? g_strsplit (key->choices, "|", -1) : NULL;
        g_autofree char *seed = NULL;

        fuzz_word_text (line);
        fuzz_word_text (dotted);
        for (char **choice = choices; choice != NULL && *choice != NULL; choice++)
          {
            g_autofree char *set = g_strconcat (dotted, *choice, NULL);
            g_autofree char *text = g_strdup_printf ("%s%s", MACHINE DRIVES, set);

            fuzz_word_text (*choice);
            text[strlen (MACHINE DRIVES) - 1] = '\0';
            fuzz_seed (text, strlen (MACHINE DRIVES) + strlen (set));
          }
        seed = g_strconcat (MACHINE DRIVES, dotted, "1", NULL);
        seed[strlen (MACHINE DRIVES) - 1] = '\0';
        fuzz_seed (seed, strlen (MACHINE DRIVES) + strlen (dotted) + 1);
      }
  fuzz_seed (seed_1, sizeof seed_1 - 1);
  fuzz_seed (seed_2, sizeof seed_2 - 1);
  fuzz_seed (seed_3, sizeof seed_3 - 1);
}

const FuzzTarget fuzz_target = {
  "machine/definition.c machine/definition-file.c machine/definition-text.c machine/device-kinds.c machine/net-keys.c machine/boot-modules.c",
  4096, make
};

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * machine.ini: every key there and back, unknown keys kept, errors that say where, hostile text.
 */
#include "config.h"

#include "machine/boot-modules.h"
#include "machine/definition.h"
#include "machine/edit.h"

#include <glib/gstdio.h>
#include <string.h>

#define UUID "0b5f4d0c-6a3c-4b5e-9d4e-0a2f7c1b8e11"

/* A value for each key that is not its default. */
static char *
other_value (const DefinitionKey *key)
{
  if (g_str_equal (key->name, "name"))
    return g_strdup ("Прибор 7");
  if (g_str_equal (key->name, "uuid"))
    return g_strdup (UUID);
  if (g_str_equal (key->name, "os"))
    return g_strdup ("debian12");
  if (g_str_equal (key->name, "tags"))
    return g_strdup ("Büro; # 2, lab");
  if (g_str_equal (key->name, "boot"))
    return g_strdup ("nda");
  if (g_str_equal (key->name, "cpu-speed"))
    return g_strdup ("386dx33");
  if (g_str_equal (key->name, "topology"))
    return g_strdup ("2,4,2");
  if (g_str_equal (key->name, "vnc-address"))
    return g_strdup ("[::1]:5901");
  if (g_str_equal (key->name, "mac"))
    return g_strdup ("02:00:00:00:00:07");
  if (g_str_equal (key->name, "address"))
    return g_strdup ("[::1]:4000");
  if (g_str_equal (key->name, "forward"))
    return g_strdup ("tcp:127.0.0.1:2222-:22,udp:[::1]:5353-[fec0::15]:53");
  if (g_str_equal (key->name, "network"))
    return g_strdup ("lab-1");
  if (g_str_equal (key->name, "remote") || g_str_equal (key->name, "local"))
    return g_strdup ("[2001:db8::7]:5887");
  if (g_str_equal (key->name, "tap") || g_str_equal (key->name, "bridge"))
    return g_strdup ("if@1.x-5");
  if (g_str_equal (key->name, "modules"))
    return g_strdup ("a.mod 'b\\ c.mod -v; # x' \"/d \"");
  if (g_str_equal (key->name, "layout"))
    return g_strdup ("de(nodeadkeys)");
  if (g_str_equal (key->name, "video-memory"))
    return g_strdup ("64");
  if (g_str_equal (key->name, "host"))
    return g_strdup ("046d:c52b:A-7");
  if (g_str_equal (key->name, "agent"))
    return g_strdup ("org.qemu.guest_agent.0");
  /* A slot is one device's. */
  if (g_str_equal (key->name, "slot") && key->fallback != NULL)
    return g_strdup ("30");
  switch (key->type)
    {
    case KEY_BOOL:
      return g_strdup (g_strcmp0 (key->fallback, "true") == 0 ? "false" : "true");
    case KEY_NUMBER:
      return g_strdup_printf ("%" G_GUINT64_FORMAT, key->max);
    case KEY_SIZE:
      return g_strdup ("3G");
    case KEY_CHOICE:
      {
        const char *last = strrchr (key->choices, '|');
        return g_strdup (last != NULL ? last + 1 : key->choices);
      }
    default:
      return g_strdup ("some /pa=th; \\ with # odd\tthings");
    }
}

static void
test_every_key (void)
{
  g_autoptr (MachineDefinition) definition = definition_new ("x");
  g_autoptr (GError) error = NULL;

  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    for (const DefinitionKey *key = kind->keys; key->name != NULL; key++)
      {
        g_autofree char *group = kind->most == 0
                                     ? g_strdup (kind->name)
                                     : g_strdup_printf ("%s%u", kind->name, MIN (kind->most - 1, 1));
        g_autofree char *full = g_strconcat (group, ".", key->name, NULL);
        g_autofree char *value = other_value (key);
        g_assert_nonnull (key->help);
        g_assert_true (definition_find_key (group, key->name) == key);
        definition_set (definition, full, value, &error);
        g_assert_no_error (error);
        g_autofree char *back = definition_get (definition, full, &error);
        g_assert_cmpstr (back, ==, value);
      }

  g_autofree char *text = definition_to_text (definition);
  g_autoptr (MachineDefinition) again = definition_parse (text, -1, "/nowhere/machine.ini", &error);
  g_assert_no_error (error);
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    for (const DefinitionKey *key = kind->keys; key->name != NULL; key++)
      {
        g_autofree char *group = kind->most == 0
                                     ? g_strdup (kind->name)
                                     : g_strdup_printf ("%s%u", kind->name, MIN (kind->most - 1, 1));
        g_autofree char *full = g_strconcat (group, ".", key->name, NULL);
        g_autofree char *value = other_value (key), *back = definition_get (again, full, &error);
        g_assert_no_error (error);
        g_assert_cmpstr (back, ==, value);
      }
  g_autofree char *text2 = definition_to_text (again);
  g_assert_cmpstr (text, ==, text2);
}

static void
test_unknown_kept (void)
{
  static const char text[]
      = "# mine\n[machine]\nname=a\nuuid=" UUID "\nfuture=yes\n\n[tomorrow]\nkey=1;2\n\n[disk99]\npath=x\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (definition_set (definition, "machine.cpus", "3", &error));
  g_autofree char *out = definition_to_text (definition);
  g_assert_nonnull (strstr (out, "# mine"));
  g_assert_nonnull (strstr (out, "future=yes"));
  g_assert_nonnull (strstr (out, "[tomorrow]\nkey=1;2"));
  g_assert_nonnull (strstr (out, "[disk99]"));
  g_assert_nonnull (strstr (out, "cpus=3"));
}

static void
test_errors (void)
{
  static const struct
  {
    const char *line, *says;
  } cases[] = {
    { "memory=lots", "[machine] memory: “lots”" },
    { "memory=0", "from 1M to 1T" },
    { "memory=1048577B", "whole number of MiB" },
    { "memory=999999999999999999999999T", "is not a size" },
    { "memory=-1", "is not a size" },
    { "memory=nan", "is not a size" },
    { "memory=1e9", "is not a size" },
    { "cpus=0", "from 1 to 64" },
    { "cpus=65", "from 1 to 64" },
    { "cpus=1 ", NULL },
    { "cpu-speed=0", "486dx2" },
    { "cpu-speed=2001", "486dx2" },
    { "cpu-speed=25 MHz", "486dx2" },
    { "cpu-speed=25", NULL },
    { "cpu-speed=at", NULL },
    { "cpu=i860", "host 486" },
    { "engine=hvf", "auto kvm software none" },
    { "boot=cc", "each once" },
    { "clock=mars", "utc localtime" },
    { "memory-merge=perhaps", "neither true nor false" },
    { "append=\xff\xfe", "" },
    { "[display0]\nvideo-memory=3", "power of two" },
    { "[display0]\nvnc-address=nonsense", "127.0.0.1:5901" },
    { "[net0]\nmac=01:00:00:00:00:00", "unicast" },
    { "[disk0]\nformat=qcow9", "[disk0] format" },
    { "[disk0\n", "" },
    { "no key \xdb at all", "" },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *text = g_strconcat ("[machine]\nname=a\nuuid=" UUID "\n", cases[i].line, "\n", NULL);
      g_autoptr (MachineDefinition) definition = definition_parse (text, -1, "/tmp/m/machine.ini", &error);
      if (cases[i].says == NULL)
        {
          g_assert_no_error (error);
          continue;
        }
      g_assert_null (definition);
      g_assert_nonnull (error);
      g_assert_true (g_str_has_prefix (error->message, "/tmp/m/machine.ini: "));
      g_assert_nonnull (strstr (error->message, cases[i].says));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
    }
  g_assert_null (definition_parse ("[machine]\nname=a\n", -1, "/tmp/x", NULL));
  g_assert_null (definition_parse ("[machine]\0name=a\n", 17, "/tmp/x", NULL));
  g_assert_null (definition_load ("/dev/zero", NULL));
}

static void
test_names (void)
{
  g_autofree char *longest = g_strnfill (DEFINITION_MAX_NAME, 'x'),
                  *longer = g_strnfill (DEFINITION_MAX_NAME + 1, 'x');
  /* What people type. */
  const char *good[] = { "a",   "Debian 12", "x.y_z-1",        "机器",      longest, "C++",     "Tom's PC",
                         "R&D", "a,b",       "Windows (test)", "🐧 penguin", "a/b",   ".hidden", "..",
                         "a:b", "a\\b",      "a\"b",           "<b>",       "%s",    "file:///" };
  const char *bad[]
      = { "", " a", "a ", "a\nb", "\xff", longer, "a\tb", "\x1b[31m", "\u2028", " ", "\u00a0", "\xc2\x9b" };

  for (unsigned i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_true (definition_check_name (good[i], NULL));
      /* It comes back from a file as it was. */
      g_autoptr (MachineDefinition) definition = definition_new (good[i]);
      g_autofree char *text = definition_to_text (definition);
      g_autoptr (MachineDefinition) again = definition_parse (text, -1, NULL, NULL);
      g_assert_cmpstr (definition_text (again, "machine.name"), ==, good[i]);
    }
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      g_assert_false (definition_check_name (bad[i], &error));
      g_assert_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX);
    }
  g_assert_false (definition_check_name (NULL, NULL));
}

/* A path is bytes; machine.ini is UTF-8. */
static void
test_paths (void)
{
  static const char *const paths[] = { "/tmp/a\xff.img", "a\xff b%41.img",         "/tmp/plain.img",
                                       "file:odd",       "/tmp/\xe4\xc4 100%.iso", "/tmp/ümlaut.img" };

  for (unsigned i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (MachineDefinition) definition = definition_new ("x");
      g_autofree char *as_text = definition_path_to_text (paths[i]);
      g_autofree char *back = definition_path_from_text (as_text);
      g_assert_true (g_utf8_validate (as_text, -1, NULL));
      g_assert_cmpstr (back, ==, paths[i]);

      definition_add_drive (definition, DRIVE_DISK, paths[i]);
      g_autofree char *text = definition_to_text (definition);
      g_autoptr (MachineDefinition) again = definition_parse (text, -1, NULL, NULL);
      g_assert_nonnull (again);
      g_assert_cmpstr (definition_text (again, "disk0.path"), ==, paths[i]);

      g_autofree char *value = definition_get (again, "disk0.path", NULL);
      g_assert_true (g_utf8_validate (value, -1, NULL));
      g_assert_true (definition_set (again, "disk0.path", value, NULL));
      g_assert_cmpstr (definition_text (again, "disk0.path"), ==, paths[i]);
    }
  /* As a command line has it. */
  g_autoptr (MachineDefinition) definition = definition_new ("x");
  g_assert_true (definition_set (definition, "cdrom0.path", "/tmp/a\xff.iso", NULL));
  g_assert_cmpstr (definition_text (definition, "cdrom0.path"), ==, "/tmp/a\xff.iso");
  g_assert_false (definition_set (definition, "machine.append", "\xff", NULL));
}

static void
test_sizes (void)
{
  static const struct
  {
    const char *text;
    uint64_t bytes;
  } cases[] = {
    { "1536", 1536ull << 20 }, { "512M", 512ull << 20 }, { "2G", 2ull << 30 },    { "1.5GiB", 3ull << 29 },
    { "64k", 65536 },          { "1T", 1ull << 40 },     { "1474560B", 1474560 }, { "0", 0 },
  };
  uint64_t bytes;

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_true (definition_parse_size (cases[i].text, &bytes, NULL));
      g_assert_cmpuint (bytes, ==, cases[i].bytes);
      g_autofree char *text = definition_format_size (bytes);
      g_assert_true (definition_parse_size (text, &bytes, NULL));
      g_assert_cmpuint (bytes, ==, cases[i].bytes);
    }
}

static void
test_drives (void)
{
  g_autoptr (MachineDefinition) definition = definition_new ("x");
  g_autoptr (GError) error = NULL;

  definition_add_drive (definition, DRIVE_FLOPPY, "f.img");
  definition_add_drive (definition, DRIVE_CDROM, NULL);
  g_assert_true (definition_set (definition, "disk3.path", "third", NULL));
  definition_add_drive (definition, DRIVE_DISK, "first");
  const char *order[] = { "disk0", "disk3", "cdrom0", "floppy0" };
  g_assert_null (definition_drive (definition, 4));
  for (unsigned i = 0; i < 4; i++)
    g_assert_cmpstr (definition_drive (definition, i)->id, ==, order[i]);
  g_assert_true (definition_flag (definition, "cdrom0.readonly"));
  g_assert_false (definition_flag (definition, "disk0.readonly"));

  /* An empty drive survives. */
  g_autofree char *text = definition_to_text (definition);
  g_autoptr (MachineDefinition) again = definition_parse (text, -1, "/m/machine.ini", &error);
  g_assert_no_error (error);
  g_assert_nonnull (definition_drive (again, 3));
  g_assert_null (definition_drive (again, 4));
  g_autofree char *path = definition_resolve (again, definition_text (again, "disk0.path"));
  g_assert_cmpstr (path, ==, "/m/first");
  g_assert_true (definition_remove (again, "disk3", NULL));
  g_assert_false (definition_remove (again, "disk3", NULL));
  g_autofree char *without = definition_to_text (again);
  g_assert_null (strstr (without, "disk3"));

  for (unsigned i = 1; i < device_kind_find ("floppy")->most; i++)
    g_assert_nonnull (definition_add_drive (definition, DRIVE_FLOPPY, ""));
  g_assert_null (definition_add_drive (definition, DRIVE_FLOPPY, ""));
  g_assert_false (definition_set (definition, "disk16.path", "x", &error));
  g_assert_error (error, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN);
  g_clear_error (&error);
  g_assert_false (definition_set (definition, "machine.colour", "x", &error));
  g_assert_nonnull (strstr (error->message, "memory"));
  g_clear_error (&error);
  g_assert_false (definition_set (definition, "disk5.format", "x", NULL));
  g_assert_null (definition_find_drive (definition, "disk5"));
  g_assert_false (definition_set (definition, "serial1.backend", "x", NULL));
  g_assert_null (definition_find (definition, "serial1"));
}

/* What is written wrong names what was meant. */
static void
test_nearest (void)
{
  static const struct
  {
    const char *key, *says;
  } cases[] = {
    { "disk0.pth", "did you mean disk0.path? Its keys are: path format readonly discard" },
    { "machine.Memory", "did you mean machine.memory?" },
    { "machine.memroy", "did you mean machine.memory?" },
    { "display0.vnc-adress", "did you mean display0.vnc-address?" },
    { "disc0.path", "did you mean disk0?" },
    { "cdrom.path", "give cdrom0 to cdrom3" },
    { "disk16.path", "give disk0 to disk15" },
    { "display.video", "did you mean display0?" },
    { "machine0.memory", "did you mean machine?" },
    { "ram.memory", "did you mean machine?" },
    { "pillow.weight",
      "the groups are: machine display0 input net0… disk0… cdrom0… floppy0… serial0… rng0 balloon0 console0 usb0…" },
    { "machine.colour", "has no key “colour”; its keys are: name uuid" },
    { "memory", "give GROUP.KEY" },
    { ".memory", "give GROUP.KEY" },
    { "machine.", "give GROUP.KEY" },
  };
  g_autoptr (MachineDefinition) definition = definition_new ("x");

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) set = NULL, get = NULL;

      g_assert_false (definition_set (definition, cases[i].key, "1", &set));
      g_test_message ("%s", set->message);
      g_assert_error (set, DEFINITION_ERROR, DEFINITION_ERROR_UNKNOWN);
      g_assert_nonnull (strstr (set->message, cases[i].says));
      g_assert_null (definition_get (definition, cases[i].key, &get));
      g_assert_cmpstr (get->message, ==, set->message);
    }
}

/* A key that was called otherwise is read, and written by its new name. */
static void
test_old_name (void)
{
  static const char text[]
      = "[machine]\nname=a\nuuid=" UUID "\n[disk0]\npath=a\nsnapshot=true\n"
        "[disk1]\npath=b\nsnapshot=true\ndiscard=false\n[disk2]\npath=c\nsnapshot=perhaps\n";
  g_autoptr (GError) error = NULL;

  g_assert_null (definition_parse (text, -1, NULL, &error));
  g_assert_nonnull (strstr (error->message, "[disk2] snapshot"));
  g_clear_error (&error);
  g_autofree char *good = g_strndup (text, strstr (text, "[disk2]") - text);
  g_autoptr (MachineDefinition) definition = definition_parse (good, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (definition_flag (definition, "disk0.discard"));
  g_assert_true (definition_flag (definition, "disk0.snapshot"));
  g_assert_false (definition_flag (definition, "disk1.discard"));
  g_autofree char *out = definition_to_text (definition);
  g_assert_null (strstr (out, "snapshot"));
  g_autoptr (MachineDefinition) again = definition_parse (out, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (definition_flag (again, "disk0.discard"));
  g_assert_false (definition_flag (again, "disk1.discard"));
}

/* A file of DOS lines, however many returns a line ends with: no value holds one, and what is written is written so again. */
static void
test_returns (void)
{
  static const char text[]
      = "[machine]\r\nname=a\r\r\nuuid=" UUID "\r\n\r\r\r\n# words\r\r\nappend=quiet\\r\r\r\r\n"
        "[disk0]\r\r\npath=b\r\r\n\r\r";
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (definition_text (definition, "machine.name"), ==, "a");
  g_assert_cmpstr (definition_text (definition, "machine.append"), ==, "quiet\r");
  g_assert_cmpstr (definition_text (definition, "disk0.path"), ==, "b");
  g_autofree char *out = definition_to_text (definition);
  g_assert_null (strchr (out, '\r'));
  g_assert_nonnull (strstr (out, "# words"));
  g_autoptr (MachineDefinition) again = definition_parse (out, -1, NULL, &error);
  g_assert_no_error (error);
  g_autofree char *same = definition_to_text (again);
  g_assert_cmpstr (same, ==, out);
}

/* Of a key that stands there twice the last counts; the other doesn't come back when that one goes. */
static void
test_repeated (void)
{
  static const char text[] = "[machine]\nname=a\nuuid=" UUID
                             "\nappend=first\n[machine] \nappend=\nappend=last\n[other]\nkey=1\nkey=2\n"
                             "[disk0]\npath=a\nsnapshot=perhaps\nsnapshot=true\n# of the path\npath=b\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (definition_text (definition, "machine.append"), ==, "last");
  g_assert_cmpstr (definition_text (definition, "disk0.path"), ==, "b");
  g_assert_true (definition_set (definition, "machine.append", "", &error));
  g_assert_no_error (error);
  g_autofree char *out = definition_to_text (definition);
  g_assert_null (strstr (out, "snapshot"));
  g_assert_null (strstr (out, "append"));
  g_assert_nonnull (strstr (out, "# of the path"));
  g_autoptr (MachineDefinition) again = definition_parse (out, -1, NULL, &error);
  g_assert_no_error (error);
  g_autofree char *same = definition_to_text (again);
  g_assert_cmpstr (same, ==, out);
  g_assert_cmpstr (definition_text (again, "machine.append"), ==, NULL);

  g_assert_false (definition_set (definition, "disk\v0.path", "a", NULL));
  g_assert_false (definition_set (definition, "disk+0.path", "a", NULL));
  g_assert_false (definition_set (definition, "disk 0.path", "a", NULL));
  /* What a file can't hold isn't there before either. */
  g_assert_true (definition_set (definition, "machine.append", "\f\v quiet\f", &error));
  g_autofree char *held = definition_to_text (definition);
  g_autoptr (MachineDefinition) kept = definition_parse (held, -1, NULL, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (definition_text (kept, "machine.append"), ==,
                   definition_text (definition, "machine.append"));
  g_assert_true (definition_flag (again, "disk0.discard"));
}

static void
assert_slots (const MachineDefinition *definition, const char *wanted)
{
  g_autoptr (GString) slots = g_string_new (NULL);

  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);
      if (machine_device_slot (device) > 0)
        g_string_append_printf (slots, "%s:%u ", device->id, machine_device_slot (device));
    }
  g_assert_cmpstr (slots->str, ==, wanted);
}

/* One function gives out the slots: who has one keeps it, the others get the lowest, the same each time. */
static void
test_slots (void)
{
  static const char text[]
      = "[machine]\nname=a\nuuid=" UUID "\n[pcitest6]\nslot=2\n[pcitest4]\nslot=\n[pcitest1]\n"
        "[pcitest0]\nslot=5\n";
  static const VivChange add[] = { { "pcitest+", NULL } }, remove[] = { { "pcitest1", NULL } },
                         move[] = { { "pcitest4.slot", "9" } }, clash[] = { { "pcitest0.slot", "2" } },
                         many[] = { { "pcitest7.slot", "32" } };
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition = definition_parse (text, -1, NULL, &error);

  g_assert_no_error (error);
  assert_slots (definition, "pcitest0:5 pcitest1:1 pcitest4:3 pcitest6:2 ");
  g_assert_true (viv_definition_apply (definition, add, 1, &error));
  assert_slots (definition, "pcitest0:5 pcitest1:1 pcitest2:4 pcitest4:3 pcitest6:2 ");
  /* The others stay, whoever goes. */
  g_assert_true (viv_definition_apply (definition, remove, 1, &error));
  assert_slots (definition, "pcitest0:5 pcitest2:4 pcitest4:3 pcitest6:2 ");
  g_autoptr (MachineDefinition) clone = definition_copy (definition);
  assert_slots (clone, "pcitest0:5 pcitest2:4 pcitest4:3 pcitest6:2 ");
  g_assert_true (viv_definition_apply (clone, move, 1, &error));
  g_assert_true (viv_definition_apply (clone, add, 1, &error));
  assert_slots (clone, "pcitest0:5 pcitest1:1 pcitest2:4 pcitest4:9 pcitest6:2 ");
  g_assert_false (viv_definition_apply (clone, clash, 1, &error));
  g_assert_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE);
  g_test_message ("%s", error->message);
  g_clear_error (&error);
  g_autoptr (MachineDefinition) other = definition_copy (definition);
  g_assert_false (viv_definition_apply (other, many, 1, &error));
  g_assert_error (error, DEFINITION_ERROR, DEFINITION_ERROR_RANGE);
  g_clear_error (&error);
  /* A file that somebody has edited by hand: the second gives way. */
  g_autoptr (MachineDefinition) twice = definition_parse (
      "[machine]\nname=a\nuuid=" UUID "\n[pcitest0]\nslot=1\n[pcitest1]\nslot=1\n", -1, NULL, &error);
  g_assert_no_error (error);
  assert_slots (twice, "pcitest0:1 pcitest1:2 ");
  /* Network cards are in one only where it is set, and then it is theirs. */
  g_autoptr (MachineDefinition) net = definition_parse (
      "[machine]\nname=a\nuuid=" UUID "\n[net0]\n[net1]\nslot=1\n[net2]\nslot=1\n[pcitest0]\n", -1, NULL,
      &error);
  g_assert_no_error (error);
  assert_slots (net, "net1:1 pcitest0:2 ");
}

/* Each kind: as many as there may be, and no more; what every machine has stays. */
static void
test_kinds (void)
{
  for (const DeviceKind *kind = device_kinds; kind->name != NULL; kind++)
    {
      g_autoptr (MachineDefinition) definition = definition_new ("x");
      g_autoptr (GError) error = NULL;
      unsigned n = kind->most == 0 ? 1 : kind->present, number = 99;
      MachineDevice *device;

      g_assert_true (device_kind_find (kind->name) == kind);
      g_assert_nonnull (kind->label);
      g_assert_nonnull (kind->page);
      g_assert_cmpuint (kind->present, <=, kind->most);
      while ((device = definition_add (definition, kind)) != NULL)
        {
          g_assert_true (device_kind_of (device->id, &number) == kind);
          g_assert_cmpuint (number, ==, n);
          g_assert_true (definition_find (definition, device->id) == device);
          n++;
        }
      g_assert_cmpuint (n, ==, MAX (kind->most, 1));
      g_autofree char *first = g_strdup_printf ("%s%s", kind->name, kind->most == 0 ? "" : "0");
      g_assert_true (definition_remove (definition, first, &error) == (kind->present == 0 && kind->most > 0));
      for (const DefinitionKey *key = kind->keys; key->name != NULL; key++)
        {
          g_assert_true (device_kind_key (kind, key->name) == key);
          g_assert_true ((key->check == NULL) == (key->accepts == NULL));
          g_assert_false (key->required && key->fallback != NULL);
        }
    }
}

/* machine.modules: blanks in names, strings, what can't be read. */
static void
test_modules (void)
{
  static const char *const bad[] = { "'open", "\"\"", "a ' b'" };
  g_autofree char *one = boot_modules_add (NULL, "/a\\ b/x.mod  -v 'y'"), *two = boot_modules_add (one, "/m");
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) modules = boot_modules_parse (two, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (modules->len, ==, 2);
  g_assert_cmpstr (((BootModule *)modules->pdata[0])->path, ==, "/a b/x.mod");
  g_assert_cmpstr (((BootModule *)modules->pdata[0])->string, ==, "/a b/x.mod  -v 'y'");
  g_assert_cmpstr (((BootModule *)modules->pdata[1])->path, ==, "/m");
  g_assert_cmpstr (((BootModule *)modules->pdata[1])->string, ==, "/m");
  g_autoptr (GPtrArray) none = boot_modules_parse (NULL, &error);
  g_assert_cmpuint (none->len, ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_null (boot_modules_parse (bad[i], &error));
      g_assert_nonnull (error);
      g_clear_error (&error);
    }
}

static void
test_save (void)
{
  g_autofree char *folder = g_dir_make_tmp ("viv-definition-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "machine.ini", NULL);
  g_autoptr (MachineDefinition) definition = definition_new ("kept");
  g_autoptr (GError) error = NULL;

  g_assert_true (definition_save (definition, path, &error));
  g_autoptr (MachineDefinition) loaded = definition_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (loaded->folder, ==, folder);
  g_assert_cmpstr (definition_text (loaded, "machine.uuid"), ==,
                   definition_text (definition, "machine.uuid"));
  /* What can't be read back never replaces what can. */
  definition_put (loaded, "machine.name", "not\nallowed");
  g_assert_false (definition_save (loaded, path, NULL));
  g_autoptr (MachineDefinition) still = definition_load (path, &error);
  g_assert_cmpstr (definition_text (still, "machine.name"), ==, "kept");
  g_unlink (path);
  g_rmdir (folder);
}

/* Mutations of a good file: no crash, and what loads can be written and loaded again. */
static void
test_hostile (void)
{
  g_autoptr (MachineDefinition) seed = definition_new ("seed");
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  definition_add_drive (seed, DRIVE_DISK, "a");
  definition_add_drive (seed, DRIVE_CDROM, "b");
  definition_set (seed, "display0.vnc-address", "127.0.0.1:0", NULL);
  g_autofree char *text = definition_to_text (seed);
  size_t length = strlen (text);

  for (unsigned round = 0; round < 3000; round++)
    {
      g_autofree char *mutant = g_memdup2 (text, length + 1);
      for (unsigned n = g_rand_int_range (rand, 1, 6); n > 0; n--)
        mutant[g_rand_int_range (rand, 0, length)] = g_rand_boolean (rand)
                                                         ? g_rand_int_range (rand, 0, 256)
                                                         : "[]=\n;\\#0."[g_rand_int_range (rand, 0, 9)];
      g_autoptr (MachineDefinition) definition
          = definition_parse (mutant, g_rand_int_range (rand, 0, length + 1), "/m/x", NULL);
      if (definition == NULL)
        continue;
      g_autofree char *out = definition_to_text (definition);
      g_autoptr (MachineDefinition) again = definition_parse (out, -1, "/m/x", NULL);
      g_assert_nonnull (again);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/definition/every-key", test_every_key);
  g_test_add_func ("/definition/unknown-kept", test_unknown_kept);
  g_test_add_func ("/definition/errors", test_errors);
  g_test_add_func ("/definition/names", test_names);
  g_test_add_func ("/definition/paths", test_paths);
  g_test_add_func ("/definition/sizes", test_sizes);
  g_test_add_func ("/definition/drives", test_drives);
  g_test_add_func ("/definition/nearest", test_nearest);
  g_test_add_func ("/definition/old-name", test_old_name);
  g_test_add_func ("/definition/repeated", test_repeated);
  g_test_add_func ("/definition/returns", test_returns);
  g_test_add_func ("/definition/kinds", test_kinds);
  g_test_add_func ("/definition/slots", test_slots);
  g_test_add_func ("/definition/modules", test_modules);
  g_test_add_func ("/definition/save", test_save);
  g_test_add_func ("/definition/hostile", test_hostile);
  return g_test_run ();
}

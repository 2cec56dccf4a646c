/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Where the board puts devices: the same each time, since a guest's drivers and a saved machine go by it.
 */
#include "board/pc.h"
#include "cpu/engine.h"
#include "machine/os-profile.h"

#include <glib/gstdio.h>
#include <unistd.h>

/* All that a PC takes.  A change here moves devices under guests that are installed, and keeps saved machines from loading. */
static const char golden[] = "display0 pci 00:02.0\n"
                             "disk0 ide 0:0\n"
                             "disk1 ide 0:1\n"
                             "cdrom0 ide 1:0\n"
                             "cdrom1 ide 1:1\n"
                             "floppy0 floppy 0\n"
                             "floppy1 floppy 1\n"
                             "serial0 isa 0x3f8\n"
                             "serial1 isa 0x2f8\n"
                             "serial3 isa 0x2e8\n";
static const char golden_q35[] = "display0 pci 00:02.0\n"
                                 "disk0 pci 00:1f.2 port 0\n"
                                 "disk1 pci 00:1f.2 port 1\n"
                                 "cdrom0 pci 00:1f.2 port 2\n"
                                 "cdrom1 pci 00:1f.2 port 3\n"
                                 "floppy0 floppy 0\n"
                                 "floppy1 floppy 1\n"
                                 "serial0 isa 0x3f8\n"
                                 "serial1 isa 0x2f8\n"
                                 "serial3 isa 0x2e8\n";

static char *
places (MachineDefinition *definition)
{
  g_autoptr (GError) error = NULL;
  Vm *vm = vm_new (NULL, TRUE);
  Engine *engine = engine_new (&none_engine_class, vm, &(EngineConfig){ .n_cpus = 1 }, &error);
  Board *board;
  GString *text = g_string_new (NULL);

  g_assert_no_error (error);
  board = pc_new (vm, definition, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < definition->devices->len; i++)
    {
      const MachineDevice *device = g_ptr_array_index (definition->devices, i);
      g_autofree char *place = board_place (board, device->id);
      if (place != NULL)
        g_string_append_printf (text, "%s %s\n", device->id, place);
    }
  g_assert_null (board_place (board, "dragon0"));
  engine_free (engine);
  board_free (board);
  vm_free (vm);
  return g_string_free (text, FALSE);
}

static MachineDefinition *
machine_of (const char *profile_id, const char *folder)
{
  MachineDefinition *definition = definition_new ("places");
  g_autoptr (OsProfile) profile = os_profile_lookup (profile_id);

  os_profile_apply (profile, definition);
  definition_put (definition, "machine.memory", "16M");
  definition_put (definition, "machine.cpus", "1");
  definition->folder = g_strdup (folder);
  return definition;
}

static void
test_profiles (void)
{
  g_autofree char *folder = g_dir_make_tmp ("viv-places-XXXXXX", NULL);
  g_autofree char *image = g_build_filename (folder, "a.img", NULL),
                  *other = g_build_filename (folder, "b.img", NULL);
  g_autofree char *sectors = g_malloc0 (1 << 20);
  g_auto (GStrv) profiles = os_profile_list ();

  g_assert_true (g_file_set_contents (image, sectors, 1 << 20, NULL));
  g_assert_true (g_file_set_contents (other, sectors, 1 << 20, NULL));
  for (char **profile = profiles; *profile != NULL; profile += 2)
    {
      g_autoptr (MachineDefinition) definition = machine_of (*profile, folder);
      g_autoptr (GError) error = NULL;

      g_test_message ("%s", *profile);
      /* In the order in which nobody would make them. */
      g_assert_true (definition_set (definition, "serial3.backend", "none", &error));
      g_assert_true (definition_set (definition, "floppy1.path", "", &error));
      g_assert_true (definition_set (definition, "cdrom1.path", "", &error));
      g_assert_true (definition_set (definition, "disk1.path", "b.img", &error));
      g_assert_true (definition_set (definition, "disk0.path", "a.img", &error));
      g_assert_true (definition_set (definition, "cdrom0.path", "", &error));
      g_assert_true (definition_set (definition, "serial1.backend", "socket", &error));
      g_assert_true (definition_set (definition, "floppy0.path", "", &error));
      const gboolean q35 = g_strcmp0 (definition_text (definition, "machine.chipset"), "q35") == 0;
      const gboolean rng = definition_find (definition, "rng0") != NULL;
      const gboolean usb = definition_find (definition, "usb0") != NULL;
      g_autofree char *expected = g_strconcat (q35 ? golden_q35 : golden, rng ? "rng0 pci 00:03.0\n" : "",
                                               !usb  ? ""
                                               : rng ? "usb0 pci 00:04.0\n"
                                                     : "usb0 pci 00:03.0\n",
                                               NULL);
      g_autofree char *first = places (definition);
      g_assert_cmpstr (first, ==, expected);
      /* A clone is read from the file that the first was written to. */
      g_autoptr (MachineDefinition) clone = definition_copy (definition);
      g_autofree char *second = places (clone);
      g_assert_cmpstr (second, ==, expected);
    }
  g_remove (image);
  g_remove (other);
  g_rmdir (folder);
}

/* On q35: what PCI's slots take, between the chipset's own. */
static void
test_q35 (void)
{
  g_autofree char *folder = g_dir_make_tmp ("viv-places-XXXXXX", NULL);
  g_autofree char *image = g_build_filename (folder, "a.img", NULL);
  g_autofree char *sectors = g_malloc0 (1 << 20);
  g_autoptr (MachineDefinition) definition = definition_new ("places");
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (image, sectors, 1 << 20, NULL));
  definition->folder = g_strdup (folder);
  definition_put (definition, "machine.memory", "16M");
  definition_put (definition, "machine.chipset", "q35");
  g_assert_true (definition_set (definition, "disk0.path", "a.img", &error));
  g_assert_true (definition_set (definition, "disk0.bus", "nvme", &error));
  g_assert_true (definition_set (definition, "usb0.model", "xhci", &error));
  g_assert_true (definition_set (definition, "serial0.backend", "none", &error));
  g_assert_no_error (error);
  g_autoptr (MachineDefinition) copy = definition_copy (definition);
  g_autofree char *first = places (copy);
  g_autoptr (MachineDefinition) clone = definition_copy (definition);
  g_autofree char *second = places (clone);
  g_assert_cmpstr (first, ==, second);
  g_assert_nonnull (strstr (first, "disk0 pci 00:03.0\n"));
  g_assert_nonnull (strstr (first, "usb0 pci 00:04.0\n"));
  g_assert_nonnull (strstr (first, "display0 pci 00:02.0\n"));
  g_assert_nonnull (strstr (first, "serial0 isa 0x3f8\n"));

  /* IDE is a card; who doesn't ask for it stays on AHCI. */
  g_assert_true (definition_set (definition, "disk0.bus", "ide", &error));
  g_assert_true (definition_set (definition, "cdrom0.path", "", &error));
  g_autoptr (MachineDefinition) old = definition_copy (definition);
  g_autofree char *third = places (old);
  g_assert_nonnull (strstr (third, "disk0 ide 0:0\n"));
  g_assert_nonnull (strstr (third, "cdrom0 pci 00:1f.2 port 0\n"));
  g_assert_nonnull (strstr (third, "usb0 pci 00:04.0\n"));
  g_remove (image);
  g_rmdir (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/board/places/profiles", test_profiles);
  g_test_add_func ("/board/places/q35", test_q35);
  return g_test_run ();
}

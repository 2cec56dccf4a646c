/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The library: follows the disk, makes, renames, deletes, restores, purges.
 */
#include "config.h"

#include "machine/library.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *top;

static VivLibrary *
new_library (void)
{
  static unsigned n;
  g_autofree char *name = g_strdup_printf ("library%u", n++);
  g_autofree char *path = g_build_filename (top, name, NULL);

  return viv_library_new (path);
}

static gboolean
on_late (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Until the library has n machines, at most 5 s. */
static void
wait_for_machines (VivLibrary *library, guint n)
{
  gboolean late = FALSE;
  guint timeout = g_timeout_add_seconds (5, on_late, &late);

  while (!late && g_list_model_get_n_items (G_LIST_MODEL (library)) != n)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, n);
  if (!late)
    g_source_remove (timeout);
}

static VivMachine *
create (VivLibrary *library, const char *name)
{
  g_autoptr (MachineDefinition) definition = definition_new (name);
  g_autoptr (GError) error = NULL;
  const VivNewImage image = { "disk0.img", 1024 * 1024 * 1024 };

  definition_add_drive (definition, DRIVE_DISK, "disk0.img");
  VivMachine *machine = viv_library_create (library, definition, &image, 1, &error);
  g_assert_no_error (error);
  return machine;
}

static void
test_create (void)
{
  g_autoptr (VivLibrary) library = new_library ();
  g_autoptr (VivMachine) a = create (library, "B one"), b = create (library, "A two");
  g_autoptr (VivMachine) first = g_list_model_get_item (G_LIST_MODEL (library), 0);
  g_autoptr (GError) error = NULL;
  struct stat info;

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, 2);
  g_assert_true (first == b);
  g_assert_cmpstr (viv_machine_get_state (a), ==, "off");
  g_assert_null (viv_machine_get_error (a));
  g_assert_cmpstr (viv_machine_get_uuid (a), !=, viv_machine_get_uuid (b));
  g_assert_cmpstr (viv_machine_get_definition (a)->mac, !=, viv_machine_get_definition (b)->mac);

  g_autofree char *disk = g_build_filename (viv_machine_get_folder (a), "disk0.img", NULL);
  g_assert_cmpint (stat (disk, &info), ==, 0);
  g_assert_cmpint (info.st_size, ==, 1024 * 1024 * 1024);
  g_assert_cmpint (info.st_blocks, <, 64);
  g_assert_cmpint (info.st_mode & 077, ==, 0);

  g_autoptr (MachineDefinition) again = definition_new ("B one");
  g_assert_null (viv_library_create (library, again, NULL, 0, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_EXISTS);
  g_clear_error (&error);

  /* A MAC that is taken is not given twice. */
  g_autoptr (MachineDefinition) copy = definition_copy (viv_machine_get_definition (a));
  g_free (copy->name);
  copy->name = g_strdup ("Copy");
  g_autoptr (VivMachine) c = viv_library_create (library, copy, NULL, 0, &error);
  g_assert_cmpstr (viv_machine_get_definition (c)->mac, !=, copy->mac);
  g_assert_cmpstr (viv_machine_get_uuid (c), !=, copy->uuid);
  g_assert_nonnull (strstr (viv_machine_get_error (c), "disk0.img"));

  /* An image that can't be made leaves nothing. */
  const VivNewImage bad = { "../escape.img", 512 };
  g_autoptr (MachineDefinition) d = definition_new ("D");
  g_assert_null (viv_library_create (library, d, &bad, 1, NULL));
  g_autoptr (GDir) directory = g_dir_open (viv_library_get_path (library), 0, NULL);
  unsigned folders = 0;
  while (g_dir_read_name (directory) != NULL)
    folders++;
  g_assert_cmpuint (folders, ==, 3);

  g_autofree char *n1 = viv_library_propose_name (library, "B one"),
                  *n2 = viv_library_propose_name (library, "/..:x?\xff"),
                  *n3 = viv_library_propose_name (library, NULL);
  g_assert_cmpstr (n1, ==, "B one 2");
  g_assert_true (definition_check_name (n2, NULL));
  g_assert_true (definition_check_name (n3, NULL));
}

static void
test_find (void)
{
  g_autoptr (VivLibrary) library = new_library ();
  g_autoptr (VivMachine) a = create (library, "abcd"), b = create (library, "other");
  g_autofree char *prefix = g_strndup (viv_machine_get_uuid (b), 13);
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) by_name = viv_library_find (library, "abcd", NULL),
                         by_uuid = viv_library_find (library, prefix, NULL);

  g_assert_true (by_name == a);
  g_assert_true (by_uuid == b);
  g_assert_null (viv_library_find (library, "nobody", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
}

static void
test_follows_disk (void)
{
  g_autoptr (VivLibrary) library = new_library ();
  g_autofree char *folder = g_build_filename (viv_library_get_path (library), "by hand", NULL);
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
  g_autofree char *moved = g_build_filename (viv_library_get_path (library), "moved", NULL);
  g_autoptr (MachineDefinition) definition = definition_new ("by hand");

  g_mkdir (folder, 0700);
  g_main_context_iteration (NULL, FALSE);
  g_assert_true (definition_save (definition, file, NULL));
  wait_for_machines (library, 1);
  g_autoptr (VivMachine) machine = g_list_model_get_item (G_LIST_MODEL (library), 0);

  /* A bad edit shows, and a good one mends it. */
  gboolean late = FALSE;
  g_assert_true (g_file_set_contents (file, "[machine]\nname=by hand\nmemory=lots\n", -1, NULL));
  guint timeout = g_timeout_add_seconds (5, on_late, &late);
  while (!late && !g_str_equal (viv_machine_get_state (machine), "broken"))
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpstr (viv_machine_get_state (machine), ==, "broken");
  g_assert_nonnull (strstr (viv_machine_get_error (machine), "memory"));
  g_assert_true (definition_save (definition, file, NULL));
  while (!late && !g_str_equal (viv_machine_get_state (machine), "off"))
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (late);
  g_source_remove (timeout);

  g_assert_cmpint (g_rename (folder, moved), ==, 0);
  /* One goes, one comes. */
  viv_library_rescan (library);
  wait_for_machines (library, 1);
  g_autoptr (VivMachine) now = g_list_model_get_item (G_LIST_MODEL (library), 0);
  g_assert_cmpstr (viv_machine_get_folder (now), ==, moved);
  g_assert_true (viv_remove_tree (moved, NULL));
  wait_for_machines (library, 0);
}

static void
test_rename (void)
{
  g_autoptr (VivLibrary) library = new_library ();
  g_autoptr (VivMachine) machine = create (library, "old"), other = create (library, "taken");
  g_autofree char *uuid = g_strdup (viv_machine_get_uuid (machine));
  g_autoptr (GError) error = NULL;

  g_assert_false (viv_library_rename (library, machine, "taken", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (viv_library_rename (library, machine, "a/b", NULL));
  g_assert_true (viv_library_rename (library, machine, "new", &error));
  g_assert_no_error (error);
  g_autoptr (VivMachine) renamed = viv_library_find (library, "new", &error);
  g_assert_cmpstr (viv_machine_get_uuid (renamed), ==, uuid);
  g_assert_true (g_str_has_suffix (viv_machine_get_folder (renamed), "/new"));
  g_assert_null (viv_library_find (library, "old", NULL));
}

static void
test_trash (void)
{
  g_autoptr (VivLibrary) library = new_library ();
  g_autoptr (VivMachine) machine = create (library, "doomed");
  g_autofree char *outside = g_build_filename (top, "outside", NULL);
  g_autofree char *uuid = g_strdup (viv_machine_get_uuid (machine));
  g_autofree char *link = g_build_filename (viv_machine_get_folder (machine), "link", NULL);
  g_autofree char *link_dir = g_build_filename (viv_machine_get_folder (machine), "dir", NULL);
  g_autofree char *keep = g_build_filename (outside, "keep", NULL);
  g_autoptr (GError) error = NULL;

  /* Things that only look as if they were in the folder. */
  g_mkdir (outside, 0700);
  g_assert_true (g_file_set_contents (keep, "x", -1, NULL));
  g_assert_cmpint (symlink (keep, link), ==, 0);
  g_assert_cmpint (symlink (outside, link_dir), ==, 0);

  g_autofree char *entry = viv_library_delete (library, machine, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (entry, "doomed-"));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, 0);
  g_auto (GStrv) trash = viv_library_list_trash (library);
  g_assert_cmpstr (trash[0], ==, entry);

  g_autoptr (VivMachine) back = viv_library_restore (library, entry, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_name (back), ==, "doomed");
  g_assert_cmpstr (viv_machine_get_uuid (back), ==, uuid);

  /* Undo when the name has been taken meanwhile. */
  g_autofree char *entry2 = viv_library_delete (library, back, &error);
  g_autoptr (VivMachine) usurper = create (library, "doomed");
  g_autoptr (VivMachine) again = viv_library_restore (library, entry2, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_name (again), ==, "doomed 2");

  g_autofree char *entry3 = viv_library_delete (library, again, &error);
  g_assert_true (viv_library_purge (library, entry3, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_test (keep, G_FILE_TEST_EXISTS));
  g_auto (GStrv) empty = viv_library_list_trash (library);
  g_assert_null (empty[0]);

  const char *bad[] = { "..", ".", "", "../doomed", "nothing-20260101-000000-000000", "x" };
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (viv_library_purge (library, bad[i], NULL));
      g_assert_null (viv_library_restore (library, bad[i], NULL));
    }
}

int
main (int argc, char **argv)
{
  top = g_dir_make_tmp ("viv-library-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", top, TRUE);
  g_setenv ("VIVARIUM_DATA_DIR", top, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/library/create", test_create);
  g_test_add_func ("/library/find", test_find);
  g_test_add_func ("/library/follows-disk", test_follows_disk);
  g_test_add_func ("/library/rename", test_rename);
  g_test_add_func ("/library/trash", test_trash);
  int status = g_test_run ();
  viv_remove_tree (top, NULL);
  g_free (top);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The library: follows the disk, makes, renames, deletes, restores, purges.
 */
#include "config.h"

#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/image-check.h"
#include "machine/local-host.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *top;

static VivLocalHost *
new_library (void)
{
  static unsigned n;
  g_autofree char *name = g_strdup_printf ("library%u", n++);
  g_autofree char *path = g_build_filename (top, name, NULL);

  return viv_local_host_new (path);
}

static gboolean
has_id (gconstpointer entry, gconstpointer id)
{
  return g_str_equal (((const VivTrashEntry *)entry)->id, id);
}

static gboolean
on_late (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Until the library has n machines, at most 5 s. */
static void
wait_for_machines (VivLocalHost *library, guint n)
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
create (VivLocalHost *library, const char *name)
{
  g_autoptr (MachineDefinition) definition = definition_new (name);
  g_autoptr (GError) error = NULL;
  const VivNewImage image = { "disk0.img", 1024 * 1024 * 1024 };

  definition_add_drive (definition, DRIVE_DISK, "disk0.img");
  VivMachine *machine = viv_local_host_create (library, definition, &image, 1, &error);
  g_assert_no_error (error);
  return machine;
}

/* Of its first card, which it is given for the question if it has none. */
static char *
mac_of (const MachineDefinition *definition)
{
  g_autoptr (MachineDefinition) copy = definition_copy (definition);

  if (definition_find (copy, "net0") == NULL)
    definition_add (copy, device_kind_find ("net"));
  return definition_mac (copy, definition_find (copy, "net0"));
}

static void
test_create (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autoptr (VivMachine) a = create (library, "B one"), b = create (library, "A two");
  g_autoptr (VivMachine) first = g_list_model_get_item (G_LIST_MODEL (library), 0);
  g_autoptr (GError) error = NULL;
  struct stat info;

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, 2);
  g_assert_true (first == b);
  g_assert_cmpstr (viv_machine_get_state (a), ==, "off");
  g_assert_null (viv_machine_get_error (a));
  g_assert_cmpstr (viv_machine_get_uuid (a), !=, viv_machine_get_uuid (b));
  g_autofree char *mac_a = mac_of (viv_machine_get_definition (a)),
                  *mac_b = mac_of (viv_machine_get_definition (b));
  g_assert_cmpstr (mac_a, !=, mac_b);

  g_autofree char *disk = g_build_filename (viv_machine_get_folder (a), "disk0.img", NULL);
  g_assert_cmpint (stat (disk, &info), ==, 0);
  g_assert_cmpint (info.st_size, ==, 1024 * 1024 * 1024);
  g_assert_cmpint (info.st_blocks, <, 64);
  g_assert_cmpint (info.st_mode & 077, ==, 0);

  g_autoptr (MachineDefinition) again = definition_new ("B one");
  g_assert_null (viv_local_host_create (library, again, NULL, 0, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_EXISTS);
  g_clear_error (&error);

  /* A MAC that is taken is not given twice. */
  g_autoptr (MachineDefinition) copy = definition_copy (viv_machine_get_definition (a));
  definition_put (copy, "machine.name", "Copy");
  g_autoptr (VivMachine) c = viv_local_host_create (library, copy, NULL, 0, &error);
  g_autofree char *mac_c = mac_of (viv_machine_get_definition (c));
  g_assert_cmpstr (mac_c, !=, mac_a);
  g_assert_cmpstr (viv_machine_get_uuid (c), !=, definition_text (copy, "machine.uuid"));
  while (viv_machine_is_checking (c))
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (strstr (viv_machine_get_error (c), "disk0.img"));

  /* An image that can't be made leaves nothing. */
  const VivNewImage bad = { "../escape.img", 512 };
  g_autoptr (MachineDefinition) d = definition_new ("D");
  g_assert_null (viv_local_host_create (library, d, &bad, 1, NULL));
  g_autoptr (GDir) directory = g_dir_open (viv_host_get_folder (VIV_HOST (library)), 0, NULL);
  unsigned folders = 0;
  while (g_dir_read_name (directory) != NULL)
    folders++;
  g_assert_cmpuint (folders, ==, 3);

  g_autofree char *n1 = viv_host_propose_name (VIV_HOST (library), "B one"),
                  *n2 = viv_host_propose_name (VIV_HOST (library), "/..:x?\xff"),
                  *n3 = viv_host_propose_name (VIV_HOST (library), NULL);
  g_assert_cmpstr (n1, ==, "B one 2");
  g_assert_true (definition_check_name (n2, NULL));
  g_assert_true (definition_check_name (n3, NULL));
}

static void
test_find (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autoptr (VivMachine) a = create (library, "abcd"), b = create (library, "other");
  g_autofree char *prefix = g_strndup (viv_machine_get_uuid (b), 13);
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) by_name = viv_host_find (VIV_HOST (library), "abcd", NULL),
                         by_uuid = viv_host_find (VIV_HOST (library), prefix, NULL);

  g_assert_true (by_name == a);
  g_assert_true (by_uuid == b);
  g_assert_null (viv_host_find (VIV_HOST (library), "nobody", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
}

/* A name is what people type; the folder's is derived from it. */
static void
test_names (void)
{
  static const struct
  {
    const char *name, *folder;
  } names[] = {
    { "C++", "C++" },
    { "Tom's PC", "Tom's PC" },
    { "R&D", "R&D" },
    { "a,b", "a,b" },
    { "Windows (test)", "Windows (test)" },
    { "🐧", "🐧" },
    { "a/b", "a_b" },
    { "a:b", "a_b 2" },
    { "..", "_" },
    { ".hidden", "_hidden" },
    { "..\\..", "_._" },
  };
  g_autoptr (VivLocalHost) library = new_library ();
  g_autoptr (GError) error = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autoptr (VivMachine) machine = create (library, names[i].name);
      g_autofree char *base = g_path_get_basename (viv_machine_get_folder (machine));
      g_autoptr (VivMachine) by_name = viv_host_find (VIV_HOST (library), names[i].name, &error);
      g_assert_no_error (error);
      g_assert_true (by_name == machine);
      g_assert_cmpstr (viv_machine_get_name (machine), ==, names[i].name);
      g_assert_cmpstr (base, ==, names[i].folder);
      g_autoptr (VivMachine) by_path
          = viv_host_find (VIV_HOST (library), viv_machine_get_folder (machine), &error);
      g_assert_true (by_path == machine);
    }
  g_autoptr (VivMachine) by_folder = viv_host_find (VIV_HOST (library), "a_b 2", &error);
  g_assert_cmpstr (viv_machine_get_name (by_folder), ==, "a:b");
  g_autofree char *proposed = viv_host_propose_name (VIV_HOST (library), "C++");
  g_assert_cmpstr (proposed, ==, "C++ 2");

  /* A name only in its letters' look: the folder stays as it is. */
  g_autofree char *before = g_strdup (viv_machine_get_folder (by_folder));
  g_assert_true (viv_local_host_rename (library, by_folder, "a?b", &error));
  g_assert_no_error (error);
  g_autoptr (VivMachine) renamed = viv_host_find (VIV_HOST (library), "a?b", &error);
  g_assert_nonnull (renamed);

  /* Two of one name, made by hand, are told apart by their folders. */
  g_autoptr (MachineDefinition) twin = definition_new ("R&D");
  g_autofree char *twin_folder = g_build_filename (viv_host_get_folder (VIV_HOST (library)), "twin", NULL);
  g_assert_true (viv_create_machine_folder (twin_folder, twin, NULL, 0, &error));
  viv_local_host_rescan (library);
  g_assert_null (viv_host_find (VIV_HOST (library), "R&D", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, twin_folder));
  g_clear_error (&error);
  g_autoptr (VivMachine) by_twin = viv_host_find (VIV_HOST (library), "twin", &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_uuid (by_twin), ==, definition_text (twin, "machine.uuid"));
}

static void
set_age (const char *folder, time_t seconds)
{
  const struct timespec times[2]
      = { { .tv_sec = time (NULL) - seconds }, { .tv_sec = time (NULL) - seconds } };

  g_assert_cmpint (utimensat (AT_FDCWD, folder, times, 0), ==, 0);
}

/* What a maker that was killed left is swept away, and nothing else. */
static void
test_sweep (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  const char *const path = viv_host_get_folder (VIV_HOST (library));
  g_autofree char *dead = g_build_filename (path, ".new-dead", NULL),
                  *alive = g_build_filename (path, ".new-alive", NULL),
                  *young = g_build_filename (path, ".new-young", NULL),
                  *other = g_build_filename (path, ".other", NULL);
  const char *const folders[] = { dead, alive, young, other };
  g_autoptr (MachineDefinition) definition = definition_new ("x");
  g_autoptr (GError) error = NULL;

  for (unsigned i = 0; i < G_N_ELEMENTS (folders); i++)
    g_assert_true (viv_create_machine_folder (folders[i], definition, NULL, 0, &error));
  int lock = viv_folder_lock (alive, VIV_LOCK_RUN, &error);
  set_age (dead, 3600);
  set_age (alive, 3600);
  set_age (other, 3600);
  g_autoptr (VivMachine) machine = create (library, "new");
  g_assert_false (g_file_test (dead, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (alive, G_FILE_TEST_IS_DIR));
  g_assert_true (g_file_test (young, G_FILE_TEST_IS_DIR));
  g_assert_true (g_file_test (other, G_FILE_TEST_IS_DIR));
  viv_folder_unlock (lock);
}

/* Undo takes what was named, not what begins so; a machine that is a link can be taken back, and purging it spares what it leads to. */
static void
test_trash_names (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autofree char *elsewhere = g_build_filename (top, "elsewhere", NULL);
  g_autofree char *link = g_build_filename (viv_host_get_folder (VIV_HOST (library)), "linked", NULL);
  g_autofree char *file = g_build_filename (elsewhere, "machine.ini", NULL);
  g_autoptr (MachineDefinition) definition = definition_new ("linked");
  g_autoptr (GError) error = NULL;
  g_autoptr (VivMachine) longer = create (library, "win-2003"), odd = create (library, "a/b");
  g_autofree char *gone = viv_local_host_trash (library, longer, &error);
  g_autofree char *odd_gone = viv_local_host_trash (library, odd, &error);

  g_assert_null (viv_trash_find (viv_local_host_get_trash (library), "win", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_autofree char *found = viv_trash_find (viv_local_host_get_trash (library), "win-2003", &error);
  g_assert_cmpstr (found, ==, gone);
  g_autofree char *odd_found = viv_trash_find (viv_local_host_get_trash (library), "a/b", &error);
  g_assert_cmpstr (odd_found, ==, odd_gone);
  g_autofree char *itself = viv_trash_find (viv_local_host_get_trash (library), gone, &error);
  g_assert_cmpstr (itself, ==, gone);

  g_assert_true (viv_create_machine_folder (elsewhere, definition, NULL, 0, &error));
  g_assert_cmpint (symlink (elsewhere, link), ==, 0);
  for (unsigned i = 0; i < 2; i++)
    {
      viv_local_host_rescan (library);
      g_autoptr (VivMachine) machine = viv_host_find (VIV_HOST (library), "linked", &error);
      g_assert_no_error (error);
      g_autofree char *entry = viv_local_host_trash (library, machine, &error);
      g_assert_no_error (error);
      g_autoptr (GPtrArray) trash = viv_trash_list (viv_local_host_get_trash (library));
      g_assert_true (g_ptr_array_find_with_equal_func (trash, entry, has_id, NULL));
      if (i == 0)
        {
          g_autoptr (VivMachine) back = viv_local_host_restore (library, entry, &error);
          g_assert_no_error (error);
          g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
        }
      else
        g_assert_true (viv_trash_purge (viv_local_host_get_trash (library), entry, &error));
    }
  g_assert_true (g_file_test (file, G_FILE_TEST_EXISTS));
}

static void
test_follows_disk (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autofree char *folder = g_build_filename (viv_host_get_folder (VIV_HOST (library)), "by hand", NULL);
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
  g_autofree char *moved = g_build_filename (viv_host_get_folder (VIV_HOST (library)), "moved", NULL);
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
  viv_local_host_rescan (library);
  wait_for_machines (library, 1);
  g_autoptr (VivMachine) now = g_list_model_get_item (G_LIST_MODEL (library), 0);
  g_assert_cmpstr (viv_machine_get_folder (now), ==, moved);
  g_assert_true (viv_remove_tree (moved, NULL));
  wait_for_machines (library, 0);
}

static void
on_reloaded (VivMachine *machine, GParamSpec *pspec, gpointer data)
{
  (*(unsigned *)data)++;
}

static gboolean
on_time (gpointer data)
{
  *(gboolean *)data = TRUE;
  return G_SOURCE_REMOVE;
}

/* A change of one machine is no other's business. */
static void
test_reloads_one (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autoptr (VivMachine) changed = create (library, "changed"), other = create (library, "other");
  const VivChange change = { "machine.memory", "64M" };
  unsigned changed_reloads = 0, other_reloads = 0;
  gboolean over = FALSE;
  g_autoptr (GError) error = NULL;

  /* What creating them brought is over. */
  g_timeout_add (500, on_time, &over);
  while (!over)
    g_main_context_iteration (NULL, TRUE);
  g_signal_connect (changed, "notify::definition", G_CALLBACK (on_reloaded), &changed_reloads);
  g_signal_connect (other, "notify::definition", G_CALLBACK (on_reloaded), &other_reloads);
  g_assert_true (viv_folder_edit (viv_machine_get_folder (changed), FALSE, &change, 1, &error));
  over = FALSE;
  guint timeout = g_timeout_add_seconds (20, on_time, &over);
  while (!over && changed_reloads == 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (over);
  g_source_remove (timeout);
  g_assert_cmpuint (definition_number (viv_machine_get_definition (changed), "machine.memory"), ==,
                    64ull << 20);
  viv_local_host_rescan (library);
  g_assert_cmpuint (other_reloads, ==, 0);
}

/* A server that is gone: who looks for what is on it hangs, until told that it is back. */
static struct
{
  GMutex lock;
  GCond change;
  gboolean back;
  unsigned hanging;
} server;

static gboolean
on_dead_server (const char *path)
{
  if (strstr (path, "/dead/") == NULL)
    return g_file_test (path, G_FILE_TEST_EXISTS);
  g_mutex_lock (&server.lock);
  server.hanging++;
  g_cond_broadcast (&server.change);
  while (!server.back)
    g_cond_wait (&server.change, &server.lock);
  g_mutex_unlock (&server.lock);
  return FALSE;
}

/* Images that can't even be looked for hold up nobody: listing, reloading and other machines go on; what is missing shows when it is
 * known. */
static void
test_dead_server (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autoptr (MachineDefinition) definition = definition_new ("remote");
  g_autoptr (GError) error = NULL;
  const VivChange change = { "machine.memory", "64M" };

  definition_add_drive (definition, DRIVE_CDROM, "/net/dead/cd.iso");
  g_autoptr (VivMachine) remote = viv_local_host_create (library, definition, NULL, 0, &error);
  g_assert_no_error (error);
  g_mutex_lock (&server.lock);
  while (server.hanging == 0)
    g_cond_wait (&server.change, &server.lock);
  g_mutex_unlock (&server.lock);

  /* It hangs, and we do not. */
  g_assert_true (viv_machine_is_checking (remote));
  g_assert_null (viv_machine_get_error (remote));
  g_assert_cmpstr (viv_machine_get_state (remote), ==, "off");
  viv_local_host_rescan (library);
  g_assert_true (viv_machine_edit (remote, &change, 1, &error));
  g_assert_cmpuint (definition_number (viv_machine_get_definition (remote), "machine.memory"), ==,
                    64ull << 20);
  g_autoptr (VivLocalHost) second = viv_local_host_new (viv_host_get_folder (VIV_HOST (library)));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (second)), ==, 1);
  g_autoptr (VivMachine) local = create (library, "local");
  const VivChange lost = { "disk0.path", "nowhere.img" };
  g_assert_true (viv_machine_edit (local, &lost, 1, &error));
  while (viv_machine_is_checking (local))
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (strstr (viv_machine_get_error (local), "nowhere.img"));
  const VivChange found = { "disk0.path", "disk0.img" };
  g_assert_true (viv_machine_edit (local, &found, 1, &error));
  while (viv_machine_is_checking (local))
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (viv_machine_get_error (local));
  g_assert_true (viv_machine_is_checking (remote));
  g_clear_object (&second);

  g_mutex_lock (&server.lock);
  server.back = TRUE;
  g_cond_broadcast (&server.change);
  g_mutex_unlock (&server.lock);
  while (viv_machine_is_checking (remote))
    g_main_context_iteration (NULL, TRUE);
  g_assert_nonnull (strstr (viv_machine_get_error (remote), "cd.iso"));
}

static void
on_purged (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **)data = g_object_ref (result);
}

static gboolean
purge (VivLocalHost *library, const char *entry, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  viv_host_purge (VIV_HOST (library), entry, NULL, on_purged, &result);
  g_assert_null (result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return viv_host_purge_finish (VIV_HOST (library), result, error);
}

static void
test_purge_async (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autoptr (VivMachine) machine = create (library, "doomed");
  g_autofree char *image = g_build_filename (viv_machine_get_folder (machine), "disk0.img", NULL);
  g_autofree char *data = g_strnfill (256 * 1024, 'x');
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (image, data, 256 * 1024, &error));
  g_autofree char *entry = viv_local_host_trash (library, machine, &error);
  g_autofree char *path = g_build_filename (viv_host_get_folder (VIV_HOST (library)), ".trash", entry, NULL);
  /* What it takes on the disk. */
  g_assert_cmpuint (viv_space_taken (path), >=, 256 * 1024);
  g_assert_cmpuint (viv_space_taken (path), <, 16 * 1024 * 1024);

  /* Somebody has it. */
  int lock = viv_folder_lock (path, VIV_LOCK_RUN, &error);
  g_assert_false (purge (library, entry, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
  g_clear_error (&error);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_DIR));
  /* And is removing it: what is left of it doesn't come back. */
  g_assert_null (viv_local_host_restore (library, entry, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_DIR));
  viv_folder_unlock (lock);
  g_autoptr (VivMachine) back = viv_local_host_restore (library, entry, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_state (back), ==, "off");
  g_free (entry);
  g_free (path);
  entry = viv_local_host_trash (library, back, &error);
  path = g_build_filename (viv_host_get_folder (VIV_HOST (library)), ".trash", entry, NULL);

  g_assert_true (purge (library, entry, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
  g_assert_false (purge (library, entry, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
}

static void
test_rename (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
  g_autoptr (VivMachine) machine = create (library, "old"), other = create (library, "taken");
  g_autofree char *uuid = g_strdup (viv_machine_get_uuid (machine));
  g_autoptr (GError) error = NULL;

  g_assert_false (viv_local_host_rename (library, machine, "taken", &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_EXISTS);
  g_clear_error (&error);
  g_assert_false (viv_local_host_rename (library, machine, "a\nb", NULL));
  g_assert_true (viv_local_host_rename (library, machine, "new", &error));
  g_assert_no_error (error);
  g_autoptr (VivMachine) renamed = viv_host_find (VIV_HOST (library), "new", &error);
  g_assert_cmpstr (viv_machine_get_uuid (renamed), ==, uuid);
  g_assert_true (g_str_has_suffix (viv_machine_get_folder (renamed), "/new"));
  g_assert_null (viv_host_find (VIV_HOST (library), "old", NULL));
}

static void
test_trash (void)
{
  g_autoptr (VivLocalHost) library = new_library ();
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

  g_autofree char *entry = viv_local_host_trash (library, machine, &error);
  g_assert_no_error (error);
  g_assert_true (g_str_has_prefix (entry, "doomed-"));
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (library)), ==, 0);
  g_autoptr (GPtrArray) trash = viv_trash_list (viv_local_host_get_trash (library));
  g_assert_cmpuint (trash->len, ==, 1);
  g_assert_true (has_id (trash->pdata[0], entry));
  g_assert_cmpstr (((VivTrashEntry *)trash->pdata[0])->name, ==, "doomed");
  g_assert_cmpint (g_get_real_time () / G_USEC_PER_SEC - ((VivTrashEntry *)trash->pdata[0])->when, <, 3600);

  g_autoptr (VivMachine) back = viv_local_host_restore (library, entry, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_name (back), ==, "doomed");
  g_assert_cmpstr (viv_machine_get_uuid (back), ==, uuid);

  /* Undo when the name has been taken meanwhile. */
  g_autofree char *entry2 = viv_local_host_trash (library, back, &error);
  g_autoptr (VivMachine) usurper = create (library, "doomed");
  g_autoptr (VivMachine) again = viv_local_host_restore (library, entry2, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (viv_machine_get_name (again), ==, "doomed 2");

  g_autofree char *entry3 = viv_local_host_trash (library, again, &error);
  g_assert_true (viv_trash_purge (viv_local_host_get_trash (library), entry3, &error));
  g_assert_no_error (error);
  g_assert_true (g_file_test (keep, G_FILE_TEST_EXISTS));
  g_autoptr (GPtrArray) empty = viv_trash_list (viv_local_host_get_trash (library));
  g_assert_cmpuint (empty->len, ==, 0);

  const char *bad[] = { "..", ".", "", "../doomed", "nothing-20260101-000000-000000", "x" };
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (viv_trash_purge (viv_local_host_get_trash (library), bad[i], NULL));
      g_assert_null (viv_local_host_restore (library, bad[i], NULL));
    }
}

int
main (int argc, char **argv)
{
  top = g_dir_make_tmp ("viv-library-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", top, TRUE);
  g_setenv ("VIVARIUM_DATA_DIR", top, TRUE);
  viv_image_exists = on_dead_server; /* before there are threads that ask */
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/library/create", test_create);
  g_test_add_func ("/library/find", test_find);
  g_test_add_func ("/library/names", test_names);
  g_test_add_func ("/library/sweep", test_sweep);
  g_test_add_func ("/library/trash-names", test_trash_names);
  g_test_add_func ("/library/follows-disk", test_follows_disk);
  g_test_add_func ("/library/reloads-one", test_reloads_one);
  g_test_add_func ("/library/dead-server", test_dead_server);
  g_test_add_func ("/library/purge-async", test_purge_async);
  g_test_add_func ("/library/rename", test_rename);
  g_test_add_func ("/library/trash", test_trash);
  int status = g_test_run ();
  viv_remove_tree (top, NULL);
  g_free (top);
  return status;
}

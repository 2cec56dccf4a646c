/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Changes of a definition by several programs at once, locks on a folder, and files written whole or not at all.
 */
#include "config.h"

#include "machine/edit.h"
#include "machine/folder-lock.h"
#include "machine/local-machine.h"
#include "machine/local-host.h"
#include "machine/output-file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 3
#define EDITS   350

static char *top;

/* A folder with a definition in it, as a library would make it. */
static char *
make_folder (const char *name)
{
  g_autoptr (MachineDefinition) definition = definition_new (name);
  g_autoptr (GError) error = NULL;
  char *folder = g_build_filename (top, name, NULL);

  g_assert_true (viv_create_machine_folder (folder, definition, NULL, 0, &error));
  g_assert_no_error (error);
  return folder;
}

static char *
get (const char *folder, const char *key)
{
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (MachineDefinition) definition = definition_load (file, &error);

  g_assert_no_error (error);
  return definition_get (definition, key, &error);
}

static void
assert_key (const char *folder, const char *key, const char *value)
{
  g_autofree char *there = get (folder, key);

  g_assert_cmpstr (there, ==, value);
}

/* Each writer has keys of its own: whatever the others do, it finds there what it wrote last.  `machine`: through that object, which shows it,
 * as the application does; NULL: as vivctl. */
static int
write_at_random (const char *folder, unsigned writer, VivMachine *machine)
{
  static const char *const keys[WRITERS][2] = {
    { "machine.append", "machine.memory" },
    { "disk0.path", "display0.vnc-address" },
    { "cdrom0.path", "machine.cpus" },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (writer + 1);
  g_autofree char *last_0 = get (folder, keys[writer][0]), *last_1 = get (folder, keys[writer][1]);
  char **const last[2] = { &last_0, &last_1 };

  for (unsigned i = 0; i < EDITS; i++)
    {
      unsigned which = g_rand_int_range (rand, 0, 2);
      guint32 number = g_rand_int_range (rand, 1, 64);
      g_autofree char *value = which == 0    ? g_strdup_printf ("text %u of %u", i, writer)
                               : writer == 0 ? g_strdup_printf ("%uM", number)
                               : writer == 1 ? g_strdup_printf ("127.0.0.1:%u", number)
                                             : g_strdup_printf ("%u", number);
      const VivChange change = { keys[writer][which], value };
      for (unsigned k = 0; k < 2; k++)
        {
          g_autofree char *there = get (folder, keys[writer][k]);
          if (g_strcmp0 (there, *last[k]) != 0)
            return 1;
        }
      /* On a host that is busy enough one of them may find the lock taken whenever it looks. */
      g_autoptr (GError) error = NULL;
      while (!(machine != NULL ? viv_machine_edit (machine, &change, 1, &error)
                               : viv_folder_edit (folder, FALSE, &change, 1, &error)))
        {
          if (!g_error_matches (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_BUSY))
            return 2;
          g_clear_error (&error);
        }
      if (machine != NULL)
        {
          g_autofree char *shown = definition_get (viv_machine_get_definition (machine), change.key, NULL);
          if (g_strcmp0 (shown, value) != 0)
            return 3;
          while (g_main_context_iteration (NULL, FALSE))
            ;
        }
      g_free (*last[which]);
      *last[which] = g_steal_pointer (&value);
    }
  return 0;
}

static void
test_writers (void)
{
  g_autofree char *folder = make_folder ("writers");
  const VivChange drives[]
      = { { "disk+.path", "x" }, { "cdrom+.path", "y" }, { "display0.vnc-address", "127.0.0.1:1" } };
  g_autoptr (GError) error = NULL;
  pid_t writers[WRITERS];

  g_assert_true (viv_folder_edit (folder, FALSE, drives, G_N_ELEMENTS (drives), &error));
  g_assert_no_error (error);
  for (unsigned i = 1; i < WRITERS; i++)
    {
      writers[i] = fork ();
      if (writers[i] == 0)
        _exit (write_at_random (folder, i, NULL));
    }
  {
    g_autoptr (VivMachine) machine = viv_local_machine_new (folder);

    g_assert_cmpint (write_at_random (folder, 0, machine), ==, 0);
  }
  for (unsigned i = 1; i < WRITERS; i++)
    {
      int status;
      g_assert_cmpint (waitpid (writers[i], &status, 0), ==, writers[i]);
      g_assert_cmpint (status, ==, 0);
    }
}

static void
test_edit (void)
{
  g_autofree char *folder = make_folder ("edit");
  g_autoptr (VivMachine) machine = viv_local_machine_new (folder);
  const MachineDefinition *held = viv_machine_get_definition (machine);
  g_autoptr (MachineDefinition) before = definition_ref ((MachineDefinition *)held);
  g_autoptr (GError) error = NULL;

  /* What somebody holds does not change; what the machine shows does. */
  const VivChange memory = { "machine.memory", "64M" };
  g_assert_true (viv_machine_edit (machine, &memory, 1, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (definition_number (before, "machine.memory"), ==, 512ull << 20);
  g_assert_cmpuint (definition_number (viv_machine_get_definition (machine), "machine.memory"), ==,
                    64ull << 20);

  /* A change that was made by hand meanwhile is kept. */
  g_autofree char *file = g_build_filename (folder, "machine.ini", NULL);
  g_autoptr (MachineDefinition) by_hand = definition_load (file, NULL);
  g_assert_true (definition_set (by_hand, "machine.cpus", "4", NULL));
  g_assert_true (definition_save (by_hand, file, NULL));
  const VivChange boot = { "machine.boot", "cda" };
  g_assert_true (viv_machine_edit (machine, &boot, 1, &error));
  assert_key (folder, "machine.cpus", "4");
  assert_key (folder, "machine.boot", "cda");

  /* All or none. */
  const VivChange bad[] = { { "machine.cpus", "8" }, { "machine.memory", "lots" } };
  g_assert_false (viv_machine_edit (machine, bad, 2, &error));
  g_assert_error (error, DEFINITION_ERROR, DEFINITION_ERROR_SYNTAX);
  g_clear_error (&error);
  assert_key (folder, "machine.cpus", "4");

  /* Drives: added by kind, taken out by name. */
  const VivChange add[] = { { "disk+.path", "a.img" }, { "disk+.readonly", "true" } },
                  add_again = { "disk+.path", "b.img" }, none = { "disk0", NULL },
                  missing = { "disk7", NULL };
  g_assert_true (viv_machine_edit (machine, add, 2, &error));
  g_assert_true (viv_machine_edit (machine, &add_again, 1, &error));
  assert_key (folder, "disk0.readonly", "true");
  assert_key (folder, "disk1.path", "b.img");
  g_assert_true (viv_machine_edit (machine, &none, 1, &error));
  g_assert_null (definition_find_drive (viv_machine_get_definition (machine), "disk0"));
  g_assert_false (viv_machine_edit (machine, &missing, 1, &error));
  g_clear_error (&error);

  /* The name is the library's. */
  const VivChange name = { "machine.name", "other" };
  g_assert_false (viv_machine_edit (machine, &name, 1, &error));
  g_clear_error (&error);

  /* What writers that were killed left is gone after the next change; other files are not. */
  static const char *const leftovers[] = { "machine.ini.AbC123", ".machine.ini.x1Y2z3" }, *const others[] = {
    "machine.ini.bak", "machine.ini.AbC1234", "notes.AbC123"
  };
  for (unsigned i = 0; i < 2; i++)
    {
      g_autofree char *path = g_build_filename (folder, leftovers[i], NULL);
      g_assert_true (g_file_set_contents (path, "x", 1, NULL));
    }
  for (unsigned i = 0; i < 3; i++)
    {
      g_autofree char *path = g_build_filename (folder, others[i], NULL);
      g_assert_true (g_file_set_contents (path, "x", 1, NULL));
    }
  g_assert_true (viv_machine_edit (machine, &boot, 1, &error));
  for (unsigned i = 0; i < 2; i++)
    {
      g_autofree char *path = g_build_filename (folder, leftovers[i], NULL);
      g_assert_false (g_file_test (path, G_FILE_TEST_EXISTS));
    }
  for (unsigned i = 0; i < 3; i++)
    {
      g_autofree char *path = g_build_filename (folder, others[i], NULL);
      g_assert_true (g_file_test (path, G_FILE_TEST_EXISTS));
    }

  /* Of a folder that is gone nothing is made anew. */
  g_assert_true (viv_remove_tree (folder, NULL));
  g_assert_false (viv_machine_edit (machine, &boot, 1, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
}

static void
test_locks (void)
{
  g_autofree char *folder = make_folder ("locks");
  g_autofree char *other = g_build_filename (top, "locks moved", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_false (viv_folder_is_running (folder));
  int lock = viv_folder_lock (folder, VIV_LOCK_RUN, &error);
  g_assert_cmpint (lock, >=, 0);
  g_assert_true (viv_folder_is_running (folder));
  g_assert_cmpint (viv_folder_find_monitor (folder), ==, getpid ());
  g_assert_cmpint (viv_folder_lock (folder, VIV_LOCK_RUN | VIV_LOCK_DEFINITION, &error), ==, -1);
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
  g_clear_error (&error);
  /* A running machine's definition can be changed. */
  int definition = viv_folder_lock (folder, VIV_LOCK_DEFINITION, &error);
  g_assert_no_error (error);
  viv_folder_unlock (definition);
  const VivChange uuid = { "machine.uuid", "0b5f4d0c-6a3c-4b5e-9d4e-0a2f7c1b8e11" },
                  cpus = { "machine.cpus", "2" };
  g_assert_true (viv_folder_edit (folder, FALSE, &cpus, 1, &error));
  g_assert_false (viv_folder_edit (folder, FALSE, &uuid, 1, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
  g_clear_error (&error);

  /* A lock goes with the folder, and with a copy of the descriptor. */
  int copy = dup (lock);
  viv_folder_unlock (lock);
  g_assert_cmpint (g_rename (folder, other), ==, 0);
  g_assert_true (viv_folder_is_running (other));
  viv_folder_unlock (copy);
  g_assert_false (viv_folder_is_running (other));
  g_assert_cmpint (viv_folder_find_monitor (other), ==, 0);
  g_assert_cmpint (viv_folder_lock (folder, VIV_LOCK_RUN, &error), ==, -1);
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_NOT_FOUND);
}

static void
assert_content (const char *path, const char *content)
{
  g_autofree char *there = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_get_contents (path, &there, NULL, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (there, ==, content);
}

static gpointer
read_fifo (gpointer path)
{
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

/* In place of the C library's: which is synced when. */
static GString *synced;

int
fsync (int fd)
{
  struct stat info;

  if (synced != NULL && fstat (fd, &info) == 0)
    g_string_append (synced, S_ISDIR (info.st_mode) ? "folder " : "file ");
  return (int)syscall (SYS_fsync, fd);
}

/* A power cut leaves the old or the new: first the file is on the disk, then its name. */
static void
test_power_cut (void)
{
  g_autofree char *file = g_build_filename (top, "durable", NULL);
  g_autoptr (MachineDefinition) definition = definition_new ("durable");
  g_autoptr (GError) error = NULL;

  synced = g_string_new (NULL);
  g_assert_true (viv_write_file (file, "one", 3, 0640, &error));
  g_assert_cmpstr (synced->str, ==, "file folder ");
  g_string_truncate (synced, 0);
  g_assert_true (definition_save (definition, file, &error));
  g_assert_no_error (error);
  g_assert_cmpstr (synced->str, ==, "file folder ");
  g_string_free (g_steal_pointer (&synced), TRUE);
}

static void
test_output (void)
{
  g_autofree char *folder = g_build_filename (top, "output", NULL);
  g_autofree char *file
      = g_build_filename (folder, "file", NULL),
      *link = g_build_filename (folder, "link", NULL), *far = g_build_filename (folder, "dir", "far", NULL),
      *dir = g_build_filename (folder, "dir", NULL), *fifo = g_build_filename (folder, "fifo", NULL),
      *loop = g_build_filename (folder, "loop", NULL);
  g_autoptr (GError) error = NULL;
  struct stat info;

  g_mkdir (folder, 0700);
  g_mkdir (dir, 0700);
  g_assert_true (viv_write_file (file, "one", 3, 0640, &error));
  assert_content (file, "one");
  /* Its mode stays; who has the old one open keeps that. */
  g_assert_cmpint (chmod (file, 0604), ==, 0);
  int old = open (file, O_RDONLY);
  g_assert_true (viv_write_file (file, "two", 3, 0640, &error));
  assert_content (file, "two");
  g_assert_cmpint (stat (file, &info), ==, 0);
  g_assert_cmpint (info.st_mode & 07777, ==, 0604);
  char byte;
  g_assert_cmpint (read (old, &byte, 1), ==, 1);
  g_assert_cmpint (byte, ==, 'o');
  close (old);

  /* Without a commit nothing is there, and nothing is left. */
  VivOutputFile *unused = viv_output_file_new (far, 0600, &error);
  g_assert_cmpint (write (viv_output_file_fd (unused), "x", 1), ==, 1);
  viv_output_file_free (unused);
  g_autoptr (GDir) empty = g_dir_open (dir, 0, NULL);
  g_assert_null (g_dir_read_name (empty));

  /* Links: the target is written, whether it is there or not. */
  g_assert_cmpint (symlink ("dir/far", link), ==, 0);
  for (unsigned i = 0; i < 2; i++)
    {
      g_assert_true (viv_write_file (link, i == 0 ? "far" : "FAR", 3, 0600, &error));
      g_assert_no_error (error);
      g_assert_true (g_file_test (link, G_FILE_TEST_IS_SYMLINK));
      assert_content (far, i == 0 ? "far" : "FAR");
    }
  g_assert_cmpint (symlink ("loop", loop), ==, 0);
  g_assert_false (viv_write_file (loop, "x", 1, 0600, &error));
  g_clear_error (&error);

  /* A FIFO and a device are written to and stay what they are. */
  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_autoptr (GThread) reader = g_thread_new ("reader", read_fifo, fifo);
  g_assert_true (viv_write_file (fifo, "through", 7, 0600, &error));
  g_assert_no_error (error);
  g_autofree char *through = g_thread_join (g_steal_pointer (&reader));
  g_assert_cmpstr (through, ==, "through");
  g_assert_cmpint (lstat (fifo, &info), ==, 0);
  g_assert_true (S_ISFIFO (info.st_mode));
  g_assert_true (viv_write_file ("/dev/null", "x", 1, 0600, &error));
  g_assert_cmpint (lstat ("/dev/null", &info), ==, 0);
  g_assert_true (S_ISCHR (info.st_mode));
  g_assert_false (viv_write_file ("/dev/full", "x", 1, 0600, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_clear_error (&error);
  g_assert_false (viv_write_file (dir, "x", 1, 0600, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_ISDIR);
}

int
main (int argc, char **argv)
{
  top = g_dir_make_tmp ("viv-edit-XXXXXX", NULL);
  g_setenv ("XDG_RUNTIME_DIR", top, TRUE);
  g_setenv ("VIVARIUM_DATA_DIR", top, TRUE);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/edit/writers", test_writers);
  g_test_add_func ("/edit/edit", test_edit);
  g_test_add_func ("/edit/locks", test_locks);
  g_test_add_func ("/edit/output", test_output);
  g_test_add_func ("/edit/power-cut", test_power_cut);
  int status = g_test_run ();
  viv_remove_tree (top, NULL);
  g_free (top);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A machine with what another one has: what is copied, what serves both, and what leaves nothing behind.
 */
#include "config.h"

#include "machine/clone.h"

#include "machine/folder-lock.h"
#include "machine/local-host.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *top;
static VivLocalHost *library;
static VivMachine *first;

static void
put (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *parent = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (parent, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

static void
assert_has (const char *folder, const char *name, const char *text)
{
  g_autofree char *path = g_build_filename (folder, name, NULL), *content = NULL;

  g_file_get_contents (path, &content, NULL, NULL);
  g_assert_cmpstr (content, ==, text);
}

static unsigned
hidden (void)
{
  g_autoptr (GDir) folder = g_dir_open (viv_host_get_folder (VIV_HOST (library)), 0, NULL);
  const char *name;
  unsigned n = 0;

  while ((name = g_dir_read_name (folder)) != NULL)
    n += name[0] == '.' && g_str_has_prefix (name, ".new-");
  return n;
}

/* A machine with a disk of its own, one elsewhere, one that throws changes away, a CD, variables and a TPM. */
static void
setup (void)
{
  static unsigned n;
  g_autofree char *name = g_strdup_printf ("library%u", n++), *path = g_build_filename (top, name, NULL);
  g_autofree char *elsewhere = g_build_filename (top, "elsewhere", "disk0.img", NULL),
                  *base = g_build_filename (top, "elsewhere", "base.img", NULL),
                  *disc = g_build_filename (top, "elsewhere", "disc.iso", NULL);
  g_autoptr (MachineDefinition) definition = definition_new ("First");
  g_autoptr (GError) error = NULL;
  const VivNewImage image = { .file = "disk0.img", .size = 4096 };

  put (top, "elsewhere/disk0.img", "theirs");
  put (top, "elsewhere/base.img", "base");
  put (top, "elsewhere/disc.iso", "disc");
  definition_add_drive (definition, DRIVE_DISK, "disk0.img");
  definition_add_drive (definition, DRIVE_DISK, elsewhere);
  machine_device_put (definition_add_drive (definition, DRIVE_DISK, base), "discard", "true");
  definition_add_drive (definition, DRIVE_CDROM, disc);
  definition_put (definition, "machine.firmware", "uefi");
  definition_add (definition, device_kind_find ("tpm"));
  library = viv_local_host_new (path);
  first = viv_local_host_create (library, definition, &image, 1, &error);
  g_assert_no_error (error);
  put (viv_machine_get_folder (first), "disk0.img", "mine");
  put (viv_machine_get_folder (first), "uefi-variables.fd", "variables");
  put (viv_machine_get_folder (first), "tpm/tpm2-00.permall", "sealed");
  put (viv_machine_get_folder (first), "log", "what was");
}

static void
teardown (void)
{
  g_clear_object (&first);
  g_clear_object (&library);
}

static VivClone *
begin (const char *name, gboolean new_tpm, GError **error)
{
  return viv_clone_new (viv_host_get_folder (VIV_HOST (library)), viv_machine_get_definition (first), name,
                        new_tpm, error);
}

static VivMachine *
make (const char *name, gboolean new_tpm)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VivClone) clone = begin (name, new_tpm, &error);
  const VivNewImage *images;
  VivMachine *made;
  unsigned n;

  g_assert_no_error (error);
  g_assert_true (viv_clone_copy (clone, NULL, NULL, NULL, &error));
  g_assert_cmpuint (hidden (), ==, 1);
  images = viv_clone_images (clone, &n);
  made = viv_local_host_create (library, viv_clone_definition (clone), images, n, &error);
  g_assert_no_error (error);
  return made;
}

static void
test_whole (void)
{
  setup ();
  g_autoptr (VivMachine) second = make ("Second", FALSE);
  const char *folder = viv_machine_get_folder (second);
  const MachineDefinition *mine = viv_machine_get_definition (second),
                          *theirs = viv_machine_get_definition (first);

  g_assert_cmpuint (hidden (), ==, 0);
  g_assert_cmpstr (viv_machine_get_name (second), ==, "Second");
  g_assert_cmpstr (viv_machine_get_uuid (second), !=, viv_machine_get_uuid (first));
  g_assert_cmpstr (folder, !=, viv_machine_get_folder (first));
  assert_has (folder, definition_text (mine, "disk0.path"), "mine");
  assert_has (folder, definition_text (mine, "disk1.path"), "theirs");
  g_assert_false (g_path_is_absolute (definition_text (mine, "disk1.path")));
  g_assert_cmpstr (definition_text (mine, "disk2.path"), ==, definition_text (theirs, "disk2.path"));
  g_assert_cmpstr (definition_text (mine, "cdrom0.path"), ==, definition_text (theirs, "cdrom0.path"));
  g_assert_cmpstr (definition_text (mine, "machine.firmware"), ==, "uefi");
  assert_has (folder, "uefi-variables.fd", "variables");
  assert_has (folder, "tpm/tpm2-00.permall", "sealed");
  assert_has (folder, "log", NULL);
  /* What one writes isn't the other's. */
  put (folder, definition_text (mine, "disk1.path"), "changed");
  assert_has (top, "elsewhere/disk0.img", "theirs");
  teardown ();
}

static void
test_new_tpm (void)
{
  setup ();
  g_autoptr (VivMachine) second = make ("Second", TRUE);

  assert_has (viv_machine_get_folder (second), "tpm/tpm2-00.permall", NULL);
  assert_has (viv_machine_get_folder (second), "uefi-variables.fd", "variables");
  g_assert_nonnull (definition_find (viv_machine_get_definition (second), "tpm0"));
  teardown ();
}

/* Not while it runs, nor of two moments; nothing is left of it. */
static void
test_running (void)
{
  g_autoptr (GError) error = NULL;

  setup ();
  int lock = viv_folder_lock (viv_machine_get_folder (first), VIV_LOCK_RUN, &error);
  g_assert_cmpint (lock, >=, 0);
  g_assert_null (begin ("Second", FALSE, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
  g_clear_error (&error);
  viv_folder_unlock (lock);

  VivClone *clone = begin ("Second", FALSE, &error);
  g_assert_no_error (error);
  lock = viv_folder_lock (viv_machine_get_folder (first), VIV_LOCK_RUN, &error);
  g_assert_false (viv_clone_copy (clone, NULL, NULL, NULL, &error));
  g_assert_error (error, VIV_MACHINE_ERROR, VIV_MACHINE_ERROR_RUNNING);
  g_clear_error (&error);
  viv_folder_unlock (lock);
  viv_clone_free (clone);

  /* It was on and is off again. */
  clone = begin ("Second", FALSE, &error);
  g_usleep (20000); /* a file system's clock has ticks */
  put (viv_machine_get_folder (first), "disk0.img", "else");
  g_assert_false (viv_clone_copy (clone, NULL, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "disk0.img has changed"));
  g_clear_error (&error);
  viv_clone_free (clone);
  g_assert_cmpuint (hidden (), ==, 0);
  teardown ();
}

static void
test_stopped (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  setup ();
  VivClone *clone = begin ("Second", FALSE, &error);
  g_cancellable_cancel (cancellable);
  g_assert_false (viv_clone_copy (clone, cancellable, NULL, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  viv_clone_free (clone);
  g_clear_error (&error);
  g_assert_cmpuint (hidden (), ==, 0);

  /* A disk that isn't a file. */
  put (top, "elsewhere/folder/x", "");
  g_autofree char *folder = g_build_filename (top, "elsewhere", "folder", NULL);
  g_autoptr (MachineDefinition) wrong = definition_copy (viv_machine_get_definition (first));
  definition_put (wrong, "disk1.path", folder);
  clone = viv_clone_new (viv_host_get_folder (VIV_HOST (library)), wrong, "Second", FALSE, &error);
  g_assert_no_error (error);
  g_assert_false (viv_clone_copy (clone, NULL, NULL, NULL, &error));
  g_assert_nonnull (strstr (error->message, "elsewhere/folder"));
  viv_clone_free (clone);
  g_assert_cmpuint (hidden (), ==, 0);
  teardown ();
}

static double last;

static void
on_progress (double fraction, gpointer data)
{
  g_assert_cmpfloat (fraction, >=, last);
  g_assert_cmpfloat (fraction, <=, 1);
  last = fraction;
}

/* Over all files together; two drives with one image have one copy. */
static void
test_progress (void)
{
  g_autoptr (GError) error = NULL;

  setup ();
  g_autoptr (MachineDefinition) twice = definition_copy (viv_machine_get_definition (first));
  definition_add_drive (twice, DRIVE_FLOPPY, "disk0.img");
  g_autoptr (VivClone) clone
      = viv_clone_new (viv_host_get_folder (VIV_HOST (library)), twice, "Second", FALSE, &error);
  g_assert_no_error (error);
  g_assert_true (viv_clone_copy (clone, NULL, on_progress, NULL, &error));
  g_assert_cmpfloat (last, ==, 1);
  g_assert_cmpstr (definition_text (viv_clone_definition (clone), "floppy0.path"), ==,
                   definition_text (viv_clone_definition (clone), "disk0.path"));
  teardown ();
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  g_test_init (&argc, &argv, NULL);
  top = g_dir_make_tmp ("viv-clone-XXXXXX", &error);
  g_assert_no_error (error);
  g_test_add_func ("/clone/whole", test_whole);
  g_test_add_func ("/clone/new-tpm", test_new_tpm);
  g_test_add_func ("/clone/running", test_running);
  g_test_add_func ("/clone/stopped", test_stopped);
  g_test_add_func ("/clone/progress", test_progress);
  int status = g_test_run ();
  viv_remove_tree (top, NULL);
  g_free (top);
  return status;
}

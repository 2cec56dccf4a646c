/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files of snapshots: none has a name before it is whole, and none of the past is touched, whatever numbers come.
 */
#include "broker/snapshots.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *machine, *folder;

/* What the file system hasn't got (meson.build has the linker hand us these calls). */
static int no_unnamed, no_links, no_keeping; /* an errno, or 0 */

int __real_openat (int at, const char *path, int flags, mode_t mode);
int __real_openat64 (int at, const char *path, int flags, mode_t mode);
int __real_linkat (int from, const char *path, int to, const char *name, int flags);
int __wrap_openat (int at, const char *path, int flags, mode_t mode);
int __wrap_openat64 (int at, const char *path, int flags, mode_t mode);
int __wrap_linkat (int from, const char *path, int to, const char *name, int flags);
int __real_renameat2 (int from, const char *path, int to, const char *name, unsigned flags);
int __wrap_renameat2 (int from, const char *path, int to, const char *name, unsigned flags);

static gboolean
refused (int flags)
{
  if (no_unnamed == 0 || (flags & O_TMPFILE) != O_TMPFILE)
    return FALSE;
  errno = no_unnamed;
  return TRUE;
}

int
__wrap_openat (int at, const char *path, int flags, mode_t mode)
{
  return refused (flags) ? -1 : __real_openat (at, path, flags, mode);
}

int
__wrap_openat64 (int at, const char *path, int flags, mode_t mode)
{
  return refused (flags) ? -1 : __real_openat64 (at, path, flags, mode);
}

int
__wrap_linkat (int from, const char *path, int to, const char *name, int flags)
{
  if (no_links == 0)
    return __real_linkat (from, path, to, name, flags);
  errno = no_links;
  return -1;
}

int
__wrap_renameat2 (int from, const char *path, int to, const char *name, unsigned flags)
{
  if (no_keeping == 0 || flags == 0)
    return __real_renameat2 (from, path, to, name, flags);
  errno = no_keeping;
  return -1;
}

static unsigned
n_entries (void)
{
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  unsigned n = 0;

  while (entries != NULL && g_dir_read_name (entries) != NULL)
    n++;
  return n;
}

static char *
text_of (const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return text;
}

static void
clear (void)
{
  g_autoptr (GDir) entries = g_dir_open (folder, 0, NULL);
  const char *name;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      g_remove (path);
    }
  g_rmdir (folder);
}

static unsigned
add (BrokerSnapshots *snapshots, unsigned kind, unsigned index, const char *text)
{
  unsigned number = 1000;
  int fd = -1;

  g_assert_cmpint (broker_snapshots_add (snapshots, kind, index, strlen (text), &number, &fd), ==, 0);
  g_assert_cmpint (write (fd, text, strlen (text)), ==, (gssize)strlen (text));
  close (fd);
  return number;
}

static void
test_keep (void)
{
  BrokerSnapshots *snapshots = broker_snapshots_new (machine);
  struct stat info;

  g_assert_false (g_file_test (folder, G_FILE_TEST_EXISTS));
  unsigned disk = add (snapshots, FAMILY_NEW_DISK, 3, "disk"),
           memory = add (snapshots, FAMILY_NEW_MEMORY, 0, "memory"),
           picture = add (snapshots, FAMILY_NEW_PICTURE, 0, "picture");
  g_assert_cmpint (stat (folder, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0700);
  g_assert_cmpuint (n_entries (), ==, 0);
  g_assert_cmpint (broker_snapshots_keep (snapshots, disk, 7), ==, 0);
  g_assert_cmpint (broker_snapshots_keep (snapshots, memory, 7), ==, 0);
  g_assert_cmpint (broker_snapshots_drop (snapshots, picture), ==, 0);
  g_assert_cmpuint (n_entries (), ==, 2);
  g_autofree char *first = text_of ("00000007-disk3"), *second = text_of ("00000007-memory");
  g_assert_cmpstr (first, ==, "disk");
  g_assert_cmpstr (second, ==, "memory");
  /* What is kept or dropped is forgotten. */
  g_assert_cmpint (broker_snapshots_keep (snapshots, disk, 8), ==, ENOENT);
  g_assert_cmpint (broker_snapshots_drop (snapshots, memory), ==, ENOENT);
  g_assert_cmpint (broker_snapshots_drop (snapshots, picture), ==, ENOENT);
  broker_snapshots_free (snapshots);
  clear ();
}

/* Another start counts on from what is there; and no start gives more than so many names. */
static void
test_serials (void)
{
  static const char *const others[] = { "notes", "99999999999-disk0", "-disk0", "12x-disk0" };
  BrokerSnapshots *snapshots = broker_snapshots_new (machine);

  g_assert_cmpint (broker_snapshots_keep (snapshots, add (snapshots, FAMILY_NEW_DISK, 0, "a"), 41), ==, 0);
  broker_snapshots_free (snapshots);
  for (unsigned i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autofree char *path = g_build_filename (folder, others[i], NULL);
      g_assert_true (g_file_set_contents (path, "", 0, NULL));
    }
  snapshots = broker_snapshots_new (machine);
  unsigned number = add (snapshots, FAMILY_NEW_DISK, 0, "b");
  g_assert_cmpint (broker_snapshots_keep (snapshots, number, FAMILY_MOST_SNAPSHOTS), ==, ERANGE);
  g_assert_cmpint (broker_snapshots_keep (snapshots, number, 0xffffffff), ==, ERANGE);
  g_assert_cmpint (broker_snapshots_keep (snapshots, number, 0), ==, 0);
  g_autofree char *text = text_of ("00000042-disk0");
  g_assert_cmpstr (text, ==, "b");
  broker_snapshots_free (snapshots);
  clear ();
}

static void
test_never_replaces (void)
{
  BrokerSnapshots *snapshots = broker_snapshots_new (machine);
  unsigned first = add (snapshots, FAMILY_NEW_DISK, 0, "the past"),
           second = add (snapshots, FAMILY_NEW_DISK, 0, "a lie");

  g_assert_cmpint (broker_snapshots_keep (snapshots, first, 1), ==, 0);
  g_assert_cmpint (broker_snapshots_keep (snapshots, second, 1), ==, EEXIST);
  g_autofree char *text = text_of ("00000001-disk0");
  g_assert_cmpstr (text, ==, "the past");
  /* It is still there for another name. */
  g_assert_cmpint (broker_snapshots_keep (snapshots, second, 2), ==, 0);
  broker_snapshots_free (snapshots);
  clear ();
}

static void
test_numbers (void)
{
  static const unsigned none[]
      = { 0, 1, BROKER_MOST_NEW - 1, BROKER_MOST_NEW, 0x7fffffff, 0x80000000, 0xffffffff };
  BrokerSnapshots *snapshots = broker_snapshots_new (machine);
  unsigned number;
  int fd = -1;

  for (unsigned i = 0; i < G_N_ELEMENTS (none); i++)
    {
      g_assert_cmpint (broker_snapshots_keep (snapshots, none[i], 0), ==, ENOENT);
      g_assert_cmpint (broker_snapshots_drop (snapshots, none[i]), ==, ENOENT);
    }
  const struct
  {
    unsigned kind, index;
    uint64_t size;
    int code;
  } wrong[] = { { FAMILY_N_NEW, 0, 0, EINVAL },
                { 0xffffffff, 0, 0, EINVAL },
                { FAMILY_NEW_DISK, FAMILY_LAST_DISK + 1, 0, EINVAL },
                { FAMILY_NEW_MEMORY, 1, 0, EINVAL },
                { FAMILY_NEW_PICTURE, 0xffffffff, 0, EINVAL },
                { FAMILY_NEW_DISK, 0, UINT64_MAX, EINVAL },
                { FAMILY_NEW_DISK, 0, INT64_MAX, ENOSPC } };
  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_cmpint (
        broker_snapshots_add (snapshots, wrong[i].kind, wrong[i].index, wrong[i].size, &number, &fd), ==,
        wrong[i].code);
  g_assert_cmpint (fd, ==, -1);
  for (unsigned i = 0; i < BROKER_MOST_NEW; i++)
    add (snapshots, FAMILY_NEW_DISK, i, "");
  g_assert_cmpint (broker_snapshots_add (snapshots, FAMILY_NEW_DISK, 0, 0, &number, &fd), ==, EMFILE);
  g_assert_cmpint (broker_snapshots_drop (snapshots, 17), ==, 0);
  g_assert_cmpuint (add (snapshots, FAMILY_NEW_DISK, 0, ""), ==, 17);
  broker_snapshots_free (snapshots);
  g_assert_cmpuint (n_entries (), ==, 0);
  clear ();
}

/* Two that each would fit are promised together. */
static void
test_promised (void)
{
  BrokerSnapshots *snapshots = broker_snapshots_new (machine);
  uint64_t most = INT64_MAX / 2;
  unsigned number;
  int fd = -1, code;

  /* The largest power of two that there is room for; another one of it doesn't fit. */
  while ((code = broker_snapshots_add (snapshots, FAMILY_NEW_DISK, 0, most, &number, &fd)) == ENOSPC)
    most /= 2;
  g_assert_cmpint (code, ==, 0);
  close (fd);
  g_assert_cmpint (broker_snapshots_add (snapshots, FAMILY_NEW_DISK, 0, most, &number, &fd), ==, ENOSPC);
  broker_snapshots_free (snapshots);
  clear ();
}

/* Where files without names are not to be had, a broker that was killed leaves some, which the next one removes; and nothing else. */
static void
test_left (void)
{
  g_autofree char *half = g_build_filename (folder, ".new-3", NULL),
                  *whole = g_build_filename (folder, "00000001-disk0", NULL);

  g_assert_cmpint (g_mkdir (folder, 0700), ==, 0);
  g_assert_true (g_file_set_contents (half, "half", -1, NULL));
  g_assert_true (g_file_set_contents (whole, "whole", -1, NULL));
  broker_snapshots_free (broker_snapshots_new (machine));
  g_assert_false (g_file_test (half, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_test (whole, G_FILE_TEST_EXISTS));
  clear ();
}

/* FAT has neither files without names nor second names: what is not whole has another name, and is moved.
 * Others can't refuse to replace a file. */
static void
test_poor (void)
{
  static const struct
  {
    int unnamed, links, keeping;
  } poor[] = {
    { EOPNOTSUPP, EPERM, 0 },  /* FAT */
    { EOPNOTSUPP, 0, EINVAL }, /* NFS */
    { EISDIR, 0, ENOSYS },     /* an old kernel */
    { EINVAL, 0, EOPNOTSUPP },
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (poor); i++)
    {
      BrokerSnapshots *snapshots = broker_snapshots_new (machine);

      no_unnamed = poor[i].unnamed;
      no_links = poor[i].links;
      no_keeping = poor[i].keeping;
      unsigned kept = add (snapshots, FAMILY_NEW_DISK, 0, "the past"),
               dropped = add (snapshots, FAMILY_NEW_MEMORY, 0, "nobody's"),
               late = add (snapshots, FAMILY_NEW_DISK, 0, "a lie"),
               left = add (snapshots, FAMILY_NEW_PICTURE, 0, "half");
      g_assert_cmpuint (n_entries (), ==, 4);
      g_assert_cmpint (broker_snapshots_keep (snapshots, kept, 0), ==, 0);
      g_assert_cmpint (broker_snapshots_keep (snapshots, kept, 0), ==, ENOENT);
      g_assert_cmpint (broker_snapshots_drop (snapshots, dropped), ==, 0);
      g_assert_cmpint (broker_snapshots_keep (snapshots, late, 0), ==, EEXIST);
      g_assert_cmpuint (n_entries (), ==, 3);
      g_assert_cmpint (broker_snapshots_keep (snapshots, late, 1), ==, 0);
      (void)left;
      broker_snapshots_free (snapshots);
      no_unnamed = no_links = no_keeping = 0;
      g_assert_cmpuint (n_entries (), ==, 2);
      g_autofree char *past = text_of ("00000000-disk0"), *lie = text_of ("00000001-disk0");
      g_assert_cmpstr (past, ==, "the past");
      g_assert_cmpstr (lie, ==, "a lie");
      clear ();
    }
}

/* A folder that leads elsewhere is none. */
static void
test_link (void)
{
  BrokerSnapshots *snapshots;
  unsigned number;
  int fd = -1;

  g_assert_cmpint (symlink ("/tmp", folder), ==, 0);
  snapshots = broker_snapshots_new (machine);
  g_assert_cmpint (broker_snapshots_add (snapshots, FAMILY_NEW_DISK, 0, 0, &number, &fd), ==, ENOTDIR);
  broker_snapshots_free (snapshots);
  g_assert_cmpint (g_unlink (folder), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  machine = g_dir_make_tmp ("vivarium-snapshots-XXXXXX", NULL);
  folder = g_build_filename (machine, "snapshots", NULL);
  g_test_add_func ("/broker/snapshots/keep", test_keep);
  g_test_add_func ("/broker/snapshots/serials", test_serials);
  g_test_add_func ("/broker/snapshots/never-replaces", test_never_replaces);
  g_test_add_func ("/broker/snapshots/numbers", test_numbers);
  g_test_add_func ("/broker/snapshots/promised", test_promised);
  g_test_add_func ("/broker/snapshots/left", test_left);
  g_test_add_func ("/broker/snapshots/poor", test_poor);
  g_test_add_func ("/broker/snapshots/link", test_link);
  int status = g_test_run ();
  g_rmdir (machine);
  return status;
}

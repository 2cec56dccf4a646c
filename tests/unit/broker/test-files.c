/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a broker opens for its monitor, and what it doesn't, whatever number is asked for.
 */
#include "broker/files.h"
#include "machine/definition-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char *folder, *ini;

static char *
inside (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static BrokerFiles *
begin (const char *text)
{
  g_autofree char *all
      = g_strconcat ("[machine]\nuuid=c6e2e2b0-6f38-4f0e-9d55-2f6a3c1b0a77\nname=test\n", text, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (ini, all, -1, NULL));
  BrokerFiles *files = broker_files_new (ini, NULL, NULL, &error);
  g_assert_no_error (error);
  return files;
}

/* A file of the machine's folder, by its number. */
static unsigned
number_of (BrokerFiles *files, const char *name)
{
  g_autoptr (GPtrArray) named = definition_files (broker_files_definition (files));
  g_autofree char *path = inside (name);

  for (guint i = 0; i < named->len; i++)
    if (g_str_equal (((DefinitionFile *)named->pdata[i])->path, path))
      return FAMILY_N_FILES + i;
  g_error ("%s is not in the table", name);
}

static void
test_sealed (void)
{
  g_autofree char *before = NULL;
  BrokerFiles *files = begin ("");
  char found[256] = { 0 };
  gsize length;
  int fd = -1;

  g_assert_true (g_file_get_contents (ini, &before, &length, NULL));
  g_assert_true (g_file_set_contents (ini, "[machine]\nname=another\n", -1, NULL));
  g_assert_cmpint (broker_files_open (files, FAMILY_FILE_DEFINITION, FALSE, &fd), ==, 0);
  g_assert_cmpint (pread (fd, found, sizeof found - 1, 0), ==, (gssize)length);
  g_assert_cmpstr (found, ==, before);
  /* Nor does who has it change it. */
  g_assert_cmpint (pwrite (fd, "x", 1, 0), <, 0);
  g_assert_cmpint (ftruncate (fd, 0), <, 0);
  close (fd);
  broker_files_free (files);
}

static void
test_numbers (void)
{
  BrokerFiles *files = begin ("");
  g_autoptr (GPtrArray) named = definition_files (broker_files_definition (files));
  const unsigned none[]
      = { FAMILY_FILE_STATE,           FAMILY_FILE_LISTENER, FAMILY_FILE_PASSWORD, FAMILY_FILE_VNC,
          FAMILY_N_FILES + named->len, 0x7fffffff,           0x80000000,           0xffffffff };

  for (unsigned i = 0; i < G_N_ELEMENTS (none); i++)
    for (unsigned write = 0; write < 2; write++)
      {
        uint32_t mode;
        uint64_t size;
        int fd = -1;

        g_assert_cmpint (broker_files_open (files, none[i], write, &fd), ==, ENOENT);
        g_assert_cmpint (broker_files_look (files, none[i], &mode, &size), ==, ENOENT);
        g_assert_cmpint (broker_files_explain (files, none[i], &fd), ==, ENODATA);
        g_assert_cmpint (fd, ==, -1);
      }
  broker_files_free (files);
}

static void
test_write (void)
{
  static const char *const kept[] = { "kernel", "readonly.img", "discard.img", "cd.iso" };
  BrokerFiles *files
      = begin ("kernel=kernel\n[disk0]\npath=disk.img\n[disk1]\npath=readonly.img\nreadonly=true\n"
               "[disk2]\npath=discard.img\ndiscard=true\n[cdrom0]\npath=cd.iso\n");
  g_autofree char *disk = inside ("disk.img");
  int fd = -1;

  for (unsigned i = 0; i < G_N_ELEMENTS (kept); i++)
    {
      g_autofree char *path = inside (kept[i]);

      g_assert_true (g_file_set_contents (path, "x", 1, NULL));
      g_assert_cmpint (broker_files_open (files, number_of (files, kept[i]), TRUE, &fd), ==, EACCES);
      g_assert_cmpint (fd, ==, -1);
      g_assert_cmpint (broker_files_open (files, number_of (files, kept[i]), FALSE, &fd), ==, 0);
      g_assert_cmpint (fcntl (fd, F_GETFL) & O_ACCMODE, ==, O_RDONLY);
      close (fd);
      fd = -1;
    }
  g_assert_true (g_file_set_contents (disk, "x", 1, NULL));
  g_assert_cmpint (broker_files_open (files, number_of (files, "disk.img"), TRUE, &fd), ==, 0);
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_ACCMODE, ==, O_RDWR);
  close (fd);
  broker_files_free (files);
}

/* A copy of packets is made where it isn't there, and only that: not by who asks to read, nor through a link. */
static void
test_made (void)
{
  BrokerFiles *files = begin ("[net0]\ndump=packets.pcap\n[net1]\ndump=link.pcap\n[disk0]\npath=none.img\n");
  g_autofree char *path = inside ("packets.pcap"), *link = inside ("link.pcap"), *target = inside ("target"),
                  *none = inside ("none.img");
  struct stat info;
  int fd = -1;

  g_assert_cmpint (broker_files_open (files, number_of (files, "packets.pcap"), FALSE, &fd), ==, ENOENT);
  g_assert_cmpint (broker_files_open (files, number_of (files, "none.img"), TRUE, &fd), ==, ENOENT);
  g_assert_false (g_file_test (none, G_FILE_TEST_EXISTS));
  g_assert_cmpint (broker_files_open (files, number_of (files, "packets.pcap"), TRUE, &fd), ==, 0);
  g_assert_cmpint (fstat (fd, &info), ==, 0);
  g_assert_cmpuint (info.st_mode, ==, S_IFREG | 0600);
  g_assert_cmpint (write (fd, "x", 1), ==, 1);
  close (fd);
  /* It is there now, with what it has. */
  g_assert_cmpint (broker_files_open (files, number_of (files, "packets.pcap"), TRUE, &fd), ==, 0);
  g_assert_cmpint (fstat (fd, &info), ==, 0);
  g_assert_cmpint (info.st_size, ==, 1);
  close (fd);
  g_assert_cmpint (symlink (target, link), ==, 0);
  g_assert_cmpint (broker_files_open (files, number_of (files, "link.pcap"), TRUE, &fd), !=, 0);
  g_assert_false (g_file_test (target, G_FILE_TEST_EXISTS));
  g_unlink (link);
  g_unlink (path);
  broker_files_free (files);
}

static void
test_kinds (void)
{
  BrokerFiles *files = begin ("[disk0]\npath=fifo\n[disk1]\npath=folder\n[disk2]\npath=null\n");
  g_autofree char *fifo = inside ("fifo"), *directory = inside ("folder"), *null = inside ("null");
  static const char *const names[] = { "fifo", "folder", "null" };
  int fd = -1;

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_cmpint (g_mkdir (directory, 0700), ==, 0);
  g_assert_cmpint (symlink ("/dev/null", null), ==, 0);
  for (unsigned i = 0; i < G_N_ELEMENTS (names); i++)
    for (unsigned write = 0; write < 2; write++)
      g_assert_cmpint (broker_files_open (files, number_of (files, names[i]), write, &fd), ==, ENODEV);
  g_assert_cmpint (fd, ==, -1);
  broker_files_free (files);
}

/* Who has taken a listener is the only one who has it. */
static void
test_once (void)
{
  BrokerFiles *files = begin ("");
  int ends[2], fd = -1, again = -1;
  char byte;

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  broker_files_add (files, FAMILY_FILE_VNC, ends[1]);
  g_assert_cmpint (broker_files_open (files, FAMILY_FILE_VNC, FALSE, &fd), ==, 0);
  g_assert_cmpint (broker_files_open (files, FAMILY_FILE_VNC, FALSE, &again), ==, ENOENT);
  close (fd);
  g_assert_cmpint (read (ends[0], &byte, 1), ==, 0);
  close (ends[0]);
  broker_files_free (files);
}

/* An image may name any file of the host; what it says opens none. */
static void
test_backing (void)
{
  BrokerFiles *files = begin ("[disk0]\npath=disk.img\n");
  g_autofree char *disk = inside ("disk.img");
  int fd = -1;

  g_assert_true (g_file_set_contents (disk, "x", 1, NULL));
  for (unsigned depth = 0; depth < 3; depth++)
    for (unsigned i = 0; i < 2; i++)
      g_assert_cmpint (broker_files_open_backing (files, i, depth, "/disk.img", &fd), ==, ENOENT);
  g_assert_cmpint (broker_files_open_backing (files, 0xffffffff, 0xffffffff, "\033[2J/etc/shadow", &fd), ==,
                   ENOENT);
  g_assert_cmpint (fd, ==, -1);
  broker_files_free (files);
}

/* Words for a person come by a pipe. */
static void
test_explain (void)
{
  BrokerFiles *files = begin ("[disk0]\npath=locked.img\n");
  g_autofree char *path = inside ("locked.img");
  int ready[2], fd = -1;
  char words[512] = { 0 };

  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  g_assert_cmpint (pipe2 (ready, O_CLOEXEC), ==, 0);
  pid_t child = fork ();
  if (child == 0)
    {
      struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
      int image = open (path, O_RDWR | O_CLOEXEC);

      prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      if (image < 0 || fcntl (image, F_OFD_SETLK, &lock) != 0 || write (ready[1], "", 1) != 1)
        _exit (1);
      for (;;)
        pause ();
    }
  g_assert_cmpint (child, >, 0);
  close (ready[1]);
  g_assert_cmpint (read (ready[0], words, 1), ==, 1);
  g_assert_cmpint (broker_files_explain (files, number_of (files, "locked.img"), &fd), ==, 0);
  g_assert_cmpint (read (fd, words, sizeof words - 1), >, 0);
  g_autofree char *number = g_strdup_printf ("(process %d)", (int)child);
  g_assert_nonnull (strstr (words, number));
  kill (child, SIGKILL);
  waitpid (child, NULL, 0);
  close (ready[0]);
  close (fd);
  broker_files_free (files);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("vivarium-broker-XXXXXX", NULL);
  ini = g_build_filename (folder, "machine.ini", NULL);
  g_test_add_func ("/broker/files/sealed", test_sealed);
  g_test_add_func ("/broker/files/numbers", test_numbers);
  g_test_add_func ("/broker/files/write", test_write);
  g_test_add_func ("/broker/files/made", test_made);
  g_test_add_func ("/broker/files/kinds", test_kinds);
  g_test_add_func ("/broker/files/once", test_once);
  g_test_add_func ("/broker/files/backing", test_backing);
  g_test_add_func ("/broker/files/explain", test_explain);
  int status = g_test_run ();
  static const char *const made[] = { "machine.ini", "kernel", "readonly.img", "discard.img", "cd.iso",
                                      "disk.img",    "fifo",   "folder",       "null",        "locked.img" };
  for (unsigned i = 0; i < G_N_ELEMENTS (made); i++)
    {
      g_autofree char *path = inside (made[i]);
      g_remove (path);
    }
  g_rmdir (folder);
  return status;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Locks on a machine's folder.  Byte 0 of the file is VIV_LOCK_RUN, byte 1 VIV_LOCK_DEFINITION.
 */
#define G_LOG_DOMAIN "vivarium-machine"

#include "config.h"

#include "machine/folder-lock.h"

#include "block/block.h"
#include "machine/machine-error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gi18n.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUN_BYTE        0
#define DEFINITION_BYTE 1
/* In which nobody lets go; and in all, where others come first again and again. */
#define MOST_HELD_US (10 * G_USEC_PER_SEC)
#define MOST_WAIT_US (60 * G_USEC_PER_SEC)

static struct flock
byte_lock (off_t at)
{
  return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
}

/* 0; EAGAIN: somebody has it.  No locks on this file system is 0 too. */
static int
try_byte (int fd, off_t at)
{
  struct flock lock = byte_lock (at);

  if (fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return 0;
  if (errno == EAGAIN || errno == EACCES)
    return EAGAIN;
  g_debug ("no lock on a machine's folder: %s", g_strerror (errno));
  return 0;
}

/* Each change puts another file in place of the old one. */
static gboolean
is_still (const char *path, struct stat *before)
{
  struct stat now = { 0 };

  if (stat (path, &now) == 0 && now.st_ino == before->st_ino && now.st_mtim.tv_sec == before->st_mtim.tv_sec
      && now.st_mtim.tv_nsec == before->st_mtim.tv_nsec)
    return TRUE;
  *before = now;
  return FALSE;
}

static int
wait_byte (int fd, off_t at, const char *folder)
{
  g_autofree char *path = g_build_filename (folder, "machine.ini", NULL);
  gint64 start = g_get_monotonic_time (), end = start + MOST_HELD_US;
  struct stat file = { 0 };
  gulong pause = 500;
  int code;

  /* Not F_OFD_SETLKW: one program that hangs must not hang all others.  Several that write in turn don't hang: he who waits is only unlucky,
   * and on a slow disk for long. */
  while ((code = try_byte (fd, at)) == EAGAIN && g_get_monotonic_time () < end)
    {
      if (!is_still (path, &file))
        end = MIN (g_get_monotonic_time () + MOST_HELD_US, start + MOST_WAIT_US);
      g_usleep (pause + g_random_int_range (0, 500));
      pause = MIN (2 * pause, 10000);
    }
  return code;
}

static int
fail (int fd, VivMachineError code, const char *folder, const char *format, GError **error)
{
  g_autofree char *name = g_path_get_basename (folder), *shown = g_utf8_make_valid (name, -1);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  g_set_error (error, VIV_MACHINE_ERROR, code, format, shown);
#pragma GCC diagnostic pop
  if (fd >= 0)
    close (fd);
  return -1;
}

static gboolean
is_same_folder (int fd, const char *folder)
{
  struct stat locked, there;
  g_autofree char *file = g_build_filename (folder, VIV_LOCK_FILE, NULL);

  return fstat (fd, &locked) == 0 && stat (file, &there) == 0 && locked.st_ino == there.st_ino
         && locked.st_dev == there.st_dev;
}

int
viv_folder_lock (const char *folder, VivLockParts parts, GError **error)
{
  int directory = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (directory < 0)
    return fail (-1, VIV_MACHINE_ERROR_NOT_FOUND, folder, _ ("the machine's folder “%s” is gone"), error);
  int fd = openat (directory, VIV_LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0)
    {
      g_debug ("no %s in %s: %s", VIV_LOCK_FILE, folder, g_strerror (errno));
      return directory;
    }
  close (directory);
  if ((parts & VIV_LOCK_RUN) && try_byte (fd, RUN_BYTE) != 0)
    return fail (fd, VIV_MACHINE_ERROR_RUNNING, folder, _ ("“%s” runs; turn it off first"), error);
  if ((parts & VIV_LOCK_DEFINITION) && wait_byte (fd, DEFINITION_BYTE, folder) != 0)
    return fail (fd, VIV_MACHINE_ERROR_BUSY, folder,
                 _ ("the settings of “%s” are being changed by a program that doesn't come to an end"),
                 error);
  if (!is_same_folder (fd, folder))
    return fail (fd, VIV_MACHINE_ERROR_NOT_FOUND, folder, _ ("the machine's folder “%s” was moved away"),
                 error);
  return fd;
}

void
viv_folder_unlock (int fd)
{
  if (fd >= 0)
    close (fd);
}

gboolean
viv_folder_lock_to_run (const char *definition, int *fd, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (definition, NULL);
  g_autofree char *base = g_path_get_basename (path), *folder = g_path_get_dirname (path);

  if (*fd >= 0 || !g_str_equal (base, "machine.ini"))
    return TRUE;
  *fd = viv_folder_lock (folder, VIV_LOCK_RUN, error);
  return *fd >= 0;
}

static int
open_to_look (const char *folder)
{
  g_autofree char *file = g_build_filename (folder, VIV_LOCK_FILE, NULL);

  return open (file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

gboolean
viv_folder_is_running (const char *folder)
{
  struct flock lock = byte_lock (RUN_BYTE);
  int fd = open_to_look (folder);
  gboolean held = fd >= 0 && fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;

  if (fd >= 0)
    close (fd);
  return held;
}

gboolean
viv_folder_is_free (const char *folder)
{
  struct flock lock = byte_lock (RUN_BYTE);
  int fd = open_to_look (folder);

  /* Whoever starts it makes the file, where he can. */
  if (fd < 0)
    return errno == ENOENT && access (folder, W_OK) == 0;
  gboolean known = fcntl (fd, F_OFD_GETLK, &lock) == 0;
  close (fd);
  return known && lock.l_type == F_UNLCK;
}

pid_t
viv_folder_find_monitor (const char *folder)
{
  int fd = open_to_look (folder);
  pid_t pid = fd >= 0 ? block_find_lock_holder (fd, RUN_BYTE) : 0;

  if (fd >= 0)
    close (fd);
  return pid;
}

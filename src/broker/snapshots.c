/* SPDX-License-Identifier: GPL-3.0-or-later */
#define G_LOG_DOMAIN "broker"

#include "config.h"

#include "broker/snapshots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOLDER "snapshots"
/* What the file is called until it is kept, where the file system has no files without names. */
#define HALF ".new-"

typedef struct
{
  int fd; /* -1: the number is free */
  unsigned kind, index;
  uint64_t promised; /* bytes */
  gboolean named;    /* HALF and its number */
} New;

struct BrokerSnapshots
{
  char *parent;
  int folder;     /* -1: not opened yet */
  unsigned first; /* serial of this run */
  New files[BROKER_MOST_NEW];
};

/* -errno, or the folder, which nobody else may look into. */
static int
open_folder (BrokerSnapshots *snapshots, gboolean make)
{
  g_autofree char *path = g_build_filename (snapshots->parent, FOLDER, NULL);

  if (snapshots->folder >= 0)
    return snapshots->folder;
  if (make && mkdir (path, 0700) != 0 && errno != EEXIST)
    return -errno;
  snapshots->folder = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  return snapshots->folder >= 0 ? snapshots->folder : -errno;
}

/* Serials go on from the highest; one that can't be counted on from is none of ours. */
static unsigned
serial_behind (const char *name)
{
  char *end;
  const guint64 serial = g_ascii_isdigit (*name) ? g_ascii_strtoull (name, &end, 10) : G_MAXUINT64;

  return serial < G_MAXINT && *end == '-' ? (unsigned)serial + 1 : 0;
}

static void
look_at (BrokerSnapshots *snapshots, int folder)
{
  int copy = openat (folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = copy >= 0 ? fdopendir (copy) : NULL;
  struct dirent *entry;

  if (entries == NULL)
    {
      if (copy >= 0)
        close (copy);
      return;
    }
  while ((entry = readdir (entries)) != NULL)
    if (g_str_has_prefix (entry->d_name, HALF))
      unlinkat (folder, entry->d_name, 0);
    else
      snapshots->first = MAX (snapshots->first, serial_behind (entry->d_name));
  closedir (entries);
}

BrokerSnapshots *
broker_snapshots_new (const char *folder)
{
  BrokerSnapshots *snapshots = g_new0 (BrokerSnapshots, 1);

  snapshots->parent = g_strdup (folder);
  snapshots->folder = -1;
  for (unsigned i = 0; i < BROKER_MOST_NEW; i++)
    snapshots->files[i].fd = -1;
  if (open_folder (snapshots, FALSE) >= 0)
    look_at (snapshots, snapshots->folder);
  return snapshots;
}

void
broker_snapshots_free (BrokerSnapshots *snapshots)
{
  if (snapshots == NULL)
    return;
  for (unsigned i = 0; i < BROKER_MOST_NEW; i++)
    broker_snapshots_drop (snapshots, i);
  if (snapshots->folder >= 0)
    close (snapshots->folder);
  g_free (snapshots->parent);
  g_free (snapshots);
}

static void
half_name (unsigned number, char name[32])
{
  g_snprintf (name, 32, HALF "%u", number);
}

/* Nobody is promised what another one was. */
static gboolean
has_space (BrokerSnapshots *snapshots, uint64_t size)
{
  struct statvfs disk;
  uint64_t promised = 0;

  if (fstatvfs (snapshots->folder, &disk) != 0)
    return FALSE;
  for (unsigned i = 0; i < BROKER_MOST_NEW; i++)
    {
      const New *file = &snapshots->files[i];
      struct stat info;

      if (file->fd < 0 || fstat (file->fd, &info) != 0)
        continue;
      const uint64_t has = (uint64_t)info.st_blocks * 512;
      promised += file->promised > has ? file->promised - has : 0;
    }
  const uint64_t space = (uint64_t)disk.f_bavail * disk.f_frsize;
  return promised <= space && size <= space - promised;
}

static int
open_new (int folder, unsigned number, gboolean *named)
{
  char name[32];
  int fd = openat (folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

  *named = FALSE;
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return fd;
  *named = TRUE;
  half_name (number, name);
  return openat (folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

int
broker_snapshots_add (BrokerSnapshots *snapshots, unsigned kind, unsigned index, uint64_t size,
                      unsigned *number, int *fd)
{
  int folder = open_folder (snapshots, TRUE), code;
  unsigned n = 0;

  if (kind >= FAMILY_N_NEW || (kind != FAMILY_NEW_DISK && index != 0) || index > FAMILY_LAST_DISK
      || size > INT64_MAX)
    return EINVAL;
  if (folder < 0)
    return -folder;
  while (n < BROKER_MOST_NEW && snapshots->files[n].fd >= 0)
    n++;
  if (n == BROKER_MOST_NEW)
    return EMFILE;
  if (!has_space (snapshots, size))
    return ENOSPC;
  New file = { .kind = kind, .index = index, .promised = size };
  file.fd = open_new (folder, n, &file.named);
  if (file.fd < 0)
    return errno;
  /* An opening of its own would need a name. */
  *fd = fcntl (file.fd, F_DUPFD_CLOEXEC, 0);
  code = *fd < 0 ? errno : 0;
  snapshots->files[n] = file;
  if (code != 0)
    broker_snapshots_drop (snapshots, n);
  *number = n;
  return code;
}

/* NULL: there is none of this number. */
static New *
find (BrokerSnapshots *snapshots, unsigned number)
{
  return number < BROKER_MOST_NEW && snapshots->files[number].fd >= 0 ? &snapshots->files[number] : NULL;
}

/* Never over another one.  FAT has no second names; NFS can't refuse to replace, and has them. */
static int
move_new (int folder, const char *from, const char *name)
{
  if (renameat2 (folder, from, folder, name, RENAME_NOREPLACE) == 0)
    return 0;
  return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? linkat (folder, from, folder, name, 0)
                                                                   : -1;
}

int
broker_snapshots_keep (BrokerSnapshots *snapshots, unsigned number, unsigned nth)
{
  static const char *const kinds[FAMILY_N_NEW] = { "disk", "memory", "picture" };
  New *file = find (snapshots, number);
  char from[32], name[64];
  int code;

  if (file == NULL)
    return ENOENT;
  if (nth >= FAMILY_MOST_SNAPSHOTS)
    return ERANGE;
  g_snprintf (name, sizeof name, file->kind == FAMILY_NEW_DISK ? "%08u-%s%u" : "%08u-%s",
              snapshots->first + nth, kinds[file->kind], file->index);
  if (fsync (file->fd) != 0)
    return errno;
  if (file->named)
    {
      half_name (number, from);
      code = move_new (snapshots->folder, from, name);
    }
  else
    {
      g_snprintf (from, sizeof from, "/proc/self/fd/%d", file->fd);
      code = linkat (AT_FDCWD, from, snapshots->folder, name, AT_SYMLINK_FOLLOW);
    }
  if (code != 0 || fsync (snapshots->folder) != 0)
    return errno;
  return broker_snapshots_drop (snapshots, number);
}

int
broker_snapshots_drop (BrokerSnapshots *snapshots, unsigned number)
{
  New *file = find (snapshots, number);
  char name[32];

  if (file == NULL)
    return ENOENT;
  if (file->named)
    {
      half_name (number, name);
      unlinkat (snapshots->folder, name, 0);
    }
  close (file->fd);
  file->fd = -1;
  return 0;
}

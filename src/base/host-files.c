/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/host-files.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST_KEPT 4

static const HostFiles *source;
static void *source_opaque;

static struct
{
  const char *path;
  int fd;
} kept[MOST_KEPT];
static unsigned n_kept;

void
host_files_set (const HostFiles *files, void *opaque)
{
  source = files;
  source_opaque = opaque;
}

gboolean
host_files_by_name (void)
{
  return source == NULL;
}

void
host_file_keep (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return;
  g_assert (n_kept < MOST_KEPT);
  kept[n_kept].path = path;
  kept[n_kept++].fd = fd;
}

int
host_file_open (const char *path, int flags)
{
  for (unsigned i = 0; i < n_kept; i++)
    if (g_str_equal (kept[i].path, path))
      return fcntl (kept[i].fd, F_DUPFD_CLOEXEC, 0);
  return source != NULL ? source->open (source_opaque, path, flags) : open (path, flags | O_CLOEXEC, 0600);
}

int
host_file_look (const char *path, uint32_t *mode, uint64_t *size)
{
  struct stat info;

  if (source != NULL)
    return source->look (source_opaque, path, mode, size);
  if (stat (path, &info) != 0)
    return -1;
  *mode = info.st_mode;
  *size = (uint64_t)info.st_size;
  return 0;
}

int
host_file_temporary (void)
{
  const char *folder = g_getenv ("TMPDIR");

  if (source != NULL)
    return source->temporary (source_opaque);
  /* /var/tmp is on a disk where /tmp often is memory. */
  if (folder == NULL)
    folder = "/var/tmp";
  int fd = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0)
    return fd;
  g_autofree char *name = g_build_filename (folder, "vivarium-overlay-XXXXXX", NULL);
  fd = g_mkstemp_full (name, O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0)
    g_unlink (name);
  return fd;
}

char *
host_file_explain (const char *path)
{
  return source != NULL ? source->explain (source_opaque, path) : NULL;
}

int
host_file_serial (unsigned number, char *name, gsize size)
{
  errno = ENOSYS;
  return source != NULL && source->serial != NULL ? source->serial (source_opaque, number, name, size) : -1;
}

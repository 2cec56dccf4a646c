/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sealed shared memory.
 */
#define G_LOG_DOMAIN "viv-display"

#include "display/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gi18n.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE /* Linux 5.1; older C libraries */
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* What is mapped already stays writable. */
static gboolean
seal (int fd, DisplayMemory kind)
{
  /* An older kernel doesn't know it: readers get a descriptor of their own then. */
  if (kind == DISPLAY_MEMORY_SHOWN)
    (void)fcntl (fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
  return fcntl (fd, F_ADD_SEALS, F_SEAL_SEAL) == 0;
}

int
display_memfd_new (const char *name, size_t size, DisplayMemory kind, void **map, GError **error)
{
  int fd = memfd_create (name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

  *map = NULL;
  if (fd >= 0 && ftruncate (fd, size) == 0 && fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0)
    {
      *map = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (*map != MAP_FAILED && seal (fd, kind))
        return fd;
      if (*map != MAP_FAILED)
        munmap (*map, size);
    }
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
               _ ("cannot make %zu bytes of shared memory: %s"), size, g_strerror (errno));
  *map = NULL;
  if (fd >= 0)
    close (fd);
  return -1;
}

int
display_memfd_readonly (int fd)
{
  int seals = fcntl (fd, F_GET_SEALS);
  char path[32];

  if (seals >= 0 && (seals & F_SEAL_FUTURE_WRITE))
    return fcntl (fd, F_DUPFD_CLOEXEC, 0);
  g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return open (path, O_RDONLY | O_CLOEXEC);
}

gboolean
display_memfd_is_safe (int fd, size_t size)
{
  struct stat st;
  struct statfs fs;
  int seals = fcntl (fd, F_GET_SEALS);

  /* Huge pages are sealed alike, and yet a hole in them is a SIGBUS when there are no more. */
  return seals >= 0 && (seals & F_SEAL_SHRINK) && fstatfs (fd, &fs) == 0 && fs.f_type == TMPFS_MAGIC
         && fstat (fd, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size >= size;
}

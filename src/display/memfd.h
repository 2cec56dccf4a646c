/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Sealed shared memory.
 */
#pragma once

#include <glib.h>
#include <stddef.h>

G_BEGIN_DECLS

typedef enum
{
  DISPLAY_MEMORY_COMMON, /* both ends write */
  DISPLAY_MEMORY_SHOWN,  /* whoever gets it reads */
} DisplayMemory;

/* Zeroed memory of `size` bytes, sealed against changes of its size, mapped shared and writable at `*map`, which is the last such mapping of what is shown
 * (F_SEAL_FUTURE_WRITE).  Returns the file descriptor (close-on-exec; the caller unmaps and closes), -1 with an error. */
int display_memfd_new (const char *name, size_t size, DisplayMemory kind, void **map, GError **error);
/* The same memory through a descriptor that can't write to it; -1 if the system doesn't let us. */
int display_memfd_readonly (int fd);
/* TRUE if the file can't shrink under a mapping of its first `size` bytes. */
gboolean display_memfd_is_safe (int fd, size_t size);

G_END_DECLS

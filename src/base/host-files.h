/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Files of the host, opened by name.  A confined process has no names: it says at its start who opens for it (a monitor: its broker), and whoever
 * reads files goes through here and need not know.  Without such a one these are the system's calls.
 *
 * Any thread, unless the source says otherwise.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

typedef struct
{
  /* As open(2) with these flags (O_RDONLY or O_RDWR, and O_NONBLOCK, O_NOCTTY; O_CREAT where the definition has the file made): a descriptor, close-on-exec, or -1 and errno.  Regular files and block
   * devices only; others are ENODEV. */
  int (*open) (void *opaque, const char *path, int flags);
  /* stat(2): 0, or -1 and errno. */
  int (*look) (void *opaque, const char *path, uint32_t *mode, uint64_t *size);
  /* An empty file without a name, to read and write, where there is room for a disk's changes; -1 and errno. */
  int (*temporary) (void *opaque);
  /* Why that file could not be opened or locked, for a person ("the machine “x”, which runs", "add yourself to the group kvm"); NULL: nothing
   * to say.  Transfer full. */
  char *(*explain) (void *opaque, const char *path);
  /* The outside end of serialN of the machine's definition (machine/serial-outside.h), and its name: a descriptor, or -1 and errno. */
  int (*serial) (void *opaque, unsigned number, char *name, gsize size);
} HostFiles;

/* `files` and `opaque` live as long as the process; before there are threads.  `files` NULL: by name again. */
void host_files_set (const HostFiles *files, void *opaque);
/* Whether this process has names itself. */
gboolean host_files_by_name (void);
/* Opened now and found by host_file_open() later, whoever opens then: what is this process's own (/proc/self/…). */
void host_file_keep (const char *path);

int host_file_open (const char *path, int flags);
int host_file_look (const char *path, uint32_t *mode, uint64_t *size);
int host_file_temporary (void);
char *host_file_explain (const char *path);
/* Not where host_files_by_name(). */
int host_file_serial (unsigned number, char *name, gsize size);

G_END_DECLS

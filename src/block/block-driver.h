/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Inside of block/: what an image format is.  One const table in a file of its own, named in block_drivers[] (block-image.c).
 *
 * A driver knows no queue and no context.  `image` is what its open() gave.  run() and start() come from several threads at once; open,
 * resize and close from one, with nothing in flight.  Errors of run() are positive errno, those of GError are sentences that
 * name the file and say what to do.
 */
#pragma once

#include "block/block-request.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct BlockDriver BlockDriver;

struct BlockDriver
{
  const char *format;
  gboolean testing; /* no definition and no content leads to it */

  /* Is this the format, by its content?  Sets *size to the guest's if it is known.  `*size` is the file's at first.  NULL: content says
   * nothing (raw, which is what is left, or a server at the other end of a network). */
  gboolean (*probe) (int fd, uint64_t *size);
  /* Makes an empty image where no file is.  NULL: can't. */
  gboolean (*create) (const char *path, uint64_t size, GError **error);

  /* `config->flags` without BLOCK_DISCARD_CHANGES, which block-overlay.c sees to: then BLOCK_READ_ONLY is set and `discard` TRUE.  Takes
   * the lock. */
  void *(*open) (const BlockConfig *config, gboolean discard, GError **error);
  void (*close) (void *image);
  uint64_t (*size) (void *image); /* bytes, whole sectors */
  /* Carries a request out and waits for it: on a worker, or on the thread of a synchronous call.  The range is checked. */
  int (*run) (void *image, const BlockRequest *request);
  /* May be NULL.  On the thread that submits: TRUE if the driver needn't wait, or waits on its own; it has called or will call
   * block_complete() from any thread.  FALSE: run() is to do it. */
  gboolean (*start) (void *image, BlockRequest *request);
  /* May be NULL: all is data, from `offset` on. */
  BlockExtentKind (*status) (void *image, uint64_t offset, uint64_t *length);
  int (*resize) (void *image, uint64_t size); /* NULL: can't */
};

/* The last word on a request that start() took.  Any thread. */
void block_complete (BlockRequest *request, int error);

extern const BlockDriver block_raw_driver, block_memory_driver;

/* NULL: there is none of that name, or only one for tests and `testing` is FALSE. */
const BlockDriver *block_find_driver (const char *format, gboolean testing);

/* An image of `driver` under a layer of changes that are lost at close.  Takes `image` over, on error too. */
extern const BlockDriver block_overlay_driver;
void *block_overlay_new (const BlockDriver *driver, void *image, const char *path, GError **error);

/* -- Files, for drivers that keep what they have in some ---------------------------------------------- */

/* A regular file or block device with its size in bytes, never one that waits or acts when it is opened; locked.  -1 and an error. */
int block_file_open (const BlockConfig *config, gboolean discard, uint64_t *size, GError **error);
/* Lets go of the lock as well, which the descriptor may share with one that somebody else has. */
void block_file_close (int fd);
/* Takes an OFD lock over the whole of `fd`: shared, or exclusive for writing.  The error names the holder if it can be found. */
gboolean block_lock (int fd, const char *path, gboolean exclusive, GError **error);
/* All of it or a positive errno; behind the file's end zeros are read. */
int block_file_read (int fd, uint64_t offset, const struct iovec *iov, unsigned n_iov);
int block_file_write (int fd, uint64_t offset, const struct iovec *iov, unsigned n_iov);
int block_file_flush (int fd);
int block_file_discard (int fd, uint64_t offset, uint64_t length);
int block_file_write_zeroes (int fd, uint64_t offset, uint64_t length, gboolean unmap);
BlockExtentKind block_file_status (int fd, uint64_t offset, uint64_t *length);
gboolean block_file_create (const char *path, uint64_t size, GError **error);
/* A file without a name, for what is lost at the end.  -1 and an error. */
int block_file_temporary (uint64_t size, GError **error);

/* For tests: what the kernel answers to the calls above. */
typedef struct
{
  ssize_t (*preadv) (int fd, const struct iovec *iov, int n, off_t offset);
  ssize_t (*pwritev) (int fd, const struct iovec *iov, int n, off_t offset);
  int (*fallocate) (int fd, int mode, off_t offset, off_t length);
  int (*fdatasync) (int fd);
} BlockFileCalls;
extern BlockFileCalls block_file_calls;

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Disk images for guests: open, read, write, flush, discard.
 *
 * The format is named by the caller and never guessed.  An image is locked (OFD lock) while open; a second writer is
 * refused with an error that says who has it.  Requests run on I/O workers; completions come on the GMainContext given at
 * open, in any order.  "Flush" completes when all writes whose completion came before it was submitted are on stable storage;
 * requests in flight together have no order: who needs one waits.
 */
#pragma once

#include <gio/gio.h>
#include <stdint.h>
#include <sys/types.h>

G_BEGIN_DECLS

typedef struct Block Block;

#define BLOCK_SECTOR_SIZE 512u

typedef enum
{
  BLOCK_READ_WRITE = 0,
  BLOCK_READ_ONLY = 1 << 0,
  BLOCK_SNAPSHOT = 1 << 1,    /* writes go to an unlinked temporary file and are lost at close */
  BLOCK_SHARED_READ = 1 << 2, /* read only, and others may read it too (a CD image) */
} BlockFlags;

typedef struct
{
  const char *path;
  const char *format; /* "raw" */
  BlockFlags flags;
  GMainContext *context; /* NULL: the default one */
} BlockConfig;

typedef enum
{
  BLOCK_OP_READ,
  BLOCK_OP_WRITE,
  BLOCK_OP_FLUSH,
  BLOCK_OP_DISCARD,
} BlockOp;

/* `error` is 0 or a positive errno. */
typedef void (*BlockDone) (void *opaque, int error);

Block *block_open (const BlockConfig *config, GError **error);
/* Waits for what is in flight, flushes, unlocks. */
void block_close (Block *block);
const char *block_path (const Block *block);
/* Bytes, rounded up to whole sectors of 512: behind the end of a file that stops inside a sector zeros are read. */
uint64_t block_size (const Block *block);
gboolean block_read_only (const Block *block);
/* Bytes past the end fail with EINVAL.  `buffer` stays valid until completion, also when the device resets meanwhile: a device
 * that resets keeps a count of orphans, or waits for drained.  Never completes before it returns. */
void block_submit (Block *block, BlockOp op, uint64_t offset, void *buffer, size_t length, BlockDone done,
                   void *opaque);
unsigned block_in_flight (const Block *block);
/* Synchronous, for loaders, PIO-less tests and jobs. */
gboolean block_read_sync (Block *block, uint64_t offset, void *buffer, size_t length, GError **error);
gboolean block_write_sync (Block *block, uint64_t offset, const void *buffer, size_t length, GError **error);

/* Bytes and operations since open. */
typedef struct
{
  uint64_t read_bytes, written_bytes, reads, writes, flushes;
} BlockStats;
void block_get_stats (const Block *block, BlockStats *stats);

/* The process that has an OFD lock on byte `at` of the file behind `fd`; 0: none that we may look into.  Reads all of /proc. */
pid_t block_find_lock_holder (int fd, uint64_t at);

/* Image jobs (machine/, vivctl). */
gboolean block_image_create (const char *path, const char *format, uint64_t size, GError **error);
/* What a file is, for proposals to a person only, never to open it: "raw", "qcow2", "iso9660", "vmdk", … */
const char *block_image_probe (const char *path, uint64_t *size, GError **error);

G_END_DECLS

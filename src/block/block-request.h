/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What an image's users and its drivers both speak of: how it is opened, and a request.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

typedef struct Block Block;
typedef struct BlockQueue BlockQueue;
typedef struct BlockRequest BlockRequest;

#define BLOCK_SECTOR_SIZE 512u

typedef enum
{
  BLOCK_READ_WRITE = 0,
  BLOCK_READ_ONLY = 1 << 0,
  BLOCK_DISCARD_CHANGES = 1 << 1, /* writes go to an unlinked temporary file and are lost at close */
  BLOCK_SHARED_READ = 1 << 2,     /* read only, and others may read it too (a CD image) */
} BlockFlags;

typedef struct
{
  const char *path;
  /* "raw", …; NULL: by content, only for what no guest of ours has written (see block_image_probe()). */
  const char *format;
  BlockFlags flags;
  const char *test; /* for tests only, see block-testing.h; else NULL */
  /* Somebody else has opened the image, and the path is only what it is called.  The descriptor stays the caller's; what is locked is its open file,
   * however many descriptors that has. */
  gboolean passed;
  int fd;
} BlockConfig;

typedef enum
{
  BLOCK_OP_READ,
  BLOCK_OP_WRITE,
  BLOCK_OP_FLUSH,
  BLOCK_OP_DISCARD,      /* what is read there afterwards is unspecified */
  BLOCK_OP_WRITE_ZEROES, /* zeros are read there afterwards */
  BLOCK_N_OPS,
} BlockOp;

typedef enum
{
  BLOCK_REQUEST_UNMAP = 1 << 0, /* WRITE_ZEROES: the space may be given back to the host */
} BlockRequestFlags;

/* `error` is 0, ECANCELED, or another positive errno. */
typedef void (*BlockDone) (void *opaque, int error);

struct BlockRequest
{
  /* The caller's, from before block_submit() to done(). */
  BlockOp op;
  BlockRequestFlags flags;
  uint64_t offset;         /* bytes */
  const struct iovec *iov; /* READ and WRITE: their length is the sum */
  unsigned n_iov;
  uint64_t length; /* bytes of DISCARD and WRITE_ZEROES; for READ and WRITE set by block_submit() */
  BlockDone done;
  void *opaque;

  /* block/'s. */
  BlockQueue *queue;
  BlockRequest *next, *previous; /* all of the queue that done() wasn't called for */
  BlockRequest *next_waiting;    /* for a worker, or for done() */
  gboolean parked, cancelled;
  int error;
  uint64_t driver_mark; /* the driver's */
};

typedef enum
{
  BLOCK_EXTENT_DATA,
  BLOCK_EXTENT_ZERO, /* reads as zeros and takes no space */
} BlockExtentKind;

G_END_DECLS

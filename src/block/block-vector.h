/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Vectors of memory pieces.  Offsets and lengths in bytes, within the vector.
 */
#pragma once

#include <glib.h>
#include <stdint.h>
#include <sys/uio.h>

G_BEGIN_DECLS

/* G_MAXUINT64 if the sum overflows. */
uint64_t block_vector_length (const struct iovec *iov, unsigned n);
/* The pieces of [offset, offset + length), as many as fit into `out`; returns how many. */
unsigned block_vector_slice (const struct iovec *iov, unsigned n, size_t offset, size_t length,
                             struct iovec *out, unsigned room);
void block_vector_fill (const struct iovec *iov, unsigned n, size_t offset, size_t length, int byte);
void block_vector_put (const struct iovec *iov, unsigned n, size_t offset, const void *bytes, size_t length);
void block_vector_get (const struct iovec *iov, unsigned n, size_t offset, void *bytes, size_t length);

G_END_DECLS

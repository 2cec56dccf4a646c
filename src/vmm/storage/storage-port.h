/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A drive's way to its image: one request at a time, completions with the VM lock held.
 *
 * A drive that is reset while a request is in flight cancels it: the request becomes an orphan, keeps its buffer, and no
 * other request starts until it has ended, so that a guest that resets and writes again never sees the older write win.
 *
 * A write that the host has no room for isn't the guest's affair: the machine is asked to pause with a sentence that says why, done()
 * is not called, and the port is free.  The drive keeps the request in its own state, as at any pause, and submits it
 * again when the machine goes on.
 */
#pragma once

#include "block/block.h"
#include "core/vm.h"

G_BEGIN_DECLS

typedef struct StorageRequest StorageRequest;

typedef struct
{
  Vm *vm;
  Block *block; /* owned */
  StorageRequest *request;
  GPtrArray *orphans;                     /* StorageRequest * */
  void (*done) (void *opaque, int error); /* the request has ended; positive errno */
  void (*idle) (void *opaque);            /* the last orphan has ended */
  void *opaque;
} StoragePort;

void storage_port_init (StoragePort *port, Vm *vm, void (*done) (void *opaque, int error),
                        void (*idle) (void *opaque), void *opaque);
/* Cancels, closes the image. */
void storage_port_clear (StoragePort *port);
/* Closes the image that was there, with what is in flight on it; the caller has cancelled before. */
void storage_port_set_block (StoragePort *port, Block *block);
/* FALSE while orphans are in flight or there is a request: nothing is started, idle() or done() will come.  The part of a read that lies
 * behind the image's end gives zeros. */
gboolean storage_port_submit (StoragePort *port, BlockOp op, uint64_t offset, void *buffer, size_t length);
static inline gboolean
storage_port_busy (const StoragePort *port)
{
  return port->request != NULL;
}
gboolean storage_port_drained (const StoragePort *port);
/* Forgets the request in flight.  If there is one, `*buffer` goes with it and is replaced by a new, zeroed one of `size` bytes;
 * buffers are g_malloc()ed. */
void storage_port_cancel (StoragePort *port, uint8_t **buffer, size_t size);

G_END_DECLS

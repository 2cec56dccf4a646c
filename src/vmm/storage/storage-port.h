/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A drive's way to its image: one request at a time on a queue of its own, completions on the device loop (core/vm.h) with the VM lock held.
 * All functions under the VM lock.
 *
 * A drive that is reset while a request is in flight cancels it: the request becomes an orphan, keeps its buffer, and no
 * other request starts until it has ended, so that a guest that resets and writes again never sees the older write win.
 *
 * An error of the host that a person can put right (no room, a server that is away) isn't the guest's affair: the machine is asked to
 * pause with a sentence that says what to do, done() is not called, and the request is parked: it counts as drained.  storage_port_resume()
 * submits it again.  The drive keeps the request in its own state, as at any pause, so that a machine that is saved meanwhile submits it
 * after it is loaded.
 */
#pragma once

#include "block/block.h"
#include "core/vm.h"

G_BEGIN_DECLS

typedef struct StorageRequest StorageRequest;

typedef struct
{
  Vm *vm;
  Block *block; /* owned; NULL: no medium */
  BlockQueue *queue;
  StorageRequest *request;
  gboolean parked;                        /* `request` waits for storage_port_resume() */
  GPtrArray *orphans;                     /* StorageRequest * */
  void (*done) (void *opaque, int error); /* the request has ended; positive errno */
  void (*idle) (void *opaque);            /* the last orphan has ended */
  void *opaque;
} StoragePort;

void storage_port_init (StoragePort *port, Vm *vm, void (*done) (void *opaque, int error),
                        void (*idle) (void *opaque), void *opaque);
/* Cancels, closes the image. */
void storage_port_clear (StoragePort *port);
/* Takes out the image that was there, with what is in flight on it; the caller has cancelled before.  It is the caller's now, who closes it:
 * that may last, so without the lock where somebody else than the end of the machine wishes it.  NULL: there was none. */
Block *storage_port_set_block (StoragePort *port, Block *block);
/* FALSE while orphans are in flight or there is a request: nothing is started, idle() or done() will come.  The part of a read that lies
 * behind the image's end gives zeros. */
gboolean storage_port_submit (StoragePort *port, BlockOp op, uint64_t offset, void *buffer, size_t length);
/* The same with guest memory in place, within the image; the vector stays as it is until done(), or a cancel. */
gboolean storage_port_submit_vector (StoragePort *port, BlockOp op, uint64_t offset, const struct iovec *iov,
                                     unsigned n_iov);
/* Returns when nothing touches the memory of the request in flight any more; done() is yet to come. */
void storage_port_settle (StoragePort *port);
static inline gboolean
storage_port_busy (const StoragePort *port)
{
  return port->request != NULL;
}
gboolean storage_port_drained (const StoragePort *port);
/* The machine goes on. */
void storage_port_resume (StoragePort *port);
/* Forgets the request in flight.  If there is one, `*buffer` goes with it and is replaced by a new, zeroed one of `size` bytes;
 * buffers are g_malloc()ed.  A vector is never touched again: this lasts as long as the host takes for what it has begun, and the buffer
 * stays. */
void storage_port_cancel (StoragePort *port, uint8_t **buffer, size_t size);
/* A state was loaded, the buffer with it: forgets what was parked and keeps the buffer's content. */
void storage_port_loaded (StoragePort *port, uint8_t **buffer, size_t size);

G_END_DECLS

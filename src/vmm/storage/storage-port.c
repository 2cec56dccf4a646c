/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests of a drive to its image: see storage-port.h.
 */
#define G_LOG_DOMAIN "storage"

#include "storage/storage-port.h"

#include "storage/host-error.h"

#include <errno.h>
#include <string.h>

struct StorageRequest
{
  BlockRequest block;
  struct iovec iov;
  Vm *vm;
  StoragePort *port; /* NULL: the drive is gone */
  gboolean orphan, vector;
  uint8_t *orphan_buffer;
  uint8_t *tail; /* of a read that ends behind the image */
  size_t tail_length;
};

/* -- Errors that a person can put right ------------------------------------------------------------- */

static gboolean
on_block_error (void *opaque, const BlockRequest *block_request, int error)
{
  StorageRequest *request = block_request->opaque;
  Vm *vm = request->vm;
  gboolean held = vm_lock_held (vm), keep = FALSE;

  if (!held)
    vm_lock (vm);
  StoragePort *port = request->port;
  if (port != NULL && !request->orphan && host_error_pauses (vm, block_path (port->block), error))
    port->parked = keep = TRUE;
  if (!held)
    vm_unlock (vm);
  return keep;
}

/* -- Requests ---------------------------------------------------------------------------------------- */

static void
on_block_done (void *opaque, int error)
{
  StorageRequest *request = opaque;
  Vm *vm = request->vm;
  /* block_queue_free() gives back what is left while the caller has the lock. */
  gboolean held = vm_lock_held (vm);

  if (!held)
    vm_lock (vm);
  StoragePort *port = request->port;
  gboolean orphan = request->orphan;
  if (port != NULL && !orphan && request->tail_length != 0)
    memset (request->tail, 0, request->tail_length);
  if (port != NULL && orphan)
    g_ptr_array_remove_fast (port->orphans, request);
  if (port != NULL && !orphan)
    port->request = NULL;
  g_free (request->orphan_buffer);
  g_free (request);
  if (port != NULL && !orphan)
    port->done (port->opaque, error);
  else if (port != NULL && port->orphans->len == 0)
    port->idle (port->opaque);
  if (!held)
    vm_unlock (vm);
}

void
storage_port_init (StoragePort *port, Vm *vm, void (*done) (void *opaque, int error),
                   void (*idle) (void *opaque), void *opaque)
{
  port->vm = vm;
  port->done = done;
  port->idle = idle;
  port->opaque = opaque;
  port->orphans = g_ptr_array_new ();
}

void
storage_port_clear (StoragePort *port)
{
  if (port->orphans == NULL)
    return;
  block_close (storage_port_set_block (port, NULL));
  g_clear_pointer (&port->orphans, g_ptr_array_unref);
}

Block *
storage_port_set_block (StoragePort *port, Block *block)
{
  g_return_val_if_fail (port->request == NULL, NULL);
  for (guint i = 0; i < port->orphans->len; i++)
    {
      StorageRequest *request = g_ptr_array_index (port->orphans, i);
      request->port = NULL;
    }
  g_ptr_array_set_size (port->orphans, 0);
  g_clear_pointer (&port->queue, block_queue_free);
  Block *old = port->block;
  port->block = block;
  if (block == NULL)
    return old;
  port->queue = block_queue_new (block, port->vm->context);
  block_set_error_func (port->queue, on_block_error, port);
  return old;
}

static StorageRequest *
request_new (StoragePort *port)
{
  if (port->block == NULL || port->request != NULL || port->orphans->len != 0)
    return NULL;
  StorageRequest *request = g_new0 (StorageRequest, 1);
  request->vm = port->vm;
  request->port = port;
  return request;
}

static void
start (StoragePort *port, StorageRequest *request, BlockOp op, uint64_t offset, const struct iovec *iov,
       unsigned n_iov, size_t length)
{
  request->block = (BlockRequest){
    .op = op,
    .offset = offset,
    .iov = iov,
    .n_iov = n_iov,
    .length = length,
    .done = on_block_done,
    .opaque = request,
  };
  port->request = request;
  block_submit (port->queue, &request->block);
}

gboolean
storage_port_submit (StoragePort *port, BlockOp op, uint64_t offset, void *buffer, size_t length)
{
  StorageRequest *request = request_new (port);

  if (request == NULL)
    return FALSE;
  uint64_t size = block_size (port->block);
  if (op == BLOCK_OP_READ && offset <= size && length > size - offset)
    {
      size_t there = (size_t)(size - offset);
      request->tail = (uint8_t *)buffer + there;
      request->tail_length = length - there;
      length = there;
    }
  request->iov = (struct iovec){ .iov_base = buffer, .iov_len = length };
  start (port, request, op, offset, &request->iov, 1, length);
  return TRUE;
}

gboolean
storage_port_submit_vector (StoragePort *port, BlockOp op, uint64_t offset, const struct iovec *iov,
                            unsigned n_iov)
{
  StorageRequest *request = request_new (port);

  if (request == NULL)
    return FALSE;
  request->vector = TRUE;
  start (port, request, op, offset, iov, n_iov, 0);
  return TRUE;
}

void
storage_port_settle (StoragePort *port)
{
  if (port->request != NULL)
    block_settle (port->queue);
}

gboolean
storage_port_drained (const StoragePort *port)
{
  return (port->request == NULL || port->parked) && (port->orphans == NULL || port->orphans->len == 0);
}

void
storage_port_resume (StoragePort *port)
{
  if (!port->parked)
    return;
  port->parked = FALSE;
  block_retry (port->queue);
}

void
storage_port_cancel (StoragePort *port, uint8_t **buffer, size_t size)
{
  StorageRequest *request = g_steal_pointer (&port->request);

  if (request == NULL)
    return;
  request->orphan = TRUE;
  g_ptr_array_add (port->orphans, request);
  port->parked = FALSE;
  block_cancel_all (port->queue);
  if (request->vector)
    {
      block_settle (port->queue);
      return;
    }
  request->orphan_buffer = *buffer;
  *buffer = g_malloc0 (size);
}

void
storage_port_loaded (StoragePort *port, uint8_t **buffer, size_t size)
{
  uint8_t *loaded = *buffer;

  /* An orphan's buffer is there until the machine's loop gets the VM lock. */
  storage_port_cancel (port, buffer, size);
  if (*buffer != loaded)
    memcpy (*buffer, loaded, size);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Requests of a drive to its image: see storage-port.h.
 */
#define G_LOG_DOMAIN "storage"

#include "storage/storage-port.h"

#include <errno.h>
#include <string.h>

struct StorageRequest
{
  Vm *vm;
  StoragePort *port; /* NULL: the drive is gone */
  gboolean orphan;
  uint8_t *orphan_buffer;
  uint8_t *tail; /* of a read that ends behind the image */
  size_t tail_length;
};

/* Errors that go away when somebody makes room. */
static gboolean
host_is_full (int error)
{
  return error == ENOSPC || error == EDQUOT;
}

static void
ask_for_room (StoragePort *port)
{
  g_autofree char *reason = g_strdup_printf (
      "There is no room left for what the machine writes to “%s”. Make room on that disk, then let the machine go "
      "on: it writes again.",
      block_path (port->block));

  vm_request (port->vm, VM_REQUEST_PAUSE, reason);
}

static void
on_block_done (void *opaque, int error)
{
  StorageRequest *request = opaque;
  Vm *vm = request->vm;
  /* block_close() gives back what is left while the caller has the lock. */
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
  if (port != NULL && !orphan && host_is_full (error))
    ask_for_room (port);
  else if (port != NULL && !orphan)
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
  storage_port_set_block (port, NULL);
  g_clear_pointer (&port->orphans, g_ptr_array_unref);
}

void
storage_port_set_block (StoragePort *port, Block *block)
{
  g_return_if_fail (port->request == NULL);
  for (guint i = 0; i < port->orphans->len; i++)
    {
      StorageRequest *request = g_ptr_array_index (port->orphans, i);
      request->port = NULL;
    }
  g_ptr_array_set_size (port->orphans, 0);
  if (port->block != NULL)
    block_close (port->block);
  port->block = block;
}

gboolean
storage_port_submit (StoragePort *port, BlockOp op, uint64_t offset, void *buffer, size_t length)
{
  if (port->block == NULL || port->request != NULL || port->orphans->len != 0)
    return FALSE;
  StorageRequest *request = g_new0 (StorageRequest, 1);
  request->vm = port->vm;
  request->port = port;
  uint64_t size = block_size (port->block);
  if (op == BLOCK_OP_READ && offset <= size && length > size - offset)
    {
      size_t there = (size_t)(size - offset);
      request->tail = (uint8_t *)buffer + there;
      request->tail_length = length - there;
      length = there;
    }
  port->request = request;
  block_submit (port->block, op, offset, buffer, length, on_block_done, request);
  return TRUE;
}

gboolean
storage_port_drained (const StoragePort *port)
{
  return port->request == NULL && (port->orphans == NULL || port->orphans->len == 0);
}

void
storage_port_cancel (StoragePort *port, uint8_t **buffer, size_t size)
{
  StorageRequest *request = g_steal_pointer (&port->request);

  if (request == NULL)
    return;
  request->orphan = TRUE;
  request->orphan_buffer = *buffer;
  g_ptr_array_add (port->orphans, request);
  *buffer = g_malloc0 (size);
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The control queue of virtio-scsi: functions that end commands, or ask for them.  VIRTIO 1.2, 5.6.6.2.
 *
 * One that is to end requests (ABORT TASK and the resets) waits until they have ended, with the answer that they were aborted, and is answered then.  So it
 * may be in flight, too, as long as a request; it is taken again by who loads a machine that was saved so.
 */
#define G_LOG_DOMAIN "virtio-scsi"

#include "virtio/scsi-private.h"

/* 5.6.6.2 */
typedef struct __attribute__ ((packed))
{
  uint32_t type, function;
  uint8_t lun[8];
  uint64_t tag;
} Function;
enum
{
  TYPE_FUNCTION = 0,
  TYPE_QUERY_EVENTS = 1,
  TYPE_SUBSCRIBE = 2,
};
enum
{
  FUNCTION_ABORT_TASK = 0,
  FUNCTION_ABORT_TASK_SET = 1,
  FUNCTION_CLEAR_ACA = 2,
  FUNCTION_CLEAR_TASK_SET = 3,
  FUNCTION_NEXUS_RESET = 4,
  FUNCTION_UNIT_RESET = 5,
  FUNCTION_QUERY_TASK = 6,
  FUNCTION_QUERY_TASK_SET = 7,
};

void
virt_scsi_waiting_free (Waiting *waiting)
{
  virt_chain_free (&waiting->chain);
  g_free (waiting);
}

/* The control queue's lock is held. */
static void
answer_function (Waiting *waiting, size_t offset, uint8_t response)
{
  VirtScsi *scsi = waiting->owner;
  VirtQueue *queue = &scsi->virt.queues[QUEUE_CONTROL];

  if (waiting->generation != queue->generation || !dma_enabled (&queue->dma))
    return;
  virt_queue_hold (queue, waiting->chain.head, FALSE);
  virt_chain_write (&waiting->chain, offset, &response, 1);
  virt_give (&scsi->virt, QUEUE_CONTROL, &waiting->chain, (uint32_t)offset + 1);
}

void
virt_scsi_one_less (VirtScsi *scsi, GSList *all)
{
  VirtQueue *queue = &scsi->virt.queues[QUEUE_CONTROL];

  g_mutex_lock (&queue->lock);
  for (GSList *l = all; l != NULL; l = l->next)
    {
      Waiting *waiting = l->data;

      if (--waiting->n_waiting > 0)
        continue;
      answer_function (waiting, 0, RESPONSE_OK);
      virt_scsi_waiting_free (waiting);
      scsi->n_functions--;
      if (scsi->full)
        virt_ring (&scsi->virt, QUEUE_CONTROL);
    }
  g_mutex_unlock (&queue->lock);
  g_slist_free (all);
}

/* -- Control -------------------------------------------------------------------------------------------------- */

static gboolean
is_meant (const Request *request, const Function *function, unsigned target)
{
  const uint32_t what = GUINT32_FROM_LE (function->function);

  return request->target == target && (what != FUNCTION_ABORT_TASK || request->tag == function->tag);
}

/* The control queue's lock is held; those of commands come behind it. */
static void
mark (Waiting *waiting, const Function *function, unsigned target)
{
  VirtScsi *scsi = waiting->owner;
  const uint32_t what = GUINT32_FROM_LE (function->function);
  const gboolean reset = what == FUNCTION_UNIT_RESET || what == FUNCTION_NEXUS_RESET;

  for (unsigned n = QUEUE_FIRST; n < scsi->virt.n_queues; n++)
    {
      VirtQueue *queue = &scsi->virt.queues[n];

      g_mutex_lock (&queue->lock);
      for (Request *request = scsi->queues[n - QUEUE_FIRST].taken; request != NULL; request = request->next)
        if (is_meant (request, function, target))
          {
            request->waiting = g_slist_prepend (request->waiting, waiting);
            request->end_as = reset ? RESPONSE_RESET : RESPONSE_ABORTED;
            waiting->n_waiting++;
          }
      g_mutex_unlock (&queue->lock);
    }
  if (reset)
    {
      g_mutex_lock (&scsi->targets[target].lock);
      scsi->targets[target].unit.attention = TRUE;
      g_mutex_unlock (&scsi->targets[target].lock);
    }
}

static gboolean
is_there (VirtScsi *scsi, const Function *function, unsigned target)
{
  gboolean there = FALSE;

  for (unsigned n = QUEUE_FIRST; n < scsi->virt.n_queues; n++)
    {
      g_mutex_lock (&scsi->virt.queues[n].lock);
      for (const Request *request = scsi->queues[n - QUEUE_FIRST].taken; request != NULL;
           request = request->next)
        there |= request->target == target
                 && (GUINT32_FROM_LE (function->function) == FUNCTION_QUERY_TASK_SET
                     || request->tag == function->tag);
      g_mutex_unlock (&scsi->virt.queues[n].lock);
    }
  return there;
}

/* TRUE: `waiting` is kept. */
static gboolean
run_function (Waiting *waiting, const Function *function)
{
  VirtScsi *scsi = waiting->owner;
  unsigned lun;
  const int target = virt_scsi_find_target (scsi, function->lun, &lun);

  if (target < 0)
    {
      answer_function (waiting, 0, RESPONSE_BAD_TARGET);
      return FALSE;
    }
  switch (GUINT32_FROM_LE (function->function))
    {
    case FUNCTION_ABORT_TASK:
    case FUNCTION_ABORT_TASK_SET:
    case FUNCTION_CLEAR_TASK_SET:
    case FUNCTION_NEXUS_RESET:
    case FUNCTION_UNIT_RESET:
      mark (waiting, function, (unsigned)target);
      if (waiting->n_waiting == 0)
        break;
      virt_queue_hold (&scsi->virt.queues[QUEUE_CONTROL], waiting->chain.head, TRUE);
      return TRUE;
    case FUNCTION_CLEAR_ACA:
      break;
    case FUNCTION_QUERY_TASK:
    case FUNCTION_QUERY_TASK_SET:
      answer_function (waiting, 0,
                       is_there (scsi, function, (unsigned)target) ? RESPONSE_FUNCTION_SUCCEEDED
                                                                   : RESPONSE_OK);
      return FALSE;
    default:
      answer_function (waiting, 0, RESPONSE_FUNCTION_REJECTED);
      return FALSE;
    }
  answer_function (waiting, 0, RESPONSE_OK);
  return FALSE;
}

void
virt_scsi_run_control (VirtScsi *scsi, VirtChain *chain)
{
  Waiting *waiting = scsi->spare;
  Function function = { 0 };
  const uint32_t none = 0;
  const size_t length = virt_chain_read (chain, 0, &function, sizeof function);

  waiting->generation = scsi->virt.queues[QUEUE_CONTROL].generation;
  waiting->n_waiting = 0;
  if (length == sizeof function && GUINT32_FROM_LE (function.type) == TYPE_FUNCTION)
    {
      if (run_function (waiting, &function))
        {
          scsi->spare = NULL;
          scsi->n_functions++;
          return;
        }
    }
  else if (length >= 4
           && (GUINT32_FROM_LE (function.type) == TYPE_QUERY_EVENTS
               || GUINT32_FROM_LE (function.type) == TYPE_SUBSCRIBE))
    {
      /* There are no events to be had. */
      virt_chain_write (chain, 0, &none, sizeof none);
      answer_function (waiting, sizeof none, RESPONSE_OK);
    }
  else
    answer_function (waiting, 0, RESPONSE_FAILURE);
  virt_chain_clear (chain);
}

VirtChain *
virt_scsi_control_room (VirtScsi *scsi)
{
  scsi->full = scsi->n_functions >= QUEUE_SIZE;
  if (scsi->full)
    return NULL;
  if (scsi->spare == NULL)
    {
      scsi->spare = g_new0 (Waiting, 1);
      scsi->spare->owner = scsi;
      virt_chain_init (&scsi->spare->chain);
    }
  return &scsi->spare->chain;
}

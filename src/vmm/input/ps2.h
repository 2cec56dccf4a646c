/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What a PS/2 keyboard and mouse have in common: bounded queues of bytes towards the host and a wire to the controller.
 */
#pragma once

#include <string.h>

#include "core/clock.h"
#include "core/state.h"

G_BEGIN_DECLS

#define PS2_QUEUE_SIZE 64u /* a power of two */

/* Answers that both devices give. */
enum
{
  PS2_ACK = 0xfa,
  PS2_RESEND = 0xfe,
  PS2_ERROR = 0xfc,
  PS2_BAT_OK = 0xaa,
};

/* Time from power-on or a reset command to the end of the self test.  Real keyboards take 300 to 500 ms; nothing
 * depends on more than a pause that a poll loop sees. */
#define PS2_BAT_NS (20 * 1000 * 1000LL)

typedef struct
{
  uint8_t data[PS2_QUEUE_SIZE];
  uint32_t head;
  uint32_t count;
} Ps2Queue;

static inline void
ps2_queue_clear (Ps2Queue *queue)
{
  queue->head = 0;
  queue->count = 0;
}

static inline unsigned
ps2_queue_room (const Ps2Queue *queue)
{
  return PS2_QUEUE_SIZE - MIN (queue->count, PS2_QUEUE_SIZE);
}

/* Drops the byte when the queue is full. */
static inline void
ps2_queue_put (Ps2Queue *queue, uint8_t value)
{
  if (ps2_queue_room (queue) == 0)
    return;
  queue->data[(queue->head + queue->count) % PS2_QUEUE_SIZE] = value;
  queue->count++;
}

static inline gboolean
ps2_queue_get (Ps2Queue *queue, uint8_t *value)
{
  if (queue->count == 0)
    return FALSE;
  *value = queue->data[queue->head % PS2_QUEUE_SIZE];
  queue->head = (queue->head + 1) % PS2_QUEUE_SIZE;
  queue->count--;
  return TRUE;
}

/* The controller's ear: called when a device that had nothing to say has something. */
typedef struct
{
  void (*ready) (void *opaque);
  void *opaque;
} Ps2Wire;

extern const StateField ps2_queue_state[];

G_END_DECLS

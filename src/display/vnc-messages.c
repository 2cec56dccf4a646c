/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "display/vnc-messages.h"

Message
vnc_message_of_event (const InputEvent *event)
{
  return (Message){ .op = VNC_MESSAGE_INPUT,
                    .a = event->type,
                    .b = event->code,
                    .result = event->value,
                    .size = (uint32_t)event->x | (uint64_t)(uint32_t)event->y << 32 };
}

gboolean
vnc_message_to_event (const Message *message, unsigned n_screens, InputEvent *event)
{
  if (message->op != VNC_MESSAGE_INPUT || message->b > G_MAXUINT16)
    return FALSE;
  *event = (InputEvent){ .type = (InputEventType)message->a,
                         .code = (uint16_t)message->b,
                         .value = message->result,
                         .x = (int32_t)(uint32_t)message->size,
                         .y = (int32_t)(uint32_t)(message->size >> 32) };
  return input_event_check (event, n_screens);
}

Message
vnc_message_of_size (unsigned screen, uint32_t width, uint32_t height)
{
  return (Message){ .op = VNC_MESSAGE_SIZE, .a = screen, .b = width << 16 | height };
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PS/2 mouse.
 */
#define G_LOG_DOMAIN "ps2-mouse"

#include <linux/input-event-codes.h>

#include "input/ps2-mouse.h"

enum
{
  MOUSE_SCALING_1_1 = 0xe6,
  MOUSE_SCALING_2_1 = 0xe7,
  MOUSE_SET_RESOLUTION = 0xe8,
  MOUSE_STATUS = 0xe9,
  MOUSE_STREAM = 0xea,
  MOUSE_READ_DATA = 0xeb,
  MOUSE_RESET_WRAP = 0xec,
  MOUSE_SET_WRAP = 0xee,
  MOUSE_REMOTE = 0xf0,
  MOUSE_IDENTIFY = 0xf2,
  MOUSE_SET_RATE = 0xf3,
  MOUSE_ENABLE = 0xf4,
  MOUSE_DISABLE = 0xf5,
  MOUSE_SET_DEFAULTS = 0xf6,
  MOUSE_RESEND = 0xfe,
  MOUSE_RESET = 0xff,
};

enum
{
  MOUSE_ID_STANDARD = 0,
  MOUSE_ID_WHEEL = 3,
  MOUSE_ID_FIVE_BUTTONS = 4,
};

/* First byte of a packet. */
enum
{
  PACKET_ALWAYS = 1 << 3,
  PACKET_X_SIGN = 1 << 4,
  PACKET_Y_SIGN = 1 << 5,
  PACKET_X_OVERFLOW = 1 << 6,
  PACKET_Y_OVERFLOW = 1 << 7,
};

enum
{
  BUTTON_LEFT = 1 << 0,
  BUTTON_RIGHT = 1 << 1,
  BUTTON_MIDDLE = 1 << 2,
  BUTTON_SIDE = 1 << 3,
  BUTTON_EXTRA = 1 << 4,
};

#define MOVE_MAX  4095 /* movement kept while the guest doesn't read */
#define WHEEL_MAX 127
/* Room for what one event may add: the packet before a button, and the one with it. */
#define ROOM_MIN 8u

static void
wake (Ps2Mouse *mouse)
{
  mouse->wire.ready (mouse->wire.opaque);
}

static void
reply (Ps2Mouse *mouse, uint8_t value)
{
  ps2_queue_put (&mouse->replies, value);
  wake (mouse);
}

static gboolean
has_news (const Ps2Mouse *mouse)
{
  uint8_t mask = mouse->id == MOUSE_ID_FIVE_BUTTONS ? 0x1f : 0x07;

  return mouse->dx != 0 || mouse->dy != 0 || (mouse->id != MOUSE_ID_STANDARD && mouse->dz != 0)
         || ((mouse->buttons ^ mouse->sent_buttons) & mask) != 0;
}

/* 2:1 scaling of stream mode; beyond 5 it doubles. */
static int
scale (int value)
{
  static const int8_t small[] = { 0, 1, 1, 3, 6, 9 };
  int size = ABS (value);

  size = size < (int)G_N_ELEMENTS (small) ? small[size] : size * 2;
  return value < 0 ? -size : size;
}

static void
put_packet (Ps2Mouse *mouse, Ps2Queue *queue, gboolean scaled)
{
  int whole_x = (int32_t)mouse->dx, whole_y = (int32_t)mouse->dy;
  gboolean overflow_x = ABS (whole_x) >= MOVE_MAX, overflow_y = ABS (whole_y) >= MOVE_MAX;
  int step_x = CLAMP (whole_x, -255, 255), step_y = CLAMP (whole_y, -255, 255);
  int dx = step_x, dy = step_y;

  mouse->dx = overflow_x ? 0 : (uint32_t)(whole_x - step_x);
  mouse->dy = overflow_y ? 0 : (uint32_t)(whole_y - step_y);
  if (scaled)
    {
      dx = scale (dx);
      dy = scale (dy);
      overflow_x |= ABS (dx) > 255;
      overflow_y |= ABS (dy) > 255;
      dx = CLAMP (dx, -255, 255);
      dy = CLAMP (dy, -255, 255);
    }
  ps2_queue_put (queue, (uint8_t)((mouse->buttons & 7) | PACKET_ALWAYS | (dx < 0 ? PACKET_X_SIGN : 0)
                                  | (dy < 0 ? PACKET_Y_SIGN : 0) | (overflow_x ? PACKET_X_OVERFLOW : 0)
                                  | (overflow_y ? PACKET_Y_OVERFLOW : 0)));
  ps2_queue_put (queue, (uint8_t)dx);
  ps2_queue_put (queue, (uint8_t)dy);
  if (mouse->id == MOUSE_ID_WHEEL)
    {
      int dz = CLAMP ((int32_t)mouse->dz, -WHEEL_MAX, WHEEL_MAX);
      mouse->dz -= (uint32_t)dz;
      ps2_queue_put (queue, (uint8_t)dz);
    }
  else if (mouse->id == MOUSE_ID_FIVE_BUTTONS)
    {
      int dz = CLAMP ((int32_t)mouse->dz, -7, 7);
      mouse->dz -= (uint32_t)dz;
      ps2_queue_put (queue, (uint8_t)((dz & 0xf) | (mouse->buttons & BUTTON_SIDE ? 0x10 : 0)
                                      | (mouse->buttons & BUTTON_EXTRA ? 0x20 : 0)));
    }
  else
    mouse->dz = 0;
  mouse->sent_buttons = mouse->buttons;
}

/* In stream mode: one packet in the queue at a time, at most `rate` a second; what moves meanwhile adds up. */
static void
stream (Ps2Mouse *mouse)
{
  if (!mouse->reporting || mouse->remote || mouse->wrap || mouse->packets.count > 0
      || vm_timer_armed (&mouse->sample_timer) || !has_news (mouse))
    return;
  put_packet (mouse, &mouse->packets, mouse->scaling);
  vm_timer_arm (&mouse->sample_timer,
                vm_clock_now (mouse->sample_timer.clock) + NS_PER_SECOND / MAX (mouse->rate, 10));
  wake (mouse);
}

static void
on_sample (void *opaque)
{
  stream (opaque);
}

static void
accumulate (uint32_t *sum, int32_t delta, int limit)
{
  int64_t value = (int64_t)(int32_t)*sum + delta;

  *sum = (uint32_t)(int32_t)CLAMP (value, -limit, limit);
}

static void
on_event (void *opaque, const InputEvent *event)
{
  Ps2Mouse *mouse = opaque;
  uint8_t bit = 0;

  switch (event->type)
    {
    case INPUT_EVENT_RELATIVE:
      accumulate (&mouse->dx, event->x, MOVE_MAX);
      accumulate (&mouse->dy, event->y == G_MININT32 ? G_MAXINT32 : -event->y, MOVE_MAX);
      break;
    case INPUT_EVENT_WHEEL:
      accumulate (&mouse->dz, event->y, WHEEL_MAX);
      break;
    case INPUT_EVENT_BUTTON:
      switch (event->code)
        {
        case BTN_LEFT:
          bit = BUTTON_LEFT;
          break;
        case BTN_RIGHT:
          bit = BUTTON_RIGHT;
          break;
        case BTN_MIDDLE:
          bit = BUTTON_MIDDLE;
          break;
        case BTN_SIDE:
        case BTN_BACK:
          bit = BUTTON_SIDE;
          break;
        case BTN_EXTRA:
        case BTN_FORWARD:
          bit = BUTTON_EXTRA;
          break;
        default:
          break;
        }
      /* A click shorter than a sample must not vanish: what is pending goes out before the button changes back. */
      if (bit != 0 && ((mouse->buttons ^ mouse->sent_buttons) & bit) && mouse->reporting && !mouse->remote
          && !mouse->wrap && ps2_queue_room (&mouse->packets) >= ROOM_MIN)
        put_packet (mouse, &mouse->packets, mouse->scaling);
      mouse->buttons = (uint8_t)(event->value ? mouse->buttons | bit : mouse->buttons & ~bit);
      break;
    default:
      return;
    }
  if (mouse->packets.count > 0)
    wake (mouse);
  stream (mouse);
}

static gboolean
on_ready (void *opaque)
{
  Ps2Mouse *mouse = opaque;

  return ps2_queue_room (&mouse->packets) >= ROOM_MIN;
}

/* -- Commands ------------------------------------------------------------------------------------- */

static void
clear_movement (Ps2Mouse *mouse)
{
  mouse->dx = mouse->dy = mouse->dz = 0;
  mouse->sent_buttons = mouse->buttons;
  ps2_queue_clear (&mouse->packets);
}

/* In remote mode the host asks for packets without having enabled reports. */
static void
set_mode (Ps2Mouse *mouse, gboolean reporting, gboolean remote)
{
  mouse->reporting = reporting;
  mouse->remote = remote;
  if (mouse->router != NULL)
    input_router_set_active (mouse->router, &mouse->sink, reporting || remote);
}

static void
set_defaults (Ps2Mouse *mouse)
{
  mouse->rate = 100;
  mouse->resolution = 2;
  mouse->scaling = FALSE;
  mouse->wrap = FALSE;
  set_mode (mouse, FALSE, FALSE);
  vm_timer_cancel (&mouse->sample_timer);
  clear_movement (mouse);
}

static void
on_bat (void *opaque)
{
  Ps2Mouse *mouse = opaque;

  reply (mouse, PS2_BAT_OK);
  reply (mouse, mouse->id);
}

/* The driver's knock: 200, 100, 80 asks for the wheel; 200, 200, 80 then for five buttons. */
static void
set_rate (Ps2Mouse *mouse, uint8_t rate)
{
  mouse->rate = rate;
  mouse->knock[0] = mouse->knock[1];
  mouse->knock[1] = mouse->knock[2];
  mouse->knock[2] = rate;
  if (mouse->knock[0] == 200 && mouse->knock[2] == 80)
    {
      if (mouse->knock[1] == 100 && mouse->id == MOUSE_ID_STANDARD)
        mouse->id = MOUSE_ID_WHEEL;
      else if (mouse->knock[1] == 200)
        mouse->id = MOUSE_ID_FIVE_BUTTONS;
    }
}

static void
take_argument (Ps2Mouse *mouse, uint8_t value)
{
  uint8_t command = mouse->command;

  mouse->command = 0;
  if (command == MOUSE_SET_RESOLUTION)
    {
      if (value > 3)
        {
          reply (mouse, PS2_ERROR);
          return;
        }
      mouse->resolution = value;
    }
  else if (value < 10 || value > 200)
    {
      reply (mouse, PS2_ERROR);
      return;
    }
  else
    set_rate (mouse, value);
  reply (mouse, PS2_ACK);
}

static void
send_status (Ps2Mouse *mouse)
{
  reply (mouse, PS2_ACK);
  reply (mouse,
         (uint8_t)((mouse->remote ? 0x40 : 0) | (mouse->reporting ? 0x20 : 0) | (mouse->scaling ? 0x10 : 0)
                   | (mouse->buttons & BUTTON_LEFT ? 4 : 0) | (mouse->buttons & BUTTON_MIDDLE ? 2 : 0)
                   | (mouse->buttons & BUTTON_RIGHT ? 1 : 0)));
  reply (mouse, mouse->resolution);
  reply (mouse, mouse->rate);
}

void
ps2_mouse_write (Ps2Mouse *mouse, uint8_t value)
{
  if (mouse->wrap && value != MOUSE_RESET && value != MOUSE_RESET_WRAP)
    {
      reply (mouse, value);
      return;
    }
  ps2_queue_clear (&mouse->replies);
  if (mouse->command != 0)
    {
      take_argument (mouse, value);
      return;
    }
  switch (value)
    {
    case MOUSE_SCALING_1_1:
    case MOUSE_SCALING_2_1:
      mouse->scaling = value == MOUSE_SCALING_2_1;
      reply (mouse, PS2_ACK);
      break;
    case MOUSE_SET_RESOLUTION:
    case MOUSE_SET_RATE:
      mouse->command = value;
      reply (mouse, PS2_ACK);
      break;
    case MOUSE_STATUS:
      send_status (mouse);
      break;
    case MOUSE_STREAM:
    case MOUSE_REMOTE:
      set_mode (mouse, mouse->reporting, value == MOUSE_REMOTE);
      clear_movement (mouse);
      reply (mouse, PS2_ACK);
      break;
    case MOUSE_READ_DATA:
      reply (mouse, PS2_ACK);
      put_packet (mouse, &mouse->replies, FALSE);
      break;
    case MOUSE_SET_WRAP:
    case MOUSE_RESET_WRAP:
      mouse->wrap = value == MOUSE_SET_WRAP;
      clear_movement (mouse);
      reply (mouse, PS2_ACK);
      break;
    case MOUSE_IDENTIFY:
      reply (mouse, PS2_ACK);
      reply (mouse, mouse->id);
      break;
    case MOUSE_ENABLE:
      clear_movement (mouse);
      set_mode (mouse, TRUE, mouse->remote);
      reply (mouse, PS2_ACK);
      break;
    case MOUSE_DISABLE:
      set_mode (mouse, FALSE, mouse->remote);
      clear_movement (mouse);
      reply (mouse, PS2_ACK);
      break;
    case MOUSE_SET_DEFAULTS:
      set_defaults (mouse);
      reply (mouse, PS2_ACK);
      break;
    case MOUSE_RESEND:
      reply (mouse, mouse->last_sent);
      break;
    case MOUSE_RESET:
      set_defaults (mouse);
      mouse->id = MOUSE_ID_STANDARD;
      memset (mouse->knock, 0, sizeof mouse->knock);
      reply (mouse, PS2_ACK);
      vm_timer_arm (&mouse->bat_timer, vm_clock_now (mouse->bat_timer.clock) + PS2_BAT_NS);
      break;
    default:
      reply (mouse, PS2_RESEND);
      break;
    }
}

gboolean
ps2_mouse_read (Ps2Mouse *mouse, uint8_t *value)
{
  if (mouse->replies.count > 0)
    ps2_queue_get (&mouse->replies, value);
  else if (!ps2_queue_get (&mouse->packets, value))
    return FALSE;
  mouse->last_sent = *value;
  if (mouse->packets.count == 0)
    stream (mouse);
  return TRUE;
}

void
ps2_mouse_refill (Ps2Mouse *mouse)
{
  if (mouse->router != NULL && mouse->sink.pending.length > 0)
    input_router_ready (mouse->router, &mouse->sink);
}

gboolean
ps2_mouse_pending (const Ps2Mouse *mouse)
{
  return mouse->replies.count > 0 || mouse->packets.count > 0;
}

/* -- Life ----------------------------------------------------------------------------------------- */

const StateField ps2_mouse_state[] = {
  STATE_TIMER (Ps2Mouse, bat_timer),
  STATE_TIMER (Ps2Mouse, sample_timer),
  STATE_STRUCT (Ps2Mouse, packets, ps2_queue_state),
  STATE_STRUCT (Ps2Mouse, replies, ps2_queue_state),
  STATE_U8 (Ps2Mouse, last_sent),
  STATE_U8 (Ps2Mouse, command),
  STATE_U8_MAX (Ps2Mouse, id, MOUSE_ID_FIVE_BUTTONS),
  STATE_U8_MAX (Ps2Mouse, rate, 200),
  STATE_U8_MAX (Ps2Mouse, resolution, 3),
  STATE_U8_ARRAY (Ps2Mouse, knock),
  STATE_BOOL (Ps2Mouse, scaling),
  STATE_BOOL (Ps2Mouse, reporting),
  STATE_BOOL (Ps2Mouse, remote),
  STATE_BOOL (Ps2Mouse, wrap),
  STATE_U8_MAX (Ps2Mouse, buttons, 0x1f),
  STATE_U8_MAX (Ps2Mouse, sent_buttons, 0x1f),
  STATE_U32 (Ps2Mouse, dx),
  STATE_U32 (Ps2Mouse, dy),
  STATE_U32 (Ps2Mouse, dz),
  STATE_END,
};

void
ps2_mouse_init (Ps2Mouse *mouse, VmClock *clock, InputRouter *router, const Ps2Wire *wire)
{
  mouse->wire = *wire;
  mouse->router = router;
  mouse->sink = (InputSink){
    .name = "PS/2 mouse", .kinds = INPUT_SINK_RELATIVE, .event = on_event, .ready = on_ready, .opaque = mouse
  };
  vm_timer_init (&mouse->bat_timer, clock, on_bat, mouse);
  vm_timer_init (&mouse->sample_timer, clock, on_sample, mouse);
  if (router != NULL)
    input_router_add (router, &mouse->sink);
}

void
ps2_mouse_exit (Ps2Mouse *mouse)
{
  if (mouse->router != NULL)
    input_router_remove (mouse->router, &mouse->sink);
  vm_timer_cancel (&mouse->bat_timer);
  vm_timer_cancel (&mouse->sample_timer);
}

void
ps2_mouse_reset (Ps2Mouse *mouse)
{
  ps2_queue_clear (&mouse->replies);
  vm_timer_cancel (&mouse->bat_timer);
  mouse->command = 0;
  mouse->last_sent = 0;
  mouse->id = MOUSE_ID_STANDARD;
  mouse->buttons = 0;
  memset (mouse->knock, 0, sizeof mouse->knock);
  set_defaults (mouse);
}

gboolean
ps2_mouse_post_load (Ps2Mouse *mouse, GError **error)
{
  if (mouse->command != 0 && mouse->command != MOUSE_SET_RESOLUTION && mouse->command != MOUSE_SET_RATE)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE,
                   "the mouse waits for the argument of command 0x%02x, which has none", mouse->command);
      return FALSE;
    }
  mouse->dx = (uint32_t)CLAMP ((int32_t)mouse->dx, -MOVE_MAX, MOVE_MAX);
  mouse->dy = (uint32_t)CLAMP ((int32_t)mouse->dy, -MOVE_MAX, MOVE_MAX);
  mouse->dz = (uint32_t)CLAMP ((int32_t)mouse->dz, -WHEEL_MAX, WHEEL_MAX);
  mouse->buttons = 0;
  set_mode (mouse, mouse->reporting, mouse->remote);
  return TRUE;
}

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the router sends becomes evdev events, in order.  Movement that the driver hasn't had a buffer for is added up, so that a pointer is where the person
 * has it and never late.  The device hears the router only while its driver is there.  A touchscreen's fingers are slots of Linux's multi-touch protocol B.
 */
#define G_LOG_DOMAIN "virtio-input"

#include "virtio/input.h"

#include <linux/input.h>
#include <string.h>

/* 5.8.4 */
enum
{
  CONFIG_SELECT = 0,
  CONFIG_SUBSELECT = 1,
  CONFIG_LENGTH = 2,
  CONFIG_DATA = 8,
  CONFIG_SIZE = CONFIG_DATA + 128,
};
enum
{
  SELECT_NAME = 0x01,
  SELECT_SERIAL = 0x02,
  SELECT_IDS = 0x03,
  SELECT_PROPERTIES = 0x10,
  SELECT_BITS = 0x11,
  SELECT_ABSOLUTE = 0x12,
};
enum
{
  QUEUE_EVENT,
  QUEUE_STATUS,
  N_QUEUES,
};

/* 5.8.6 */
typedef struct
{
  uint16_t type, code;
  uint32_t value;
} Event;

#define QUEUE_SIZE 64
#define MOST       512u       /* events that wait */
#define FREE       (MOST / 2) /* of which the second half is for the end of what is held */
#define LAST_KEY   0xf8u      /* KEY_MICMUTE; what is behind it are buttons of other devices */
#define N_HELD     (KEY_MAX / 8 + 1)
#define VENDOR     0x1af4

typedef struct
{
  VirtDevice virt;
  VirtChain chain;
  VirtInputKind kind;
  InputRouter *router;
  InputSink sink;
  Event waiting[MOST]; /* a ring; in no file, like all input that is on its way */
  unsigned first, n;
  gboolean was_full;
  gboolean looking;          /* the queue's lock is this call's already */
  int32_t x, y, wheel, side; /* relative, added up; or the position */
  gboolean moved;
  /* A touchscreen's fingers: a bit each for those that the guest was told of, and those that have moved since. */
  uint16_t touching, fingers_moved;
  uint16_t contacts; /* so far: each has a number of its own */
  struct
  {
    int32_t x, y;
  } fingers[INPUT_FINGERS];
  gboolean loaded;      /* what the guest holds is nobody's any more */
  uint8_t held[N_HELD]; /* a bit a key or button that the guest was told is down */
  uint8_t leds;         /* as the router has them */
} VirtInput;

static const StateField virt_input_state[] = {
  STATE_STRUCT (VirtInput, virt, virt_device_state),
  STATE_U8_ARRAY (VirtInput, held),
  STATE_U8_MAX (VirtInput, leds, 7),
  STATE_SINCE (2, 0),
  STATE_U16_MAX (VirtInput, touching, (1u << INPUT_FINGERS) - 1),
  STATE_U16 (VirtInput, contacts),
  STATE_END,
};

/* -- Configuration ---------------------------------------------------------------------------------------- */

static void
set_bits (uint8_t *bits, unsigned first, unsigned last)
{
  for (unsigned i = first; i <= last; i++)
    bits[i / 8] |= (uint8_t)(1u << i % 8);
}

static gboolean
is_absolute (const VirtInput *input)
{
  return input->kind == VIRT_INPUT_TABLET || input->kind == VIRT_INPUT_TOUCHSCREEN;
}

/* 5.8.5.1: the events of a type that the device can send, or take. */
static void
fill_bits (const VirtInput *input, unsigned type, uint8_t *data)
{
  const gboolean keyboard = input->kind == VIRT_INPUT_KEYBOARD;

  if (type == EV_KEY && keyboard)
    set_bits (data, KEY_ESC, LAST_KEY);
  else if (type == EV_KEY && input->kind == VIRT_INPUT_TOUCHSCREEN)
    set_bits (data, BTN_TOUCH, BTN_TOUCH);
  else if (type == EV_KEY)
    set_bits (data, BTN_LEFT, BTN_EXTRA);
  else if (type == EV_LED && keyboard)
    set_bits (data, LED_NUML, LED_SCROLLL);
  else if (type == EV_REP && keyboard)
    set_bits (data, REP_DELAY, REP_PERIOD); /* the guest repeats by itself */
  else if (type == EV_REL && (input->kind == VIRT_INPUT_TABLET || input->kind == VIRT_INPUT_MOUSE))
    {
      set_bits (data, REL_HWHEEL, REL_HWHEEL);
      set_bits (data, REL_WHEEL, REL_WHEEL);
      if (input->kind == VIRT_INPUT_MOUSE)
        set_bits (data, REL_X, REL_Y);
    }
  else if (type == EV_ABS && is_absolute (input))
    set_bits (data, ABS_X, ABS_Y);
  if (type == EV_ABS && input->kind == VIRT_INPUT_TOUCHSCREEN)
    {
      set_bits (data, ABS_MT_SLOT, ABS_MT_SLOT);
      set_bits (data, ABS_MT_POSITION_X, ABS_MT_POSITION_Y);
      set_bits (data, ABS_MT_TRACKING_ID, ABS_MT_TRACKING_ID);
    }
}

/* The largest value of an axis; 0: it has none. */
static uint32_t
largest (const VirtInput *input, unsigned axis)
{
  const gboolean touch = input->kind == VIRT_INPUT_TOUCHSCREEN;

  switch (axis)
    {
    case ABS_X:
    case ABS_Y:
      return is_absolute (input) ? INPUT_ABSOLUTE_MAX : 0;
    case ABS_MT_POSITION_X:
    case ABS_MT_POSITION_Y:
      return touch ? INPUT_ABSOLUTE_MAX : 0;
    case ABS_MT_SLOT:
      return touch ? INPUT_FINGERS - 1 : 0;
    case ABS_MT_TRACKING_ID:
      return touch ? UINT16_MAX : 0;
    default:
      return 0;
    }
}

/* `data` has 128 bytes of zeroes; how many of them are said. */
static unsigned
fill_data (const VirtInput *input, uint8_t *data)
{
  static const char *const names[]
      = { "Vivarium Keyboard", "Vivarium Tablet", "Vivarium Mouse", "Vivarium Touchscreen" };
  const unsigned select = input->virt.config[CONFIG_SELECT], sub = input->virt.config[CONFIG_SUBSELECT];
  unsigned length = 0;

  switch (select)
    {
    case SELECT_NAME:
      length = (unsigned)strlen (names[input->kind]);
      memcpy (data, names[input->kind], length);
      break;
    case SELECT_SERIAL:
      length = (unsigned)MIN (strlen (input->virt.pci.device.id), 32);
      memcpy (data, input->virt.pci.device.id, length);
      break;
    case SELECT_IDS:
      pci_set16 (data, BUS_VIRTUAL);
      pci_set16 (data + 2, VENDOR);
      pci_set16 (data + 4, (uint16_t)(input->kind + 1));
      pci_set16 (data + 6, 1);
      length = 8;
      break;
    case SELECT_BITS:
      fill_bits (input, sub, data);
      for (length = 128; length > 0 && data[length - 1] == 0; length--)
        ;
      break;
    case SELECT_ABSOLUTE:
      if (largest (input, sub) > 0)
        {
          pci_set32 (data + 4, largest (input, sub)); /* minimum, maximum, fuzz, flat, resolution */
          length = 20;
        }
      break;
    case SELECT_PROPERTIES:
      if (input->kind == VIRT_INPUT_TOUCHSCREEN)
        {
          set_bits (data, INPUT_PROP_DIRECT, INPUT_PROP_DIRECT);
          length = 1;
        }
      break;
    default:
      break;
    }
  return length;
}

static uint8_t
input_config_byte (VirtDevice *virt, unsigned offset)
{
  uint8_t data[CONFIG_SIZE - CONFIG_DATA] = { 0 };
  unsigned length;

  if (offset <= CONFIG_SUBSELECT)
    return virt->config[offset];
  length = fill_data ((VirtInput *)virt, data);
  if (offset == CONFIG_LENGTH)
    return (uint8_t)length;
  return offset >= CONFIG_DATA ? data[offset - CONFIG_DATA] : 0;
}

/* -- To the guest: VM lock held ------------------------------------------------------------------------------ */

static void
push (VirtInput *input, unsigned type, unsigned code, int32_t value)
{
  Event *event = &input->waiting[(input->first + input->n) % MOST];

  if (input->n == MOST)
    return;
  *event = (Event){ GUINT16_TO_LE ((uint16_t)type), GUINT16_TO_LE ((uint16_t)code),
                    GUINT32_TO_LE ((uint32_t)value) };
  input->n++;
}

static void
push_if (VirtInput *input, unsigned code, int32_t value)
{
  if (value != 0)
    push (input, EV_REL, code, value);
}

static void
push_place (VirtInput *input, unsigned finger)
{
  push (input, EV_ABS, ABS_MT_SLOT, (int32_t)finger);
  push (input, EV_ABS, ABS_MT_POSITION_X, input->fingers[finger].x);
  push (input, EV_ABS, ABS_MT_POSITION_Y, input->fingers[finger].y);
}

static void
push_fingers (VirtInput *input)
{
  for (unsigned i = 0; i < INPUT_FINGERS; i++)
    if (input->fingers_moved >> i & 1)
      push_place (input, i);
  input->fingers_moved = 0;
}

static void
push_movement (VirtInput *input)
{
  if (!input->moved)
    return;
  if (input->kind == VIRT_INPUT_TOUCHSCREEN)
    push_fingers (input);
  else if (input->kind == VIRT_INPUT_TABLET)
    {
      push (input, EV_ABS, ABS_X, input->x);
      push (input, EV_ABS, ABS_Y, input->y);
    }
  else
    {
      push_if (input, REL_X, input->x);
      push_if (input, REL_Y, input->y);
      input->x = input->y = 0;
    }
  /* evdev counts up, away from the person. */
  push_if (input, REL_WHEEL, -input->wheel);
  push_if (input, REL_HWHEEL, input->side);
  input->wheel = input->side = 0;
  input->moved = FALSE;
  push (input, EV_SYN, SYN_REPORT, 0);
}

static void
push_switch (VirtInput *input, unsigned code, gboolean down)
{
  const uint8_t bit = (uint8_t)(1u << code % 8);

  push_movement (input);
  push (input, EV_KEY, code, down);
  push (input, EV_SYN, SYN_REPORT, 0);
  input->held[code / 8] = down ? input->held[code / 8] | bit : input->held[code / 8] & (uint8_t)~bit;
}

/* One finger comes or leaves; for programs that know no more than one the first to come is a pen. */
static void
push_finger (VirtInput *input, unsigned finger, gboolean down)
{
  const uint16_t bit = (uint16_t)(1u << finger), before = input->touching;

  input->touching = down ? before | bit : before & (uint16_t)~bit;
  if (input->touching == before)
    return;
  push_movement (input);
  if (down)
    {
      push_place (input, finger);
      push (input, EV_ABS, ABS_MT_TRACKING_ID, input->contacts++);
    }
  else
    {
      push (input, EV_ABS, ABS_MT_SLOT, (int32_t)finger);
      push (input, EV_ABS, ABS_MT_TRACKING_ID, -1);
    }
  if (before == 0)
    {
      push (input, EV_ABS, ABS_X, input->fingers[finger].x);
      push (input, EV_ABS, ABS_Y, input->fingers[finger].y);
    }
  if (before == 0 || input->touching == 0)
    push (input, EV_KEY, BTN_TOUCH, down);
  push (input, EV_SYN, SYN_REPORT, 0);
}

static void
on_touch (VirtInput *input, const InputEvent *event)
{
  const unsigned finger = event->code % INPUT_FINGERS;

  if (event->value != 0)
    {
      input->fingers[finger].x = event->x;
      input->fingers[finger].y = event->y;
    }
  if (event->value != INPUT_TOUCH_MOVED)
    push_finger (input, finger, event->value != 0);
  else if (input->touching >> finger & 1)
    {
      input->fingers_moved |= (uint16_t)(1u << finger);
      input->moved = TRUE;
    }
}

static void
look (VirtInput *input)
{
  VirtQueue *queue = &input->virt.queues[QUEUE_EVENT];

  if (input->looking)
    return;
  g_mutex_lock (&queue->lock);
  virt_queue_look (&input->virt, QUEUE_EVENT);
  g_mutex_unlock (&queue->lock);
}

static int32_t
add (int32_t sum, int32_t more)
{
  return (int32_t)CLAMP ((int64_t)sum + more, -INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX);
}

static gboolean
is_ready (void *opaque)
{
  VirtInput *input = opaque;
  const gboolean ready = input->n < FREE;

  input->was_full |= !ready;
  return ready;
}

static gboolean
has_code (const VirtInput *input, const InputEvent *event)
{
  if (input->kind == VIRT_INPUT_KEYBOARD)
    return event->type == INPUT_EVENT_KEY && event->code > 0 && event->code <= LAST_KEY;
  return event->type == INPUT_EVENT_BUTTON && event->code >= BTN_LEFT && event->code <= BTN_EXTRA;
}

static void
on_event (void *opaque, const InputEvent *event)
{
  VirtInput *input = opaque;

  switch (event->type)
    {
    case INPUT_EVENT_KEY:
    case INPUT_EVENT_BUTTON:
      if (!has_code (input, event))
        return;
      push_switch (input, event->code, event->value != 0);
      break;
    case INPUT_EVENT_ABSOLUTE:
      input->x = event->x;
      input->y = event->y;
      input->moved = TRUE;
      break;
    case INPUT_EVENT_RELATIVE:
      input->x = add (input->x, event->x);
      input->y = add (input->y, event->y);
      input->moved = TRUE;
      break;
    case INPUT_EVENT_WHEEL:
      input->wheel = add (input->wheel, event->y);
      input->side = add (input->side, event->x);
      input->moved = TRUE;
      break;
    case INPUT_EVENT_TOUCH:
      on_touch (input, event);
      break;
    default:
      return;
    }
  look (input);
}

static void
forget (VirtInput *input)
{
  input->first = input->n = 0;
  input->moved = input->was_full = FALSE;
  input->wheel = input->side = 0;
  input->fingers_moved = 0;
  if (input->kind == VIRT_INPUT_MOUSE)
    input->x = input->y = 0;
}

/* -- Queues --------------------------------------------------------------------------------------------------- */

static VirtChain *
input_room (VirtDevice *virt, unsigned n)
{
  VirtInput *input = (VirtInput *)virt;

  if (n == QUEUE_STATUS)
    return &input->chain;
  /* Its driver is there and looks for events.  (That another device hears of the end of what it holds doesn't come back here.) */
  if (!input->sink.active)
    {
      input->looking = TRUE;
      input_router_set_active (input->router, &input->sink, TRUE);
      input->looking = FALSE;
    }
  if (input->n == 0)
    push_movement (input);
  return input->n > 0 ? &input->chain : NULL;
}

static void
input_unused (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  virt_chain_clear (chain);
}

static void
set_leds (VirtInput *input, unsigned code, gboolean on)
{
  static const uint8_t bits[] = { [LED_NUML] = 2, [LED_CAPSL] = 4, [LED_SCROLLL] = 1 };

  if (code >= G_N_ELEMENTS (bits))
    return;
  input->leds = on ? input->leds | bits[code] : input->leds & (uint8_t)~bits[code];
  input_router_set_leds (input->router, input->leds);
}

static void
input_run (VirtDevice *virt, unsigned n, VirtChain *chain)
{
  VirtInput *input = (VirtInput *)virt;
  Event event;
  size_t length;

  if (n == QUEUE_STATUS)
    {
      if (virt_chain_read (chain, 0, &event, sizeof event) == sizeof event
          && GUINT16_FROM_LE (event.type) == EV_LED && input->kind == VIRT_INPUT_KEYBOARD)
        set_leds (input, GUINT16_FROM_LE (event.code), event.value != 0);
      virt_give (virt, n, chain, 0);
      return;
    }
  length = virt_chain_write (chain, 0, &input->waiting[input->first], sizeof event);
  input->first = (input->first + 1) % MOST;
  input->n--;
  virt_give (virt, n, chain, (uint32_t)length);
  if (input->was_full && input->n < FREE / 2)
    {
      input->was_full = FALSE;
      input->looking = TRUE;
      input_router_ready (input->router, &input->sink);
      input->looking = FALSE;
    }
}

/* Its driver is gone: others get what the person does. */
static void
input_stop (VirtDevice *virt, unsigned n)
{
  VirtInput *input = (VirtInput *)virt;

  if (n != QUEUE_EVENT)
    return;
  input->looking = TRUE;
  input_router_set_active (input->router, &input->sink, FALSE);
  input->looking = FALSE;
  forget (input);
  memset (input->held, 0, sizeof input->held);
  input->touching = 0;
}

static const VirtClass virt_input_class = {
  .type = VIRT_TYPE_INPUT,
  .class_code = 0x098000, /* input device, other */
  .queue_size = QUEUE_SIZE,
  .config_size = CONFIG_SIZE,
  .locked = TRUE,
  .room = input_room,
  .run = input_run,
  .unused = input_unused,
  .stop = input_stop,
  .config_byte = input_config_byte,
};

/* -- Life -------------------------------------------------------------------------------------------------------- */

static gboolean
virt_input_realize (Device *device, GError **error)
{
  static const unsigned kinds[] = { INPUT_SINK_KEYBOARD, INPUT_SINK_ABSOLUTE, INPUT_SINK_RELATIVE,
                                    INPUT_SINK_TOUCH }; /* by VirtInputKind */
  VirtInput *input = (VirtInput *)device;

  virt_chain_init (&input->chain);
  input->virt.writable[CONFIG_SELECT] = input->virt.writable[CONFIG_SUBSELECT] = 0xff;
  if (!virt_device_realize (&input->virt, &virt_input_class, N_QUEUES, 0, error))
    return FALSE;
  input->sink = (InputSink){ .name = device->id,
                             .kinds = (InputSinkKind)kinds[input->kind],
                             .event = on_event,
                             .ready = is_ready,
                             .opaque = input };
  input_router_add (input->router, &input->sink);
  return TRUE;
}

static void
virt_input_reset (Device *device)
{
  VirtInput *input = (VirtInput *)device;

  virt_device_reset (&input->virt);
  input->leds = 0;
  input->loaded = FALSE;
}

/* Who saved it held keys that nobody here holds. */
static void
virt_input_resume (Device *device)
{
  VirtInput *input = (VirtInput *)device;

  for (unsigned code = 0; input->loaded && code < 8 * N_HELD; code++)
    if (input->held[code / 8] >> code % 8 & 1)
      push_switch (input, code, FALSE);
  for (unsigned finger = 0; input->loaded && finger < INPUT_FINGERS; finger++)
    push_finger (input, finger, FALSE);
  input->loaded = FALSE;
  virt_device_resume (&input->virt);
}

static gboolean
virt_input_post_load (Device *device, GError **error)
{
  VirtInput *input = (VirtInput *)device;

  forget (input);
  input->loaded = TRUE;
  if (input->kind == VIRT_INPUT_KEYBOARD && (input->virt.status != 0))
    input_router_set_leds (input->router, input->leds);
  return virt_device_post_load (&input->virt, error);
}

static void
virt_input_unrealize (Device *device)
{
  VirtInput *input = (VirtInput *)device;

  input->looking = TRUE;
  input_router_remove (input->router, &input->sink);
  virt_device_unrealize (&input->virt);
  virt_chain_free (&input->chain);
}

static const DeviceClass virt_input_device_class = {
  .name = "virtio-input",
  .version = 2,
  .instance_size = sizeof (VirtInput),
  .state = virt_input_state,
  .realize = virt_input_realize,
  .reset = virt_input_reset,
  .pause = virt_plain_pause,
  .resume = virt_input_resume,
  .post_load = virt_input_post_load,
  .unrealize = virt_input_unrealize,
};

Device *
virt_input_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, VirtInputKind kind, InputRouter *router,
                GError **error)
{
  VirtInput *input = device_new (vm, &virt_input_device_class, id);

  input->virt.pci.bus = bus;
  input->virt.pci.devfn = (uint8_t)devfn;
  input->kind = kind;
  input->router = router;
  if (device_realize (&input->virt.pci.device, error))
    return &input->virt.pci.device;
  device_free (&input->virt.pci.device);
  return NULL;
}

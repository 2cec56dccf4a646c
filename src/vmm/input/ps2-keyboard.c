/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * PS/2 keyboard.
 */
#define G_LOG_DOMAIN "ps2-keyboard"

#include <linux/input-event-codes.h>

#include "display/keymap.h"
#include "input/ps2-keyboard.h"

enum
{
  KBD_SET_LEDS = 0xed,
  KBD_ECHO = 0xee,
  KBD_SET_SCAN_CODES = 0xf0,
  KBD_IDENTIFY = 0xf2,
  KBD_SET_TYPEMATIC = 0xf3,
  KBD_ENABLE = 0xf4,
  KBD_DISABLE = 0xf5,
  KBD_SET_DEFAULTS = 0xf6,
  KBD_ALL_TYPEMATIC = 0xf7,
  KBD_ALL_MAKE_BREAK = 0xf8,
  KBD_ALL_MAKE = 0xf9,
  KBD_ALL_TYPEMATIC_MAKE_BREAK = 0xfa,
  KBD_KEY_TYPEMATIC = 0xfb,
  KBD_KEY_MAKE_BREAK = 0xfc,
  KBD_KEY_MAKE = 0xfd,
  KBD_RESEND_LAST = 0xfe,
  KBD_RESET = 0xff,
};

#define KBD_DEFAULT_RATE 0x2b /* 10.9 characters a second after 500 ms */
#define KBD_FIFO         16u  /* bytes that a real keyboard keeps */
#define KBD_KEY_MAX      8u   /* bytes of one key at most: Pause, a grey key between two faked shifts */
#define KBD_CODES        768u

static gboolean
bit_get (const uint8_t *map, unsigned n)
{
  return n < KBD_CODES && (map[n / 8] >> (n % 8) & 1);
}

static void
bit_set (uint8_t *map, unsigned n, gboolean on)
{
  if (n >= KBD_CODES)
    return;
  if (on)
    map[n / 8] |= (uint8_t)(1u << (n % 8));
  else
    map[n / 8] &= (uint8_t) ~(1u << (n % 8));
}

static void
wake (Ps2Keyboard *keyboard)
{
  keyboard->wire.ready (keyboard->wire.opaque);
}

static void
reply (Ps2Keyboard *keyboard, uint8_t value)
{
  ps2_queue_put (&keyboard->replies, value);
  wake (keyboard);
}

/* A key's bytes go in whole or not at all: half a prefix would make another key of it.  The router sends none that there is no room
 * for; but for a guest that reset the keyboard in between, a real one's overrun code says what was lost. */
static gboolean
put_scan (Ps2Keyboard *keyboard, const uint8_t *bytes, unsigned n)
{
  if (keyboard->scans.count == 0)
    keyboard->overrun = FALSE;
  if (keyboard->overrun)
    return FALSE;
  if (keyboard->scans.count > 0 && keyboard->scans.count + n > KBD_FIFO)
    {
      ps2_queue_put (&keyboard->scans, keyboard->set == 1 ? 0xff : 0x00);
      keyboard->overrun = TRUE;
      return FALSE;
    }
  for (unsigned i = 0; i < n; i++)
    ps2_queue_put (&keyboard->scans, bytes[i]);
  wake (keyboard);
  return TRUE;
}

/* -- Scan codes ----------------------------------------------------------------------------------- */

typedef struct
{
  uint8_t byte[24];
  unsigned n;
} Scan;

static void
scan_add (Scan *scan, uint8_t set, uint16_t code, gboolean down)
{
  if (scan->n + 3 > sizeof scan->byte)
    return;
  if (code >> 8)
    scan->byte[scan->n++] = (uint8_t)(code >> 8);
  if (!down && set != 1)
    scan->byte[scan->n++] = 0xf0;
  scan->byte[scan->n++] = (uint8_t)(code | (!down && set == 1 ? 0x80 : 0));
}

static gboolean
held (const Ps2Keyboard *keyboard, unsigned code)
{
  return bit_get (keyboard->held, code);
}

static gboolean
either_shift (const Ps2Keyboard *keyboard)
{
  return held (keyboard, KEY_LEFTSHIFT) || held (keyboard, KEY_RIGHTSHIFT);
}

/* The keys that the 101-key layout added beside the numeric pad wear a faked Shift so that software written for the
 * 83-key keyboard sees the pad's keys without Num Lock. */
static gboolean
is_grey_key (unsigned code)
{
  switch (code)
    {
    case KEY_INSERT:
    case KEY_DELETE:
    case KEY_HOME:
    case KEY_END:
    case KEY_PAGEUP:
    case KEY_PAGEDOWN:
    case KEY_UP:
    case KEY_DOWN:
    case KEY_LEFT:
    case KEY_RIGHT:
      return TRUE;
    default:
      return FALSE;
    }
}

static void
scan_print_screen (Ps2Keyboard *keyboard, Scan *scan, gboolean down, gboolean repeat)
{
  const uint8_t set = keyboard->set;
  const uint16_t key = set == 1 ? 0xe037 : 0xe07c, shift = set == 1 ? 0xe02a : 0xe012;

  if (held (keyboard, KEY_LEFTALT) || held (keyboard, KEY_RIGHTALT))
    {
      scan_add (scan, set, set == 1 ? 0x54 : 0x84, down); /* SysRq */
      return;
    }
  gboolean fake = !repeat && !either_shift (keyboard) && !held (keyboard, KEY_LEFTCTRL)
                  && !held (keyboard, KEY_RIGHTCTRL);
  if (down && fake)
    scan_add (scan, set, shift, TRUE);
  scan_add (scan, set, key, down);
  if (!down && fake)
    scan_add (scan, set, shift, FALSE);
}

/* Pause has no break: make and break come together; with Control it is Break. */
static void
scan_pause (Ps2Keyboard *keyboard, Scan *scan)
{
  static const uint8_t pause1[] = { 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5 };
  static const uint8_t pause2[] = { 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77 };
  const uint8_t set = keyboard->set;

  if (held (keyboard, KEY_LEFTCTRL) || held (keyboard, KEY_RIGHTCTRL))
    {
      uint16_t code = set == 1 ? 0xe046 : 0xe07e;
      scan_add (scan, set, code, TRUE);
      scan_add (scan, set, code, FALSE);
    }
  else if (set == 1)
    {
      memcpy (scan->byte, pause1, sizeof pause1);
      scan->n = sizeof pause1;
    }
  else
    {
      memcpy (scan->byte, pause2, sizeof pause2);
      scan->n = sizeof pause2;
    }
}

static void
scan_shifted (Ps2Keyboard *keyboard, Scan *scan, uint16_t code, uint16_t scan_code, gboolean down,
              gboolean repeat)
{
  const uint8_t set = keyboard->set;
  const uint16_t left = set == 1 ? 0xe02a : 0xe012, right = set == 1 ? 0xe036 : 0xe059;
  gboolean left_held = held (keyboard, KEY_LEFTSHIFT), right_held = held (keyboard, KEY_RIGHTSHIFT);
  gboolean num_lock = (keyboard->leds & 2) != 0;
  gboolean lift = (left_held || right_held) && (code == KEY_KPSLASH || !num_lock);
  gboolean press = code != KEY_KPSLASH && num_lock && !left_held && !right_held;

  if (repeat)
    lift = press = FALSE;
  if (down)
    {
      if (lift && left_held)
        scan_add (scan, set, left, FALSE);
      if (lift && right_held)
        scan_add (scan, set, right, FALSE);
      if (press)
        scan_add (scan, set, left, TRUE);
    }
  scan_add (scan, set, scan_code, down);
  if (!down)
    {
      if (press)
        scan_add (scan, set, left, FALSE);
      if (lift && right_held)
        scan_add (scan, set, right, TRUE);
      if (lift && left_held)
        scan_add (scan, set, left, TRUE);
    }
}

static gboolean
send_key (Ps2Keyboard *keyboard, uint16_t code, gboolean down, gboolean repeat)
{
  Scan scan = { .n = 0 };

  if (keyboard->set == 3)
    {
      if (!down && bit_get (keyboard->type3, code))
        return FALSE;
      uint16_t scan_code = keymap_evdev_to_set3 (code);
      if (scan_code != 0)
        scan_add (&scan, 3, scan_code, down);
    }
  else if (code == KEY_PAUSE)
    {
      if (down && !repeat)
        scan_pause (keyboard, &scan);
    }
  else if (code == KEY_SYSRQ)
    scan_print_screen (keyboard, &scan, down, repeat);
  else
    {
      uint16_t scan_code = keyboard->set == 1 ? keymap_evdev_to_set1 (code) : keymap_evdev_to_set2 (code);
      if (scan_code == 0)
        return FALSE;
      if (is_grey_key (code) || code == KEY_KPSLASH)
        scan_shifted (keyboard, &scan, code, scan_code, down, repeat);
      else
        scan_add (&scan, keyboard->set, scan_code, down);
    }
  return scan.n > 0 && put_scan (keyboard, scan.byte, scan.n);
}

/* -- Typematic ------------------------------------------------------------------------------------ */

static int64_t
typematic_delay (const Ps2Keyboard *keyboard)
{
  return ((keyboard->rate >> 5 & 3) + 1) * (NS_PER_SECOND / 4);
}

/* (8 + A) * 2^B * 4.17 ms, A bits 0-2, B bits 3-4. */
static int64_t
typematic_period (const Ps2Keyboard *keyboard)
{
  return ((int64_t)(8 + (keyboard->rate & 7)) << (keyboard->rate >> 3 & 3)) * (NS_PER_SECOND / 240);
}

static void
typematic_stop (Ps2Keyboard *keyboard)
{
  keyboard->repeating = 0;
  vm_timer_cancel (&keyboard->typematic_timer);
}

static void
on_typematic (void *opaque)
{
  Ps2Keyboard *keyboard = opaque;

  if (keyboard->repeating == 0 || !keyboard->scanning || !held (keyboard, keyboard->repeating))
    {
      typematic_stop (keyboard);
      return;
    }
  /* A guest that doesn't read gets no pile of repeats. */
  if (keyboard->scans.count == 0)
    send_key (keyboard, keyboard->repeating, TRUE, TRUE);
  vm_timer_arm (&keyboard->typematic_timer,
                vm_clock_now (keyboard->typematic_timer.clock) + typematic_period (keyboard));
}

static void
typematic_start (Ps2Keyboard *keyboard, uint16_t code)
{
  if (code == KEY_PAUSE || (keyboard->set == 3 && bit_get (keyboard->once3, code)))
    return;
  keyboard->repeating = code;
  vm_timer_arm (&keyboard->typematic_timer,
                vm_clock_now (keyboard->typematic_timer.clock) + typematic_delay (keyboard));
}

/* -- Events --------------------------------------------------------------------------------------- */

static void
on_event (void *opaque, const InputEvent *event)
{
  Ps2Keyboard *keyboard = opaque;
  gboolean down = event->value != 0;

  if (event->type != INPUT_EVENT_KEY || event->code == 0 || event->code >= KBD_CODES)
    return;
  if (held (keyboard, event->code) == down)
    return; /* the host's repeats: ours come from the typematic clock */
  /* The state of the modifiers before the key itself decides on faked shifts. */
  bit_set (keyboard->held, event->code, down);
  if (!down && keyboard->repeating == event->code)
    typematic_stop (keyboard);
  if (!keyboard->scanning)
    return;
  send_key (keyboard, event->code, down, FALSE);
  if (down)
    {
      typematic_stop (keyboard);
      typematic_start (keyboard, event->code);
    }
}

static gboolean
on_ready (void *opaque)
{
  Ps2Keyboard *keyboard = opaque;

  return !keyboard->scanning || keyboard->scans.count + KBD_KEY_MAX <= KBD_FIFO;
}

/* -- Commands ------------------------------------------------------------------------------------- */

static void
set_scanning (Ps2Keyboard *keyboard, gboolean on)
{
  keyboard->scanning = on;
  if (!on)
    typematic_stop (keyboard);
  if (keyboard->router != NULL)
    input_router_set_active (keyboard->router, &keyboard->sink, on);
}

static void
set_leds (Ps2Keyboard *keyboard, uint8_t leds)
{
  keyboard->leds = leds & 7;
  if (keyboard->router != NULL)
    input_router_set_leds (keyboard->router, keyboard->leds);
}

static void
clear_scans (Ps2Keyboard *keyboard)
{
  ps2_queue_clear (&keyboard->scans);
  keyboard->overrun = FALSE;
}

static void
set_defaults (Ps2Keyboard *keyboard)
{
  keyboard->set = 2;
  keyboard->rate = KBD_DEFAULT_RATE;
  memset (keyboard->type3, 0, sizeof keyboard->type3);
  memset (keyboard->once3, 0, sizeof keyboard->once3);
  typematic_stop (keyboard);
  clear_scans (keyboard);
}

static void
on_bat (void *opaque)
{
  Ps2Keyboard *keyboard = opaque;

  set_scanning (keyboard, TRUE);
  reply (keyboard, PS2_BAT_OK);
}

static void
start_bat (Ps2Keyboard *keyboard)
{
  keyboard->command = 0;
  set_defaults (keyboard);
  set_leds (keyboard, 0);
  vm_timer_arm (&keyboard->bat_timer, vm_clock_now (keyboard->bat_timer.clock) + PS2_BAT_NS);
}

static uint16_t
set3_to_evdev (uint8_t scan)
{
  for (uint16_t code = 1; code < 256; code++)
    if (keymap_evdev_to_set3 (code) == scan)
      return code;
  return 0;
}

/* Second byte of a command.  FALSE: it isn't an argument but the next command. */
static gboolean
take_argument (Ps2Keyboard *keyboard, uint8_t value)
{
  uint8_t command = keyboard->command;

  if (value >= KBD_SET_LEDS)
    {
      keyboard->command = 0;
      return FALSE;
    }
  if (command != KBD_KEY_TYPEMATIC && command != KBD_KEY_MAKE_BREAK && command != KBD_KEY_MAKE)
    keyboard->command = 0;
  switch (command)
    {
    case KBD_SET_LEDS:
      set_leds (keyboard, value);
      reply (keyboard, PS2_ACK);
      break;
    case KBD_SET_TYPEMATIC:
      keyboard->rate = value & 0x7f;
      reply (keyboard, PS2_ACK);
      break;
    case KBD_SET_SCAN_CODES:
      if (value > 3)
        {
          reply (keyboard, PS2_RESEND);
          break;
        }
      reply (keyboard, PS2_ACK);
      if (value == 0)
        reply (keyboard, keyboard->set);
      else
        {
          clear_scans (keyboard);
          keyboard->set = value;
        }
      break;
    default: /* set 3: a list of keys, ended by the next command */
      {
        uint16_t code = set3_to_evdev (value);
        bit_set (keyboard->type3, code, command != KBD_KEY_MAKE_BREAK);
        bit_set (keyboard->once3, code, command != KBD_KEY_TYPEMATIC);
        reply (keyboard, PS2_ACK);
      }
      break;
    }
  return TRUE;
}

void
ps2_keyboard_write (Ps2Keyboard *keyboard, uint8_t value)
{
  /* A command takes back what earlier commands still had to say. */
  ps2_queue_clear (&keyboard->replies);
  if (keyboard->command != 0 && take_argument (keyboard, value))
    return;
  switch (value)
    {
    case KBD_ECHO:
      reply (keyboard, KBD_ECHO);
      break;
    case KBD_SET_LEDS:
    case KBD_SET_SCAN_CODES:
    case KBD_SET_TYPEMATIC:
    case KBD_KEY_TYPEMATIC:
    case KBD_KEY_MAKE_BREAK:
    case KBD_KEY_MAKE:
      keyboard->command = value;
      reply (keyboard, PS2_ACK);
      break;
    case KBD_IDENTIFY:
      reply (keyboard, PS2_ACK);
      reply (keyboard, 0xab);
      reply (keyboard, 0x83);
      break;
    case KBD_ENABLE:
      clear_scans (keyboard);
      set_scanning (keyboard, TRUE);
      reply (keyboard, PS2_ACK);
      break;
    case KBD_DISABLE:
      set_defaults (keyboard);
      set_scanning (keyboard, FALSE);
      reply (keyboard, PS2_ACK);
      break;
    case KBD_SET_DEFAULTS:
      set_defaults (keyboard);
      reply (keyboard, PS2_ACK);
      break;
    case KBD_ALL_TYPEMATIC:
    case KBD_ALL_MAKE_BREAK:
    case KBD_ALL_MAKE:
    case KBD_ALL_TYPEMATIC_MAKE_BREAK:
      memset (keyboard->type3, value == KBD_ALL_TYPEMATIC || value == KBD_ALL_MAKE ? 0xff : 0,
              sizeof keyboard->type3);
      memset (keyboard->once3, value == KBD_ALL_MAKE_BREAK || value == KBD_ALL_MAKE ? 0xff : 0,
              sizeof keyboard->once3);
      reply (keyboard, PS2_ACK);
      break;
    case KBD_RESEND_LAST:
      reply (keyboard, keyboard->last_sent);
      break;
    case KBD_RESET:
      reply (keyboard, PS2_ACK);
      set_scanning (keyboard, FALSE);
      start_bat (keyboard);
      break;
    default:
      reply (keyboard, PS2_RESEND);
      break;
    }
}

gboolean
ps2_keyboard_read (Ps2Keyboard *keyboard, uint8_t *value)
{
  gboolean is_reply = keyboard->replies.count > 0;

  if (!is_reply && (keyboard->command != 0 || keyboard->scans.count == 0))
    return FALSE;
  ps2_queue_get (is_reply ? &keyboard->replies : &keyboard->scans, value);
  keyboard->last_sent = *value;
  return TRUE;
}

void
ps2_keyboard_refill (Ps2Keyboard *keyboard)
{
  if (keyboard->router != NULL && keyboard->sink.pending.length > 0)
    input_router_ready (keyboard->router, &keyboard->sink);
}

gboolean
ps2_keyboard_pending (const Ps2Keyboard *keyboard)
{
  /* Between a command and its argument keys wait. */
  return keyboard->replies.count > 0 || (keyboard->command == 0 && keyboard->scans.count > 0);
}

/* -- Life ----------------------------------------------------------------------------------------- */

const StateField ps2_queue_state[] = {
  STATE_U8_ARRAY (Ps2Queue, data),
  STATE_U32_MAX (Ps2Queue, head, PS2_QUEUE_SIZE - 1),
  STATE_U32_MAX (Ps2Queue, count, PS2_QUEUE_SIZE),
  STATE_END,
};

const StateField ps2_keyboard_state[] = {
  STATE_TIMER (Ps2Keyboard, bat_timer),
  STATE_TIMER (Ps2Keyboard, typematic_timer),
  STATE_STRUCT (Ps2Keyboard, scans, ps2_queue_state),
  STATE_STRUCT (Ps2Keyboard, replies, ps2_queue_state),
  STATE_U8 (Ps2Keyboard, last_sent),
  STATE_U8 (Ps2Keyboard, command),
  STATE_U8_MAX (Ps2Keyboard, set, 3),
  STATE_U8_MAX (Ps2Keyboard, rate, 0x7f),
  STATE_U8_MAX (Ps2Keyboard, leds, 7),
  STATE_BOOL (Ps2Keyboard, scanning),
  STATE_BOOL (Ps2Keyboard, overrun),
  STATE_U16_MAX (Ps2Keyboard, repeating, KBD_CODES - 1),
  STATE_U8_ARRAY (Ps2Keyboard, held),
  STATE_U8_ARRAY (Ps2Keyboard, type3),
  STATE_U8_ARRAY (Ps2Keyboard, once3),
  STATE_END,
};

void
ps2_keyboard_init (Ps2Keyboard *keyboard, VmClock *clock, InputRouter *router, const Ps2Wire *wire)
{
  keyboard->wire = *wire;
  keyboard->router = router;
  keyboard->sink = (InputSink){ .name = "PS/2 keyboard",
                                .kinds = INPUT_SINK_KEYBOARD,
                                .event = on_event,
                                .ready = on_ready,
                                .opaque = keyboard };
  vm_timer_init (&keyboard->bat_timer, clock, on_bat, keyboard);
  vm_timer_init (&keyboard->typematic_timer, clock, on_typematic, keyboard);
  keyboard->set = 2;
  if (router != NULL)
    input_router_add (router, &keyboard->sink);
}

void
ps2_keyboard_exit (Ps2Keyboard *keyboard)
{
  if (keyboard->router != NULL)
    input_router_remove (keyboard->router, &keyboard->sink);
  vm_timer_cancel (&keyboard->bat_timer);
  vm_timer_cancel (&keyboard->typematic_timer);
}

void
ps2_keyboard_reset (Ps2Keyboard *keyboard)
{
  ps2_queue_clear (&keyboard->replies);
  keyboard->last_sent = 0;
  memset (keyboard->held, 0, sizeof keyboard->held);
  set_scanning (keyboard, FALSE); /* what waits is for a system that is gone */
  start_bat (keyboard);
  /* The self test's result at power-on is long gone when the processor first looks at the controller. */
  vm_timer_cancel (&keyboard->bat_timer);
  set_scanning (keyboard, TRUE);
}

gboolean
ps2_keyboard_post_load (Ps2Keyboard *keyboard, GError **error)
{
  if (keyboard->set == 0)
    {
      g_set_error (error, STATE_ERROR, STATE_ERROR_RANGE, "the keyboard's scan code set is 0");
      return FALSE;
    }
  typematic_stop (keyboard);
  /* Nobody holds a key of a machine that was asleep: the guest hears of each that it still believes down. */
  for (uint16_t code = 0; code < KBD_CODES; code++)
    if (held (keyboard, code))
      {
        bit_set (keyboard->held, code, FALSE);
        if (keyboard->scanning)
          send_key (keyboard, code, FALSE, FALSE);
      }
  set_scanning (keyboard, keyboard->scanning);
  set_leds (keyboard, keyboard->leds);
  return TRUE;
}

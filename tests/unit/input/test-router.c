/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The input router: held keys, active devices, typed text.
 */
#include <linux/input-event-codes.h>
#include <string.h>

#include "input/router.h"

typedef struct
{
  InputSink sink;
  GString *log;
  gboolean ready;
} Probe;

static void
on_event (void *opaque, const InputEvent *event)
{
  Probe *probe = opaque;

  switch (event->type)
    {
    case INPUT_EVENT_KEY:
    case INPUT_EVENT_BUTTON:
      g_string_append_printf (probe->log, "%c%u ", event->value ? '+' : '-', event->code);
      break;
    default:
      g_string_append_printf (probe->log, "%d:%d,%d ", (int)event->type, event->x, event->y);
      break;
    }
}

static gboolean
on_ready (void *opaque)
{
  return ((Probe *)opaque)->ready;
}

static void
probe_init (Probe *probe, InputRouter *router, unsigned kinds, gboolean active)
{
  *probe
      = (Probe){ .sink
                 = { .name = "probe", .kinds = kinds, .event = on_event, .ready = on_ready, .opaque = probe },
                 .ready = TRUE };
  probe->log = g_string_new (NULL);
  input_router_add (router, &probe->sink);
  if (active)
    input_router_set_active (router, &probe->sink, TRUE);
}

static void
assert_log (Probe *probe, const char *expected)
{
  g_assert_cmpstr (probe->log->str, ==, expected);
  g_string_truncate (probe->log, 0);
}

static void
key (InputRouter *router, uint16_t code, int value)
{
  InputEvent event = { .type = INPUT_EVENT_KEY, .code = code, .value = value };

  input_router_send (router, &event);
}

static void
button (InputRouter *router, uint16_t code, int value)
{
  InputEvent event = { .type = INPUT_EVENT_BUTTON, .code = code, .value = value };

  input_router_send (router, &event);
}

static void
test_held (void)
{
  Vm *vm = vm_new (NULL, TRUE);
  InputRouter *router = input_router_new (vm);
  Probe keyboard;

  vm_lock (vm);
  probe_init (&keyboard, router, INPUT_SINK_KEYBOARD, TRUE);
  key (router, KEY_A, 1);
  key (router, KEY_A, 1);
  key (router, KEY_A, 0);
  key (router, KEY_A, 0);
  assert_log (&keyboard, "+30 -30 ");
  key (router, KEY_LEFTCTRL, 1);
  key (router, KEY_B, 1);
  input_router_release_all (router);
  assert_log (&keyboard, "+29 +48 -29 -48 ");
  input_router_release_all (router);
  key (router, 0, 1);
  key (router, 0xffff, 1);
  assert_log (&keyboard, "");
  input_router_remove (router, &keyboard.sink);
  key (router, KEY_A, 1);
  assert_log (&keyboard, "");
  input_router_free (router);
  vm_unlock (vm);
  g_string_free (keyboard.log, TRUE);
  vm_free (vm);
}

static void
on_changed (InputRouter *router, void *opaque)
{
  ++*(unsigned *)opaque;
}

static void
test_switching (void)
{
  Vm *vm = vm_new (NULL, TRUE);
  InputRouter *router = input_router_new (vm);
  Probe ps2, usb, mouse, tablet;
  unsigned changes = 0;
  InputEvent move = { .type = INPUT_EVENT_RELATIVE, .x = 3, .y = -4 },
             place = { .type = INPUT_EVENT_ABSOLUTE, .x = 99999, .y = -7 };
  InputEvent wheel = { .type = INPUT_EVENT_WHEEL, .y = 1 };

  vm_lock (vm);
  input_router_set_changed_func (router, on_changed, &changes);
  probe_init (&ps2, router, INPUT_SINK_KEYBOARD, TRUE);
  probe_init (&mouse, router, INPUT_SINK_RELATIVE, TRUE);
  probe_init (&usb, router, INPUT_SINK_KEYBOARD, FALSE);
  probe_init (&tablet, router, INPUT_SINK_ABSOLUTE, FALSE);
  key (router, KEY_X, 1);
  /* The guest's USB driver comes up while a key is down. */
  input_router_set_active (router, &usb.sink, TRUE);
  assert_log (&ps2, "+45 -45 ");
  key (router, KEY_Y, 1);
  assert_log (&usb, "+21 ");
  input_router_set_active (router, &usb.sink, FALSE);
  assert_log (&usb, "-21 ");
  key (router, KEY_Y, 1);
  assert_log (&ps2, "+21 ");

  input_router_send (router, &move);
  button (router, BTN_LEFT, 1);
  input_router_send (router, &place);
  assert_log (&mouse, "2:3,-4 +272 ");
  g_assert_false (input_router_is_absolute (router));
  input_router_set_active (router, &tablet.sink, TRUE);
  g_assert_true (input_router_is_absolute (router));
  g_assert_cmpuint (changes, ==, 1);
  assert_log (&mouse, "-272 ");
  input_router_send (router, &place);
  button (router, BTN_LEFT, 1);
  input_router_send (router, &wheel);
  assert_log (&tablet, "3:32767,0 +272 4:0,1 ");
  input_router_set_leds (router, 7);
  input_router_set_leds (router, 7);
  g_assert_cmpuint (input_router_leds (router), ==, 7);
  g_assert_cmpuint (changes, ==, 2);
  input_router_free (router);
  vm_unlock (vm);
  g_string_free (ps2.log, TRUE);
  g_string_free (usb.log, TRUE);
  g_string_free (mouse.log, TRUE);
  g_string_free (tablet.log, TRUE);
  vm_free (vm);
}

static void
on_done (void *opaque, unsigned left)
{
  g_assert_cmpuint (left, ==, 0);
  ++*(unsigned *)opaque;
}

static void
on_left (void *opaque, unsigned left)
{
  g_string_append_printf (opaque, "%u left ", left);
}

static void
test_typing (void)
{
  static const InputKey text[] = { { KEY_A, TRUE },          { KEY_A, FALSE },    { KEY_LEFTSHIFT, TRUE },
                                   { KEY_B, TRUE },          { 0, TRUE },         { KEY_B, FALSE },
                                   { KEY_LEFTSHIFT, FALSE }, { KEY_ENTER, TRUE }, { KEY_ENTER, FALSE } };
  Vm *vm = vm_new (NULL, TRUE);
  InputRouter *router = input_router_new (vm);
  Probe keyboard;
  unsigned done = 0;
  g_autoptr (GString) left = g_string_new (NULL);

  vm_lock (vm);
  probe_init (&keyboard, router, INPUT_SINK_KEYBOARD, TRUE);
  input_router_type (router, text, G_N_ELEMENTS (text), on_done, &done);
  vm_unlock (vm);
  vm_clock_advance (vm->clock, NS_PER_SECOND);
  assert_log (&keyboard, "+30 -30 +42 +48 -48 -42 +28 -28 ");
  g_assert_cmpuint (done, ==, 1);
  /* Waits for the device. */
  vm_lock (vm);
  keyboard.ready = FALSE;
  input_router_type (router, text, 2, on_done, &done);
  input_router_type (router, NULL, 0, on_done, &done);
  vm_unlock (vm);
  vm_clock_advance (vm->clock, NS_PER_SECOND);
  assert_log (&keyboard, "");
  keyboard.ready = TRUE;
  vm_clock_advance (vm->clock, NS_PER_SECOND);
  assert_log (&keyboard, "+30 -30 ");
  g_assert_cmpuint (done, ==, 3);
  /* Given up, each caller hears what was not made; what is down comes up. */
  vm_lock (vm);
  input_router_type (router, text, 5, on_left, left);
  input_router_type (router, text, 2, on_left, left);
  vm_unlock (vm);
  vm_clock_advance (vm->clock, 30 * 1000 * 1000);
  assert_log (&keyboard, "+30 -30 +42 ");
  vm_lock (vm);
  input_router_stop_typing (router);
  vm_unlock (vm);
  vm_clock_advance (vm->clock, NS_PER_SECOND);
  assert_log (&keyboard, "-42 ");
  g_assert_cmpstr (left->str, ==, "1 left 2 left ");
  vm_lock (vm);
  input_router_type (router, text, 3, NULL, NULL);
  input_router_type (router, text, 2, on_left, left);
  input_router_free (router);
  vm_unlock (vm);
  /* So does who is left over at the end. */
  g_assert_cmpstr (left->str, ==, "1 left 2 left 2 left ");
  g_string_free (keyboard.log, TRUE);
  vm_free (vm);
}

/* A device that isn't ready gets all in order later; presses are refused when too many wait, releases never. */
static void
test_queue (void)
{
  Vm *vm = vm_new (NULL, TRUE);
  InputRouter *router = input_router_new (vm);
  InputEvent move = { .type = INPUT_EVENT_RELATIVE, .x = 3, .y = -4 };
  InputEvent down = { .type = INPUT_EVENT_KEY, .code = KEY_A, .value = 1 };
  Probe keyboard, mouse;
  unsigned accepted = 0;

  vm_lock (vm);
  probe_init (&keyboard, router, INPUT_SINK_KEYBOARD, TRUE);
  probe_init (&mouse, router, INPUT_SINK_RELATIVE, TRUE);
  keyboard.ready = mouse.ready = FALSE;
  key (router, KEY_A, 1);
  key (router, KEY_A, 0);
  key (router, KEY_B, 1);
  input_router_release_all (router);
  /* A drag: movement stays between the buttons, and adds up. */
  input_router_send (router, &move);
  button (router, BTN_LEFT, 1);
  input_router_send (router, &move);
  input_router_send (router, &move);
  button (router, BTN_LEFT, 0);
  input_router_send (router, &move);
  assert_log (&keyboard, "");
  assert_log (&mouse, "2:3,-4 ");
  keyboard.ready = TRUE;
  input_router_ready (router, &keyboard.sink);
  assert_log (&keyboard, "+30 -30 +48 -48 ");
  mouse.ready = TRUE;
  input_router_ready (router, &mouse.sink);
  assert_log (&mouse, "+272 2:6,-8 -272 2:3,-4 ");
  /* Full. */
  keyboard.ready = FALSE;
  while (input_router_send (router, &down))
    {
      key (router, KEY_A, 0);
      accepted++;
      g_assert_cmpuint (accepted, <=, INPUT_QUEUE_MAX);
    }
  g_assert_cmpuint (accepted, ==, INPUT_QUEUE_MAX / 2);
  key (router, KEY_A, 0);
  g_assert_cmpuint (keyboard.sink.pending.length, ==, INPUT_QUEUE_MAX);
  keyboard.ready = TRUE;
  input_router_ready (router, &keyboard.sink);
  g_assert_cmpuint (keyboard.log->len, ==, accepted * strlen ("+30 -30 "));
  g_string_truncate (keyboard.log, 0);
  /* A release behind a full queue. */
  keyboard.ready = FALSE;
  key (router, KEY_LEFTCTRL, 1);
  while (input_router_send (router, &down))
    key (router, KEY_A, 0);
  key (router, KEY_LEFTCTRL, 0);
  keyboard.ready = TRUE;
  input_router_ready (router, &keyboard.sink);
  g_assert_true (g_str_has_prefix (keyboard.log->str, "+29 ")
                 && g_str_has_suffix (keyboard.log->str, "-29 "));
  g_string_truncate (keyboard.log, 0);
  /* A device that goes away hears of the end of what it holds, not of what waited. */
  key (router, KEY_C, 1);
  keyboard.ready = FALSE;
  key (router, KEY_D, 1);
  input_router_set_active (router, &keyboard.sink, FALSE);
  g_assert_cmpuint (keyboard.sink.pending.length, ==, 0);
  g_assert_true (g_str_has_prefix (keyboard.log->str, "+46 "));
  g_assert_nonnull (strstr (keyboard.log->str, "-46 "));
  g_assert_null (strstr (keyboard.log->str, "+32"));
  input_router_free (router);
  vm_unlock (vm);
  g_string_free (keyboard.log, TRUE);
  g_string_free (mouse.log, TRUE);
  vm_free (vm);
}

static void
touch (InputRouter *router, unsigned finger, int down, int x)
{
  const InputEvent event
      = { .type = INPUT_EVENT_TOUCH, .code = (uint16_t)finger, .value = down, .x = x, .y = 1 };

  input_router_send (router, &event);
}

/* The first finger is the pointer until there is a touchscreen. */
static void
test_fingers (void)
{
  Vm *vm = vm_new (NULL, TRUE);
  InputRouter *router = input_router_new (vm);
  Probe tablet, screen;

  vm_lock (vm);
  probe_init (&tablet, router, INPUT_SINK_ABSOLUTE, TRUE);
  touch (router, 0, 1, 5);
  touch (router, 0, 1, 6);
  touch (router, 1, 1, 7);
  touch (router, 0, 0, 0);
  touch (router, 0, 0, 0);
  assert_log (&tablet, "3:5,1 +272 3:6,1 -272 ");
  /* One comes up while a finger is there: that one stays what it is. */
  touch (router, 0, 1, 5);
  probe_init (&screen, router, INPUT_SINK_TOUCH, TRUE);
  touch (router, 0, 1, 6);
  touch (router, 0, 0, 0);
  assert_log (&tablet, "3:5,1 +272 3:6,1 -272 ");
  touch (router, 0, 1, 8);
  touch (router, 9, 1, 9);
  touch (router, 9, 1, 40000);
  assert_log (&screen, "5:8,1 5:9,1 5:32767,1 ");
  /* Movement of each finger waits by itself, and ends are told. */
  screen.ready = FALSE;
  touch (router, 1, 1, 1);
  touch (router, 9, 1, 2);
  touch (router, 9, 1, 3);
  touch (router, 0, 1, 4);
  input_router_release_all (router);
  screen.ready = TRUE;
  input_router_ready (router, &screen.sink);
  assert_log (&screen, "5:1,1 5:3,1 5:4,1 5:0,0 5:0,0 5:0,0 ");
  touch (router, 4, 1, 4);
  input_router_set_active (router, &screen.sink, FALSE);
  assert_log (&screen, "5:4,1 5:0,0 ");
  assert_log (&tablet, "");
  input_router_remove (router, &screen.sink);
  input_router_remove (router, &tablet.sink);
  input_router_free (router);
  vm_unlock (vm);
  g_string_free (tablet.log, TRUE);
  g_string_free (screen.log, TRUE);
  vm_free (vm);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/router/held", test_held);
  g_test_add_func ("/router/switching", test_switching);
  g_test_add_func ("/router/typing", test_typing);
  g_test_add_func ("/router/queue", test_queue);
  g_test_add_func ("/router/fingers", test_fingers);
  return g_test_run ();
}

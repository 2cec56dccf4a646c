/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The input router.
 */
#define G_LOG_DOMAIN "input"

#include <linux/input-event-codes.h>
#include <string.h>

#include "display/keymap.h"
#include "input/router.h"

#define N_CODES 768u

/* Between two key movements of typed text.  A BIOS keeps 15 keys and a busy DOS program looks at them 18 times a second. */
#define TYPE_STEP_NS (12 * 1000 * 1000LL)

/* One movement of typed text. */
typedef struct
{
  uint16_t code; /* 0: end of a job */
  gboolean down;
  VmFunc done;
  void *opaque;
} TypeStep;

struct InputRouter
{
  Vm *vm;
  GPtrArray *sinks;           /* InputSink *, in order of registration */
  InputSink *holder[N_CODES]; /* who was told that this key or button is down; NULL: not held */
  gboolean absolute;
  unsigned leds;
  InputRouterFunc changed;
  void *changed_opaque;
  GQueue *typing; /* TypeStep * */
  VmTimer type_timer;
};

static InputSink *
find_active (InputRouter *router, unsigned kinds)
{
  for (unsigned i = router->sinks->len; i > 0; i--)
    {
      InputSink *sink = g_ptr_array_index (router->sinks, i - 1);
      if (sink->active && (sink->kinds & kinds))
        return sink;
    }
  return NULL;
}

/* Buttons and the wheel belong to the pointer that moves. */
static InputSink *
find_pointer (InputRouter *router)
{
  InputSink *sink = find_active (router, INPUT_SINK_ABSOLUTE);

  return sink != NULL ? sink : find_active (router, INPUT_SINK_RELATIVE);
}

static gboolean
is_button (unsigned code)
{
  return code >= BTN_MISC && code < KEY_OK;
}

static void
release (InputRouter *router, unsigned code)
{
  InputEvent event = { .type = is_button (code) ? INPUT_EVENT_BUTTON : INPUT_EVENT_KEY,
                       .code = (uint16_t)code,
                       .value = 0 };
  InputSink *sink = router->holder[code];

  router->holder[code] = NULL;
  sink->event (sink->opaque, &event);
}

static void
release_of (InputRouter *router, InputSink *sink)
{
  for (unsigned code = 0; code < N_CODES; code++)
    if (router->holder[code] != NULL && (sink == NULL || router->holder[code] == sink))
      release (router, code);
}

static void
update (InputRouter *router)
{
  gboolean absolute = find_active (router, INPUT_SINK_ABSOLUTE) != NULL;

  if (absolute == router->absolute)
    return;
  router->absolute = absolute;
  if (router->changed != NULL)
    router->changed (router, router->changed_opaque);
}

/* -- Typed text ----------------------------------------------------------------------------------- */

static void
on_type (void *opaque)
{
  InputRouter *router = opaque;
  InputSink *sink = find_active (router, INPUT_SINK_KEYBOARD);
  TypeStep *step;

  while ((step = g_queue_peek_head (router->typing)) != NULL)
    {
      if (step->code != 0)
        {
          if (sink == NULL || sink->ready == NULL || sink->ready (sink->opaque))
            {
              InputEvent event = { .type = INPUT_EVENT_KEY, .code = step->code, .value = step->down };
              input_router_send (router, &event);
              g_free (g_queue_pop_head (router->typing));
            }
          vm_timer_arm (&router->type_timer, vm_clock_now (router->vm->clock) + TYPE_STEP_NS);
          return;
        }
      g_queue_pop_head (router->typing);
      if (step->done != NULL)
        step->done (step->opaque);
      g_free (step);
    }
}

static void
add_step (InputRouter *router, uint16_t code, gboolean down, VmFunc done, void *opaque)
{
  TypeStep *step = g_new (TypeStep, 1);

  *step = (TypeStep){ .code = code, .down = down, .done = done, .opaque = opaque };
  g_queue_push_tail (router->typing, step);
}

unsigned
input_router_type (InputRouter *router, const char *text, VmFunc done, void *opaque)
{
  unsigned missing = 0;
  gboolean shifted = FALSE;
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  for (const char *p = valid; *p != 0; p = g_utf8_next_char (p))
    {
      gboolean shift = FALSE;
      gunichar c = g_utf8_get_char (p);
      if (c == '\r' && p[1] == '\n')
        continue;
      uint16_t code = keymap_unichar_to_evdev (c == '\r' ? '\n' : c, &shift);
      if (code == 0)
        {
          missing++;
          continue;
        }
      if (shift != shifted)
        add_step (router, KEY_LEFTSHIFT, shift, NULL, NULL);
      shifted = shift;
      add_step (router, code, TRUE, NULL, NULL);
      add_step (router, code, FALSE, NULL, NULL);
    }
  if (shifted)
    add_step (router, KEY_LEFTSHIFT, FALSE, NULL, NULL);
  add_step (router, 0, FALSE, done, opaque);
  if (!vm_timer_armed (&router->type_timer))
    vm_timer_arm (&router->type_timer, vm_clock_now (router->vm->clock));
  return missing;
}

/* -- Events --------------------------------------------------------------------------------------- */

static void
send_key (InputRouter *router, const InputEvent *event)
{
  if (event->code == 0 || event->code >= N_CODES)
    return;
  if (event->value == 0)
    {
      if (router->holder[event->code] != NULL)
        release (router, event->code);
      return;
    }
  if (router->holder[event->code] != NULL)
    return; /* a repeat: keyboards repeat by themselves */
  InputSink *sink
      = event->type == INPUT_EVENT_KEY ? find_active (router, INPUT_SINK_KEYBOARD) : find_pointer (router);
  if (sink == NULL)
    return;
  InputEvent down = *event;
  down.value = 1;
  router->holder[event->code] = sink;
  sink->event (sink->opaque, &down);
}

void
input_router_send (InputRouter *router, const InputEvent *event)
{
  InputSink *sink = NULL;

  switch (event->type)
    {
    case INPUT_EVENT_KEY:
    case INPUT_EVENT_BUTTON:
      send_key (router, event);
      return;
    case INPUT_EVENT_RELATIVE:
      sink = find_active (router, INPUT_SINK_RELATIVE);
      break;
    case INPUT_EVENT_ABSOLUTE:
      sink = find_active (router, INPUT_SINK_ABSOLUTE);
      break;
    case INPUT_EVENT_WHEEL:
      sink = find_pointer (router);
      break;
    default:
      return;
    }
  if (sink == NULL)
    return;
  InputEvent copy = *event;
  if (event->type == INPUT_EVENT_ABSOLUTE)
    {
      copy.x = CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX);
      copy.y = CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX);
    }
  sink->event (sink->opaque, &copy);
}

void
input_router_release_all (InputRouter *router)
{
  release_of (router, NULL);
}

/* -- Sinks ---------------------------------------------------------------------------------------- */

InputRouter *
input_router_new (Vm *vm)
{
  InputRouter *router = g_new0 (InputRouter, 1);

  router->vm = vm;
  router->sinks = g_ptr_array_new ();
  router->typing = g_queue_new ();
  vm_timer_init (&router->type_timer, vm->clock, on_type, router);
  return router;
}

void
input_router_free (InputRouter *router)
{
  if (router == NULL)
    return;
  vm_timer_cancel (&router->type_timer);
  g_queue_free_full (router->typing, g_free);
  g_ptr_array_unref (router->sinks);
  g_free (router);
}

void
input_router_add (InputRouter *router, InputSink *sink)
{
  g_ptr_array_add (router->sinks, sink);
  update (router);
}

void
input_router_remove (InputRouter *router, InputSink *sink)
{
  release_of (router, sink);
  g_ptr_array_remove (router->sinks, sink);
  update (router);
}

void
input_router_set_active (InputRouter *router, InputSink *sink, gboolean active)
{
  InputSink *keyboard = find_active (router, INPUT_SINK_KEYBOARD), *pointer = find_pointer (router);

  if (sink->active == active)
    return;
  /* Whoever loses the events hears first that nothing is held any more. */
  if (!active)
    release_of (router, sink);
  sink->active = active;
  if (keyboard != NULL && find_active (router, INPUT_SINK_KEYBOARD) != keyboard)
    release_of (router, keyboard);
  if (pointer != NULL && find_pointer (router) != pointer)
    release_of (router, pointer);
  update (router);
}

gboolean
input_router_is_absolute (InputRouter *router)
{
  return router->absolute;
}

void
input_router_set_changed_func (InputRouter *router, InputRouterFunc func, void *opaque)
{
  router->changed = func;
  router->changed_opaque = opaque;
}

void
input_router_set_leds (InputRouter *router, unsigned leds)
{
  leds &= 7;
  if (router->leds == leds)
    return;
  router->leds = leds;
  if (router->changed != NULL)
    router->changed (router, router->changed_opaque);
}

unsigned
input_router_leds (InputRouter *router)
{
  return router->leds;
}

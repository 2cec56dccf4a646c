/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The input router.
 */
#define G_LOG_DOMAIN "input"

#include <linux/input-event-codes.h>
#include <string.h>

#include "input/router.h"

#define N_CODES 768u

/* Between two key movements of typed text.  A BIOS keeps 15 keys and a busy DOS program looks at them 18 times a second. */
#define TYPE_STEP_NS (12 * 1000 * 1000LL)

/* One movement of typed text. */
typedef struct
{
  uint16_t code; /* 0: end of a job */
  gboolean down;
  InputTypedFunc done;
  void *opaque;
} TypeStep;

struct InputRouter
{
  Vm *vm;
  GPtrArray *sinks;                  /* InputSink *, in order of registration */
  InputSink *holder[N_CODES];        /* who was told that this key or button is down; NULL: not held */
  InputSink *fingers[INPUT_FINGERS]; /* who was told that this one is there */
  gboolean finger_clicks;            /* the first one holds the pointer's left button */
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

/* -- What waits for a device ---------------------------------------------------------------------- */

static gboolean
is_ready (const InputSink *sink)
{
  return sink->ready == NULL || sink->ready (sink->opaque);
}

static gboolean
is_switch (const InputEvent *event)
{
  return event->type == INPUT_EVENT_KEY || event->type == INPUT_EVENT_BUTTON
         || (event->type == INPUT_EVENT_TOUCH && event->value != INPUT_TOUCH_MOVED);
}

static void
forget_pending (InputSink *sink)
{
  g_queue_clear_full (&sink->pending, g_free);
}

void
input_router_ready (InputRouter *router, InputSink *sink)
{
  while (sink->pending.length > 0 && is_ready (sink))
    {
      g_autofree InputEvent *event = g_queue_pop_head (&sink->pending);
      sink->event (sink->opaque, event);
    }
}

/* Movement that comes on top of movement is one. */
static gboolean
merge (InputSink *sink, const InputEvent *event)
{
  InputEvent *last = g_queue_peek_tail (&sink->pending);

  if (last == NULL || last->type != event->type || is_switch (event) || is_switch (last)
      || (event->type == INPUT_EVENT_TOUCH && last->code != event->code))
    return FALSE;
  if (event->type == INPUT_EVENT_ABSOLUTE || event->type == INPUT_EVENT_TOUCH)
    {
      *last = *event;
      return TRUE;
    }
  last->x = CLAMP (last->x + event->x, -INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX);
  last->y = CLAMP (last->y + event->y, -INPUT_ABSOLUTE_MAX, INPUT_ABSOLUTE_MAX);
  return TRUE;
}

static gboolean
deliver (InputSink *sink, const InputEvent *event)
{
  /* Devices add movement up by themselves. */
  if (sink->pending.length == 0 && (!is_switch (event) || is_ready (sink)))
    {
      sink->event (sink->opaque, event);
      return TRUE;
    }
  if (merge (sink, event))
    return TRUE;
  if (sink->pending.length >= INPUT_QUEUE_MAX && (!is_switch (event) || event->value != 0))
    return FALSE;
  g_queue_push_tail (&sink->pending, g_memdup2 (event, sizeof *event));
  return TRUE;
}

static gboolean
is_button (unsigned code)
{
  return code >= BTN_MISC && code < KEY_OK;
}

static InputEvent
take_release (InputRouter *router, unsigned code)
{
  router->holder[code] = NULL;
  return (InputEvent){ .type = is_button (code) ? INPUT_EVENT_BUTTON : INPUT_EVENT_KEY,
                       .code = (uint16_t)code };
}

static void
release (InputRouter *router, unsigned code)
{
  InputSink *sink = router->holder[code];
  InputEvent event = take_release (router, code);

  deliver (sink, &event);
}

static InputEvent
take_finger (InputRouter *router, unsigned finger)
{
  router->fingers[finger] = NULL;
  return (InputEvent){ .type = INPUT_EVENT_TOUCH, .code = (uint16_t)finger };
}

/* The device hears no more: what waits for it is void, and what it holds ends now. */
static void
cut_off (InputRouter *router, InputSink *sink)
{
  forget_pending (sink);
  for (unsigned code = 0; code < N_CODES; code++)
    if (router->holder[code] == sink)
      {
        InputEvent event = take_release (router, code);
        sink->event (sink->opaque, &event);
      }
  for (unsigned finger = 0; finger < INPUT_FINGERS; finger++)
    if (router->fingers[finger] == sink)
      {
        InputEvent event = take_finger (router, finger);
        sink->event (sink->opaque, &event);
      }
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

/* -- Typed keys ----------------------------------------------------------------------------------- */

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
          if (sink == NULL || (sink->pending.length == 0 && is_ready (sink)))
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
        step->done (step->opaque, 0);
      g_free (step);
    }
}

static void
add_step (InputRouter *router, uint16_t code, gboolean down, InputTypedFunc done, void *opaque)
{
  TypeStep *step = g_new (TypeStep, 1);

  *step = (TypeStep){ .code = code, .down = down, .done = done, .opaque = opaque };
  g_queue_push_tail (router->typing, step);
}

unsigned
input_router_typing (InputRouter *router)
{
  return g_queue_get_length (router->typing);
}

void
input_router_type (InputRouter *router, const InputKey *keys, unsigned n, InputTypedFunc done, void *opaque)
{
  for (unsigned i = 0; i < n; i++)
    if (keys[i].code != 0)
      add_step (router, keys[i].code, keys[i].down, NULL, NULL);
  add_step (router, 0, FALSE, done, opaque);
  if (!vm_timer_armed (&router->type_timer))
    vm_timer_arm (&router->type_timer, vm_clock_now (router->vm->clock));
}

/* Whoever asked hears how much of it was not typed. */
static void
drop_typing (InputRouter *router)
{
  TypeStep *step;
  unsigned left = 0;

  vm_timer_cancel (&router->type_timer);
  while ((step = g_queue_pop_head (router->typing)) != NULL)
    {
      if (step->code != 0)
        left++;
      else
        {
          if (step->done != NULL)
            step->done (step->opaque, left);
          left = 0;
        }
      g_free (step);
    }
}

void
input_router_stop_typing (InputRouter *router)
{
  if (g_queue_is_empty (router->typing))
    return;
  input_router_release_all (router);
  drop_typing (router);
}

/* -- Events --------------------------------------------------------------------------------------- */

static gboolean
send_key (InputRouter *router, const InputEvent *event)
{
  if (event->code == 0 || event->code >= N_CODES)
    return TRUE;
  if (event->value == 0)
    {
      if (router->holder[event->code] != NULL)
        release (router, event->code);
      return TRUE;
    }
  if (router->holder[event->code] != NULL)
    return TRUE; /* a repeat: keyboards repeat by themselves */
  InputSink *sink
      = event->type == INPUT_EVENT_KEY ? find_active (router, INPUT_SINK_KEYBOARD) : find_pointer (router);
  if (sink == NULL)
    return TRUE;
  InputEvent down = *event;
  down.value = 1;
  if (!deliver (sink, &down))
    return FALSE;
  router->holder[event->code] = sink;
  return TRUE;
}

static gboolean
click_by_finger (InputRouter *router, const InputEvent *event)
{
  const gboolean changes = router->finger_clicks != (event->value != 0);
  InputEvent pointer = { .type = INPUT_EVENT_ABSOLUTE, .x = event->x, .y = event->y };

  if (event->code != 0)
    return TRUE;
  if (event->value != 0 && !input_router_send (router, &pointer))
    return FALSE;
  pointer = (InputEvent){ .type = INPUT_EVENT_BUTTON, .code = BTN_LEFT, .value = event->value };
  if (!changes)
    return TRUE;
  router->finger_clicks = event->value != 0;
  return send_key (router, &pointer);
}

static gboolean
send_finger (InputRouter *router, const InputEvent *event)
{
  InputSink *sink;
  InputEvent copy = *event;

  if (event->code >= INPUT_FINGERS)
    return TRUE;
  sink = router->fingers[event->code];
  if (event->value == 0 && sink != NULL)
    {
      copy = take_finger (router, event->code);
      return deliver (sink, &copy);
    }
  if (sink == NULL)
    sink = router->finger_clicks && event->code == 0 ? NULL : find_active (router, INPUT_SINK_TOUCH);
  if (sink == NULL)
    return click_by_finger (router, event);
  if (event->value == 0)
    return TRUE;
  copy.x = CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX);
  copy.y = CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX);
  copy.value = router->fingers[event->code] != NULL ? INPUT_TOUCH_MOVED : 1;
  if (!deliver (sink, &copy))
    return FALSE;
  router->fingers[event->code] = sink;
  return TRUE;
}

gboolean
input_router_send (InputRouter *router, const InputEvent *event)
{
  InputSink *sink = NULL;

  if (event->value != 0 && is_switch (event))
    vm_wake (router->vm, "a key was pressed");
  switch (event->type)
    {
    case INPUT_EVENT_KEY:
    case INPUT_EVENT_BUTTON:
      return send_key (router, event);
    case INPUT_EVENT_TOUCH:
      return send_finger (router, event);
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
      return TRUE;
    }
  if (sink == NULL)
    return TRUE;
  InputEvent copy = *event;
  if (event->type == INPUT_EVENT_ABSOLUTE)
    {
      copy.x = CLAMP (event->x, 0, INPUT_ABSOLUTE_MAX);
      copy.y = CLAMP (event->y, 0, INPUT_ABSOLUTE_MAX);
    }
  return deliver (sink, &copy);
}

void
input_router_forget (InputRouter *router)
{
  for (unsigned i = 0; i < router->sinks->len; i++)
    cut_off (router, g_ptr_array_index (router->sinks, i));
}

void
input_router_release_all (InputRouter *router)
{
  for (unsigned code = 0; code < N_CODES; code++)
    if (router->holder[code] != NULL)
      release (router, code);
  router->finger_clicks = FALSE;
  for (unsigned finger = 0; finger < INPUT_FINGERS; finger++)
    if (router->fingers[finger] != NULL)
      {
        InputSink *sink = router->fingers[finger];
        InputEvent event = take_finger (router, finger);

        deliver (sink, &event);
      }
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
  drop_typing (router);
  g_queue_free (router->typing);
  for (unsigned i = 0; i < router->sinks->len; i++)
    forget_pending (g_ptr_array_index (router->sinks, i));
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
  cut_off (router, sink);
  g_ptr_array_remove (router->sinks, sink);
  update (router);
}

void
input_router_set_active (InputRouter *router, InputSink *sink, gboolean active)
{
  InputSink *keyboard = find_active (router, INPUT_SINK_KEYBOARD), *pointer = find_pointer (router),
            *touch = find_active (router, INPUT_SINK_TOUCH);

  if (sink->active == active)
    return;
  /* Whoever loses the events hears first that nothing is held any more. */
  if (!active)
    cut_off (router, sink);
  sink->active = active;
  if (keyboard != NULL && find_active (router, INPUT_SINK_KEYBOARD) != keyboard)
    cut_off (router, keyboard);
  if (pointer != NULL && find_pointer (router) != pointer)
    cut_off (router, pointer);
  if (touch != NULL && find_active (router, INPUT_SINK_TOUCH) != touch)
    cut_off (router, touch);
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

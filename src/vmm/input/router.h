/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From input events (display/input.h) to whichever device the guest has enabled.
 *
 * Threads: any, VM lock held.  Keys are typed by a timer, on the device loop (core/vm.h), and so InputTypedFunc may come there.
 */
#pragma once

#include "core/vm.h"
#include "display/input.h"

G_BEGIN_DECLS

typedef struct InputRouter InputRouter;
typedef struct InputSink InputSink;

typedef enum
{
  INPUT_SINK_KEYBOARD = 1 << 0,
  INPUT_SINK_RELATIVE = 1 << 1,
  INPUT_SINK_ABSOLUTE = 1 << 2,
  INPUT_SINK_TOUCH = 1 << 3,
} InputSinkKind;

/* INPUT_EVENT_TOUCH as a sink gets it: 0 and 1 are what switches are. */
#define INPUT_TOUCH_MOVED 2

/* Embedded in the device.  Of several sinks of a kind the active one registered last gets the events. */
struct InputSink
{
  const char *name;
  InputSinkKind kinds;
  void (*event) (void *opaque, const InputEvent *event);
  /* TRUE while the device can take one more key or button without losing it.  NULL: always.  One that was not calls
   * input_router_ready() when the guest has read enough. */
  gboolean (*ready) (void *opaque);
  void *opaque;
  gboolean active;
  GQueue pending; /* the router's: what waits for the device */
};

/* Events that wait for one device.  A press more is refused. */
#define INPUT_QUEUE_MAX 4096u

InputRouter *input_router_new (Vm *vm);
void input_router_free (InputRouter *router);
void input_router_add (InputRouter *router, InputSink *sink);
void input_router_remove (InputRouter *router, InputSink *sink);
/* The guest enabled or disabled the device. Held keys are released on the old one. */
void input_router_set_active (InputRouter *router, InputSink *sink, gboolean active);
/* Keeps track of held keys; a release of a key that isn't held is dropped, a press of one that is held is a repeat.  Keys and buttons
 * that the device can't take yet wait, in order, and movement behind them; releases are never lost.  Fingers likewise; without a touchscreen the
 * first of them is the pointer with its left button.  FALSE: the guest doesn't read,
 * INPUT_QUEUE_MAX events wait, and the press or movement was refused. */
gboolean input_router_send (InputRouter *router, const InputEvent *event);
/* From the device: it may be ready. */
void input_router_ready (InputRouter *router, InputSink *sink);
/* Releases all that is held (client gone, focus lost). */
void input_router_release_all (InputRouter *router);
/* What loading a saved machine does to input that was on its way: it is in no file, so what waits is dropped, and each device hears
 * at once of the end of what it holds. */
void input_router_forget (InputRouter *router);
/* One movement of a key. */
typedef struct
{
  uint16_t code; /* evdev; 0 is left out */
  gboolean down;
} InputKey;

/* `left` movements were not made; 0: all are through. */
typedef void (*InputTypedFunc) (void *opaque, unsigned left);
/* Movements that wait to be typed, and one more for each call that did not end. */
unsigned input_router_typing (InputRouter *router);
/* Presses and releases keys as fast as guests can follow, paced by the device.  `done` (may be NULL) is called when the last
 * one is through, or typing was stopped. */
void input_router_type (InputRouter *router, const InputKey *keys, unsigned n, InputTypedFunc done,
                        void *opaque);
/* Gives up all that is still to be typed, and lets go what is held. */
void input_router_stop_typing (InputRouter *router);
/* TRUE if absolute positions reach the guest: viewers then need no grab. */
gboolean input_router_is_absolute (InputRouter *router);
typedef void (*InputRouterFunc) (InputRouter *router, void *opaque);
/* Called when is_absolute or the LEDs change. */
void input_router_set_changed_func (InputRouter *router, InputRouterFunc func, void *opaque);
/* Bit 0 scroll lock, 1 num lock, 2 caps lock: as the guest's keyboard was last told. */
void input_router_set_leds (InputRouter *router, unsigned leds);
unsigned input_router_leds (InputRouter *router);

G_END_DECLS

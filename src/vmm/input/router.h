/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * From input events (display/input.h) to whichever device the guest has enabled.  Main loop, VM lock held.
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
} InputSinkKind;

/* Embedded in the device.  Of several sinks of a kind the active one registered last gets the events. */
struct InputSink
{
  const char *name;
  InputSinkKind kinds;
  void (*event) (void *opaque, const InputEvent *event);
  /* TRUE while the device can take one more event without losing it: paces typed text. */
  gboolean (*ready) (void *opaque);
  void *opaque;
  gboolean active;
};

InputRouter *input_router_new (Vm *vm);
void input_router_free (InputRouter *router);
void input_router_add (InputRouter *router, InputSink *sink);
void input_router_remove (InputRouter *router, InputSink *sink);
/* The guest enabled or disabled the device. Held keys are released on the old one. */
void input_router_set_active (InputRouter *router, InputSink *sink, gboolean active);
/* Keeps track of held keys; a release of a key that isn't held is dropped, a press of one that is held is a repeat. */
void input_router_send (InputRouter *router, const InputEvent *event);
/* Releases all that is held (client gone, focus lost). */
void input_router_release_all (InputRouter *router);
/* Types text (UTF-8) as a US keyboard would, paced by the device; characters that it can't make are counted in the
 * result.  `done` (may be NULL) is called when the last key is up. */
unsigned input_router_type (InputRouter *router, const char *text, VmFunc done, void *opaque);
/* TRUE if absolute positions reach the guest: viewers then need no grab. */
gboolean input_router_is_absolute (InputRouter *router);
typedef void (*InputRouterFunc) (InputRouter *router, void *opaque);
/* Called when is_absolute or the LEDs change. */
void input_router_set_changed_func (InputRouter *router, InputRouterFunc func, void *opaque);
/* Bit 0 scroll lock, 1 num lock, 2 caps lock: as the guest's keyboard was last told. */
void input_router_set_leds (InputRouter *router, unsigned leds);
unsigned input_router_leds (InputRouter *router);

G_END_DECLS

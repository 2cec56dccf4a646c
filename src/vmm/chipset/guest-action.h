/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is done when a guest is in trouble: its watchdog has run out, or it says that it panics.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef enum
{
  GUEST_ACTION_NONE,
  GUEST_ACTION_RESET,
  GUEST_ACTION_POWER_OFF,
  GUEST_ACTION_PAUSE,
  GUEST_ACTION_NMI,
} GuestAction;

/* Who tells people; any thread, VM lock held. */
typedef void (*GuestEventFunc) (void *opaque, const char *sentence);

/* "none", "reset", "poweroff", "pause", "nmi"; others: none. */
GuestAction guest_action_parse (const char *text);
/* `sentence` is the reason.  Any thread, VM lock held. */
void guest_action_do (Vm *vm, GuestAction action, const char *sentence);

G_END_DECLS

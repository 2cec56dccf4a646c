/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A port by which a guest says that it panics (Linux: drivers/misc/pvpanic, include/uapi/misc/pvpanic.h): reading tells which words it knows, writing says one.
 *
 * Threads: VM lock held.
 */
#pragma once

#include "chipset/guest-action.h"

G_BEGIN_DECLS

#define PVPANIC_PORT 0x505

enum
{
  PVPANIC_PANICKED = 1 << 0,
  PVPANIC_CRASH_LOADED = 1 << 1, /* a crash kernel takes over, and does what is to be done */
};

/* `event` (may be NULL) hears of each, `action` is done for a panic. */
Device *pvpanic_new (Vm *vm, const char *id, GuestAction action, GuestEventFunc event, void *opaque,
                     GError **error);

G_END_DECLS

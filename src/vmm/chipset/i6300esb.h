/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The watchdog timer of Intel's 6300ESB (6300ESB I/O Controller Hub datasheet, chapter 17): two stages of 20 bits, of which the first may interrupt and the second
 * means that nobody has reloaded them.
 *
 * Threads: VM lock held.
 */
#pragma once

#include "chipset/guest-action.h"
#include "pci/pci.h"

G_BEGIN_DECLS

/* `event` (may be NULL) hears when it has run out, before `action` is done. */
Device *i6300esb_new (Vm *vm, const char *id, PciBus *bus, unsigned devfn, GuestAction action,
                      GuestEventFunc event, void *opaque, GError **error);

G_END_DECLS

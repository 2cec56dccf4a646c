/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The 8254 interval timer at 0x40, and the part of port 0x61 that belongs to it: gate and output of counter 2,
 * speaker, refresh toggle.  Intel 8254 data sheet, order number 231164; PIIX3 data sheet, NMI status and control.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* 14.31818 MHz / 12. */
#define PIT_HZ 1193182

/* `irq0` is counter 0's output. */
Device *pit_new (Vm *vm, IrqLine irq0, GError **error);
/* Called when what the speaker plays changes: `hz` of the square wave, meaningless while off.  VM lock held. */
typedef void (*PitSpeakerFunc) (void *opaque, gboolean on, unsigned hz);
void pit_set_speaker_func (Device *pit, PitSpeakerFunc speaker, void *opaque);

/* Counter 0 is interrupt 0 of `gsi`: edges that come while the guest is behind are owed to it instead of lost. */
void pit_count_acknowledged (Device *pit, Device *gsi);

G_END_DECLS

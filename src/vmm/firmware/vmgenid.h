/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * VM generation id: 128 random bits that change when a machine goes on from what was saved, so that a system makes new what two of it
 * may not have alike (random numbers, above all).  "Virtual Machine Generation ID", Microsoft, 2012.
 *
 * Firmware puts a page with the number into memory and says where; ACPI's device \_SB.VGEN tells the guest, general purpose event
 * VMGENID_GPE that it has changed.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

#define VMGENID_GPE 5

/* `raise` sets the event's status; VM lock held. */
Device *vmgenid_new (Vm *vm, Device *fw_cfg, void (*raise) (void *opaque), void *opaque, GError **error);

G_END_DECLS

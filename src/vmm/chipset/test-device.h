/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What test programs for processors (kvm-unit-tests) find on their board, and no machine of a user ever has: made by a
 * switch on the monitor's command line, never by a definition.
 *
 *   port 0xf4          a write ends the machine; the monitor's exit status is value * 2 + 1 (8 bits)
 *   ports 0xe0-0xe3    four bytes that keep what was written, accesses of any size
 *   ports 0xe4-0xe7    a write has the host take away its mapping of that guest page for a moment, as if it had been swapped
 *   ports 0xe8-0xeb    four bytes that are reached by the byte alone
 *   ports 0x2000-0x2017  interrupt lines: bit 0 is the level of that global system interrupt
 *   memory 0xff000000  64 KiB of registers that keep what was written: memory that each access leaves the processor for
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* `status` is the exit status.  Any thread, VM lock held. */
typedef void (*TestDeviceExit) (void *opaque, int status);

/* Takes a line of each global system interrupt from `gsi` (chipset/gsi.h). */
Device *test_device_new (Vm *vm, Device *gsi, TestDeviceExit exit, void *opaque, GError **error);

G_END_DECLS

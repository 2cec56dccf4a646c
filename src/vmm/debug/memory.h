/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Memory as a debugger sees it: RAM and ROM alone, by the page tables as they are, without accessed or dirty bits being set, without effects on registers of
 * devices.  Any thread, no processor runs.
 */
#pragma once

#include "core/vm.h"
#include "cpu/cpu-state.h"

G_BEGIN_DECLS

/* How many of the bytes from `address` on could be read; `state` says by which page tables, NULL: physical. */
size_t debug_read_memory (Vm *vm, const CpuState *state, uint64_t address, void *buffer, size_t length);
/* All or nothing. */
gboolean debug_write_memory (Vm *vm, const CpuState *state, uint64_t address, const void *data,
                             size_t length);

G_END_DECLS

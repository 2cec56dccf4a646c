/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Errors of the host's storage that a person can put right: no room, a server that is away.  They aren't the guest's affair.
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

/* Whether `error` (a positive errno) of the image `path` is one: then the machine is asked to pause, with a sentence that says what to do.  Any thread, the VM
 * lock held or not. */
gboolean host_error_pauses (Vm *vm, const char *path, int error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The screen of a machine: one framebuffer a machine, shared by its thumbnail and the viewer, connected whenever the
 * machine runs.
 */
#pragma once

#include "machine/machine.h"
#include "ui/console/viv-framebuffer.h"

G_BEGIN_DECLS

/* Kept by the machine; made at the first call. */
VivFramebuffer *viv_screen_for_machine (VivMachine *machine);

G_END_DECLS

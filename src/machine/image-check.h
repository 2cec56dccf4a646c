/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Are the files there that a machine would start with?  They may be on a server that is gone, where a mere look takes for ever: so it is
 * taken in a thread, and whoever waits in vain misses a hint and nothing else.
 */
#pragma once

#include "machine/definition.h"

#include <gio/gio.h>

G_BEGIN_DECLS

/* `machine` (not kept alive) is only handed to the callback. */
typedef void (*VivImageCheckFunc) (GObject *machine, const char *missing);

/* Begins to look for what `definition` names.  `func` is called once on the main context of the caller with a sentence for a person about the
 * first file that is missing, NULL if none is; never, if `machine` is gone by then or `cancellable` cancelled. */
void viv_image_check (GObject *machine, const MachineDefinition *definition, GCancellable *cancellable,
                      VivImageCheckFunc func);

/* What looks.  Called in threads; tests put one here that hangs. */
extern gboolean (*viv_image_exists) (const char *path);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The outside ends of a machine's serial ports (machine/serial-outside.h), as its monitor asks for them.
 */
#pragma once

#include "machine/definition.h"

G_BEGIN_DECLS

/* 0, a descriptor and its name (SERIAL_OUTSIDE_NAME bytes), or an errno.  The number is the monitor's; `again`: its machine runs, so what is opened once is not opened
 * any more. */
int broker_serials_open (const MachineDefinition *definition, unsigned number, gboolean again, int *fd,
                         char *name);
/* Behind the monitor's end. */
void broker_serials_tidy (const MachineDefinition *definition);

G_END_DECLS

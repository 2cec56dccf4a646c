/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A printer that writes to a file, by a thread of its own.
 *
 * Threads: any; nothing waits for the host but printer_free().
 */
#pragma once

#include "core/vm.h"

G_BEGIN_DECLS

typedef struct Printer Printer;

/* Takes `fd`, and writes behind what is there.  It keeps up to `most` bytes. */
Printer *printer_new (Vm *vm, int fd, const char *path, size_t most);
/* Tries once more to write what waits, and says what couldn't be. */
void printer_free (Printer *printer);
/* FALSE: it has no room. */
gboolean printer_put (Printer *printer, uint8_t byte);
gboolean printer_has_room (Printer *printer);
/* The file takes no more; it is tried again each second. */
gboolean printer_is_out_of_paper (Printer *printer);
/* All is in the file, or can't be for now. */
gboolean printer_is_idle (Printer *printer);

G_END_DECLS

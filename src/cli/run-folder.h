/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The folders of machines that `vivctl run` makes and throws away.  Who makes or removes one has the door meanwhile: between a folder's making and its
 * machine's start nothing else says that somebody needs it.
 */
#pragma once

#include "machine/machine.h"

G_BEGIN_DECLS

/* The door's descriptor, which run_door_open() takes; -1: it can't be had, or who has it hangs (ten seconds), and we go on without. */
int run_door_lock (void);
void run_door_open (int *door);
/* Removes a machine's folder unless it has become another's: `uuid` is that of the machine for which it was made. */
void run_folder_remove (const char *folder, const char *uuid);

G_END_DECLS

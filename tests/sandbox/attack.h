/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What is common to a monitor and to helpers that were taken over: what there is to attack, and doing it.
 *
 *   VIVARIUM_ATTACK=OP[,OP…]   each prints its errno, then the process ends
 *   VIVARIUM_ATTACK_PREY=FOLDER:OUTSIDE:SIBLING:DATAGRAMS:VICTIM:PORT
 */
#pragma once

#include <glib.h>

/* Before the walls go up: reads both; ends the process where they make no sense. */
void attack_read (const char *names);
/* Behind them: does the operations, and ends the process. */
void attack_run (void) G_GNUC_NORETURN;
void attack_give_up (const char *text) G_GNUC_NORETURN;

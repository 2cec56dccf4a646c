/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * How fast a machine's processors are to be at most, for programs that were written for slow ones: "at", "386dx33", "486dx2", or a 486's clock in MHz.
 *
 * What a processor got done a second is an average of programs of its time: 1.2 million instructions of an AT at 8 MHz, 8 million of a 386DX at 33, 36 million of
 * a 486DX2 at 66 MHz.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* MHz. */
#define CPU_SPEED_MOST 2000

/* Instructions a second; 0: it is no speed. */
uint64_t cpu_speed_parse (const char *text);

G_END_DECLS

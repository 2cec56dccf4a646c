/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Code page 437 as the character generator of a PC shows it.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

/* The glyphs below 0x20 too: a text screen has no control characters. */
extern const uint16_t cp437_to_unicode[256];

G_END_DECLS

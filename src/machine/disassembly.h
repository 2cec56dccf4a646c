/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The prompt's command “disassemble”: a monitor answers with bytes of code, vivarium-decode, which works behind walls, makes instructions of them.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether the command on this line is that one. */
gboolean disassembly_is (const char *line);
/* From the monitor's answer, which may be a lie, to lines for a person, or JSON.  Where this build has no decoder the bytes are said, with the reason.  Waits for a
 * program: on a thread.  NULL with an error. */
char *disassembly_of (const char *answer, gboolean json, GError **error);

G_END_DECLS

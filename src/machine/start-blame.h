/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Which setting a start has failed for, beside the words for a person: words are in that person's language, and name files that may be called
 * anything.  The monitor notes a key where it knows one, and says it on the pipe on which it would have said that it is ready.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The longest message, with its end. */
#define VIV_START_BLAME_MAX 64

/* In the monitor, before it has threads: GROUP.NAME ("disk0.path") is to blame for the error that is being set.  The first one counts. */
void viv_start_blame (const char *group, const char *name);
/* What was noted; NULL: nothing. */
const char *viv_start_blame_key (void);
/* The same, for the pipe ("blame disk0.path\n"); NULL: nothing.  Transfer full. */
char *viv_start_blame_message (void);

/* The key in what came over the pipe; NULL if there is none.  `text` is of another process: only what looks like a key is one.  Transfer
 * full. */
char *viv_start_blame_parse (const char *text);

G_END_DECLS

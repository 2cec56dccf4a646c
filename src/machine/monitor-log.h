/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * FOLDER/vmm.log, where a monitor writes; the two of the runs before are beside it.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *viv_monitor_log_path (const char *folder);
/* Puts the last run's log aside and begins this one's.  A descriptor to append to; -1 and an error. */
int viv_monitor_log_begin (const char *folder, GError **error);
/* The last `lines` lines, fit to be shown; "" if there are none. */
char *viv_monitor_log_tail (const char *folder, unsigned lines);
/* The end of it, short enough to stand in an error with a sentence before it. */
char *viv_monitor_log_last_words (const char *folder);
/* Such an end without notices ("vmm-Message: 17:15:13.613: …"): what remains is why the monitor ended.  All of it if that is nothing. */
char *viv_monitor_log_complaints (const char *words);
/* When something was written last, in seconds of real time; 0: never. */
gint64 viv_monitor_log_time (const char *folder);

G_END_DECLS

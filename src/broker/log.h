/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the monitor and its helpers print comes here by a pipe that never makes them wait, and goes to the broker's own standard error, the machine's
 * log: so much of it at most.
 */
#pragma once

#include <glib.h>
#include <stdint.h>

G_BEGIN_DECLS

#define BROKER_LOG_MOST (16u << 20) /* bytes */

typedef struct
{
  int read_end, write_end; /* the latter is for children */
  uint64_t written;
} BrokerLog;

/* FALSE: errno. */
gboolean broker_log_open (BrokerLog *log);
/* What g_printerr() says in this process is in the log and counts, too, from now on. */
void broker_log_take_ours (BrokerLog *log);
/* There is something to read, or all writers are gone: FALSE then. */
gboolean broker_log_read (BrokerLog *log);
/* What is left. */
void broker_log_close (BrokerLog *log);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The process of a monitor that we have started.  It is detached from us: a session of its own, its output in the machine's log.  It says
 * "ready" on a pipe when its socket is served; if it ends before, the log's last lines are the error.
 *
 * Signals, on the main context of the thread that started it: "ready"; "ended", once, with which nothing else follows.
 * The process outlives the object, but for one that is owned: that ends with it.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VIV_TYPE_MONITOR_PROCESS (viv_monitor_process_get_type ())
G_DECLARE_FINAL_TYPE (VivMonitorProcess, viv_monitor_process, VIV, MONITOR_PROCESS, GObject)

typedef struct
{
  gboolean paused;         /* power on, but run nothing yet */
  const char *engine;      /* instead of the definition's; may be NULL */
  const char *load;        /* a saved state */
  const char *vnc_address; /* instead of the definition's */
  const char *vnc_password_file;
  gboolean owned; /* it ends when this process does, however that is, or when the VivMachine goes */
} VivStartOptions;

/* `lock`, VIV_LOCK_RUN of the folder, is taken and goes to the monitor, so that nobody can have the folder between us and it.  `options` may be
 * NULL.  NULL and an error: it can't be started. */
VivMonitorProcess *viv_monitor_process_new (const char *folder, const char *socket_path,
                                            const VivStartOptions *options, int lock, GError **error);
gboolean viv_monitor_process_is_alive (VivMonitorProcess *process);
/* It has said "ready". */
gboolean viv_monitor_process_was_ready (VivMonitorProcess *process);
/* It and its children have used the processor, for more than a 200th of the time that has passed, since this was last asked, or since the start: so
 * it doesn't hang, however long it takes. */
gboolean viv_monitor_process_has_worked (VivMonitorProcess *process);
/* SIGQUIT ends the machine at once and leaves nothing; SIGKILL also a broker that doesn't hear it. */
void viv_monitor_process_kill (VivMonitorProcess *process, int signal_number);
/* It has ended of its own will, with status 0. */
gboolean viv_monitor_process_ended_well (VivMonitorProcess *process);
/* A sentence for who finds the machine crashed.  `process` NULL: one that isn't ours. */
char *viv_monitor_process_describe_end (VivMonitorProcess *process);
/* Of one that has ended: the setting ("disk0.path") that it blamed; NULL: none. */
const char *viv_monitor_process_get_blame (VivMonitorProcess *process);

G_END_DECLS

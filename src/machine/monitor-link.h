/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A connection to the control socket of a monitor: being tried, up, closed.  One at a time; the monitor does not mind its end.
 *
 * Signals, on the main context of the thread that connects:
 *   "up"                    it is connected, and serves the folder that it should
 *   "failed" (GError)       it isn't, and won't be
 *   "late"                  the time for an answer is over; the attempt goes on, since one that hangs need not be asked again
 *   "closed"                it was up and the other side has ended it
 */
#pragma once

#include "machine/machine-state.h"

#include "data/viv-machine1.h"

G_BEGIN_DECLS

#define VIV_MACHINE_OBJECT_PATH "/org/vivarium/Machine"
#define VIV_MACHINE_INTERFACE   "org.vivarium.Machine1"

#define VIV_TYPE_MONITOR_LINK (viv_monitor_link_get_type ())
G_DECLARE_FINAL_TYPE (VivMonitorLink, viv_monitor_link, VIV, MONITOR_LINK, GObject)

/* To monitors that serve this folder, wherever it has been moved meanwhile. */
VivMonitorLink *viv_monitor_link_new (const char *folder);
/* To the socket at `path`; what was tried before is given up.  `timeout`: seconds until "late"; 0: never.  "up" or "failed" follows. */
void viv_monitor_link_connect (VivMonitorLink *link, const char *path, unsigned timeout);
/* Gives an attempt up; nothing follows. */
void viv_monitor_link_cancel (VivMonitorLink *link);
/* Ends the connection or the attempt; nothing follows. */
void viv_monitor_link_close (VivMonitorLink *link);

VivLinkState viv_monitor_link_get_state (VivMonitorLink *link);
/* NULL unless it is up. */
VivMachine1 *viv_monitor_link_get_proxy (VivMonitorLink *link);

G_END_DECLS

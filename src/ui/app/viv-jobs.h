/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Work that takes a while: what it is, how far it is, the way to stop it, and what went wrong.  It goes on whatever windows do; the
 * library's header shows what is under way (viv-jobs-button.h).  The work itself is done on threads, in the rooms that know how.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VIV_TYPE_JOB (viv_job_get_type ())
G_DECLARE_FINAL_TYPE (VivJob, viv_job, VIV, JOB, GObject)

/* Properties: "title", "fraction" (0 to 1; negative: not known), "message" (what went wrong; NULL), "finished". */

/* A job that is under way, in viv_jobs() until it ends well or what went wrong was seen.  Transfer full. */
VivJob *viv_job_begin (const char *title);
const char *viv_job_get_title (VivJob *self);
double viv_job_get_fraction (VivJob *self);
const char *viv_job_get_message (VivJob *self);
gboolean viv_job_is_finished (VivJob *self);
/* Cancelled by who has had enough; given to the work. */
GCancellable *viv_job_get_cancellable (VivJob *self);
void viv_job_cancel (VivJob *self);
/* From any thread; shown when the main loop comes to it. */
void viv_job_set_fraction (VivJob *self, double fraction);
/* `error` NULL: it went well.  A cancelled one needs no words. */
void viv_job_end (VivJob *self, const GError *error);
/* What went wrong was seen. */
void viv_job_forget (VivJob *self);

/* Runs on a thread of its own.  FALSE with an error: it went wrong. */
typedef gboolean (*VivJobFunc) (VivJob *job, gpointer data, GError **error);
/* On the main loop, when it has ended; `owner` may have gone meanwhile: then it is not called. */
typedef void (*VivJobDone) (gpointer owner, gpointer data, const GError *error);
/* Begins a job for `func`.  `data` is freed with `destroy` on the main loop, after `done`, which may be NULL. */
void viv_job_run (const char *title, VivJobFunc func, gpointer data, GDestroyNotify destroy, gpointer owner,
                  VivJobDone done);

/* All that are under way or have failed: VivJob.  The program's. */
GListModel *viv_jobs (void);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A button for a header bar, there while anything is under way or has gone wrong: how far it is, and in its popover each job with the way to
 * stop it.
 */
#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define VIV_TYPE_JOBS_BUTTON (viv_jobs_button_get_type ())
G_DECLARE_FINAL_TYPE (VivJobsButton, viv_jobs_button, VIV, JOBS_BUTTON, AdwBin)

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A guest's pixels copied on a thread, for pictures whose copying would cost the main loop frames.  There is one such thread for all screens,
 * so that a machine that changes a huge picture without end has one processor at most.
 *
 * Called on the main thread.
 */
#pragma once

#include "display/output.h"
#include "ui/console/viv-pixels.h"

G_BEGIN_DECLS

typedef struct VivCopy VivCopy;

typedef struct
{
  guint index;      /* the caller's */
  DisplayRect rect; /* image pixels */
  GBytes *before;   /* what the caller has of it, or NULL */
  GBytes *bytes;    /* what viv_pixels_copy() gives; NULL: the same as before */
} VivCopyPart;

/* `took` is in microseconds.  The parts are freed after it; what it takes it sets to NULL. */
typedef void (*VivCopyFunc) (VivCopyPart *parts, guint n, gint64 took, gpointer data);

/* `fb` must say by `memory` how long its pixels are there. */
VivCopy *viv_copy_new (const Framebuffer *fb, const VivLevel *level);
void viv_copy_add (VivCopy *copy, guint index, const DisplayRect *rect, GBytes *before);
/* `done` is called later, in the main loop; then the copy is gone. */
void viv_copy_start (VivCopy *copy, VivCopyFunc done, gpointer data);
/* Of one that was started: `done` is not called. */
void viv_copy_cancel (VivCopy *copy);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Pictures of a machine's screen, as files: see viv_machine_screenshot() and viv_machine_update_thumbnail() in machine.h.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* What a thumbnail is made to fit into, in pixels. */
#define VIV_THUMBNAIL_WIDTH  480
#define VIV_THUMBNAIL_HEIGHT 300
/* What is read as one. */
#define VIV_THUMBNAIL_MAX_SIZE  4096 /* pixels, width and height */
#define VIV_THUMBNAIL_MAX_BYTES (8 << 20)

/* The file lies where a monitor that its guest has taken over can write: only a regular file of reasonable size that begins as a PNG of
 * reasonable size is returned, and it is to be decoded as a PNG and nothing else. */
GBytes *viv_thumbnail_read (const char *path, GError **error);

G_END_DECLS

/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Images that a person may want to make a machine of: used lately, in the folder of downloads, and beside the one that was chosen last.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define VIV_FOUND_IMAGES_MAX 5

typedef struct
{
  char *path;
  guint64 size;   /* bytes */
  gint64 changed; /* seconds of real time */
} VivFoundImage;

void viv_found_image_free (VivFoundImage *image);

/* Those of `uris` and in `folders` (both NULL-terminated) that are files and called as images are, each once, newest first, at most
 * VIV_FOUND_IMAGES_MAX.  Reads names and dates, no contents; in a thread, since a folder may be on a server. */
void viv_found_images_async (const char *const *uris, const char *const *folders, GCancellable *cancellable,
                             GAsyncReadyCallback callback, gpointer data);
/* Of VivFoundImage; NULL if cancelled.  Transfer full. */
GPtrArray *viv_found_images_finish (GAsyncResult *result, GError **error);

G_END_DECLS

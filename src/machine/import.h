/* SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A copy of an image, made before the machine that it is for: it waits beside the machines, in a hidden folder that is locked, and
 * viv_host_create() takes it from there (VivNewImage.ready).  What a maker who was killed left is swept away as half-made machines are.
 */
#pragma once

#include "machine/image-copy.h"

/* How folders begin that are not finished: who makes a machine sweeps old ones away. */
#define VIV_HALF_MADE ".new-"

G_BEGIN_DECLS

typedef struct VivImport VivImport;

/* `machines` is the folder of machines.  Blocks as long as it takes: for a thread.  On error or when cancelled nothing is left behind. */
VivImport *viv_import_image (const char *machines, const char *from, GCancellable *cancellable,
                             ImageCopyFunc progress, gpointer data, GError **error);
const char *viv_import_get_path (const VivImport *import);
/* Removes the copy, if nobody has taken it. */
void viv_import_free (VivImport *import);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VivImport, viv_import_free)

G_END_DECLS
